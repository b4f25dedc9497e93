//! Disks without space.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use whelp::checkpoint::Checkpoint;

use super::night::{assert_tidy, spawn, state, train};
use super::signals::limited;
use super::{pictures, succeed, text};

/// Reads what a program says until a line contains `words`.
fn wait_for_words(child: &mut Child, words: &str) -> String {
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(words) {
        assert!(reader.read_line(&mut said).unwrap() > 0, "it ended without {words:?}: {said}");
    }
    // What else it says must not make it wait.
    std::thread::spawn(move || drop(reader.read_to_end(&mut Vec::new())));
    said
}

/// That a run which waits has only whole checkpoints and nothing half written.
fn assert_waits(run: &Path) {
    assert_tidy(run);
    for file in fs::read_dir(run.join("checkpoints")).unwrap() {
        let file = file.unwrap().path();
        Checkpoint::from_bytes(&fs::read(&file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    for line in fs::read_to_string(run.join("events.jsonl")).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

/// A small file system of its own; taken away again with the test.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// None where this process may not mount anything.
    fn mount(folder: &'a Path, kilobytes: u32) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let size = format!("size={kilobytes}k");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder);
        let output = mount.output().unwrap();
        if !output.status.success() {
            eprintln!("not tested on a disk of its own, which needs the right to mount one: {}", text(&output.stderr));
            return None;
        }
        Some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily: a failed test may have left a process on it.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_run_on_a_full_disk_waits_for_space_and_loses_nothing() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let disk = place.path().join("disk");
    let Some(_disk) = SmallDisk::mount(&disk, 16 << 10) else { return };
    succeed(&mut train(&place, "calm", 40));
    // What a run needs, and each time another part of it, so that the first write that fails is another one.
    let needed = size(&place.path().join("calm"));
    for percent in [15, 30, 45, 60, 75, 90] {
        let filler = disk.join("filler");
        fill(&filler, needed * percent / 100);
        let mut child = spawn(&mut train(&place, "disk/run", 40));
        wait_for_words(&mut child, "No space left on device");
        let run = disk.join("run");
        assert_waits(&run);
        fs::remove_file(&filler).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(state(&run), state(&place.path().join("calm")));
        assert_tidy(&run);
        fs::remove_dir_all(&run).unwrap();
    }
}

/// Bytes of everything in a folder, on a disk of pages.
fn size(folder: &Path) -> u64 {
    const PAGE: u64 = 4096;
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let of = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => size(&entry.path()),
        metadata => metadata.len().next_multiple_of(PAGE),
    };
    entries.map(of).sum()
}

/// Writes a file until the disk is full but for so many bytes.
fn fill(path: &Path, left: u64) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    let mut length = 0u64;
    for piece in [1 << 16, 1 << 12, 1] {
        while let Ok(written) = file.write(&vec![0; piece]) {
            length += written as u64;
        }
    }
    file.set_len(length.saturating_sub(left)).unwrap();
}

/// A quota looks like this, too.
#[test]
fn a_run_at_its_quota_waits_until_it_is_raised() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    succeed(&mut train(&place, "calm", 20));
    // Room for pictures and lines, and none for a checkpoint.
    let mut child = spawn(&mut limited(&train(&place, "run", 20), 100));
    let said = wait_for_words(&mut child, "Training waits");
    assert!(said.contains("step_00000005.safetensors cannot be written to: File too large"), "{said}");
    let run = place.path().join("run");
    assert_waits(&run);
    succeed(Command::new("prlimit").args(["--fsize=unlimited", "--pid", &child.id().to_string()]));
    assert!(child.wait().unwrap().success());
    assert_eq!(state(&run), state(&place.path().join("calm")));
    assert_tidy(&run);
}

/// The lines go to a disk that is full, the run's files to another one.
#[test]
fn a_run_whose_lines_find_no_space_saves_its_last_checkpoint() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = train(&place, "run", 1_000_000);
    command.args(["--json", "--grace", "30"]).stdout(full).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_for_words(&mut child, "Training waits");
    succeed(Command::new("kill").arg(child.id().to_string()));
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(place.path().join("run/checkpoints/latest.safetensors").exists());
}

#[test]
fn a_disk_that_may_only_be_read_is_refused_before_training() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let disk = place.path().join("disk");
    let Some(_disk) = SmallDisk::mount(&disk, 16 << 10) else { return };
    succeed(&mut train(&place, "disk/run", 5));
    succeed(Command::new("mount").args(["-o", "remount,ro"]).arg(&disk));
    for out in ["disk/run", "disk/other"] {
        let message = super::refused(&mut train(&place, out, 10));
        assert!(message.contains(out) && message.contains("Read-only file system"), "{message}");
    }
}
