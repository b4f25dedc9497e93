//! Prepared pictures in the user's cache folder, so that the next start on the same ones is immediate.
//!
//! Nothing here ever fails a training: without the cache it takes a little longer.

use std::env;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use whelp::data::{Dataset, read_stored, write_stored};

use crate::cli::CacheArguments;
use crate::failure::{Failure, Outcome};

/// Where it is to be instead of in the system's folder for caches; empty: nowhere.
const FOLDER_VARIABLE: &str = "WHELP_DATA_CACHE";

/// The most that is kept, in bytes; what was not used for the longest time goes first.
const MAX_BYTES: u64 = 8 << 30;

const ENDING: &str = "pictures";

/// A folder of prepared pictures, or none.
#[derive(Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// The user's.
    pub fn of_user() -> Self {
        let folder = match env::var_os(FOLDER_VARIABLE) {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(folder.into()),
            None => dirs::cache_dir().map(|folder| folder.join("whelp").join("data")),
        };
        Self { folder }
    }

    /// What was prepared under `key`. What cannot be used is removed.
    pub fn read(&self, key: &str) -> Option<Dataset> {
        let path = self.path(key)?;
        let file = File::open(&path).ok()?;
        let length = file.metadata().ok()?.len();
        match read_stored(key, BufReader::new(&file), length) {
            Ok(data) => {
                // So that those in use are the last to go. Where it fails that is only less fair.
                let _ = File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                Some(data)
            }
            Err(reason) => {
                eprintln!("note        the prepared pictures in {} are prepared again: {reason}", path.display());
                let _ = fs::remove_file(path);
                None
            }
        }
    }

    /// Keeps what was prepared under `key`, if there is room.
    pub fn write(&self, key: &str, data: &Dataset) {
        let Some(path) = self.path(key) else { return };
        // Renamed at the end: a file of this name is whole.
        let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let mut file = BufWriter::new(File::create(&unfinished)?);
            write_stored(data, key, &mut file)?;
            file.flush()?;
            fs::rename(&unfinished, &path)
        });
        if written.is_err() {
            let _ = fs::remove_file(unfinished);
        }
        self.prune(&path);
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(key).with_extension(ENDING))
    }

    /// Removes the oldest beyond [`MAX_BYTES`], but never `newest`.
    fn prune(&self, newest: &Path) {
        let mut bytes = 0;
        for file in self.kept() {
            bytes += file.bytes;
            if bytes > MAX_BYTES && file.path != newest {
                let _ = fs::remove_file(file.path);
            }
        }
    }

    /// The one that was used last comes first. Unfinished ones are none.
    fn kept(&self) -> Vec<Kept> {
        let entries = self.folder.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        let files = entries.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let described = |path: PathBuf| {
            let metadata = fs::metadata(&path).ok()?;
            Some(Kept { path, bytes: metadata.len(), used: metadata.modified().ok()? })
        };
        let files = files.filter(|path| path.extension().is_some_and(|ending| ending == ENDING));
        let mut kept: Vec<Kept> = files.filter_map(described).collect();
        kept.sort_by_key(|file| std::cmp::Reverse(file.used));
        kept
    }
}

struct Kept {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// `whelp data cache`.
pub fn command(arguments: &CacheArguments) -> Result<Outcome, Failure> {
    let cache = Cache::of_user();
    let Some(folder) = &cache.folder else {
        println!(
            "Prepared pictures are not kept: this system has no folder for caches, or {FOLDER_VARIABLE} is empty."
        );
        return Ok(Outcome::Done);
    };
    let kept = cache.kept();
    let (count, bytes) = (kept.len(), kept.iter().map(|file| file.bytes).sum::<u64>());
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    if arguments.clear {
        for file in &kept {
            fs::remove_file(&file.path).map_err(|error| Failure::file(&file.path, "removed", &error))?;
        }
        println!("removed {count} data sets, {}, from {}", megabytes(bytes), folder.display());
        return Ok(Outcome::Done);
    }
    println!("{}: {count} data sets, {}", folder.display(), megabytes(bytes));
    for Kept { path, bytes, .. } in &kept {
        println!("  {}  {:>12}", path.file_name().unwrap_or_default().to_string_lossy(), megabytes(*bytes));
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use whelp::data::DatasetBuilder;

    use super::*;

    fn data() -> Dataset {
        let mut builder = DatasetBuilder::new("numbers", 2);
        (0..3).for_each(|value| builder.push("x", Ok(vec![value; 12])));
        builder.finish().unwrap()
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_goes() {
        let folder = std::env::temp_dir().join(format!("whelp-cache-test-{}", std::process::id()));
        let cache = Cache { folder: Some(folder.clone()) };
        assert!(cache.read("a").is_none());
        cache.write("a", &data());
        cache.write("b", &data());
        assert_eq!(cache.read("a").unwrap().summary(), data().summary());
        let file = folder.join("b.pictures");
        fs::write(&file, b"whelp pictures 1 and no more").unwrap();
        assert!(cache.read("b").is_none() && !file.exists());
        assert_eq!(cache.kept().len(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let cache = Cache { folder: None };
        cache.write("a", &data());
        assert!(cache.read("a").is_none() && cache.kept().is_empty());
    }
}
