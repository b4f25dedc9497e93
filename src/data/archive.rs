//! Pictures out of a zip archive, one entry at a time; nothing is ever written to disk.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::{DataError, DecodeError, is_ignorable, read_picture, sanitized};

/// The most that is unpacked from one archive, in bytes: bounds the time an archive made to exhaust us can take.
const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// Iterates over the files of a zip in the order of their names, as a folder of the same files is read.
///
/// Folders and the system's own files ([`is_ignorable`]) are passed over. Memory: the archive's directory and one entry.
pub struct Archive<R> {
    zip: ZipArchive<R>,
    /// As told in errors.
    name: String,
    /// Name and index, last one first.
    waiting: Vec<(String, usize)>,
    unpacked_bytes: u64,
}

/// One file of an archive.
#[derive(Debug)]
pub struct ArchiveEntry {
    /// With its folders inside the archive; never leads out of them.
    pub name: String,
    /// The whole file, or why it is left out.
    pub bytes: Result<Vec<u8>, DecodeError>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the archive's directory.
    ///
    /// # Errors
    /// [`DataError::Archive`] if `reader` is no zip, or one that was cut short.
    pub fn open(name: impl Into<String>, reader: R) -> Result<Self, DataError> {
        let name = name.into();
        match ZipArchive::new(reader) {
            Err(error) => Err(DataError::Archive { name, reason: error.to_string() }),
            Ok(zip) => {
                let waiting = waiting(&zip);
                Ok(Self { zip, name, waiting, unpacked_bytes: 0 })
            }
        }
    }

    /// Files that are still to come.
    pub fn remaining(&self) -> usize {
        self.waiting.len()
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DecodeError> {
        // Its words for passwords and for unusual compression are plain enough.
        let entry = self.zip.by_index(index).map_err(|error| DecodeError::Unreadable { reason: error.to_string() })?;
        let size = entry.size();
        read_picture(entry, size)
    }
}

/// Files to read, last one first.
fn waiting<R: Read + Seek>(zip: &ZipArchive<R>) -> Vec<(String, usize)> {
    let is_folder = |name: &str| name.ends_with(['/', '\\']);
    let names = (0..zip.len()).filter_map(|index| Some((zip.name_for_index(index)?, index)));
    let files = names.filter(|(name, _)| !is_folder(name)).map(|(name, index)| (sanitized(name), index));
    let mut waiting: Vec<_> = files.filter(|(name, _)| !is_ignorable(name)).collect();
    waiting.sort_unstable();
    waiting.reverse();
    waiting
}

impl<R: Read + Seek> Iterator for Archive<R> {
    /// An error ends the archive; an entry that cannot be used does not.
    type Item = Result<ArchiveEntry, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (name, index) = self.waiting.pop()?;
        let bytes = self.read(index);
        self.unpacked_bytes += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.unpacked_bytes > MAX_UNPACKED_BYTES {
            self.waiting.clear();
            let name = self.name.clone();
            return Some(Err(DataError::ArchiveTooBig { name, limit_gigabytes: MAX_UNPACKED_BYTES >> 30 }));
        }
        Some(Ok(ArchiveEntry { name, bytes }))
    }
}
