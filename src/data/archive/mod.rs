//! Reads the entries of an archive one at a time. Nothing is written to disk.

mod owned;
mod packing;
mod tar;

use std::io::{self, Read, Seek};

use zip::ZipArchive;

pub use self::packing::Packing;
use self::tar::Tar;
use super::foreign::document;
use super::{AnnotationError, DataError, DecodeError, is_ignorable, read_annotation, read_picture, sanitized};

/// The most that is unpacked from one archive, in bytes: limits the time that a malicious archive can take.
const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// Bytes from the start of a file that [`ArchiveKind::of`] needs, unless the file is shorter.
const ARCHIVE_HEAD_BYTES: usize = 4096;

/// A format of archives that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// Stored or deflated, also with Deflate64.
    Zip,
    /// In any version: v7, ustar, GNU, pax.
    Tar,
    /// A tar packed with gzip, xz, bzip2 or Zstandard.
    Packed(Packing),
}

impl ArchiveKind {
    /// Recognises an archive by its first [`ARCHIVE_HEAD_BYTES`] bytes. What is packed may still be no archive.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            // The first entry, or the end of an archive without entries.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => document(head).is_none().then_some(Self::Zip),
            _ => match Packing::of(head) {
                Some(packing) => Some(Self::Packed(packing)),
                None => tar::is_tar(head).then_some(Self::Tar),
            },
        }
    }

    /// Recognises an archive, and leaves its reader at its beginning.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of_file(reader: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let kind = Self::of(&head(reader)?);
        let is_tar = match kind {
            Some(Self::Packed(packing)) => tar::is_packed_tar(packing, &mut *reader),
            _ => true,
        };
        reader.rewind()?;
        Ok(kind.filter(|_| is_tar))
    }
}

/// A file in an archive that is an archive too.
pub(super) enum Inner {
    /// Its content.
    Whole(Vec<u8>),
    /// It has more bytes than it may have.
    TooLarge,
}

/// The files of an archive in the order of their names, like those of a folder.
///
/// Folders, links and files of the system ([`is_ignorable`]) are left out. Memory holds the archive's directory and one
/// entry.
pub struct Archive<R: Read + Seek> {
    content: Content<R>,
    /// Name in error messages.
    name: String,
    /// Sorted, with their folders inside the archive. No name leads out of it.
    names: Vec<String>,
    /// Index of each file in the zip's directory, or among the tar's files.
    places: Vec<usize>,
    unpacked_bytes: u64,
}

enum Content<R: Read + Seek> {
    Zip(ZipArchive<R>),
    Tar(Box<Tar<R>>),
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the archive's directory. A packed tar has none, so all of it is read.
    ///
    /// # Errors
    /// [`DataError::Archive`] if `reader` is no archive, or is cut short.
    pub fn open(name: impl Into<String>, mut reader: R) -> Result<Self, DataError> {
        let name = name.into();
        let failed = |reason: String| DataError::Archive { name: name.clone(), reason };
        let kind = ArchiveKind::of_file(&mut reader).map_err(|error| failed(error.to_string()))?;
        let tar = |reader, packing| {
            let tar = Tar::open(reader, packing).map_err(|error| error.to_string())?;
            Ok(Content::Tar(Box::new(tar)))
        };
        let content = match kind {
            Some(ArchiveKind::Tar) => tar(reader, None),
            Some(ArchiveKind::Packed(packing)) => tar(reader, Some(packing)),
            // Anything else is refused with the message of the crate `zip`.
            Some(ArchiveKind::Zip) | None => {
                ZipArchive::new(reader).map(Content::Zip).map_err(|error| error.to_string())
            }
        };
        let mut content = content.map_err(failed)?;
        let (names, places) = content.files().into_iter().unzip();
        Ok(Self { content, name, names, places, unpacked_bytes: 0 })
    }

    /// Names of all files. Files are read by their indices.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads a file as [`read_picture`] does; the inner error says why the file is skipped.
    ///
    /// # Errors
    /// [`DataError::ArchiveTooBig`], which ends the reading.
    ///
    /// # Panics
    /// If there are not that many files.
    pub fn picture(&mut self, index: usize) -> Result<Result<Vec<u8>, DecodeError>, DataError> {
        let picture = self.entry(index).map_err(|reason| DecodeError::Packed { reason });
        let picture = picture.and_then(|(entry, size)| read_picture(entry, size));
        self.unpacked_bytes += picture.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.unpacked_bytes > MAX_UNPACKED_BYTES {
            let name = self.name.clone();
            return Err(DataError::ArchiveTooBig { name, limit_gigabytes: MAX_UNPACKED_BYTES >> 30 });
        }
        Ok(picture)
    }

    /// Reads a file as [`read_annotation`] does.
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

    /// The content of a file that is an archive, if that has at most `limit` bytes; none if it is no archive, or cannot be read.
    ///
    /// # Panics
    /// If there are not that many files.
    pub(super) fn inner(&mut self, index: usize, limit: u64) -> Option<Inner> {
        let mut bytes = Vec::new();
        let (mut entry, _) = self.entry(index).ok()?;
        entry.by_ref().take(ARCHIVE_HEAD_BYTES as u64).read_to_end(&mut bytes).ok()?;
        ArchiveKind::of(&bytes)?;
        entry.take((limit + 1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes).ok()?;
        Some(if bytes.len() as u64 <= limit { Inner::Whole(bytes) } else { Inner::TooLarge })
    }

    /// A file from its beginning.
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

    /// The order in which files are read fastest: to go back in a packed tar, it is unpacked again from the beginning.
    /// None if the order does not matter.
    pub(super) fn place(&self, index: usize) -> Option<u64> {
        match &self.content {
            Content::Tar(tar) if !tar.is_seekable() => Some(tar.files()[self.places[index]].start),
            Content::Tar(_) | Content::Zip(_) => None,
        }
    }

    /// An entry and its size in bytes, or why it cannot be read.
    fn entry(&mut self, index: usize) -> Result<(Box<dyn Read + '_>, u64), String> {
        let place = self.places[index];
        match &mut self.content {
            Content::Zip(zip) => {
                // The messages about passwords and unusual compression are clear.
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

/// The first bytes. Afterwards the reader is at its beginning again.
fn head(reader: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.by_ref().take(ARCHIVE_HEAD_BYTES as u64).read_to_end(&mut head)?;
    reader.rewind()?;
    Ok(head)
}

/// The names of all entries. Where an archive does not say which letters are meant by bytes beyond ASCII, `zip` takes them for those
/// of DOS. They are UTF-8 in what macOS packs, which is decided for all names together: some names in other letters look like UTF-8.
fn zip_names<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Vec<String> {
    let mut names: Vec<(String, Option<Vec<u8>>)> = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let name = zip.name_for_index(index).unwrap_or_default().to_owned();
        // Only these cost a look at the entry itself.
        let raw =
            if name.is_ascii() { None } else { zip.by_index_raw(index).ok().map(|entry| entry.name_raw().to_owned()) };
        names.push((name, raw));
    }
    let is_separator = |raw: &[u8], at: usize| raw[at] == b'\\' && (at == 0 || raw[at - 1] < FIRST_LEAD);
    let has_separator = |(name, raw): &(String, Option<Vec<u8>>)| {
        let raw = raw.as_deref().unwrap_or(name.as_bytes());
        (0..raw.len()).any(|at| is_separator(raw, at))
    };
    let splits_at_backslashes = names.iter().any(has_separator);
    let is_utf8 = names.iter().filter_map(|(_, raw)| raw.as_deref()).all(|raw| str::from_utf8(raw).is_ok());
    let meant = |(name, raw): (String, Option<Vec<u8>>)| match raw.map(String::from_utf8) {
        None => name,
        Some(Ok(name)) if is_utf8 => name,
        Some(_) if splits_at_backslashes => name,
        // The second byte of some letters of Japanese Windows is a backslash, and ends no folder's name.
        Some(_) => name.replace('\\', "_"),
    };
    names.into_iter().map(meant).collect()
}

/// The first byte of letters that take two in Shift-JIS.
const FIRST_LEAD: u8 = 0x81;

impl<R: Read + Seek> Content<R> {
    /// Names and indices of the files to read, sorted.
    fn files(&mut self) -> Vec<(String, usize)> {
        let is_folder = |name: &str| name.ends_with(['/', '\\']);
        let mut files: Vec<_> = match self {
            Self::Zip(zip) => {
                let names = zip_names(zip).into_iter().zip(0..);
                names.filter(|(name, _)| !is_folder(name)).map(|(name, index)| (sanitized(&name), index)).collect()
            }
            Self::Tar(tar) => tar.files().iter().map(|file| sanitized(&file.name)).zip(0..).collect(),
        };
        files.retain(|(name, _)| !is_ignorable(name));
        files.sort_unstable();
        files
    }
}
