//! onnxruntime, in which the tests draw with exported generators. Of npm, as node is there anyway; in the cache, as it is large and
//! only the tests need it.

use super::Part;
use crate::files::{copy_if_different, create_folder, write_if_different};
use crate::paths::Paths;
use crate::process::{run, tool};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

pub struct OnnxRuntime;

/// Tells the library's tests where its packages are.
pub const MODULES_VARIABLE: &str = "WHELP_ONNXRUNTIME";

/// Is there once all of them are.
const DONE: &str = ".installed";

/// What names the package, and what pins it and all that it needs.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

impl Part for OnnxRuntime {
    fn name(&self) -> String {
        "onnxruntime, for the tests (a download of 35 MB)".to_owned()
    }

    fn is_ready(&self, paths: &Paths) -> bool {
        modules(paths).join(DONE).is_file()
    }

    fn install(&self, paths: &Paths) -> Result<()> {
        let folder = folder(paths);
        create_folder(&folder)?;
        for file in FILES {
            copy_if_different(&source(paths, file), &folder.join(file))?;
        }
        run(tool("npm", paths).current_dir(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
            .with_context(|| format!("onnxruntime is missing; `npm ci` must work in {}", folder.display()))?;
        write_if_different(&modules(paths).join(DONE), b"").map(drop).context("cannot note that it is installed")
    }
}

fn source(paths: &Paths, file: &str) -> PathBuf {
    paths.root.join("tests/export").join(file)
}

/// The folder of its packages.
pub fn modules(paths: &Paths) -> PathBuf {
    folder(paths).join("node_modules")
}

/// Named after what the lock file pins, as checkouts may differ in that.
fn folder(paths: &Paths) -> PathBuf {
    let lock = std::fs::read(source(paths, FILES[1])).unwrap_or_default();
    let hash: String = Sha256::digest(&lock).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    paths.tools.join(format!("onnxruntime-{hash}"))
}
