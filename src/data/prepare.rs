//! One file's bytes to one picture of a data set.

use super::{DecodeError, Filter, Raster, Resizer, decode};

/// Decodes, turns upright, crops to the square at the centre and resizes with Lanczos-3.
///
/// The same bytes give the same pixels in the page and on every machine.
///
/// # Shapes
/// - `bytes`: a whole file
/// - returns: `[3, resolution, resolution]`, 0..=255
///
/// # Errors
/// Those of [`decode`].
pub fn prepare(bytes: &[u8], resolution: usize) -> Result<Vec<u8>, DecodeError> {
    Ok(planes(&resize_square(&decode(bytes)?, resolution, Filter::Lanczos)))
}

/// The square at the centre of the upright picture, resized.
///
/// # Shapes
/// - returns: `[resolution, resolution, 3]`, interleaved
pub fn resize_square(raster: &Raster, resolution: usize, filter: Filter) -> Vec<u8> {
    Resizer::new(raster.side(), resolution, filter).resize::<3>(&raster.center_square())
}

/// `[height, width, 3]` to `[3, height, width]`.
pub(super) fn planes(interleaved: &[u8]) -> Vec<u8> {
    (0..3).flat_map(|channel| interleaved.iter().skip(channel).step_by(3).copied()).collect()
}
