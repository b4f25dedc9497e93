//! Noticing that sources change. By asking for the times of files now and then: there are a few hundred, and this works in
//! containers and on network drives too, where no system tells of changes.

use crate::files;
use crate::paths::Paths;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the page is made of.
const WATCHED: [&str; 7] = ["Cargo.lock", "Cargo.toml", "Trunk.toml", "index.html", "package-lock.json", "src", "web"];

/// Every source with its size and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources(BTreeMap<PathBuf, (u64, SystemTime)>);

impl Sources {
    /// As they are now.
    pub fn now(paths: &Paths) -> Result<Self> {
        let mut sources = BTreeMap::new();
        for name in WATCHED {
            let path = paths.root.join(name);
            if path.is_dir() {
                sources.extend(files::list(&path)?.into_iter().filter_map(|inner| state(path.join(inner))));
            } else {
                sources.extend(state(path));
            }
        }
        sources.retain(|path, _| !path.starts_with(paths.generated_assets()));
        Ok(Self(sources))
    }

    /// One of the files that are not as they were in `before`.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> Option<&'a Path> {
        let is_new = self.0.iter().find(|(path, state)| before.0.get(*path) != Some(state));
        let is_gone = || before.0.iter().find(|(path, _)| !self.0.contains_key(*path));
        is_new.or_else(is_gone).map(|(path, _)| path.as_path())
    }
}

/// None if the file has just gone, as editors' own files do.
fn state(path: PathBuf) -> Option<(PathBuf, (u64, SystemTime))> {
    let metadata = path.metadata().ok()?;
    Some((path, (metadata.len(), metadata.modified().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_changed_and_lost_files_are_noticed() {
        let sources = |files: &[(&str, u64)]| {
            let state = |bytes| (bytes, SystemTime::UNIX_EPOCH);
            Sources(files.iter().map(|(name, bytes)| (PathBuf::from(name), state(*bytes))).collect())
        };
        let before = sources(&[("a", 1), ("b", 2)]);
        assert_eq!(before.changed_since(&before), None);
        for (after, changed) in [
            (sources(&[("a", 1), ("b", 3)]), "b"),
            (sources(&[("a", 1)]), "b"),
            (sources(&[("a", 1), ("b", 2), ("c", 0)]), "c"),
        ] {
            assert_eq!(after.changed_since(&before), Some(Path::new(changed)));
        }
    }
}
