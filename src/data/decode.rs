//! From the bytes of a file to its pixels.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::error::ImageError;
use image::metadata::Orientation;
use image::{AnimationDecoder, ImageDecoder, ImageFormat, ImageReader};

#[cfg(feature = "avif")]
use super::avif;
use super::color::is_foreign;
use super::limits::{MAX_PIXELS, check_size, for_image};
use super::{DecodeError, Format, HEAD_BYTES, MAX_FILE_BYTES, Raster, jpeg};
use crate::config::Frames;

/// The most frames of one animation that are used.
const MAX_FRAMES: u64 = 1000;
/// The most pixels of one animation that are decoded, which takes a few seconds.
const MAX_ANIMATION_PIXELS: u64 = 2 * MAX_PIXELS;

/// Decodes the picture in `bytes`, or the first frame of an animation.
///
/// # Errors
/// Every [`DecodeError`] except `Unreadable`, `NoClass` and `DecoderCrashed`.
pub fn decode(bytes: &[u8]) -> Result<Raster, DecodeError> {
    let format = format(bytes)?;
    match format {
        Format::Jpeg => jpeg::decode(bytes),
        Format::Png => with_image(bytes, format, ImageFormat::Png),
        Format::WebP => with_image(bytes, format, ImageFormat::WebP),
        Format::Gif => with_image(bytes, format, ImageFormat::Gif),
        Format::Bmp => with_image(bytes, format, ImageFormat::Bmp),
        Format::Tiff => with_image(bytes, format, ImageFormat::Tiff),
        #[cfg(feature = "avif")]
        Format::Avif => avif::decode(bytes),
        #[cfg(not(feature = "avif"))]
        Format::Avif => unreachable!("no file is recognised as AVIF"),
    }
}

/// The format of a file by its content.
///
/// # Errors
/// Those of [`Format::of`], and [`DecodeError::TooManyBytes`].
pub(super) fn format(bytes: &[u8]) -> Result<Format, DecodeError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(DecodeError::TooManyBytes { limit_megabytes: MAX_FILE_BYTES >> 20 });
    }
    Format::of(&bytes[..bytes.len().min(HEAD_BYTES)])
}

/// Decodes the frames in `bytes` one after the other, so that only one is in memory.
///
/// # Errors
/// Those of [`decode`]. An animation that ends too early is damaged, even if some of its frames are whole.
pub(super) fn decode_each(bytes: &[u8], frames: Frames, mut take: impl FnMut(Raster)) -> Result<(), DecodeError> {
    if frames == Frames::First || format(bytes)? != Format::Gif {
        take(decode(bytes)?);
        return Ok(());
    }
    let damaged = |error: ImageError| DecodeError::damaged(Format::Gif.name(), error);
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    decoder.set_limits(for_image()).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, 4)?;
    // A file of a few kilobytes can claim any number of frames of any size.
    let most = (MAX_ANIMATION_PIXELS / (u64::from(width) * u64::from(height))).clamp(1, MAX_FRAMES) as usize;
    let mut is_empty = true;
    for frame in decoder.into_frames().take(most) {
        is_empty = false;
        let samples = frame.map_err(damaged)?.into_buffer().into_raw();
        take(Raster {
            width: width as usize,
            height: height as usize,
            channels: 4,
            bytes_per_sample: 1,
            samples,
            orientation: Orientation::NoTransforms,
            has_profile: false,
            divisor: 1,
        });
    }
    if is_empty { Err(DecodeError::damaged(Format::Gif.name(), "it ends before its first frame")) } else { Ok(()) }
}

/// Width and height in the header of a PNG or a BMP. On 32-bit targets their decoders refuse a large picture before
/// they tell its size, and with another reason than on 64-bit targets.
fn claimed_size(bytes: &[u8], format: Format) -> Option<(u32, u32)> {
    let at = |offset: usize| bytes.get(offset..)?.first_chunk::<4>().copied();
    match format {
        Format::Png => Some((u32::from_be_bytes(at(16)?), u32::from_be_bytes(at(20)?))),
        // In all headers but the oldest. A negative height means that the rows are stored from top to bottom.
        Format::Bmp if bytes.get(14) != Some(&12) => {
            let [width, height] = [at(18)?, at(22)?].map(i32::from_le_bytes);
            Some((width.unsigned_abs(), height.unsigned_abs()))
        }
        Format::Bmp | Format::Jpeg | Format::WebP | Format::Gif | Format::Tiff | Format::Avif => None,
    }
}

fn with_image(bytes: &[u8], format: Format, image_format: ImageFormat) -> Result<Raster, DecodeError> {
    if let Some((width, height)) = claimed_size(bytes, format)
        && u64::from(width) * u64::from(height) > MAX_PIXELS
    {
        return Err(DecodeError::TooManyPixels { width, height, limit_megapixels: MAX_PIXELS / 1_000_000 });
    }
    let damaged = |error: ImageError| match error {
        ImageError::Unsupported(_) => DecodeError::Unsupported {
            found: "a picture in an unusual encoding",
            advice: "Save it as an ordinary PNG or JPEG",
        },
        error => DecodeError::damaged(format.name(), error),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format);
    reader.limits(for_image());
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    check_size(width, height, color.bytes_per_pixel().into())?;
    let bytes_per_sample = usize::from(color.bytes_per_pixel() / color.channel_count());
    if bytes_per_sample > 2 {
        let (found, advice) = ("a picture with floating-point samples", "Save it with 8 or 16 bits per channel");
        return Err(DecodeError::Unsupported { found, advice });
    }
    // A picture with an invalid orientation is used as it is stored.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let has_profile = decoder.icc_profile().is_ok_and(|profile| profile.is_some_and(|profile| is_foreign(&profile)));
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(damaged)?;
    Ok(Raster {
        width: width as usize,
        height: height as usize,
        channels: color.channel_count().into(),
        bytes_per_sample,
        samples,
        orientation,
        has_profile,
        divisor: 1,
    })
}
