//! That nothing is compiled twice: everything that the commands compile is compiled once more, and what cargo then does is
//! counted. Two builds that undo each other's work show here, whichever of them came last.

use crate::build::native;
use crate::files;
use crate::lock::Lock;
use crate::paths::Paths;
use crate::process::capture;
use crate::programs::{Device, compile_command};
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Compiles in the order of `cargo xtask build`, after whatever came before.
pub fn nothing_is_compiled(paths: &Paths) -> Result<()> {
    let mut compiled = Vec::new();
    {
        let _lock = Lock::take(&paths.wasm_target, "compiling everything again")?;
        compiled.extend(count("the page", &mut compile_command(&["whelp-page"], None, paths)?)?);
        for device in Device::ALL {
            compiled.extend(count(device.name(), &mut compile_command(&["whelp-trainer"], Some(device), paths)?)?);
        }
    }
    let page = files::list(&paths.dist())?;
    ensure!(!page.is_empty(), "there is no page in dist/ for the terminal program");
    let program = ["build", "--bin", "whelp", "--features", "whelp-native/page"];
    compiled.extend(native(&program, paths, |command| {
        count("the terminal program", command.env("WHELP_PAGE", paths.dist()))
    })?);
    compiled.extend(native(&["build", "--bin", "whelp-server"], paths, |command| count("the server", command))?);
    compiled.extend(native(&["test", "--no-run"], paths, |command| count("the native tests", command))?);
    ensure!(
        compiled.is_empty(),
        "{} crates of the registry were compiled again though nothing has changed:\n{}",
        compiled.len(),
        compiled.join("\n")
    );
    Ok(())
}

/// The crates of the registry that a cargo command compiled.
fn count(what: &str, command: &mut Command) -> Result<Vec<String>> {
    let said = capture(command.args(["--message-format", "json"]))?;
    let mut compiled = Vec::new();
    let mut artifacts = 0;
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let message: serde_json::Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        artifacts += 1;
        let package = message["package_id"].as_str().context("an artifact of no package")?;
        if message["fresh"] == false && is_of_registry(package) {
            compiled.push(format!("{what}: {package}"));
        }
    }
    // Where cargo tells of no crates at all, its messages were not understood.
    ensure!(artifacts > 10, "cargo told of {artifacts} crates of {what}");
    Ok(compiled)
}

fn is_of_registry(package: &str) -> bool {
    package.starts_with("registry+") || package.starts_with("sparse+")
}
