//! Building the page and the terminal program.

use crate::bundle;
use crate::checkouts::forget_other_checkouts;
use crate::lock::Lock;
use crate::paths::Paths;
use crate::process::{cargo, run, with_log};
use crate::programs::{self, Device, TRAINER};
use crate::setup;
use crate::steps::Steps;
use crate::wasm_opt::Effort;
use anyhow::{Result, anyhow};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Everything that is compiled for this machine selects these packages together, and then of their programs and tests what it
/// needs: with another selection cargo would unify other features, and compile burn a second time.
const NATIVE_PACKAGES: [&str; 6] = ["whelp", "whelp-native", "whelp-server", "whelp-page", "whelp-trainer", "xtask"];

/// Tells scripts where the compiled terminal program is.
pub const PROGRAM_VARIABLE: &str = "WHELP_PROGRAM";

/// `cargo xtask build`.
pub fn command(effort: Effort) -> Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::default();
    page(&Device::ALL, effort, &paths, &steps)?;
    steps.run("Bundle the page into dist/", || bundle::into(&paths.dist(), &Device::ALL, effort, &paths))?;
    steps.run("Compile the terminal program", || compile_program(&paths))?;
    steps.print_table();
    println!("The page is {}, the program {}.", paths.dist().display(), program(&paths).display());
    Ok(ExitCode::SUCCESS)
}

/// Sets up what the page needs and makes its programs, so that only bundling is left. The tools are set up while the programs
/// are compiled: each leaves a processor idle now and then.
pub fn page(devices: &[Device], effort: Effort, paths: &Paths, steps: &Steps) -> Result<()> {
    setup::prepare(&setup::compiler_parts(), paths, steps)?;
    std::thread::scope(|scope| {
        let tools = scope.spawn(|| {
            let parts = setup::bundling_parts(paths)?;
            with_log(&paths.log("tools"), || setup::prepare(&parts, paths, steps))
        });
        let compiled = steps.run("Compile the page", || bundle::compile_page(paths)).and_then(|()| {
            devices.iter().try_for_each(|device| {
                let what = format!("Compile the worker's program for {}", device.name());
                steps.run(&what, || programs::compile(&[TRAINER], *device, paths).map(drop))
            })
        });
        tools.join().unwrap_or_else(|_| Err(anyhow!("the set-up of the tools was given up; see above")))?;
        compiled
    })?;
    for device in devices {
        let what = format!("Prepare the worker's program for {}", device.name());
        steps.run(&what, || programs::make(TRAINER, *device, effort, paths).map(drop))?;
    }
    Ok(())
}

/// With the page of `dist/` in it.
pub fn compile_program(paths: &Paths) -> Result<()> {
    native(&["build", "--bin", "whelp", "--features", "whelp-native/page"], paths, |command| {
        run(command.env("WHELP_PAGE", paths.dist()))
    })
}

/// Without the page, which has no use in a training.
pub fn compile_bare_program(paths: &Paths) -> Result<()> {
    native(&["build", "--bin", "whelp"], paths, run)
}

/// The server by itself, in a tenth of the time.
pub fn compile_server(paths: &Paths) -> Result<()> {
    native(&["build", "--bin", "whelp-server"], paths, run)
}

/// Has `work` run a cargo command that compiles for this machine.
pub fn native<T>(arguments: &[&str], paths: &Paths, work: impl FnOnce(&mut Command) -> Result<T>) -> Result<T> {
    let _lock = Lock::take(&paths.target, &format!("cargo {}", arguments.join(" ")))?;
    forget_other_checkouts(&paths.target, paths)?;
    let (subcommand, options) = arguments.split_at(1);
    let mut command = cargo(paths);
    command.args(subcommand).arg("--release");
    command.args(NATIVE_PACKAGES.iter().flat_map(|package| ["--package", package]));
    work(command.args(options))
}

/// The terminal program, once compiled.
pub fn program(paths: &Paths) -> PathBuf {
    paths.target.join("release/whelp")
}
