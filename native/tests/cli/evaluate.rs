//! Scores of checkpoints and of folders.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::{TINY, pictures, refused, succeed, text, whelp};

/// A tiny run on `data`, with a third of the pictures held out.
fn train(place: &TempDir, data: &Path) {
    let mut command = whelp(place.path());
    command.arg("train").arg("--data").arg(data).args(TINY).args(["--steps", "2", "--out", "run"]);
    succeed(command.args(["--set", "data.validation=0.5"]));
}

fn evaluate(place: &TempDir, arguments: &[&str]) -> Value {
    let output = succeed(whelp(place.path()).args(["evaluate", "--device", "cpu", "--json"]).args(arguments));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn a_checkpoint_and_the_folder_of_its_pictures_have_the_same_scores() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    train(&place, &data);
    let data = data.to_str().unwrap();
    succeed(whelp(place.path()).args(["generate", "--checkpoint", "run", "--count", "40", "--seed", "3"]).args([
        "--device",
        "cpu",
        "--out",
        "drawn.zip",
    ]));
    let common = ["--data", data, "--count", "40", "--seed", "3"];
    let by_checkpoint = evaluate(&place, &[&["run"], &common[..]].concat());
    assert_eq!(by_checkpoint["real_count"], 6, "those that were held out: {by_checkpoint}");
    assert!(by_checkpoint["real"].as_str().unwrap().starts_with("held out"), "{by_checkpoint}");
    assert_eq!(by_checkpoint["floor"]["count"], 6, "those of the training");
    assert_eq!(by_checkpoint["network"]["fd"], "FD-C10");
    let by_folder = evaluate(&place, &[&["drawn.zip"], &common[..]].concat());
    assert_eq!(by_folder["real_count"], 12, "nothing is known of a training: {by_folder}");
    assert_eq!(by_folder["generated"]["count"], 40);
    assert_eq!(by_folder["generated"]["dog_rate"], by_checkpoint["generated"]["dog_rate"]);

    // Compared with the same pictures, they score the same to the last digit.
    let common = ["--data", "builtin:dogs", "--count", "40", "--seed", "3"];
    let [by_checkpoint, by_folder] =
        ["run", "drawn.zip"].map(|subject| evaluate(&place, &[&[subject], &common[..]].concat()));
    for score in ["fd", "kid", "kid_standard_error", "precision", "recall", "density", "coverage", "dog_rate"] {
        assert_eq!(by_checkpoint["generated"][score], by_folder["generated"][score], "{score}");
    }
    assert_eq!(by_checkpoint["floor"], by_folder["floor"]);
}

#[test]
fn real_dogs_are_nearer_to_the_test_dogs_than_a_tiny_network_and_the_table_says_so() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    train(&place, &data);
    let found = evaluate(&place, &["run", "--data", "builtin:dogs", "--count", "200"]);
    let (generated, floor) = (&found["generated"], &found["floor"]);
    assert!(number(generated, "fd") > 3.0 * number(floor, "fd"), "{found}");
    assert!(number(generated, "kid") > number(floor, "kid") + 10.0 * number(floor, "kid_standard_error"), "{found}");
    assert!(number(floor, "dog_rate") > 0.5 && number(&found, "real_dog_rate") > 0.5, "{found}");
    assert!(number(generated, "dog_rate") < 0.5 && number(generated, "recall") < number(floor, "recall"), "{found}");

    let output = succeed(whelp(place.path()).args([
        "evaluate",
        "run",
        "--data",
        "builtin:dogs",
        "--count",
        "150",
        "--device",
        "cpu",
    ]));
    let table = text(&output.stdout);
    for line in
        ["network     CIFAR-10 classifier (weights ", "generated   150 drawn by run, seed 0", "floor       150 "]
    {
        assert!(table.contains(line), "{line}: {table}");
    }
    assert!(
        table.contains("FD-C10") && table.contains("150 pictures are too few for FD-C10 on 192 features"),
        "{table}"
    );
}

#[test]
fn the_starter_is_scored_without_naming_anything() {
    let place = TempDir::new().unwrap();
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/assets/starter.safetensors");
    let found = evaluate(&place, &[starter.to_str().unwrap(), "--count", "300"]);
    assert_eq!((found["real_count"].as_u64(), found["notes"].as_array().unwrap().len()), (Some(1000), 0), "{found}");
    assert!(number(&found["generated"], "fd") < 5.0 && number(&found["generated"], "dog_rate") > 0.3, "{found}");
}

#[test]
fn what_can_not_be_scored_is_refused_with_a_sentence() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    train(&place, &data);
    let evaluate =
        |arguments: &[&str]| refused(whelp(place.path()).args(["evaluate", "--device", "cpu"]).args(arguments));
    let other = evaluate(&["run"]);
    assert!(other.contains("was trained on \"my dogs\"; name those pictures with --data PATH"), "{other}");
    let nowhere = evaluate(&["nowhere"]);
    assert!(nowhere.contains("nowhere could not be read"), "{nowhere}");
    let resolution = evaluate(&["run", "--resolution", "64"]);
    assert!(resolution.contains("a checkpoint has its own"), "{resolution}");
    let network = evaluate(&["run", "--network", "inception"]);
    assert!(network.contains("there is no network \"inception\""), "{network}");
    let few = PathBuf::from("few");
    fs::create_dir(place.path().join(&few)).unwrap();
    fs::copy(data.join("0.png"), place.path().join("few/0.png")).unwrap();
    let few = evaluate(&["few"]);
    assert!(few.contains("scores need at least 6 pictures to compare; few has 1"), "{few}");
}

#[test]
fn the_other_network_has_scores_of_its_own_name_and_says_when_they_are_worth_nothing() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let empty = TempDir::new().unwrap();
    let mut command = whelp(place.path());
    command.args(["evaluate", "--device", "cpu", "--network", "lite0", "--data"]).arg(&data).arg(&data);
    let missing = refused(command.env("WHELP_CACHE", empty.path()));
    assert!(
        missing.contains("lite0-early.safetensors, weights that --network lite0 needs, can't be read"),
        "{missing}"
    );

    let found = evaluate(&place, &[data.to_str().unwrap(), "--network", "lite0", "--data", data.to_str().unwrap()]);
    assert_eq!(
        (&found["network"]["fd"], &found["network"]["features"]),
        (&"FD-EffLite0".into(), &1280.into()),
        "{found}"
    );
    assert!(found["generated"].get("dog_rate").is_none() && number(&found["generated"], "fd").abs() < 1e-3, "{found}");
    assert!(found["notes"][0].as_str().unwrap().contains("too few for FD-EffLite0 on 1280 features"), "{found}");
}
