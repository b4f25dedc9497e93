//! The format of a file by its first bytes. Names and extensions are not trusted.

use serde::{Deserialize, Serialize};

use super::{DecodeError, foreign};

/// Bytes from the start of a file that [`Format::of`] needs; fewer only if the file is shorter.
pub const HEAD_BYTES: usize = 512;

/// A format of pictures that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Format {
    /// Baseline and progressive; grey, YCbCr, RGB, CMYK.
    Jpeg,
    /// All depths, palettes and alpha.
    Png,
    /// Lossy and lossless; of an animation the first frame.
    WebP,
    /// The first frame, or all of them.
    Gif,
    /// Windows bitmaps.
    Bmp,
    /// With integer samples; the first page.
    Tiff,
    /// Natively: 8, 10 and 12 bits, alpha; of a sequence the first picture.
    Avif,
}

impl Format {
    /// Recognises a file by its first [`HEAD_BYTES`] bytes.
    ///
    /// # Errors
    /// [`DecodeError::Empty`]; [`DecodeError::Unsupported`] for pictures that cannot be read; [`DecodeError::Foreign`] for other
    /// files that people often have among their pictures; [`DecodeError::NotAPicture`] for everything else.
    pub fn of(head: &[u8]) -> Result<Self, DecodeError> {
        if head.is_empty() {
            return Err(DecodeError::Empty);
        }
        let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        if at(0, b"\xff\xd8\xff") {
            Ok(Format::Jpeg)
        } else if at(0, b"\x89PNG\r\n\x1a\n") {
            Ok(Format::Png)
        } else if at(0, b"RIFF") && at(8, b"WEBP") {
            Ok(Format::WebP)
        } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
            Ok(Format::Gif)
        } else if at(0, b"BM") && BMP_HEADERS.iter().any(|size| at(14, &[*size, 0, 0, 0])) {
            Ok(Format::Bmp)
        } else if at(0, b"II*\0") || at(0, b"MM\0*") {
            Ok(Format::Tiff)
        } else if cfg!(feature = "avif") && is_avif(head) {
            Ok(Format::Avif)
        } else {
            Err(foreign::refusal(head))
        }
    }

    /// As in "a damaged PNG".
    pub fn name(self) -> &'static str {
        match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::WebP => "WebP",
            Format::Gif => "GIF",
            Format::Bmp => "BMP",
            Format::Tiff => "TIFF",
            Format::Avif => "AVIF",
        }
    }
}

/// Whether the first box names AVIF among the brands that the file is compatible with: pictures and sequences.
pub(super) fn is_avif(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<4>() else { return false };
    let length = (u32::from_be_bytes(*length) as usize).clamp(4, head.len());
    let brands = rest[..length - 4].strip_prefix(b"ftyp").unwrap_or_default().as_chunks::<4>().0;
    // The second of the four letters is the version.
    brands.iter().enumerate().any(|(at, brand)| at != 1 && matches!(brand, b"avif" | b"avis"))
}

/// Sizes of the header that follows the file header of a bitmap. Too many other files begin with "BM" alone.
const BMP_HEADERS: [u8; 7] = [12, 40, 52, 56, 64, 108, 124];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        assert_eq!(Format::of(b"\xff\xd8\xff\xe0rest"), Ok(Format::Jpeg));
        assert_eq!(Format::of(b"RIFF\x10\0\0\0WEBPVP8 "), Ok(Format::WebP));
        assert!(matches!(Format::of(b"RIFF\x10\0\0\0WAVEfmt "), Err(DecodeError::Foreign { found: "sound", .. })));
        assert_eq!(Format::of(b"BM\x36\x30\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"), Ok(Format::Bmp));
        assert!(matches!(Format::of(b"BMW and other cars"), Err(DecodeError::Foreign { found: "a text file", .. })));
        assert_eq!(Format::of(b"MM\0*\0\0\0\x08"), Ok(Format::Tiff));
        assert!(is_avif(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"));
        assert!(is_avif(b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif"));
        assert!(!is_avif(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heicavif"), "avif lies behind the box");
        assert!(!is_avif(b"\0\0\0\x18ftypheicavifmif1heic"), "avif is a version");
        assert!(!is_avif(b"avif") && !is_avif(b"\0\0\0\0ftyp") && !is_avif(b""));
        assert_eq!(Format::of(b""), Err(DecodeError::Empty));
        assert_eq!(Format::of(b"\xff"), Err(DecodeError::NotAPicture));
    }
}
