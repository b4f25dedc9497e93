//! The files of a source under one list of names, whether they lie in folders or in archives.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::archive::Inner;
use super::foreign::document_of;
use super::layout::{has_picture_ending, idx_candidates, promises_labels, without_archive_ending};
use super::{
    AnnotationError, Archive, ArchiveKind, Clues, DataError, DecodeError, Entry, FoundTable, IDX_HEAD_BYTES, IdxFile,
    IdxHead, IdxKind, MAX_TABLES, Table, is_table,
};

/// A file of a front end: on disk, in a browser, or in memory.
pub trait InputFile {
    /// Reads the file from its beginning, or from anywhere if it is an archive.
    type Reader: Read + Seek + 'static;

    /// Opens the file.
    ///
    /// # Errors
    /// Those of the system.
    fn open(&self) -> io::Result<Self::Reader>;
}

/// A file in memory.
impl InputFile for Vec<u8> {
    type Reader = Cursor<Vec<u8>>;

    fn open(&self) -> io::Result<Self::Reader> {
        Ok(Cursor::new(self.clone()))
    }
}

/// Files, numbered in the order of their names.
///
/// An archive counts as a folder of its name with the files in it, and so does an archive in an archive. An archive that was
/// chosen alone is that folder.
pub struct Source<F: InputFile> {
    /// Sorted.
    names: Vec<String>,
    places: Vec<Place>,
    files: Vec<F>,
    archives: Vec<Archive<Bytes<F::Reader>>>,
}

/// The most bytes of archives in archives that are held in memory.
const MAX_INNER_BYTES: u64 = 1 << 30;

/// What an archive is read from.
enum Bytes<R> {
    /// A file.
    Outer(R),
    /// An archive in another one: what is packed can't be read in any order.
    Inner(Cursor<Vec<u8>>),
}

impl<R: Read> Read for Bytes<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Outer(reader) => reader.read(out),
            Self::Inner(bytes) => bytes.read(out),
        }
    }
}

impl<R: Seek> Seek for Bytes<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Outer(reader) => reader.seek(to),
            Self::Inner(bytes) => bytes.seek(to),
        }
    }
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(usize),
    Entry {
        archive: usize,
        index: usize,
    },
    /// An archive that is not read.
    Refused(Refusal),
}

/// Why an archive is not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    /// It cannot be opened.
    Damaged(String),
    /// It is a document.
    Document {
        /// As in [`DecodeError::Foreign`].
        found: &'static str,
        /// As in [`DecodeError::Foreign`].
        advice: &'static str,
    },
    /// It lies in another one, and there is no memory for it.
    TooLarge,
}

impl Refusal {
    fn error(&self) -> DecodeError {
        match self {
            Self::Damaged(reason) => DecodeError::Damaged { format: "archive's", reason: reason.clone() },
            Self::Document { found, advice } => DecodeError::Foreign { found, advice },
            Self::TooLarge => DecodeError::Foreign {
                found: "an archive in an archive",
                advice: "Those are read up to 1 GB together: unpack the outer one, and choose the folder",
            },
        }
    }
}

/// The content of a file, or the file that it still has to be read from.
#[derive(Debug)]
pub enum Content<F, E> {
    /// The front end reads this file.
    File(F),
    /// The bytes, or why they cannot be read.
    Read(Result<Vec<u8>, E>),
}

impl<F, E> Content<F, E> {
    /// The file that the front end has to read and to hand in with [`Content::give`].
    pub fn file(&self) -> Option<&F> {
        match self {
            Self::File(file) => Some(file),
            Self::Read(_) => None,
        }
    }

    /// Hands in the bytes of the file, or why they cannot be read.
    pub fn give(&mut self, bytes: Result<Vec<u8>, E>) {
        *self = Self::Read(bytes);
    }

    /// The bytes, if they are in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Read(Ok(bytes)) => Some(bytes),
            Self::File(_) | Self::Read(Err(_)) => None,
        }
    }

    /// Bytes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes().map_or(0, <[u8]>::len)
    }
}

impl<F: InputFile> Source<F> {
    /// `files` with their names, which are relative to what was chosen, with `/` between the parts.
    ///
    /// The first bytes of a file tell whether it is an archive. Among several files, those with the name of a picture
    /// are not opened. A file that cannot be opened is no archive; reading it fails later.
    ///
    /// # Errors
    /// [`DataError::Archive`] if the only file is an archive that cannot be read. Among other files it is one that is
    /// skipped.
    pub fn new(files: Vec<(String, F)>) -> Result<Self, DataError> {
        let is_alone = files.len() == 1;
        let mut source = Self { names: Vec::new(), places: Vec::new(), files: Vec::new(), archives: Vec::new() };
        let (mut named, mut inner_bytes) = (Vec::new(), MAX_INNER_BYTES);
        for (name, file) in files {
            let reader = if is_alone || !has_picture_ending(&name) { open_archive(&file) } else { None };
            match reader.map(|reader| Archive::open(&name, Bytes::Outer(reader))) {
                None => {
                    named.push((name, Place::File(source.files.len())));
                    source.files.push(file);
                }
                Some(Ok(mut archive)) => {
                    // Pictures inside of a document are not what anyone means.
                    if let Some((found, advice)) = document_of(archive.names()) {
                        named.push((name, Place::Refused(Refusal::Document { found, advice })));
                        continue;
                    }
                    let folder = if is_alone { String::new() } else { format!("{name}/") };
                    let inner = inner_archives(&mut archive, &mut inner_bytes);
                    source.add_archive(archive, &folder, &mut named);
                    for (name, archive) in inner {
                        let name = format!("{folder}{name}");
                        named.retain(|(other, _)| *other != name);
                        match archive {
                            Some(archive) => source.add_archive(archive, &format!("{name}/"), &mut named),
                            None => named.push((name, Place::Refused(Refusal::TooLarge))),
                        }
                    }
                }
                Some(Err(error)) if is_alone => return Err(error),
                Some(Err(error)) => {
                    let reason = match error {
                        DataError::Archive { reason, .. } => reason,
                        other => other.to_string(),
                    };
                    named.push((name, Place::Refused(Refusal::Damaged(reason))));
                }
            }
        }
        named.sort_unstable();
        (source.names, source.places) = named.into_iter().unzip();
        Ok(source)
    }

    fn add_archive(&mut self, archive: Archive<Bytes<F::Reader>>, folder: &str, named: &mut Vec<(String, Place)>) {
        let place = self.archives.len();
        let names = archive.names().iter().enumerate();
        named.extend(names.map(|(index, name)| (format!("{folder}{name}"), Place::Entry { archive: place, index })));
        self.archives.push(archive);
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A picture: read here if it lies in an archive, else to be read by the front end.
    ///
    /// # Errors
    /// [`DataError::ArchiveTooBig`].
    pub(super) fn picture(&mut self, index: usize) -> Result<Content<F, DecodeError>, DataError>
    where
        F: Clone,
    {
        Ok(match &self.places[index] {
            Place::File(file) => Content::File(self.files[*file].clone()),
            Place::Entry { archive, index } => Content::Read(self.archives[*archive].picture(*index)?),
            Place::Refused(refusal) => Content::Read(Err(refusal.error())),
        })
    }

    /// The same for an annotation.
    pub(super) fn annotation(&mut self, index: usize) -> Content<F, AnnotationError>
    where
        F: Clone,
    {
        match &self.places[index] {
            Place::File(file) => Content::File(self.files[*file].clone()),
            Place::Entry { archive, index } => Content::Read(self.archives[*archive].annotation(*index)),
            Place::Refused(refusal) => {
                Content::Read(Err(AnnotationError::Unreadable { reason: refusal.error().to_string() }))
            }
        }
    }

    /// What those files say whose names suggest that they say something of the others.
    pub(super) fn clues(&mut self) -> Clues {
        let candidates: Vec<usize> = idx_candidates(&self.names).collect();
        let idx = candidates.into_iter().filter_map(|index| {
            let IdxHead { kind, beginning } = IdxHead::of(&head(&mut self.reader(index).ok()?, IDX_HEAD_BYTES).ok()?)?;
            Some(IdxFile { index, kind, beginning })
        });
        let idx = idx.collect();
        let mut tables: Vec<usize> = (0..self.names.len()).filter(|index| is_table(&self.names[*index])).collect();
        // Those that say so, before there are too many.
        tables.sort_by_key(|index| !promises_labels(&self.names[*index]));
        tables.truncate(MAX_TABLES);
        tables.sort_unstable();
        let tables = tables.into_iter().filter_map(|index| {
            let name = self.names[index].clone();
            Some(FoundTable { index, table: Table::read(&name, self.reader(index).ok()?)? })
        });
        let tables = tables.collect();
        Clues { idx, tables }
    }

    /// A file from its beginning.
    ///
    /// # Errors
    /// [`DataError::Unreadable`].
    pub(super) fn reader(&mut self, index: usize) -> Result<Box<dyn Read + '_>, DataError> {
        let name = &self.names[index];
        match &self.places[index] {
            Place::File(file) => Ok(Box::new(open(name, &self.files[*file])?)),
            Place::Entry { archive, index } => Ok(Box::new(self.archives[*archive].reader(*index)?)),
            Place::Refused(refusal) => Err(unreadable(name, refusal.error())),
        }
    }

    /// The same as a reader that owns what it reads from.
    ///
    /// # Errors
    /// [`DataError::Unreadable`].
    pub(super) fn into_reader(mut self, index: usize) -> Result<Box<dyn Read>, DataError> {
        let name = &self.names[index];
        match &self.places[index] {
            Place::File(file) => Ok(Box::new(open(name, &self.files[*file])?)),
            Place::Entry { archive, index } => self.archives.swap_remove(*archive).into_reader(*index),
            Place::Refused(refusal) => Err(unreadable(name, refusal.error())),
        }
    }

    /// Indices into `entries` in the order in which they are read fastest: in a tar packed with gzip the order of the
    /// archive, elsewhere that of the names.
    pub fn reading_order(&self, entries: &[Entry]) -> Vec<usize> {
        let place = |entry: &Entry| match &self.places[entry.index] {
            Place::Entry { archive, index } => self.archives[*archive].place(*index).map(|start| (*archive, start)),
            Place::File(_) | Place::Refused(_) => None,
        };
        let mut order: Vec<usize> = (0..entries.len()).collect();
        // Stable: entries without a place keep the order of their names.
        order.sort_by_key(|index| place(&entries[*index]));
        order
    }
}

/// Whether a file is idx, and of what. None also if it cannot be read.
pub fn idx_kind(file: &impl InputFile) -> Option<IdxKind> {
    IdxKind::of(&head(&mut file.open().ok()?, IDX_HEAD_BYTES).ok()?)
}

/// The archives in an archive, with their names in it; none of those for which `bytes` does not last. What cannot be opened stays a
/// file.
fn inner_archives<R: Read + Seek>(
    archive: &mut Archive<Bytes<R>>,
    bytes: &mut u64,
) -> Vec<(String, Option<Archive<Bytes<R>>>)> {
    let mut indices: Vec<usize> = (0..archive.names().len()).collect();
    indices.retain(|index| without_archive_ending(&archive.names()[*index]) != archive.names()[*index]);
    indices.sort_by_key(|index| archive.place(*index));
    let open = |index: usize| {
        let name = archive.names()[index].clone();
        let content = match archive.inner(index, *bytes)? {
            Inner::Whole(content) => content,
            Inner::TooLarge => return Some((name, None)),
        };
        let size = content.len() as u64;
        let mut content = Cursor::new(content);
        ArchiveKind::of_file(&mut content).ok()??;
        let inner = Archive::open(&name, Bytes::Inner(content)).ok()?;
        *bytes -= size;
        Some((name, Some(inner)))
    };
    indices.into_iter().filter_map(open).collect()
}

/// A reader at the beginning of the file, if it is an archive.
fn open_archive<F: InputFile>(file: &F) -> Option<F::Reader> {
    let mut reader = file.open().ok()?;
    ArchiveKind::of_file(&mut reader).ok()??;
    Some(reader)
}

fn head(reader: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(bytes as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn open<F: InputFile>(name: &str, file: &F) -> Result<F::Reader, DataError> {
    file.open().map_err(|error| unreadable(name, error))
}

fn unreadable(name: &str, reason: impl ToString) -> DataError {
    DataError::Unreadable { name: name.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::data::archive::Packing;

    fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn kind_of(bytes: &[u8]) -> Option<ArchiveKind> {
        ArchiveKind::of_file(&mut Cursor::new(bytes)).unwrap()
    }

    fn source(files: &[(&str, Vec<u8>)]) -> Result<Source<Vec<u8>>, DataError> {
        Source::new(files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect())
    }

    /// Reads every file whole, in the best order.
    fn contents(source: &mut Source<Vec<u8>>) -> Vec<(String, Result<Vec<u8>, String>)> {
        let entries: Vec<Entry> =
            (0..source.names().len()).map(|index| Entry { index, class: None, annotation: None }).collect();
        let mut read: Vec<_> = source
            .reading_order(&entries)
            .into_iter()
            .map(|index| {
                let name = source.names()[index].clone();
                let mut bytes = Vec::new();
                let read = source.reader(index).map_err(|error| error.to_string());
                (name, read.map(|mut reader| reader.read_to_end(&mut bytes).unwrap()).map(|_| bytes))
            })
            .collect();
        read.sort();
        read
    }

    #[test]
    fn names_in_zips_have_the_letters_that_were_meant() {
        // As written without a word on the letters: the bytes of a name of ASCII are replaced.
        let renamed = |files: &[(&str, &[u8])]| {
            let names: Vec<(&str, &[u8])> = files.iter().map(|(name, _)| (*name, &b"x"[..])).collect();
            let mut bytes = zipped(&names);
            for (name, raw) in files {
                assert_eq!(name.len(), raw.len());
                for at in 0..bytes.len() - raw.len() {
                    if bytes[at..].starts_with(name.as_bytes()) {
                        bytes[at..at + raw.len()].copy_from_slice(raw);
                    }
                }
            }
            source(&[("pets.zip", bytes)]).unwrap().names().to_vec()
        };
        assert_eq!(renamed(&[("cologne1/1.jpg", "Köln-ab/1.jpg".as_bytes())]), ["Köln-ab/1.jpg"]);
        let japanese = renamed(&[("abcd.jpg", b"\x94\xad\x95\\.jpg"), ("dir/efg.jpg", b"dir/\x94\\1.jpg")]);
        assert_eq!(japanese.len(), 2, "none is taken for a hidden one");
        assert!(japanese.iter().all(|name| name.matches('/').count() == usize::from(name.starts_with("dir"))));
        // A name with accents of DOS in an archive of backslashes.
        assert_eq!(renamed(&[("pets-a-1.jpg", b"pets\\\x82\\1.jpg")]), ["pets/é/1.jpg"]);
    }

    #[test]
    fn archives_in_archives_that_memory_has_no_room_for_are_named() {
        let noise: Vec<u8> = (0..999u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let [small, large] = [&b"ay"[..], &noise].map(|bytes| zipped(&[("a.png", bytes)]));
        let outer = zipped(&[("small.zip", &small), ("large.zip", &large)]);
        let mut archive = Archive::open("all.zip", Bytes::<Cursor<Vec<u8>>>::Inner(Cursor::new(outer))).unwrap();
        let mut bytes = 500;
        let found = inner_archives(&mut archive, &mut bytes);
        let names: Vec<_> = found.iter().map(|(name, archive)| (name.as_str(), archive.is_some())).collect();
        assert_eq!(names, [("large.zip", false), ("small.zip", true)]);
        let sentence = Refusal::TooLarge.error().to_string();
        assert!(sentence.contains("1 GB together: unpack the outer one"), "{sentence}");
    }

    const FILES: [(&str, &[u8]); 4] =
        [("pets/b.png", b"bee"), ("../../a.png", b"ay"), ("pets/.hidden", b"no"), ("a long name/0.png", b"")];

    #[test]
    fn every_kind_of_archive_gives_the_same_files() {
        // tar itself refuses to write a name that leads out.
        let tame = [FILES[0], ("a.png", b"ay"), FILES[2], FILES[3]];
        let kinds = [
            (zipped(&FILES), ArchiveKind::Zip),
            (tarred(&tame), ArchiveKind::Tar),
            (packed(&tarred(&tame)), ArchiveKind::Packed(Packing::Gzip)),
        ];
        for (bytes, kind) in kinds {
            assert_eq!(kind_of(&bytes), Some(kind));
            let mut source = source(&[("pets", bytes)]).unwrap();
            let expected = [("a long name/0.png", ""), ("a.png", "ay"), ("pets/b.png", "bee")];
            let expected = expected.map(|(name, bytes)| (name.to_owned(), Ok(bytes.as_bytes().to_vec())));
            assert_eq!(contents(&mut source), expected, "{kind:?}");
            // And once more from its beginning.
            assert_eq!(contents(&mut source), expected, "{kind:?}");
            let mut bytes = Vec::new();
            source.into_reader(2).unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"bee", "{kind:?}");
        }
    }

    /// `pets/b.png` and `a.png` by Python's `tarfile` and `lzma`: no library here packs xz.
    const XZ: &str = "fd377a585a000004e6d6b446020021010c0000008f98419ce027ff00765d0038194af002fe825aae9e69c393d614fe75b042\
         9550fa999af4bc097b03527eb4417a846c8e8908e09dc3622042dc9fbead83c5aae51c392c374ed68dd7e442ecb4b77e66d1\
         c5c25ed4045e6ea2620204fe38b84547a833a18875adf64f2358f0bf8bd9ec8d79974d914e3824fdc5b536f8f1a3ca82f800\
         00009233c594e8d285be0001920180500000aed27e2fb1c467fb020000000004595a";

    #[test]
    fn tars_are_read_however_they_are_packed() {
        let files: [(&str, &[u8]); 2] = [("pets/b.png", b"bee"), ("a.png", b"ay")];
        let tar = tarred(&files);
        let xz: Vec<u8> = (0..XZ.len() / 2).map(|i| u8::from_str_radix(&XZ[2 * i..2 * i + 2], 16).unwrap()).collect();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&tar).unwrap();
        let zstd = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
        // As parallel packers write it: frames, and notes that are skipped.
        let note = b"\x51\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        let frames = [zstd(&tar[..700]), note, zstd(&tar[700..])].concat();
        for (bytes, packing) in [
            (xz, Packing::Xz),
            (bzip2.finish().unwrap(), Packing::Bzip2),
            (zstd(&tar), Packing::Zstd),
            (frames, Packing::Zstd),
        ] {
            assert_eq!(kind_of(&bytes), Some(ArchiveKind::Packed(packing)));
            let mut source = source(&[("x", bytes.clone()), ("y", Vec::new())]).unwrap();
            let expected = [("x/a.png", "ay"), ("x/pets/b.png", "bee"), ("y", "")];
            let expected = expected.map(|(name, bytes)| (name.to_owned(), Ok(bytes.as_bytes().to_vec())));
            assert_eq!(contents(&mut source), expected, "{packing:?}");
            assert_eq!(contents(&mut source), expected, "{packing:?}, from its beginning again");
            let cut = super::Source::new(vec![("x".to_owned(), bytes[..bytes.len() - 60].to_vec())]);
            assert!(cut.is_err() || cut.unwrap().names().len() < 2, "{packing:?}");
        }
        assert_eq!(kind_of(&zstd(b"no tar")), None);
    }

    #[test]
    fn an_archive_among_files_is_a_folder_and_a_broken_one_a_broken_file() {
        let whole = zipped(&[("x.png", b"ex")]);
        let cut = whole[..whole.len() - 5].to_vec();
        let mut source =
            source(&[("z.png", b"zed".to_vec()), ("holiday.zip", whole), ("old.zip", cut.clone())]).unwrap();
        let read = contents(&mut source);
        assert_eq!(read[0], ("holiday.zip/x.png".to_owned(), Ok(b"ex".to_vec())));
        assert!(read[1].1.as_ref().unwrap_err().contains("The archive's data is damaged or cut short"), "{read:?}");
        assert_eq!(read[2], ("z.png".to_owned(), Ok(b"zed".to_vec())));
        assert!(matches!(super::Source::new(vec![("old.zip".to_owned(), cut)]), Err(DataError::Archive { .. })));
    }

    #[test]
    fn an_archive_in_an_archive_is_a_folder_and_one_in_that_is_a_file() {
        let inner = zipped(&[("a/1.png", b"one")]);
        let deeper = tarred(&[("b.zip", &inner), ("2.png", b"two")]);
        let files: [(&str, &[u8]); 4] =
            [("train.zip", &inner), ("deep.tar", &deeper), ("3.png", b"three"), ("broken.zip", b"PK\x03\x04")];
        for outer in [zipped(&files), packed(&tarred(&files))] {
            for (folder, mut source) in [
                ("", source(&[("all", outer.clone())]).unwrap()),
                ("all.zip/", source(&[("all.zip", outer.clone()), ("z", Vec::new())]).unwrap()),
            ] {
                let read = contents(&mut source);
                let expected = ["3.png", "broken.zip", "deep.tar/2.png", "deep.tar/b.zip", "train.zip/a/1.png"];
                let names: Vec<_> = read.iter().map(|(name, _)| name.clone()).filter(|name| name != "z").collect();
                assert_eq!(names, expected.map(|name| format!("{folder}{name}")));
                assert_eq!((&read[4].1, &read[2].1), (&Ok(b"one".to_vec()), &Ok(b"two".to_vec())));
            }
        }
    }

    #[test]
    fn a_packed_archive_is_read_in_its_own_order() {
        let bytes = packed(&tarred(&[("c", b"1"), ("a", b"2"), ("b", b"3")]));
        let source = source(&[("x.tgz", bytes)]).unwrap();
        let entries: Vec<Entry> = (0..3).map(|index| Entry { index, class: None, annotation: None }).collect();
        assert_eq!(source.names(), ["a", "b", "c"]);
        assert_eq!(source.reading_order(&entries), [2, 0, 1]);
    }

    #[test]
    fn what_is_no_archive_is_none() {
        assert_eq!(ArchiveKind::of(&zipped(&[("[Content_Types].xml", b"x")])), None, "an Office document");
        assert_eq!(ArchiveKind::of(b""), None);
        assert_eq!(ArchiveKind::of(&[0; 1024]), None);
        assert_eq!(kind_of(&packed(b"\0\0\x08\x03idx")), None);
        assert_eq!(ArchiveKind::of(b"\xff\xd8\xff\xe0"), None);
    }
}
