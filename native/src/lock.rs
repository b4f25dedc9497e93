//! The lock of a run's folder: one process at a time writes to it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::output::note;

/// Its name in the run's folder. The file stays: to remove a lock's file is a race of its own.
const NAME: &str = "run.lock";

/// `whelp ctl` holds a shared lock for a moment to see whether the run goes on, so a refusal is only believed when it lasts.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(40);

/// The lock, until it is dropped or the process ends, however that happens.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// Who holds the lock.
#[derive(Debug, Deserialize, Serialize)]
pub struct Holder {
    process: u32,
    host: String,
}

impl Holder {
    fn of_this_process() -> Self {
        Self { process: std::process::id(), host: host() }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)
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
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(root).map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
                    return Err(Failure::Input(format!(
                        "{0} is being trained by {holder}. Wait for its end, stop it with `whelp ctl {0} stop`, or choose \
                         another --out",
                        root.display()
                    )));
                }
                Err(TryLockError::Error(error)) => {
                    note!(
                        "note        the file system of {} has no locks ({error}): see to it that no other process trains this \
                         run",
                        root.display()
                    );
                    break;
                }
            }
        }
        // Whom to name to others is not worth a failure.
        let text = serde_json::to_string(&Holder::of_this_process()).map_err(Failure::fault)?;
        let _ = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        Ok(Self { _file: file })
    }

    /// Whether a process holds the lock of `root`.
    pub fn is_held(root: &Path) -> bool {
        let Ok(file) = File::open(root.join(NAME)) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

/// Who holds, or last held, the lock of `root`.
pub fn holder(root: &Path) -> Option<Holder> {
    serde_json::from_slice(&fs::read(root.join(NAME)).ok()?).ok()
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
