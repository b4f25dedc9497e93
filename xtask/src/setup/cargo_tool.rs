//! Programs from crates.io, compiled as cheaply as possible and kept in the cache under their version.

use super::Part;
use crate::files::remove_folder;
use crate::lockfile::locked_version;
use crate::paths::Paths;
use crate::process::{capture, cargo, find_on_path, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

pub struct CargoTool {
    package: &'static str,
    program: &'static str,
    /// What is compiled if there is none.
    version: String,
    /// The beginning of the versions that will do.
    accepted: String,
    flags: &'static [&'static str],
    /// The packages that do the program's work on burn's large wasm, which would take too long without any optimisation.
    optimised: &'static [&'static str],
}

impl CargoTool {
    /// The newest version that today's compilers take is 0.22; this is the last for Rust 1.95. Without `--locked` it
    /// does not compile. Without the default features it cannot fetch tools over TLS, which it is not to do anyway.
    pub fn trunk() -> Self {
        Self {
            package: "trunk",
            program: "trunk",
            version: "0.21.14".to_owned(),
            accepted: "0.21.".to_owned(),
            flags: &["--locked", "--no-default-features"],
            optimised: &[],
        }
    }

    /// Not `--locked`: the package's own lock file may name dependencies that the registry has withdrawn. TLS is for a
    /// test runner in the same package, which we do not use.
    pub fn wasm_bindgen(paths: &Paths) -> Result<Self> {
        let version = locked_version(&paths.root, "wasm-bindgen")?;
        Ok(Self {
            package: "wasm-bindgen-cli",
            program: "wasm-bindgen",
            accepted: version.clone(),
            version,
            flags: &["--no-default-features"],
            optimised: &[
                "hashbrown",
                "id-arena",
                "leb128fmt",
                "walrus",
                "wasm-bindgen-cli-support",
                "wasm-bindgen-wasm-conventions",
                "wasm-encoder",
                "wasmparser",
            ],
        })
    }

    /// The program: the one on PATH if it is of the right version, else the one that was compiled.
    pub fn path(&self, paths: &Paths) -> PathBuf {
        self.on_path().unwrap_or_else(|| self.compiled(paths))
    }

    fn compiled(&self, paths: &Paths) -> PathBuf {
        self.root_folder(paths).join("bin").join(self.program)
    }

    fn root_folder(&self, paths: &Paths) -> PathBuf {
        paths.tools.join(format!("{}-{}", self.package, self.version))
    }

    /// The user may have the right version already.
    fn on_path(&self) -> Option<PathBuf> {
        find_on_path(self.program).filter(|program| {
            capture(Command::new(program).arg("--version")).is_ok_and(|said| says_version(&said, &self.accepted))
        })
    }

    /// These programs run for seconds and compile for minutes, so the compiler is told to hurry. As both are told the same,
    /// and share a folder, what both depend on in the same version is compiled once.
    fn compile_quickly(&self, command: &mut Command) {
        command
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_STRIP", "true")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        for package in self.optimised {
            command.args(["--config", &format!("profile.release.package.{package}.opt-level=1")]);
        }
    }
}

/// Whether `--version` printed a version that begins so: `trunk 0.21.14`.
fn says_version(said: &str, accepted: &str) -> bool {
    said.split_whitespace().nth(1).is_some_and(|version| {
        let accepted_whole = accepted.ends_with('.') || version.len() == accepted.len();
        version.starts_with(accepted) && accepted_whole
    })
}

impl Part for CargoTool {
    fn name(&self) -> String {
        format!("{} {}", self.package, self.version)
    }

    fn is_ready(&self, paths: &Paths) -> bool {
        self.compiled(paths).is_file() || self.on_path().is_some()
    }

    fn install(&self, paths: &Paths) -> Result<()> {
        let unfinished = paths.tools.join(format!("{}-{}.unfinished", self.package, self.version));
        let target = paths.tools.join("target");
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
        Ok(())
    }
}

/// Removes what was compiled on the way to the programs.
pub fn forget_parts(paths: &Paths) -> Result<()> {
    remove_folder(&paths.tools.join("target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_versions_will_do() {
        assert!(says_version("trunk 0.21.14\n", "0.21."));
        assert!(!says_version("trunk 0.22.0-beta.1", "0.21."));
        assert!(says_version("wasm-bindgen 0.2.130", "0.2.130"));
        assert!(!says_version("wasm-bindgen 0.2.13", "0.2.130"));
        assert!(!says_version("wasm-bindgen 0.2.1301", "0.2.130"));
        assert!(!says_version("wasm-bindgen", "0.2.130"));
    }
}
