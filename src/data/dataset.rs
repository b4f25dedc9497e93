//! Prepared pictures in memory.

use std::sync::OnceLock;

use super::DataSummary;
use super::doctor::Report;
use crate::config::Resolution;

/// Pictures of one size, as bytes: `N` x `C` x `H` x `W`.
///
/// They are kept in chunks of [`Dataset::CHUNK`] pictures, so that pictures are never copied when the set grows: 20,000
/// RGB pictures of 64 x 64 pixels take 246 MB, and at most one chunk more (3 MB) while they are read.
#[derive(Debug)]
pub struct Dataset {
    /// Every chunk but the last is full.
    chunks: Vec<Vec<u8>>,
    /// One for each picture, or empty.
    labels: Vec<u32>,
    /// Bytes of one picture.
    stride: usize,
    summary: DataSummary,
    report: Report,
    /// Of each picture, once somebody has judged them.
    typicality: OnceLock<Vec<f32>>,
}

impl Dataset {
    /// Pictures in a chunk.
    pub(super) const CHUNK: usize = 256;

    /// `chunks` and `labels` as the builder fills them; `summary` matches them.
    pub(super) fn new(chunks: Vec<Vec<u8>>, labels: Vec<u32>, summary: DataSummary, report: Report) -> Self {
        let stride = summary.channels * summary.resolution.pixels();
        debug_assert_eq!(chunks.iter().map(Vec::len).sum::<usize>(), summary.count * stride);
        debug_assert_eq!(labels.len(), if summary.classes.is_empty() { 0 } else { summary.count });
        Self { chunks, labels, stride, summary, report, typicality: OnceLock::new() }
    }

    /// Pictures; at least one.
    #[allow(clippy::len_without_is_empty)] // there is no empty data set
    pub fn len(&self) -> usize {
        self.summary.count
    }

    /// Width and height of every picture.
    pub fn resolution(&self) -> Resolution {
        self.summary.resolution
    }

    /// 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> usize {
        self.summary.channels
    }

    /// The class of picture `index`, an index into the summary's `classes`. Every picture has one, or none has.
    ///
    /// # Panics
    /// If there are labels, but not that many.
    pub fn label(&self, index: usize) -> Option<u32> {
        (!self.labels.is_empty()).then(|| self.labels[index])
    }

    /// Name, counts, classes, skipped files and fingerprint.
    pub fn summary(&self) -> &DataSummary {
        &self.summary
    }

    /// The bytes of all pictures, in chunks of whole pictures.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(Vec::as_slice)
    }

    /// One for each picture, or empty.
    pub(super) fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// What the data doctor found.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// How typical of the set each picture is, the larger the more; none until they have been judged, by
    /// [`judge_typicality`](crate::features::judge_typicality).
    pub fn typicality(&self) -> Option<&[f32]> {
        self.typicality.get().map(Vec::as_slice)
    }

    /// Says how typical each picture is. A second time nothing happens, so that a run's pictures stay the same.
    ///
    /// # Panics
    /// If there are more or fewer values than pictures.
    pub fn set_typicality(&self, values: Vec<f32>) {
        assert_eq!(values.len(), self.len(), "a value for each picture");
        let _ = self.typicality.set(values);
    }

    /// Picture `index`, 0..=255.
    ///
    /// # Shapes
    /// - returns: `[channels, height, width]`
    ///
    /// # Panics
    /// If there are not that many.
    pub fn pixels(&self, index: usize) -> &[u8] {
        let start = index % Self::CHUNK * self.stride;
        &self.chunks[index / Self::CHUNK][start..start + self.stride]
    }

    /// Writes picture `index`, mirrored left to right if `mirror` is set.
    ///
    /// # Shapes
    /// - `out`: `[channels, height, width]`
    ///
    /// # Panics
    /// If there are not that many pictures, or `out` has another size.
    pub fn copy_pixels(&self, index: usize, mirror: bool, out: &mut [u8]) {
        out.copy_from_slice(self.pixels(index));
        if mirror {
            out.chunks_exact_mut(self.resolution().width).for_each(<[u8]>::reverse);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::data::DatasetBuilder;

    #[test]
    fn pictures_come_back_across_chunks() {
        let mut builder = DatasetBuilder::new("numbers", 2);
        for i in 0..600u32 {
            builder.push(&format!("{i}"), Ok((0..12).map(|k| (i * 7 + k) as u8).collect()));
        }
        let data = builder.finish().unwrap();
        assert_eq!((data.len(), data.resolution(), data.channels()), (600, 2.into(), 3));
        for i in [0, 255, 256, 511, 512, 599] {
            let expected: Vec<u8> = (0..12).map(|k| (i * 7 + k) as u8).collect();
            assert_eq!(data.pixels(i), expected);
        }
    }

    #[test]
    fn pictures_are_mirrored_row_by_row() {
        let mut builder = DatasetBuilder::new("one", 2);
        builder.push("a", Ok(vec![0, 255, 51, 102, 1, 2, 3, 4, 5, 6, 7, 8]));
        let data = builder.finish().unwrap();
        let mut out = [0; 12];
        data.copy_pixels(0, false, &mut out);
        assert_eq!(out, data.pixels(0));
        data.copy_pixels(0, true, &mut out);
        assert_eq!(out, [255, 0, 102, 51, 2, 1, 4, 3, 6, 5, 8, 7]);
    }
}
