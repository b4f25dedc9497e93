//! Prepared pictures in the user's cache folder, and `whelp data cache`.

use std::env;
use std::ffi::OsString;

use futures_lite::future::block_on;
use whelp::data::{Dataset, KeptPictures};

use crate::cli::CacheArguments;
use crate::failure::{Failure, Outcome};
use crate::memory;
use crate::output::{note, say};
use crate::storage::FolderStorage;

/// The folder to use instead of the system's folder for caches; empty: keep nothing.
const FOLDER_VARIABLE: &str = "WHELP_DATA_CACHE";

/// The most that is kept, in bytes.
const MAX_BYTES: u64 = 8 << 30;

/// The most pixels that are held in memory, in bytes, where the system does not say how much is free.
const MOST_IN_MEMORY: u64 = 4 << 30;

/// Prepared pictures on disk.
pub type Cache = KeptPictures<FolderStorage>;

/// The user's; none if nothing is to be kept, or if the system has no folder for caches.
pub fn of_user() -> Option<Cache> {
    of(env::var_os(FOLDER_VARIABLE))
}

fn of(variable: Option<OsString>) -> Option<Cache> {
    let root = match variable {
        Some(folder) if folder.is_empty() => return None,
        Some(folder) => folder.into(),
        None => dirs::cache_dir()?.join("whelp").join("data"),
    };
    // The other half is for the training.
    let most_in_memory = memory::available().map_or(MOST_IN_MEMORY, |available| available.bytes / 2);
    Some(KeptPictures::new(FolderStorage::new(root), "", MAX_BYTES).holding(most_in_memory))
}

/// The data set kept under `key`. One that cannot be used is removed, and the user told.
pub fn read(cache: &Cache, key: &str) -> Option<Dataset> {
    block_on(cache.read(key)).unwrap_or_else(|reason| {
        let folder = cache.storage().root().display();
        note!("note        the prepared pictures in {folder} are prepared again: {reason}");
        None
    })
}

/// `whelp data cache`.
pub fn command(arguments: &CacheArguments) -> Result<Outcome, Failure> {
    let Some(cache) = of_user() else {
        say!("Prepared pictures are not kept: this system has no folder for caches, or {FOLDER_VARIABLE} is empty.");
        return Ok(Outcome::Done);
    };
    let files = block_on(cache.list());
    let root = cache.storage().root();
    let (count, bytes) = (files.len(), files.iter().map(|file| file.bytes).sum::<u64>());
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    if arguments.clear {
        block_on(cache.clear()).map_err(|error| Failure::file(root, "cleared", &error))?;
        say!("removed {count} data sets, {}, from {}", megabytes(bytes), root.display());
        return Ok(Outcome::Done);
    }
    say!("{}: {count} data sets, {}", root.display(), megabytes(bytes));
    for file in &files {
        say!("  {}  {:>12}", file.name, megabytes(file.bytes));
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use whelp::data::{DatasetBuilder, Preparation, SourceKey};

    use super::*;

    #[test]
    fn a_data_set_is_kept_on_disk_and_an_empty_variable_keeps_nothing() {
        let mut builder = DatasetBuilder::new("numbers", 2);
        (0..3).for_each(|value| builder.push("x", Ok(vec![value; 12])));
        let data = builder.finish().unwrap();
        let key = SourceKey::new("numbers", Preparation::plain(2)).finish();
        let place = TempDir::new().unwrap();
        let cache = of(Some(place.path().into())).unwrap();
        assert!(read(&cache, &key).is_none());
        block_on(cache.write(&key, &data)).unwrap();
        let file = place.path().join(format!("{key}.pictures"));
        assert!(file.is_file());
        assert_eq!(read(&cache, &key).unwrap().summary(), data.summary());
        std::fs::write(&file, b"whelp pictures 1 and no more").unwrap();
        assert!(read(&cache, &key).is_none() && !file.exists());
        assert!(of(Some("".into())).is_none());
    }
}
