//! One entry of a zip as a reader that owns the archive, to be read over many steps.
//!
//! The crate `zip` only lends its readers, and nothing can hold both an archive and what it lent.

use std::io::{self, Read, Seek, SeekFrom};

use deflate64::Deflate64Decoder;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

/// Reads entry `index` of `zip`.
///
/// # Errors
/// A reason in words: the entry is encrypted, is compressed in an unusual way, or cannot be reached.
pub fn into_entry<R: Read + Seek + 'static>(mut zip: ZipArchive<R>, index: usize) -> Result<Box<dyn Read>, String> {
    let entry = zip.by_index(index).map_err(|error| error.to_string())?;
    let (start, packed_bytes, checksum) = (entry.data_start(), entry.compressed_size(), entry.crc32());
    let method = entry.compression();
    drop(entry);
    let mut reader = zip.into_inner();
    reader.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    let packed = reader.take(packed_bytes);
    let inner: Box<dyn Read> = match method {
        CompressionMethod::Stored => Box::new(packed),
        CompressionMethod::Deflate64 => Box::new(Deflate64Decoder::new(packed)),
        // `by_index` refuses every other method.
        _ => Box::new(DeflateDecoder::new(packed)),
    };
    Ok(Box::new(Checked { inner, crc: Crc::new(), checksum }))
}

/// Compares the checksum at the end.
struct Checked<R> {
    inner: R,
    crc: Crc,
    checksum: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        if count == 0 && !out.is_empty() && self.crc.sum() != self.checksum {
            // In the words of the crate `zip`.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "Invalid checksum"));
        }
        self.crc.update(&out[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn read(archive: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut reader = into_entry(ZipArchive::new(Cursor::new(archive)).unwrap(), 1)?;
        reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// Short repeats are stored alike by both methods, so only the method's number changes.
    fn as_deflate64(archive: &mut [u8]) {
        for (header, method) in [(&b"PK\x03\x04"[..], 8), (b"PK\x01\x02", 10)] {
            for at in 0..archive.len() - method {
                if archive[at..].starts_with(header) {
                    assert_eq!(archive[at + method], 8, "deflated");
                    archive[at + method] = 9;
                }
            }
        }
    }

    #[test]
    fn an_entry_is_read_whole_and_a_changed_byte_is_found() {
        let content: Vec<u8> =
            (0..50_000u32).map(|i| (i.wrapping_mul(i).wrapping_mul(2_654_435_761) >> 13) as u8 % 7).collect();
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated, CompressionMethod::Deflate64] {
            let written = match method {
                CompressionMethod::Deflate64 => CompressionMethod::Deflated,
                other => other,
            };
            let options = SimpleFileOptions::default().compression_method(written);
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            for (name, content) in [("a", &b"another entry"[..]), ("b", &content), ("c", b"")] {
                writer.start_file(name, options).unwrap();
                writer.write_all(content).unwrap();
            }
            let mut archive = writer.finish().unwrap().into_inner();
            if method == CompressionMethod::Deflate64 {
                as_deflate64(&mut archive);
            }
            assert!(read(archive.clone()) == Ok(content.clone()), "{method}");
            archive[200] ^= 1;
            let reason = read(archive).unwrap_err();
            if method == CompressionMethod::Stored {
                assert_eq!(reason, "Invalid checksum");
            }
        }
    }
}
