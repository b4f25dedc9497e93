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
            if is_raw(head) {
                return Err(DecodeError::Unsupported {
                    found: "a raw photo",
                    advice: "Export it from your photo program as JPEG",
                });
            }
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

/// Whether a TIFF is the raw photo of a camera, of which a decoder of TIFF would find the thumbnail alone: its first directory says
/// that its picture is a smaller version of another one (TIFF 6.0, NewSubfileType, bit 0), or it has a tag of DNG.
fn is_raw(head: &[u8]) -> bool {
    const NEW_SUBFILE_TYPE: u16 = 254;
    const DNG_VERSION: u16 = 50706;
    const CR2: &[u8] = b"CR";
    let is_little = head.starts_with(b"II");
    let short = |at: usize| {
        let bytes = *head.get(at..)?.first_chunk::<2>()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = *head.get(at..)?.first_chunk::<4>()?;
        Some(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let tags = || {
        let start = long(4)? as usize;
        let count = usize::from(short(start)?);
        let entry = |index: usize| Some((short(start + 2 + 12 * index)?, long(start + 2 + 12 * index + 8)?));
        Some((0..count).map_while(entry).collect::<Vec<_>>())
    };
    let says_raw = |(tag, value): &(u16, u32)| *tag == DNG_VERSION || *tag == NEW_SUBFILE_TYPE && value & 1 == 1;
    head.get(8..10) == Some(CR2) || tags().unwrap_or_default().iter().any(says_raw)
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
    fn raw_photos_are_told_from_their_thumbnails() {
        let tiff = |entries: &[(u16, u32)]| {
            let mut bytes = b"II*\0\x08\0\0\0".to_vec();
            bytes.extend((entries.len() as u16).to_le_bytes());
            for (tag, value) in entries {
                bytes.extend(tag.to_le_bytes());
                bytes.extend([4, 0, 1, 0, 0, 0]);
                bytes.extend(value.to_le_bytes());
            }
            bytes
        };
        assert_eq!(Format::of(&tiff(&[(254, 0), (256, 640)])), Ok(Format::Tiff));
        for raw in
            [tiff(&[(254, 1), (256, 160)]), tiff(&[(256, 640), (50706, 0x0401)]), b"II*\0\x10\0\0\0CR\x02\0".to_vec()]
        {
            assert!(matches!(Format::of(&raw), Err(DecodeError::Unsupported { found: "a raw photo", .. })));
        }
        assert_eq!(Format::of(b"II*\0\xff\xff\xff\x7f"), Ok(Format::Tiff), "its directory lies elsewhere");
    }

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
