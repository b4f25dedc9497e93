//! From dropped files to a data set, a file at a time, so that requests are answered in between.

use std::io::{self, Read, Seek, SeekFrom};

use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, FileReaderSync, Response};
use whelp::data::{
    self, AnnotationError, Archive, DataError, Dataset, DatasetBuilder, DecodeError, IDX_HEAD_BYTES, IdxKind,
    IdxReader, Layout, Plan, Preparation, idx_candidates, is_ignorable, prepare_cropped, read_idx_labels,
};
use whelp::platform::{Instant, yield_now};
use whelp_messages::DataSource;

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
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    match source {
        DataSource::BuiltinDogs => {
            let png = fetch("dogs32.png").await.map_err(|reason| {
                format!(
                    "The built-in dogs could not be loaded ({reason}). Reload the page, or drop pictures of your own."
                )
            })?;
            data::dogs(&png, preparation).map(Some).map_err(sentence)
        }
        DataSource::Files { name } => load_files(&name, files, preparation, watch).await,
    }
}

fn sentence(error: DataError) -> String {
    error.to_string()
}

async fn load_files(
    source: &str,
    mut files: Vec<(String, File)>,
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    files.retain(|(path, _)| !is_ignorable(path));
    // The order a computer's folder is read in, whatever order the browser lists it in.
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let [(path, file)] = &files[..]
        && is_zip(file).await
    {
        let archive = Archive::open(path, BlobReader::new(file)?).map_err(sentence)?;
        return load_archive(source, archive, preparation, watch).await;
    }
    let names: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let mut idx = Vec::new();
    for index in idx_candidates(&names) {
        idx.extend(idx_kind(&files[index].1).await.map(|kind| (index, kind)));
    }
    let plan = Plan::new(source, &names, &idx, preparation).map_err(sentence)?;
    if let Layout::Idx { pictures, labels } = plan.layout {
        let reader = |index: usize| Ok::<_, String>((names[index].as_str(), BlobReader::new(&files[index].1)?));
        let labels = labels.map(reader).transpose()?;
        let read = |(name, reader)| Ok::<_, String>((name, read_idx_labels(name, reader).map_err(sentence)?));
        let labels = labels.map(read).transpose()?;
        return read_idx(IdxReader::open(&plan, source, reader(pictures)?, labels).map_err(sentence)?, watch).await;
    }
    let mut reading = Reading::new(&plan, source, watch);
    for entry in &plan.entries {
        let (path, file) = &files[entry.index];
        // Among other files an archive's pictures stand where it does, and are of the class that it would be of.
        if is_zip(file).await {
            let mut archive = Archive::open(path, BlobReader::new(file)?).map_err(sentence)?;
            reading.pace.total += archive.names().len().saturating_sub(1);
            for index in 0..archive.names().len() {
                let bytes = archive.picture(index).map_err(sentence)?;
                let name = archive.names()[index].clone();
                if !reading.take(&name, entry.class, bytes, Err(AnnotationError::Missing)).await {
                    return Ok(None);
                }
            }
        } else {
            let annotation = match entry.annotation {
                Some(index) => read_annotation(&files[index].1).await,
                None => Err(AnnotationError::Missing),
            };
            if !reading.take(path, entry.class, read(file).await, annotation).await {
                return Ok(None);
            }
        }
    }
    reading.builder.finish().map(Some).map_err(sentence)
}

async fn load_archive(
    source: &str,
    mut archive: Archive<BlobReader>,
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    let idx = archive.idx_files();
    let names = archive.names().to_vec();
    let plan = Plan::new(source, &names, &idx, preparation).map_err(sentence)?;
    if let Layout::Idx { pictures, labels } = plan.layout {
        let labels = match labels {
            Some(index) => {
                let reader = archive.reader(index).map_err(sentence)?;
                Some((names[index].as_str(), read_idx_labels(&names[index], reader).map_err(sentence)?))
            }
            None => None,
        };
        let pictures = (names[pictures].as_str(), archive.reader(pictures).map_err(sentence)?);
        return read_idx(IdxReader::open(&plan, source, pictures, labels).map_err(sentence)?, watch).await;
    }
    let mut reading = Reading::new(&plan, source, watch);
    for entry in &plan.entries {
        let bytes = archive.picture(entry.index).map_err(sentence)?;
        let annotation = entry.annotation.map_or(Err(AnnotationError::Missing), |index| archive.annotation(index));
        if !reading.take(&names[entry.index], entry.class, bytes, annotation).await {
            return Ok(None);
        }
    }
    reading.builder.finish().map(Some).map_err(sentence)
}

async fn read_idx(mut reader: IdxReader<impl Read>, watch: &impl Watch) -> Result<Option<Dataset>, String> {
    let mut pace = Pace::new(reader.total(), watch);
    while reader.step().map_err(sentence)? {
        if !pace.done(0).await {
            return Ok(None);
        }
    }
    reader.finish().map(Some).map_err(sentence)
}

struct Reading<'a, W> {
    builder: DatasetBuilder,
    plan: &'a Plan,
    pace: Pace<'a, W>,
}

impl<'a, W: Watch> Reading<'a, W> {
    fn new(plan: &'a Plan, source: &str, watch: &'a W) -> Self {
        Self { builder: plan.builder(source), plan, pace: Pace::new(plan.entries.len(), watch) }
    }

    /// Adds one file; false if the reading is cancelled.
    async fn take(
        &mut self,
        name: &str,
        class: Option<u32>,
        bytes: Result<Vec<u8>, DecodeError>,
        annotation: Result<Vec<u8>, AnnotationError>,
    ) -> bool {
        let annotation = annotation.as_deref().map_err(Clone::clone);
        let prepared = bytes.and_then(|bytes| prepare_cropped(&bytes, annotation, self.plan.crop, self.plan.target));
        self.builder.push_cropped(name, class, prepared);
        self.pace.done(self.builder.skipped_count()).await
    }
}

/// Lets requests in now and then, and tells how far it is.
struct Pace<'a, W> {
    done: usize,
    total: usize,
    rested: Instant,
    told: Instant,
    watch: &'a W,
}

impl<'a, W: Watch> Pace<'a, W> {
    fn new(total: usize, watch: &'a W) -> Self {
        watch.progress(0, total, 0);
        Self { done: 0, total, rested: Instant::now(), told: Instant::now(), watch }
    }

    /// Counts one file or picture; false if the reading is cancelled.
    async fn done(&mut self, skipped: usize) -> bool {
        self.done += 1;
        if self.rested.elapsed().as_millis() > SLICE_MS {
            yield_now().await;
            self.rested = Instant::now();
        }
        // Four times a second is all that anyone reads.
        if self.told.elapsed().as_millis() > 250 {
            self.watch.progress(self.done, self.total, skipped);
            self.told = Instant::now();
        }
        !self.watch.is_cancelled()
    }
}

async fn idx_kind(file: &File) -> Option<IdxKind> {
    let head = file.slice_with_f64_and_f64(0.0, IDX_HEAD_BYTES as f64).ok()?;
    IdxKind::of(&blob_bytes(&head).await.ok()?)
}

async fn read_annotation(file: &File) -> Result<Vec<u8>, AnnotationError> {
    // One byte too many, where there are that many, for the library to refuse.
    let unreadable = |reason: String| AnnotationError::Unreadable { reason };
    let most = (data::MAX_ANNOTATION_BYTES + 1) as f64;
    let head = file.slice_with_f64_and_f64(0.0, most).map_err(|_| unreadable("the browser refused".to_owned()))?;
    data::read_annotation(&blob_bytes(&head).await.map_err(unreadable)?[..])
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

/// One of the page's own files; else why not, in a few words.
pub async fn fetch(path: &str) -> Result<Vec<u8>, String> {
    let response = JsFuture::from(scope().fetch_with_str(path)).await.map_err(|_| "no answer")?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(format!("status {}", response.status()));
    }
    let buffer = response.array_buffer().map_err(|_| "no content")?;
    let buffer = JsFuture::from(buffer).await.map_err(|_| "cut off")?;
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
