//! What a visitor of the page downloads, and how it behaves under load.

use super::{Measurement, in_the_browser, table, write_results};
use crate::build;
use crate::bundle;
use crate::paths::Paths;
use crate::programs::Device;
use crate::setup;
use crate::steps::Steps;
use crate::wasm_opt::Effort;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;

const RESULTS: &str = "bench/page.md";

/// What the browser's script measures of it.
const PARTS: [&str; 2] = ["preparing", "scoring"];

/// What a visitor may have to download before the first step, the data set aside.
const BROTLI_LIMIT_BYTES: u64 = 2_000_000;
const GZIP_LIMIT_BYTES: u64 = 6_000_000;

/// `cargo xtask bench page`: the part of `cargo xtask bench` that needs neither PyTorch nor TensorFlow.js.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::default();
    publish(&paths, &steps)?;
    let mut measurements = weight(&paths.dist())?;
    steps.run("Measure in the browser", || {
        measurements.extend(in_the_browser(&paths, &PARTS)?.into_iter().map(Measurement::from));
        Ok(())
    })?;
    let table = table(&measurements);
    println!("\n{table}");
    write_results(&paths.root.join(RESULTS), "cargo xtask bench page", &table)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the page in `dist/` as small as it is for visitors, with all that measuring it needs.
pub(super) fn publish(paths: &Paths, steps: &Steps) -> Result<()> {
    setup::prepare(&setup::test_parts(), paths, steps)?;
    steps.run("Compile the terminal program, which serves the page", || build::compile_bare_program(paths))?;
    build::page(&Device::ALL, Effort::Full, paths, steps)?;
    steps.run("Bundle the page into dist/", || bundle::into(&paths.dist(), &Device::ALL, Effort::Full, paths))
}

/// The compressed size of each of the page's files but the data, and of all that a visitor needs with each of the worker's
/// programs, as `whelp serve` sends them.
pub(super) fn weight(dist: &Path) -> Result<Vec<Measurement>> {
    let mut files = Vec::new();
    collect_files(dist, &mut files)?;
    let mut measurements = Vec::new();
    let mut totals = [("graphics", 0, 0), ("threads", 0, 0), ("processor", 0, 0)];
    for file in files {
        let name = file.strip_prefix(dist)?.to_string_lossy().into_owned();
        if is_data(&name) || is_later(&name) || name.ends_with(BROTLI) || name.ends_with(GZIP) {
            continue;
        }
        let size = |ending: &str| -> Result<u64> {
            let variant = dist.join(format!("{name}{ending}"));
            Ok(std::fs::metadata(&variant).or_else(|_| std::fs::metadata(&file))?.len())
        };
        let (brotli, gzip) = (size(BROTLI)?, size(GZIP)?);
        for (program, all_brotli, all_gzip) in &mut totals {
            if program_of(&name).is_none_or(|owner| owner == *program) {
                *all_brotli += brotli;
                *all_gzip += gzip;
            }
        }
        measurements.push(Measurement { name, value: format!("{} brotli, {} gzip", in_units(brotli), in_units(gzip)) });
    }
    let verdict = |bytes, limit| {
        let verdict = if bytes <= limit { "within" } else { "OVER" };
        format!("{} ({verdict} the limit of {})", in_units(bytes), in_units(limit))
    };
    for (program, brotli, gzip) in totals {
        let (brotli, gzip) = (verdict(brotli, BROTLI_LIMIT_BYTES), verdict(gzip, GZIP_LIMIT_BYTES));
        let name = format!("page weight with the worker's program `{program}`, pictures and trained networks aside");
        measurements.push(Measurement { name, value: format!("{brotli} brotli, {gzip} gzip") });
    }
    Ok(measurements)
}

/// The program of the worker that a file belongs to, `graphics`, `threads` or `processor`; none if all visitors need it.
fn program_of(name: &str) -> Option<&str> {
    Device::ALL
        .into_iter()
        .map(Device::name)
        .find(|device| name.strip_prefix(device).is_some_and(|rest| rest.starts_with('/')))
}

/// How the compressed variants of a file end.
const BROTLI: &str = ".br";
const GZIP: &str = ".gz";

/// The built-in pictures, with or without the hash that trunk may put into the name; the starter and its run, which come last
/// or when one trains on them; and the frozen network's weights, which come while the page is idle.
fn is_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let is_pictures = file.starts_with("dogs32") && file.ends_with(".png");
    let is_weights = file.contains(".safetensors") || file.starts_with("lite0-LICENSE");
    is_pictures || is_weights
}

/// What encodes films, which comes with the first one.
fn is_later(name: &str) -> bool {
    name.starts_with("mediabunny")
}

fn collect_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() { collect_files(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn in_units(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{:.1} kB", bytes as f64 / 1e3) } else { format!("{:.2} MB", bytes as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_not_page_weight() {
        assert!(is_data("dogs32.png"));
        assert!(is_data("assets/dogs32-test.png"));
        assert!(is_data("starter.safetensors"));
        assert!(is_data("starter.safetensors.br"));
        assert!(is_data("starter-run.safetensors"));
        assert!(is_data("lite0-early.safetensors.gz"));
        assert!(!is_data("trainer-graphics_bg.wasm"));
    }

    #[test]
    fn what_comes_with_the_first_film_is_not_waited_for() {
        assert!(is_later("mediabunny.min.mjs"));
        assert!(!is_later("film.js"));
    }

    #[test]
    fn files_belong_to_programs() {
        assert_eq!(program_of("graphics/trainer-graphics_bg.wasm"), Some("graphics"));
        assert_eq!(program_of("processor/trainer-processor.js"), Some("processor"));
        assert_eq!(program_of("threads/snippets/helper.js"), Some("threads"));
        assert_eq!(program_of("trainer.js"), None);
        assert_eq!(program_of("page_bg.wasm"), None);
    }
}
