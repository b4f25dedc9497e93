//! Collects prepared pictures and skipped files into a data set.

use std::collections::BTreeSet;
use std::io;

use xxhash_rust::xxh3::Xxh3;

use super::doctor::{self, Examined, Flag, Refused, Report};
use super::pixels::Pixels;
use super::{AnnotationError, Cut, DataError, DataSummary, Dataset, DecodeError, Prepared, Skipped, Target};
use crate::config::Resolution;
use crate::storage::RandomAccess;

/// Collects prepared pictures. Files that failed are counted and named.
pub struct DatasetBuilder {
    pixels: Pixels,
    /// Why pictures can't be stored any more.
    fault: Option<io::Error>,
    /// One for each picture, or none at all.
    labels: Vec<u32>,
    summary: DataSummary,
    cut: Cut,
    excludes_flagged: bool,
    /// Facts on each file that became pictures.
    examined: Vec<Examined>,
    refused: Vec<Refused>,
    uncropped: Uncropped,
    /// Files so far.
    files: usize,
    /// Side of every picture before it was resized, in pixels, where the source says that itself.
    side: Option<usize>,
}

/// Pictures that are used whole although their boxes were asked for.
#[derive(Default)]
struct Uncropped {
    files: usize,
    /// Name of the first one, and why.
    first: Option<(String, AnnotationError)>,
    /// Usable files.
    of: usize,
}

impl DatasetBuilder {
    /// The most reasons that are named when no file can be used.
    const REASONS_TOLD: usize = 3;

    /// For RGB pictures of this size, without labels, from the source called `name`.
    pub fn new(name: impl Into<String>, resolution: impl Into<Resolution>) -> Self {
        Self::for_cut(name, Cut::plain(Target::rgb(resolution)))
    }

    /// For pictures of one size and colour, without labels, from the source called `name`.
    pub fn for_cut(name: impl Into<String>, cut: Cut) -> Self {
        let Target { resolution, color } = cut.target;
        let summary =
            DataSummary { name: name.into(), resolution, channels: color.channels(), ..DataSummary::default() };
        Self {
            pixels: Pixels::new(cut.target.bytes()),
            fault: None,
            labels: Vec::new(),
            summary,
            cut,
            excludes_flagged: false,
            examined: Vec::new(),
            refused: Vec::new(),
            uncropped: Uncropped::default(),
            files: 0,
            side: None,
        }
    }

    /// Names the classes. If there are any, every picture needs a label.
    pub fn classes(mut self, classes: Vec<String>) -> Self {
        self.summary.classes = classes;
        self
    }

    /// Whether files that the data doctor flags are left out.
    pub fn excluding_flagged(mut self, excludes: bool) -> Self {
        self.excludes_flagged = excludes;
        self
    }

    /// Side of every picture before it is resized, in pixels: for pictures without files of their own.
    pub fn of_side(mut self, side: usize) -> Self {
        self.side = Some(side);
        self
    }

    /// Puts the pixels into `file` instead of memory, also those that were added before.
    pub fn put_pixels_into(&mut self, file: Box<dyn RandomAccess>) {
        if let Err(error) = self.pixels.move_into(file) {
            self.fault.get_or_insert(error);
        }
    }

    /// Bytes of memory that the pixels take so far.
    pub(super) fn bytes_in_memory(&self) -> u64 {
        if self.pixels.are_in_memory() { self.pixels.count() as u64 * self.pixels.stride() as u64 } else { 0 }
    }

    /// Whether pixels go into a file.
    pub(super) fn has_file(&self) -> bool {
        !self.pixels.are_in_memory()
    }

    /// Adds a sentence on something that differs from what was asked for.
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

    /// The same with a label. Without classes the label is ignored; with classes a picture without a label is skipped.
    ///
    /// # Panics
    /// If the picture has another size than the data set's, or the label is of no class.
    pub fn push_labelled(&mut self, name: &str, label: Option<u32>, picture: Result<Vec<u8>, DecodeError>) {
        let position = self.files;
        self.files += 1;
        match picture {
            Ok(pixels) => {
                self.push_pictures(position, name, label, &[pixels]);
            }
            Err(reason) => self.skip(position, name, &reason),
        }
    }

    /// Adds all pictures that [`prepare_cropped`](super::prepare_cropped) made of the file called `name`, after all
    /// that were added before.
    ///
    /// # Panics
    /// As [`DatasetBuilder::push_labelled`].
    pub fn push_cropped(&mut self, name: &str, label: Option<u32>, prepared: Result<Prepared, DecodeError>) {
        self.push_at(self.files, name, label, prepared);
    }

    /// The same for files that are not added in the order of the data set: `position` is the file's place in that
    /// order.
    ///
    /// # Panics
    /// As [`DatasetBuilder::push_labelled`].
    pub fn push_at(
        &mut self,
        position: usize,
        name: &str,
        label: Option<u32>,
        prepared: Result<Prepared, DecodeError>,
    ) {
        self.files += 1;
        let Prepared { pictures, uncropped, facts } = match prepared {
            Ok(prepared) => prepared,
            Err(reason) => return self.skip(position, name, &reason),
        };
        let first = self.summary.count;
        if !self.push_pictures(position, name, label, &pictures) {
            return;
        }
        let (name, count) = (name.to_owned(), pictures.len());
        self.uncropped.of += 1;
        if let Some(reason) = uncropped {
            self.uncropped.files += 1;
            self.uncropped.first.get_or_insert_with(|| (name.clone(), reason));
        }
        self.examined.push(Examined { position, name, first, count, facts });
    }

    /// False if the file is skipped because it has no class.
    fn push_pictures(&mut self, position: usize, name: &str, label: Option<u32>, pictures: &[Vec<u8>]) -> bool {
        let classes = self.summary.classes.len();
        match label {
            _ if classes == 0 => {}
            Some(label) => {
                assert!((label as usize) < classes, "label {label} is one of {classes} classes");
                self.labels.extend(pictures.iter().map(|_| label));
            }
            None => {
                self.skip(position, name, &DecodeError::NoClass);
                return false;
            }
        }
        pictures.iter().for_each(|pixels| self.push_pixels(pixels));
        true
    }

    fn push_pixels(&mut self, pixels: &[u8]) {
        assert_eq!(pixels.len(), self.pixels.stride(), "a picture of {} pixels", self.summary.resolution);
        if self.fault.is_none() {
            self.fault = self.pixels.push(pixels).err();
        }
        // Also of those that could not be stored, so that files and pictures match until the end says it.
        self.summary.count += 1;
    }

    fn skip(&mut self, position: usize, name: &str, reason: &DecodeError) {
        tracing::debug!(name, %reason, "skipped");
        if self.refused.len() < Report::MOST_NAMED {
            let file = Skipped { name: name.to_owned(), reason: reason.to_string() };
            self.refused.push(Refused { position, file, kind: reason.kind() });
        }
        self.summary.skipped_count += 1;
    }

    /// Name of the source.
    pub(super) fn name(&self) -> &str {
        &self.summary.name
    }

    /// Size and colour of the pictures.
    pub(super) fn target(&self) -> Target {
        self.cut.target
    }

    /// Pictures so far.
    pub fn count(&self) -> usize {
        self.summary.count
    }

    /// Files skipped so far.
    pub fn skipped_count(&self) -> usize {
        self.summary.skipped_count
    }

    /// Examines the files and returns the data set.
    ///
    /// # Errors
    /// [`DataError::NoFiles`] if nothing was added; [`DataError::NoPictures`] if no file could be used;
    /// [`DataError::AllFlagged`] if all usable files are flagged and left out; [`DataError::Unstored`] if the pictures are put
    /// into a file and that failed.
    pub fn finish(mut self) -> Result<Dataset, DataError> {
        if let Some(error) = self.fault.take() {
            return Err(self.unstored(&error));
        }
        self.refused.sort_by_key(|refused| refused.position);
        let shown = self.refused.iter().take(DataSummary::SKIPPED_SHOWN);
        self.summary.skipped = shown.map(|refused| refused.file.clone()).collect();
        if self.summary.count == 0 {
            return Err(self.nothing());
        }
        self.examined.sort_by_key(|file| file.position);
        let flags = doctor::examine(&self.examined, &self.cut);
        self.arrange(&flags)?;
        self.drop_empty_classes();
        self.summary.fingerprint = self.fingerprint().map_err(|error| self.unstored(&error))?;
        self.summary.notes.extend(std::mem::take(&mut self.uncropped).note());
        let report = self.report(&flags);
        self.summary.notes.extend(report.left_out());
        self.pixels.shrink();
        self.labels.shrink_to_fit();
        Ok(Dataset::new(self.pixels, self.labels, self.summary, report))
    }

    /// Puts the pictures in the order of their files, and removes the flagged ones if they are to be left out.
    fn arrange(&mut self, flags: &[(Vec<Flag>, Option<usize>)]) -> Result<(), DataError> {
        // Pictures without facts were added in order, and are never flagged.
        if self.examined.iter().map(|file| file.count).sum::<usize>() < self.summary.count {
            return Ok(());
        }
        let is_kept = |flags: &[Flag]| !self.excludes_flagged || flags.is_empty();
        let of = |kept: bool| {
            let files = self.examined.iter().zip(flags).filter(move |(_, (flags, _))| is_kept(flags) == kept);
            files.flat_map(|(file, _)| file.first..file.first + file.count)
        };
        let mut order: Vec<usize> = of(true).collect();
        let kept = order.len();
        if kept == 0 {
            return Err(DataError::AllFlagged { name: self.summary.name.clone(), files: self.examined.len() });
        }
        order.extend(of(false));
        if !self.labels.is_empty() {
            self.labels = order[..kept].iter().map(|index| self.labels[*index]).collect();
        }
        self.pixels.arrange(order, kept);
        self.summary.count = kept;
        Ok(())
    }

    /// Forgets the classes of which no file could be used: a generator would draw pictures of them that it has never seen.
    fn drop_empty_classes(&mut self) {
        let used: BTreeSet<u32> = self.labels.iter().copied().collect();
        let all = std::mem::take(&mut self.summary.classes);
        let is_used = |number: &usize| used.contains(&(*number as u32));
        let (kept, empty): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(is_used);
        if let Some(first) = empty.first() {
            self.summary.notes.push(match empty.len() {
                1 => format!("No picture of the class {} could be used, so it is left out.", all[*first]),
                many => format!(
                    "No picture of {many} classes could be used, so they are left out. The first is {}.",
                    all[*first]
                ),
            });
            for label in &mut self.labels {
                *label = used.range(..*label).count() as u32;
            }
        }
        self.summary.classes = kept.into_iter().map(|number| all[number].clone()).collect();
    }

    /// XXH3 with 128 bits: the same on every target, and much faster than decoding, also in wasm. It only tells data
    /// sets apart and protects from no attacker, so it need not be cryptographic.
    fn fingerprint(&self) -> io::Result<String> {
        let mut hash = Xxh3::new();
        let Resolution { width, height } = self.summary.resolution;
        // A square has one side, so the fingerprints of older versions stay valid.
        let sizes = if width == height { vec![width] } else { vec![width, height] };
        for size in [self.summary.channels].into_iter().chain(sizes) {
            hash.update(&(size as u64).to_le_bytes());
        }
        self.pixels.each_piece(|piece| {
            hash.update(piece);
            Ok(())
        })?;
        // Nothing is added without labels, so the fingerprints of older versions stay valid.
        self.labels.iter().for_each(|label| hash.update(&label.to_le_bytes()));
        Ok(format!("xxh3-128:{:032x}", hash.digest128()))
    }

    fn unstored(&self, error: &io::Error) -> DataError {
        let bytes = self.summary.count as u64 * self.pixels.stride() as u64;
        DataError::Unstored { name: self.summary.name.clone(), megabytes: bytes / 1_000_000, reason: error.to_string() }
    }

    fn report(&self, flags: &[(Vec<Flag>, Option<usize>)]) -> Report {
        let DataSummary { name, count, classes, skipped_count, .. } = &self.summary;
        let sides: Vec<usize> = self.examined.iter().map(|file| file.facts.side).collect();
        let known: Vec<usize> = sides.iter().copied().chain(self.side).collect();
        Report::new(name.clone(), *count, &self.examined, flags, self.excludes_flagged)
            .with_refused(&self.refused, *skipped_count)
            .with_classes(classes, &self.labels)
            .with_sides(&known)
            .with_shape(&self.cut, &self.examined)
            .with_advice(&self.cut, &sides)
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
        Some(format!("{files} of {of} pictures have no usable box and are used whole. The first is {name}: {reason}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::facts::Facts;

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
        let reason = "The file is empty. Copy it again.".to_owned();
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
        assert!(sentence.starts_with("The only file in my folder cannot be used"), "{sentence}");
        assert!(sentence.contains("a.txt: This isn't a picture"), "{sentence}");
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
        assert!(
            data.summary().skipped[0].reason.starts_with("The picture is in none of the folders"),
            "{:?}",
            data.summary()
        );

        let mut builder = DatasetBuilder::new("any", 2);
        builder.push_labelled("1.png", Some(7), picture(1));
        assert_eq!(builder.finish().unwrap().label(0), None);
    }

    #[test]
    fn a_class_without_a_usable_picture_is_left_out() {
        let classes = ["ant", "bee", "cat"].map(str::to_owned).to_vec();
        let mut builder = DatasetBuilder::new("any", 2).classes(classes);
        builder.push_labelled("ant/1.png", Some(0), picture(1));
        builder.push_labelled("bee/2.png", Some(1), Err(DecodeError::Empty));
        builder.push_labelled("cat/3.png", Some(2), picture(2));
        let data = builder.finish().unwrap();
        assert_eq!(data.summary().classes, ["ant", "cat"]);
        assert_eq!([data.label(0), data.label(1)], [Some(0), Some(1)]);
        assert_eq!(data.summary().notes, ["No picture of the class bee could be used, so it is left out."]);
    }

    fn facts(content: u8) -> Facts {
        Facts {
            format: None,
            content: content.into(),
            width: 2,
            height: 2,
            side: 2,
            is_enlarged: false,
            is_grey: false,
            is_blank: false,
            has_profile: false,
            perceptual_hash: u64::from(content).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    fn file(value: u8) -> Result<Prepared, DecodeError> {
        Ok(Prepared { pictures: vec![vec![value; 12]], uncropped: None, facts: facts(value) })
    }

    #[test]
    fn files_that_come_in_another_order_are_put_into_theirs() {
        let count = 2 * Pixels::CHUNK + 10;
        let value = |position: usize| (position * 7 % 251) as u8;
        let build = |order: &mut dyn Iterator<Item = usize>| {
            let mut builder = DatasetBuilder::new("any", 2).classes(vec!["even".to_owned(), "odd".to_owned()]);
            for position in order {
                let name = format!("{position}");
                match position {
                    5 => builder.push_at(position, &name, None, Err(DecodeError::Empty)),
                    9 => builder.push_at(position, &name, None, Err(DecodeError::NotAPicture)),
                    _ => builder.push_at(position, &name, Some(position as u32 % 2), file(value(position))),
                }
            }
            builder.finish().unwrap()
        };
        let straight = build(&mut (0..count));
        // Coprime to the count, so that it meets every position.
        let shuffled = build(&mut (0..count).map(|i| i * 5 % count));
        assert_eq!(shuffled.summary(), straight.summary());
        assert_eq!(shuffled.report(), straight.report());
        for index in 0..straight.len() {
            assert_eq!(
                (shuffled.pixels(index), shuffled.label(index)),
                (straight.pixels(index), straight.label(index))
            );
        }
        assert_eq!(*straight.pixels(5), [value(6); 12], "after the one that is none");
    }

    #[test]
    fn flagged_files_are_left_out_if_asked() {
        let build = |excludes: bool| {
            let mut builder = DatasetBuilder::new("any", 2).excluding_flagged(excludes);
            [1, 2, 1, 3, 2].iter().for_each(|value| builder.push_cropped(&format!("{value}"), None, file(*value)));
            builder.finish().unwrap()
        };
        let (all, some) = (build(false), build(true));
        assert_eq!((all.len(), all.report().flagged_count), (5, 2));
        assert_eq!((some.len(), some.report().flagged_count), (3, 2));
        assert_eq!((0..3).map(|index| some.pixels(index)[0]).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(some.summary().fingerprint, fingerprint(&[1, 2, 3]));
        assert_eq!(some.report().flagged[0].like.as_deref(), Some("1"));
    }

    #[test]
    fn nothing_but_flagged_files_is_an_error_that_says_so() {
        let mut builder = DatasetBuilder::new("scans", 2).excluding_flagged(true);
        let mut blank = file(1).unwrap();
        blank.facts.is_blank = true;
        builder.push_cropped("1.png", None, Ok(blank));
        let sentence = builder.finish().unwrap_err().to_string();
        assert!(sentence.starts_with("All 1 usable files of scans are flagged"), "{sentence}");
    }

    #[test]
    fn pictures_without_boxes_are_told_of_once() {
        let mut builder = DatasetBuilder::new("any", 2);
        let prepared = |uncropped| Ok(Prepared { pictures: vec![vec![1; 12]; 2], uncropped, facts: facts(1) });
        builder.push_cropped("a.jpg", None, prepared(None));
        builder.push_cropped("b.jpg", None, prepared(Some(AnnotationError::Missing)));
        builder.push_cropped("c.jpg", None, prepared(Some(AnnotationError::NoBox)));
        let data = builder.finish().unwrap();
        assert_eq!((data.len(), data.summary().skipped_count), (6, 0));
        let note =
            "2 of 3 pictures have no usable box and are used whole. The first is b.jpg: there is no annotation for it.";
        assert_eq!(data.summary().notes, [note]);
    }

    #[test]
    fn a_grey_picture_has_one_channel() {
        let target = Target { resolution: 2.into(), color: crate::data::Color::Grey };
        let mut builder = DatasetBuilder::for_cut("grey", Cut::plain(target));
        builder.push("x", Ok(vec![1, 2, 3, 4]));
        let data = builder.finish().unwrap();
        assert_eq!((data.channels(), &*data.pixels(0)), (1, &[1, 2, 3, 4][..]));
    }
}
