//! Collects prepared pictures, and what was left out, into a data set.

use xxhash_rust::xxh3::Xxh3;

use super::{AnnotationError, DataError, Dataset, DecodeError, Prepared, Target};
use crate::protocol::{DataSummary, Skipped};

/// Collects prepared pictures in the order they are pushed; a file that failed is counted and named.
pub struct DatasetBuilder {
    chunks: Vec<Vec<u8>>,
    /// One for each picture, or none at all.
    labels: Vec<u32>,
    /// Bytes of one picture.
    stride: usize,
    summary: DataSummary,
    hash: Xxh3,
    uncropped: Uncropped,
}

/// Files that are whole although their boxes were asked for.
#[derive(Default)]
struct Uncropped {
    files: usize,
    /// Its name and why.
    first: Option<(String, AnnotationError)>,
    /// Of all files that could be used.
    of: usize,
}

impl DatasetBuilder {
    /// Reasons that are told when not one file could be used.
    const REASONS_TOLD: usize = 3;

    /// For RGB pictures of `resolution` x `resolution` pixels, without labels, from the source called `name`.
    pub fn new(name: impl Into<String>, resolution: usize) -> Self {
        Self::for_target(name, Target::rgb(resolution))
    }

    /// For pictures of one size and colour, without labels, from the source called `name`.
    pub fn for_target(name: impl Into<String>, target: Target) -> Self {
        let (resolution, channels) = (target.resolution, target.color.channels());
        let summary = DataSummary { name: name.into(), resolution, channels, ..DataSummary::default() };
        // XXH3 of 128 bits: specified, the same on every target, and fast enough in wasm to be free beside decoding.
        // It tells data sets apart; nobody is kept from forging it, so no cryptographic hash is needed.
        let mut hash = Xxh3::new();
        for size in [summary.channels, summary.resolution] {
            hash.update(&(size as u64).to_le_bytes());
        }
        let (chunks, labels) = (Vec::new(), Vec::new());
        Self { chunks, labels, stride: target.bytes(), summary, hash, uncropped: Uncropped::default() }
    }

    /// Names the classes; with them, every picture needs a label. None mean that there are no labels.
    pub fn classes(mut self, classes: Vec<String>) -> Self {
        self.summary.classes = classes;
        self
    }

    /// Tells, in a sentence, what was done otherwise than asked.
    pub fn note(mut self, note: String) -> Self {
        self.summary.notes.push(note);
        self
    }

    /// Adds what [`prepare`](super::prepare) made of the file called `name`, to a data set without classes.
    ///
    /// # Panics
    /// If the picture has another size than the data set's.
    pub fn push(&mut self, name: &str, picture: Result<Vec<u8>, DecodeError>) {
        self.push_labelled(name, None, picture);
    }

    /// The same with a label, which is left away if there are no classes. If there are, a picture without is left out.
    ///
    /// # Panics
    /// If the picture has another size than the data set's, or the label is of no class.
    pub fn push_labelled(&mut self, name: &str, label: Option<u32>, picture: Result<Vec<u8>, DecodeError>) {
        match picture {
            Ok(pixels) => self.push_file(name, label, &[pixels]),
            Err(reason) => self.skip(name, &reason),
        }
    }

    /// Adds all pictures that [`prepare_cropped`](super::prepare_cropped) made of the file called `name`.
    ///
    /// # Panics
    /// As [`DatasetBuilder::push_labelled`].
    pub fn push_cropped(&mut self, name: &str, label: Option<u32>, prepared: Result<Prepared, DecodeError>) {
        let Prepared { pictures, uncropped } = match prepared {
            Ok(prepared) => prepared,
            Err(reason) => return self.skip(name, &reason),
        };
        self.uncropped.of += 1;
        if let Some(reason) = uncropped {
            self.uncropped.files += 1;
            self.uncropped.first.get_or_insert_with(|| (name.to_owned(), reason));
        }
        self.push_file(name, label, &pictures);
    }

    fn push_file(&mut self, name: &str, label: Option<u32>, pictures: &[Vec<u8>]) {
        let classes = self.summary.classes.len();
        match label {
            _ if classes == 0 => {}
            Some(label) => {
                assert!((label as usize) < classes, "label {label} is one of {classes} classes");
                self.labels.extend(pictures.iter().map(|_| label));
            }
            None => return self.skip(name, &DecodeError::NoClass),
        }
        pictures.iter().for_each(|pixels| self.push_pixels(pixels));
    }

    fn push_pixels(&mut self, pixels: &[u8]) {
        assert_eq!(pixels.len(), self.stride, "a picture of {0} x {0} pixels", self.summary.resolution);
        if self.summary.count.is_multiple_of(Dataset::CHUNK) {
            self.chunks.push(Vec::with_capacity(Dataset::CHUNK * self.stride));
        }
        self.hash.update(pixels);
        self.chunks.last_mut().expect("one was just pushed if there was none").extend_from_slice(pixels);
        self.summary.count += 1;
    }

    fn skip(&mut self, name: &str, reason: &DecodeError) {
        tracing::debug!(name, %reason, "skipped");
        if self.summary.skipped.len() < DataSummary::SKIPPED_SHOWN {
            self.summary.skipped.push(Skipped { name: name.to_owned(), reason: reason.to_string() });
        }
        self.summary.skipped_count += 1;
    }

    /// Pictures so far.
    pub fn count(&self) -> usize {
        self.summary.count
    }

    /// Files left out so far.
    pub fn skipped_count(&self) -> usize {
        self.summary.skipped_count
    }

    /// The data set.
    ///
    /// # Errors
    /// [`DataError::NoFiles`] if nothing was pushed, [`DataError::NoPictures`] if no file could be used.
    pub fn finish(mut self) -> Result<Dataset, DataError> {
        if self.summary.count == 0 {
            return Err(self.nothing());
        }
        self.chunks.last_mut().expect("there is a picture").shrink_to_fit();
        self.labels.shrink_to_fit();
        // Without labels nothing is added, so that such a set is the same as before there were any.
        self.labels.iter().for_each(|label| self.hash.update(&label.to_le_bytes()));
        self.summary.fingerprint = format!("xxh3-128:{:032x}", self.hash.digest128());
        self.summary.notes.extend(self.uncropped.note());
        Ok(Dataset::new(self.chunks, self.labels, self.summary))
    }

    fn nothing(self) -> DataError {
        let DataSummary { name, skipped, skipped_count: files, .. } = self.summary;
        if files == 0 {
            return DataError::NoFiles { name };
        }
        let told = skipped.iter().take(Self::REASONS_TOLD);
        let reasons = told.map(|file| format!("{}: {}", file.name, file.reason)).collect::<Vec<_>>().join(" ");
        DataError::NoPictures { name, files, reasons }
    }
}

impl Uncropped {
    fn note(self) -> Option<String> {
        let (name, reason) = self.first?;
        let (files, of) = (self.files, self.of);
        Some(format!("{files} of {of} pictures have no box to crop to and are whole; the first is {name}: {reason}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(value: u8) -> Result<Vec<u8>, DecodeError> {
        Ok(vec![value; 12])
    }

    fn fingerprint(values: &[u8]) -> String {
        let mut builder = DatasetBuilder::new("any", 2);
        values.iter().for_each(|value| builder.push("x", picture(*value)));
        builder.finish().unwrap().summary().fingerprint.clone()
    }

    #[test]
    fn failures_are_counted_and_named() {
        let mut builder = DatasetBuilder::new("mixed", 2);
        builder.push("good.png", picture(9));
        builder.push("bad.jpg", Err(DecodeError::Empty));
        assert_eq!((builder.count(), builder.skipped_count()), (1, 1));
        let data = builder.finish().unwrap();
        let reason = "The file is empty: copy it again from where it came from.".to_owned();
        assert_eq!(data.summary().skipped, [Skipped { name: "bad.jpg".to_owned(), reason }]);
        assert_eq!((data.len(), data.summary().skipped_count), (1, 1));
    }

    #[test]
    fn many_failures_are_all_counted_and_some_named() {
        let mut builder = DatasetBuilder::new("mixed", 2);
        (0..1000).for_each(|i| builder.push(&format!("{i}"), Err(DecodeError::NotAPicture)));
        builder.push("good.png", picture(9));
        let data = builder.finish().unwrap();
        assert_eq!(data.summary().skipped_count, 1000);
        assert_eq!(data.summary().skipped.len(), DataSummary::SKIPPED_SHOWN);
    }

    #[test]
    fn no_picture_at_all_is_explained() {
        let mut builder = DatasetBuilder::new("my folder", 2);
        builder.push("a.txt", Err(DecodeError::NotAPicture));
        let sentence = builder.finish().unwrap_err().to_string();
        assert!(sentence.starts_with("None of the 1 files in my folder is a picture"), "{sentence}");
        assert!(sentence.contains("a.txt: Its content is not that of a picture"), "{sentence}");
        let sentence = DatasetBuilder::new("my folder", 2).finish().unwrap_err().to_string();
        assert!(sentence.starts_with("There are no files in my folder."), "{sentence}");
    }

    #[test]
    fn the_fingerprint_knows_pixels_and_order_only() {
        assert_eq!(fingerprint(&[1, 2, 3]), fingerprint(&[1, 2, 3]));
        assert_ne!(fingerprint(&[1, 2, 3]), fingerprint(&[1, 3, 2]));
        assert_ne!(fingerprint(&[1, 2, 3]), fingerprint(&[1, 2]));
        let before_there_were_labels = "xxh3-128:966c990af7e94d9a5e820af6ab314f13";
        assert_eq!(fingerprint(&[1, 2, 3]), before_there_were_labels);
    }

    fn labelled(labels: &[u32]) -> Dataset {
        let classes = ["cat", "dog"].map(str::to_owned).to_vec();
        let mut builder = DatasetBuilder::new("any", 2).classes(classes);
        labels.iter().zip(1..).for_each(|(label, value)| builder.push_labelled("x", Some(*label), picture(value)));
        builder.finish().unwrap()
    }

    #[test]
    fn labels_belong_to_the_pictures_and_to_the_fingerprint() {
        let data = labelled(&[0, 1, 1]);
        assert_eq!((0..3).map(|index| data.label(index)).collect::<Vec<_>>(), [Some(0), Some(1), Some(1)]);
        assert_eq!(data.summary().classes, ["cat", "dog"]);
        let fingerprint_of = |data: &Dataset| data.summary().fingerprint.clone();
        assert_eq!(fingerprint_of(&data), fingerprint_of(&labelled(&[0, 1, 1])));
        assert_ne!(fingerprint_of(&data), fingerprint_of(&labelled(&[0, 1, 0])));
        assert_ne!(fingerprint_of(&data), fingerprint(&[1, 2, 3]));
    }

    #[test]
    fn a_picture_without_a_class_is_left_out_where_there_are_classes() {
        let mut builder = DatasetBuilder::new("any", 2).classes(vec!["cat".to_owned()]);
        builder.push_labelled("cat/1.png", Some(0), picture(1));
        builder.push_labelled("stray", None, picture(2));
        let data = builder.finish().unwrap();
        assert_eq!((data.len(), data.label(0)), (1, Some(0)));
        assert!(data.summary().skipped[0].reason.starts_with("It lies beside the folders"), "{:?}", data.summary());

        let mut builder = DatasetBuilder::new("any", 2);
        builder.push_labelled("1.png", Some(7), picture(1));
        assert_eq!(builder.finish().unwrap().label(0), None);
    }

    #[test]
    fn pictures_without_boxes_are_told_of_once() {
        let mut builder = DatasetBuilder::new("any", 2);
        let prepared = |uncropped| Ok(Prepared { pictures: vec![vec![1; 12]; 2], uncropped });
        builder.push_cropped("a.jpg", None, prepared(None));
        builder.push_cropped("b.jpg", None, prepared(Some(AnnotationError::Missing)));
        builder.push_cropped("c.jpg", None, prepared(Some(AnnotationError::NoBox)));
        let data = builder.finish().unwrap();
        assert_eq!((data.len(), data.summary().skipped_count), (6, 0));
        let note =
            "2 of 3 pictures have no box to crop to and are whole; the first is b.jpg: there is no annotation for it.";
        assert_eq!(data.summary().notes, [note]);
    }

    #[test]
    fn a_grey_picture_has_one_channel() {
        let target = Target { resolution: 2, color: crate::data::Color::Grey };
        let mut builder = DatasetBuilder::for_target("grey", target);
        builder.push("x", Ok(vec![1, 2, 3, 4]));
        let data = builder.finish().unwrap();
        assert_eq!((data.channels(), data.pixels(0)), (1, &[1, 2, 3, 4][..]));
    }
}
