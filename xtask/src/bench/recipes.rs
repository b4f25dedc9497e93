//! What each recipe has learnt after as many minutes of processor time as the others, by a network that none of them learns from.

use super::training::Trainings;
use super::{Measurement, number, table};
use anyhow::{Context, Result};
use serde_json::Value;
use std::process::ExitCode;

/// A recipe with settings on top, and how many seeds it is trained with.
struct Entry {
    recipe: &'static str,
    settings: &'static [&'static str],
    seeds: u32,
}

/// Those that learn from photos. The default comes in the width that a processor is given, with three seeds, as its variants for
/// long runs and for typical pictures do; with one, in the width that a fast device is given, and with a larger view of the pictures.
const ENTRIES: [Entry; 12] = [
    Entry { recipe: "projected", settings: &["model.generator_width=32"], seeds: 3 },
    Entry { recipe: "projected", settings: &["model.generator_width=32", "model.taps=deep"], seeds: 3 },
    Entry { recipe: "projected", settings: &["model.generator_width=32", "data.keep_typical=0.5"], seeds: 3 },
    Entry { recipe: "projected", settings: &["model.generator_width=32", "model.network_side=128"], seeds: 1 },
    Entry { recipe: "projected", settings: &[], seeds: 1 },
    Entry { recipe: "r3gan-small", settings: &[], seeds: 1 },
    Entry { recipe: "r3gan-base", settings: &[], seeds: 1 },
    Entry { recipe: "dcgan32", settings: &[], seeds: 1 },
    Entry { recipe: "dcgan64", settings: &[], seeds: 1 },
    Entry { recipe: "keras-dogs", settings: &[], seeds: 1 },
    Entry { recipe: "dense-upsample", settings: &[], seeds: 1 },
    Entry { recipe: "stanford-dogs", settings: &[], seeds: 1 },
];

/// The default recipe has collapsed if its pictures cover no more of the real ones than this.
const LEAST_RECALL: f64 = 0.3;

/// `cargo xtask bench recipes MINUTES`: trains every recipe on the built-in dogs for as many minutes of processor time, one after
/// the other, and scores 1,000 pictures of each.
pub fn command(minutes: &str) -> Result<ExitCode> {
    let trainings = Trainings::prepare("bench-recipes", minutes)?;
    let file = format!("bench/recipes-{minutes}-minutes.md");
    let mut measurements = Vec::new();
    for entry in &ENTRIES {
        for seed in 0..entry.seeds {
            let measurement = measure(&trainings, entry, seed)?;
            println!("{}: {}", measurement.name, measurement.value);
            measurements.push(measurement);
            // Each time, because it takes hours.
            trainings.write(&file, &format!("cargo xtask bench recipes {minutes}"), &measurements)?;
        }
    }
    println!("\n{}", table(&measurements));
    Ok(ExitCode::SUCCESS)
}

/// Trains with one seed, and scores.
fn measure(trainings: &Trainings, entry: &Entry, seed: u32) -> Result<Measurement> {
    let name: Vec<&str> = [entry.recipe].into_iter().chain(entry.settings.iter().copied()).collect();
    let name = format!("{}, seed {seed}", name.join(", "));
    let mut arguments = vec!["--recipe".to_owned(), entry.recipe.to_owned(), "--seed".to_owned(), seed.to_string()];
    arguments.extend(entry.settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]));
    let out = trainings.train(&name, &arguments)?;
    // Where the training is after that time, and not its best moment.
    let latest = format!("{out}/checkpoints/latest.safetensors");
    let scores = trainings.ask(&["evaluate", &latest, "--data", "builtin:dogs", "--device", "cpu"])?;
    let info = trainings.ask(&["info", &out])?;
    let seen = info["progress"]["nimg"].as_u64().with_context(|| format!("no progress in {info}"))?;
    let value = line(&scores, entry.recipe == ENTRIES[0].recipe)?;
    Ok(Measurement { name, value: format!("{seen} pictures, {value}") })
}

/// The scores in words, and for the default recipe whether it has collapsed.
fn line(scores: &Value, is_default: bool) -> Result<String> {
    let generated = &scores["generated"];
    let of = |score: &str| number(&generated["scores"][format!("{score}_c10_1k_test")], "value");
    let recall = of("recall")?;
    let verdict = match (is_default, recall > LEAST_RECALL) {
        (false, _) => String::new(),
        (true, true) => format!(" (above {LEAST_RECALL})"),
        (true, false) => format!(" (COLLAPSED: not above {LEAST_RECALL})"),
    };
    Ok(format!(
        "fd_c10_1k_test {:.2}, kid {:.4}, precision {:.2}, recall {recall:.2}{verdict}, dogs {:.2}",
        of("fd")?,
        of("kid")?,
        of("precision")?,
        number(generated, "dog_rate")?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collapse_is_named() {
        let scores = |recall: f64| {
            let of = |value: f64| serde_json::json!({ "value": value, "standard_error": 0.01 });
            let scores = serde_json::json!({
                "fd_c10_1k_test": of(1.261),
                "kid_c10_1k_test": of(0.01174),
                "precision_c10_1k_test": of(0.856),
                "recall_c10_1k_test": of(recall),
            });
            serde_json::json!({ "generated": { "scores": scores, "dog_rate": 0.7 } })
        };
        let healthy = line(&scores(0.408), true).unwrap();
        let expected = "fd_c10_1k_test 1.26, kid 0.0117, precision 0.86, recall 0.41 (above 0.3), dogs 0.70";
        assert_eq!(healthy, expected);
        assert!(line(&scores(0.1), true).unwrap().contains("COLLAPSED"));
        assert!(!line(&scores(0.1), false).unwrap().contains("COLLAPSED"));
        assert!(line(&serde_json::json!({}), false).is_err());
    }
}
