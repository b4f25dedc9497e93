//! From the bytes of a file to its pixels, within bounds that are checked before memory is taken.

use std::io::Cursor;

use image::error::ImageError;
use image::metadata::Orientation;
use image::{ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{DecodeError, Format, HEAD_BYTES, MAX_FILE_BYTES, Raster, jpeg};

/// The largest picture that is decoded, in pixels: past every common camera.
const MAX_PIXELS: u64 = 100_000_000;
/// The most memory that the decoded samples of one picture may take, in bytes.
const MAX_DECODED_BYTES: u64 = 512 << 20;
/// Fewer pixels on a side are an icon or a tracking pixel, not a picture to learn from.
const MIN_SIDE: u32 = 8;

/// Decodes the picture in `bytes`, the first one if there are several.
///
/// # Errors
/// Every [`DecodeError`] but `Unreadable` and `DecoderCrashed`.
pub fn decode(bytes: &[u8]) -> Result<Raster, DecodeError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(DecodeError::TooManyBytes { limit_megabytes: MAX_FILE_BYTES >> 20 });
    }
    let format = Format::of(&bytes[..bytes.len().min(HEAD_BYTES)])?;
    match format {
        Format::Jpeg => jpeg::decode(bytes),
        Format::Png => with_image(bytes, format, ImageFormat::Png),
        Format::WebP => with_image(bytes, format, ImageFormat::WebP),
        Format::Gif => with_image(bytes, format, ImageFormat::Gif),
        Format::Bmp => with_image(bytes, format, ImageFormat::Bmp),
    }
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

fn with_image(bytes: &[u8], format: Format, image_format: ImageFormat) -> Result<Raster, DecodeError> {
    let damaged = |error: ImageError| DecodeError::damaged(format, error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    check_size(width, height, color.bytes_per_pixel().into())?;
    // A strange note on orientation is no reason to lose the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(damaged)?;
    Ok(Raster {
        width: width as usize,
        height: height as usize,
        channels: color.channel_count().into(),
        bytes_per_sample: usize::from(color.bytes_per_pixel() / color.channel_count()),
        samples,
        orientation,
    })
}
