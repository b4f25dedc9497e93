//! Folders of files: listing them, and bringing one to the state of another.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All files below `folder`, sorted, relative to it; none if there is no such folder.
pub fn list(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let path = folder.join(&inner);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", path.display()))?;
            let name = inner.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(name);
            } else {
                files.insert(name);
            }
        }
    }
    Ok(files)
}

/// Writes `bytes` unless the file holds them already, so that nobody who watches it takes it for new. Whoever reads it
/// meanwhile gets the old file or the new one, whole. Returns whether it was written.
pub fn write_if_different(path: &Path, bytes: &[u8]) -> Result<bool> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let name = path.file_name().context("a file without a name")?.to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.{}", std::process::id()));
    std::fs::write(&unfinished, bytes)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Copies the files of `from` that differ to `to`.
pub fn copy_different(from: &Path, to: &Path) -> Result<()> {
    for name in list(from)? {
        copy_if_different(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

pub fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write_if_different(to, &bytes)?;
    Ok(())
}

/// Makes `to` hold what `from` holds, file by file, with `last` after all others and nothing removed before: a page that
/// somebody loads meanwhile is whole. Files that are the same are not touched.
pub fn publish(from: &Path, to: &Path, last: &str) -> Result<()> {
    let new = list(from)?;
    let (entry, others): (Vec<&PathBuf>, Vec<&PathBuf>) = new.iter().partition(|name| name.ends_with(last));
    for name in others.into_iter().chain(entry) {
        copy_if_different(&from.join(name), &to.join(name))?;
    }
    for name in list(to)?.difference(&new) {
        let path = to.join(name);
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

pub fn create_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Removes a folder with all that is in it, if it is there.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_the_same_and_what_has_not_changed_is_not_written() {
        let folder = std::env::temp_dir().join(format!("xtask-files-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        let write = |path: PathBuf, text: &str| write_if_different(&path, text.as_bytes()).unwrap();
        assert!(write(from.join("index.html"), "new"));
        assert!(write(from.join("inner/same.js"), "same"));
        assert!(write(to.join("index.html"), "old"));
        assert!(write(to.join("inner/same.js"), "same"));
        assert!(write(to.join("inner/gone.js"), "gone"));
        let time = || to.join("inner/same.js").metadata().unwrap().modified().unwrap();
        let before = time();
        publish(&from, &to, "index.html").unwrap();
        assert_eq!(list(&from).unwrap(), list(&to).unwrap());
        assert_eq!(std::fs::read(to.join("index.html")).unwrap(), b"new");
        assert_eq!(time(), before);
        assert!(!write(to.join("inner/same.js"), "same"));
        remove_folder(&folder).unwrap();
        assert!(list(&folder).unwrap().is_empty());
    }
}
