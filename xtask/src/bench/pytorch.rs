//! A training step on the processor, against PyTorch's of the same networks.

use super::{Measurement, images_per_sec, python};
use crate::paths::Paths;
use crate::process::capture;
use anyhow::{Context, Result};
use std::process::Command;

const PYTORCH: &str = "2.12.1";

/// What the other side of the comparison is.
const SCRIPT: &str = include_str!("pytorch.py");

/// What is compared.
struct Case {
    recipe: &'static str,
    width: usize,
    discriminator_width: usize,
    batch: usize,
    /// How many times PyTorch's time a step may take.
    limit: f64,
    /// What the recipe has and PyTorch's side has not.
    without: &'static [&'static str],
}

const CASES: [Case; 4] = [
    Case { recipe: "dcgan64", width: 32, discriminator_width: 32, batch: 16, limit: 1.5, without: &[] },
    Case { recipe: "dcgan64", width: 64, discriminator_width: 64, batch: 32, limit: 1.2, without: &[] },
    Case { recipe: "r3gan-small", width: 16, discriminator_width: 16, batch: 32, limit: 1.2, without: AUGMENTATIONS },
    Case { recipe: "projected", width: 32, discriminator_width: 64, batch: 32, limit: 0.6, without: AUGMENTATIONS },
];

const AUGMENTATIONS: &[&str] = &["augment.color", "augment.translation", "augment.cutout", "augment.flip"];

const ROUNDS: usize = 3;

const STEPS: usize = 20;

/// Both are run in turn, so that a busy machine slows both.
pub fn steps(paths: &Paths) -> Result<Vec<Measurement>> {
    let python = python::with_package("torch", "torch", PYTORCH, paths)?;
    let script = paths.target.join("bench-pytorch.py");
    std::fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
    let threads = std::thread::available_parallelism()?.get();
    CASES
        .into_iter()
        .map(|Case { recipe, width, discriminator_width, batch, limit, without }| {
            let sizes = [width, batch, threads, STEPS].map(|size| size.to_string());
            let mut settings = vec![
                format!("model.generator_width={width}"),
                format!("model.discriminator_width={discriminator_width}"),
                format!("train.batch={batch}"),
            ];
            settings.extend(without.iter().map(|name| format!("{name}=false")));
            let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
            let mut ratios = Vec::new();
            for _ in 0..ROUNDS {
                let ours = batch as f64 / images_per_sec(paths, recipe, STEPS, &settings)?;
                let said = capture(Command::new(&python).arg(&script).arg(recipe).args(&sizes))?;
                let theirs: f64 = said.trim().parse().with_context(|| format!("PyTorch's steps said {said:?}"))?;
                ratios.push((ours / theirs, ours, theirs));
            }
            ratios.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
            let (ratio, ours, theirs) = ratios[ROUNDS / 2];
            let all: Vec<f64> = ratios.iter().map(|(ratio, ..)| *ratio).collect();
            Ok(Measurement {
                name: format!(
                    "a step of {recipe} of width {width}, batch {batch}, CPU, against PyTorch's on {threads} threads"
                ),
                value: format!(
                    "{ratio:.2} times (limit {limit}; {ROUNDS} pairs, {all:.2?}); {ours:.3} s, {theirs:.3} s"
                ),
            })
        })
        .collect()
}
