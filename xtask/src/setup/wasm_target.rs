//! A Rust compiler that can make wasm.

use super::{Part, apt};
use crate::paths::Paths;
use crate::process::{capture, find_on_path, prepend_path, run_limited};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TARGET: &str = "wasm32-unknown-unknown";

/// How rustc compiles a program that runs on several workers of a page: for instructions that change memory in one piece, with
/// memory that workers are given instead of each having its own, as large as it may get (the linker wants to know), and what
/// wasm-bindgen needs to make a worker's stack and thread-local variables.
const THREADS: [&str; 9] = [
    "-Ctarget-feature=+simd128,+atomics,+bulk-memory,+mutable-globals",
    "-Clink-arg=--shared-memory",
    "-Clink-arg=--import-memory",
    "-Clink-arg=--max-memory=4294967296",
    "-Clink-arg=--export=__heap_base",
    "-Clink-arg=--export=__wasm_init_tls",
    "-Clink-arg=--export=__tls_size",
    "-Clink-arg=--export=__tls_align",
    "-Clink-arg=--export=__tls_base",
];

/// How rustc compiles the page's own program, the standard library included: with one type for all views, where Leptos would
/// make one for each, and the code that goes with it; and stopping at once in place of a panic, without the code that puts a
/// message together. `boot.js` shows a notice then.
const PAGE: [&str; 4] =
    ["-Ctarget-feature=+simd128", "--cfg=erase_components", "-Zunstable-options", "-Cpanic=immediate-abort"];

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
        WasmRust::find().is_some() && WasmRust::with_sources().is_some()
    }

    fn install(&self, _: &Paths) -> Result<()> {
        if find_on_path("rustup").is_some() {
            let rustup = |arguments: [&str; 3]| run_limited(Command::new("rustup").args(arguments), RUSTUP_LIMIT);
            match rustup(["target", "add", TARGET]).and_then(|()| rustup(["component", "add", "rust-src"])) {
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
        let library = rustc(&["--print", "target-libdir", "--target", TARGET]);
        if library.is_some_and(|folder| folder.is_dir()) { Some(Self::OnPath) } else { Self::debian() }
    }

    /// One that can compile the standard library anew.
    pub fn with_sources() -> Option<Self> {
        let sources = rustc(&["--print", "sysroot"]).map(|sysroot| sysroot.join("lib/rustlib/src/rust/library/std"));
        if sources.is_some_and(|folder| folder.is_dir()) { Some(Self::OnPath) } else { Self::debian() }
    }

    fn debian() -> Option<Self> {
        let parts = ["/usr/bin/rustc", "/usr/bin/cargo", "/usr/bin/rust-lld", "/usr/lib/rustlib/src/rust/library/std"];
        parts.iter().all(|part| Path::new(part).exists()).then_some(Self::Debian)
    }

    /// The compiler for a program, for one that compiles the standard library anew or another.
    ///
    /// # Errors
    /// Where none is installed.
    pub fn for_program(needs_sources: bool) -> Result<Self> {
        let found = if needs_sources { Self::with_sources() } else { Self::find() };
        found.context("no Rust for wasm is installed: run `cargo xtask setup`")
    }

    /// Prepares the environment of a command that compiles programs without threads; `tools` come first on its PATH.
    ///
    /// All that is compiled for the browser gets `RUSTC_BOOTSTRAP`, and a target folder in which nothing is compiled without
    /// it. Only the program with threads needs the variable, but build scripts ask for it (proc-macro2's among them): cargo
    /// would compile them, and all that depends on them, again whenever it comes or goes.
    pub fn apply(self, command: &mut Command, mut tools: Vec<PathBuf>, paths: &Paths) -> Result<()> {
        command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &paths.wasm_target);
        if self == Self::Debian {
            tools.push("/usr/bin".into());
            command.env("RUSTC", "/usr/bin/rustc");
            compile_standard_library(command);
        }
        prepend_path(command, &tools)
    }

    /// [`WasmRust::apply`] for the page's own program, by one of [`WasmRust::with_sources`]: the standard library comes with
    /// the code that makes messages of panics.
    pub fn apply_for_page(self, command: &mut Command, tools: Vec<PathBuf>, paths: &Paths) -> Result<()> {
        compile_standard_library(command);
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", PAGE.join(" "));
        self.apply(command, tools, paths)
    }

    /// [`WasmRust::apply`] for a program with threads, by one of [`WasmRust::with_sources`]: the standard library comes
    /// compiled without.
    pub fn apply_with_threads(self, command: &mut Command, paths: &Paths) -> Result<()> {
        compile_standard_library(command);
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", THREADS.join(" "));
        self.apply(command, Vec::new(), paths)
    }
}

/// An unstable feature of cargo.
fn compile_standard_library(command: &mut Command) {
    command.env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
}

/// A folder that the compiler on PATH tells.
fn rustc(question: &[&str]) -> Option<PathBuf> {
    capture(Command::new("rustc").args(question)).ok().map(|folder| folder.trim().into())
}
