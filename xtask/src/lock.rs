//! One command at a time in a folder that several of them write to: `cargo xtask serve` in one terminal and `cargo xtask build`
//! in another, also from two checkouts. Whoever comes second waits, and says for whom.

use anyhow::{Context, Result};
use std::fs::{File, TryLockError};
use std::path::Path;

const LOCK: &str = ".xtask-lock";

/// Who has the lock, for the others to say.
const HOLDER: &str = ".xtask-lock-holder";

/// Held as long as it lives, also if the process is killed: the system takes it back.
#[must_use = "the lock is given up when this is dropped"]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other process holds the lock of `folder`. `purpose` is what the others read while they wait.
    pub fn take(folder: &Path, purpose: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join(LOCK);
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let in_words = || format!("cannot lock {}", path.display());
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                println!("   Waiting for {}.", holder(folder));
                file.lock().with_context(in_words)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(in_words),
        }
        // Only for people to read: without it, the others know less.
        let _ = std::fs::write(folder.join(HOLDER), format!("`{purpose}` (process {})", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn holder(folder: &Path) -> String {
    match std::fs::read_to_string(folder.join(HOLDER)) {
        Ok(holder) if !holder.is_empty() => format!("another command: {holder}"),
        _ => "another `cargo xtask` command".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    #[test]
    fn the_second_waits_for_the_first() {
        let folder = std::env::temp_dir().join(format!("xtask-lock-{}", std::process::id()));
        let first = Lock::take(&folder, "first").unwrap();
        assert!(holder(&folder).contains("`first`"));
        let is_free = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let _lock = Lock::take(&folder, "second").unwrap();
                assert!(is_free.load(Ordering::SeqCst), "taken while the first held it");
            });
            std::thread::sleep(Duration::from_millis(100));
            is_free.store(true, Ordering::SeqCst);
            drop(first);
            second.join().unwrap();
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
