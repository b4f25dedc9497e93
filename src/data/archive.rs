//! Pictures out of a zip archive, one entry at a time; nothing is ever written to disk.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::{
    AnnotationError, DataError, DecodeError, IDX_HEAD_BYTES, IdxKind, idx_candidates, is_ignorable, read_annotation,
    read_picture, sanitized,
};

/// The most that is unpacked from one archive, in bytes: bounds the time an archive made to exhaust us can take.
const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// The files of a zip in the order of their names, as a folder of the same files is read.
///
/// Folders and the system's own files ([`is_ignorable`]) are passed over. Memory: the archive's directory and one entry.
pub struct Archive<R> {
    zip: ZipArchive<R>,
    /// As told in errors.
    name: String,
    /// Sorted; with their folders inside the archive, which they never lead out of.
    names: Vec<String>,
    /// Where each is in the archive's directory.
    places: Vec<usize>,
    unpacked_bytes: u64,
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
                let (names, places) = files(&zip).into_iter().unzip();
                Ok(Self { zip, name, names, places, unpacked_bytes: 0 })
            }
        }
    }

    /// Names of all files, to be read by their indices.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A file as [`read_picture`] reads it, or why it is left out.
    ///
    /// # Errors
    /// [`DataError::ArchiveTooBig`] ends the archive; an entry that cannot be used does not.
    ///
    /// # Panics
    /// If there are not that many files.
    pub fn picture(&mut self, index: usize) -> Result<Result<Vec<u8>, DecodeError>, DataError> {
        let picture = self.entry(index).map_err(|reason| DecodeError::Unreadable { reason });
        let picture = picture.and_then(|(entry, size)| read_picture(entry, size));
        self.unpacked_bytes += picture.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.unpacked_bytes > MAX_UNPACKED_BYTES {
            let name = self.name.clone();
            return Err(DataError::ArchiveTooBig { name, limit_gigabytes: MAX_UNPACKED_BYTES >> 30 });
        }
        Ok(picture)
    }

    /// A file as [`read_annotation`] reads it.
    ///
    /// # Errors
    /// Those of [`read_annotation`].
    ///
    /// # Panics
    /// If there are not that many files.
    pub fn annotation(&mut self, index: usize) -> Result<Vec<u8>, AnnotationError> {
        let (entry, _) = self.entry(index).map_err(|reason| AnnotationError::Unreadable { reason })?;
        let bytes = read_annotation(entry)?;
        self.unpacked_bytes += bytes.len() as u64;
        Ok(bytes)
    }

    /// A file to be read through.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] if it is encrypted or compressed in an unusual way.
    ///
    /// # Panics
    /// If there are not that many files.
    pub fn reader(&mut self, index: usize) -> Result<impl Read, DataError> {
        let name = self.names[index].clone();
        self.entry(index).map(|(entry, _)| entry).map_err(|reason| DataError::Unreadable { name, reason })
    }

    /// Looks for idx files, as [`Plan::new`](super::Plan::new) needs them.
    pub fn idx_files(&mut self) -> Vec<(usize, IdxKind)> {
        let candidates: Vec<usize> = idx_candidates(&self.names).collect();
        let mut kind = |index| {
            let mut head = Vec::new();
            let (entry, _) = self.entry(index).ok()?;
            entry.take(IDX_HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
            IdxKind::of(&head)
        };
        candidates.into_iter().filter_map(|index| Some((index, kind(index)?))).collect()
    }

    /// An entry and its size in bytes, or why it cannot be had.
    fn entry(&mut self, index: usize) -> Result<(impl Read, u64), String> {
        // Its words for passwords and for unusual compression are plain enough.
        let entry = self.zip.by_index(self.places[index]).map_err(|error| error.to_string())?;
        let size = entry.size();
        Ok((entry, size))
    }
}

/// Names and places of the files to read, sorted.
fn files<R: Read + Seek>(zip: &ZipArchive<R>) -> Vec<(String, usize)> {
    let is_folder = |name: &str| name.ends_with(['/', '\\']);
    let names = (0..zip.len()).filter_map(|index| Some((zip.name_for_index(index)?, index)));
    let files = names.filter(|(name, _)| !is_folder(name)).map(|(name, index)| (sanitized(name), index));
    let mut files: Vec<_> = files.filter(|(name, _)| !is_ignorable(name)).collect();
    files.sort_unstable();
    files
}
