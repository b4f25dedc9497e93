//! Setting up what is missing. One file per thing; this one knows only their order and who needs what.

use crate::lock::Lock;
use crate::paths::Paths;
use crate::steps::Steps;
use anyhow::{Result, bail};
use std::process::ExitCode;

mod apt;
pub mod browser;
mod cargo_tool;
mod dogs;
pub mod engines;
mod fashion;
pub mod lite0;
mod mosaic;
mod npm;
pub mod onnxruntime;
mod vulkan;
pub mod wasm_target;

pub use cargo_tool::CargoTool;

/// Something that has to be on the machine before the work can start.
pub trait Part {
    /// What it is, with its version.
    fn name(&self) -> String;

    /// Whether it is there. Asked at every start, so it looks at files and starts no slow program.
    fn is_ready(&self, paths: &Paths) -> bool;

    /// Puts it there. An error says what to do by hand.
    fn install(&self, paths: &Paths) -> Result<()>;
}

/// `cargo xtask setup`: as much as can be set up, and then what could not.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::default();
    let parts: Parts = [compiler_parts(), bundling_parts(&paths)?, test_parts()].into_iter().flatten().collect();
    let missing = as_many_as_possible(&parts, &paths, &steps)?;
    if missing > 0 {
        bail!("{missing} of the things above could not be set up; the messages say what to do");
    }
    println!("Everything is set up. The cache is {}.", paths.cache.display());
    Ok(ExitCode::SUCCESS)
}

pub type Parts = Vec<Box<dyn Part>>;

/// What has to be there before anything is compiled for the browser.
pub fn compiler_parts() -> Parts {
    vec![Box::new(wasm_target::WasmTarget)]
}

/// What makes a page of what was compiled. Browser and graphics driver are not among it: who serves the page has their own.
pub fn bundling_parts(paths: &Paths) -> Result<Parts> {
    Ok(vec![
        Box::new(npm::NpmPackages),
        Box::new(dogs::BuiltInDogs),
        Box::new(lite0::Lite0),
        Box::new(CargoTool::trunk()),
        Box::new(CargoTool::wasm_bindgen(paths)?),
    ])
}

/// What a training on the built-in dogs needs.
pub fn training_parts() -> Parts {
    vec![Box::new(dogs::BuiltInDogs), Box::new(lite0::Lite0)]
}

/// What only the tests need.
pub fn test_parts() -> Parts {
    vec![
        Box::new(vulkan::SoftwareVulkan),
        Box::new(fashion::FashionMnist),
        Box::new(lite0::Lite0),
        Box::new(onnxruntime::OnnxRuntime),
        Box::new(browser::Chromium),
        Box::new(engines::FIREFOX),
        Box::new(engines::WEBKIT),
    ]
}

/// Puts everything in its place; the first thing that cannot be had ends it. The tools are shared by all checkouts, so one
/// command at a time sets them up.
pub fn prepare(parts: &Parts, paths: &Paths, steps: &Steps) -> Result<()> {
    let _lock = Lock::take(&paths.tools, "setting up tools")?;
    for part in parts {
        prepare_part(part.as_ref(), paths, steps)?;
    }
    cargo_tool::forget_parts(paths)
}

/// One thing that cannot be set up does not hold up the others. Returns how many could not.
pub fn as_many_as_possible(parts: &Parts, paths: &Paths, steps: &Steps) -> Result<u64> {
    let _lock = Lock::take(&paths.tools, "setting up tools")?;
    let mut missing = 0;
    for part in parts {
        if let Err(error) = prepare_part(part.as_ref(), paths, steps) {
            eprintln!("error: {error:#}");
            missing += 1;
        }
    }
    cargo_tool::forget_parts(paths)?;
    Ok(missing)
}

fn prepare_part(part: &dyn Part, paths: &Paths, steps: &Steps) -> Result<()> {
    if part.is_ready(paths) {
        println!("   {}: there", part.name());
        return Ok(());
    }
    steps.run(&format!("Set up {}", part.name()), || part.install(paths))
}
