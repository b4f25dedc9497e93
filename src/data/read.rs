//! Reads the bytes of one file, up to a limit; only the first bytes if it is no picture.

use std::io::{self, Read};

use super::{DecodeError, Format, HEAD_BYTES, is_left_to_browsers};

/// The largest file that is read as a picture, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// Reads a whole picture file, of about `size_hint` bytes.
///
/// Of a film, or of an archive entry that unpacks to gigabytes of zeros, only the first bytes are read.
///
/// # Errors
/// Those of [`Format::of`], [`DecodeError::TooManyBytes`], and [`DecodeError::Unreadable`] when the reader fails.
pub fn read_picture(mut reader: impl Read, size_hint: u64) -> Result<Vec<u8>, DecodeError> {
    let unreadable = |error: io::Error| DecodeError::Unreadable { reason: error.to_string() };
    // The hint may come from a header that lies, so it only saves a few reallocations.
    let mut bytes = Vec::with_capacity(size_hint.min(1 << 20) as usize);
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    // The browser may know what to do with some that are refused here: see `is_left_to_browsers`.
    if !is_left_to_browsers(&bytes) {
        Format::of(&bytes)?;
    }
    let rest = MAX_FILE_BYTES + 1 - bytes.len() as u64;
    reader.take(rest).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(DecodeError::TooManyBytes { limit_megabytes: MAX_FILE_BYTES >> 20 });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Endless zeros behind a few bytes; panics when read past `allowed`.
    struct Endless {
        head: &'static [u8],
        allowed: usize,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let known = self.head.len().min(buffer.len());
            buffer.fill(0);
            buffer[..known].copy_from_slice(&self.head[..known]);
            self.head = &self.head[known..];
            self.allowed = self.allowed.checked_sub(buffer.len()).expect("no more is read than needed");
            Ok(buffer.len())
        }
    }

    #[test]
    fn what_is_no_picture_is_not_read_to_its_end() {
        let film = Endless { head: b"\0\0\0\x18ftypisom", allowed: 2 * HEAD_BYTES };
        assert_eq!(
            read_picture(film, u64::MAX),
            Err(DecodeError::Foreign { found: "a video", advice: "Leave it out" })
        );
    }

    #[test]
    fn a_picture_is_read_whole() {
        let file: Vec<u8> = b"GIF89a".iter().copied().chain(0..200).collect();
        assert_eq!(read_picture(&file[..], 0), Ok(file.clone()));
        assert_eq!(read_picture(&file[..0], 0), Err(DecodeError::Empty));
    }
}
