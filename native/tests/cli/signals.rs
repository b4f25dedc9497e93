//! Signals, terminals that go away, closed streams, and requests from beside.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::night::{assert_tidy, checkpoint, spawn, state, train, wait_for_step};
use super::terminal::in_terminal;
use super::{info, pictures, refused, succeed, text, whelp};

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

/// The end of a process that was asked to end. Kills it if it does not, so that nothing is left running.
fn end(mut child: Child) -> Output {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("it did not end: {}", text(&child.wait_with_output().unwrap().stderr));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

fn assert_quiet(output: &Output) {
    let said = text(&output.stderr);
    for word in ["panicked", "bug in Whelp", "Broken pipe", "backtrace"] {
        assert!(!said.contains(word), "{said}");
    }
}

/// An endless run that has begun.
fn endless(place: &TempDir, out: &str) -> Child {
    let child = spawn(&mut train(place, out, 1_000_000));
    wait_for_step(&place.path().join(out), 2);
    child
}

/// That the newest checkpoint is of the last step that was told.
fn assert_saved(run: &Path) {
    let told = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "finished", "{last}");
    assert_eq!(last["progress"]["step"], checkpoint(run).meta.progress.step);
    assert_tidy(run);
}

#[test]
fn each_signal_that_ends_a_run_saves_it_first_and_shows_in_the_status() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    for (signal, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let out = signal.as_str();
        let child = endless(&place, out);
        send(&child, signal);
        // A second and a third do not lose what is being saved.
        send(&child, signal);
        std::thread::sleep(Duration::from_millis(60));
        send(&child, signal);
        let output = end(child);
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("saving a checkpoint, then the run ends"));
        assert_quiet(&output);
        assert_saved(&place.path().join(out));
    }
}

#[test]
fn under_nohup_a_run_outlives_its_terminal_and_sigusr1_saves_it() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let mut inner = train(&place, "run", 1_000_000);
    inner.args(["--set", "output.checkpoint_steps=1000000"]);
    let mut command = Command::new("sh");
    command.current_dir(place.path()).env("WHELP_DATA_CACHE", "");
    command.args(["-c", r#"trap "" HUP; exec "$0" "$@""#]).arg(inner.get_program()).args(inner.get_args());
    let child = spawn(&mut command);
    let run = place.path().join("run");
    wait_for_step(&run, 2);
    send(&child, Signal::SIGHUP);
    send(&child, Signal::SIGUSR1);
    super::wait_for(&run.join("checkpoints/latest.safetensors"));
    let saved = checkpoint(&run).meta.progress.step;
    wait_for_step(&run, saved + 2);
    send(&child, Signal::SIGTERM);
    assert_eq!(end(child).status.code(), Some(143));
    assert_saved(&run);
}

#[test]
fn a_signal_before_training_ends_the_program_at_once() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    // A pipe without a writer: the program waits for pictures for ever.
    let fifo = place.path().join("pictures.png");
    succeed(Command::new("mkfifo").arg(&fifo));
    let mut command = whelp(place.path());
    command.args(["train", "--data", "pictures.png", "--device", "cpu", "--recipe", "dcgan32", "--out", "run"]);
    let child = spawn(&mut command);
    // It listens to signals before it looks at pictures; until then the system ends it.
    std::thread::sleep(Duration::from_millis(300));
    send(&child, Signal::SIGTERM);
    let output = end(child);
    let is_ended = output.status.code() == Some(143) || output.status.signal() == Some(15);
    assert!(is_ended || output.status.code() == Some(2), "{:?} {}", output.status, text(&output.stderr));
    assert!(!place.path().join("run").exists());
}

/// With a disk that never has space, the last checkpoint can't be saved.
#[test]
fn grace_bounds_how_long_the_last_checkpoint_may_take_and_a_second_signal_ends_the_wait() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    for (out, arguments) in [("grace", &["--grace", "0.3"][..]), ("twice", &[])] {
        let mut command = limited(&train(&place, out, 1_000_000), 100);
        command.args(arguments);
        let child = spawn(&mut command);
        let started = Instant::now();
        let events = place.path().join(out).join("events.jsonl");
        while !fs::read_to_string(&events).unwrap_or_default().contains("tick") {
            assert!(started.elapsed() < Duration::from_secs(120));
            std::thread::sleep(Duration::from_millis(10));
        }
        // By then the first checkpoint is too large for the limit.
        std::thread::sleep(Duration::from_millis(300));
        send(&child, Signal::SIGTERM);
        if arguments.is_empty() {
            std::thread::sleep(Duration::from_millis(500));
            send(&child, Signal::SIGTERM);
        }
        let output = end(child);
        assert_eq!(output.status.code(), Some(143), "{}", text(&output.stderr));
        let said = text(&output.stderr);
        let expected =
            if arguments.is_empty() { "ended without its last checkpoint" } else { "not finished within --grace" };
        assert!(said.contains(expected), "{said}");
        assert_quiet(&output);
    }
}

/// The same command, with files of at most so many blocks of 512 bytes. The limit can be lifted.
pub fn limited(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("bash");
    limited.current_dir(command.get_current_dir().unwrap()).env("WHELP_DATA_CACHE", "").env_remove("RUST_BACKTRACE");
    limited.args(["-c", &format!(r#"ulimit -S -f {}; exec "$0" "$@""#, blocks / 2)]);
    limited.arg(command.get_program()).args(command.get_args());
    limited
}

#[test]
fn a_run_whose_terminal_goes_away_is_saved_and_ends() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let (terminal, child) = in_terminal(train(&place, "run", 1_000_000), true);
    let run = place.path().join("run");
    wait_for_step(&run, 2);
    drop(terminal);
    assert_eq!(end(child).status.code(), Some(129));
    assert_saved(&run);
}

#[test]
fn a_run_whose_terminal_goes_away_without_a_signal_goes_on() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    succeed(&mut train(&place, "calm", 60));
    for (out, arguments) in [("screen", &[][..]), ("plain", &["--plain"]), ("json", &["--json"])] {
        let mut command = train(&place, out, 60);
        command.args(arguments);
        let (terminal, child) = in_terminal(command, false);
        let run = place.path().join(out);
        wait_for_step(&run, 2);
        drop(terminal);
        assert_eq!(end(child).status.code(), Some(0));
        assert_eq!(state(&run), state(&place.path().join("calm")));
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_run_which_is_saved() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let mut command = train(&place, "run", 1_000_000);
    let mut child = command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with(r#"{"type":"started""#), "{line}");
    let output = end(child);
    assert_eq!(output.status.code(), Some(141), "{}", text(&output.stderr));
    assert_quiet(&output);
    assert_saved(&place.path().join("run"));
}

/// A stream that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn whatever_prints_ends_quietly_when_nobody_reads() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    succeed(&mut train(&place, "run", 2));
    for arguments in [
        &["recipes"][..],
        &["info", "run"],
        &["info", "run", "--json"],
        &["data", "check", "my dogs"],
        &["data", "check", "my dogs", "--json"],
        &["data", "cache"],
        &["profile", "--recipe", "dcgan32", "--steps", "1", "--batch", "2", "--device", "cpu"],
        &["evaluate", "run", "--count", "10", "--data", "my dogs", "--device", "cpu", "--json"],
    ] {
        let mut command = whelp(place.path());
        let output = end(command.args(arguments).stdout(unread()).stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(output.status.code(), Some(141), "{arguments:?}: {}", text(&output.stderr));
        assert_quiet(&output);
        // Where nothing can be said either, the status still tells.
        let mut command = whelp(place.path());
        let output = end(command.args(arguments).stdout(unread()).stderr(unread()).spawn().unwrap());
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
    }
    let mut command = train(&place, "unseen", 4);
    let output = end(command.stdout(unread()).stderr(unread()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(0));
    let mut command = train(&place, "run", 4);
    let output = end(command.args(["--set", "model.latent=9"]).stderr(unread()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(2));

    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let mut command = whelp(place.path());
    let output = end(command.arg("recipes").stdout(full()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the output cannot be written: No space left"), "{}", text(&output.stderr));
}

#[test]
fn a_run_does_what_it_is_asked_from_beside() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let run = place.path().join("run");
    let ask = |word: &str| {
        let mut command = whelp(place.path());
        command.args(["ctl", "run", word]);
        command
    };
    assert!(refused(&mut ask("save")).contains("run is not the folder of a run"));
    let mut command = train(&place, "run", 1_000_000);
    let child = spawn(command.args(["--set", "output.checkpoint_steps=1000000"]));
    wait_for_step(&run, 2);

    let said = text(&succeed(&mut ask("save")).stdout);
    let step = checkpoint(&run).meta.progress.step;
    assert_eq!(said, format!("saved step {step}: run/checkpoints/step_{step:08}.safetensors\n"));
    let said = text(&succeed(&mut ask("pause")).stdout);
    assert!(said.starts_with("paused after step "), "{said}");
    let steps = || fs::read_to_string(run.join("events.jsonl")).unwrap().matches("\"tick\"").count();
    let before = steps();
    let said = text(&succeed(&mut ask("sample")).stdout);
    let path = said.trim().rsplit_once(": ").unwrap().1;
    assert!(place.path().join(path).exists(), "{said}");
    let said = text(&succeed(&mut ask("save")).stdout);
    assert!(said.starts_with("saved step "), "{said}");
    assert_eq!(steps(), before, "a paused run makes no steps");
    succeed(&mut ask("resume"));
    wait_for_step(&run, checkpoint(&run).meta.progress.step + 2);
    let said = text(&succeed(&mut ask("stop")).stdout);
    assert!(said.starts_with("the run stopped, and a checkpoint was saved, after step "), "{said}");
    assert_eq!(end(child).status.code(), Some(0));
    assert_saved(&run);
    assert!(fs::read_dir(run.join("control")).unwrap().next().is_none());
    assert_eq!(info(&run)["progress"]["step"], checkpoint(&run).meta.progress.step);

    let message = refused(&mut ask("pause"));
    assert!(message.contains("run is not being trained, so there is nobody to ask"), "{message}");
}
