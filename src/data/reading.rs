//! Reads a source of pictures into a data set: the one loop of the page, the terminal and the tests.
//!
//! A [`Reading`] opens archives and idx files, decides what the source is, and says which file comes next. The front
//! end lists the files, reads the bytes of those that do not lie in archives, and decides when to wait or to give up:
//!
//! ```text
//! let mut reading = Reading::new("my pictures", files, preparation)?;
//! while let Some(step) = reading.step()? {
//!     if let Step::Prepare(mut job) = step {
//!         if let Some(file) = job.picture.file() { let bytes = read(file); job.picture.give(bytes); }
//!         if let Some(file) = job.annotation.file() { ... }
//!         reading.add(job.prepare());
//!     }
//! }
//! let data = reading.finish()?;
//! ```
//! Whoever gives up drops the `Reading`: nothing is left behind.

use std::io::Read;
use std::panic::catch_unwind;
use std::vec::IntoIter;

use super::{
    AnnotationError, Content, Cut, DataError, Dataset, DatasetBuilder, DecodeError, Entry, IdxReader, InputFile,
    Layout, Plan, Preparation, Prepared, Source, prepare_cropped, read_idx_labels,
};
use crate::storage::RandomAccess;

/// A source of pictures that is being read.
pub struct Reading<F: InputFile> {
    work: Work<F>,
    total: usize,
}

enum Work<F: InputFile> {
    Files(Box<Files<F>>),
    Idx(Box<IdxReader<Box<dyn Read>>>),
}

/// Pictures in files of their own.
struct Files<F: InputFile> {
    source: Source<F>,
    entries: Vec<Entry>,
    /// Indices into `entries` of those that are still to be read.
    order: IntoIter<usize>,
    cut: Cut,
    builder: DatasetBuilder,
    /// Files that were added.
    done: usize,
}

/// What [`Reading::step`] found.
pub enum Step<F> {
    /// Read what the job asks for, prepare it, and hand the result to [`Reading::add`].
    Prepare(Job<F>),
    /// One picture of an idx file was prepared.
    Prepared,
}

/// A file to prepare, perhaps on another thread.
pub struct Job<F> {
    place: Place,
    cut: Cut,
    /// The picture.
    pub picture: Content<F, DecodeError>,
    /// Its bounding boxes.
    pub annotation: Content<F, AnnotationError>,
}

/// Where a prepared file belongs.
struct Place {
    /// Among the plan's entries.
    position: usize,
    name: String,
    class: Option<u32>,
}

/// The pictures of a file, or why it is skipped.
pub struct PreparedFile {
    place: Place,
    prepared: Result<Prepared, DecodeError>,
}

impl<F: InputFile + Clone> Reading<F> {
    /// Opens the source called `name` and decides what it is. The names of `files` are relative to what was chosen,
    /// with `/` between the parts. Their order does not matter.
    ///
    /// # Errors
    /// Those of [`Source::new`] and [`Plan::new`]; if it is an idx set, those of [`read_idx_labels`] and
    /// [`IdxReader::open`] too.
    pub fn new(name: &str, files: Vec<(String, F)>, preparation: Preparation) -> Result<Self, DataError> {
        let mut source = Source::new(files)?;
        let clues = source.clues();
        let plan = Plan::new(name, source.names(), &clues, preparation)?;
        let builder = plan.builder(name);
        if let Layout::Idx { pictures, labels } = plan.layout {
            let reader = open_idx(source, pictures, labels, builder)?;
            return Ok(Self { total: reader.total(), work: Work::Idx(Box::new(reader)) });
        }
        let order = source.reading_order(&plan.entries).into_iter();
        let Plan { entries, cut, .. } = plan;
        let total = entries.len();
        Ok(Self { total, work: Work::Files(Box::new(Files { source, entries, order, cut, builder, done: 0 })) })
    }

    /// The next thing to do; none when everything was read. Several jobs may be open at the same time.
    ///
    /// # Errors
    /// Those that end the reading: [`DataError::ArchiveTooBig`], [`DataError::Idx`]. A file that cannot be used is no
    /// error: it is skipped, and named in the summary.
    pub fn step(&mut self) -> Result<Option<Step<F>>, DataError> {
        match &mut self.work {
            Work::Idx(reader) => Ok(reader.step()?.then_some(Step::Prepared)),
            Work::Files(files) => {
                let Files { source, entries, order, cut, .. } = &mut **files;
                let Some(position) = order.next() else { return Ok(None) };
                let Entry { index, class, annotation } = entries[position];
                let picture = source.picture(index)?;
                let annotation = match annotation {
                    Some(index) => source.annotation(index),
                    None => Content::Read(Err(AnnotationError::Missing)),
                };
                let place = Place { position, name: source.names()[index].clone(), class };
                Ok(Some(Step::Prepare(Job { place, cut: *cut, picture, annotation })))
            }
        }
    }
}

impl<F: InputFile> Reading<F> {
    /// Adds a prepared file. The data set has the order of the files' names; notes and the list of skipped files name
    /// the first ones added, so the order of the steps is the one that gives the same notes each time.
    pub fn add(&mut self, file: PreparedFile) {
        let PreparedFile { place: Place { position, name, class }, prepared } = file;
        match &mut self.work {
            Work::Files(files) => {
                files.builder.push_at(position, &name, class, prepared);
                files.done += 1;
            }
            Work::Idx(_) => unreachable!("an idx set gives out no jobs"),
        }
    }

    /// How many bytes of memory the pixels will take, as far as is known: those there are, and at least a picture of each file. None
    /// in memory if they go into a file.
    pub fn expected_bytes(&self) -> u64 {
        let builder = self.builder();
        match builder.has_file() {
            true => 0,
            false => builder.bytes_in_memory().max(self.total as u64 * builder.target().bytes() as u64),
        }
    }

    /// Puts the pixels into `file` instead of memory, also those that were added before.
    pub fn put_pixels_into(&mut self, file: Box<dyn RandomAccess>) {
        match &mut self.work {
            Work::Files(files) => files.builder.put_pixels_into(file),
            Work::Idx(reader) => reader.put_pixels_into(file),
        }
    }

    fn builder(&self) -> &DatasetBuilder {
        match &self.work {
            Work::Files(files) => &files.builder,
            Work::Idx(reader) => reader.builder(),
        }
    }

    /// Files that were added, or pictures of an idx file.
    pub fn done(&self) -> usize {
        match &self.work {
            Work::Files(files) => files.done,
            Work::Idx(reader) => reader.done(),
        }
    }

    /// All files, or all pictures of an idx file.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Files that were skipped so far.
    pub fn skipped(&self) -> usize {
        match &self.work {
            Work::Files(files) => files.builder.skipped_count(),
            Work::Idx(_) => 0,
        }
    }

    /// The data set, once there are no more steps.
    ///
    /// # Errors
    /// Those of [`DatasetBuilder::finish`].
    pub fn finish(self) -> Result<Dataset, DataError> {
        match self.work {
            Work::Files(files) => files.builder.finish(),
            Work::Idx(reader) => reader.finish(),
        }
    }
}

fn open_idx<F: InputFile>(
    mut source: Source<F>,
    pictures: usize,
    labels: Option<usize>,
    builder: DatasetBuilder,
) -> Result<IdxReader<Box<dyn Read>>, DataError> {
    let names = source.names().to_vec();
    let labels = match labels {
        Some(index) => Some((names[index].as_str(), read_idx_labels(&names[index], source.reader(index)?)?)),
        None => None,
    };
    IdxReader::open(builder, (&names[pictures], source.into_reader(pictures)?), labels)
}

impl<F> Job<F> {
    /// Bytes of the files that are in memory.
    pub fn memory_bytes(&self) -> usize {
        self.picture.memory_bytes() + self.annotation.memory_bytes()
    }

    /// Decodes, cuts and resizes. A file whose bytes were not given counts as one that cannot be read.
    pub fn prepare(self) -> PreparedFile {
        let Self { place, cut, picture, annotation } = self;
        let not_given = || "its bytes were not given".to_owned();
        let picture = match picture {
            Content::Read(picture) => picture,
            Content::File(_) => Err(DecodeError::Unreadable { reason: not_given() }),
        };
        let annotation = match annotation {
            Content::Read(annotation) => annotation,
            Content::File(_) => Err(AnnotationError::Unreadable { reason: not_given() }),
        };
        let annotation = annotation.as_deref().map_err(Clone::clone);
        // Last resort: a decoder that panics on one file must not end the reading. In the page a panic ends the worker.
        let prepare = |picture: Vec<u8>| {
            catch_unwind(|| prepare_cropped(&picture, annotation, &cut)).unwrap_or(Err(DecodeError::DecoderCrashed))
        };
        PreparedFile { place, prepared: picture.and_then(prepare) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{self, Cursor, Seek, SeekFrom, Write};
    use std::rc::Rc;

    use flate2::{Compression, write::GzEncoder};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::config::Crop;

    /// A bitmap of 8 x 8 pixels, all of one grey.
    fn bitmap(grey: u8) -> Vec<u8> {
        let mut file = b"BM\xf6\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x08\0\0\0\x08\0\0\0\x01\0\x18\0".to_vec();
        file.resize(54, 0);
        file.resize(54 + 8 * 8 * 3, grey);
        file
    }

    fn files(files: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
    }

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn packed_tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn start(sources: &[(&str, &[u8])], crop: Crop) -> Result<Reading<Vec<u8>>, DataError> {
        Reading::new("source", files(sources), Preparation { crop, ..Preparation::plain(8) })
    }

    /// The names of the pictures that the front end was asked for, of the jobs in their order, and the data set.
    fn read(mut reading: Reading<Vec<u8>>) -> (Vec<String>, Vec<String>, Result<Dataset, DataError>) {
        let (mut asked, mut jobs) = (Vec::new(), Vec::new());
        loop {
            match reading.step() {
                Err(error) => return (asked, jobs, Err(error)),
                Ok(None) => return (asked, jobs, reading.finish()),
                Ok(Some(Step::Prepared)) => {}
                Ok(Some(Step::Prepare(mut job))) => {
                    jobs.push(job.place.name.clone());
                    if let Some(bytes) = job.picture.file().cloned() {
                        asked.push(job.place.name.clone());
                        job.picture.give(Ok(bytes));
                    }
                    if let Some(bytes) = job.annotation.file().cloned() {
                        job.annotation.give(Ok(bytes));
                    }
                    reading.add(job.prepare());
                }
            }
        }
    }

    #[test]
    fn files_are_asked_for_and_the_entries_of_archives_are_not() {
        let [one, two, three] = [1, 2, 3].map(bitmap);
        let archive = zipped(&[("2.bmp", &two)]);
        let reading = start(&[("c.bmp", &three), ("b.zip", &archive), ("a.bmp", &one)], Crop::Whole).unwrap();
        assert_eq!((reading.done(), reading.total(), reading.skipped()), (0, 3, 0));
        let (asked, jobs, data) = read(reading);
        assert_eq!(
            (asked, jobs),
            (vec!["a.bmp".into(), "c.bmp".into()], files_named(&["a.bmp", "b.zip/2.bmp", "c.bmp"]))
        );
        let data = data.unwrap();
        assert_eq!([0, 1, 2].map(|index| data.pixels(index)[0]), [1, 2, 3]);
    }

    fn files_named(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn damaged_files_and_archives_are_skipped_and_counted() {
        let picture = bitmap(7);
        let archive = zipped(&[("x.bmp", &picture)]);
        let sources: [(&str, &[u8]); 5] = [
            ("cut.bmp", &picture[..100]),
            ("good.bmp", &picture),
            ("not found.bmp", b""),
            ("old.zip", &archive[..archive.len() - 5]),
            ("text.txt", b"not a picture"),
        ];
        let mut reading = start(&sources, Crop::Whole).unwrap();
        while let Some(step) = reading.step().unwrap() {
            let Step::Prepare(mut job) = step else { panic!("no idx file is there") };
            // "not found.bmp" cannot be read.
            if let Some(bytes) = job.picture.file().cloned().filter(|bytes| !bytes.is_empty()) {
                job.picture.give(Ok(bytes));
            }
            reading.add(job.prepare());
        }
        assert_eq!((reading.done(), reading.total(), reading.skipped()), (5, 5, 4));
        let data = reading.finish().unwrap();
        let skipped: Vec<_> = data.summary().skipped.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(skipped, ["cut.bmp", "not found.bmp", "old.zip", "text.txt"]);
        assert!(data.summary().skipped[1].reason.contains("its bytes were not given"), "{:?}", data.summary().skipped);
        assert!(!data.report().is_lasting(), "the file may be readable the next time");
        assert_eq!(*data.pixels(0), [7; 192]);
    }

    #[test]
    fn annotations_are_asked_for_only_if_boxes_are() {
        let picture = bitmap(5);
        let xml: &[u8] =
            b"<annotation><object><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>8</xmax><ymax>8</ymax></bndbox>\
                          </object></annotation>";
        let sources: [(&str, &[u8]); 3] = [
            ("Annotation/n02085620-Chihuahua/1", xml),
            ("Images/n02085620-Chihuahua/1.bmp", &picture),
            ("Images/n02085620-Chihuahua/2.bmp", &picture),
        ];
        for (crop, wanted) in [(Crop::Whole, [false, false]), (Crop::Box, [true, false])] {
            let mut reading = start(&sources, crop).unwrap();
            for wanted in wanted {
                let Some(Step::Prepare(job)) = reading.step().unwrap() else { panic!("two pictures are there") };
                assert_eq!(job.annotation.file().is_some(), wanted, "{crop:?}");
            }
            assert!(reading.step().unwrap().is_none());
        }
        let (_, _, data) = read(start(&sources, Crop::Box).unwrap());
        let notes = data.unwrap().summary().notes.clone();
        assert!(notes[0].contains("2.bmp"), "{notes:?}");
    }

    #[test]
    fn a_packed_tar_is_read_in_its_own_order_and_the_data_set_has_that_of_the_names() {
        let pictures = [3, 1, 2].map(bitmap);
        let archive = packed_tar(&[("c.bmp", &pictures[0]), ("a.bmp", &pictures[1]), ("b.bmp", &pictures[2])]);
        let (asked, jobs, data) = read(start(&[("x.tar.gz", &archive)], Crop::Whole).unwrap());
        assert!(asked.is_empty());
        assert_eq!(jobs, ["c.bmp", "a.bmp", "b.bmp"]);
        let data = data.unwrap();
        assert_eq!([0, 1, 2].map(|index| data.pixels(index)[0]), [1, 2, 3]);
    }

    #[test]
    fn idx_sets_are_read_without_the_front_end_wherever_they_lie() {
        let pictures = [b"\0\0\x08\x03\0\0\0\x02\0\0\0\x08\0\0\0\x08".to_vec(), vec![5; 64], vec![6; 64]].concat();
        let labels = b"\0\0\x08\x01\0\0\0\x02\x01\0";
        let set: [(&str, &[u8]); 2] = [("my-images-idx3-ubyte", &pictures), ("my-labels-idx1-ubyte", labels)];
        for source in [&set[..], &[("set.zip", &zipped(&set))], &[("set.tgz", &packed_tar(&set))]] {
            let mut reading = start(source, Crop::Whole).unwrap();
            for done in 1..=2 {
                assert!(matches!(reading.step().unwrap(), Some(Step::Prepared)));
                assert_eq!((reading.done(), reading.total()), (done, 2));
            }
            assert!(reading.step().unwrap().is_none());
            let data = reading.finish().unwrap();
            assert_eq!((data.len(), &*data.pixels(1)), (2, &[6; 64][..]));
            assert_eq!([data.label(0), data.label(1)], [Some(1), Some(0)]);
        }
        let short: [(&str, &[u8]); 1] = [("my-images-idx3-ubyte", &pictures[..100])];
        let (.., data) = read(start(&short, Crop::Whole).unwrap());
        assert!(matches!(data, Err(DataError::Idx { .. })));
    }

    /// A file that counts its open readers.
    #[derive(Clone)]
    struct Counted(Vec<u8>, Rc<Cell<usize>>);

    struct CountedReader(Cursor<Vec<u8>>, Rc<Cell<usize>>);

    impl InputFile for Counted {
        type Reader = CountedReader;

        fn open(&self) -> io::Result<CountedReader> {
            self.1.set(self.1.get() + 1);
            Ok(CountedReader(Cursor::new(self.0.clone()), self.1.clone()))
        }
    }

    impl Drop for CountedReader {
        fn drop(&mut self) {
            self.1.set(self.1.get() - 1);
        }
    }

    impl Read for CountedReader {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.0.read(out)
        }
    }

    impl Seek for CountedReader {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn giving_up_closes_what_was_open() {
        let open = Rc::new(Cell::new(0));
        let archive = zipped(&[("a.bmp", &bitmap(1)), ("b.bmp", &bitmap(2))]);
        let file = Counted(archive, open.clone());
        let mut reading = Reading::new("x.zip", vec![("x.zip".to_owned(), file)], Preparation::plain(8)).unwrap();
        let Some(Step::Prepare(job)) = reading.step().unwrap() else { panic!("two pictures are there") };
        reading.add(job.prepare());
        assert_eq!((open.get(), reading.done(), reading.total()), (1, 1, 2), "the archive alone is open");
        drop(reading);
        assert_eq!(open.get(), 0);
    }
}
