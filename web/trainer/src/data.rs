//! From dropped files to a data set, one file at a time, so that requests are answered in between.

use std::io::{self, Read, Seek, SeekFrom};

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, FileReaderSync, ReadableStreamDefaultReader, Response};
use whelp::data::{
    self, AnnotationError, DataError, Dataset, DecodeError, InputFile, Preparation, Reading, SourceKey, Step,
    is_ignorable,
};
use whelp::platform::{Instant, yield_now};
use whelp::session::{DataSource, ReadPictures, Watch};

use super::cache;
use super::port::scope;

/// Longest time without answering requests, in milliseconds.
const SLICE_MS: u128 = 30;

/// Prepares pictures; `None` if it was cancelled.
///
/// # Errors
/// A sentence for the page.
pub async fn load(
    source: DataSource,
    files: Vec<(String, File)>,
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<ReadPictures>, String> {
    match source {
        DataSource::BuiltinDogs => {
            const ADVICE: &str = "Reload the page, or drop pictures of your own.";
            let png = fetch("dogs32.png", &|_| ()).await;
            let png = png.map_err(|reason| format!("The built-in dogs can't be downloaded: {reason}. {ADVICE}"))?;
            let advise = |error| match error {
                DataError::BuiltIn { .. } => format!("{error} {ADVICE}"),
                other => sentence(other),
            };
            let dogs = data::dogs(&png, preparation).map_err(advise)?;
            Ok(Some(ReadPictures { data: dogs, key: None }))
        }
        DataSource::Files { name } => load_or_recall(&name, files, preparation, watch).await,
        DataSource::Kept { key, name } => match cache::read(&key).await {
            Some(data) => Ok(Some(ReadPictures { data, key: Some(key) })),
            None => {
                Err(format!("The prepared pictures of {name} are no longer kept on this device. Choose them again."))
            }
        },
    }
}

fn sentence(error: DataError) -> String {
    error.to_string()
}

/// What is kept of the same files, else what is made of them.
async fn load_or_recall(
    name: &str,
    mut files: Vec<(String, File)>,
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<ReadPictures>, String> {
    files.retain(|(path, _)| !is_ignorable(path));
    // Browsers list a folder in any order.
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    let key = key(name, &files, preparation);
    if let Some(data) = cache::read(&key).await {
        return Ok(Some(ReadPictures { data, key: Some(key) }));
    }
    let Some(data) = load_files(name, files, preparation, watch).await? else { return Ok(None) };
    let data = cache::keep(&key, data).await;
    Ok(Some(ReadPictures { data, key: Some(key) }))
}

/// Tells whether the same files were dropped before.
fn key(name: &str, files: &[(String, File)], preparation: Preparation) -> String {
    let mut key = SourceKey::new(name, preparation);
    for (path, file) in files {
        key.file(path, file.size() as u64, file.last_modified() as u128);
    }
    key.finish()
}

async fn load_files(
    name: &str,
    files: Vec<(String, File)>,
    preparation: Preparation,
    watch: &impl Watch,
) -> Result<Option<Dataset>, String> {
    let files = files.into_iter().map(|(path, file)| (path, DroppedFile(file))).collect();
    let mut reading = Reading::new(name, files, preparation).map_err(sentence)?;
    cache::make_room(&mut reading).await;
    let mut pace = Pace::new(reading.total(), watch);
    while let Some(step) = reading.step().map_err(sentence)? {
        if let Step::Prepare(mut job) = step {
            if let Some(file) = job.picture.file() {
                let bytes = file.picture().await;
                job.picture.give(bytes);
            }
            if let Some(bytes) = job.picture.bytes().filter(|bytes| data::is_left_to_browsers(bytes)) {
                // Where the browser can't read it either, the library says what the file is.
                if let Ok(png) = super::picture::as_png(bytes).await {
                    job.picture.give(Ok(png));
                }
            }
            if let Some(file) = job.annotation.file() {
                let bytes = file.annotation().await;
                job.annotation.give(bytes);
            }
            reading.add(job.prepare());
        }
        cache::make_room(&mut reading).await;
        if !pace.rest(reading.done(), reading.skipped()).await {
            return Ok(None);
        }
    }
    reading.finish().map(Some).map_err(sentence)
}

/// Answers requests now and then while files are read, and reports the progress.
struct Pace<'a, W> {
    total: usize,
    rested: Instant,
    told: Instant,
    watch: &'a W,
}

impl<'a, W: Watch> Pace<'a, W> {
    fn new(total: usize, watch: &'a W) -> Self {
        watch.progress(0, total, 0);
        Self { total, rested: Instant::now(), told: Instant::now(), watch }
    }

    /// To be called after each file; false if the reading is cancelled.
    async fn rest(&mut self, done: usize, skipped: usize) -> bool {
        if self.rested.elapsed().as_millis() > SLICE_MS {
            yield_now().await;
            self.rested = Instant::now();
        }
        // Four times a second is all that anyone reads.
        if self.told.elapsed().as_millis() > 250 {
            self.watch.progress(done, self.total, skipped);
            self.told = Instant::now();
        }
        !self.watch.is_cancelled()
    }
}

/// A file that the visitor has chosen.
#[derive(Clone)]
struct DroppedFile(File);

impl InputFile for DroppedFile {
    type Reader = BlobReader;

    fn open(&self) -> io::Result<BlobReader> {
        BlobReader::new(&self.0)
    }
}

impl DroppedFile {
    async fn picture(&self) -> Result<Vec<u8>, DecodeError> {
        if self.0.size() > data::MAX_FILE_BYTES as f64 {
            return Err(DecodeError::TooManyBytes { limit_megabytes: data::MAX_FILE_BYTES >> 20 });
        }
        blob_bytes(&self.0).await.map_err(|reason| DecodeError::Unreadable { reason })
    }

    async fn annotation(&self) -> Result<Vec<u8>, AnnotationError> {
        let unreadable = |reason: String| AnnotationError::Unreadable { reason };
        // One byte more than is accepted, so that the library sees that there is too much.
        let most = (data::MAX_ANNOTATION_BYTES + 1) as f64;
        let refused = |_| unreadable("the browser refused".to_owned());
        let head = self.0.slice_with_f64_and_f64(0.0, most).map_err(refused)?;
        data::read_annotation(&blob_bytes(&head).await.map_err(unreadable)?[..])
    }
}

async fn blob_bytes(blob: &Blob) -> Result<Vec<u8>, String> {
    let buffer = JsFuture::from(blob.array_buffer()).await.map_err(|error| {
        let reason = error.dyn_into::<js_sys::Error>().map_or_else(|_| "unknown".to_owned(), |e| e.message().into());
        format!("the browser could not read it: {reason}")
    })?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// One of the page's own files; else why not, in a few words. `progress` is told how many bytes are there.
pub async fn fetch(path: &str, progress: &dyn Fn(u64)) -> Result<Vec<u8>, String> {
    let response = JsFuture::from(scope().fetch_with_str(path)).await.map_err(|_| "no answer")?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(format!("status {}", response.status()));
    }
    let reader: ReadableStreamDefaultReader = response.body().ok_or("no content")?.get_reader().unchecked_into();
    let mut bytes = Vec::new();
    loop {
        let read = JsFuture::from(reader.read()).await.map_err(|_| "cut off")?;
        let field = |name: &str| Reflect::get(&read, &name.into()).map_err(|_| "cut off");
        if field("done")?.is_truthy() {
            return Ok(bytes);
        }
        bytes.extend(field("value")?.unchecked_into::<Uint8Array>().to_vec());
        progress(bytes.len() as u64);
    }
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
    fn new(file: &File) -> io::Result<Self> {
        let refused = |_| io::Error::other("this browser cannot read parts of a file in a worker");
        let reader = FileReaderSync::new().map_err(refused)?;
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
