//! The page's files: what trunk makes of `index.html`, and beside it the worker's programs.

use crate::checkouts::forget_other_checkouts;
use crate::files::{self, copy_different, remove_folder};
use crate::lock::Lock;
use crate::paths::Paths;
use crate::process::{run, tool};
use crate::programs::{self, Device, TRAINER};
use crate::setup::{CargoTool, wasm_target::WasmRust};
use crate::wasm_opt::{self, Effort};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

const PAGE: &str = "whelp-page";

/// What a browser asks for first: it names all else.
const ENTRY: &str = "index.html";

/// Compiles the page's own program. Trunk then finds it ready; and it runs cargo without network, so that new dependencies
/// have to be fetched here.
pub fn compile_page(paths: &Paths) -> Result<()> {
    let _lock = Lock::take(&paths.wasm_target, "compiling the page")?;
    forget_other_checkouts(&paths.wasm_target, paths)?;
    run(&mut programs::compile_command(&[PAGE], None, paths)?)
}

/// Makes `folder` the page with the worker's programs for `devices`. Whoever loads it meanwhile gets a whole page.
pub fn into(folder: &Path, devices: &[Device], effort: Effort, paths: &Paths) -> Result<()> {
    let stage = paths.wasm_target.join(format!("stage-{}", std::process::id()));
    remove_folder(&stage)?;
    let bundled = compile_page(paths).and_then(|()| {
        let _lock = Lock::take(&paths.wasm_target, "bundling the page")?;
        run(trunk(effort, paths)?.args(["build", "--dist"]).arg(&stage))
    });
    let published = bundled.and_then(|()| {
        for device in devices {
            add(&stage, *device, effort, paths)?;
        }
        files::publish(&stage, folder, ENTRY)
    });
    remove_folder(&stage)?;
    published
}

/// Adds the worker's program for `device` to the page in `folder`.
pub fn add(folder: &Path, device: Device, effort: Effort, paths: &Paths) -> Result<()> {
    copy_different(&programs::make(TRAINER, device, effort, paths)?, &folder.join(device.name()))
}

/// Trunk with all its tools, ready for a subcommand.
fn trunk(effort: Effort, paths: &Paths) -> Result<Command> {
    let mut command = tool(CargoTool::trunk().path(paths), paths);
    let shim = wasm_opt::offer_to(&mut command, effort, paths)?;
    let bindgen = CargoTool::wasm_bindgen(paths)?.path(paths);
    let bindgen = bindgen.parent().context("wasm-bindgen lies in no folder")?.to_owned();
    // Trunk reads this as its own option, which takes `true` but not the usual `1`.
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        command.env("NO_COLOR", "true");
    }
    WasmRust::for_program(true)?.apply_for_page(&mut command, vec![shim, bindgen], paths)?;
    Ok(command)
}
