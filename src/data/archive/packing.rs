//! How a whole tar is packed, and its unpacking from the beginning: by libraries in pure Rust, so that the page has it too.

use std::io::{self, Read, Seek, SeekFrom};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// The most memory that unpacking xz may take, in kilobytes: its strongest preset takes 65 MB. Zstandard's limit is its
/// library's, 128 MB.
const MAX_XZ_KILOBYTES: u32 = 256 << 10;

/// A way to pack a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// `.tar.gz`
    Gzip,
    /// `.tar.xz`
    Xz,
    /// `.tar.bz2`
    Bzip2,
    /// `.tar.zst`
    Zstd,
}

impl Packing {
    /// By the first bytes.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Some(Self::Bzip2),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Reads a packed stream from its beginning.
pub enum Unpacked<R: Read + Seek> {
    Gzip(Box<MultiGzDecoder<R>>),
    Xz(Box<XzReader<R>>),
    Bzip2(Box<MultiBzDecoder<R>>),
    /// One frame after another. None when there are no more.
    Zstd(Option<Box<StreamingDecoder<R, FrameDecoder>>>, Option<R>),
}

impl<R: Read + Seek> Unpacked<R> {
    pub fn new(packing: Packing, reader: R) -> io::Result<Self> {
        Ok(match packing {
            Packing::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(reader))),
            Packing::Xz => Self::Xz(Box::new(XzReader::new_mem_limit(reader, true, MAX_XZ_KILOBYTES))),
            Packing::Bzip2 => Self::Bzip2(Box::new(MultiBzDecoder::new(reader))),
            Packing::Zstd => next_frame(reader)?,
        })
    }

    /// The packed stream, wherever it is; none if it is lost.
    pub fn into_inner(self) -> Option<R> {
        match self {
            Self::Gzip(decoder) => Some(decoder.into_inner()),
            Self::Xz(decoder) => Some(decoder.into_inner()),
            Self::Bzip2(decoder) => Some(decoder.into_inner()),
            Self::Zstd(decoder, rest) => decoder.map(|decoder| decoder.into_inner()).or(rest),
        }
    }
}

/// Opens the next frame of a Zstandard stream. Source: RFC 8878, section 3.1.
fn next_frame<R: Read + Seek>(mut reader: R) -> io::Result<Unpacked<R>> {
    loop {
        let mut head = Vec::new();
        reader.by_ref().take(8).read_to_end(&mut head)?;
        match head[..] {
            [] => return Ok(Unpacked::Zstd(None, Some(reader))),
            // What parallel packers note between the frames.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d] => {
                reader.seek(SeekFrom::Current(u32::from_le_bytes([a, b, c, d]).into()))?;
            }
            _ => {
                reader.seek(SeekFrom::Current(-(head.len() as i64)))?;
                let frame = StreamingDecoder::new(reader).map_err(io::Error::other)?;
                return Ok(Unpacked::Zstd(Some(Box::new(frame)), None));
            }
        }
    }
}

impl<R: Read + Seek> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let frame = match self {
                Self::Gzip(decoder) => return decoder.read(out),
                Self::Xz(decoder) => return decoder.read(out),
                Self::Bzip2(decoder) => return decoder.read(out),
                Self::Zstd(frame, _) => frame,
            };
            let Some(decoder) = frame else { return Ok(0) };
            let count = decoder.read(out)?;
            if count > 0 || out.is_empty() {
                return Ok(count);
            }
            if let Some(ended) = frame.take() {
                *self = next_frame(ended.into_inner())?;
            }
        }
    }
}
