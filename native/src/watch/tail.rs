//! The lines of a file that another process adds to.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use same_file::Handle;

/// As much is read at a time.
const PIECE: usize = 1 << 20;

/// A file that is read as it grows.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// Once the file is there.
    open: Option<Handle>,
    /// Bytes that were read.
    read: u64,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
}

/// What [`Tail::read`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Whole lines.
    Lines(String),
    /// The file has been replaced or cut: what was read counts no more, and reading begins anew.
    Restart,
    /// Nothing, for the time being.
    End,
}

impl Tail {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, read: 0, rest: Vec::new() }
    }

    /// Reads on.
    ///
    /// # Errors
    /// Those of the system; the file may be missing.
    pub fn read(&mut self) -> io::Result<Found> {
        let handle = match &self.open {
            None => self.open.insert(Handle::from_path(&self.path)?),
            Some(open) => {
                // A file is replaced when a run goes back: see `branches.rs`. The open one would never grow again.
                let is_same = Handle::from_path(&self.path).is_ok_and(|now| now == *open);
                if !is_same || open.as_file().metadata()?.len() < self.read {
                    *self = Self::new(&self.path);
                    return Ok(Found::Restart);
                }
                open
            }
        };
        let mut file: &File = handle.as_file();
        file.seek(SeekFrom::Start(self.read))?;
        let before = self.rest.len();
        file.take(PIECE as u64).read_to_end(&mut self.rest)?;
        self.read += (self.rest.len() - before) as u64;
        if self.rest.len() == before {
            return Ok(Found::End);
        }
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let lines = self.rest.drain(..end).collect::<Vec<_>>();
        Ok(Found::Lines(String::from_utf8_lossy(&lines).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    #[test]
    fn lines_come_whole_and_a_replaced_file_from_its_start() {
        let place = tempfile::TempDir::new().unwrap();
        let path = place.path().join("events.jsonl");
        let mut tail = Tail::new(&path);
        assert!(tail.read().is_err(), "it is not there yet");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.read().unwrap(), Found::Lines("one\n".to_owned()));
        assert_eq!(tail.read().unwrap(), Found::End);
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(tail.read().unwrap(), Found::Lines("two\nthree\n".to_owned()));

        let other = place.path().join("other");
        fs::write(&other, "one\nanother, and longer than the file before\n").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(tail.read().unwrap(), Found::Restart);
        assert_eq!(tail.read().unwrap(), Found::Lines("one\nanother, and longer than the file before\n".to_owned()));
        File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
        assert_eq!(tail.read().unwrap(), Found::Restart);
        assert_eq!(tail.read().unwrap(), Found::Lines("one\n".to_owned()));
    }
}
