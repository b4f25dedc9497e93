//! What each recipe has learnt after as many minutes as the others, by a network that none of them learns from.

use super::{Measurement, number, table, write_results};
use crate::build;
use crate::paths::Paths;
use crate::process::{capture, run, tool};
use crate::setup;
use crate::steps::{Steps, with_clock};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// Those that learn from photos.
const RECIPES: [&str; 8] =
    ["projected", "r3gan-small", "r3gan-base", "dcgan32", "dcgan64", "keras-dogs", "dense-upsample", "stanford-dogs"];

/// The first one is trained once for each of these seeds, the others for the first.
const SEEDS: [u32; 3] = [0, 1, 2];

/// The default recipe has collapsed if its pictures cover no more of the real ones than this.
const LEAST_RECALL: f64 = 0.3;

/// `cargo xtask bench recipes MINUTES`: trains every recipe on the built-in dogs for as long, one after the other, and scores
/// 1,000 pictures of each. `RAYON_NUM_THREADS` sets the number of threads, as for every training.
pub fn command(minutes: &str) -> Result<ExitCode> {
    let minutes: u32 = minutes.parse().with_context(|| format!("{minutes} is not a number of minutes"))?;
    let paths = Paths::find()?;
    let steps = Steps::default();
    setup::prepare(&setup::training_parts(), &paths, &steps)?;
    steps.run("Compile the terminal program", || build::compile_program(&paths))?;
    let mut measurements = Vec::new();
    for (i, recipe) in RECIPES.into_iter().enumerate() {
        let seeds = if i == 0 { &SEEDS[..] } else { &SEEDS[..1] };
        for seed in seeds {
            measurements.push(measure(recipe, *seed, minutes, i == 0, &paths)?);
        }
    }
    let table = table(&measurements);
    println!("\n{table}");
    let file = format!("bench/recipes-{minutes}-minutes.md");
    write_results(&paths.root.join(file), &format!("cargo xtask bench recipes {minutes}"), &table)?;
    Ok(ExitCode::SUCCESS)
}

/// Trains with one seed, and scores.
fn measure(recipe: &str, seed: u32, minutes: u32, is_default: bool, paths: &Paths) -> Result<Measurement> {
    let name = format!("{recipe}, seed {seed}, {minutes} min");
    let out = paths.cache.join("bench-recipes").join(format!("{recipe}-{seed}-{minutes}"));
    if out.exists() {
        std::fs::remove_dir_all(&out).with_context(|| format!("cannot remove {}", out.display()))?;
    }
    with_clock(&name, || train(recipe, seed, minutes, &out, paths))?;
    let scores = scores(&out, paths)?;
    let value = line(&scores, is_default)?;
    let value = format!("{} pictures, {value}", pictures_seen(&out, paths)?);
    Ok(Measurement { name, value })
}

fn train(recipe: &str, seed: u32, minutes: u32, out: &Path, paths: &Paths) -> Result<()> {
    let mut command = tool(build::program(paths), paths);
    command.args(["train", "--recipe", recipe, "--seed", &seed.to_string(), "--time", &format!("{minutes}m")]);
    command.args(["--data", "builtin:dogs", "--device", "cpu", "--set", "data.horizontal_flip=true", "--out"]).arg(out);
    run(&mut command)
}

fn scores(out: &Path, paths: &Paths) -> Result<Value> {
    let mut command = tool(build::program(paths), paths);
    command.arg("evaluate").arg(out).args(["--data", "builtin:dogs", "--device", "cpu", "--json"]);
    Ok(serde_json::from_str(&capture(&mut command)?)?)
}

fn pictures_seen(out: &Path, paths: &Paths) -> Result<u64> {
    let mut command = tool(build::program(paths), paths);
    let info: Value = serde_json::from_str(&capture(command.arg("info").arg(out).arg("--json"))?)?;
    info["progress"]["nimg"].as_u64().with_context(|| format!("no progress in {info}"))
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
