//! From dropped files to a data set, a file at a time, so that requests are answered in between.

use std::io::{self, Read, Seek, SeekFrom};

use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, FileReaderSync, Response};
use whelp::data::{
    self, ARCHIVE_HEAD_BYTES, AnnotationError, ArchiveKind, DataError, Dataset, DatasetBuilder, DecodeError, Entry,
    IDX_HEAD_BYTES, IdxKind, IdxReader, Item, Layout, Plan, Preparation, Source, idx_candidates, is_ignorable,
    prepare_cropped, read_idx_labels,
};
use whelp::platform::{Instant, yield_now};
use whelp_messages::DataSource;

use super::cache;
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
        DataSource::Files { name } => load_or_recall(&name, files, preparation, watch).await,
    }
}

fn sentence(error: DataError) -> String {
    error.to_string()
}

type Files = Source<File, BlobReader>;

/// What is kept of the same files, else what is made of them.
async fn load_or_recall(
    name: &str,
    mut files: Vec<(String, File)>,
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    files.retain(|(path, _)| !is_ignorable(path));
    // Browsers list a folder in any order.
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    let key = cache::key(name, &files, preparation);
    if let Some(data) = cache::read(&key).await {
        return Ok(Some(data));
    }
    let data = load_files(name, files, preparation, watch).await?;
    if let Some(data) = &data
        && data.report().is_lasting()
    {
        cache::write(&key, data).await;
    }
    Ok(data)
}

async fn load_files(
    name: &str,
    files: Vec<(String, File)>,
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    let mut source: Files = Source::new(files, open_archive).map_err(sentence)?;
    let names = source.names().to_vec();
    let mut idx = Vec::new();
    for index in idx_candidates(&names) {
        let kind = match source.item(index) {
            Item::File(file) => idx_kind(file).await,
            Item::Entry(archive, index) => archive.idx_kind(index),
            Item::Damaged(_) => None,
        };
        idx.extend(kind.map(|kind| (index, kind)));
    }
    let plan = Plan::new(name, &names, &idx, preparation).map_err(sentence)?;
    if let Layout::Idx { pictures, labels } = plan.layout {
        let labels = match labels {
            Some(index) => {
                let labels = read_idx_labels(&names[index], open(&mut source, index)?).map_err(sentence)?;
                Some((names[index].as_str(), labels))
            }
            None => None,
        };
        let pictures = (names[pictures].as_str(), open(&mut source, pictures)?);
        return read_idx(IdxReader::open(&plan, name, pictures, labels).map_err(sentence)?, watch).await;
    }
    let mut reading = Reading::new(&plan, name, watch);
    for position in source.reading_order(&plan.entries) {
        let Entry { index, class, annotation } = plan.entries[position];
        let bytes = match source.item(index) {
            Item::File(file) => read(file).await,
            Item::Entry(archive, index) => archive.picture(index).map_err(sentence)?,
            Item::Damaged(reason) => Err(reason),
        };
        let annotation = match annotation.map(|index| source.item(index)) {
            Some(Item::File(file)) => read_annotation(file).await,
            Some(Item::Entry(archive, index)) => archive.annotation(index),
            Some(Item::Damaged(reason)) => Err(AnnotationError::Unreadable { reason: reason.to_string() }),
            None => Err(AnnotationError::Missing),
        };
        if !reading.take(position, &names[index], class, bytes, annotation).await {
            return Ok(None);
        }
    }
    reading.builder.finish().map(Some).map_err(sentence)
}

/// To read it through, if it is an archive.
fn open_archive(file: &File) -> Option<BlobReader> {
    let mut reader = BlobReader::new(file).ok()?;
    let mut head = Vec::new();
    reader.by_ref().take(ARCHIVE_HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    ArchiveKind::of(&head)?;
    reader.rewind().ok()?;
    Some(reader)
}

/// To be read through.
fn open(source: &mut Files, index: usize) -> Result<Box<dyn Read + '_>, String> {
    match source.item(index) {
        Item::File(file) => Ok(Box::new(BlobReader::new(file)?)),
        Item::Entry(archive, index) => Ok(Box::new(archive.reader(index).map_err(sentence)?)),
        Item::Damaged(reason) => Err(reason.to_string()),
    }
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
        position: usize,
        name: &str,
        class: Option<u32>,
        bytes: Result<Vec<u8>, DecodeError>,
        annotation: Result<Vec<u8>, AnnotationError>,
    ) -> bool {
        let annotation = annotation.as_deref().map_err(Clone::clone);
        let prepared = bytes.and_then(|bytes| prepare_cropped(&bytes, annotation, &self.plan.cut));
        self.builder.push_at(position, name, class, prepared);
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
