//! Prepared pictures.

use std::borrow::Cow;
use std::io;
use std::sync::OnceLock;

use super::DataSummary;
use super::doctor::Report;
use super::pixels::Pixels;
use crate::config::Resolution;

/// A picture that could be read when the set was made can't be read any more: the file that it is in is gone or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{set}: a picture can't be read any more ({reason})")]
pub struct PictureLost {
    /// Name of the set.
    pub set: String,
    /// The system's message.
    pub reason: String,
}

/// Pictures of one size, as bytes: `N` x `C` x `H` x `W`.
///
/// They are in memory, 20,000 RGB pictures of 64 x 64 pixels in 246 MB, or, where a front end offers one for more than that, in a
/// file that is read picture by picture.
#[derive(Debug)]
pub struct Dataset {
    pixels: Pixels,
    /// One for each picture, or empty.
    labels: Vec<u32>,
    summary: DataSummary,
    report: Report,
    /// Of the first picture that could not be read.
    lost: OnceLock<PictureLost>,
    /// Of each picture, once somebody has judged them.
    typicality: OnceLock<Vec<f32>>,
}

impl Dataset {
    /// `pixels` and `labels` as the builder fills them; `summary` matches them.
    pub(super) fn new(pixels: Pixels, labels: Vec<u32>, summary: DataSummary, report: Report) -> Self {
        debug_assert_eq!(pixels.count(), summary.count);
        debug_assert_eq!(labels.len(), if summary.classes.is_empty() { 0 } else { summary.count });
        Self { pixels, labels, summary, report, lost: OnceLock::new(), typicality: OnceLock::new() }
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

    /// Hands the bytes of all pictures to `take`, in pieces of whole pictures.
    pub(super) fn each_piece(&self, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.pixels.each_piece(take)
    }

    /// Whether the pictures are in memory, and not in a file.
    pub fn is_in_memory(&self) -> bool {
        self.pixels.are_in_memory()
    }

    /// Whether all pictures that were asked for could be read. One that could not was black, so whatever was made of it counts for
    /// nothing.
    ///
    /// # Errors
    /// [`PictureLost`] if one could not, at any time.
    pub fn check(&self) -> Result<(), PictureLost> {
        self.lost.get().map_or(Ok(()), |lost| Err(lost.clone()))
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

    /// Picture `index`, 0..=255; black if it can't be read, see [`Dataset::check`].
    ///
    /// # Shapes
    /// - returns: `[channels, height, width]`
    ///
    /// # Panics
    /// If there are not that many.
    pub fn pixels(&self, index: usize) -> Cow<'_, [u8]> {
        self.pixels.get(index).unwrap_or_else(|error| {
            self.remember(&error);
            Cow::Owned(vec![0; self.pixels.stride()])
        })
    }

    fn remember(&self, error: &io::Error) {
        let _ = self.lost.set(PictureLost { set: self.summary.name.clone(), reason: error.to_string() });
    }

    /// Writes picture `index`, mirrored left to right if `mirror` is set; black if it can't be read, see [`Dataset::check`].
    ///
    /// # Shapes
    /// - `out`: `[channels, height, width]`
    ///
    /// # Panics
    /// If there are not that many pictures, or `out` has another size.
    pub fn copy_pixels(&self, index: usize, mirror: bool, out: &mut [u8]) {
        if let Err(error) = self.pixels.copy(index, out) {
            self.remember(&error);
            out.fill(0);
        }
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
            assert_eq!(*data.pixels(i), expected);
        }
    }

    #[test]
    fn pictures_are_mirrored_row_by_row() {
        let mut builder = DatasetBuilder::new("one", 2);
        builder.push("a", Ok(vec![0, 255, 51, 102, 1, 2, 3, 4, 5, 6, 7, 8]));
        let data = builder.finish().unwrap();
        let mut out = [0; 12];
        data.copy_pixels(0, false, &mut out);
        assert_eq!(out, *data.pixels(0));
        data.copy_pixels(0, true, &mut out);
        assert_eq!(out, [255, 0, 102, 51, 2, 1, 4, 3, 6, 5, 8, 7]);
    }
}
