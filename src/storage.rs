//! Files that outlast the program, wherever it runs: on disk, or in a browser's private file system.
//!
//! A file's name is its folders and its own name with `/` between them, e.g. `data/1f3a.pictures`. Folders need not be
//! made, and each kind of file has its own. Readers and writers are streams, because a prepared data set has hundreds
//! of megabytes.

use std::fmt::Debug;
use std::io::{self, Read, Write};

/// A place for files.
#[allow(async_fn_in_trait)] // the futures are awaited where they are made, and never sent to another thread
pub trait Storage {
    /// Calls `read` with the content of a file and its length in bytes. None if there is no such file.
    ///
    /// # Errors
    /// If the file cannot be opened, or another program has it open for itself.
    async fn get<T>(&self, name: &str, read: impl FnOnce(&mut dyn Read, u64) -> T) -> io::Result<Option<T>>;

    /// Writes a file whole or not at all: until `write` has returned and everything is stored, a file of the same name
    /// stays as it was.
    ///
    /// # Errors
    /// Those of `write`, and those of the system, such as no room.
    async fn put(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()>;

    /// Opens a file to be read anywhere, for as long as the result lives; its length in bytes too. None if there is no such file.
    ///
    /// # Errors
    /// As [`Storage::get`].
    async fn open(&self, name: &str) -> io::Result<Option<(Box<dyn RandomAccess>, u64)>>;

    /// An empty file without a name, which is removed with the result.
    ///
    /// # Errors
    /// If none can be made.
    async fn scratch(&self) -> io::Result<Box<dyn RandomAccess>>;

    /// The files of one folder, without those of the folders in it; the latest modified first. `""` is the top folder.
    /// A folder that is not there has no files.
    ///
    /// # Errors
    /// If the folder cannot be read.
    async fn list(&self, folder: &str) -> io::Result<Vec<StoredFile>>;

    /// Removes a file. It is no error if there is none.
    ///
    /// # Errors
    /// If the file is in use, or may not be removed.
    async fn delete(&self, name: &str) -> io::Result<()>;

    /// Makes a file the latest modified one, and changes nothing else.
    ///
    /// # Errors
    /// If the file cannot be written to.
    async fn touch(&self, name: &str) -> io::Result<()>;
}

impl<S: Storage> Storage for std::rc::Rc<S> {
    async fn get<T>(&self, name: &str, read: impl FnOnce(&mut dyn Read, u64) -> T) -> io::Result<Option<T>> {
        S::get(self, name, read).await
    }

    async fn put(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        S::put(self, name, write).await
    }

    async fn open(&self, name: &str) -> io::Result<Option<(Box<dyn RandomAccess>, u64)>> {
        S::open(self, name).await
    }

    async fn scratch(&self) -> io::Result<Box<dyn RandomAccess>> {
        S::scratch(self).await
    }

    async fn list(&self, folder: &str) -> io::Result<Vec<StoredFile>> {
        S::list(self, folder).await
    }

    async fn delete(&self, name: &str) -> io::Result<()> {
        S::delete(self, name).await
    }

    async fn touch(&self, name: &str) -> io::Result<()> {
        S::touch(self, name).await
    }
}

/// A file that is read and written at any place of it.
pub trait RandomAccess: Debug + Send + Sync {
    /// Fills `out` with what begins at byte `at`.
    ///
    /// # Errors
    /// If so much cannot be read there.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from byte `at` on.
    ///
    /// # Errors
    /// Such as [`io::ErrorKind::StorageFull`].
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
}

/// A file of a [`Storage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// With its folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// The folders and the file of a name, for those who implement a [`Storage`]; `""` has no parts.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if a part could lead out of the storage or is no name on some system: parts consist
/// of letters, digits, blanks, `-`, `_` and `.`, and begin with neither a blank nor a `.`.
pub fn parts(name: &str) -> io::Result<Vec<&str>> {
    let is_plain = |part: &str| {
        part.chars().all(|letter| letter.is_ascii_alphanumeric() || " -_.".contains(letter))
            && !part.starts_with([' ', '.'])
            && !part.is_empty()
    };
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = name.split('/').collect();
    match parts.iter().all(|part| is_plain(part)) {
        true => Ok(parts),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no name for a stored file"))),
    }
}

/// A storage in memory, for tests.
#[cfg(test)]
pub(crate) mod memory {
    use std::cell::{Cell, RefCell};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A file in memory.
    #[derive(Debug, Default)]
    pub struct MemoryFile {
        pub bytes: Mutex<Vec<u8>>,
        /// Bytes that fit.
        pub room: Option<u64>,
    }

    impl RandomAccess for Arc<MemoryFile> {
        fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
            let bytes = self.bytes.lock().unwrap();
            let found = bytes.get(at as usize..at as usize + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(found);
            Ok(())
        }

        fn write_at(&self, at: u64, new: &[u8]) -> io::Result<()> {
            let end = at + new.len() as u64;
            if self.room.is_some_and(|room| end > room) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let mut bytes = self.bytes.lock().unwrap();
            if bytes.len() < end as usize {
                bytes.resize(end as usize, 0);
            }
            bytes[at as usize..end as usize].copy_from_slice(new);
            Ok(())
        }
    }

    /// The latest modified file is the first.
    #[derive(Default)]
    pub struct MemoryStorage {
        pub files: RefCell<Vec<(String, Vec<u8>)>>,
        /// Bytes that all files together may have; one that does not fit is not stored. The old file of a name is there until
        /// the new one is.
        pub room: Cell<Option<usize>>,
    }

    impl MemoryStorage {
        fn take(&self, name: &str) -> Option<(String, Vec<u8>)> {
            let mut files = self.files.borrow_mut();
            let index = files.iter().position(|(found, _)| found == name)?;
            Some(files.remove(index))
        }
    }

    impl Storage for MemoryStorage {
        async fn get<T>(&self, name: &str, read: impl FnOnce(&mut dyn Read, u64) -> T) -> io::Result<Option<T>> {
            parts(name)?;
            let files = self.files.borrow();
            let file = files.iter().find(|(found, _)| found == name);
            Ok(file.map(|(_, bytes)| read(&mut &bytes[..], bytes.len() as u64)))
        }

        async fn put(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
            parts(name)?;
            let mut bytes = Vec::new();
            write(&mut bytes)?;
            let stored: usize = self.files.borrow().iter().map(|(_, bytes)| bytes.len()).sum();
            if self.room.get().is_some_and(|room| stored + bytes.len() > room) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.take(name);
            self.files.borrow_mut().insert(0, (name.to_owned(), bytes));
            Ok(())
        }

        async fn open(&self, name: &str) -> io::Result<Option<(Box<dyn RandomAccess>, u64)>> {
            let copied = |file: &mut dyn Read, length| {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map(|_| (bytes, length))
            };
            let Some((bytes, length)) = self.get(name, copied).await?.transpose()? else { return Ok(None) };
            let file = MemoryFile { bytes: bytes.into(), room: None };
            Ok(Some((Box::new(Arc::new(file)), length)))
        }

        async fn scratch(&self) -> io::Result<Box<dyn RandomAccess>> {
            Ok(Box::new(Arc::new(MemoryFile::default())))
        }

        async fn list(&self, folder: &str) -> io::Result<Vec<StoredFile>> {
            let parts_of_folder = parts(folder)?.len();
            let is_in = |name: &str| {
                name.split('/').count() == parts_of_folder + 1
                    && (folder.is_empty() || name.starts_with(&format!("{folder}/")))
            };
            let files = self.files.borrow();
            let files = files.iter().filter(|(name, _)| is_in(name));
            Ok(files.map(|(name, bytes)| StoredFile { name: name.clone(), bytes: bytes.len() as u64 }).collect())
        }

        async fn delete(&self, name: &str) -> io::Result<()> {
            self.take(name);
            Ok(())
        }

        async fn touch(&self, name: &str) -> io::Result<()> {
            let file = self.take(name).ok_or(io::ErrorKind::NotFound)?;
            self.files.borrow_mut().insert(0, file);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_out_are_refused() {
        assert_eq!(parts("data/1f3a.pictures").unwrap(), ["data", "1f3a.pictures"]);
        assert_eq!(parts("prepared pictures/a-b_c").unwrap().len(), 2);
        assert!(parts("").unwrap().is_empty());
        for name in ["..", "a/../b", "/a", "a/", "a//b", ".hidden", "a\\b", "C:", "a\0", "ä", " a"] {
            assert_eq!(parts(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
