//! The file format of a prepared data set, so that it need not be prepared again.
//!
//! ```text
//! "whelp pictures 1"   16 bytes
//! length of the header  8 bytes, little endian
//! header               JSON: for which source, summary, report
//! pixels               count x channels x height x width bytes
//! labels               count x 4 bytes, little endian; nothing without classes
//! XXH3-128             16 bytes, of all before it
//! ```
//! It is a cache: if anything is wrong with it, the pictures are prepared again.

use std::io::{self, BufReader, Read, Write};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::doctor::Report;
use super::pixels::Pixels;
use super::{DataSummary, Dataset, Preparation};
use crate::config::Resolution;
use crate::storage::RandomAccess;

const MAGIC: &[u8; 16] = b"whelp pictures 1";

/// To be raised when the same files give other pixels or another report.
const PREPARATION_VERSION: u32 = 5;

/// The longest header that is read, in bytes.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Bytes of a hash.
const HASH_BYTES: u64 = 16;

#[derive(Serialize, Deserialize)]
struct Header {
    key: String,
    summary: DataSummary,
    report: Report,
}

/// Why stored pictures cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Reading it failed.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is of another version or for other pictures, or it is damaged.
    #[error("{0}")]
    Unusable(&'static str),
}

/// Identifies a source and its preparation, by the names, sizes and times of the files.
pub struct SourceKey(Xxh3);

impl SourceKey {
    /// For the source called `name`, prepared as `preparation` says.
    pub fn new(name: &str, preparation: Preparation) -> Self {
        let mut hash = Xxh3::new();
        hash.update(format!("{PREPARATION_VERSION} {preparation:?} {name}\0").as_bytes());
        Self(hash)
    }

    /// Adds a file of `bytes` bytes, last changed at `changed`, in any unit that is always the same. The order counts.
    pub fn file(&mut self, name: &str, bytes: u64, changed: u128) {
        self.0.update(format!("{name}\0{bytes} {changed}\0").as_bytes());
    }

    /// The key: 32 hexadecimal digits.
    pub fn finish(self) -> String {
        format!("{:032x}", self.0.digest128())
    }
}

/// Hashes all bytes that are read or written through it.
struct Hashing<T> {
    inner: T,
    hash: Xxh3,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.hash.update(&out[..count]);
        Ok(count)
    }
}

/// Writes the data set that was prepared for `key`.
///
/// # Errors
/// Those of `out`.
pub fn write_stored(data: &Dataset, key: &str, out: impl Write) -> io::Result<()> {
    let header = Header { key: key.to_owned(), summary: data.summary().clone(), report: data.report().clone() };
    let header = serde_json::to_vec(&header)?;
    let mut out = Hashing { inner: out, hash: Xxh3::new() };
    out.write_all(MAGIC)?;
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    data.each_piece(|piece| out.write_all(piece))?;
    for label in data.labels() {
        out.write_all(&label.to_le_bytes())?;
    }
    let hash = out.hash.digest128();
    out.inner.write_all(&hash.to_le_bytes())?;
    out.flush()
}

/// Bytes that are read at once: in a browser every access costs a call.
const BUFFER_BYTES: usize = 1 << 20;

/// The bytes of a file from its beginning on.
struct FromTheStart<'a> {
    file: &'a dyn RandomAccess,
    at: u64,
    length: u64,
}

impl Read for FromTheStart<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(usize::try_from(self.length - self.at).unwrap_or(usize::MAX));
        self.file.read_at(self.at, &mut out[..count])?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reads what [`write_stored`] wrote for `key`. `file` has `length` bytes. If its pixels are more than `most_in_memory` bytes, they
/// stay in it, and it is read whenever one of them is needed.
///
/// # Errors
/// [`StoredError`]. Memory is taken only for bytes that are there.
pub fn read_stored(
    key: &str,
    file: Box<dyn RandomAccess>,
    length: u64,
    most_in_memory: u64,
) -> Result<Dataset, StoredError> {
    let input = BufReader::with_capacity(BUFFER_BYTES, FromTheStart { file: &*file, at: 0, length });
    let mut input = Hashing { inner: input, hash: Xxh3::new() };
    let mut magic = [0; MAGIC.len()];
    input.read_exact(&mut magic)?;
    if &magic != MAGIC {
        return Err(StoredError::Unusable("it is of another version"));
    }
    let mut header_bytes = [0; 8];
    input.read_exact(&mut header_bytes)?;
    let header_bytes = u64::from_le_bytes(header_bytes);
    if header_bytes > MAX_HEADER_BYTES.min(length) {
        return Err(StoredError::Unusable("its header is too long"));
    }
    let mut header = vec![0; header_bytes as usize];
    input.read_exact(&mut header)?;
    let Header { key: found, summary, report } =
        serde_json::from_slice(&header).map_err(|_| StoredError::Unusable("its header is damaged"))?;
    if found != key {
        return Err(StoredError::Unusable("it is for other pictures"));
    }
    let stride = stride(&summary).ok_or(StoredError::Unusable("its header is invalid"))?;
    let label_bytes = if summary.classes.is_empty() { 0 } else { 4 };
    let content = (summary.count as u64).checked_mul(stride + label_bytes);
    let expected = content.and_then(|bytes| bytes.checked_add(MAGIC.len() as u64 + 8 + header_bytes + HASH_BYTES));
    if expected != Some(length) || summary.count == 0 {
        return Err(StoredError::Unusable("it is cut short"));
    }
    let first = MAGIC.len() as u64 + 8 + header_bytes;
    let bytes = summary.count as u64 * stride;
    let in_memory = match bytes <= most_in_memory {
        true => Some(Pixels::read(&mut input, stride as usize, summary.count)?),
        false => {
            // Read for the hash alone.
            io::copy(&mut (&mut input).take(bytes), &mut io::sink())?;
            None
        }
    };
    let mut labels = Vec::new();
    if label_bytes > 0 {
        let mut bytes = vec![0; summary.count * 4];
        input.read_exact(&mut bytes)?;
        labels.extend(bytes.as_chunks::<4>().0.iter().map(|label| u32::from_le_bytes(*label)));
    }
    let hash = input.hash.digest128();
    let mut told = [0; HASH_BYTES as usize];
    input.inner.read_exact(&mut told)?;
    if u128::from_le_bytes(told) != hash {
        return Err(StoredError::Unusable("its content has changed"));
    }
    if labels.iter().any(|label| *label as usize >= summary.classes.len()) {
        return Err(StoredError::Unusable("its labels are invalid"));
    }
    let pixels = in_memory.unwrap_or_else(|| Pixels::in_file(file, first, stride as usize, summary.count));
    Ok(Dataset::new(pixels, labels, summary, report))
}

/// Bytes of a picture; none if the size is invalid.
fn stride(summary: &DataSummary) -> Option<u64> {
    let Resolution { width, height } = summary.resolution;
    let are_sides = [width, height].iter().all(|side| (1..=1 << 14).contains(side));
    (are_sides && matches!(summary.channels, 1 | 3)).then_some(summary.channels as u64 * width as u64 * height as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{DatasetBuilder, DecodeError};
    use crate::storage::memory::MemoryFile;

    fn data() -> Dataset {
        let mut builder = DatasetBuilder::new("numbers", 2).classes(vec!["low".to_owned(), "high".to_owned()]);
        for i in 0..300u32 {
            builder.push_labelled(&format!("{i}"), Some(i / 150), Ok(vec![(i % 251) as u8; 12]));
        }
        builder.push_labelled("broken.jpg", Some(0), Err(DecodeError::Empty));
        builder.finish().unwrap()
    }

    fn stored() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_stored(&data(), "key", &mut bytes).unwrap();
        bytes
    }

    fn read(key: &str, bytes: &[u8]) -> Result<Dataset, StoredError> {
        read_with(key, bytes, u64::MAX)
    }

    fn read_with(key: &str, bytes: &[u8], most_in_memory: u64) -> Result<Dataset, StoredError> {
        let file = Arc::new(MemoryFile { bytes: bytes.to_vec().into(), room: None });
        read_stored(key, Box::new(file), bytes.len() as u64, most_in_memory)
    }

    #[test]
    fn it_comes_back_as_it_was() {
        let (before, after) = (data(), read("key", &stored()).unwrap());
        assert_eq!((after.summary(), after.report()), (before.summary(), before.report()));
        for index in 0..before.len() {
            assert_eq!((after.pixels(index), after.label(index)), (before.pixels(index), before.label(index)));
        }
    }

    #[test]
    fn what_memory_does_not_hold_stays_in_the_file() {
        let (before, bytes) = (data(), stored());
        assert!(read_with("key", &bytes, 300 * 12).unwrap().is_in_memory());
        let after = read_with("key", &bytes, 300 * 12 - 1).unwrap();
        assert!(!after.is_in_memory());
        for index in [0, 1, 255, 256, 299] {
            assert_eq!((after.pixels(index), after.label(index)), (before.pixels(index), before.label(index)));
        }
        let mut again = Vec::new();
        write_stored(&after, "key", &mut again).unwrap();
        assert!(again == bytes, "written again it is the same");
        assert_eq!(after.check(), Ok(()));
    }

    #[test]
    fn nothing_else_is_taken_for_it() {
        let whole = stored();
        assert!(read("another key", &whole).is_err());
        for most_in_memory in [0, u64::MAX] {
            for cut in 0..whole.len() {
                assert!(read_with("key", &whole[..cut], most_in_memory).is_err(), "cut to {cut} bytes");
            }
            for at in (0..whole.len()).step_by(7) {
                let mut changed = whole.clone();
                changed[at] ^= 1;
                assert!(read_with("key", &changed, most_in_memory).is_err(), "byte {at} changed");
            }
        }
    }

    #[test]
    fn keys_know_files_and_what_is_asked() {
        let key = |preparation, bytes| {
            let mut key = SourceKey::new("pets", preparation);
            key.file("a.png", bytes, 5);
            key.finish()
        };
        let plain = Preparation::plain(32);
        assert_eq!(key(plain, 1), key(plain, 1));
        assert_ne!(key(plain, 1), key(plain, 2));
        assert_ne!(key(plain, 1), key(Preparation { exclude_flagged: true, ..plain }, 1));
    }
}
