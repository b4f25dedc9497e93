//! Scores of checkpoints and of folders.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::{TINY, pictures, refused, succeed, text, whelp};

/// A tiny run on `data`, with a half of the pictures held out.
fn train(place: &TempDir, data: &Path) {
    let mut command = whelp(place.path());
    command.arg("train").arg("--data").arg(data).args(TINY).args(["--steps", "2", "--out", "run"]);
    succeed(command.args(["--set", "data.validation=0.5"]));
}

fn evaluate(place: &TempDir, arguments: &[&str]) -> Value {
    let output = succeed(whelp(place.path()).args(["evaluate", "--device", "cpu", "--json"]).args(arguments));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn starter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/assets/starter.safetensors")
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// A score by its name.
fn score(judged: &Value, name: &str) -> f64 {
    number(&judged["scores"][name], "value")
}

#[test]
fn a_checkpoint_and_the_folder_of_its_pictures_have_the_same_scores() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    train(&place, &data);
    let data = data.to_str().unwrap();
    succeed(whelp(place.path()).args(["generate", "run", "--count", "44", "--seed", "3"]).args([
        "--device",
        "cpu",
        "--out",
        "drawn.zip",
    ]));
    let common = ["--data", data, "--count", "44", "--seed", "3"];
    let by_checkpoint = evaluate(&place, &[&["run"], &common[..]].concat());
    assert_eq!(by_checkpoint["real_count"], 6, "those that were held out: {by_checkpoint}");
    assert!(by_checkpoint["real"].as_str().unwrap().starts_with("held out"), "{by_checkpoint}");
    assert_eq!(by_checkpoint["floor"]["count"], 6, "those of the training");
    let generated = &by_checkpoint["generated"]["scores"];
    assert!(
        generated["fd_c10_44_val"]["value"].is_number() && generated["swd_44_val"]["value"].is_number(),
        "{generated}"
    );
    assert!(generated["kid_c10_44_val"]["standard_error"].is_null(), "six pictures have no groups: {generated}");
    let by_folder = evaluate(&place, &[&["drawn.zip"], &common[..]].concat());
    assert_eq!(by_folder["real_count"], 12, "nothing is known of a training: {by_folder}");
    assert_eq!(by_folder["generated"]["count"], 44);
    assert_eq!(by_folder["generated"]["dog_rate"], by_checkpoint["generated"]["dog_rate"]);
    assert!(score(&by_folder["generated"], "fd_c10_44_given").is_finite(), "{by_folder}");

    // Compared with the same pictures, they score the same to the last digit, and there is nothing between them.
    let beside = ["--data", "builtin:dogs", "--count", "44", "--seed", "3", "--against", "drawn.zip"];
    let both = evaluate(&place, &[&["run"], &beside[..]].concat());
    assert_eq!(both["generated"]["scores"], both["against"]["scores"], "{both}");
    let difference = &both["differences"]["kid_c10_44_test"];
    assert_eq!((&difference["value"], &difference["verdict"]), (&0.0.into(), &"noise".into()), "{both}");
}

/// Forty-two pictures of a colour each, and others of another.
fn colours(place: &TempDir, name: &str, red: u8) -> PathBuf {
    let folder = place.path().join(name);
    fs::create_dir(&folder).unwrap();
    for index in 0..42u32 {
        let pixel = |x: u32, y: u32| image::Rgb([red, (x * 3 + index * 5) as u8, (y * (index % 7)) as u8]);
        image::RgbImage::from_fn(32, 32, pixel).save(folder.join(format!("{index:02}.png"))).unwrap();
    }
    folder
}

#[test]
fn two_folders_are_told_apart_and_the_table_says_what_is_noise() {
    let place = TempDir::new().unwrap();
    let [red, pink, blue] =
        [("red", 200), ("pink", 203), ("blue", 20)].map(|(name, level)| colours(&place, name, level));
    let against = |first: &Path, second: &Path| {
        let paths = [first, second, &red].map(|path| path.to_str().unwrap());
        let output = succeed(whelp(place.path()).args(["evaluate", "--device", "cpu", "--count", "42"]).args([
            paths[0],
            "--against",
            paths[1],
            "--data",
            paths[2],
        ]));
        text(&output.stdout)
    };
    let table = against(&blue, &pink);
    let line =
        |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {table}"));
    assert!(line("against ").contains("42 in"), "{table}");
    for name in ["kid_c10_42_given", "coverage_c10_42_given"] {
        assert!(line(name).contains("worse") && line(name).contains('±'), "{table}");
    }
    assert!(table.contains("42 pictures are too few for fd and mifid on 192 features"), "{table}");
    assert!(table.trim_end().lines().last().unwrap().starts_with("Copies: Not counted"), "{table}");
}

#[test]
fn real_dogs_are_nearer_to_the_test_dogs_than_a_tiny_network_and_the_starter_is_between() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    train(&place, &data);
    let starter = starter();
    let beside = ["--data", "builtin:dogs", "--count", "200", "--against", starter.to_str().unwrap()];
    let more = ["--copies", "closest.png", "--sheet", "blind.png"];
    let found = evaluate(&place, &[&["run"], &beside[..], &more].concat());
    let (tiny, starter, floor) = (&found["generated"], &found["against"], &found["floor"]);
    for name in ["fd_c10_200_test", "kid_c10_200_test", "swd_200_test"] {
        let [tiny, starter, floor] = [tiny, starter, floor].map(|judged| score(judged, name));
        assert!(tiny > starter && starter > floor, "{name}: {tiny}, {starter}, {floor}");
        assert_eq!(found["differences"][name]["verdict"], "worse", "{found}");
    }
    assert!(number(floor, "dog_rate") > 0.5 && number(&found, "real_dog_rate") > 0.5, "{found}");
    assert!(number(starter, "dog_rate") > 0.3 && number(tiny, "dog_rate") < 0.5, "{found}");
    assert!(found["notes"].as_array().unwrap().is_empty(), "{found}");

    // Noise is no copy of anything. Each picture of the sheet is beside its nearest of the training.
    let copies = &found["copies"];
    assert_eq!((&copies["of"], &copies["training"]), (&200.into(), &5000.into()), "{copies}");
    assert!(copies["count"].as_u64().unwrap() <= 2, "{copies}");
    let sheet = |name: &str| image::open(place.path().join(name)).unwrap();
    assert_eq!((sheet("closest.png").width(), sheet("closest.png").height()), (320, 64));
    assert_eq!((sheet("blind.png").width(), sheet("blind.png").height()), (256, 256));
    let key = fs::read_to_string(place.path().join("blind.key.txt")).unwrap();
    let count = |kind: &str| key.lines().filter(|line| line.ends_with(kind)).count();
    assert_eq!((count(": generated"), count(": real")), (32, 32), "{key}");
    assert!(key.lines().take(32).any(|line| line.ends_with("real")), "they are mixed: {key}");
}

#[test]
fn a_run_keeps_its_best_checkpoint_and_pictures_are_drawn_with_it() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let mut command = whelp(place.path());
    command.arg("train").arg("--data").arg(&data).args(TINY).args(["--steps", "40", "--out", "run"]);
    command.args(["--set", "metrics.every_kimg=0.016", "--set", "metrics.count=10", "--set", "metrics.budget=1"]);
    let output = text(&succeed(&mut command).stderr);
    let line = |start: &str| {
        output.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {output}"))
    };
    assert!(line("scores ").contains("kid_c10_10_train"), "{output}");
    assert!(line("best ").contains("the first score: run/checkpoints/best.safetensors"), "{output}");
    let events = fs::read_to_string(place.path().join("run/events.jsonl")).unwrap();
    let best = events.lines().rfind(|line| line.contains("\"type\":\"best\"")).unwrap();
    let best: Value = serde_json::from_str(best).unwrap();

    let info = super::info(&place.path().join("run/checkpoints/best.safetensors"));
    assert_eq!((&info["progress"]["step"], &info["scored"]["best"]), (&best["step"], &best["score"]), "{info}");
    let draw = |what: &str| {
        let arguments = ["generate", what, "--count", "1", "--out", "one.png", "--device", "cpu"];
        text(&succeed(whelp(place.path()).args(arguments)).stderr)
    };
    let words = draw("run");
    assert!(
        words.contains("drawing with run/checkpoints/best.safetensors, the run's best by kid_c10_10_train"),
        "{words}"
    );
    assert!(!draw("run/checkpoints/latest.safetensors").contains("best"), "a file is what it is");
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
    let against = evaluate(&["run", "--against", "nowhere"]);
    assert!(against.contains("nowhere could not be read"), "{against}");
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
    assert_eq!(found["network"]["features"], 1280, "{found}");
    assert!(found["generated"].get("dog_rate").is_none(), "{found}");
    assert!(score(&found["generated"], "fd_lite0_12_given").abs() < 1e-3, "{found}");
    assert!(found["notes"][0].as_str().unwrap().contains("too few for fd and mifid on 1280 features"), "{found}");
}
