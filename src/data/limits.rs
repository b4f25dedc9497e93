//! How large and how small a picture may be: checked before memory is taken.

use image::Limits;

use super::DecodeError;

/// The largest picture that is decoded, in pixels: more than common cameras take.
pub const MAX_PIXELS: u64 = 100_000_000;
/// The most memory that the decoded samples of one picture may take, in bytes.
pub(super) const MAX_DECODED_BYTES: u64 = 512 << 20;
/// Fewer pixels on a side are an icon or a tracking pixel, not a picture to learn from.
const MIN_SIDE: u32 = 8;

/// The same for the decoders of the crate `image`.
pub(super) fn for_image() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    limits
}

/// Refuses pictures that are too small to learn from or too large to hold.
///
/// # Errors
/// [`DecodeError::TooSmall`] and [`DecodeError::TooManyPixels`].
pub(super) fn check_size(width: u32, height: u32, bytes_per_pixel: usize) -> Result<(), DecodeError> {
    if width.min(height) < MIN_SIDE {
        return Err(DecodeError::TooSmall { width, height, min_side: MIN_SIDE });
    }
    let pixels = u64::from(width) * u64::from(height);
    let limit = MAX_PIXELS.min(MAX_DECODED_BYTES / bytes_per_pixel as u64);
    if pixels > limit {
        return Err(DecodeError::TooManyPixels { width, height, limit_megapixels: limit / 1_000_000 });
    }
    Ok(())
}
