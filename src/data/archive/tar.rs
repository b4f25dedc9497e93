//! Reads the files of a tar archive, plain or packed as a whole.

use std::collections::HashMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use tar::Header;

use super::super::annotation::MAX_ANNOTATION_BYTES;
use super::super::layout::is_annotation;
use super::super::table::{MAX_TABLE_BYTES, is_table};
use super::MAX_UNPACKED_BYTES;
use super::packing::{Packing, Unpacked};

/// Bytes of a header and of a block.
const BLOCK: usize = 512;

/// Bytes of a header that hold its checksum.
const CHECKSUM: Range<usize> = 148..156;

/// The most bytes of annotations and tables that are kept in memory while a packed archive is listed. 120,000 pictures have as
/// much.
const MAX_KEPT_BYTES: u64 = 256 << 20;

/// An archive with a list of its files.
pub struct Tar<R: Read + Seek> {
    stream: Stream<R>,
    files: Vec<File>,
    /// Annotations and tables of a packed archive, by their positions. They lie far from their pictures, and going back and
    /// forth would unpack everything again for every picture.
    kept: HashMap<u64, Vec<u8>>,
}

/// Position of a file in the unpacked archive, in bytes.
pub struct File {
    pub name: String,
    pub start: u64,
    pub size: u64,
}

/// The unpacked archive.
enum Stream<R: Read + Seek> {
    Plain(R),
    /// Can only be read forwards; with the position. None while it starts again.
    Packed(Packing, Option<Unpacked<R>>, u64),
}

/// Whether a file that begins like this is a tar archive: the checksum of its first header is right.
pub fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..BLOCK) else { return false };
    let header = Header::from_byte_slice(header);
    let bytes = header.as_bytes().iter().enumerate();
    // The bytes of the checksum itself count as blanks.
    let sum: u32 = bytes.map(|(i, byte)| if CHECKSUM.contains(&i) { 32 } else { u32::from(*byte) }).sum();
    header.as_bytes()[0] != 0 && header.cksum().is_ok_and(|told| told == sum)
}

/// Whether a packed file is a tar.
pub fn is_packed_tar(packing: Packing, reader: impl Read + Seek) -> bool {
    let mut first = Vec::new();
    // `reader` may end early, which is an error after the bytes that matter.
    let _ = Unpacked::new(packing, reader).map(|stream| stream.take(BLOCK as u64).read_to_end(&mut first));
    is_tar(&first)
}

impl<R: Read + Seek> Tar<R> {
    /// Reads all headers. A packed archive is unpacked whole for that.
    pub fn open(mut reader: R, packing: Option<Packing>) -> io::Result<Self> {
        reader.rewind()?;
        let Some(packing) = packing else {
            let bytes = reader.seek(SeekFrom::End(0))?;
            reader.rewind()?;
            let mut archive = tar::Archive::new(&mut reader);
            let mut files = Files::default();
            for entry in archive.entries_with_seek()? {
                files.add(&entry?);
            }
            // Nobody has read what lies between the headers yet.
            if files.found.iter().any(|file| file.start.saturating_add(file.size) > bytes) {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends in the middle of a file"));
            }
            return Ok(Self { stream: Stream::Plain(reader), files: files.found, kept: HashMap::new() });
        };
        let (mut files, mut kept, mut kept_bytes) = (Files::default(), HashMap::new(), 0);
        let mut archive = tar::Archive::new(Unpacked::new(packing, &mut reader)?.take(MAX_UNPACKED_BYTES));
        for entry in archive.entries()? {
            let mut entry = entry?;
            // A link would cost unpacking everything before its file once more.
            let is_link = entry.header().entry_type().is_hard_link();
            let Some(file) = (if is_link { None } else { files.add(&entry) }) else { continue };
            let start = file.start;
            let most = if is_table(&file.name) { MAX_TABLE_BYTES } else { MAX_ANNOTATION_BYTES };
            if (is_annotation(&file.name) || is_table(&file.name)) && file.size <= most {
                kept_bytes += file.size;
                if kept_bytes <= MAX_KEPT_BYTES {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes)?;
                    kept.insert(start, bytes);
                }
            }
        }
        reader.rewind()?;
        let stream = Stream::Packed(packing, Some(Unpacked::new(packing, reader)?), 0);
        Ok(Self { stream, files: files.found, kept })
    }

    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Whether files can be read in any order at no cost.
    pub fn is_seekable(&self) -> bool {
        matches!(self.stream, Stream::Plain(_))
    }

    /// The content of a file.
    pub fn read(&mut self, start: u64, size: u64) -> io::Result<Box<dyn Read + '_>> {
        if let Some(bytes) = self.kept.get(&start) {
            return Ok(Box::new(&bytes[..]));
        }
        self.stream.go_to(start)?;
        Ok(Box::new((&mut self.stream).take(size)))
    }

    /// The content of a file, as a reader that owns the archive.
    pub fn into_reader(mut self, start: u64, size: u64) -> io::Result<Box<dyn Read>>
    where
        R: 'static,
    {
        if let Some(bytes) = self.kept.remove(&start) {
            return Ok(Box::new(Cursor::new(bytes)));
        }
        self.stream.go_to(start)?;
        Ok(Box::new(self.stream.take(size)))
    }
}

/// The files of an archive while it is listed.
#[derive(Default)]
struct Files {
    found: Vec<File>,
    /// Where each name is in `found`.
    places: HashMap<String, usize>,
}

impl Files {
    /// The file that an entry adds: its own, or for a hard link the one that it is another name of. None for folders and other links.
    fn add<R: Read>(&mut self, entry: &tar::Entry<R>) -> Option<&File> {
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let kind = entry.header().entry_type();
        let file = if kind.is_file() {
            File { name: name(&entry.path_bytes()), start: entry.raw_file_position(), size: entry.size() }
        } else if kind.is_hard_link() {
            let target = self.places.get(&name(&entry.link_name_bytes()?))?;
            let File { start, size, .. } = self.found[*target];
            File { name: name(&entry.path_bytes()), start, size }
        } else {
            return None;
        };
        self.places.insert(file.name.clone(), self.found.len());
        self.found.push(file);
        // What a link stands for has been looked at.
        self.found.last().filter(|_| kind.is_file())
    }
}

impl<R: Read + Seek> Stream<R> {
    fn go_to(&mut self, start: u64) -> io::Result<()> {
        match self {
            Self::Plain(reader) => {
                reader.seek(SeekFrom::Start(start))?;
            }
            Self::Packed(packing, decoder, position) => {
                if *position > start {
                    if let Some(mut reader) = decoder.take().and_then(Unpacked::into_inner) {
                        reader.rewind()?;
                        *decoder = Some(Unpacked::new(*packing, reader)?);
                    }
                    *position = 0;
                }
                let distance = start - *position;
                if io::copy(&mut self.take(distance), &mut io::sink())? < distance {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        Ok(())
    }
}

impl<R: Read + Seek> Read for Stream<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(out),
            Self::Packed(_, decoder, position) => {
                let decoder =
                    decoder.as_mut().ok_or_else(|| io::Error::other("it could not be read from its start"))?;
                let count = decoder.read(out)?;
                *position += count as u64;
                Ok(count)
            }
        }
    }
}
