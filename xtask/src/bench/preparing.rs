//! Preparing 20,000 pictures, against Pillow doing the same work on as many threads.

use super::{Measurement, python};
use crate::build;
use crate::paths::Paths;
use crate::process::{capture, run, tool};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const PILLOW: &str = "13.0.0";

/// What the other side of the comparison is.
const SCRIPT: &str = include_str!("pillow.py");

/// How many times Pillow's time it may take.
const LIMIT: f64 = 1.3;

const ROUNDS: usize = 3;

const PICTURES: usize = 20_000;

/// Both are run in turn, so that a busy machine slows both.
pub fn against_pillow(paths: &Paths) -> Result<Measurement> {
    let python = python::with_package("pillow", "PIL", PILLOW, paths)?;
    let script = paths.target.join("bench-pillow.py");
    std::fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
    let folder = paths.target.join("bench-pictures");
    if !folder.join(format!("{:05}.jpg", PICTURES - 1)).is_file() {
        run(Command::new(&python).arg(&script).arg("make").arg(paths.assets.join("dogs32.png")).arg(&folder))?;
    }
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let ours = our_seconds(paths, &folder)?;
        let said = capture(Command::new(&python).arg(&script).arg("loop").arg(&folder))?;
        let pillows: f64 = said.trim().parse().with_context(|| format!("Pillow's loop said {said:?}"))?;
        ratios.push((ours / pillows, ours));
    }
    ratios.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (ratio, seconds) = ratios[ROUNDS / 2];
    let all: Vec<f64> = ratios.iter().map(|(ratio, _)| *ratio).collect();
    Ok(Measurement {
        name: "checking and preparing 20,000 JPEG of 180 x 180 at 64 x 64, against Pillow's loop".to_owned(),
        value: format!("{ratio:.2} times (limit {LIMIT}; {ROUNDS} pairs, {all:.2?}); {seconds:.1} s"),
    })
}

fn our_seconds(paths: &Paths, folder: &Path) -> Result<f64> {
    let mut command = tool(build::program(paths), paths);
    command.args(["data", "check", "--resolution", "64", "--json"]).arg(folder).env("WHELP_DATA_CACHE", "");
    let start = Instant::now();
    let report = capture(&mut command)?;
    let seconds = start.elapsed().as_secs_f64();
    let report: serde_json::Value = serde_json::from_str(&report).context("the check printed no JSON")?;
    anyhow::ensure!(report["pictures"] == PICTURES, "{} pictures were prepared", report["pictures"]);
    Ok(seconds)
}
