//! Building the page with trunk, and the terminal program with cargo.

use crate::checkouts::forget_other_checkouts;
use crate::paths::Paths;
use crate::process::{cargo, run, run_into, tool};
use crate::setup::{self, CargoTool, wasm_target::WasmRust};
use crate::steps::Steps;
use crate::wasm_opt::{self, Effort};
use anyhow::{Context, Result};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Program and tests always select these packages together: with another selection cargo would unify other
/// features, and build burn a second time.
pub const NATIVE_PACKAGES: [&str; 6] = ["--package", "whelp", "--package", "whelp-native", "--package", "whelp-server"];

/// Tells scripts where the compiled terminal program is.
pub const PROGRAM_VARIABLE: &str = "WHELP_PROGRAM";

/// `cargo xtask build`.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let mut steps = Steps::default();
    setup::for_the_page(&paths, &mut steps)?;
    steps.run("Compile the page", || compile_page(&paths))?;
    steps.run("Bundle the page into dist/", || bundle_page(Effort::Full, &paths))?;
    steps.run("Compile the terminal program", || compile_program(&paths))?;
    steps.print_table();
    println!("The page is {}, the program {}.", paths.dist().display(), program(&paths).display());
    Ok(ExitCode::SUCCESS)
}

/// The devices that the page's worker has a program for, each a feature of its packages, and the profile for it. `index.html`
/// says the same to trunk of all but the last, which takes flags of its own.
const DEVICES: [(&str, &str); 3] = [("graphics", WEB), ("processor", "release"), (THREADS, "release")];

/// The processor where a page may have threads.
const THREADS: &str = "threads";

/// The profile of what does not compute.
const WEB: &str = "web";

/// Compiles the page's programs, one by one: together, cargo would unify their features and all of burn would get into each.
/// Trunk then finds them ready; and it runs cargo without network, so that new dependencies have to be fetched here.
pub fn compile_page(paths: &Paths) -> Result<()> {
    run(&mut compile_wasm(&["whelp-page"], WEB, None, paths)?)?;
    for (device, profile) in DEVICES {
        run(&mut compile_wasm(&["whelp-trainer"], profile, Some(device), paths)?)?;
    }
    Ok(())
}

/// The page, and the checks of golden files that run in a browser. What is said meanwhile goes into a file.
pub fn compile_page_and_checks(log: &File, paths: &Paths) -> Result<()> {
    run_into(log, &mut compile_wasm(&["whelp-page"], WEB, None, paths)?)?;
    for (device, profile) in DEVICES {
        run_into(log, &mut compile_wasm(&["whelp-trainer", "whelp-golden"], profile, Some(device), paths)?)?;
        run_into(log, &mut wasm_bindgen("golden", profile, &golden_program(paths).join(device), paths)?)?;
    }
    let page = golden_program(paths).join("index.html");
    std::fs::write(&page, "<!doctype html>\n<title>golden</title>\n<link rel=\"icon\" href=\"data:,\">\n")
        .with_context(|| format!("cannot write {}", page.display()))
}

/// The folder of the checks of golden files that run in a browser, with a program in it for each device.
pub fn golden_program(paths: &Paths) -> PathBuf {
    paths.target.join("golden-page")
}

fn compile_wasm(packages: &[&str], profile: &str, device: Option<&str>, paths: &Paths) -> Result<Command> {
    forget_other_checkouts(paths)?;
    let mut command = cargo(paths);
    command.args(["build", "--profile", profile, "--target", "wasm32-unknown-unknown", "--bins"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command.args(device.iter().flat_map(|device| ["--features", device]));
    if device == Some(THREADS) {
        WasmRust::with_sources().context(NO_RUST)?.apply_with_threads(&mut command)?;
    } else {
        wasm_rust()?.apply(&mut command, Vec::new())?;
    }
    Ok(command)
}

/// Makes of a compiled program what a browser loads.
fn wasm_bindgen(program: &str, profile: &str, folder: &Path, paths: &Paths) -> Result<Command> {
    let compiled = paths.target.join("wasm32-unknown-unknown").join(profile).join(format!("{program}.wasm"));
    let mut command = tool(CargoTool::wasm_bindgen(paths)?.bin_folder(paths).join("wasm-bindgen"), paths);
    command.args(["--target", "web", "--no-typescript", "--out-dir"]).arg(folder).arg(compiled);
    Ok(command)
}

/// Runs wasm-bindgen and wasm-opt and collects the page's files.
pub fn bundle_page(effort: Effort, paths: &Paths) -> Result<()> {
    bundle_threads(effort, paths)?;
    run(trunk(effort, paths)?.arg("build"))
}

/// The program with threads, where `index.html` finds it: trunk has one set of flags for all programs.
fn bundle_threads(effort: Effort, paths: &Paths) -> Result<()> {
    let folder = paths.generated_assets().join(THREADS);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    run(&mut wasm_bindgen("trainer-threads", "release", &folder, paths)?)?;
    match effort {
        Effort::Quick => Ok(()),
        Effort::Full => wasm_opt::optimise_file(&folder.join("trainer-threads_bg.wasm"), paths),
    }
}

/// Trunk with all its tools, ready for a subcommand.
pub fn trunk(effort: Effort, paths: &Paths) -> Result<Command> {
    let mut command = tool("trunk", paths);
    let shim = wasm_opt::offer_to(&mut command, effort, paths)?;
    let tools = [CargoTool::trunk(), CargoTool::wasm_bindgen(paths)?].map(|part| part.bin_folder(paths));
    let tools = std::iter::once(shim).chain(tools).collect();
    command.env("CARGO_TARGET_DIR", &paths.target);
    // Trunk reads this as its own option, which takes `true` but not the usual `1`.
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        command.env("NO_COLOR", "true");
    }
    wasm_rust()?.apply(&mut command, tools)?;
    Ok(command)
}

/// With the page of `dist/` in it.
pub fn compile_program(paths: &Paths) -> Result<()> {
    forget_other_checkouts(paths)?;
    run(cargo(paths)
        .args(["build", "--release", "--features", "whelp-native/page"])
        .args(NATIVE_PACKAGES)
        .env("WHELP_PAGE", paths.dist()))
}

/// The terminal program, once compiled.
pub fn program(paths: &Paths) -> PathBuf {
    paths.target.join("release/whelp")
}

fn wasm_rust() -> Result<WasmRust> {
    WasmRust::find().context(NO_RUST)
}

const NO_RUST: &str = "no Rust for wasm is installed: run `cargo xtask setup`";
