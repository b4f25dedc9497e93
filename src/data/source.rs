//! The files of a source under one list of names, whether they lie in folders or in archives among them.

use std::io::{Read, Seek};

use super::layout::has_picture_ending;
use super::{Archive, DataError, DecodeError, Entry};

/// Files to be read by their indices. `F` is a front end's file, `R` what it reads an archive through.
///
/// An archive stands for the files in it, as though it had been unpacked into a folder of its name. One that was chosen
/// alone is that folder.
pub struct Source<F, R> {
    /// Sorted.
    names: Vec<String>,
    places: Vec<Place>,
    files: Vec<F>,
    archives: Vec<Archive<R>>,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(usize),
    Entry { archive: usize, index: usize },
    Damaged(String),
}

/// A file of a [`Source`].
pub enum Item<'a, F, R> {
    /// One of the front end's.
    File(&'a F),
    /// One in an archive, by its index there.
    Entry(&'a mut Archive<R>, usize),
    /// An archive that cannot be opened.
    Damaged(DecodeError),
}

impl<F, R: Read + Seek> Source<F, R> {
    /// `files` with their names, relative to what was chosen, `/` between the parts. `open` gives a reader of those that
    /// are archives by their content ([`ArchiveKind`](super::ArchiveKind)); among several, those that are called pictures
    /// are not looked into.
    ///
    /// # Errors
    /// [`DataError::Archive`] if there is one file only, an archive that cannot be opened; among others it is a file that
    /// cannot be used.
    pub fn new(files: Vec<(String, F)>, mut open: impl FnMut(&F) -> Option<R>) -> Result<Self, DataError> {
        let is_alone = files.len() == 1;
        let mut source = Self { names: Vec::new(), places: Vec::new(), files: Vec::new(), archives: Vec::new() };
        let mut named = Vec::new();
        for (name, file) in files {
            let reader = if is_alone || !has_picture_ending(&name) { open(&file) } else { None };
            match reader.map(|reader| Archive::open(&name, reader)) {
                None => {
                    named.push((name, Place::File(source.files.len())));
                    source.files.push(file);
                }
                Some(Ok(archive)) => {
                    let place = source.archives.len();
                    let folder = if is_alone { String::new() } else { format!("{name}/") };
                    let names = archive.names().iter().enumerate();
                    named.extend(
                        names.map(|(index, name)| (format!("{folder}{name}"), Place::Entry { archive: place, index })),
                    );
                    source.archives.push(archive);
                }
                Some(Err(error)) if is_alone => return Err(error),
                Some(Err(error)) => {
                    let reason = match error {
                        DataError::Archive { reason, .. } => reason,
                        other => other.to_string(),
                    };
                    named.push((name, Place::Damaged(reason)));
                }
            }
        }
        named.sort_unstable();
        (source.names, source.places) = named.into_iter().unzip();
        Ok(source)
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A file.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn item(&mut self, index: usize) -> Item<'_, F, R> {
        match &self.places[index] {
            Place::File(file) => Item::File(&self.files[*file]),
            Place::Entry { archive, index } => Item::Entry(&mut self.archives[*archive], *index),
            Place::Damaged(reason) => {
                Item::Damaged(DecodeError::Damaged { format: "archive's", reason: reason.clone() })
            }
        }
    }

    /// Indices into `entries` in the order in which they are best read.
    pub fn reading_order(&self, entries: &[Entry]) -> Vec<usize> {
        let place = |entry: &Entry| match &self.places[entry.index] {
            Place::Entry { archive, index } => self.archives[*archive].place(*index).map(|start| (*archive, start)),
            Place::File(_) | Place::Damaged(_) => None,
        };
        let mut order: Vec<usize> = (0..entries.len()).collect();
        // Stable: what has no place stays in the order of its names.
        order.sort_by_key(|index| place(&entries[*index]));
        order
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::{Compression, write::GzEncoder};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::data::ArchiveKind;

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

    fn source(files: &[(&str, Vec<u8>)]) -> Result<Source<Vec<u8>, Cursor<Vec<u8>>>, DataError> {
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
        Source::new(files, |bytes: &Vec<u8>| ArchiveKind::of(bytes).map(|_| Cursor::new(bytes.clone())))
    }

    /// Reads every file whole, in the best order.
    fn contents(source: &mut Source<Vec<u8>, Cursor<Vec<u8>>>) -> Vec<(String, Result<Vec<u8>, String>)> {
        let entries: Vec<Entry> =
            (0..source.names().len()).map(|index| Entry { index, class: None, annotation: None }).collect();
        let mut read: Vec<_> = source
            .reading_order(&entries)
            .into_iter()
            .map(|index| {
                let bytes = match source.item(index) {
                    Item::File(bytes) => Ok(bytes.clone()),
                    Item::Damaged(reason) => Err(reason.to_string()),
                    Item::Entry(archive, index) => {
                        let mut bytes = Vec::new();
                        archive.reader(index).unwrap().read_to_end(&mut bytes).unwrap();
                        Ok(bytes)
                    }
                };
                (source.names()[index].clone(), bytes)
            })
            .collect();
        read.sort();
        read
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
            (packed(&tarred(&tame)), ArchiveKind::TarGz),
        ];
        for (bytes, kind) in kinds {
            assert_eq!(ArchiveKind::of(&bytes), Some(kind));
            let mut source = source(&[("pets", bytes)]).unwrap();
            let expected = [("a long name/0.png", ""), ("a.png", "ay"), ("pets/b.png", "bee")];
            let expected = expected.map(|(name, bytes)| (name.to_owned(), Ok(bytes.as_bytes().to_vec())));
            assert_eq!(contents(&mut source), expected, "{kind:?}");
            // And once more from its beginning.
            assert_eq!(contents(&mut source), expected, "{kind:?}");
        }
    }

    #[test]
    fn an_archive_among_files_is_a_folder_and_a_broken_one_a_broken_file() {
        let whole = zipped(&[("x.png", b"ex")]);
        let cut = whole[..whole.len() - 5].to_vec();
        let mut source =
            source(&[("z.png", b"zed".to_vec()), ("holiday.zip", whole), ("old.zip", cut.clone())]).unwrap();
        let read = contents(&mut source);
        assert_eq!(read[0], ("holiday.zip/x.png".to_owned(), Ok(b"ex".to_vec())));
        assert!(read[1].1.as_ref().unwrap_err().starts_with("The archive's data is damaged or cut short"), "{read:?}");
        assert_eq!(read[2], ("z.png".to_owned(), Ok(b"zed".to_vec())));
        assert!(matches!(
            super::Source::new(vec![("old.zip".to_owned(), cut)], |bytes: &Vec<u8>| Some(Cursor::new(bytes.clone()))),
            Err(DataError::Archive { .. })
        ));
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
        assert_eq!(ArchiveKind::of(b""), None);
        assert_eq!(ArchiveKind::of(&[0; 1024]), None);
        assert_eq!(ArchiveKind::of(&packed(b"\0\0\x08\x03idx")), None);
        assert_eq!(ArchiveKind::of(b"\xff\xd8\xff\xe0"), None);
    }
}
