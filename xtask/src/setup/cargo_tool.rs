//! Programs from crates.io, compiled as cheaply as possible and kept in the cache under their version.

use super::Part;
use crate::lockfile::locked_version;
use crate::paths::Paths;
use crate::process::{capture, cargo, find_on_path, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

pub struct CargoTool {
    package: &'static str,
    program: &'static str,
    version: String,
    flags: &'static [&'static str],
    opt_level: &'static str,
}

impl CargoTool {
    /// The newest version that today's compilers take is 0.22; this is the last for Rust 1.95. Without `--locked` it
    /// does not compile. Without the default features it cannot fetch tools over TLS, which it is not to do anyway.
    pub fn trunk() -> Self {
        Self {
            package: "trunk",
            program: "trunk",
            version: "0.21.14".to_owned(),
            flags: &["--locked", "--no-default-features"],
            // One of its dependencies, of one huge function, keeps the optimiser busy for many minutes.
            opt_level: "0",
        }
    }

    /// Not `--locked`: the package's own lock file may name dependencies that the registry has withdrawn. TLS is for a
    /// test runner in the same package, which we do not use.
    pub fn wasm_bindgen(paths: &Paths) -> Result<Self> {
        let version = locked_version(&paths.root, "wasm-bindgen")?;
        Ok(Self {
            package: "wasm-bindgen-cli",
            program: "wasm-bindgen",
            version,
            flags: &["--no-default-features"],
            // Its work on burn's large wasm would take too long without any.
            opt_level: "1",
        })
    }

    /// The folder with the program, once it is there.
    pub fn bin_folder(&self, paths: &Paths) -> PathBuf {
        self.root_folder(paths).join("bin")
    }

    fn root_folder(&self, paths: &Paths) -> PathBuf {
        paths.tools.join(format!("{}-{}", self.package, self.version))
    }

    /// These programs run for seconds and compile for minutes, so the compiler is told to hurry.
    fn compile_quickly(&self, command: &mut Command) {
        command
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.opt_level)
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_STRIP", "true")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    }

    /// The user may have the right version already.
    fn is_on_path(&self) -> bool {
        find_on_path(self.program)
            .and_then(|program| capture(Command::new(program).arg("--version")).ok())
            .is_some_and(|said| said.split_whitespace().nth(1) == Some(&self.version))
    }
}

impl Part for CargoTool {
    fn name(&self) -> String {
        format!("{} {}", self.package, self.version)
    }

    fn is_ready(&self, paths: &Paths) -> bool {
        self.bin_folder(paths).join(self.program).is_file() || self.is_on_path()
    }

    fn install(&self, paths: &Paths) -> Result<()> {
        let unfinished = paths.tools.join(format!("{}-{}.unfinished", self.package, self.version));
        let target = paths.tools.join(format!("{}-target", self.package));
        std::fs::create_dir_all(&paths.tools)
            .with_context(|| format!("cannot make the folder {}", paths.tools.display()))?;
        let mut command = cargo(paths);
        command
            .args(["install", self.package, "--version", &self.version, "--bin", self.program, "--root"])
            .arg(&unfinished)
            .args(self.flags)
            .env("CARGO_TARGET_DIR", &target);
        self.compile_quickly(&mut command);
        run(&mut command).with_context(|| format!("{} could not be compiled", self.name()))?;
        // Renamed at the end: a folder of this name always holds the whole program.
        let root = self.root_folder(paths);
        let _ = std::fs::remove_dir_all(&root);
        std::fs::rename(&unfinished, &root).with_context(|| format!("cannot move to {}", root.display()))?;
        let _ = std::fs::remove_dir_all(&target);
        Ok(())
    }
}
