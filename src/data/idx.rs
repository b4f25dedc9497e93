//! idx files, the format of MNIST and FashionMNIST: grey pictures and their labels, plain or packed with gzip.
//!
//! A header of big-endian numbers (`00 00 08 03`, pictures, rows, columns; or `00 00 08 01`, labels), then one byte for
//! each pixel or label. No more bytes are unpacked than the header announces, so that a few bytes of gzip cannot fill
//! the memory.
//!
//! Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Chain, Cursor, Read};

use flate2::read::GzDecoder;
use image::metadata::Orientation;
use xxhash_rust::xxh3::xxh3_64;

use super::layout::words;
use super::{Area, DataError, Dataset, DatasetBuilder, Filter, Raster, Resizer, Target};
use crate::config::Background;
use crate::storage::RandomAccess;

/// Bytes from the start of a file that [`IdxKind::of`] needs, unless the file is shorter. Most of them are for the
/// header of gzip, which may hold a file's name.
pub const IDX_HEAD_BYTES: usize = 4096;

const PICTURES: [u8; 4] = [0, 0, 8, 3];
const LABELS: [u8; 4] = [0, 0, 8, 1];
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The most pictures that are read. The largest set in this format, EMNIST, has 814,255.
const MAX_COUNT: u64 = 1 << 20;
/// Shortest and longest side of a picture that is read, in pixels.
const MIN_SIDE: u64 = 8;
const MAX_SIDE: u64 = 1024;
/// The most bytes of pixels that are read, and that are prepared.
const MAX_BYTES: u64 = 4 << 30;

/// What an idx file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdxKind {
    /// Grey pictures of one size.
    Pictures,
    /// A label for each picture.
    Labels,
}

impl IdxKind {
    /// Recognises a file by its first [`IDX_HEAD_BYTES`] bytes.
    pub fn of(head: &[u8]) -> Option<Self> {
        IdxHead::of(head).map(|head| head.kind)
    }
}

/// What the first bytes of an idx file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdxHead {
    /// What the file holds.
    pub kind: IdxKind,
    /// XXH3 hash of its first [`IdxHead::BYTES`] bytes, unpacked: the same for a packed file and an unpacked one.
    pub beginning: u64,
}

impl IdxHead {
    /// Few enough that those of a packed file are among its first [`IDX_HEAD_BYTES`].
    const BYTES: u64 = 1024;

    /// Recognises a file by its first [`IDX_HEAD_BYTES`] bytes.
    pub fn of(head: &[u8]) -> Option<Self> {
        let mut bytes = Vec::new();
        // `head` ends early, which is an error after the bytes that matter.
        let _ = Stream::open(head).ok()?.take(Self::BYTES).read_to_end(&mut bytes);
        let kind = match *bytes.first_chunk()? {
            PICTURES => IdxKind::Pictures,
            LABELS => IdxKind::Labels,
            _ => return None,
        };
        Some(Self { kind, beginning: xxh3_64(&bytes) })
    }
}

/// A file, unpacked if it is in gzip.
enum Stream<R> {
    Plain(Chain<Cursor<Vec<u8>>, R>),
    Gzip(Box<GzDecoder<Chain<Cursor<Vec<u8>>, R>>>),
}

impl<R: Read> Stream<R> {
    fn open(mut reader: R) -> io::Result<Self> {
        let mut head = Vec::new();
        reader.by_ref().take(GZIP.len() as u64).read_to_end(&mut head)?;
        let is_gzip = head == GZIP;
        let whole = Cursor::new(head).chain(reader);
        Ok(if is_gzip { Self::Gzip(Box::new(GzDecoder::new(whole))) } else { Self::Plain(whole) })
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
        }
    }
}

/// An idx file that is being read.
struct IdxFile<R> {
    /// Name in error messages.
    name: String,
    stream: Stream<R>,
}

impl<R: Read> IdxFile<R> {
    fn open(name: &str, reader: R, expected: [u8; 4]) -> Result<Self, DataError> {
        let name = name.to_owned();
        let stream = match Stream::open(reader) {
            Ok(stream) => stream,
            Err(error) => return Err(DataError::Unreadable { name, reason: error.to_string() }),
        };
        let mut file = Self { name, stream };
        let magic: [u8; 4] = file.read()?;
        if magic != expected {
            let of = if expected == PICTURES { "pictures" } else { "labels" };
            return Err(file.bad(format!("it begins with {magic:02x?}, but idx {of} begin with {expected:02x?}")));
        }
        Ok(file)
    }

    fn bad(&self, reason: String) -> DataError {
        DataError::Idx { name: self.name.clone(), reason }
    }

    fn read_error(&self, error: &io::Error) -> DataError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.bad("it is shorter than its header says".to_owned()),
            _ => self.bad(format!("reading it failed: {error}")),
        }
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), DataError> {
        self.stream.read_exact(bytes).map_err(|error| self.read_error(&error))
    }

    fn number(&mut self) -> Result<u64, DataError> {
        Ok(u32::from_be_bytes(self.read()?).into())
    }

    /// How many pictures or labels there are.
    fn count(&mut self) -> Result<u64, DataError> {
        let count = self.number()?;
        match count {
            0 => Err(self.bad("its header says that it is empty".to_owned())),
            1..=MAX_COUNT => Ok(count),
            _ => Err(self.bad(format!("its header says {count} entries, but at most {MAX_COUNT} can be read"))),
        }
    }

    /// Checks that nothing follows. gzip compares its checksum here.
    fn end(&mut self) -> Result<(), DataError> {
        match self.stream.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.bad("it is longer than its header says".to_owned())),
            Err(error) => Err(self.read_error(&error)),
        }
    }
}

/// Reads a whole file of labels.
///
/// # Errors
/// [`DataError::Idx`] if it is damaged, cut short, or no such file.
pub fn read_idx_labels(name: &str, reader: impl Read) -> Result<Vec<u8>, DataError> {
    let mut file = IdxFile::open(name, reader, LABELS)?;
    let mut labels = vec![0; file.count()? as usize];
    file.fill(&mut labels)?;
    file.end()?;
    Ok(labels)
}

/// Prepares the pictures of a file, one at each step, so that a front end can show the progress.
pub struct IdxReader<R> {
    file: IdxFile<R>,
    /// Indices of classes.
    labels: Vec<u32>,
    rows: usize,
    columns: usize,
    total: usize,
    done: usize,
    target: Target,
    /// The part of each picture that is used.
    part: Area,
    resizer: Resizer,
    orientation: Orientation,
    builder: DatasetBuilder,
}

impl<R: Read> IdxReader<R> {
    /// Reads the header of the file of pictures called `name`; `builder` collects the pictures.
    ///
    /// `labels`: the name and the content of the file with a label for each picture, if there is one.
    ///
    /// # Errors
    /// [`DataError::Idx`] if the file is damaged or too large; [`DataError::IdxLabels`] if there are not as many labels
    /// as pictures.
    pub fn open(
        builder: DatasetBuilder,
        (name, reader): (&str, R),
        labels: Option<(&str, Vec<u8>)>,
    ) -> Result<Self, DataError> {
        let target = builder.target();
        let mut file = IdxFile::open(name, reader, PICTURES)?;
        let (count, rows, columns) = (file.count()?, file.number()?, file.number()?);
        if rows.min(columns) < MIN_SIDE || rows.max(columns) > MAX_SIDE {
            return Err(file.bad(format!(
                "its pictures have {columns} x {rows} pixels, but each side must have {MIN_SIDE} to {MAX_SIDE}"
            )));
        }
        let bytes = count * (rows * columns).max(target.bytes() as u64);
        if bytes > MAX_BYTES {
            let (gigabytes, most) = (bytes.div_ceil(1 << 30), MAX_BYTES >> 30);
            return Err(
                file.bad(format!("its {count} pictures would take {gigabytes} GB, but at most {most} can be read"))
            );
        }
        let (labels, classes) = match labels {
            None => (Vec::new(), Vec::new()),
            Some((_, labels)) if labels.len() as u64 == count => numbered(&labels, &[builder.name(), name]),
            Some((labels_name, labels)) => {
                return Err(DataError::IdxLabels {
                    pictures: count,
                    pictures_name: file.name,
                    labels: labels.len() as u64,
                    labels_name: labels_name.to_owned(),
                });
            }
        };
        let (rows, columns) = (rows as usize, columns as usize);
        let is_emnist = is_emnist(&[builder.name(), name]);
        let [upright_width, upright_height] = if is_emnist { [rows, columns] } else { [columns, rows] };
        let part = Area::center(upright_width, upright_height, target.resolution);
        let to = [target.resolution.width, target.resolution.height];
        let builder = if is_emnist { builder.note(EMNIST_NOTE.to_owned()) } else { builder };
        Ok(Self {
            file,
            labels,
            rows,
            columns,
            total: count as usize,
            done: 0,
            target,
            part,
            resizer: Resizer::rectangle([part.width, part.height], to, Filter::Lanczos),
            // Rows become columns.
            orientation: if is_emnist { Orientation::Rotate90FlipH } else { Orientation::NoTransforms },
            builder: builder.classes(classes).of_side(part.width.max(part.height)),
        })
    }

    /// What collects the pictures.
    pub(super) fn builder(&self) -> &DatasetBuilder {
        &self.builder
    }

    /// Puts the pixels into `file` instead of memory.
    pub(super) fn put_pixels_into(&mut self, file: Box<dyn RandomAccess>) {
        self.builder.put_pixels_into(file);
    }

    /// Pictures in the file.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Pictures prepared so far.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Prepares the next picture; false if there was none.
    ///
    /// # Errors
    /// [`DataError::Idx`] if the file is damaged, too short or too long.
    pub fn step(&mut self) -> Result<bool, DataError> {
        if self.done == self.total {
            self.file.end()?;
            return Ok(false);
        }
        let mut samples = vec![0; self.rows * self.columns];
        self.file.fill(&mut samples)?;
        let raster = Raster { orientation: self.orientation, ..Raster::grey8(self.columns, self.rows, samples) };
        let part = raster.area(self.part, self.target.color, Background::White);
        let pixels = self.target.resize(&part, &self.resizer);
        let class = self.labels.get(self.done).copied();
        self.builder.push_labelled(&self.file.name, class, Ok(pixels));
        self.done += 1;
        Ok(true)
    }

    /// Prepares the remaining pictures and returns the data set.
    ///
    /// # Errors
    /// Those of [`IdxReader::step`].
    pub fn finish(mut self) -> Result<Dataset, DataError> {
        while self.step()? {}
        self.builder.finish()
    }
}

/// The class of each label, and the names of the classes that there are: EMNIST counts letters from 1, and other sets leave
/// out numbers too. Files have only numbers: FashionMNIST is recognised by its first labels or by its name, and all others
/// are named by their numbers.
fn numbered(labels: &[u8], names: &[&str]) -> (Vec<u32>, Vec<String>) {
    let distinct: BTreeSet<u8> = labels.iter().copied().collect();
    let is_fashion = FASHION_BEGINNINGS.iter().any(|beginning| labels.starts_with(beginning))
        || names.iter().any(|name| name.to_ascii_lowercase().contains("fashion"));
    let is_fashion = is_fashion && distinct.iter().all(|label| usize::from(*label) < FASHION.len());
    let name = |label: &u8| if is_fashion { FASHION[usize::from(*label)].to_owned() } else { label.to_string() };
    let classes: BTreeMap<u8, u32> = distinct.iter().copied().zip(0..).collect();
    (labels.iter().map(|label| classes[label]).collect(), distinct.iter().map(name).collect())
}

const EMNIST_NOTE: &str = "EMNIST's files have rows and columns exchanged. The pictures were put upright.";

/// Whether it is EMNIST, by its name: its pictures were exported column by column.
/// Source: Cohen et al. 2017, arXiv:1702.05373, whose files are MATLAB's, where columns come first.
fn is_emnist(names: &[&str]) -> bool {
    names.iter().flat_map(|name| words(name)).any(|word| word.eq_ignore_ascii_case("emnist"))
}

/// FashionMNIST's classes (Xiao et al. 2017, arXiv:1708.07747, Table 2).
const FASHION: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// First labels of its training and of its test set.
const FASHION_BEGINNINGS: [[u8; 16]; 2] =
    [[9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7, 4, 5, 7, 3, 4, 1]];

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::config::{Channels, Crop};
    use crate::data::{Clues, IdxFile, Layout, Plan, Preparation};

    fn file(magic: [u8; 4], sizes: &[u32], content: &[u8]) -> Vec<u8> {
        let mut file = magic.to_vec();
        sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
        file.extend(content);
        file
    }

    /// `count` pictures of `rows` x `columns`, the first pixel of each its number, the others counting up.
    fn pictures(count: u32, rows: u32, columns: u32) -> Vec<u8> {
        let picture = |k: u32| (0..rows * columns).map(move |i| (k + i) as u8);
        file(PICTURES, &[count, rows, columns], &(0..count).flat_map(picture).collect::<Vec<_>>())
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        file(LABELS, &[labels.len() as u32], labels)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn clues(kinds: &[IdxKind]) -> Clues {
        let file = |(index, kind): (usize, &IdxKind)| IdxFile { index, kind: *kind, beginning: 0 };
        Clues { idx: kinds.iter().enumerate().map(file).collect(), tables: Vec::new() }
    }

    fn read_as(
        preparation: Preparation,
        source: &str,
        pictures: &[u8],
        labels: Option<&[u8]>,
    ) -> Result<Dataset, DataError> {
        let names = ["some-images-idx3-ubyte".to_owned(), "some-labels-idx1-ubyte".to_owned()];
        let plan = Plan::new(source, &names, &clues(&[IdxKind::Pictures, IdxKind::Labels]), preparation)?;
        let labels = match labels {
            Some(labels) => Some((names[1].as_str(), read_idx_labels(&names[1], labels)?)),
            None => None,
        };
        IdxReader::open(plan.builder(source), (&names[0], pictures), labels)?.finish()
    }

    fn preparation() -> Preparation {
        Preparation::plain(28)
    }

    fn read(pictures: &[u8], labels: Option<&[u8]>) -> Result<Dataset, DataError> {
        read_as(preparation(), "digits", pictures, labels)
    }

    fn reason(pictures: &[u8], labels: Option<&[u8]>) -> String {
        read(pictures, labels).unwrap_err().to_string()
    }

    #[test]
    fn content_tells_pictures_from_labels_and_both_from_all_else() {
        let all = [pictures(2, 28, 28), labels(&[1, 2])];
        assert_eq!(all.each_ref().map(|file| IdxKind::of(file)), [Some(IdxKind::Pictures), Some(IdxKind::Labels)]);
        let packed = all.map(|file| gzip(&file));
        assert_eq!(packed.each_ref().map(|file| IdxKind::of(file)), [Some(IdxKind::Pictures), Some(IdxKind::Labels)]);
        for other in [&b""[..], &[0x1f], &[0x1f, 0x8b, 1], &gzip(b"text")[..], b"\0\0\x08\x02rest", b"\xff\xd8\xff\xe0"]
        {
            assert_eq!(IdxKind::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn pictures_of_the_right_size_are_kept_to_the_byte() {
        let (pictures, labels) = (pictures(300, 28, 28), labels(&[3; 300]));
        for (pictures, labels) in [(pictures.clone(), labels.clone()), (gzip(&pictures), gzip(&labels))] {
            let data = read(&pictures, Some(&labels)).unwrap();
            assert_eq!((data.len(), data.channels(), data.resolution()), (300, 1, 28.into()));
            for k in [0, 1, 299] {
                assert!(data.pixels(k).iter().enumerate().all(|(i, pixel)| *pixel == (k + i) as u8), "{k}");
            }
            assert_eq!(data.label(7), Some(0));
            assert_eq!(data.summary().classes, ["3"], "the others are empty");
            assert!(data.summary().notes.is_empty());
        }
        let unlabelled = read(&pictures, None).unwrap();
        assert_eq!((unlabelled.label(0), unlabelled.summary().classes.len()), (None, 0));
    }

    #[test]
    fn other_sizes_and_colour_are_as_asked_for() {
        let file = pictures(2, 10, 12);
        let rgb = Preparation { channels: Channels::Rgb, crop: Crop::Box, ..Preparation::plain(10) };
        let data = read_as(rgb, "digits", &file, None).unwrap();
        let row: Vec<u8> = (2..12).collect(); // one column is cut off on each side, and the second picture is one brighter
        for channel in 0..3 {
            assert_eq!(data.pixels(1)[channel * 100..][..10], row);
        }
        assert!(data.summary().notes[0].starts_with("idx files have no boxes"), "{:?}", data.summary().notes);
        let large = read_as(Preparation { resolution: 32.into(), ..preparation() }, "digits", &file, None).unwrap();
        assert_eq!(large.pixels(0).len(), 32 * 32);
    }

    #[test]
    fn pictures_that_are_no_squares_are_cut_in_their_shape() {
        let file = pictures(2, 24, 20);
        let tall = Preparation::plain(crate::config::Resolution { width: 16, height: 24 });
        let data = read_as(tall, "digits", &file, None).unwrap();
        // Two columns are cut off on each side, nothing is resized, and the second picture is one brighter.
        for row in [0, 23] {
            let expected: Vec<u8> = (2..18).map(|column| (1 + 20 * row + column) as u8).collect();
            assert_eq!(data.pixels(1)[16 * row..][..16], expected, "row {row}");
        }
    }

    #[test]
    fn fashion_mnist_is_known_by_its_labels_or_its_name() {
        let pictures = pictures(16, 28, 28);
        let names = |source: &str, given: &[u8; 16]| {
            let data = read_as(preparation(), source, &pictures, Some(&labels(given))).unwrap();
            data.summary().classes.clone()
        };
        let there = [0, 2, 3, 5, 7, 9].map(|label| FASHION[label]);
        assert_eq!(names("anything", &FASHION_BEGINNINGS[0]), there);
        assert_eq!(names("Fashion-MNIST.zip", &[3; 16]), ["Dress"]);
        assert_eq!(names("MNIST", &[9; 16]), ["9"]);
        assert_eq!(names("not fashion at all", &[10; 16]), ["10"], "ten names are not enough");
    }

    #[test]
    fn emnist_is_put_upright_and_its_empty_classes_are_not_listed() {
        let content: Vec<u8> = (0..2 * 784).map(|i| (i % 251) as u8).collect();
        let (pictures, labels) = (file(PICTURES, &[2, 28, 28], &content), labels(&[26, 1]));
        let upright =
            read_as(preparation(), "emnist-letters-train-images-idx3-ubyte", &pictures, Some(&labels)).unwrap();
        for (row, column) in [(0, 0), (0, 5), (27, 1), (13, 27)] {
            assert_eq!(upright.pixels(1)[row * 28 + column], content[784 + column * 28 + row], "{row}, {column}");
        }
        assert_eq!(upright.summary().classes, ["1", "26"]);
        assert_eq!([upright.label(0), upright.label(1)], [Some(1), Some(0)]);
        assert_eq!(upright.summary().notes, [EMNIST_NOTE]);
        for other in ["kmnist", "MNIST", "notemnist"] {
            let data = read_as(preparation(), other, &pictures, None).unwrap();
            assert_eq!((&*data.pixels(0), data.summary().notes.len()), (&content[..784], 0), "{other}");
        }
    }

    #[test]
    fn a_packed_file_begins_like_the_unpacked_one() {
        let file = pictures(9, 28, 28);
        assert_eq!(IdxHead::of(&file), IdxHead::of(&gzip(&file)));
        assert_ne!(IdxHead::of(&file), IdxHead::of(&pictures(8, 28, 28)));
        assert_eq!(IdxHead::of(&file).unwrap().kind, IdxKind::Pictures);
    }

    #[test]
    fn what_does_not_hold_together_is_explained() {
        let (whole, ten) = (pictures(10, 28, 28), labels(&[1; 10]));
        let short = reason(&whole[..whole.len() - 1], None);
        let expected = "some-images-idx3-ubyte cannot be used as an idx file: it is shorter than its header says. Get a \
                        fresh copy of it.";
        assert_eq!(short, expected);
        let packed = gzip(&whole);
        assert!(reason(&packed[..packed.len() / 2], None).contains("it is shorter than"));
        assert!(reason(&packed[..packed.len() - 4], None).contains("it is shorter than"), "its checksum is cut off");
        let mut flipped = packed;
        let at = flipped.len() - 6; // in the checksum
        flipped[at] ^= 1;
        assert!(reason(&flipped, None).contains("reading it failed"));
        assert!(reason(&[&whole[..], &[0]].concat(), None).contains("it is longer than"));
        assert!(
            reason(&ten, None)
                .contains("it begins with [00, 00, 08, 01], but idx pictures begin with [00, 00, 08, 03]")
        );
        assert!(reason(&whole[..7], None).contains("it is shorter than"));

        let nine = reason(&whole, Some(&ten[..ten.len() - 1]));
        assert!(nine.starts_with("some-labels-idx1-ubyte cannot") && nine.contains("it is shorter than"), "{nine}");
        let mismatch = reason(&whole, Some(&labels(&[1; 9])));
        assert!(mismatch.starts_with("some-images-idx3-ubyte holds 10 pictures, but some-labels-idx1-ubyte holds 9"));
    }

    #[test]
    fn absurd_headers_are_refused_before_anything_is_unpacked() {
        let header = |sizes: &[u32]| reason(&gzip(&file(PICTURES, sizes, &[0; 100])), None);
        assert!(header(&[u32::MAX, 28, 28]).contains("its header says 4294967295 entries"));
        assert!(header(&[0, 28, 28]).contains("its header says that it is empty"));
        assert!(header(&[1, 4, 28]).contains("its pictures have 28 x 4 pixels, but each side must have 8 to 1024"));
        assert!(header(&[1, u32::MAX, u32::MAX]).contains("pixels, but each side must have 8 to 1024"));
        assert!(header(&[1 << 20, 1024, 1024]).contains("would take 1024 GB"));
        let labels = file(LABELS, &[u32::MAX], &[0; 10]);
        let sentence = read_idx_labels("labels", &labels[..]).unwrap_err().to_string();
        assert!(sentence.contains("says 4294967295 entries"), "{sentence}");
    }

    /// Endless zeros in gzip, behind a small header: nothing past what the header announces is unpacked.
    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut bomb = pictures(1, 28, 28);
        bomb.resize(64 << 20, 0);
        let packed = gzip(&bomb);
        assert!((60_000..1_000_000).contains(&packed.len()), "{}", packed.len());
        let mut rest = &packed[..];
        let plan = Plan::new("bomb", &["x".to_owned()], &clues(&[IdxKind::Pictures]), preparation()).unwrap();
        assert_eq!(plan.layout, Layout::Idx { pictures: 0, labels: None });
        let reader = IdxReader::open(plan.builder("bomb"), ("x", &mut rest), None).unwrap();
        let sentence = reader.finish().unwrap_err().to_string();
        assert!(sentence.contains("it is longer than"), "{sentence}");
        let taken = packed.len() - rest.len();
        assert!(taken < 33_000, "{taken} bytes were taken, and the decoder asks for 32 KB at a time");
    }
}
