//! Measuring: what a visitor has to download, how long it takes from click to first step, what R1 and R2 cost, how fast
//! a step is and pictures are prepared, beside others.

mod preparing;
mod python;
mod pytorch;
mod tensorflow;

use crate::build;
use crate::paths::Paths;
use crate::process::{capture, tool};
use crate::setup::{self, browser};
use crate::steps::{Steps, with_clock};
use crate::wasm_opt::Effort;
use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

const BROWSER_BENCH: &str = "tests/browser/bench.mjs";
const RESULTS: &str = "bench/results.md";

/// What a visitor may have to download before the first step, the data set aside.
const WEIGHT_LIMIT_BYTES: u64 = 6_000_000;

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
    let mut steps = Steps::default();
    if setup::everything(&paths, &mut steps)? > 0 {
        bail!("not everything is set up; the messages above say what to do");
    }
    steps.run("Compile the page", || build::compile_page(&paths))?;
    steps.run("Bundle the page into dist/", || build::bundle_page(Effort::Full, &paths))?;
    steps.run("Compile the terminal program", || build::compile_program(&paths))?;
    let mut measurements = page_weight(&paths.dist())?;
    steps.run("Measure R1 and R2 on the processor", || {
        measurements.push(penalty_ratio(&paths)?);
        Ok(())
    })?;
    steps.run("Count launches and time convolutions", || {
        measurements.extend(launches(&paths)?);
        measurements.extend(convolutions(&paths)?);
        measurements.push(one_thread(&paths)?);
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
        measurements.extend(in_the_browser(&paths)?);
        Ok(())
    })?;
    let table = table(&measurements);
    println!("\n{table}");
    write_results(&paths.root.join(RESULTS), &table)?;
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

/// What `whelp profile` tells of networks of width 32 and batches of 16.
fn profile(paths: &Paths, arguments: &[&str], threads: Option<&str>) -> Result<serde_json::Value> {
    const SIZE: [&str; 7] =
        ["--json", "--batch", "16", "--set", "model.generator_width=32", "--set", "model.discriminator_width=32"];
    let mut command = tool(build::program(paths), paths);
    command.arg("profile").args(SIZE).args(arguments);
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads);
    }
    Ok(serde_json::from_str(&capture(&mut command)?)?)
}

/// Kernels that a step launches on a graphics device: any device, as their number does not depend on its speed.
fn launches(paths: &Paths) -> Result<Vec<Measurement>> {
    let count = |recipe: &str, limit: &str| -> Result<Measurement> {
        let profile = profile(paths, &["--recipe", recipe, "--device", "vulkan", "--steps", "2"], None)?;
        let launches = profile["launches"].as_object().context("the profile tells no launches")?;
        let count: u64 = launches.values().filter_map(serde_json::Value::as_u64).sum();
        let name = format!("kernels launched by a step of {recipe} of width 32, batch 16");
        Ok(Measurement { name, value: format!("{count}{limit}") })
    };
    Ok(vec![count("dcgan64", &format!(" (limit {LAUNCH_LIMIT})"))?, count("r3gan-small", "")?])
}

/// How fast each of DCGAN's convolutions is, on the processor and on the graphics device there is.
fn convolutions(paths: &Paths) -> Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    for device in ["cpu", "vulkan"] {
        let profile = profile(paths, &["--recipe", "dcgan64", "--device", device, "--convolutions"], None)?;
        for speeds in profile.as_array().context("the profile tells no convolutions")? {
            let part = |key: &str| speeds[key].as_f64().with_context(|| format!("no {key} in {speeds}"));
            let (forward, input, weight) = (part("forward")?, part("input_gradient")?, part("weight_gradient")?);
            measurements.push(Measurement {
                name: format!("convolution of {} by {}, stride 2, {device}", speeds["input"], speeds["weight"]),
                value: format!("forward {forward:.1}, input gradient {input:.1}, weight gradient {weight:.1} GFLOP/s"),
            });
        }
    }
    Ok(measurements)
}

/// What the page's processor fallback is compared with: it has one thread too.
fn one_thread(paths: &Paths) -> Result<Measurement> {
    let arguments = ["--recipe", "dcgan32", "--device", "cpu"];
    let width = ["--set", "model.generator_width=16", "--set", "model.discriminator_width=16"];
    let profile = profile(paths, &[arguments, width].concat(), Some("1"))?;
    let secs = profile["step_secs"].as_f64().context("the profile tells no time")?;
    let name = "a step of dcgan32 of width 16, batch 16, the terminal program on one thread".to_owned();
    Ok(Measurement { name, value: format!("{secs:.3} s") })
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

/// The compressed size of each of the page's files but the data, and of all of them.
fn page_weight(dist: &Path) -> Result<Vec<Measurement>> {
    let mut files = Vec::new();
    collect_files(dist, &mut files)?;
    let mut measurements = Vec::new();
    let mut total = 0;
    for file in files {
        let name = file.strip_prefix(dist)?.to_string_lossy().into_owned();
        if is_data(&name) {
            continue;
        }
        let bytes = gzip_bytes(&std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?)?;
        total += bytes;
        measurements.push(Measurement { name: format!("{name}, gzip"), value: in_units(bytes) });
    }
    let verdict = if total <= WEIGHT_LIMIT_BYTES { "within" } else { "OVER" };
    let value = format!("{} ({verdict} the limit of {})", in_units(total), in_units(WEIGHT_LIMIT_BYTES));
    measurements.push(Measurement { name: "page weight, gzip, pictures and starter aside".to_owned(), value });
    Ok(measurements)
}

/// The built-in pictures, with or without the hash that trunk may put into the name; and the starter, which comes last and
/// which training does not wait for.
fn is_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    (file.starts_with("dogs32") && file.ends_with(".png")) || file == "starter.safetensors"
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

fn gzip_bytes(bytes: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

fn in_units(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{:.1} kB", bytes as f64 / 1e3) } else { format!("{:.2} MB", bytes as f64 / 1e6) }
}

/// What the script measures: it prints one JSON object per line, `{"name": …, "value": …, "unit": …}`.
fn in_the_browser(paths: &Paths) -> Result<Vec<Measurement>> {
    if !paths.root.join(BROWSER_BENCH).is_file() {
        let value = format!("not measured: {BROWSER_BENCH} is missing");
        return Ok(vec![Measurement { name: "from click to first step".to_owned(), value }]);
    }
    let chromium = browser::find_browser().context("there is no browser to measure with")?;
    let mut command = tool("node", paths);
    command.arg(BROWSER_BENCH).env(browser::BROWSER_VARIABLE, chromium);
    command.env("WHELP_TENSORFLOW", tensorflow::packages(paths)?);
    let output = with_clock("measuring", || capture(&mut command))?;
    output.lines().filter(|line| line.starts_with('{')).map(read_measurement).collect()
}

fn read_measurement(line: &str) -> Result<Measurement> {
    let json: serde_json::Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
    let name = json["name"].as_str().with_context(|| format!("no name in {line}"))?;
    let value = json["value"].as_f64().with_context(|| format!("no number as value in {line}"))?;
    let unit = json["unit"].as_str().with_context(|| format!("no unit in {line}"))?;
    Ok(Measurement { name: name.to_owned(), value: format!("{value:.3} {unit}") })
}

fn table(measurements: &[Measurement]) -> String {
    let mut table = "| what | measured |\n|---|---|\n".to_owned();
    for Measurement { name, value } in measurements {
        let _ = writeln!(table, "| {name} | {value} |");
    }
    table
}

fn write_results(path: &Path, table: &str) -> Result<()> {
    let folder = path.parent().context("the results have no folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let text =
        format!("# What `cargo xtask bench` measured\n\nWritten by the command; run it again to renew it.\n\n{table}");
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_not_page_weight() {
        assert!(is_data("dogs32.png"));
        assert!(is_data("assets/dogs32-test.png"));
        assert!(is_data("starter.safetensors"));
        assert!(!is_data("trainer_bg.wasm"));
    }

    #[test]
    fn a_line_of_the_browser_script_becomes_a_line_of_the_table() {
        let measurement = read_measurement(r#"{"name": "first step", "value": 1.5, "unit": "s"}"#).unwrap();
        assert_eq!(table(&[measurement]).lines().last(), Some("| first step | 1.500 s |"));
        assert!(read_measurement(r#"{"name": "first step"}"#).is_err());
    }
}
