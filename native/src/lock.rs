//! The lock of a run's folder: one process at a time writes to it.
//!
//! Some file systems have no locks. There whoever trains a run writes its record again and again ([`BEAT`]), so that others can tell
//! whether it still does: see [`Liveness::Believed`].

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::output::note;
use crate::run_folder::EVENTS;

/// Its name in the run's folder. The file stays: to remove a lock's file is a race of its own.
const NAME: &str = "run.lock";

/// `whelp ctl` holds a shared lock for a moment to see whether the run goes on, so a refusal is only believed when it lasts.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(40);

/// How often a record is written where there are no locks.
const BEAT: Duration = Duration::from_secs(10);

/// After this much time without a sign of life nobody trains the run: some beats, and what two machines' clocks may differ by.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lock, until it is dropped or the process ends, however that happens.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    /// Ends the writing of the record, where there are no locks.
    beating: Option<Sender<()>>,
}

/// Who holds the lock.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Holder {
    process: u32,
    host: String,
    /// When the process began, as the system counts: another process may have its number by now. Unknown in old records.
    #[serde(default)]
    began: Option<u64>,
}

impl Holder {
    fn of_this_process() -> Self {
        let process = std::process::id();
        Self { process, host: host(), began: began(process) }
    }

    /// Whether this process exists; none if that can't be told: of one of another machine, and from an old record.
    fn exists(&self) -> Option<bool> {
        let then = self.began?;
        if self.host != host() || !Path::new("/proc/self/stat").exists() {
            return None;
        }
        Some(began(self.process) == Some(then))
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)
    }
}

/// Whether a process trains a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// None does.
    Over,
    /// One holds the lock.
    Held,
    /// There are no locks, and by its record this one does.
    Believed(Holder, Sign),
}

/// Why a record is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The process exists on this machine.
    Exists,
    /// It may, as one of another machine, and something was written so long ago.
    Wrote(Duration),
}

impl std::fmt::Display for Liveness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Over => f.write_str("nobody trains it"),
            Self::Held => f.write_str("it is being trained"),
            Self::Believed(holder, Sign::Exists) => write!(f, "{holder}, which still exists, trains it"),
            Self::Believed(holder, Sign::Wrote(before)) => {
                write!(f, "{holder}, which wrote there {} s ago, trains it", before.as_secs())
            }
        }
    }
}

impl RunLock {
    /// Takes the lock of a folder that exists.
    ///
    /// # Errors
    /// If another process holds it, with its number and host; if the folder can't be written to.
    pub fn take(root: &Path) -> Result<Self, Failure> {
        let path = root.join(NAME);
        let failed = |error: io::Error| Failure::file(&path, "written to", &error);
        let mut file =
            File::options().create(true).read(true).write(true).truncate(false).open(&path).map_err(failed)?;
        let mut tries = 1;
        let has_locks = loop {
            match file.try_lock() {
                Ok(()) => break true,
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(held(root, holder(root).as_ref())),
                Err(TryLockError::Error(error)) => {
                    let believed = believed(root);
                    // A process of another machine may have been killed a moment ago, and its job begun again here.
                    if let Liveness::Believed(holder, Sign::Exists) = &believed
                        && *holder != Holder::of_this_process()
                    {
                        return Err(held(root, Some(holder)));
                    }
                    note!(
                        "note        the file system of {} has no locks ({error}): see to it that no other process trains this \
                         run{}",
                        root.display(),
                        if believed == Liveness::Over { String::new() } else { format!(". By its record {believed}") }
                    );
                    break false;
                }
            }
        };
        // Whom to name to others is not worth a failure.
        let text = serde_json::to_string(&Holder::of_this_process()).map_err(Failure::fault)?;
        let _ = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        let beating = if has_locks { None } else { Some(beat(file.try_clone().map_err(failed)?, text)?) };
        Ok(Self { file, beating })
    }

    /// Whether a process trains the run in `root`, as far as can be told.
    pub fn is_held(root: &Path) -> bool {
        Self::liveness(root) != Liveness::Over
    }

    /// The same, and how that is known.
    pub fn liveness(root: &Path) -> Liveness {
        let Ok(file) = File::open(root.join(NAME)) else { return Liveness::Over };
        match file.try_lock_shared() {
            Ok(()) => Liveness::Over,
            Err(TryLockError::WouldBlock) => Liveness::Held,
            Err(TryLockError::Error(_)) => believed(root),
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if self.beating.take().is_some() {
            // A record without a holder: nobody is believed to train the run any more.
            let _ = self.file.set_len(0);
        }
    }
}

fn held(root: &Path, holder: Option<&Holder>) -> Failure {
    let holder = holder.map_or_else(|| "another process".to_owned(), ToString::to_string);
    Failure::Input(format!(
        "{0} is being trained by {holder}. Wait for its end, stop it with `whelp ctl {0} stop`, or choose another --out",
        root.display()
    ))
}

/// Writes the record in a rhythm, until what it returns is dropped.
fn beat(mut file: File, text: String) -> Result<Sender<()>, Failure> {
    let (beating, ended) = channel();
    let write = move || {
        while ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            let _ = file.rewind().and_then(|()| file.write_all(text.as_bytes()));
        }
    };
    thread::Builder::new().name("lock".to_owned()).spawn(write).map_err(Failure::fault)?;
    Ok(beating)
}

/// What the record in `root` says, and when anything was written there.
fn believed(root: &Path) -> Liveness {
    let Some(holder) = holder(root) else { return Liveness::Over };
    let written = |name: &str| fs::metadata(root.join(name)).and_then(|data| data.modified()).ok();
    let latest = [NAME, EVENTS].into_iter().filter_map(written).max();
    // One of a clock that is ahead of ours was written just now.
    let before = latest.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
    let exists = holder.exists();
    believed_by(holder, exists, before)
}

fn believed_by(holder: Holder, exists: Option<bool>, before: Option<Duration>) -> Liveness {
    match (exists, before) {
        (Some(true), _) => Liveness::Believed(holder, Sign::Exists),
        (None, Some(before)) if before < PATIENCE => Liveness::Believed(holder, Sign::Wrote(before)),
        (Some(false), _) | (None, _) => Liveness::Over,
    }
}

/// Who holds, or last held, the lock of `root`.
pub fn holder(root: &Path) -> Option<Holder> {
    serde_json::from_slice(&fs::read(root.join(NAME)).ok()?).ok()
}

/// When a process of this machine began, in ticks of the system; none if there is no such process, or if it has ended and its
/// parent has not noticed.
fn began(process: u32) -> Option<u64> {
    // After the name, which may have any characters in it: the 3rd field and the 22nd (proc_pid_stat(5)).
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X");
    fields.nth(18).filter(|_| !has_ended)?.parse().ok()
}

/// This machine's name.
pub fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("COMPUTERNAME").ok()).or_else(|| std::env::var("HOSTNAME").ok());
    let name: String = name
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_are_no_locks_a_record_is_believed_while_there_are_signs_of_life() {
        let holder = || Holder { process: 7, host: "node07".to_owned(), began: Some(1) };
        let secs = |secs| Some(Duration::from_secs(secs));
        let here = believed_by(holder(), Some(true), secs(5000));
        assert_eq!(here.to_string(), "process 7 on node07, which still exists, trains it");
        assert_eq!(believed_by(holder(), Some(false), secs(1)), Liveness::Over, "killed on this machine");
        let elsewhere = believed_by(holder(), None, secs(12));
        assert_eq!(elsewhere.to_string(), "process 7 on node07, which wrote there 12 s ago, trains it");
        assert_eq!(believed_by(holder(), None, secs(61)), Liveness::Over);
        assert_eq!(believed_by(holder(), None, None), Liveness::Over);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_known_by_its_number_and_its_beginning() {
        let own = Holder::of_this_process();
        assert_eq!(own.exists(), Some(true));
        assert_eq!(Holder { began: own.began.map(|began| began + 1), ..own.clone() }.exists(), Some(false));
        assert_eq!(Holder { began: None, ..own.clone() }.exists(), None, "of an old record");
        assert_eq!(Holder { process: u32::MAX, ..own.clone() }.exists(), Some(false));
        assert_eq!(Holder { host: "elsewhere".to_owned(), ..own }.exists(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_was_killed_is_gone_before_its_parent_has_noticed() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let holder = Holder { process: child.id(), began: began(child.id()), ..Holder::of_this_process() };
        assert_eq!(holder.exists(), Some(true));
        child.kill().unwrap();
        let killed = std::time::Instant::now();
        while holder.exists() == Some(true) && killed.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
        }
        assert_eq!(holder.exists(), Some(false));
        child.wait().unwrap();
    }
}
