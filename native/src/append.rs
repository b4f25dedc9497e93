//! A file that only grows, by whole records.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A file to which records are added, each whole or not at all.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    /// Bytes of whole records.
    length: u64,
    /// A part of a record may lie after them.
    is_torn: bool,
}

impl AppendFile {
    /// Opens a file, or creates it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(File::options().create(true).append(true).open(path)?)
    }

    /// Creates a file that does not exist yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`], and those of the system.
    pub fn create_new(path: &Path) -> io::Result<Self> {
        Self::of(File::options().create_new(true).append(true).open(path)?)
    }

    fn of(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length, is_torn: false })
    }

    /// Adds a record. It is handed to the system with one call, so that a kill loses nothing of earlier ones.
    ///
    /// # Errors
    /// Those of the system, such as that the disk is full. What was written of the record is taken back, so the same call can
    /// be made again.
    pub fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.is_torn = false;
        }
        match self.file.write_all(record) {
            Ok(()) => {
                self.length += record.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.is_torn = self.file.set_len(self.length).is_err();
                Err(error)
            }
        }
    }
}
