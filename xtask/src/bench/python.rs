//! A Python with one package in it, to compare with.

use crate::paths::Paths;
use crate::process::{capture, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// Installs `package` in `version` where it is missing, and tells where that Python is. `module` is what it is imported as.
pub fn with_package(package: &str, module: &str, version: &str, paths: &Paths) -> Result<PathBuf> {
    let folder = paths.tools.join(format!("{package}-{version}"));
    let python = folder.join("bin/python");
    let is_ready = capture(Command::new(&python).args(["-c", &format!("import {module}")])).is_ok();
    if !is_ready {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).with_context(|| {
            format!("Python with its venv module is needed to compare with {package} (Debian: python3-venv)")
        })?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", &format!("{package}=={version}")]))?;
    }
    Ok(python)
}
