//! Measuring: what a visitor has to download, how long it takes from click to first step, what R1 and R2 cost, how fast
//! a step is and pictures are prepared, beside others.

pub mod health;
pub mod memory;
pub mod page;
mod preparing;
mod python;
mod pytorch;
pub mod recipes;
mod tensorflow;
mod training;
pub mod viewers;

use crate::build;
use crate::paths::Paths;
use crate::process::{capture, tool};
use crate::setup::browser;
use crate::steps::{Steps, with_clock};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

const BROWSER_BENCH: &str = "tests/browser/bench.mjs";
const RESULTS: &str = "bench/results.md";

/// How many times a step's time R1 and R2 may cost.
const PENALTY_LIMIT: f64 = 2.2;

/// Kernels that a step of DCGAN for 64 pixels may launch.
const LAUNCH_LIMIT: u64 = 180;

/// One line of the table.
struct Measurement {
    name: String,
    value: String,
}

/// `cargo xtask bench`.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::default();
    page::publish(&paths, &steps)?;
    steps.run("Compile the terminal program", || build::compile_program(&paths))?;
    let mut measurements = page::weight(&paths.dist())?;
    steps.run("Measure R1 and R2 on the processor", || {
        measurements.push(penalty_ratio(&paths)?);
        Ok(())
    })?;
    steps.run("Count launches and time convolutions", || {
        measurements.extend(launches(&paths)?);
        measurements.extend(convolutions(&paths)?);
        measurements.push(against_burn(&paths)?);
        measurements.extend(growth(&paths)?);
        Ok(())
    })?;
    steps.run("Measure steps against PyTorch", || {
        measurements.extend(pytorch::steps(&paths)?);
        Ok(())
    })?;
    steps.run("Measure preparing pictures", || {
        measurements.push(preparing::against_pillow(&paths)?);
        Ok(())
    })?;
    steps.run("Measure in the browser", || {
        let measured = in_the_browser(&paths, &[])?;
        measurements.push(against_one_thread(&measured, &paths)?);
        measurements.extend(measured.into_iter().map(Measurement::from));
        Ok(())
    })?;
    let table = table(&measurements);
    println!("\n{table}");
    write_results(&paths.root.join(RESULTS), "cargo xtask bench", &table)?;
    Ok(ExitCode::SUCCESS)
}

/// How much longer a step takes with R1 and R2 than without. Both are run in turn, so that a busy machine slows both.
fn penalty_ratio(paths: &Paths) -> Result<Measurement> {
    const ROUNDS: usize = 3;
    const OFF: [&str; 8] = [
        "--set",
        "train.r1_gamma=0",
        "--set",
        "train.r2_gamma=0",
        "--set",
        "schedule.r1_gamma=null",
        "--set",
        "schedule.r2_gamma=null",
    ];
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let speed = |options: &[&str]| images_per_sec(paths, "r3gan-small", 9, options);
        ratios.push(speed(&OFF)? / speed(&[])?);
    }
    ratios.sort_by(f64::total_cmp);
    let value = format!("{:.2} times (limit {PENALTY_LIMIT}; {ROUNDS} pairs, {ratios:.2?})", ratios[ROUNDS / 2]);
    Ok(Measurement { name: "a step of r3gan-small with R1 and R2 against one without, CPU".to_owned(), value })
}

/// What `whelp profile` tells of networks of this width.
fn profile(
    paths: &Paths,
    (recipe, width, batch): (&str, usize, usize),
    arguments: &[&str],
    environment: &[(&str, &OsStr)],
) -> Result<serde_json::Value> {
    let mut command = tool(build::program(paths), paths);
    command.args(["profile", "--json", "--recipe", recipe, "--batch", &batch.to_string()]);
    for network in ["generator", "discriminator"] {
        command.args(["--set", &format!("model.{network}_width={width}")]);
    }
    command.envs(environment.iter().copied());
    Ok(serde_json::from_str(&capture(command.args(arguments))?)?)
}

fn number(profile: &serde_json::Value, key: &str) -> Result<f64> {
    profile[key].as_f64().with_context(|| format!("no {key} in {profile}"))
}

/// Kernels that a step launches on a graphics device: any device, as their number does not depend on its speed.
fn launches(paths: &Paths) -> Result<Vec<Measurement>> {
    let count = |recipe: &str, limit: &str| -> Result<Measurement> {
        let profile = profile(paths, (recipe, 32, 16), &["--device", "vulkan", "--steps", "2"], &[])?;
        let launches = profile["launches"].as_object().context("the profile tells no launches")?;
        let count: u64 = launches.values().filter_map(serde_json::Value::as_u64).sum();
        let name = format!("kernels launched by a step of {recipe} of width 32, batch 16");
        Ok(Measurement { name, value: format!("{count}{limit}") })
    };
    Ok(vec![count("dcgan64", &format!(" (limit {LAUNCH_LIMIT})"))?, count("r3gan-small", "")?])
}

/// How fast single convolutions are, those of DCGAN and depthwise ones of EfficientNet-Lite0: on the processor, on the graphics device there is, and on the browser's
/// software for machines without one.
fn convolutions(paths: &Paths) -> Result<Vec<Measurement>> {
    let swiftshader = browser::find_swiftshader().context("the browser brings no SwiftShader")?;
    let drivers = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].map(|name| (name, swiftshader.as_os_str()));
    let mut measurements = Vec::new();
    for (device, name, environment) in
        [("cpu", "CPU", [].as_slice()), ("vulkan", "Vulkan", &[]), ("vulkan", "SwiftShader", &drivers)]
    {
        let profile = profile(paths, ("dcgan64", 32, 16), &["--device", device, "--convolutions"], environment)?;
        for speeds in profile.as_array().context("the profile tells no convolutions")? {
            let (forward, input) = (number(speeds, "forward")?, number(speeds, "input_gradient")?);
            let weight = number(speeds, "weight_gradient")?;
            measurements.push(Measurement {
                name: format!(
                    "convolution of {} by {}, stride {}, {name}",
                    speeds["input"], speeds["weight"], speeds["stride"]
                ),
                value: format!("forward {forward:.1}, input gradient {input:.1}, weight gradient {weight:.1} GFLOP/s"),
            });
        }
    }
    Ok(measurements)
}

/// How many times as long a step on the graphics device is to take with burn's convolutions.
const BURN_TARGET: f64 = 5.0;

/// Steps on the graphics device with burn's convolutions and with Whelp's, in turn.
fn against_burn(paths: &Paths) -> Result<Measurement> {
    const ROUNDS: usize = 3;
    let secs = |options: &[&str]| -> Result<f64> {
        let arguments = [&["--device", "vulkan"], options].concat();
        number(&profile(paths, ("dcgan64", 32, 16), &arguments, &[])?, "step_secs")
    };
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        let theirs = secs(&["--steps", "1", "--burn-convolutions"])?;
        pairs.push((theirs, secs(&["--steps", "10"])?));
    }
    pairs.sort_by(|first, second| (first.0 / first.1).total_cmp(&(second.0 / second.1)));
    let (theirs, ours) = pairs[ROUNDS / 2];
    let ratios: Vec<f64> = pairs.iter().map(|(theirs, ours)| theirs / ours).collect();
    Ok(Measurement {
        name: "a step of dcgan64 of width 32, batch 16, Vulkan: burn's convolutions take as many times as long"
            .to_owned(),
        value: format!(
            "{:.1} times (target {BURN_TARGET}; {ROUNDS} pairs, {ratios:.1?}); {theirs:.2} s, {ours:.2} s",
            theirs / ours
        ),
    })
}

/// How the time of a step of DCGAN for 64 pixels grows with the batch and with the width, and what memory it takes.
fn growth(paths: &Paths) -> Result<Vec<Measurement>> {
    const BATCHES: [usize; 4] = [8, 16, 32, 64];
    const WIDTHS: [usize; 3] = [16, 32, 64];
    let step = |width, batch| profile(paths, ("dcgan64", width, batch), &["--device", "cpu", "--steps", "10"], &[]);
    let mut per_image = Vec::new();
    let mut memory = Vec::new();
    for batch in BATCHES {
        let profile = step(32, batch)?;
        per_image.push(1e3 * number(&profile, "step_secs")? / batch as f64);
        memory.push(number(&profile, "peak_memory_bytes")? / 1e6);
    }
    let mut per_gflop = Vec::new();
    for width in WIDTHS {
        per_gflop.push(1e3 * number(&step(width, 16)?, "step_secs")? / (16.0 * dcgan64_gflop(width)));
    }
    Ok(vec![
        Measurement {
            name: format!("a step of dcgan64 of width 32 by itself, batches of {BATCHES:?}, CPU"),
            value: format!("{per_image:.2?} ms an image (no more with larger ones)"),
        },
        Measurement {
            name: format!("the most memory held by it, batches of {BATCHES:?}, CPU"),
            value: format!("{memory:.0?} MB"),
        },
        Measurement {
            name: format!("a step of dcgan64 of widths {WIDTHS:?} by itself, batch 16, CPU"),
            value: format!(
                "{per_gflop:.2?} ms per GFLOP of one pass through the discriminator (no more with larger ones)"
            ),
        },
    ])
}

/// What an image costs in one pass through the discriminator for 64 pixels, whose convolutions are 4x4; the generator has the
/// same shapes the other way round.
fn dcgan64_gflop(width: usize) -> f64 {
    let channels = [3, width, 2 * width, 4 * width, 8 * width, 1];
    let sides = [32, 16, 8, 4, 1];
    let products = channels.windows(2).zip(sides).map(|(pair, side)| pair[0] * pair[1] * 16 * side * side);
    2.0 * products.sum::<usize>() as f64 / 1e9
}

/// What a processor without the page's limits makes of what is measured in the page, by one thread too.
const ON_THE_PAGE: (&str, usize, usize) = ("dcgan32", 16, 16);

/// How many times as long a step may take in the page as on one thread of the terminal program.
const PAGE_LIMIT: f64 = 2.0;

/// How the browser's script calls that step.
fn step_on_the_page() -> String {
    let (recipe, width, batch) = ON_THE_PAGE;
    format!("a step of {recipe} of width {width}, batch {batch}, CPU, one thread")
}

/// The page's processor fallback against the terminal program on one thread.
fn against_one_thread(browser: &[InBrowser], paths: &Paths) -> Result<Measurement> {
    let profile = profile(paths, ON_THE_PAGE, &["--device", "cpu"], &[("RAYON_NUM_THREADS", OsStr::new("1"))])?;
    let native = number(&profile, "step_secs")?;
    let name = step_on_the_page();
    let page = browser.iter().find(|measured| measured.name == name);
    let page = page.with_context(|| format!("the browser did not measure {name}"))?.value;
    Ok(Measurement {
        name: format!("{name}, in the page against the terminal program on one thread"),
        value: format!("{:.2} times (limit {PAGE_LIMIT}); {page:.3} s, {native:.3} s", page / native),
    })
}

/// Speed of a short training on the processor.
fn images_per_sec(paths: &Paths, recipe: &str, steps: usize, options: &[&str]) -> Result<f64> {
    let folder = paths.target.join("bench-run");
    let _ = std::fs::remove_dir_all(&folder);
    let mut command = tool(build::program(paths), paths);
    let steps = steps.to_string();
    command.args(["train", "--recipe", recipe, "--steps", &steps, "--device", "cpu", "--json", "--out"]);
    let events = capture(command.arg(&folder).args(options))?;
    let ticks = events.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let speed = ticks.filter_map(|event| event["progress"]["images_per_sec"].as_f64()).next_back();
    speed.filter(|speed| *speed > 0.0).context("the training told no speed")
}

/// What the browser's script measured.
struct InBrowser {
    name: String,
    value: f64,
    unit: String,
}

impl From<InBrowser> for Measurement {
    fn from(InBrowser { name, value, unit }: InBrowser) -> Self {
        Self { name, value: format!("{value:.3} {unit}") }
    }
}

/// What the script measures, or these parts of it: it prints one JSON object per line, `{"name": …, "value": …, "unit": …}`.
fn in_the_browser(paths: &Paths, parts: &[&str]) -> Result<Vec<InBrowser>> {
    let chromium = browser::find_browser().context("there is no browser to measure with")?;
    let mut command = tool("node", paths);
    command.arg(BROWSER_BENCH).args(parts).env(browser::BROWSER_VARIABLE, chromium);
    command.env(build::PROGRAM_VARIABLE, build::program(paths));
    if parts.is_empty() {
        command.env("WHELP_TENSORFLOW", tensorflow::packages(paths)?);
    }
    let output = with_clock("measuring", || capture(&mut command))?;
    output.lines().filter(|line| line.starts_with('{')).map(read_measurement).collect()
}

fn read_measurement(line: &str) -> Result<InBrowser> {
    let json: serde_json::Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
    let name = json["name"].as_str().with_context(|| format!("no name in {line}"))?.to_owned();
    let value = json["value"].as_f64().with_context(|| format!("no number as value in {line}"))?;
    let unit = json["unit"].as_str().with_context(|| format!("no unit in {line}"))?.to_owned();
    Ok(InBrowser { name, value, unit })
}

fn table(measurements: &[Measurement]) -> String {
    let mut table = "| what | measured |\n|---|---|\n".to_owned();
    for Measurement { name, value } in measurements {
        let _ = writeln!(table, "| {name} | {value} |");
    }
    table
}

fn write_results(path: &Path, command: &str, table: &str) -> Result<()> {
    let folder = path.parent().context("the results have no folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let text = format!("# What `{command}` measured\n\nWritten by the command; run it again to renew it.\n\n{table}");
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_the_convolutions() {
        // 16 x (3 x 32 x 1024 + 32 x 64 x 256 + 64 x 128 x 64 + 128 x 256 x 16 + 256 x 1) products, twice.
        assert!((dcgan64_gflop(32) - 0.053_485_568).abs() < 1e-9);
    }

    #[test]
    fn a_line_of_the_browser_script_becomes_a_line_of_the_table() {
        let measurement = read_measurement(r#"{"name": "first step", "value": 1.5, "unit": "s"}"#).unwrap();
        assert_eq!(table(&[measurement.into()]).lines().last(), Some("| first step | 1.500 s |"));
        assert!(read_measurement(r#"{"name": "first step"}"#).is_err());
    }
}
