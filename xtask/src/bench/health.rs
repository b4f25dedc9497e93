//! Whether runs are said to go as they go: healthy ones of every recipe, and some that are made to fail.

use super::training::Trainings;
use super::{Measurement, table};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// A run, and the conditions that it may be said to be in. If the first one is an alarm, it has to be told.
struct Entry {
    name: &'static str,
    arguments: &'static [&'static str],
    conditions: &'static [&'static str],
}

const HEALTHY: &[&str] = &["healthy", "warming_up"];

/// Every recipe as it comes, and one run for each way to fail.
const ENTRIES: [Entry; 14] = [
    Entry { name: "projected", arguments: &["--recipe", "projected"], conditions: HEALTHY },
    Entry { name: "r3gan-small", arguments: &["--recipe", "r3gan-small"], conditions: HEALTHY },
    Entry { name: "r3gan-base", arguments: &["--recipe", "r3gan-base"], conditions: HEALTHY },
    Entry { name: "dcgan32", arguments: &["--recipe", "dcgan32"], conditions: HEALTHY },
    Entry { name: "dcgan64", arguments: &["--recipe", "dcgan64"], conditions: HEALTHY },
    Entry { name: "keras-dogs", arguments: &["--recipe", "keras-dogs"], conditions: HEALTHY },
    Entry { name: "dense-upsample", arguments: &["--recipe", "dense-upsample"], conditions: HEALTHY },
    Entry {
        name: "generator stands still",
        arguments: &[
            "--recipe",
            "dcgan32",
            "--batch",
            "32",
            "--set",
            "model.generator_width=16",
            "--set",
            "model.discriminator_width=16",
            "--set",
            "train.generator_lr=1e-8",
            "--set",
            "train.discriminator_lr=0.002",
        ],
        conditions: &["discriminator_wins", "healthy", "warming_up", "colors_off"],
    },
    Entry {
        name: "generator's rate a hundred times too high",
        arguments: &["--set", "train.generator_lr=0.02", "--set", "train.on_divergence=stop"],
        conditions: &["healthy", "warming_up", "collapsed", "colors_off", "near_infinity"],
    },
    Entry {
        name: "generator runs from a discriminator that stands still",
        arguments: &[
            "--recipe",
            "dcgan32",
            "--batch",
            "64",
            "--set",
            "model.generator_width=8",
            "--set",
            "model.discriminator_width=8",
            "--set",
            "train.generator_lr=0.5",
            "--set",
            "train.discriminator_lr=1e-9",
            "--set",
            "train.on_divergence=stop",
        ],
        conditions: &["collapsed", "healthy", "warming_up"],
    },
    Entry {
        name: "unbounded loss, high rates",
        arguments: &[
            "--recipe",
            "dense-upsample",
            "--set",
            "train.loss=wasserstein",
            "--set",
            "train.discriminator_lr=0.02",
            "--set",
            "train.on_divergence=stop",
        ],
        conditions: &["near_infinity", "healthy", "warming_up"],
    },
    Entry {
        name: "fifty pictures, no augmentation",
        arguments: &[
            "--recipe",
            "dcgan32",
            "--set",
            "data.validation=0.5",
            "--set",
            "data.keep_typical=0.02",
            "--set",
            "model.generator_width=16",
            "--set",
            "model.discriminator_width=32",
        ],
        conditions: &["knows_by_heart", "healthy", "warming_up", "discriminator_wins"],
    },
    Entry {
        name: "trained networks, both stand still",
        arguments: &[
            "--from",
            "starter",
            "--set",
            "metrics.every_kimg=0.25",
            "--set",
            "metrics.count=200",
            "--set",
            "train.generator_lr=1e-9",
            "--set",
            "train.discriminator_lr=1e-9",
        ],
        conditions: &["stalled", "healthy", "warming_up"],
    },
    Entry {
        name: "colours shifted by augmentation alone",
        arguments: &[
            "--set",
            "model.pixel_head=false",
            "--set",
            "augment.color=true",
            "--set",
            "augment.color_share=1",
        ],
        conditions: &["healthy", "warming_up", "colors_off"],
    },
];

/// `cargo xtask bench health MINUTES`: trains each for as many minutes of processor time.
///
/// # Errors
/// If a run is said to be in a condition that it is not in, after all have run.
pub fn command(minutes: &str) -> Result<ExitCode> {
    let trainings = Trainings::prepare("bench-health", minutes)?;
    let file = format!("bench/health-{minutes}-minutes.md");
    let mut measurements = Vec::new();
    let mut wrong = Vec::new();
    for entry in &ENTRIES {
        let scores = ["metrics.every_kimg=2", "metrics.count=500", "metrics.budget=0.3", "data.validation=0.1"];
        let scores = scores.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<String> = scores.chain(entry.arguments.iter().copied()).map(str::to_owned).collect();
        let out = trainings.train(entry.name, &arguments)?;
        let told = Told::read(&Path::new(&out).join("events.jsonl"))?;
        let expected = entry.conditions[0];
        let is_named = expected == HEALTHY[0] || told.conditions.iter().any(|condition| condition == expected);
        if !is_named || told.conditions.iter().any(|condition| !entry.conditions.contains(&condition.as_str())) {
            wrong.push(entry.name);
        }
        println!("{}: {}", entry.name, told.line());
        measurements.push(Measurement { name: entry.name.to_owned(), value: told.line() });
        trainings.write(&file, &format!("cargo xtask bench health {minutes}"), &measurements)?;
    }
    println!("\n{}", table(&measurements));
    if wrong.is_empty() { Ok(ExitCode::SUCCESS) } else { bail!("not said to go as they go: {}", wrong.join("; ")) }
}

/// What the events of a run tell.
#[derive(Debug, Default, PartialEq)]
struct Told {
    nimg: u64,
    /// In their order.
    conditions: Vec<String>,
    /// The first and the last of each figure.
    diversity: Option<[f64; 2]>,
    color_shift: Option<[f64; 2]>,
    by_heart: Option<[f64; 2]>,
}

impl Told {
    fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let events = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        Ok(Self::of(&events))
    }

    fn of(events: &[Value]) -> Self {
        let mut told = Self::default();
        for event in events {
            told.nimg = event["nimg"].as_u64().unwrap_or(told.nimg);
            if let Some(condition) = event["diagnosis"]["condition"].as_str() {
                told.conditions.push(condition.to_owned());
            }
            let figures = [
                ("health/diversity", &mut told.diversity),
                ("health/color_shift", &mut told.color_shift),
                ("health/by_heart", &mut told.by_heart),
            ];
            for (series, range) in figures {
                if let Some(value) = event["values"][series].as_f64() {
                    *range = Some([range.map_or(value, |[first, _]| first), value]);
                }
            }
        }
        told.conditions.dedup();
        told
    }

    fn line(&self) -> String {
        let figures = [("diversity", self.diversity), ("colour shift", self.color_shift), ("by heart", self.by_heart)];
        let figures = figures.iter().filter_map(|(name, range)| {
            range.map(|[first, last]| format!("; {name} {first:.2} at first, {last:.2} at last"))
        });
        format!("{} pictures: {}{}", self.nimg, self.conditions.join(", "), figures.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditions_of_a_run_are_told_in_their_order_and_its_figures_from_first_to_last() {
        let events = [
            serde_json::json!({ "type": "diagnosis", "nimg": 32, "diagnosis": { "condition": "warming_up" } }),
            serde_json::json!({ "type": "values", "nimg": 2000, "values": { "health/diversity": 0.25 } }),
            serde_json::json!({ "type": "diagnosis", "nimg": 4000, "diagnosis": { "condition": "healthy" } }),
            serde_json::json!({ "type": "diagnosis", "nimg": 6000, "diagnosis": { "condition": "healthy" } }),
            serde_json::json!({ "type": "values", "nimg": 8000, "values": { "health/diversity": 0.75, "health/by_heart": 0.1 } }),
        ];
        let line = Told::of(&events).line();
        let figures = "; diversity 0.25 at first, 0.75 at last; by heart 0.10 at first, 0.10 at last";
        assert_eq!(line, format!("8000 pictures: warming_up, healthy{figures}"));
    }
}
