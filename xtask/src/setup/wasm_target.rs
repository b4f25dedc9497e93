//! A Rust compiler that can make wasm.

use super::{Part, apt};
use crate::paths::Paths;
use crate::process::{capture, find_on_path, prepend_path, run_limited};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TARGET: &str = "wasm32-unknown-unknown";

/// Rustup tries for a long time to reach a host that a firewall hides.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Debian's newest Rust with the sources of the standard library, and the linker for wasm.
const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];

pub struct WasmTarget;

/// Which compiler makes the wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasmRust {
    /// The one on PATH, with the target's standard library installed, as rustup does it.
    OnPath,
    /// Debian's, which has the standard library as source only: it is compiled along with the page.
    Debian,
}

impl Part for WasmTarget {
    fn name(&self) -> String {
        "the wasm target of Rust".to_owned()
    }

    fn is_ready(&self, _: &Paths) -> bool {
        WasmRust::find().is_some()
    }

    fn install(&self, _: &Paths) -> Result<()> {
        if find_on_path("rustup").is_some() {
            let mut command = Command::new("rustup");
            match run_limited(command.args(["target", "add", TARGET]), RUSTUP_LIMIT) {
                Ok(()) => return Ok(()),
                Err(error) => println!("   {error:#}. Taking Debian's Rust for the wasm instead."),
            }
        }
        apt::install(&DEBIAN_PACKAGES, &format!("the page needs a Rust with the target {TARGET}"))?;
        WasmRust::find().map(|_| ()).with_context(|| {
            format!("these packages did not bring a Rust for {TARGET}; `rustup target add {TARGET}` would")
        })
    }
}

impl WasmRust {
    pub fn find() -> Option<Self> {
        let mut rustc = Command::new("rustc");
        let library = capture(rustc.args(["--print", "target-libdir", "--target", TARGET])).ok();
        if library.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
            return Some(Self::OnPath);
        }
        let parts = ["/usr/bin/rustc", "/usr/bin/cargo", "/usr/bin/rust-lld", "/usr/lib/rustlib/src/rust/library/std"];
        parts.iter().all(|part| Path::new(part).exists()).then_some(Self::Debian)
    }

    /// Prepares the command's environment; `tools` come first on its PATH.
    pub fn apply(self, command: &mut Command, mut tools: Vec<PathBuf>) -> Result<()> {
        if self == Self::Debian {
            tools.push("/usr/bin".into());
            command
                .env("RUSTC", "/usr/bin/rustc")
                // Building the standard library is an unstable feature of cargo, which this variable permits.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
        }
        prepend_path(command, &tools)
    }
}
