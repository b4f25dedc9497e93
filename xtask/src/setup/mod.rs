//! Setting up what is missing. One file per thing; this one knows only their order and who needs what.

use crate::paths::Paths;
use crate::steps::Steps;
use anyhow::{Result, bail};
use std::process::ExitCode;

mod apt;
pub mod browser;
mod cargo_tool;
mod dogs;
mod fashion;
mod mosaic;
mod npm;
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
    let mut steps = Steps::default();
    let missing = everything(&paths, &mut steps)?;
    if missing > 0 {
        bail!("{missing} of the things above could not be set up; the messages say what to do");
    }
    println!("Everything is set up. The cache is {}.", paths.cache.display());
    Ok(ExitCode::SUCCESS)
}

/// What the page needs. Browser and graphics driver are not among it: who serves the page has their own.
pub fn for_the_page(paths: &Paths, steps: &mut Steps) -> Result<()> {
    for part in page_parts(paths)? {
        prepare(part.as_ref(), paths, steps)?;
    }
    Ok(())
}

/// What page and tests need; one thing that cannot be set up does not hold up the others. Returns how many could not.
pub fn everything(paths: &Paths, steps: &mut Steps) -> Result<u64> {
    let mut parts = page_parts(paths)?;
    parts.push(Box::new(browser::Chromium));
    parts.push(Box::new(vulkan::SoftwareVulkan));
    parts.push(Box::new(fashion::FashionMnist));
    let mut missing = 0;
    for part in parts {
        if let Err(error) = prepare(part.as_ref(), paths, steps) {
            eprintln!("error: {error:#}");
            missing += 1;
        }
    }
    Ok(missing)
}

fn page_parts(paths: &Paths) -> Result<Vec<Box<dyn Part>>> {
    Ok(vec![
        Box::new(wasm_target::WasmTarget),
        Box::new(CargoTool::trunk()),
        Box::new(CargoTool::wasm_bindgen(paths)?),
        Box::new(npm::NpmPackages),
        Box::new(dogs::BuiltInDogs),
    ])
}

fn prepare(part: &dyn Part, paths: &Paths, steps: &mut Steps) -> Result<()> {
    if part.is_ready(paths) {
        println!("   {}: there", part.name());
        return Ok(());
    }
    steps.run(&format!("Set up {}", part.name()), || part.install(paths))
}
