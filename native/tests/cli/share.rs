//! Generators to give away: ONNX, the page, the model card. What they draw is tested with the library and in browsers.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use whelp::checkpoint::Checkpoint;

use super::night::train;
use super::{TINY, pictures, refused, succeed, text, whelp};

fn starter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/assets/starter.safetensors")
}

#[test]
fn one_command_writes_a_checkpoint_onnx_and_a_page() {
    let place = TempDir::new().unwrap();
    let read = |name: &str| fs::read(place.path().join(name)).unwrap();
    let mut export = whelp(place.path());
    export.arg("export").arg(starter());
    let targets = ["--out", "small.safetensors", "--onnx", "dogs.onnx", "--html", "dogs.html"];
    let said = text(&succeed(export.args(targets)).stderr);
    assert!(said.contains("opset 17: z [batch, 64] -> image [batch, 3, 32, 32]"), "{said}");
    assert!(said.contains("dogs.html (") && said.contains("without a network"), "{said}");
    assert!(read("dogs.onnx").windows(5).any(|part| part == b"Whelp"));

    // Both have two bytes for each weight, the page as base64.
    let weights = read("small.safetensors").len();
    let page = String::from_utf8(read("dogs.html")).unwrap();
    let rest = page.len() - weights * 4 / 3;
    assert!(rest < 200_000, "{rest} bytes beside the weights");
    assert!(page.starts_with("<!doctype html>") && page.contains("<title>Built-in dogs</title>"));
    assert!(!page.contains("{{") && !page.contains("http:") && !page.contains("https:"), "nothing from elsewhere");

    // What is there is replaced, as other commands replace what they are told to write.
    fs::write(place.path().join("dogs.html"), "old").unwrap();
    succeed(whelp(place.path()).arg("export").arg(starter()).args(["--html", "dogs.html"]));
    assert_eq!(read("dogs.html"), page.as_bytes());
}

#[test]
fn what_cannot_be_exported_or_written_is_a_sentence() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("letter.safetensors"), "Dear aunt").unwrap();
    fs::create_dir(place.path().join("folder")).unwrap();
    for target in ["--onnx", "--html", "--out"] {
        let message = refused(whelp(place.path()).args(["export", "letter.safetensors", target, "x"]));
        assert!(message.contains("letter.safetensors: this is not a Whelp checkpoint"), "{message}");
        let message = refused(whelp(place.path()).arg("export").arg(starter()).args([target, "folder"]));
        assert!(message.contains("folder cannot be written to"), "{message}");
    }
    assert!(!place.path().join("x").exists());
    let message = refused(whelp(place.path()).args(["export", "letter.safetensors"]));
    assert!(message.contains("--onnx <FILE.onnx>") && message.contains("--html <FILE.html>"), "{message}");
    let message = refused(whelp(place.path()).args(["card", "letter.safetensors"]));
    assert!(message.contains("letter.safetensors: this is not a Whelp checkpoint"), "{message}");
    let message = refused(whelp(place.path()).arg("card").arg(starter()).args(["-o", "folder"]));
    assert!(message.contains("folder cannot be written to"), "{message}");
    let message = refused(whelp(place.path()).arg("card").arg(starter()).args([
        "-o",
        "x.md",
        "--evaluation",
        "letter.safetensors",
    ]));
    assert!(message.contains("this is not what `whelp evaluate --json` prints"), "{message}");
    assert!(!place.path().join("x.md").exists());
}

#[test]
fn nothing_is_written_over_what_is_read_or_what_a_run_needs() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    succeed(&mut train(&place, "run", 5));
    let file = "run/checkpoints/step_00000005.safetensors";
    let before = fs::read(place.path().join(file)).unwrap();
    for arguments in [
        ["export", file, "--out", file],
        ["export", "run", "--onnx", "run/checkpoints/latest.safetensors"],
        ["card", "run", "--out", file],
        ["evaluate", "my dogs", "--sheet", file],
    ] {
        let message = refused(whelp(place.path()).args(arguments));
        assert!(message.contains("would be written over"), "{message}");
    }
    let message = refused(whelp(place.path()).args(["export", "run", "--onnx", "x", "--html", "x"]));
    assert!(message.contains("x can hold one file alone"), "{message}");
    assert_eq!(fs::read(place.path().join(file)).unwrap(), before);
    // One that was made small in another way: the one before it goes on.
    let small = Checkpoint::from_bytes(&before).unwrap().for_drawing().to_bytes();
    fs::write(place.path().join("run/checkpoints/step_00000007.safetensors"), small).unwrap();
    succeed(&mut train(&place, "run", 10));
}

#[test]
fn a_model_card_tells_of_the_run_and_does_not_replace_one_that_was_filled_in() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let mut train = whelp(place.path());
    train.arg("train").arg("--data").arg(&data).args(["--recipe", "dcgan32"]).args(TINY);
    succeed(train.args(["--steps", "2", "--set", "train.beta1=0.25", "--out", "run"]));
    // A run that was scored at steps 2 and 3; the checkpoint is of step 2.
    let mut events = fs::read_to_string(place.path().join("run/events.jsonl")).unwrap();
    for (step, value) in [(2, 1.25), (3, 0.75)] {
        let values = json!({ "metric/kid_c10_1k_val": value, "metric_error/kid_c10_1k_val": 0.5, "scoring/secs": 9.0 });
        let nimg = 4 * step;
        events += &format!("{{\"type\":\"values\",\"step\":{step},\"nimg\":{nimg},\"values\":{values}}}\n");
    }
    fs::write(place.path().join("run/events.jsonl"), events).unwrap();

    let said = text(&succeed(whelp(place.path()).args(["card", "run"])).stderr);
    assert!(said.contains("run/README.md") && said.contains("license"), "{said}");
    let file = place.path().join("run/README.md");
    let card = fs::read_to_string(&file).unwrap();
    assert!(
        card.starts_with("---\n") && card.contains("\nlicense: unknown\n") && card.contains("\n- dcgan\n"),
        "{card}"
    );
    for line in [
        "# my dogs, 32 x 32 pixels",
        "| Recipe | dcgan32 |",
        "| Pictures | 12 |",
        "| Images seen | 8 |",
        "| Steps | 2 of 4 pictures |",
        "| `train.beta1` | 0.25 | 0.5 |",
        "| `model.generator_width` | 4 | 64 |",
        "What the run scored at this step:",
        "| `kid_c10_1k_val` | 1.25000 | 0.50000 |",
        "Not counted. `whelp evaluate` counts them.",
        "whelp generate run --count 64 --out grid.png",
    ] {
        assert!(card.contains(line), "{line} in\n{card}");
    }
    assert!(card.contains("| Fingerprint | `"), "{card}");

    fs::write(&file, "license: mit").unwrap();
    let message = refused(whelp(place.path()).args(["card", "run"]));
    assert!(message.contains("README.md is there already") && message.contains("--out"), "{message}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "license: mit");
    succeed(whelp(place.path()).args(["card", "run", "--out", "run/README.md"]));
    assert_eq!(fs::read_to_string(&file).unwrap(), card);

    // What an evaluation found is added.
    let mut evaluate = whelp(place.path());
    evaluate.args(["evaluate", "run", "--json", "--device", "cpu", "--count", "40", "--data"]).arg(&data);
    fs::write(place.path().join("evaluation.json"), succeed(&mut evaluate).stdout).unwrap();
    let latest = "run/checkpoints/latest.safetensors";
    succeed(whelp(place.path()).args(["card", latest, "--evaluation", "evaluation.json", "-o", "card.md"]));
    let card = fs::read_to_string(place.path().join("card.md")).unwrap();
    assert!(card.contains("40 pictures compared with 12") && card.contains("| `fd_c10_40_train` |"), "{card}");
    assert!(card.contains("Not counted: there were too few real pictures"), "{card}");
    assert!(card.contains("| `kid_c10_1k_val` | 1.25000 |"), "a checkpoint in a run's folder has its scores: {card}");
}

#[test]
fn a_checkpoint_alone_has_its_card_beside_it() {
    let place = TempDir::new().unwrap();
    fs::copy(starter(), place.path().join("dogs.safetensors")).unwrap();
    succeed(whelp(place.path()).args(["card", "dogs.safetensors"]));
    let card = fs::read_to_string(place.path().join("dogs.md")).unwrap();
    assert!(card.contains("# Built-in dogs, 32 x 32 pixels") && card.contains("| Pictures | 5000 |"), "{card}");
    assert!(card.contains("whelp export dogs.safetensors --onnx generator.onnx --html generator.html"), "{card}");
}
