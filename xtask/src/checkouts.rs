//! One target folder for several checkouts, without taking one's crates for the other's.
//!
//! Cargo tells the crates of a workspace apart by their place within the workspace, and whether they have changed by
//! the time of change of their files. Two checkouts that share a target folder are therefore the same to cargo, and
//! the one whose files are older than the other's build is given the other's programs: measured with cargo 1.95.

use crate::files::write_if_different;
use crate::paths::Paths;
use anyhow::{Context, Result};
use std::path::Path;

/// The folders of fingerprints: of profiles natively, and of the page's.
const PROFILE_FOLDERS: [&str; 6] =
    ["debug", "release", "web", "page", "wasm32-unknown-unknown/web", "wasm32-unknown-unknown/page"];

/// Makes cargo compile our own crates again if another checkout was the last to compile in the folder `target`. The crates
/// from the registry, which take nearly all the time, stay. Whoever calls this holds the folder's lock.
pub fn forget_other_checkouts(target: &Path, paths: &Paths) -> Result<()> {
    let note = target.join(".last-checkout");
    let here = paths.root.to_string_lossy();
    if std::fs::read_to_string(&note).is_ok_and(|last| last == here) {
        return Ok(());
    }
    for profile in PROFILE_FOLDERS {
        forget_own_crates(&target.join(profile).join(".fingerprint"))?;
    }
    write_if_different(&note, here.as_bytes())?;
    Ok(())
}

fn forget_own_crates(fingerprints: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(fingerprints) else { return Ok(()) };
    for entry in entries.flatten() {
        if is_own(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// A fingerprint's folder is called after the package and a hash of 16 digits.
fn is_own(folder: &str) -> bool {
    folder.rsplit_once('-').is_some_and(|(package, _)| {
        matches!(
            package,
            "whelp" | "whelp-page" | "whelp-trainer" | "whelp-golden" | "whelp-native" | "whelp-server" | "xtask"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_are_compiled_again() {
        assert!(is_own("whelp-0123456789abcdef"));
        assert!(is_own("whelp-native-0123456789abcdef"));
        assert!(!is_own("burn-0123456789abcdef"));
        assert!(!is_own("whelp-other-0123456789abcdef"));
    }
}
