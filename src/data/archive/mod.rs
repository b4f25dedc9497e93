//! Pictures out of an archive, one entry at a time; nothing is ever written to disk.

mod owned;
mod tar;

use std::io::{self, Read, Seek};

use zip::ZipArchive;

use self::tar::Tar;
use super::{
    AnnotationError, DataError, DecodeError, IDX_HEAD_BYTES, IdxKind, is_ignorable, read_annotation, read_picture,
    sanitized,
};

/// The most that is unpacked from one archive, in bytes: bounds the time an archive made to exhaust us can take.
const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// Bytes from the start of a file that [`ArchiveKind::of`] needs; fewer only if the file is shorter.
pub const ARCHIVE_HEAD_BYTES: usize = 4096;

/// An archive that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// Stored or deflated.
    Zip,
    /// Of any age: v7, ustar, GNU, pax.
    Tar,
    /// The same packed with gzip.
    TarGz,
}

impl ArchiveKind {
    /// Recognises an archive by its first [`ARCHIVE_HEAD_BYTES`] bytes.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            // An entry, or the end of an archive without any.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [0x1f, 0x8b, ..] => tar::is_packed_tar(head).then_some(Self::TarGz),
            _ => tar::is_tar(head).then_some(Self::Tar),
        }
    }
}

/// The files of an archive in the order of their names, as a folder of the same files is read.
///
/// Folders, links and the system's own files ([`is_ignorable`]) are passed over. Memory: the archive's directory and one
/// entry.
pub struct Archive<R> {
    content: Content<R>,
    /// As told in errors.
    name: String,
    /// Sorted; with their folders inside the archive, which they never lead out of.
    names: Vec<String>,
    /// Where each is: in the zip's directory, or among the tar's files.
    places: Vec<usize>,
    unpacked_bytes: u64,
}

enum Content<R> {
    Zip(ZipArchive<R>),
    Tar(Box<Tar<R>>),
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the archive's directory; a tar packed with gzip has none, so all of it.
    ///
    /// # Errors
    /// [`DataError::Archive`] if `reader` is no archive, or one that was cut short.
    pub fn open(name: impl Into<String>, mut reader: R) -> Result<Self, DataError> {
        let name = name.into();
        let failed = |reason: String| DataError::Archive { name: name.clone(), reason };
        let head = head(&mut reader).map_err(|error| failed(error.to_string()))?;
        let tar = |reader, is_packed| {
            let tar = Tar::open(reader, is_packed).map_err(|error| error.to_string())?;
            Ok(Content::Tar(Box::new(tar)))
        };
        let content = match ArchiveKind::of(&head) {
            Some(ArchiveKind::Tar) => tar(reader, false),
            Some(ArchiveKind::TarGz) => tar(reader, true),
            // What is neither is refused in its words.
            Some(ArchiveKind::Zip) | None => {
                ZipArchive::new(reader).map(Content::Zip).map_err(|error| error.to_string())
            }
        };
        let content = content.map_err(failed)?;
        let (names, places) = content.files().into_iter().unzip();
        Ok(Self { content, name, names, places, unpacked_bytes: 0 })
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

    /// The same as a reader that owns the archive.
    ///
    /// # Errors
    /// Those of [`Archive::reader`].
    ///
    /// # Panics
    /// If there are not that many files.
    pub(super) fn into_reader(self, index: usize) -> Result<Box<dyn Read>, DataError>
    where
        R: 'static,
    {
        let place = self.places[index];
        let reader = match self.content {
            Content::Zip(zip) => owned::into_entry(zip, place),
            Content::Tar(tar) => {
                let (start, size) = (tar.files()[place].start, tar.files()[place].size);
                tar.into_reader(start, size).map_err(|error| error.to_string())
            }
        };
        reader.map_err(|reason| DataError::Unreadable { name: self.names[index].clone(), reason })
    }

    /// Whether a file is idx, and of what.
    ///
    /// # Panics
    /// If there are not that many files.
    pub fn idx_kind(&mut self, index: usize) -> Option<IdxKind> {
        let mut head = Vec::new();
        let (entry, _) = self.entry(index).ok()?;
        entry.take(IDX_HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
        IdxKind::of(&head)
    }

    /// What files are best read in the order of: each file of a packed tar that is read out of its order unpacks
    /// everything before it again. None where the order does not matter.
    pub(super) fn place(&self, index: usize) -> Option<u64> {
        match &self.content {
            Content::Tar(tar) if !tar.is_seekable() => Some(tar.files()[self.places[index]].start),
            Content::Tar(_) | Content::Zip(_) => None,
        }
    }

    /// An entry and its size in bytes, or why it cannot be had.
    fn entry(&mut self, index: usize) -> Result<(Box<dyn Read + '_>, u64), String> {
        let place = self.places[index];
        match &mut self.content {
            Content::Zip(zip) => {
                // Its words for passwords and for unusual compression are plain enough.
                let entry = zip.by_index(place).map_err(|error| error.to_string())?;
                let size = entry.size();
                Ok((Box::new(entry), size))
            }
            Content::Tar(tar) => {
                let (start, size) = (tar.files()[place].start, tar.files()[place].size);
                Ok((tar.read(start, size).map_err(|error| error.to_string())?, size))
            }
        }
    }
}

/// Its first bytes; it is at its beginning again afterwards.
fn head(reader: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.by_ref().take(ARCHIVE_HEAD_BYTES as u64).read_to_end(&mut head)?;
    reader.rewind()?;
    Ok(head)
}

impl<R: Read + Seek> Content<R> {
    /// Names and places of the files to read, sorted.
    fn files(&self) -> Vec<(String, usize)> {
        let is_folder = |name: &str| name.ends_with(['/', '\\']);
        let mut files: Vec<_> = match self {
            Self::Zip(zip) => {
                let names = (0..zip.len()).filter_map(|index| Some((zip.name_for_index(index)?, index)));
                names.filter(|(name, _)| !is_folder(name)).map(|(name, index)| (sanitized(name), index)).collect()
            }
            Self::Tar(tar) => tar.files().iter().map(|file| sanitized(&file.name)).zip(0..).collect(),
        };
        files.retain(|(name, _)| !is_ignorable(name));
        files.sort_unstable();
        files
    }
}
