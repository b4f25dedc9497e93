//! From dropped files to a data set, a file at a time, so that requests are answered in between.

use std::io::{self, Read, Seek, SeekFrom};

use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, FileReaderSync, Response};
use whelp::data::{self, Archive, Dataset, DatasetBuilder, DecodeError, is_ignorable, prepare};
use whelp::platform::{Instant, yield_now};
use whelp_web::messages::DataSource;

use super::port::scope;

/// Longest time without looking at requests, in milliseconds.
const SLICE_MS: u128 = 30;

/// How far the reading is, and whether to go on.
pub trait Watch {
    fn progress(&self, done: usize, total: usize, skipped: usize);
    fn is_cancelled(&self) -> bool;
}

/// Prepares pictures; `None` if it was cancelled.
///
/// # Errors
/// A sentence for the page.
pub async fn load(
    source: DataSource,
    files: Vec<(String, File)>,
    resolution: usize,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    match source {
        DataSource::BuiltinDogs => {
            let png = fetch("dogs32.png").await?;
            data::dogs(&png, resolution).map(Some).map_err(|error| error.to_string())
        }
        DataSource::Files { name } => load_files(&name, files, resolution, watch).await,
    }
}

async fn load_files(
    name: &str,
    mut files: Vec<(String, File)>,
    resolution: usize,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    files.retain(|(path, _)| !is_ignorable(path));
    // The order a computer's folder is read in, whatever order the browser lists it in.
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut reading = Reading {
        builder: DatasetBuilder::new(name, resolution),
        resolution,
        done: 0,
        total: files.len(),
        rested: Instant::now(),
        told: Instant::now(),
        watch,
    };
    watch.progress(0, reading.total, 0);
    for (path, file) in files {
        if is_zip(&file).await {
            let archive = Archive::open(&path, BlobReader::new(&file)?).map_err(|error| error.to_string())?;
            reading.total += archive.remaining().saturating_sub(1);
            for entry in archive {
                let entry = entry.map_err(|error| error.to_string())?;
                if !reading.take(&entry.name, entry.bytes).await {
                    return Ok(None);
                }
            }
        } else if !reading.take(&path, read(&file).await).await {
            return Ok(None);
        }
    }
    reading.builder.finish().map(Some).map_err(|error| error.to_string())
}

struct Reading<'a, W> {
    builder: DatasetBuilder,
    resolution: usize,
    done: usize,
    total: usize,
    rested: Instant,
    told: Instant,
    watch: &'a W,
}

impl<W: Watch> Reading<'_, W> {
    /// Adds one file; false if the reading is cancelled.
    async fn take(&mut self, name: &str, bytes: Result<Vec<u8>, DecodeError>) -> bool {
        self.builder.push(name, bytes.and_then(|bytes| prepare(&bytes, self.resolution)));
        self.done += 1;
        if self.rested.elapsed().as_millis() > SLICE_MS {
            yield_now().await;
            self.rested = Instant::now();
        }
        // Four times a second is all that anyone reads.
        if self.told.elapsed().as_millis() > 250 {
            self.watch.progress(self.done, self.total, self.builder.skipped_count());
            self.told = Instant::now();
        }
        !self.watch.is_cancelled()
    }
}

/// By content: `PK` and either an entry or the end of an empty archive.
async fn is_zip(file: &File) -> bool {
    let Ok(head) = file.slice_with_f64_and_f64(0.0, 4.0) else { return false };
    matches!(blob_bytes(&head).await.as_deref(), Ok([b'P', b'K', 3 | 5, 4 | 6]))
}

async fn read(file: &File) -> Result<Vec<u8>, DecodeError> {
    if file.size() > data::MAX_FILE_BYTES as f64 {
        return Err(DecodeError::TooManyBytes { limit_megabytes: data::MAX_FILE_BYTES >> 20 });
    }
    blob_bytes(file).await.map_err(|reason| DecodeError::Unreadable { reason })
}

async fn blob_bytes(blob: &Blob) -> Result<Vec<u8>, String> {
    let buffer = JsFuture::from(blob.array_buffer()).await.map_err(|error| {
        let reason = error.dyn_into::<js_sys::Error>().map_or_else(|_| "unknown".to_owned(), |e| e.message().into());
        format!("the browser could not read it: {reason}")
    })?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

async fn fetch(path: &str) -> Result<Vec<u8>, String> {
    let failed = |reason: String| {
        format!("The built-in dogs could not be loaded ({reason}). Reload the page, or drop pictures of your own.")
    };
    let response = JsFuture::from(scope().fetch_with_str(path)).await.map_err(|_| failed("no answer".into()))?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(failed(format!("status {}", response.status())));
    }
    let buffer = response.array_buffer().map_err(|_| failed("no content".into()))?;
    let buffer = JsFuture::from(buffer).await.map_err(|_| failed("cut off".into()))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// Reads a file piece by piece, so that an archive of gigabytes never lies in memory.
struct BlobReader {
    blob: Blob,
    reader: FileReaderSync,
    size: u64,
    position: u64,
    /// The piece read last and where it begins.
    piece: (u64, Vec<u8>),
}

/// Large enough that a picture is mostly one piece.
const PIECE_BYTES: u64 = 256 << 10;

impl BlobReader {
    fn new(file: &File) -> Result<Self, String> {
        let reader = FileReaderSync::new().map_err(|_| "this browser cannot read archives in a worker".to_owned())?;
        let size = file.size() as u64;
        Ok(Self { blob: file.clone().into(), reader, size, position: 0, piece: (0, Vec::new()) })
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (start, piece) = &self.piece;
        if !(*start..*start + piece.len() as u64).contains(&self.position) {
            let end = (self.position + PIECE_BYTES).min(self.size);
            let failed = |_| io::Error::other("the browser could not read it");
            let slice = self.blob.slice_with_f64_and_f64(self.position as f64, end as f64).map_err(failed)?;
            let buffer = self.reader.read_as_array_buffer(&slice).map_err(failed)?;
            self.piece = (self.position, Uint8Array::new(&buffer).to_vec());
        }
        let (start, piece) = &self.piece;
        let rest = &piece[((self.position - start) as usize).min(piece.len())..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::other("before the beginning"))?;
        Ok(self.position)
    }
}
