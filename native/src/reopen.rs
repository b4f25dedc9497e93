//! A run whose graphics device was lost goes on by itself, from its newest checkpoint.
//!
//! What a driver's reset leaves in a process is of no use any more, and the libraries hold on to it, so the program takes its own
//! place: the same command again, for the same folder.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_lite::future::block_on;
use whelp::device::{self, DeviceChoice, DeviceError, OpenDevice};

use crate::failure::Failure;
use crate::output::note;
use crate::run_folder::RunFolder;
use crate::serve::HANDED_ON;

/// How often that is tried within [`WINDOW_SECS`]. A device that is lost more often is broken, or asked for too much.
const MOST: usize = 2;
const WINDOW_SECS: u64 = 3600;

/// When devices were lost, in seconds since 1970, with commas in between: what the program tells itself.
const VARIABLE: &str = "WHELP_DEVICE_LOST";

/// How long a driver may take to come back, and how often it is asked meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(2);

/// Opens the device of a run. Right after one was lost a driver may need some time.
///
/// # Errors
/// Those of [`device::open`]. Where the device was lost before, the command need not be changed: it may go on later.
pub fn open(choice: &DeviceChoice) -> Result<OpenDevice, Failure> {
    let is_again = std::env::var_os(VARIABLE).is_some();
    try_open(choice, is_again).map_err(|error| not_back(error, is_again))
}

fn not_back(error: DeviceError, is_again: bool) -> Failure {
    match error {
        DeviceError::Unavailable { .. } | DeviceError::Lost { .. } | DeviceError::Failed { .. } if is_again => {
            Failure::Fault(format!(
                "{error}. It was lost, and did not come back within {} s. The checkpoints that were saved stay valid: give the same \
                 command again once `whelp devices` lists it",
                PATIENCE.as_secs()
            ))
        }
        error => Failure::device(error),
    }
}

fn try_open(choice: &DeviceChoice, is_again: bool) -> Result<OpenDevice, DeviceError> {
    let began = Instant::now();
    loop {
        let may_wait = is_again && began.elapsed() < PATIENCE;
        match block_on(device::open(choice.clone())) {
            Err(DeviceError::Unavailable { .. } | DeviceError::Lost { .. } | DeviceError::Failed { .. })
                if may_wait => {}
            // Whoever leaves the choice to the program wants the device that the run began on, not the processor for a night.
            Ok(OpenDevice { reason: Some(_), .. }) if may_wait => {}
            Ok(OpenDevice { reason: Some(reason), .. }) if is_again => {
                return Err(DeviceError::Unavailable { name: "the device that was lost".to_owned(), reason });
            }
            opened => return opened,
        }
        sleep(PAUSE);
    }
}

/// Goes on with the run in `root`, which lost its device (`message` says so), and does not return, unless it can't.
/// `is_resumed`: whether the command named what to resume. `served_at`: where it was shown, for those who watch.
pub fn again(root: &Path, is_resumed: bool, served_at: Option<&str>, message: &str) -> Failure {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let told = std::env::var(VARIABLE).unwrap_or_default();
    let mut lost = recent(&told, now);
    let advice = format!("Continue from the last checkpoint with --resume {}", root.display());
    if lost.len() >= MOST {
        return Failure::Fault(format!(
            "{message}. It was lost {} times within an hour, so it is not opened again. {advice}, perhaps with --device cpu",
            lost.len() + 1
        ));
    }
    if is_resumed && matches!(RunFolder::newest(root), Ok(None)) {
        return Failure::Fault(format!(
            "{message}. {} holds no checkpoint yet, so begin once more in another folder (--out)",
            root.display()
        ));
    }
    note!("lost        {message}");
    lost.push(now);
    note!(
        "reopened    the run goes on from its newest checkpoint, with its device opened anew ({} of {MOST} times in an hour)",
        lost.len()
    );
    let arguments = arguments(std::env::args_os().skip(1), root, is_resumed);
    let lost: Vec<String> = lost.iter().map(u64::to_string).collect();
    let reason = match std::env::current_exe() {
        Ok(program) => {
            let told = [(VARIABLE, lost.join(","))].into_iter().chain(served_at.map(|at| (HANDED_ON, at.to_owned())));
            replace(Command::new(program).args(arguments).envs(told))
        }
        Err(error) => error.to_string(),
    };
    Failure::Fault(format!("{message}. The program could not start itself again ({reason}). {advice}"))
}

/// The times of `told` that are not long ago.
fn recent(told: &str, now: u64) -> Vec<u64> {
    told.split(',')
        .filter_map(|time| time.parse().ok())
        .filter(|time| now.saturating_sub(*time) < WINDOW_SECS)
        .collect()
}

/// The command's arguments for the run in `root`, wherever it was named before.
fn arguments(given: impl Iterator<Item = OsString>, root: &Path, is_resumed: bool) -> Vec<OsString> {
    const PLACES: [&str; 2] = ["--out", "--resume"];
    let mut kept = Vec::new();
    let mut given = given;
    while let Some(argument) = given.next() {
        if PLACES.iter().any(|place| argument == *place) {
            given.next();
        } else if !PLACES.iter().any(|place| is_assigned(&argument, place)) {
            kept.push(argument);
        }
    }
    kept.extend([if is_resumed { "--resume".into() } else { "--out".into() }, root.into()]);
    kept
}

/// Whether an argument is `name=` and a value.
fn is_assigned(argument: &OsStr, name: &str) -> bool {
    argument.as_encoded_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

/// Puts the command in the place of this process; returns why that failed.
#[cfg(unix)]
fn replace(command: &mut Command) -> String {
    use std::os::unix::process::CommandExt;
    command.exec().to_string()
}

/// Runs the command, and ends as it ends; returns why it could not be started.
#[cfg(not(unix))]
fn replace(command: &mut Command) -> String {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str], is_resumed: bool) -> Vec<OsString> {
        super::arguments(arguments.iter().map(OsString::from), Path::new("runs/1"), is_resumed)
    }

    #[test]
    fn the_same_command_is_given_again_for_the_folder_of_the_run() {
        let plain = given(&["train", "--device", "vulkan", "--steps", "9"], false);
        assert_eq!(plain, ["train", "--device", "vulkan", "--steps", "9", "--out", "runs/1"]);
        let named = given(&["train", "--out=a", "--set", "output.grid=4", "--json"], false);
        assert_eq!(named, ["train", "--set", "output.grid=4", "--json", "--out", "runs/1"]);
        let resumed = given(&["train", "--resume", "old.safetensors", "--outer", "--out", "b"], true);
        assert_eq!(resumed, ["train", "--outer", "--resume", "runs/1"]);
    }

    #[test]
    fn only_losses_of_the_last_hour_count() {
        assert!(recent("", 5000).is_empty());
        assert_eq!(recent("100,1400,1401,x,4999", 5000), [1401, 4999]);
    }
}
