//! Pictures that are too large to be decoded whole: each block of 8 x 8 pixels becomes 4 x 4, 2 x 2 or one.
//!
//! By `jpeg-decoder`, because `zune-jpeg` knows no other size than the full one; without its SIMD, for the same pixels
//! everywhere.

use jpeg_decoder::{Decoder, PixelFormat};

use super::super::limits::{MAX_DECODED_BYTES, MAX_PIXELS};
use super::markers::Markers;
use crate::data::{DecodeError, Format};

/// The largest picture that is decoded at a reduced size, in pixels: twice what phones take.
const MAX_REDUCIBLE_PIXELS: u64 = 400_000_000;

/// The most pixels of the result, so that the page has room for it.
const MAX_REDUCED_PIXELS: u64 = 25_000_000;

/// Ways to divide the sides.
const DIVISORS: [u64; 3] = [2, 4, 8];

/// Bytes of a coefficient in memory. Those of a progressive picture are all held until the last pass.
const COEFFICIENT_BYTES: u64 = 2;

/// A picture at a reduced size.
pub struct Reduced {
    pub width: usize,
    pub height: usize,
    /// 1 grey, 3 RGB.
    pub channels: usize,
    /// `[height, width, channels]`
    pub samples: Vec<u8>,
    /// How many times the sides were longer.
    pub divisor: usize,
}

/// Whether a picture of that size is decoded like this.
pub fn is_reduced(width: usize, height: usize) -> bool {
    (MAX_PIXELS + 1..=MAX_REDUCIBLE_PIXELS).contains(&(width as u64 * height as u64))
}

/// Decodes a picture of `width` x `height` pixels.
///
/// # Errors
/// [`DecodeError::Damaged`]; [`DecodeError::TooManyPixels`] if it would take too much memory all the same, as progressive
/// ones may, and [`DecodeError::Unsupported`] for colours of print.
pub fn decode(bytes: &[u8], markers: &Markers, width: usize, height: usize) -> Result<Reduced, DecodeError> {
    let pixels = width as u64 * height as u64;
    let (blocks, [unit_width, unit_height]) = markers.unit;
    if markers.is_progressive {
        let units = width.div_ceil(unit_width.max(1)) as u64 * height.div_ceil(unit_height.max(1)) as u64;
        let coefficients = units * blocks as u64 * 64;
        if coefficients * COEFFICIENT_BYTES > 2 * MAX_DECODED_BYTES {
            let (width, height) = (width as u32, height as u32);
            return Err(DecodeError::TooManyPixels { width, height, limit_megapixels: MAX_PIXELS / 1_000_000 });
        }
    }
    let fits = |divisor: &u64| pixels / (divisor * divisor) <= MAX_REDUCED_PIXELS;
    let divisor = DIVISORS.into_iter().find(fits).unwrap_or(8) as usize;
    let damaged = |error: jpeg_decoder::Error| DecodeError::damaged(Format::Jpeg.name(), error);
    let mut decoder = Decoder::new(bytes);
    // At most 65,535 each.
    let wanted = [width, height].map(|side| side.div_ceil(divisor) as u16);
    let (width, height) = decoder.scale(wanted[0], wanted[1]).map_err(damaged)?;
    let samples = decoder.decode().map_err(damaged)?;
    let channels = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => 1,
        Some(PixelFormat::RGB24) => 3,
        _ => {
            let found = "a very large picture in colours of print";
            return Err(DecodeError::Unsupported { found, advice: "Save it smaller, or in RGB" });
        }
    };
    Ok(Reduced { width: width.into(), height: height.into(), channels, samples, divisor })
}

#[cfg(test)]
mod tests {
    use crate::data::{AnnotationError, Cut, Target, prepare_cropped};

    /// Bits of Huffman codes, filled up with ones.
    #[derive(Default)]
    struct Bits(Vec<u8>, usize);

    impl Bits {
        fn push(&mut self, bits: &str) {
            for bit in bits.bytes() {
                if self.1 == 0 {
                    self.0.push(0xff);
                }
                let last = self.0.last_mut().expect("one was pushed");
                *last &= !(u8::from(bit == b'0') << (7 - self.1));
                self.1 = (self.1 + 1) % 8;
                if self.1 == 0 && self.0.last() == Some(&0xff) {
                    self.0.push(0);
                }
            }
        }
    }

    /// A grey picture whose left half has the level 228 and whose right half has 28; sides are multiples of 16.
    fn halves(width: u16, height: u16) -> Vec<u8> {
        let mut file = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
        file.extend([8; 64]);
        file.extend(b"\xff\xc0\0\x0b\x08");
        file.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
        // One component. Its differences have 0 bits (code 0), 7 (10) or 8 (110); all else is zero (code 0).
        file.extend(b"\x01\x01\x11\0\xff\xc4\0\x16\0\x01\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\x08");
        file.extend(b"\xff\xc4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xda\0\x08\x01\x01\0\0\x3f\0");
        let (blocks, mut bits) = (width / 8, Bits::default());
        for row in 0..height / 8 {
            for block in 0..blocks {
                // A step of 1 is a level, as 8 quantised of an eighth each.
                bits.push(match (row, block) {
                    (0, 0) => "1011001000",
                    (_, 0) => "110110010000",
                    (_, block) if block == blocks / 2 => "110001101110",
                    _ => "00",
                });
            }
        }
        file.extend(bits.0);
        file.extend(b"\xff\xd9");
        file
    }

    #[test]
    fn a_very_large_picture_is_read_at_a_reduced_size_and_knows_its_own() {
        let file = halves(12_000, 9_008);
        let raster = crate::data::decode(&file).unwrap();
        assert_eq!((raster.width, raster.height, raster.channels, raster.divisor), (3000, 2252, 1, 4));
        let levels = [0, 1499, 1500, 2999].map(|column| raster.samples[3000 * 1126 + column]);
        assert_eq!(levels, [228, 228, 28, 28]);
        let cut = Cut::plain(Target::rgb(32));
        let prepared = prepare_cropped(&file, Err(AnnotationError::Missing), &cut).unwrap();
        assert_eq!((prepared.facts.width, prepared.facts.height, prepared.facts.side), (12_000, 9_008, 9_008));
    }
}
