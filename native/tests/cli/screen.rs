//! The screen of a training, in a terminal.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::night::{assert_tidy, checkpoint, diverging, state, train};
use super::terminal::{Watched, in_terminal};
use super::{pictures, succeed};

const KEYS: &str = "p pause  s samples  c checkpoint  q save and stop";

/// An endless run on a screen of this size.
fn endless(place: &TempDir, size: (u16, u16)) -> Watched {
    let mut command = train(place, "run", 1_000_000);
    command.args(["--set", "output.checkpoint_steps=1000000", "--set", "output.sample_steps=1000000"]);
    watched(command, size)
}

fn watched(command: Command, (columns, rows): (u16, u16)) -> Watched {
    let mut terminal = Watched::new(command, columns, rows);
    terminal.wait("screen", |terminal| terminal.is_covered() && terminal.text().contains(KEYS));
    terminal
}

fn place() -> TempDir {
    let place = TempDir::new().unwrap();
    pictures(&place);
    place
}

fn events(place: &TempDir, kind: &str) -> usize {
    let events = fs::read_to_string(place.path().join("run/events.jsonl")).unwrap();
    events.matches(&format!("{{\"type\":\"{kind}\"")).count()
}

/// What the lines of a run say at its start and at its end.
fn assert_lines(terminal: &Watched, last: &str) {
    let said = terminal.scrollback();
    for words in ["run         run", "device      ", "pictures    my dogs", "networks    ", last] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
    assert!(terminal.is_restored(), "{said}");
}

#[test]
fn a_screen_shows_figures_obeys_its_keys_and_leaves_the_terminal_as_it_was() {
    let place = place();
    let mut terminal = endless(&place, (100, 30));
    for words in ["whelp run", "dcgan32 on", "training", "img/s", " GB", "loss/d ", "losses", "samples, step 0", "▀"]
    {
        terminal.wait_for(words);
    }
    terminal.type_in("p");
    terminal.wait_for("p go on");
    let ticks = events(&place, "tick");
    terminal.type_in("s");
    terminal.wait("samples", |_| events(&place, "samples") == 2);
    terminal.type_in("c");
    terminal.wait_for("requested");
    assert_eq!(events(&place, "tick"), ticks, "a paused run makes no steps");
    let saved = checkpoint(&place.path().join("run")).meta.progress.step;
    terminal.wait_for(&format!("saved at step {saved}"));
    terminal.type_in("p");
    terminal.wait("steps", |_| events(&place, "tick") > ticks + 2);
    terminal.wait_for(KEYS);
    // What is no key of the screen does nothing.
    terminal.type_in("x\x1b[A\x1bOP7");
    terminal.type_in("q");
    assert_eq!(terminal.end().code(), Some(0));
    assert_lines(&terminal, "stopped     step ");
    let run = place.path().join("run");
    assert!(checkpoint(&run).meta.progress.step > saved);
    assert_tidy(&run);
    for line in ["paused\n", "resumed\n", "samples     step ", "checkpoint  step "] {
        assert!(terminal.scrollback().contains(line), "{line} in\n{}", terminal.scrollback());
    }
}

#[test]
fn a_screen_fits_windows_of_every_size_and_is_drawn_anew_for_another() {
    let place = place();
    let mut terminal = endless(&place, (80, 24));
    terminal.wait_for("samples, step 0");
    terminal.wait("the keys at the bottom", |terminal| terminal.text().lines().nth(23) == Some(KEYS));
    terminal.resize(40, 10);
    terminal.wait("a tiny screen", |terminal| {
        let text = terminal.text();
        let lines: Vec<&str> = text.lines().collect();
        lines.len() == 10
            && lines[9].starts_with("p pause")
            && lines[1].contains("training")
            && !text.contains("losses")
    });
    terminal.resize(120, 40);
    terminal.wait("a large screen", |terminal| terminal.text().lines().nth(39) == Some(KEYS));
    terminal.wait_for("samples, step 0");
    // Whatever another program has written there is gone after Ctrl-L.
    terminal.type_in("\x0cq");
    assert!(terminal.end().success());
    assert!(terminal.is_restored());
}

#[test]
fn signals_end_a_run_on_a_screen_as_they_do_without_one() {
    for (signal, status) in [(None, 130), (Some(Signal::SIGTERM), 143), (Some(Signal::SIGINT), 130)] {
        let place = place();
        let mut terminal = endless(&place, (80, 24));
        terminal.wait("steps", |_| events(&place, "tick") > 2);
        match signal {
            Some(signal) => kill(Pid::from_raw(terminal.child.id() as i32), signal).unwrap(),
            None => terminal.type_in("\x03"),
        }
        assert_eq!(terminal.end().code(), Some(status));
        assert_lines(&terminal, "saving a checkpoint, then the run ends");
        assert_lines(&terminal, "stopped     step ");
        checkpoint(&place.path().join("run"));
    }
}

#[test]
fn a_failure_is_told_on_the_terminal_after_the_screen() {
    let place = place();
    let mut terminal = Watched::new(diverging(&place, "run", "train.on_divergence=stop"), 80, 24);
    assert_eq!(terminal.end().code(), Some(2));
    assert_lines(&terminal, "whelp: training diverged");
    // After what the lines say.
    let said = terminal.scrollback();
    assert!(said.find("whelp: training diverged") > said.find("networks"), "{said}");
}

#[test]
fn a_run_that_is_stopped_by_its_shell_goes_on_in_the_background_in_lines_and_on_a_screen_again() {
    let place = place();
    let run = train(&place, "run", 1_000_000);
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]).current_dir(place.path());
    shell.env("PS1", "ready> ").env("WHELP_DATA_CACHE", "").env_remove("RUST_BACKTRACE");
    // The history of whoever runs the tests is none of its business.
    shell.env("HOME", place.path()).env("HISTFILE", "/dev/null");
    let mut terminal = Watched::new(shell, 100, 30);
    terminal.wait_for("ready>");
    let words: Vec<String> =
        [run.get_program()].into_iter().chain(run.get_args()).map(|word| format!("'{}'", word.display())).collect();
    terminal.type_in(&format!("{}\r", words.join(" ")));
    terminal.wait("screen", |terminal| terminal.is_covered() && terminal.text().contains(KEYS));
    terminal.type_in("\x1a");
    terminal.wait("a stopped run", |terminal| !terminal.is_covered() && terminal.text().contains("Stopped"));
    let ticks = events(&place, "tick");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(events(&place, "tick"), ticks, "it is stopped");
    terminal.type_in("clear; bg\r");
    // In the background it only prints.
    terminal.wait_for("checkpoint  step ");
    assert!(!terminal.is_covered());
    terminal.type_in("fg\r");
    terminal.wait("screen", |terminal| terminal.is_covered() && terminal.text().contains(KEYS));
    terminal.type_in("q");
    terminal.wait("the shell", |terminal| !terminal.is_covered() && terminal.text().contains("stopped     step "));
    terminal.type_in("echo status $?\r");
    terminal.wait_for("status 0");
    terminal.type_in("exit\r");
    assert!(terminal.end().success());
}

#[test]
fn lines_are_lines_where_they_are_wanted_and_where_there_can_be_no_screen() {
    let place = place();
    for (index, (term, arguments)) in
        [("xterm-256color", &["--plain"][..]), ("dumb", &[]), ("xterm-256color", &["--json"])].into_iter().enumerate()
    {
        let mut command = train(&place, &format!("run{index}"), 20);
        command.args(arguments).env("TERM", term);
        let mut terminal = Watched::new(command, 200, 50);
        assert!(terminal.end().success());
        let bytes = String::from_utf8(terminal.bytes()).unwrap();
        assert!(!bytes.contains("\x1b[?1049h") && !bytes.contains("\x1b_G"), "{bytes:?}");
        let said = terminal.scrollback();
        let expected = if arguments == ["--json"] { "\"type\":\"finished\"" } else { "done        step 20" };
        assert!(said.contains(expected), "{said}");
        assert!(arguments == ["--json"] || said.contains("samples     step 14"), "{said}");
    }
}

#[test]
fn colours_are_those_that_the_terminal_has() {
    for (variable, value, has, has_not) in [
        ("COLORTERM", "truecolor", &["\x1b[38;2;", "\x1b_G", "▀"][..], &["▒"][..]),
        ("TERM", "xterm-256color", &["\x1b[38;5;", "\x1b_G", "▀"], &["\x1b[38;2;"]),
        ("TERM", "linux", &["▒"], &["\x1b[38;2;", "\x1b_G", "▀"]),
        ("NO_COLOR", "1", &["▒"], &["\x1b[38;", "\x1b_G", "▀"]),
    ] {
        let place = place();
        let mut command = Command::new("env");
        let inner = train(&place, "run", 40);
        command.arg(format!("{variable}={value}")).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(place.path()).env("WHELP_DATA_CACHE", "");
        let mut terminal = Watched::new(command, 100, 30);
        assert!(terminal.end().success());
        let told = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        for words in has {
            assert!(told.contains(words), "{variable}={value}: no {words:?}");
        }
        for words in has_not {
            assert!(!told.contains(words), "{variable}={value}: {words:?}");
        }
    }
}

#[test]
fn a_terminal_that_draws_pixels_is_told_pixels() {
    for (answer, expected) in [
        ("\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;22c", "\x1b_Ga=T,f=24,i=7"),
        ("\x1b[6;20;10t\x1b[?62;4;22c", "\x1bP0;1;0q"),
    ] {
        let place = place();
        let mut terminal = endless(&place, (100, 30));
        terminal.type_in(answer);
        let was_told = |terminal: &Watched| String::from_utf8_lossy(&terminal.bytes()).contains(expected);
        terminal.wait("pixels", was_told);
        terminal.type_in("q");
        assert!(terminal.end().success());
        assert!(terminal.is_restored());
        assert!(events(&place, "paused") == 0, "an answer is no key");
    }
}

/// Nobody reads what the program writes to its terminal, which is full after some kilobytes.
#[test]
fn a_terminal_that_takes_nothing_holds_up_neither_the_run_nor_its_end() {
    let place = place();
    let train = |out: &str| {
        let mut command = train(&place, out, 60);
        command.args(["--set", "output.sample_steps=1"]);
        command
    };
    succeed(&mut train("calm"));
    let (terminal, mut child) = in_terminal(train("run"), true);
    let started = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed().as_secs() > 120 {
            child.kill().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(0));
    assert_eq!(state(&place.path().join("run")), state(&place.path().join("calm")));
    drop(terminal);
}
