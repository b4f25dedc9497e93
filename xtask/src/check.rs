//! Formatting and lints.

use crate::checkouts::forget_other_checkouts;
use crate::lock::Lock;
use crate::paths::Paths;
use crate::process::{cargo, run};
use crate::steps::Steps;
use anyhow::{Result, bail};
use std::process::ExitCode;

/// `cargo xtask check`: what can be said without running anything.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::default();
    let formatted = steps.attempt("Check formatting", || formatting(&paths));
    let clean = steps.attempt("Run clippy", || lints(&paths));
    steps.print_table();
    if !(formatted && clean) {
        bail!("the check failed; see above");
    }
    Ok(ExitCode::SUCCESS)
}

pub fn formatting(paths: &Paths) -> Result<()> {
    run(cargo(paths).args(["fmt", "--all", "--check"]))
}

/// One pass over all crates, tests included, with CUDA switched on: where there is no GPU this is the check that the
/// CUDA code compiles. `DOCS_RS` keeps CUDA's build script from downloading LLVM. In the profile of the tests, with which it
/// shares procedural macros and build scripts.
pub fn lints(paths: &Paths) -> Result<()> {
    let _lock = Lock::take(&paths.target, "cargo clippy")?;
    forget_other_checkouts(&paths.target, paths)?;
    run(cargo(paths)
        .args(["clippy", "--release", "--workspace", "--all-targets", "--features", "whelp-native/cuda"])
        .args(["--", "--deny", "warnings"])
        .env("DOCS_RS", "1"))
}
