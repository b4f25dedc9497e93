//! Whether a training takes the memory that `whelp recipes` tells.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{TINY, pictures, refused, succeed, text, whelp};

/// The most that a training of two steps had in memory, in bytes.
fn peak(place: &TempDir, data: &Path, name: &str, arguments: &[&str]) -> u64 {
    let mut command = whelp(place.path());
    command.args(["train", "--device", "cpu", "--steps", "2", "--out", name, "--data"]).arg(data).args(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    // It only grows, so the last reading is the largest.
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kilobytes) = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()) {
            peak = kilobytes * 1024;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(child.wait().unwrap().success(), "{name}");
    peak
}

#[test]
fn recipes_take_about_the_memory_they_tell() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let table = text(&succeed(whelp(place.path()).arg("recipes")).stdout);
    let told = |recipe: &str| -> f64 {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(recipe)).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let unit = words.iter().position(|word| *word == "MB").unwrap();
        words[unit - 1].parse().unwrap()
    };
    let nothing = peak(&place, &data, "tiny", &[&["--recipe", "dcgan32"][..], &TINY[2..]].concat());
    for recipe in ["dcgan32", "dcgan64", "dense-upsample", "r3gan-small"] {
        // What else the machine does can only add to a peak, so the smaller of two is nearer to what a training needs.
        let run = |name: &str| peak(&place, &data, name, &["--recipe", recipe, "--set", "output.grid=4"]);
        let taken = run(recipe).min(run(&format!("{recipe}-again")));
        let ratio = taken.saturating_sub(nothing) as f64 / 1e6 / told(recipe);
        println!("{recipe}: {ratio:.2} times the {} MB it tells", told(recipe));
        assert!((0.8..1.4).contains(&ratio), "{recipe}: {ratio:.2} times the {} MB it tells", told(recipe));
    }
}

/// A command with so many kilobytes of addresses.
fn with_addresses(command: &Command, kilobytes: u64) -> Command {
    let mut limited = Command::new("bash");
    limited.current_dir(command.get_current_dir().unwrap()).env("WHELP_DATA_CACHE", "").env_remove("RUST_BACKTRACE");
    limited.args(["-c", &format!(r#"ulimit -v {kilobytes}; exec "$0" "$@""#)]);
    limited.arg(command.get_program()).args(command.get_args());
    limited
}

#[test]
fn settings_that_need_more_memory_than_there_is_are_refused_with_a_batch_that_fits() {
    let place = TempDir::new().unwrap();
    let data = pictures(&place);
    let train = |batch: &str| {
        let mut command = whelp(place.path());
        command.args(["train", "--recipe", "dcgan64", "--batch", batch, "--steps", "1", "--device", "cpu", "--data"]);
        command.arg(&data).args(["--out", "run"]);
        with_addresses(&command, 6_000_000)
    };
    let message = refused(&mut train("4096"));
    assert!(message.contains("dcgan64 with a batch of 4096 needs about "), "{message}");
    assert!(message.contains("(left by ulimit -v)") || message.contains("(free on this machine)"), "{message}");
    assert!(message.contains(" fits") && !place.path().join("run").exists(), "{message}");
}
