//! Collects prepared pictures, and what was left out, into a data set.

use xxhash_rust::xxh3::Xxh3;

use super::{DataError, Dataset, DecodeError};
use crate::protocol::{DataSummary, Skipped};

/// Collects prepared pictures in the order they are pushed; a file that failed is counted and named.
pub struct DatasetBuilder {
    chunks: Vec<Vec<u8>>,
    /// Bytes of one picture.
    stride: usize,
    summary: DataSummary,
    hash: Xxh3,
}

impl DatasetBuilder {
    /// Reasons that are told when not one file could be used.
    const REASONS_TOLD: usize = 3;

    /// For RGB pictures of `resolution` x `resolution` pixels from the source called `name`.
    pub fn new(name: impl Into<String>, resolution: usize) -> Self {
        let summary = DataSummary { name: name.into(), resolution, channels: 3, ..DataSummary::default() };
        // XXH3 of 128 bits: specified, the same on every target, and fast enough in wasm to be free beside decoding.
        // It tells data sets apart; nobody is kept from forging it, so no cryptographic hash is needed.
        let mut hash = Xxh3::new();
        for size in [summary.channels, summary.resolution] {
            hash.update(&(size as u64).to_le_bytes());
        }
        Self { chunks: Vec::new(), stride: summary.channels * resolution * resolution, summary, hash }
    }

    /// Adds what [`prepare`](super::prepare) made of the file called `name`.
    ///
    /// # Panics
    /// If the picture has another size than the data set's.
    pub fn push(&mut self, name: &str, picture: Result<Vec<u8>, DecodeError>) {
        match picture {
            Ok(pixels) => self.push_pixels(&pixels),
            Err(reason) => self.skip(name, &reason),
        }
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
        self.summary.fingerprint = format!("xxh3-128:{:032x}", self.hash.digest128());
        Ok(Dataset::new(self.chunks, self.summary))
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
    }
}
