//! The binary as people use it: real files, real processes, real signals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Small enough that a step takes a moment on one core.
const TINY: [&str; 10] = [
    "--device",
    "cpu",
    "--batch",
    "4",
    "--set",
    "model.generator_width=4",
    "--set",
    "model.discriminator_width=4",
    "--set",
    "output.grid=4",
];

fn whelp(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whelp"));
    command.current_dir(folder).env_remove("RUST_BACKTRACE");
    command
}

/// A folder of pictures in several formats and sizes, one broken file among them.
fn pictures(parent: &TempDir) -> PathBuf {
    let folder = parent.path().join("my dogs");
    fs::create_dir_all(folder.join("brown")).unwrap();
    for index in 0..12u32 {
        let (width, height) = (40 + index, 52 - index);
        let pixel = |x: u32, y: u32| image::Rgb([(x * 5) as u8, (y * 4) as u8, (index * 20) as u8]);
        let picture = image::RgbImage::from_fn(width, height, pixel);
        let name = if index % 2 == 0 { format!("{index}.png") } else { format!("brown/{index}.png") };
        picture.save(folder.join(name)).unwrap();
    }
    fs::write(folder.join("broken.png"), b"\x89PNG\r\n\x1a\nand then nothing").unwrap();
    folder
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeed(command: &mut Command) -> Output {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output.stderr));
    output
}

/// The message on stderr of a command that ends with status 2.
fn refused(command: &mut Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(2), "{command:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

fn info(checkpoint: &Path) -> Value {
    let output = succeed(whelp(Path::new(".")).arg("info").arg(checkpoint).arg("--json"));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint_and_draws_pictures() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let out = place.path().join("run");
    let latest = out.join("checkpoints/latest.safetensors");
    let train = |command: &mut Command| {
        command.args(["train", "--data"]).arg(&data).args(TINY).args(["--set", "output.checkpoint_steps=5"]);
    };

    // Killed without warning somewhere after the first checkpoint of an endless run.
    let mut endless = whelp(place.path());
    train(&mut endless);
    endless.args(["--set", "train.length=\"unlimited\"", "--out"]).arg(&out);
    let mut child = endless.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&latest);
    child.kill().unwrap();
    child.wait().unwrap();
    let at_kill = info(&latest)["progress"]["step"].as_u64().unwrap();
    assert!(at_kill >= 5 && at_kill.is_multiple_of(5), "{at_kill}");

    // Going on needs nothing but the folder and the pictures; 30 more steps.
    let target = at_kill + 30;
    let steps = target.to_string();
    let resumed = succeed(
        whelp(place.path())
            .arg("train")
            .arg("--resume")
            .arg(&out)
            .arg("--data")
            .arg(&data)
            .args(["--device", "cpu", "--steps", &steps, "--json"]),
    );
    let events: Vec<Value> = text(&resumed.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let losses: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "tick")
        .flat_map(|tick| tick["losses"].as_array().unwrap())
        .collect();
    let last = losses.last().unwrap();
    assert_eq!(last["step"], target);
    assert!(losses.iter().all(|l| l["d"].as_f64().unwrap().is_finite() && l["g"].as_f64().unwrap().is_finite()));
    assert_eq!(info(&latest)["progress"]["step"], target);
    for file in [
        "run.json",
        "events.jsonl",
        &format!("samples/step_{target:08}.png"),
        &format!("checkpoints/step_{target:08}.safetensors"),
    ] {
        assert!(out.join(file).exists(), "{file}");
    }

    // Sixty-four pictures three ways, the same ones each time.
    let generate = |target: &str| {
        succeed(
            whelp(place.path())
                .arg("generate")
                .arg("--checkpoint")
                .arg(&out)
                .args(["--count", "64", "--seed", "3", "--device", "cpu", "--out", target]),
        );
        place.path().join(target)
    };
    let folder = generate("drawn");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 64);
    let first = image::open(folder.join("00000.png")).unwrap().into_rgb8();
    assert_eq!(first.dimensions(), (32, 32));
    let grid = image::open(generate("grid.png")).unwrap().into_rgb8();
    assert_eq!(grid.dimensions(), (256, 256));
    let corner = image::imageops::crop_imm(&grid, 0, 0, 32, 32).to_image();
    assert_eq!(corner, first);
    let mut zip = zip::ZipArchive::new(fs::File::open(generate("drawn.zip")).unwrap()).unwrap();
    assert_eq!(zip.len(), 64);
    let mut bytes = Vec::new();
    std::io::copy(&mut zip.by_name("00063.png").unwrap(), &mut bytes).unwrap();
    assert_eq!(bytes, fs::read(folder.join("00063.png")).unwrap());
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_a_checkpoint_and_ends_with_130() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let mut command = whelp(place.path());
    command.arg("train").arg("--data").arg(&data).args(TINY).args(["--time", "1h", "--out", "run"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let events = place.path().join("run/events.jsonl");
    wait_for(&events);
    // Once it has trained at all.
    let start = Instant::now();
    while !fs::read_to_string(&events).unwrap().contains("\"tick\"") {
        assert!(start.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(20));
    }
    succeed(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let saved = info(&place.path().join("run"));
    assert!(saved["progress"]["step"].as_u64().unwrap() >= 1);
}

#[test]
fn what_was_left_out_is_said_with_its_reason() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let output = succeed(whelp(place.path()).arg("train").arg("--data").arg(&data).args(TINY).args(["--steps", "1"]));
    let said = text(&output.stderr);
    assert!(said.contains("12 at 32 pixels") && said.contains("broken.png"), "{said}");
    assert!(place.path().join("runs/001-dcgan32-32px/checkpoints/latest.safetensors").exists(), "{said}");
}

#[test]
fn bad_input_is_a_sentence_that_names_it_and_status_2() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let train = || {
        let mut command = whelp(place.path());
        command.arg("train").arg("--data").arg(&data).args(TINY);
        command
    };
    let missing = refused(whelp(place.path()).args(["train", "--data", "nowhere"]));
    assert!(missing.contains("nowhere"), "{missing}");
    let recipe = refused(train().args(["--recipe", "dcgan"]));
    assert!(recipe.contains("did you mean \"dcgan32\""), "{recipe}");
    let setting = refused(train().args(["--set", "train.bach=4"]));
    assert!(setting.contains("did you mean \"train.batch\""), "{setting}");
    let resolution = refused(train().args(["--resolution", "48"]));
    assert!(resolution.contains("data.resolution is 48; it accepts 28, 32, 64 or 128"), "{resolution}");
    let device = refused(whelp(place.path()).args(["train", "--device", "gpu"]));
    assert!(device.contains("cuda:INDEX"), "{device}");
    let cuda =
        refused(whelp(place.path()).arg("train").arg("--data").arg(&data).args(["--steps", "1", "--device", "cuda"]));
    assert!(cuda.contains("built without cuda"), "{cuda}");

    let foreign = data.join("0.png");
    for arguments in
        [vec!["info"], vec!["generate", "--count", "1", "--out", "x.png", "--checkpoint"], vec!["train", "--resume"]]
    {
        let message = refused(whelp(place.path()).args(arguments).arg(&foreign));
        assert!(message.contains("0.png") && message.contains("not a Whelp checkpoint"), "{message}");
    }
    assert!(!place.path().join("x.png").exists());

    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let message = refused(whelp(place.path()).args(["train", "--data"]).arg(&empty));
    assert!(message.contains("empty"), "{message}");
}

#[test]
fn a_second_run_does_not_mix_with_the_first() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let train = || {
        let mut command = whelp(place.path());
        command.arg("train").arg("--data").arg(&data).args(TINY).args(["--steps", "1", "--out", "run"]);
        command
    };
    succeed(&mut train());
    let message = refused(&mut train());
    assert!(message.contains("holds another run already") && message.contains("--resume run"), "{message}");
    // A resumed run of another shape is refused before anything is written.
    let before = fs::read(place.path().join("run/events.jsonl")).unwrap();
    let message = refused(
        whelp(place.path())
            .args(["train", "--resume", "run", "--steps", "2", "--set", "model.generator_width=8", "--data"])
            .arg(&data),
    );
    assert!(message.contains("generator.blocks.0.conv.weight"), "{message}");
    assert_eq!(fs::read(place.path().join("run/events.jsonl")).unwrap(), before);
}

#[test]
fn only_the_newest_step_checkpoints_are_kept() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    succeed(whelp(place.path()).arg("train").arg("--data").arg(&data).args(TINY).args([
        "--steps",
        "9",
        "--out",
        "run",
        "--set",
        "output.checkpoint_steps=2",
    ]));
    let mut names: Vec<String> = fs::read_dir(place.path().join("run/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected =
        ["latest.safetensors", "step_00000006.safetensors", "step_00000008.safetensors", "step_00000009.safetensors"];
    assert_eq!(names, expected);
}

/// Nothing that a step makes may stay behind.
#[test]
fn memory_does_not_grow_over_five_hundred_steps() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let output = succeed(whelp(place.path()).arg("train").arg("--data").arg(&data).args(TINY).args([
        "--steps",
        "550",
        "--json",
        "--set",
        "output.checkpoint_steps=50",
        "--set",
        "output.sample_steps=50",
    ]));
    let memory_at = |step: u64| {
        let events = text(&output.stdout);
        let ticks = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let tick =
            ticks.filter(|event| event["type"] == "tick").find(|tick| tick["progress"]["step"].as_u64() >= Some(step));
        tick.unwrap()["progress"]["memory_bytes"].as_f64().unwrap()
    };
    let growth = memory_at(549) / memory_at(50);
    assert!(growth < 1.1, "{growth}");
}

#[test]
fn recipes_are_listed() {
    let output = succeed(whelp(Path::new(".")).arg("recipes"));
    let said = text(&output.stdout);
    for recipe in whelp::recipes::ALL {
        assert!(said.contains(recipe.name), "{said}");
    }
}
