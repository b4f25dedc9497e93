//! What comes from npm, at the versions of package-lock.json: uPlot and mediabunny for the page, wasm-opt, Playwright, Selenium.

use super::Part;
use crate::paths::Paths;
use crate::process::{run, tool};
use anyhow::{Context, Result};
use std::path::PathBuf;

pub struct NpmPackages;

impl Part for NpmPackages {
    fn name(&self) -> String {
        "npm packages (uPlot, mediabunny, wasm-opt, Playwright, Selenium)".to_owned()
    }

    fn is_ready(&self, paths: &Paths) -> bool {
        match (std::fs::read(lock(paths)), std::fs::read(stamp(paths))) {
            (Ok(wanted), Ok(installed)) => wanted == installed,
            _ => false,
        }
    }

    fn install(&self, paths: &Paths) -> Result<()> {
        // Playwright would fetch three browsers of its own, from a host that may be out of reach.
        run(tool("npm", paths)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))
        .context("npm packages are missing; with npm 9 or newer and a network, `npm ci` must work in the checkout")?;
        std::fs::copy(lock(paths), stamp(paths)).context("cannot note which packages are installed")?;
        Ok(())
    }
}

fn lock(paths: &Paths) -> PathBuf {
    paths.root.join("package-lock.json")
}

/// A copy of the lock file beside the packages: they are up to date as long as the two are the same.
fn stamp(paths: &Paths) -> PathBuf {
    paths.root.join("node_modules/.installed-package-lock.json")
}
