//! Whether a long run needs more and more memory.

use super::{Measurement, table, write_results};
use crate::build;
use crate::files;
use crate::paths::Paths;
use crate::process::{capture, tool};
use crate::setup;
use crate::steps::{Steps, with_clock};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::ExitCode;

const STEPS: u64 = 3000;

/// By then everything is there that a run holds on to.
const SETTLED: u64 = 500;

/// How much more than the least memory of a settled run the most may be.
const FLAT: f64 = 1.05;

const RESULTS: &str = "bench/memory.md";

/// `cargo xtask bench memory DEVICE`: 3,000 steps with samples and a checkpoint every ten.
pub fn command(device: &str) -> Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::default();
    setup::prepare(&setup::training_parts(), &paths, &steps)?;
    steps.run("Compile the terminal program", || build::compile_bare_program(&paths))?;
    let events = with_clock("Train", || train(device, &paths))?;
    let (measurement, is_flat) = measure(device, &events)?;
    let table = table(&[measurement]);
    write_results(&paths.root.join(RESULTS), &format!("cargo xtask bench memory {device}"), &table)?;
    println!("\n{table}");
    Ok(if is_flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Trains small networks, and returns the events, one a line.
fn train(device: &str, paths: &Paths) -> Result<String> {
    let out = paths.cache.join("bench-memory");
    if out.exists() {
        std::fs::remove_dir_all(&out).with_context(|| format!("cannot remove {}", out.display()))?;
    }
    files::create_folder(&out)?;
    let mut command = tool(build::program(paths), paths);
    command.args(["train", "--recipe", "dcgan32", "--batch", "8", "--json", "--device", device]);
    command.args(["--steps", &STEPS.to_string(), "--out"]).arg(out.join("run"));
    for setting in [
        "model.generator_width=8",
        "model.discriminator_width=8",
        "output.grid=16",
        "output.tick_steps=10",
        "output.sample_steps=10",
        "output.checkpoint_steps=10",
        "output.checkpoint_secs=null",
        "output.sample_secs=null",
    ] {
        command.args(["--set", setting]);
    }
    capture(&mut command)
}

/// The least and the most memory of the settled run, and whether they are as good as the same.
fn measure(device: &str, events: &str) -> Result<(Measurement, bool)> {
    let mut settled = Vec::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| format!("no event: {line}"))?;
        let progress = &event["progress"];
        if event["type"] == "tick" && progress["step"].as_u64().is_some_and(|step| step >= SETTLED) {
            settled.push(progress["memory_bytes"].as_f64().context("this system tells no memory of a process")?);
        }
    }
    let (Some(least), Some(most)) =
        (settled.iter().copied().reduce(f64::min), settled.iter().copied().reduce(f64::max))
    else {
        bail!("the run has told nothing after step {SETTLED}");
    };
    let is_flat = most <= FLAT * least;
    let verdict = if is_flat { "flat" } else { "NOT FLAT" };
    Ok((
        Measurement {
            name: format!("{device}, steps {SETTLED} to {STEPS}, samples and a checkpoint every 10"),
            value: format!(
                "{:.1} to {:.1} MB, {:.1} % more ({verdict}: at most {:.0} %)",
                least / 1e6,
                most / 1e6,
                100.0 * (most / least - 1.0),
                100.0 * (FLAT - 1.0)
            ),
        },
        is_flat,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(memory: &[(u64, f64)]) -> String {
        let tick = |(step, bytes): &(u64, f64)| {
            serde_json::json!({ "type": "tick", "progress": { "step": step, "memory_bytes": bytes } }).to_string()
        };
        memory.iter().map(tick).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn growth_after_the_first_steps_is_named() {
        let (measurement, is_flat) =
            measure("cpu", &ticks(&[(10, 5e7), (500, 1e8), (1500, 1.04e8), (3000, 1.02e8)])).unwrap();
        assert!(is_flat);
        assert_eq!(measurement.value, "100.0 to 104.0 MB, 4.0 % more (flat: at most 5 %)");
        let (measurement, is_flat) = measure("cpu", &ticks(&[(500, 1e8), (3000, 1.1e8)])).unwrap();
        assert!(!is_flat && measurement.value.contains("NOT FLAT"), "{}", measurement.value);
        assert!(measure("cpu", &ticks(&[(10, 5e7)])).is_err());
    }
}
