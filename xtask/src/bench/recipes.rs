//! What each recipe has learnt after as many minutes of processor time as the others, by a network that none of them learns from.

use super::{Measurement, number, table, write_results};
use crate::build;
use crate::files;
use crate::paths::Paths;
use crate::process::{capture, run, tool};
use crate::setup;
use crate::steps::{Steps, with_clock};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// A recipe with settings on top, and how many seeds it is trained with.
struct Entry {
    recipe: &'static str,
    settings: &'static [&'static str],
    seeds: u32,
}

/// Those that learn from photos: three seeds of the default and of its variants for long runs and for typical pictures, and one of
/// the default with a larger view of the pictures.
const ENTRIES: [Entry; 11] = [
    Entry { recipe: "projected", settings: &[], seeds: 3 },
    Entry { recipe: "projected", settings: &["data.keep_typical=0.5"], seeds: 3 },
    Entry { recipe: "projected", settings: &["model.taps=deep"], seeds: 3 },
    Entry { recipe: "projected", settings: &["model.network_side=128"], seeds: 1 },
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
/// the other, and scores 1,000 pictures of each. Processor time, so that other work of the machine changes little.
/// `RAYON_NUM_THREADS` sets the number of threads, as for every training.
pub fn command(minutes: &str) -> Result<ExitCode> {
    let minutes: u32 = minutes.parse().with_context(|| format!("{minutes} is not a number of minutes"))?;
    let paths = Paths::find()?;
    let steps = Steps::default();
    setup::prepare(&setup::training_parts(), &paths, &steps)?;
    steps.run("Compile the terminal program", || build::compile_bare_program(&paths))?;
    let folder = paths.cache.join("bench-recipes");
    files::create_folder(&folder)?;
    // The program as it is now: it may be compiled again while this goes on.
    let program = folder.join(format!("whelp{}", std::env::consts::EXE_SUFFIX));
    std::fs::copy(build::program(&paths), &program).context("cannot copy the terminal program")?;
    let bench = Bench { program, folder, minutes, paths };
    let file = bench.paths.root.join(format!("bench/recipes-{minutes}-minutes.md"));
    let mut measurements = Vec::new();
    for entry in &ENTRIES {
        for seed in 0..entry.seeds {
            let measurement = bench.measure(entry, seed)?;
            println!("{}: {}", measurement.name, measurement.value);
            measurements.push(measurement);
            // Each time, because it takes hours.
            write_results(&file, &format!("cargo xtask bench recipes {minutes}"), &table(&measurements))?;
        }
    }
    println!("\n{}", table(&measurements));
    Ok(ExitCode::SUCCESS)
}

struct Bench {
    program: PathBuf,
    /// For the runs.
    folder: PathBuf,
    minutes: u32,
    paths: Paths,
}

impl Bench {
    /// Trains with one seed, and scores.
    fn measure(&self, entry: &Entry, seed: u32) -> Result<Measurement> {
        let name: Vec<&str> = [entry.recipe].into_iter().chain(entry.settings.iter().copied()).collect();
        let name = format!("{}, seed {seed}", name.join(", "));
        let out = self.folder.join(name.replace(", ", "-").replace(' ', "-"));
        if out.exists() {
            std::fs::remove_dir_all(&out).with_context(|| format!("cannot remove {}", out.display()))?;
        }
        with_clock(&name, || self.train(entry, seed, &out))?;
        let scores = self.scores(&out)?;
        let value = line(&scores, entry.recipe == ENTRIES[0].recipe)?;
        Ok(Measurement { name, value: format!("{} pictures, {value}", self.pictures_seen(&out)?) })
    }

    fn train(&self, entry: &Entry, seed: u32, out: &Path) -> Result<()> {
        let mut command = tool(&self.program, &self.paths);
        command.args(["train", "--recipe", entry.recipe, "--seed", &seed.to_string(), "--time", "100h"]);
        command.args(["--data", "builtin:dogs", "--device", "cpu", "--set", "data.horizontal_flip=true"]);
        command.args(entry.settings.iter().flat_map(|setting| ["--set", setting])).arg("--out").arg(out);
        let mut training = command.stderr(Stdio::null()).spawn().context("cannot start the training")?;
        let budget = Duration::from_secs(60 * u64::from(self.minutes));
        while training.try_wait()?.is_none() && processor_time(training.id())? < budget {
            std::thread::sleep(Duration::from_millis(200));
        }
        // As Ctrl-C: it saves a checkpoint.
        run(Command::new("kill").args(["-INT", &training.id().to_string()]))?;
        training.wait()?;
        Ok(())
    }

    fn scores(&self, out: &Path) -> Result<Value> {
        let mut command = tool(&self.program, &self.paths);
        command.arg("evaluate").arg(out).args(["--data", "builtin:dogs", "--device", "cpu", "--json"]);
        Ok(serde_json::from_str(&capture(&mut command)?)?)
    }

    fn pictures_seen(&self, out: &Path) -> Result<u64> {
        let mut command = tool(&self.program, &self.paths);
        let info: Value = serde_json::from_str(&capture(command.arg("info").arg(out).arg("--json"))?)?;
        info["progress"]["nimg"].as_u64().with_context(|| format!("no progress in {info}"))
    }
}

/// Processor time that a process has used so far, of all its threads together.
fn processor_time(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path)
        .with_context(|| format!("{path} can't be read, which tells the processor time: this needs Linux"))?;
    processor_time_in(&stat).with_context(|| format!("{path} does not tell the processor time: {stat}"))
}

/// The fields utime and stime of proc_pid_stat(5), which follow on the name in brackets.
fn processor_time_in(stat: &str) -> Option<Duration> {
    const TICKS_PER_SECOND: u64 = 100;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Duration::from_millis((field(14)? + field(15)?) * 1000 / TICKS_PER_SECOND))
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
    fn processor_time_is_that_of_the_whole_process() {
        let stat = "42 (a) name) S 1 42 42 0 -1 4194304 100 0 0 0 1234 66 0 0 20 0 3 0 555";
        assert_eq!(processor_time_in(stat), Some(Duration::from_secs(13)));
        assert_eq!(processor_time_in("42 (x) S 1"), None);
        let own = processor_time(std::process::id()).unwrap();
        assert!(own < Duration::from_secs(3600));
    }

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
