//! Several devices that share each batch: the processor, named twice.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use whelp::checkpoint::Checkpoint;

use super::{pictures, refused, succeed, text, whelp};

/// Without scores, which take longer than such a run.
const SMALL: [&str; 12] = [
    "--batch",
    "8",
    "--set",
    "model.generator_width=4",
    "--set",
    "model.discriminator_width=4",
    "--set",
    "output.grid=4",
    "--set",
    "metrics.every_kimg=null",
    "--set",
    "metrics.every_minutes=null",
];

/// A training of the recipe on these devices, in the folder `out`.
fn train(place: &TempDir, recipe: &str, devices: &str, out: &str, steps: u32) -> Command {
    let mut command = whelp(place.path());
    command.args(["train", "--data", "my dogs", "--recipe", recipe, "--resolution", "32", "--device", devices]);
    command.args(SMALL).args(["--out", out, "--steps", &steps.to_string()]);
    command
}

fn last(place: &TempDir, out: &str) -> Checkpoint {
    let path = place.path().join(out).join("checkpoints/latest.safetensors");
    Checkpoint::from_bytes(&std::fs::read(path).unwrap()).unwrap()
}

/// Losses by step, as the run's folder holds them.
fn losses(run: &Path) -> Vec<f64> {
    let events = std::fs::read_to_string(run.join("events.jsonl")).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ticks = events.filter(|event| event["type"] == "tick");
    let values = |tick: Value| tick["series"]["values"]["loss/d"].as_array().unwrap().clone();
    ticks.flat_map(values).map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn a_run_on_two_devices_goes_on_bit_for_bit_and_without_batch_norm_follows_that_on_one() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    for recipe in ["r3gan-small", "dcgan32"] {
        let [whole, parts, one] = ["whole", "parts", "one"].map(|name| format!("{recipe}-{name}"));
        let output = succeed(&mut train(&place, recipe, "cpu,cpu", &whole, 8));
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains("2 devices: CPU, CPU"), "{said}");
        let note =
            format!("{recipe} normalises the 4 pictures of each device by themselves, not the 8 of the whole batch");
        assert_eq!(said.contains(&note), recipe == "dcgan32", "{said}");
        succeed(&mut train(&place, recipe, "cpu,cpu", &parts, 3));
        succeed(&mut train(&place, recipe, "cpu,cpu", &parts, 8));
        let [whole, parts] = [whole, parts].map(|out| last(&place, &out));
        assert_eq!((whole.meta.progress.step, whole.meta.progress.nimg), (8, 64));
        assert!(whole.tensors == parts.tensors, "{recipe}: every tensor is the same, bit for bit");
        // Batch norm, of half of the batch, makes another training of it.
        if recipe == "dcgan32" {
            continue;
        }
        succeed(&mut train(&place, recipe, "cpu", &one, 8));
        let [two, one] = [format!("{recipe}-whole"), one].map(|out| losses(&place.path().join(out)));
        assert_eq!((two.len(), one.len()), (8, 8));
        // Gradients, and as a rule these losses, agree to 1e-7. But Adam's first steps are as large for a gradient of nearly 0
        // as for any other: where rounding changes its sign, the weight ends two learning rates, 4e-4, away.
        let agree = two.iter().zip(&one).all(|(two, one)| (two - one).abs() <= 1e-4 * one.abs());
        assert!(agree, "{recipe}: {two:?} and {one:?}");
    }
}

#[test]
fn lists_of_devices_that_cannot_work_are_refused_with_a_sentence() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let refusal =
        |devices: &str, arguments: &[&str]| refused(train(&place, "r3gan-small", devices, "run", 1).args(arguments));
    let batch = refusal("cpu,cpu,cpu", &[]);
    assert!(
        batch.contains("train.batch is 8, which 3 devices can't share evenly; the nearest that they can are 6 and 9")
    );
    let stddev = refusal("cpu,cpu", &["--set", "model.minibatch_stddev=true"]);
    assert!(stddev.contains("model.minibatch_stddev is on, which compares all pictures of the batch"), "{stddev}");
    let kinds = refusal("cpu,vulkan:0", &[]);
    assert!(kinds.contains("devices that share a batch have to be of one kind"), "{kinds}");
    let remote = refusal("remote:ws://127.0.0.1:3000/0", &[]);
    assert!(remote.contains("devices of other machines can't be used"), "{remote}");
    assert!(!place.path().join("run").exists());
    let drawing = refused(whelp(place.path()).args(["generate", "run", "--out", "grid.png", "--device", "cpu,cpu"]));
    assert!(drawing.contains("several devices share the batches of a training only; name one"), "{drawing}");
}

#[test]
fn a_dry_run_tells_what_each_of_several_devices_needs() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let plan = |devices: &str| {
        let output = succeed(train(&place, "r3gan-small", devices, "run", 1).args(["--dry-run", "--json"]));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (one, two) = (plan("cpu"), plan("cpu,cpu"));
    assert_eq!((&one["devices"], &two["devices"]), (&1.into(), &2.into()));
    assert!(two["memory_bytes"].as_u64() < one["memory_bytes"].as_u64(), "half of the batch: {two}");
    assert_eq!(two["config"]["train"]["batch"], 8);
}
