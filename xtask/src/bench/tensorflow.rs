//! TensorFlow.js with its WebGPU backend, to compare with in the browser.

use crate::paths::Paths;
use crate::process::{run, tool};
use anyhow::{Context, Result};
use std::path::PathBuf;

const TENSORFLOW: &str = "4.22.0";

/// Installs it where it is missing, and tells the folder of its packages.
pub fn packages(paths: &Paths) -> Result<PathBuf> {
    let folder = paths.tools.join(format!("tfjs-{TENSORFLOW}"));
    let packages = folder.join("node_modules");
    if !packages.join("@tensorflow/tfjs-backend-webgpu/package.json").is_file() {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let wanted = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-webgpu"].map(|name| format!("{name}@{TENSORFLOW}"));
        let mut command = tool("npm", paths);
        command.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder).args(wanted);
        run(&mut command)?;
    }
    Ok(packages)
}
