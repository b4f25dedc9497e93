//! The binary as people use it: real files, real processes, real signals.

mod data;
mod devices;
mod disk;
mod evaluate;
mod fashion;
#[cfg(target_os = "linux")]
mod lost;
mod memory;
mod night;
mod plan;
mod profile;
mod rectangles;
mod screen;
mod serve;
mod share;
mod signals;
#[cfg(target_os = "linux")]
mod terminal;
mod watch;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use whelp::checkpoint::Checkpoint;

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
    command.current_dir(folder).env_remove("RUST_BACKTRACE").env("WHELP_DATA_CACHE", "");
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
    // As README's Python reads them.
    let ticks = || events.iter().filter(|event| event["type"] == "tick").map(|tick| &tick["series"]);
    for name in ["loss/d", "loss/g"] {
        let points: Vec<(u64, f64)> = ticks()
            .flat_map(|series| {
                let (steps, values) = (series["steps"].as_array().unwrap(), series["values"][name].as_array().unwrap());
                assert_eq!(steps.len(), values.len());
                steps.iter().zip(values).map(|(step, value)| (step.as_u64().unwrap(), value.as_f64().unwrap()))
            })
            .collect();
        assert_eq!(points.last().unwrap().0, target);
        assert!(points.iter().all(|(_, loss)| loss.is_finite()), "{name}");
    }
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

#[test]
fn an_exported_checkpoint_draws_the_same_pictures_and_is_not_trained() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    succeed(
        whelp(place.path()).arg("train").arg("--data").arg(&data).args(TINY).args(["--steps", "2", "--out", "run"]),
    );
    succeed(whelp(place.path()).args(["export", "run", "--out", "small.safetensors"]));
    let size = |path: &str| fs::metadata(place.path().join(path)).unwrap().len();
    assert!(size("small.safetensors") * 8 < size("run/checkpoints/latest.safetensors"), "in halves");
    assert_eq!(info(&place.path().join("small.safetensors"))["progress"]["step"], 2);

    let draw = |checkpoint: &str, target: &str| {
        let mut command = whelp(place.path());
        command.args(["generate", "--device", "cpu", "--count", "4", "--checkpoint", checkpoint, "--out", target]);
        succeed(&mut command);
        image::open(place.path().join(target)).unwrap().into_rgb8().into_raw()
    };
    let (small, whole) = (draw("small.safetensors", "small.png"), draw("run", "whole.png"));
    let apart = small.iter().zip(&whole).map(|(small, whole)| small.abs_diff(*whole)).max();
    assert!(small.len() == whole.len() && apart <= Some(1), "{apart:?}");

    let mut resume = whelp(place.path());
    resume.args(["train", "--device", "cpu", "--resume", "small.safetensors", "--out", "other", "--data"]).arg(&data);
    let refusal = refused(&mut resume);
    assert!(refusal.contains("holds only what drawing needs"), "{refusal}");
}

#[cfg(unix)]
#[test]
fn a_new_run_starts_from_trained_networks_also_at_twice_the_resolution() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let start = |from: &str, out: &str, arguments: &[&str]| {
        let mut command = whelp(place.path());
        command
            .args(["train", "--device", "cpu", "--batch", "4", "--steps", "1", "--from", from, "--out", out, "--data"]);
        command.arg(&data).args(arguments);
        command
    };
    let said = text(&succeed(&mut start("starter", "first", &[])).stderr);
    assert!(!said.contains("warning"), "all of the starter's networks are used: {said}");
    let said = text(&succeed(&mut start("starter", "photos", &["--resolution", "64"])).stderr);
    assert!(!said.contains("warning"), "there are networks for 64 pixels too: {said}");
    let config = |out: &str| info(&place.path().join(out))["config"].clone();
    let (first, progress) = (config("first"), info(&place.path().join("first"))["progress"].clone());
    assert_eq!((&first["data"]["resolution"], &progress["step"]), (&32.into(), &1.into()));

    assert_eq!(config("photos")["data"]["resolution"], 64);

    // The networks of that run, larger, in a new run. Its frozen network saw the pictures at 128 pixels already, so only the head on the
    // pixels has other layers.
    let said =
        text(&succeed(&mut start("first", "second", &["--resolution", "64", "--set", "train.freeze_d=1"])).stderr);
    assert!(
        said.contains("these tensors of the checkpoint's discriminator don't fit, so they begin anew: heads.4."),
        "{said}"
    );
    let second = config("second");
    assert_eq!((&second["data"]["resolution"], &second["train"]["freeze_d"]), (&64.into(), &1.into()));
    for field in ["latent", "generator_width", "discriminator_width", "blocks"] {
        assert_eq!(second["model"][field], first["model"][field], "{field}");
    }
    let narrow = |config: &Value| config["model"]["narrow_stages"].as_u64().unwrap();
    assert_eq!(narrow(&second), narrow(&first) + 1);

    // Both networks alone begin the same run, but for halves.
    succeed(whelp(place.path()).args(["export", "first", "--networks", "pair.safetensors"]));
    let size = |path: &str| fs::metadata(place.path().join(path)).unwrap().len();
    assert!(size("pair.safetensors") * 4 < size("first/checkpoints/latest.safetensors"));
    let said = text(&succeed(&mut start("pair.safetensors", "pair", &[])).stderr);
    assert!(!said.contains("warning"), "all of the networks are used: {said}");
    let refusal = refused(
        whelp(place.path()).args(["train", "--resume", "pair.safetensors", "--device", "cpu", "--data"]).arg(&data),
    );
    assert!(
        refusal.contains("pair.safetensors: this checkpoint holds the networks without their optimizers")
            && refusal.contains("--from pair.safetensors begins a new run"),
        "{refusal}"
    );
    let said = text(&succeed(whelp(place.path()).args(["info", "pair.safetensors"])).stdout);
    assert!(said.contains("without their optimizers: for new runs (--from)"), "{said}");
    // Without --data these networks would learn the built-in dogs by accident.
    let refusal = refused(whelp(place.path()).args(["train", "--from", "pair.safetensors", "--device", "cpu"]));
    assert!(refusal.contains("name those pictures with --data PATH"), "{refusal}");
    succeed(whelp(place.path()).args(["export", "first", "--out", "small.safetensors"]));
    let refusal = refused(whelp(place.path()).args(["export", "small.safetensors", "--networks", "none.safetensors"]));
    assert!(refusal.contains("holds only what drawing needs"), "{refusal}");

    let refusal = refused(&mut start("first", "third", &["--set", "model.latent=5"]));
    assert!(refusal.contains("model.latent is 5, but the checkpoint has"), "{refusal}");
    let refusal = refused(&mut start("first", "third", &["--resolution", "256"]));
    assert!(refusal.contains("data.resolution is 256, but the checkpoint has 32: set it to 32"), "{refusal}");
    let grey = refused(&mut start("first", "third", &["--set", "data.channels=grey"]));
    assert!(grey.contains("pictures with 3 channels, and these have 1"), "{grey}");
    assert!(refused(&mut start("nowhere", "third", &[])).contains("nowhere"));
    assert!(refused(&mut start("starter", "third", &["--recipe", "dcgan32"])).contains("--recipe"));
}

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
    assert!(place.path().join("runs/001-projected-32px/checkpoints/latest.safetensors").exists(), "{said}");
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
    assert!(resolution.contains("data.resolution is 48; it accepts 28, 32, 64, 128 or 256"), "{resolution}");
    let device = refused(whelp(place.path()).args(["train", "--device", "gpu"]));
    assert!(device.contains("cuda:INDEX"), "{device}");
    let cuda =
        refused(whelp(place.path()).arg("train").arg("--data").arg(&data).args(["--steps", "1", "--device", "cuda"]));
    assert!(cuda.contains("compiled without cuda") && cuda.contains("--features cuda"), "{cuda}");

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
    let train = |out: &str| {
        let mut command = whelp(place.path());
        command.arg("train").arg("--data").arg(&data).args(TINY).args(["--steps", "1", "--out", out]);
        command
    };
    succeed(&mut train("run"));
    succeed(&mut train("other"));
    let mut mix = whelp(place.path());
    mix.args(["train", "--device", "cpu", "--resume", "run", "--out", "other", "--steps", "2", "--data"]).arg(&data);
    let message = refused(&mut mix);
    assert!(message.contains("other already holds another run"), "{message}");
    // A resumed run of another shape is refused before anything is written.
    let before = fs::read(place.path().join("run/events.jsonl")).unwrap();
    let message = refused(
        whelp(place.path())
            .args(["train", "--resume", "run", "--steps", "2", "--set", "model.generator_width=8", "--data"])
            .arg(&data),
    );
    assert!(message.contains("model.generator_width is 8, but the checkpoint has 4"), "{message}");
    assert_eq!(fs::read(place.path().join("run/events.jsonl")).unwrap(), before);
    // What does not shape networks or data may change.
    let free = ["--set", "train.generator_lr=1e-4", "--set", "data.horizontal_flip=true"];
    let mut resume = whelp(place.path());
    resume.args(["train", "--device", "cpu", "--resume", "run", "--steps", "2", "--data"]).arg(&data);
    succeed(resume.args(free));
    let config = &info(&place.path().join("run"))["config"];
    assert_eq!(config["train"]["generator_lr"], 1e-4);
    assert_eq!(config["data"]["horizontal_flip"], true);
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

/// Nothing that a step, a sample or a checkpoint makes may stay behind.
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
    // What was freed stays with the process for a second, and its code comes into memory as it is first used: so the least of
    // many moments, when the run has done all that it does.
    let least_between = |steps: Range<u64>| {
        let events = text(&output.stdout);
        let ticks = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let progress = ticks.filter(|event| event["type"] == "tick").map(|tick| tick["progress"].clone());
        let within = progress.filter(|progress| steps.contains(&progress["step"].as_u64().unwrap()));
        within.map(|progress| progress["memory_bytes"].as_u64().unwrap()).min().unwrap()
    };
    let growth = least_between(350..551) as f64 / least_between(150..350) as f64;
    assert!(growth < 1.1, "{growth}");
}

/// The payloads of an event file's records, after checking its framing and both checksums.
fn records(file: &Path) -> Vec<Vec<u8>> {
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8);
    let bytes = fs::read(file).unwrap();
    let mut rest = &bytes[..];
    let mut payloads = Vec::new();
    while !rest.is_empty() {
        let (length, checksum) = (&rest[..8], &rest[8..12]);
        assert_eq!(checksum, masked(length).to_le_bytes());
        let end = 12 + u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let payload = &rest[12..end];
        assert_eq!(rest[end..end + 4], masked(payload).to_le_bytes());
        payloads.push(payload.to_vec());
        rest = &rest[end + 4..];
    }
    payloads
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_run_writes_what_tensorboard_reads_and_a_resumed_one_another_file() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let train = |arguments: &[&str]| {
        let mut command = whelp(place.path());
        succeed(command.args(["train", "--device", "cpu", "--data"]).arg(&data).args(arguments));
    };
    let files = || {
        let entries = fs::read_dir(place.path().join("run/tensorboard")).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    // 12 pictures in batches of 4: an epoch is 3 steps.
    train(&[&TINY[2..], &["--steps", "6", "--out", "run", "--set", "output.epoch_samples=2"]].concat());
    let [first] = &files()[..] else { panic!("{:?}", files()) };
    assert!(first.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
    let events = records(first);
    let count = |events: &[Vec<u8>], tag: &str| events.iter().filter(|event| contains(event, tag.as_bytes())).count();
    assert!(contains(&events[0], b"brain.Event:2"));
    assert_eq!((count(&events, "loss/d"), count(&events, "loss/g")), (6, 6), "one for each step");
    for tag in ["loss/d", "score/real", "speed/images_per_sec", "progress/nimg", "learning_rate/g"] {
        assert!(count(&events, tag) > 0, "{tag}");
    }
    // Step 0, and step 6 that completes epoch 2: the same bytes as on disk.
    assert_eq!(count(&events, "samples"), 2);
    let picture = fs::read(place.path().join("run/output/fake_samples_epoch_2.png")).unwrap();
    assert!(events.iter().any(|event| contains(event, &picture)));
    assert_eq!(picture, fs::read(place.path().join("run/samples/step_00000006.png")).unwrap());
    assert!(!place.path().join("run/output/fake_samples_epoch_1.png").exists());

    train(&["--resume", "run", "--steps", "9"]);
    let [_, second] = &files()[..] else { panic!("{:?}", files()) };
    let events = records(second);
    // START of a session at step 7, so that a reader drops later steps of a session that was killed.
    assert!(events[1].ends_with(&[0x10, 7, 0x3a, 2, 8, 1]), "{:?}", events[1]);
    assert_eq!(count(&events, "loss/d"), 3, "not again what the first file has");
}

#[test]
fn epoch_pictures_cannot_leave_the_runs_folder() {
    let place = TempDir::new().unwrap();
    let message = refused(whelp(place.path()).args(["train", "--set", "output.epoch_file=../{n}.png"]));
    assert!(
        message.contains("output.epoch_file is ../{n}.png; it accepts a path inside the run's folder"),
        "{message}"
    );
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// What PyTorch draws, from the library's fixtures: `[3, 64, 64]` in [-1, 1].
fn pytorchs_picture() -> Vec<f32> {
    let bytes = fs::read(fixture("tutorial_expected.safetensors")).unwrap();
    let header_end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..header_end]).unwrap();
    let offset = |i: usize| header_end + header["images64"]["data_offsets"][i].as_u64().unwrap() as usize;
    let values = bytes[offset(0)..offset(1)].chunks_exact(4);
    values.map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect()
}

#[test]
fn networks_that_pytorch_saved_draw_the_same_here_and_train_on() {
    let place = TempDir::new().unwrap();
    let import = |arguments: &[&Path], out: &str| {
        let output = succeed(whelp(place.path()).arg("import").args(arguments).args(["--out", out]));
        (text(&output.stderr), Checkpoint::from_bytes(&fs::read(place.path().join(out)).unwrap()).unwrap())
    };
    let (generator, discriminator) = (fixture("tutorial_g.pth"), fixture("tutorial_d.pth"));
    let (said, both) = import(&[&generator, Path::new("--discriminator"), &discriminator], "both.safetensors");
    assert!(said.contains("64 pixels, 3 channels, latent 4, width 2") && !said.contains("a new one"), "{said}");
    let (said, alone) = import(&[&fixture("tutorial_g_legacy.pth")], "alone.safetensors");
    assert!(said.contains("discriminator  width 2, a new one"), "{said}");
    for (name, tensor) in &both.tensors {
        let is_equal = tensor.values == alone.tensors[name].values;
        // Batch norms that know nothing yet may well be the same.
        assert!(is_equal || name.starts_with("discriminator"), "{name}");
        assert!(!(is_equal && name.starts_with("discriminator") && name.ends_with("conv.weight")), "{name}");
    }

    // The latent of seed 0 is what PyTorch was given.
    succeed(whelp(place.path()).args(["generate", "--checkpoint", "both.safetensors", "--device", "cpu"]).args([
        "--count",
        "1",
        "--seed",
        "0",
        "--out",
        "drawn.png",
    ]));
    let drawn = image::open(place.path().join("drawn.png")).unwrap().into_rgb8();
    assert_eq!(drawn.dimensions(), (64, 64));
    let expected = pytorchs_picture();
    for (x, y, pixel) in drawn.enumerate_pixels() {
        for (c, value) in pixel.0.iter().enumerate() {
            let exact = (expected[c * 4096 + (y * 64 + x) as usize] + 1.0) * 127.5;
            assert!((f32::from(*value) - exact).abs() <= 0.51, "{x}, {y}, {c}: {value} instead of {exact}");
        }
    }

    let message = refused(whelp(place.path()).args(["train", "--resume", "both.safetensors", "--steps", "1"]));
    assert!(message.contains("name pictures with --data PATH or --data builtin:dogs"), "{message}");
    let data = pictures(&place);
    let mut train = whelp(place.path());
    train.args(["train", "--resume", "both.safetensors", "--steps", "2", "--batch", "4", "--device", "cpu", "--data"]);
    let output = succeed(train.arg(&data).args(["--set", "output.grid=4", "--out", "run"]));
    let said = text(&output.stderr);
    assert!(said.contains("dcgan64") && !said.contains("other pictures"), "{said}");
    assert_eq!(info(&place.path().join("run"))["progress"]["step"], 2);
}

#[test]
fn files_that_would_run_code_or_are_no_networks_are_refused() {
    let place = TempDir::new().unwrap();
    let import = |file: &str| refused(whelp(place.path()).args(["import", file, "--out", "x.safetensors"]));
    // What pickle.dumps makes of {"main.0.weight": an object that calls os.system("touch here")}, and of it alone.
    let call = b"cposix\nsystem\n(Vtouch here\ntR";
    fs::write(place.path().join("evil.pth"), [b"(dVmain.0.weight\n", &call[..], b"s."].concat()).unwrap();
    fs::write(place.path().join("evil.pt"), [&call[..], b"."].concat()).unwrap();
    for file in ["evil.pth", "evil.pt"] {
        let message = import(file);
        assert!(message.contains(file) && message.contains("asks for posix.system to be called"), "{message}");
    }
    assert!(!place.path().join("here").exists());

    fs::write(place.path().join("text.pth"), b"These are words, not networks.").unwrap();
    assert!(import("text.pth").contains("text.pth"));
    let discriminator = fixture("tutorial_d.pth");
    let message = import(discriminator.to_str().unwrap());
    assert!(message.contains("there is no generator of the PyTorch DCGAN tutorial"), "{message}");
    let mut cut = fs::read(fixture("tutorial_g.pth")).unwrap();
    cut.truncate(cut.len() / 2);
    fs::write(place.path().join("cut.pth"), cut).unwrap();
    assert!(import("cut.pth").contains("cut.pth"));
    assert!(!place.path().join("x.safetensors").exists());

    let message = refused(whelp(place.path()).arg("info").arg(fixture("tutorial_g.pth")));
    assert!(message.contains("not a Whelp checkpoint") && message.contains("whelp import"), "{message}");
}

/// Pictures go to disk as they are drawn: a long drawing needs no more memory than a short one, and given up on, it leaves
/// nothing behind.
#[cfg(target_os = "linux")]
#[test]
fn drawing_many_pictures_needs_no_memory_and_an_interrupt_leaves_nothing() {
    let place = TempDir::new().unwrap();
    succeed(
        whelp(place.path()).arg("import").arg(fixture("tutorial_32.safetensors")).args(["--out", "tiny.safetensors"]),
    );
    let mut command = whelp(place.path());
    command.args(["generate", "--checkpoint", "tiny.safetensors", "--device", "cpu"]);
    let child = command.args(["--count", "1000000", "--out", "many.zip"]).stderr(Stdio::piped()).spawn().unwrap();
    let entries = || fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let written = || {
        entries().iter().find(|path| path.extension().is_some_and(|e| e == "tmp")).map(|p| p.metadata().unwrap().len())
    };
    let memory_at = |bytes: u64| {
        let start = Instant::now();
        while written().unwrap_or(0) < bytes {
            assert!(start.elapsed() < Duration::from_secs(120), "{:?}", entries());
            std::thread::sleep(Duration::from_millis(5));
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    };
    // Both while it draws: at first its memory has yet to settle.
    let (early, late) = (memory_at(8 << 20), memory_at(28 << 20));
    // The zip's list of names is kept until its end, some hundred bytes a picture; the pictures would be 20 MiB.
    assert!(late < early + (10 << 20), "{early} bytes, then {late}");
    succeed(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(entries(), [place.path().join("tiny.safetensors")]);
}

#[test]
fn recipes_are_listed() {
    let output = succeed(whelp(Path::new(".")).arg("recipes"));
    let said = text(&output.stdout);
    for recipe in whelp::recipes::ALL {
        assert!(said.contains(recipe.name), "{said}");
    }
}

/// Each with its own networks, loss, augmentation and schedule; only their size is another.
#[test]
fn every_recipe_trains_on_real_pictures_and_draws() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    for recipe in whelp::recipes::ALL {
        let out = place.path().join(recipe.name);
        let output = succeed(
            whelp(place.path())
                .args(["train", "--recipe", recipe.name, "--steps", "20", "--json", "--data"])
                .arg(&data)
                .args(TINY)
                .arg("--out")
                .arg(&out),
        );
        let events: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ticks = || events.iter().filter(|event| event["type"] == "tick").map(|tick| &tick["series"]["values"]);
        for name in ["loss/d", "loss/g", "score/real", "score/fake"] {
            let values: Vec<&Value> = ticks().flat_map(|values| values[name].as_array().unwrap()).collect();
            // JSON has no word for what is not a number: it would be null.
            assert!(values.len() == 20 && values.iter().all(|value| value.is_number()), "{}: {name}", recipe.name);
        }
        let picture = out.join("one.png");
        let checkpoint = out.join("checkpoints/latest.safetensors");
        succeed(
            whelp(place.path())
                .args(["generate", "--device", "cpu", "--count", "4", "--checkpoint"])
                .arg(checkpoint)
                .arg("--out")
                .arg(&picture),
        );
        let side = recipe.config().data.resolution.width as u32;
        let (width, height) = image::image_dimensions(&picture).unwrap();
        assert_eq!((width, height), (2 * side, 2 * side), "{}", recipe.name);
    }
}

#[test]
fn without_a_recipe_the_size_suits_the_device() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let output = succeed(
        whelp(place.path()).args(["train", "--device", "cpu", "--steps", "1", "--out", "run", "--data"]).arg(&data),
    );
    let said = text(&output.stderr);
    assert!(said.contains("picked width") && said.contains("images per second on this device"), "{said}");
    let config: Value = serde_json::from_slice(&fs::read(place.path().join("run/run.json")).unwrap()).unwrap();
    assert_eq!(config["recipe"], "projected");
}

/// The mean levels of red, green and blue of a picture.
fn mean_colour(picture: &Path) -> [f64; 3] {
    let picture = image::open(picture).unwrap().into_rgb8();
    let count = f64::from(picture.width() * picture.height());
    std::array::from_fn(|channel| picture.pixels().map(|pixel| f64::from(pixel.0[channel])).sum::<f64>() / count)
}

/// A folder for each class: red puppies and blue wolves. Both networks are told, and one class can be asked for.
#[test]
fn classes_are_learnt_and_drawn_by_name() {
    let place = TempDir::new().unwrap();
    let folders = place.path().join("classes");
    for (class, [red, green, blue]) in [("puppies", [200, 90, 60]), ("wolves", [60, 90, 200])] {
        fs::create_dir_all(folders.join(class)).unwrap();
        for index in 0..8u8 {
            let pixel = |x: u32, _| image::Rgb([red + 4 * index, green, blue + x as u8 / 2]);
            image::RgbImage::from_fn(32, 32, pixel).save(folders.join(class).join(format!("{index}.png"))).unwrap();
        }
    }
    let train = || {
        let mut command = whelp(place.path());
        command.args(["train", "--recipe", "r3gan-small", "--set", "model.conditional=true"]).args(TINY);
        command
    };
    succeed(train().args(["--steps", "200", "--out", "run", "--data"]).arg(&folders).args([
        "--set",
        "train.ema_half_life_kimg=0.05",
        "--set",
        "train.generator_lr=2e-3",
        "--set",
        "train.discriminator_lr=2e-3",
    ]));
    let draw = |class: &str, out: &str| {
        let mut command = whelp(place.path());
        command.args(["generate", "--device", "cpu", "--count", "16", "--checkpoint", "run"]);
        command.args(["--class", class, "--out", out]);
        command
    };
    succeed(&mut draw("wolves", "wolves.png"));
    succeed(&mut draw("0", "puppies.png"));
    let [puppies, wolves] = ["puppies.png", "wolves.png"].map(|name| {
        let [red, _, blue] = mean_colour(&place.path().join(name));
        red - blue
    });
    // About 140 and -140 in the pictures, and 0 in a network that has learnt nothing.
    assert!(puppies > 40.0 && wolves < -40.0, "red less blue: puppies {puppies}, wolves {wolves}");
    let message = refused(&mut draw("wolfs", "x.png"));
    assert!(message.contains("did you mean \"wolves\""), "{message}");
    // Pictures without classes cannot teach any.
    let data = pictures(&place);
    let message = refused(train().args(["--steps", "1", "--out", "other", "--data"]).arg(&data));
    assert!(message.contains("needs pictures with classes"), "{message}");
}
