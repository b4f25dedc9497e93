//! Files in a folder on disk.

use std::cmp::Reverse;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use whelp::storage::{RandomAccess, Storage, StoredFile, parts};

/// A folder, and the files and folders in it.
#[derive(Debug)]
pub struct FolderStorage {
    root: PathBuf,
}

/// Ending of a file that is being written.
const UNFINISHED: &str = "unfinished";

impl FolderStorage {
    /// The folder need not be there yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where everything lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file lies.
    ///
    /// # Errors
    /// Those of [`parts`].
    pub fn path(&self, name: &str) -> io::Result<PathBuf> {
        Ok(self.root.join(parts(name)?.iter().collect::<PathBuf>()))
    }
}

impl Storage for FolderStorage {
    async fn get<T>(&self, name: &str, read: impl FnOnce(&mut dyn Read, u64) -> T) -> io::Result<Option<T>> {
        match File::open(self.path(name)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(mut file) => {
                let bytes = file.metadata()?.len();
                Ok(Some(read(&mut file, bytes)))
            }
        }
    }

    async fn put(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let path = self.path(name)?;
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        replace_file(&path, write)
    }

    async fn open(&self, name: &str) -> io::Result<Option<(Box<dyn RandomAccess>, u64)>> {
        match File::open(self.path(name)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => {
                let bytes = file.metadata()?.len();
                Ok(Some((Box::new(OpenFile(file.into())), bytes)))
            }
        }
    }

    async fn scratch(&self) -> io::Result<Box<dyn RandomAccess>> {
        fs::create_dir_all(&self.root)?;
        Ok(Box::new(OpenFile(tempfile::tempfile_in(&self.root)?.into())))
    }

    async fn list(&self, folder: &str) -> io::Result<Vec<StoredFile>> {
        let entries = match fs::read_dir(self.path(folder)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let slash = if folder.is_empty() { "" } else { "/" };
        // Other programs may remove files meanwhile, and files of other programs may have names that are not ours.
        let described = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let metadata = fs::metadata(entry.path()).ok().filter(Metadata::is_file)?;
            let file = StoredFile { name: format!("{folder}{slash}{name}"), bytes: metadata.len() };
            let is_whole = Path::new(&name).extension().is_none_or(|ending| ending != UNFINISHED);
            (is_whole && parts(&file.name).is_ok()).then_some((metadata.modified().ok()?, file))
        };
        let mut files: Vec<_> = entries.filter_map(Result::ok).filter_map(described).collect();
        files.sort_by_cached_key(|(modified, file)| (Reverse(*modified), file.name.clone()));
        Ok(files.into_iter().map(|(_, file)| file).collect())
    }

    async fn delete(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    async fn touch(&self, name: &str) -> io::Result<()> {
        File::options().append(true).open(self.path(name)?)?.set_modified(SystemTime::now())
    }
}

/// A file that is read and written anywhere. Systems differ in how that is done without a place that all share.
#[derive(Debug)]
struct OpenFile(Mutex<File>);

impl OpenFile {
    fn at(&self, at: u64) -> io::Result<MutexGuard<'_, File>> {
        let mut file = self.0.lock().map_err(|_| io::Error::other("a thread that read it has broken down"))?;
        file.seek(SeekFrom::Start(at))?;
        Ok(file)
    }
}

impl RandomAccess for OpenFile {
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.at(at)?.read_exact(out)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.at(at)?.write_all(bytes)
    }
}

/// Writes a file completely or not at all: under a temporary name, synced to the disk, then renamed.
///
/// # Errors
/// Those of `write` and of the system; a file of that name stays as it was.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    replace(path, write, |_| Ok(()))
}

/// The same with `bytes`, which are read back and compared before the file gets its name.
///
/// # Errors
/// Those of the system, and [`io::ErrorKind::InvalidData`] if other bytes come back.
pub fn replace_verified(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| file.write_all(bytes), |written| compare(written, bytes))
}

/// # Errors
/// [`io::ErrorKind::InvalidData`] if the file has other bytes.
fn compare(path: &Path, bytes: &[u8]) -> io::Result<()> {
    const PIECE: usize = 1 << 20;
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    let mut rest = bytes;
    loop {
        let length = file.read(&mut piece)?;
        let is_same = rest.get(..length) == Some(&piece[..length]);
        if !is_same || length == 0 && !rest.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the disk gives back other bytes than were written",
            ));
        }
        if length == 0 {
            return Ok(());
        }
        rest = &rest[length..];
    }
}

/// Removes what a killed process has left of a file in `folder` that it was writing. No other process may be writing there.
pub fn remove_unfinished(folder: &Path) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == UNFINISHED) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Gives a file another name as well, in place of what had it.
///
/// # Errors
/// Those of the system; what had the name keeps it then.
pub fn link_as(file: &Path, name: &Path) -> io::Result<()> {
    let unfinished = unfinished(name);
    let _ = fs::remove_file(&unfinished);
    // A hard link, or a copy where the file system has none.
    let linked = fs::hard_link(file, &unfinished)
        .or_else(|_| fs::copy(file, &unfinished).map(drop))
        .and_then(|()| fs::rename(&unfinished, name));
    // Also where both are the same file already: then nothing was renamed.
    let _ = fs::remove_file(&unfinished);
    linked
}

/// The temporary name of a file, with the process's number in it, so that two processes can write the same file: the last one
/// wins.
fn unfinished(path: &Path) -> PathBuf {
    let mut unfinished = path.to_owned().into_os_string();
    unfinished.push(format!(".{}.{UNFINISHED}", std::process::id()));
    unfinished.into()
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    check: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = File::create(&unfinished).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all()?;
        drop(file);
        check(&unfinished)?;
        fs::rename(&unfinished, path)
    });
    match &written {
        // So that the name, too, outlasts a power cut; not every system can.
        Ok(()) => drop(path.parent().and_then(|folder| File::open(folder).ok()).map(|folder| folder.sync_all())),
        Err(_) => drop(fs::remove_file(unfinished)),
    }
    written
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_lite::future::block_on;
    use tempfile::TempDir;

    use super::*;

    fn put(storage: &FolderStorage, name: &str, bytes: &[u8]) -> io::Result<()> {
        block_on(storage.put(name, |file| file.write_all(bytes)))
    }

    fn get(storage: &FolderStorage, name: &str) -> Option<Vec<u8>> {
        let read = |file: &mut dyn Read, length| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, length);
            bytes
        };
        block_on(storage.get(name, read)).unwrap()
    }

    fn names(storage: &FolderStorage, folder: &str) -> Vec<String> {
        block_on(storage.list(folder)).unwrap().into_iter().map(|file| file.name).collect()
    }

    /// Everything on disk, whatever the storage makes of it.
    fn on_disk(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn files_come_back_are_replaced_and_are_removed() {
        let place = TempDir::new().unwrap();
        let storage = FolderStorage::new(place.path().join("not there yet"));
        assert!(names(&storage, "").is_empty() && get(&storage, "a").is_none());
        put(&storage, "runs/one/a.bin", b"first").unwrap();
        put(&storage, "runs/one/a.bin", b"second").unwrap();
        put(&storage, "top", b"").unwrap();
        assert_eq!(get(&storage, "runs/one/a.bin").unwrap(), b"second");
        assert_eq!(
            (names(&storage, "runs/one"), names(&storage, "")),
            (vec!["runs/one/a.bin".into()], vec!["top".into()])
        );
        block_on(storage.delete("runs/one/a.bin")).unwrap();
        block_on(storage.delete("runs/one/a.bin")).unwrap();
        assert!(get(&storage, "runs/one/a.bin").is_none());
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_the_old_one_and_no_trace() {
        let place = TempDir::new().unwrap();
        let storage = FolderStorage::new(place.path().to_owned());
        put(&storage, "a", b"old").unwrap();
        let half = |file: &mut dyn Write| {
            file.write_all(b"ne")?;
            assert_eq!((get(&storage, "a").unwrap(), names(&storage, "")), (b"old".to_vec(), vec!["a".to_owned()]));
            Err(io::Error::other("the power went out"))
        };
        assert!(block_on(storage.put("a", half)).is_err());
        assert_eq!((get(&storage, "a").unwrap(), on_disk(place.path())), (b"old".to_vec(), 1));
    }

    #[test]
    fn what_a_disk_gives_back_is_compared() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("a");
        for bytes in [&b""[..], b"some", &[7; (1 << 20) + 1]] {
            replace_verified(&path, bytes).unwrap();
            compare(&path, bytes).unwrap();
            assert!(compare(&path, &[bytes, b"x"].concat()).is_err());
            if let [rest @ .., last] = bytes {
                assert!(compare(&path, rest).is_err());
                assert!(compare(&path, &[rest, &[last ^ 1]].concat()).is_err());
            }
        }
        assert_eq!(on_disk(place.path()), 1);
    }

    #[test]
    fn a_second_name_replaces_another_file_and_may_be_given_twice() {
        let place = TempDir::new().unwrap();
        let [a, b, name] = ["a", "b", "name"].map(|file| place.path().join(file));
        fs::write(&a, b"a").unwrap();
        fs::write(&b, b"b").unwrap();
        for file in [&a, &b, &b] {
            link_as(file, &name).unwrap();
            assert_eq!((fs::read(&name).unwrap(), on_disk(place.path())), (fs::read(file).unwrap(), 3));
        }
        assert!(link_as(&place.path().join("c"), &name).is_err());
        assert_eq!((fs::read(&name).unwrap(), on_disk(place.path())), (b"b".to_vec(), 3));
    }

    #[test]
    fn the_latest_modified_file_is_listed_first() {
        let place = TempDir::new().unwrap();
        let storage = FolderStorage::new(place.path().to_owned());
        for (name, age_secs) in [("a", 30), ("b", 10), ("c", 20)] {
            put(&storage, name, b"x").unwrap();
            let file = File::options().append(true).open(place.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age_secs)).unwrap();
        }
        assert_eq!(names(&storage, ""), ["b", "c", "a"]);
        block_on(storage.touch("a")).unwrap();
        assert_eq!(names(&storage, ""), ["a", "b", "c"]);
        assert_eq!(get(&storage, "a").unwrap(), b"x");
    }

    #[test]
    fn nothing_outside_of_the_folder_is_touched() {
        let place = TempDir::new().unwrap();
        fs::write(place.path().join("mine"), b"mine").unwrap();
        let storage = FolderStorage::new(place.path().join("inside"));
        assert!(put(&storage, "../mine", b"theirs").is_err());
        assert!(block_on(storage.delete("../mine")).is_err());
        assert!(block_on(storage.list("..")).is_err());
        assert_eq!(fs::read(place.path().join("mine")).unwrap(), b"mine");
    }
}
