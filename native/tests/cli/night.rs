//! Runs that are killed, resumed, damaged and begun twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use whelp::checkpoint::Checkpoint;

use super::{contains, info, pictures, records, refused, succeed, text, whelp};

/// A run of small steps, with all it writes.
pub fn train(place: &TempDir, out: &str, steps: u64) -> Command {
    let mut command = whelp(place.path());
    command.args(["train", "--recipe", "dcgan32", "--data", "my dogs", "--out", out, "--steps", &steps.to_string()]);
    command.args(["--device", "cpu", "--batch", "4"]);
    for setting in [
        "model.generator_width=4",
        "model.discriminator_width=4",
        "model.latent=8",
        "output.grid=4",
        "output.tick_steps=2",
        "output.sample_steps=7",
        "output.checkpoint_steps=5",
        "output.checkpoint_secs=null",
        "output.sample_secs=null",
    ] {
        command.args(["--set", setting]);
    }
    command
}

pub fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

pub fn checkpoint(run: &Path) -> Checkpoint {
    Checkpoint::from_bytes(&fs::read(run.join("checkpoints/latest.safetensors")).unwrap()).unwrap()
}

/// What training has come to, to the bit.
pub fn state(run: &Path) -> (u64, BTreeMap<String, Vec<u32>>) {
    let checkpoint = checkpoint(run);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
    let tensors = checkpoint.tensors.into_iter().map(|(name, tensor)| (name, bits(&tensor.values)));
    (checkpoint.meta.progress.step, tensors.collect())
}

/// The losses in `events.jsonl`, step by step, after checking that every line is whole and no step is told twice.
fn losses(run: &Path) -> Vec<(u64, String)> {
    let events = fs::read_to_string(run.join("events.jsonl")).unwrap();
    assert!(events.ends_with('\n'));
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut losses = Vec::new();
    for series in events.filter(|event| event["type"] == "tick").map(|tick| tick["series"].clone()) {
        let steps = series["steps"].as_array().unwrap().iter();
        let values = series["values"]["loss/d"].as_array().unwrap().iter();
        losses.extend(steps.zip(values).map(|(step, value)| (step.as_u64().unwrap(), value.to_string())));
    }
    assert!(losses.is_sorted_by(|(step, _), (next, _)| next == &(step + 1)), "{losses:?}");
    losses
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Every step of a tag in the event files of TensorBoard, in the order in which it reads them.
fn tensorboard_steps(run: &Path, tag: &str) -> Vec<u64> {
    let events = files(&run.join("tensorboard")).into_iter().flat_map(|file| records(&file));
    let with_tag = events.filter(|event| contains(event, tag.as_bytes()));
    // `Event { double wall_time = 1; int64 step = 2; … }`
    with_tag
        .map(|event| {
            assert_eq!(event[9], 0x10);
            let bytes = event[10..].iter().enumerate();
            let mut step = 0;
            for (i, byte) in bytes {
                step |= u64::from(byte & 0x7f) << (7 * i);
                if byte & 0x80 == 0 {
                    break;
                }
            }
            step
        })
        .collect()
}

/// That nothing is left half written.
pub fn assert_tidy(run: &Path) {
    for folder in ["", "checkpoints", "samples", "tensorboard"] {
        for file in files(&run.join(folder)) {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(!name.ends_with(".unfinished") && !name.ends_with(".tmp"), "{}", file.display());
        }
    }
}

/// `WHELP_KILLS` says how often: ten times, unless it is set.
#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let kills: u64 = std::env::var("WHELP_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let steps = 40 * kills;
    let place = TempDir::new().unwrap();
    pictures(&place);
    let [calm, stormy] = ["calm", "stormy"].map(|run| place.path().join(run));
    succeed(&mut train(&place, "calm", steps));

    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut newest = 0;
    for kill in 0..kills {
        let mut child = spawn(&mut train(&place, "stormy", steps));
        // Every second time in the middle of the work, whatever else this machine does; else at any moment, the start included.
        if kill % 2 == 0 {
            wait_for_step(&stormy, newest + 1);
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(random % 250));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever was a checkpoint then still is one, and no older one is the newest.
        if stormy.join("checkpoints/latest.safetensors").exists() {
            let step = checkpoint(&stormy).meta.progress.step;
            assert!(step >= newest, "{step} after {newest}");
            newest = step;
        }
    }
    succeed(&mut train(&place, "stormy", steps));
    assert_eq!(state(&stormy), state(&calm));
    assert_eq!(checkpoint(&stormy).meta.history, checkpoint(&calm).meta.history);
    let last = format!("samples/step_{steps:08}.png");
    assert_eq!(fs::read(stormy.join(&last)).unwrap(), fs::read(calm.join(&last)).unwrap());
    assert_eq!(losses(&stormy), losses(&calm));
    assert_eq!(losses(&calm).len() as u64, steps);
    assert_eq!(tensorboard_steps(&stormy, "loss/d"), (1..=steps).collect::<Vec<_>>());
    assert_tidy(&stormy);
}

/// Waits until a run has told of a step.
pub fn wait_for_step(run: &Path, step: u64) {
    let started = std::time::Instant::now();
    let is_there = || {
        let events = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
        let ticks = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut steps =
            ticks.filter(|event| event["type"] == "tick").filter_map(|tick| tick["progress"]["step"].as_u64());
        steps.any(|told| told >= step)
    };
    while !is_there() {
        assert!(started.elapsed() < Duration::from_secs(120), "step {step} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_same_command_begins_goes_on_and_is_done() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let run = place.path().join("run");
    // Killed before there was a checkpoint: the next one starts again.
    let mut first = spawn(train(&place, "run", 1_000_000).args(["--set", "output.checkpoint_steps=1000000"]));
    wait_for_step(&run, 3);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!run.join("checkpoints/latest.safetensors").exists());
    succeed(&mut train(&place, "run", 12));
    let set_aside = run.join("branches/001-from-the-start");
    assert!(set_aside.join("events.jsonl").exists() && set_aside.join("samples/step_00000000.png").exists());
    assert_eq!(losses(&run).len(), 12);

    // Further, with a free setting changed.
    let output = succeed(train(&place, "run", 20).args(["--set", "train.generator_lr=1e-4"]));
    assert!(text(&output.stderr).contains("after 12 steps"), "{}", text(&output.stderr));
    assert_eq!(info(&run)["config"]["train"]["generator_lr"], 1e-4);
    assert_eq!(losses(&run).len(), 20);
    let before = fs::read(run.join("checkpoints/latest.safetensors")).unwrap();
    let output = succeed(train(&place, "run", 20).arg("--json"));
    assert!(text(&output.stderr).contains("complete already, after 20 steps"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with(r#"{"type":"finished","reason":"completed""#));
    assert_eq!(fs::read(run.join("checkpoints/latest.safetensors")).unwrap(), before);

    // What may not change is named with both values, and nothing is touched.
    let message = refused(train(&place, "run", 30).args(["--set", "model.latent=9", "--seed", "3"]));
    for part in
        ["run holds a run with other settings", "seed is 3, but the checkpoint has 0", "model.latent is 9", "--out"]
    {
        assert!(message.contains(part), "{message}");
    }
    let mut other = whelp(place.path());
    other.args([
        "train", "--recipe", "dcgan64", "--data", "my dogs", "--out", "run", "--steps", "30", "--device", "cpu",
    ]);
    assert!(refused(&mut other).contains("recipe is dcgan64, but the checkpoint has dcgan32"));
    let mut without = whelp(place.path());
    without.args(["train", "--out", "run", "--steps", "30", "--device", "cpu"]);
    assert!(refused(&mut without).contains("the checkpoint was trained on \"my dogs\""));
    image::RgbImage::from_pixel(40, 40, image::Rgb([1, 2, 3])).save(place.path().join("my dogs/another.png")).unwrap();
    let message = refused(&mut train(&place, "run", 30));
    assert!(message.contains("other pictures (my dogs, 12 of them) than these (my dogs, 13)"), "{message}");
    assert_eq!(fs::read(run.join("checkpoints/latest.safetensors")).unwrap(), before);
}

#[test]
fn a_run_without_a_folder_of_its_own_takes_the_next_number_also_beside_another() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let start = || {
        let mut command = whelp(place.path());
        command.args([
            "train", "--recipe", "dcgan32", "--data", "my dogs", "--device", "cpu", "--batch", "4", "--steps", "2",
        ]);
        spawn(command.args(["--set", "model.generator_width=4", "--set", "model.discriminator_width=4"]))
    };
    let children: Vec<Child> = (0..4).map(|_| start()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let names: Vec<PathBuf> =
        (1..=4).map(|number| place.path().join(format!("runs/{number:03}-dcgan32-32px"))).collect();
    assert_eq!(files(&place.path().join("runs")), names);
    for run in names {
        assert_eq!(losses(&run).len(), 2);
    }
}

#[test]
fn a_second_process_on_a_run_is_refused_and_told_who_has_it() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let mut child = spawn(&mut train(&place, "run", 1_000_000));
    wait_for_step(&place.path().join("run"), 6);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    let expected = format!("run is being trained by process {} on {host}", child.id());
    for command in [&mut train(&place, "run", 30), whelp(place.path()).args(["train", "--resume", "run"])] {
        let message = refused(command);
        assert!(message.contains(&expected), "{message}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The lock ends with its process.
    let step = checkpoint(&place.path().join("run")).meta.progress.step;
    succeed(&mut train(&place, "run", step + 3));
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_taken() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let run = place.path().join("run");
    succeed(&mut train(&place, "calm", 14));
    succeed(&mut train(&place, "run", 10));
    let newest = run.join("checkpoints/step_00000010.safetensors");
    let mut bytes = fs::read(&newest).unwrap();
    let place_in_file = bytes.len() - 4;
    bytes[place_in_file] ^= 1;
    // Beside the hard link, which keeps what is whole.
    let latest = run.join("checkpoints/latest.safetensors");
    for file in [&newest, &latest] {
        fs::write(file, &bytes).unwrap();
    }
    let said = text(&succeed(whelp(place.path()).args(["info", "run"])).stderr);
    assert!(said.contains("step_00000010.safetensors: this checkpoint is damaged"), "{said}");
    assert!(said.contains("taking run/checkpoints/step_00000005.safetensors instead"), "{said}");
    let said = text(&succeed(&mut train(&place, "run", 14)).stderr);
    assert!(said.contains("this checkpoint is damaged") && said.contains("after 5 steps"), "{said}");
    assert_eq!(state(&run), state(&place.path().join("calm")));
    assert_eq!(losses(&run).len(), 14);
    assert!(run.join("branches/001-after-step-5/checkpoints/step_00000010.safetensors").exists());

    // The best one is taken where no other is whole.
    let whole = fs::read(run.join("checkpoints/latest.safetensors")).unwrap();
    for file in files(&run.join("checkpoints")) {
        fs::write(file, b"").unwrap();
    }
    fs::write(run.join("checkpoints/best.safetensors"), whole).unwrap();
    let said = text(&succeed(whelp(place.path()).args(["info", "run"])).stderr);
    assert!(said.contains("taking run/checkpoints/best.safetensors instead"), "{said}");

    // None is left that is whole.
    for file in files(&run.join("checkpoints")) {
        fs::write(file, b"").unwrap();
    }
    let message = refused(&mut train(&place, "run", 20));
    assert!(message.contains("none of the checkpoints in run/checkpoints can be used"), "{message}");
}

#[test]
fn an_older_checkpoint_leaves_what_came_after_it_in_a_branch() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let run = place.path().join("run");
    succeed(&mut train(&place, "calm", 27));
    succeed(&mut train(&place, "run", 20));
    let older = "run/checkpoints/step_00000010.safetensors";
    let mut resume = whelp(place.path());
    resume.args(["train", "--resume", older, "--data", "my dogs", "--device", "cpu", "--steps", "27"]);
    succeed(&mut resume);
    // The steps after 10 are those of the new course: from 10 to 27, with checkpoints at 15, 20, 25 and 27.
    assert_eq!(state(&run), state(&place.path().join("calm")));
    assert_eq!(losses(&run).len(), 27);
    assert_eq!(tensorboard_steps(&run, "loss/d"), (1..=27).collect::<Vec<_>>());
    let branch = run.join("branches/001-after-step-10");
    for part in ["events.jsonl", "checkpoints/step_00000020.safetensors", "samples/step_00000014.png", "tensorboard"] {
        assert!(branch.join(part).exists(), "{part}");
    }
    assert_eq!(tensorboard_steps(&branch, "loss/d"), (11..=20).collect::<Vec<_>>());
    // The one that the run began with is still there, although three newer ones are.
    let names: Vec<String> = files(&run.join("checkpoints"))
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["latest", "step_00000010", "step_00000020", "step_00000025", "step_00000027"]);
}

/// A kill may leave any part of the last line.
#[test]
fn events_that_end_in_the_middle_of_a_line_are_mended() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    succeed(&mut train(&place, "run", 10));
    let (run, part) = (place.path().join("run"), place.path().join("part"));
    let whole = fs::read(run.join("events.jsonl")).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let copy = |bytes: &[u8]| {
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(part.join("checkpoints")).unwrap();
        let newest = "checkpoints/step_00000010.safetensors";
        fs::copy(run.join(newest), part.join(newest)).unwrap();
        fs::write(part.join("events.jsonl"), bytes).unwrap();
    };
    // Each end is looked at in `branches.rs`; here a few go through the program.
    for end in [last, last + 1, whole.len() - 2, whole.len() - 1] {
        copy(&whole[..end]);
        succeed(&mut train(&place, "part", 12));
        let events = fs::read(part.join("events.jsonl")).unwrap();
        assert!(events.starts_with(&whole[..last]), "{end}");
        assert_eq!(losses(&part).len(), 12, "{end}");
        assert!(!part.join("branches").exists(), "{end}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_is_named_before_training() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    // Where no process may write, whoever it belongs to.
    let mut command = train(&place, "/proc/run", 2);
    let message = refused(&mut command);
    assert!(message.contains("/proc/run cannot be written to"), "{message}");
    fs::write(place.path().join("file"), b"").unwrap();
    let message = refused(&mut train(&place, "file", 2));
    assert!(message.contains("file cannot be written to"), "{message}");
}

/// Weights that grow by 1 a step, and a penalty that grows with the sixth power of them.
pub fn diverging(place: &TempDir, out: &str, on_divergence: &str) -> Command {
    let mut command = whelp(place.path());
    command.args(["train", "--recipe", "r3gan-small", "--data", "my dogs", "--out", out, "--steps", "400"]);
    command.args(["--resolution", "32", "--batch", "4", "--device", "cpu"]);
    for setting in [
        "model.generator_width=4",
        "model.discriminator_width=4",
        "train.generator_lr=1",
        "train.discriminator_lr=1",
        "train.loss=wasserstein",
        "train.r1_gamma=1000",
        "output.grid=4",
        "output.tick_steps=1",
        "output.checkpoint_steps=2",
        on_divergence,
    ] {
        command.args(["--set", setting]);
    }
    command
}

#[test]
fn a_run_that_diverges_goes_back_and_leaves_that_course_in_a_branch() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let start = |out: &str, on_divergence: &str| refused(&mut diverging(&place, out, on_divergence));
    let said = start("run", "train.on_divergence=rollback");
    for part in ["1 to 0.5 for the generator", "0.5 to 0.25 for the discriminator", "although the run went back twice"]
    {
        assert!(said.contains(part), "{said}");
    }
    let run = place.path().join("run");
    let branches = files(&run.join("branches"));
    assert_eq!(branches.len(), 2);
    for branch in branches {
        assert!(branch.join("events.jsonl").exists());
    }
    // One course, through both rollbacks.
    let told = losses(&run);
    assert_eq!(told.iter().map(|(step, _)| *step).collect::<Vec<_>>(), (1..=told.len() as u64).collect::<Vec<_>>());
    let config: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(config["train"]["generator_lr"], 0.25);

    let said = start("stopped", "train.on_divergence=stop");
    assert!(said.contains("training diverged") && !said.contains("went back"), "{said}");
    assert!(!place.path().join("stopped/branches").exists());
}
