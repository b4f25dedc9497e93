//! Pictures from disk: a folder with everything below it, an archive, or one file.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::UNIX_EPOCH;

use whelp::data::{
    ARCHIVE_HEAD_BYTES, AnnotationError, ArchiveKind, Cut, DataError, Dataset, DatasetBuilder, DecodeError, Entry,
    IDX_HEAD_BYTES, IdxKind, IdxReader, Item, Layout, Plan, Preparation, Prepared, Source, SourceKey, idx_candidates,
    is_idx_pair, is_ignorable, prepare_cropped, read_annotation, read_idx_labels, read_picture,
};

use crate::cache::Cache;

/// Files that are prepared between two waits for the slowest of them.
const CHUNK: usize = 256;
/// Bytes of an archive's files that are in memory at once, give or take one file.
const CHUNK_BYTES: usize = 64 << 20;

/// Reads every picture at `path` and prepares it, on all cores.
///
/// What was prepared is kept in `cache`, and taken instead of the files as long as their names, sizes and times stay.
///
/// The data set's order is that of the files' names, whatever the order in which the cores finish. `on_progress` hears
/// how many files (of idx files: pictures) are done, and out of how many. A file that cannot be used is skipped and named
/// in the summary. The labels of a single idx file are looked for beside it.
///
/// # Errors
/// [`DataError`] if `path` cannot be read or holds no picture.
pub fn load(
    path: &Path,
    preparation: Preparation,
    cache: Option<&Cache>,
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, DataError> {
    let unreadable =
        |error: io::Error| DataError::Unreadable { name: path.display().to_string(), reason: error.to_string() };
    let path = &path.canonicalize().map_err(unreadable)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let files = if path.is_dir() { list(path).map_err(unreadable)? } else { with_labels(path, &name) };
    let kept = cache.and_then(|cache| Some((cache, key(&name, &files, preparation)?)));
    if let Some(data) = kept.as_ref().and_then(|(cache, key)| cache.read(key)) {
        return Ok(data);
    }
    let named = files.into_iter().map(|file| (file.name.clone(), file)).collect();
    let mut source = Source::new(named, Found::archive)?;
    let data = load_source(&name, &mut source, preparation, on_progress)?;
    if let Some((cache, key)) = kept
        && data.report().is_lasting()
    {
        cache.write(&key, &data);
    }
    Ok(data)
}

/// None if a file cannot be looked at: it may be there the next time.
fn key(name: &str, files: &[Found], preparation: Preparation) -> Option<String> {
    let mut key = SourceKey::new(name, preparation);
    for file in files {
        let metadata = fs::metadata(file.path.as_ref().ok()?).ok()?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        key.file(&file.name, metadata.len(), changed.as_nanos());
    }
    Some(key.finish())
}

/// A file to read.
struct Found {
    /// Relative to what was chosen, with `/` between its parts.
    name: String,
    path: Result<PathBuf, DecodeError>,
}

impl Found {
    fn head(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut head = Vec::new();
        File::open(self.path.as_ref().ok()?).ok()?.take(bytes as u64).read_to_end(&mut head).ok()?;
        Some(head)
    }

    fn idx_kind(&self) -> Option<IdxKind> {
        IdxKind::of(&self.head(IDX_HEAD_BYTES)?)
    }

    /// To read it through, if it is an archive.
    fn archive(&self) -> Option<BufReader<File>> {
        ArchiveKind::of(&self.head(ARCHIVE_HEAD_BYTES)?)?;
        self.open().ok()
    }

    fn open(&self) -> Result<BufReader<File>, DataError> {
        let bad = |reason: String| DataError::Unreadable { name: self.name.clone(), reason };
        let path = self.path.as_ref().map_err(|error| bad(error.to_string()))?;
        Ok(BufReader::new(File::open(path).map_err(|error| bad(error.to_string()))?))
    }
}

type Files = Source<Found, BufReader<File>>;

/// One file, and the labels beside it if it holds the pictures of an idx set.
fn with_labels(path: &Path, name: &str) -> Vec<Found> {
    let mut files = vec![Found { name: name.to_owned(), path: Ok(path.to_owned()) }];
    if files[0].idx_kind() == Some(IdxKind::Pictures) {
        let beside = path.parent().map_or_else(Vec::new, list_flat);
        let is_wanted = |file: &Found| is_idx_pair(name, &file.name) && file.idx_kind() == Some(IdxKind::Labels);
        files.extend(beside.into_iter().find(is_wanted));
    }
    files
}

/// The files of one folder, sorted by name; none if it cannot be listed.
fn list_flat(folder: &Path) -> Vec<Found> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let found =
        |entry: fs::DirEntry| Found { name: entry.file_name().to_string_lossy().into_owned(), path: Ok(entry.path()) };
    let mut files: Vec<Found> = entries.map(found).collect();
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    files
}

fn load_source(
    name: &str,
    source: &mut Files,
    preparation: Preparation,
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, DataError> {
    let names = source.names().to_vec();
    let mut kind = |index: usize| match source.item(index) {
        Item::File(file) => file.idx_kind(),
        Item::Entry(archive, index) => archive.idx_kind(index),
        Item::Damaged(_) => None,
    };
    let candidates: Vec<usize> = idx_candidates(&names).collect();
    let idx: Vec<_> = candidates.into_iter().filter_map(|index| Some((index, kind(index)?))).collect();
    let plan = Plan::new(name, &names, &idx, preparation)?;
    if let Layout::Idx { pictures, labels } = plan.layout {
        let labels = match labels {
            Some(index) => Some((names[index].as_str(), read_idx_labels(&names[index], open(source, index)?)?)),
            None => None,
        };
        let pictures = (names[pictures].as_str(), open(source, pictures)?);
        return read_idx(IdxReader::open(&plan, name, pictures, labels)?, on_progress);
    }
    let mut loader = Loader::new(&plan, name, on_progress);
    let mut order = source.reading_order(&plan.entries).into_iter();
    loop {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < CHUNK
            && bytes < CHUNK_BYTES
            && let Some(position) = order.next()
        {
            let Entry { index, class, annotation } = plan.entries[position];
            let picture = picture(source, index)?;
            let annotation = annotation.map_or(Content::Failed(AnnotationError::Missing), |index| boxes(source, index));
            bytes += picture.bytes() + annotation.bytes();
            chunk.push(Job { position, name: &names[index], class, picture, annotation });
        }
        if chunk.is_empty() {
            return loader.builder.finish();
        }
        loader.read_chunk(&chunk);
    }
}

/// To be read through.
fn open(source: &mut Files, index: usize) -> Result<Box<dyn Read + '_>, DataError> {
    let name = source.names()[index].clone();
    match source.item(index) {
        Item::File(file) => Ok(Box::new(file.open()?)),
        Item::Entry(archive, index) => Ok(Box::new(archive.reader(index)?)),
        Item::Damaged(reason) => Err(DataError::Unreadable { name, reason: reason.to_string() }),
    }
}

/// Files are read where they are decoded, on all cores; an archive's are read here.
fn picture(source: &mut Files, index: usize) -> Result<Content<DecodeError>, DataError> {
    Ok(match source.item(index) {
        Item::File(file) => file.path.clone().map_or_else(Content::Failed, Content::File),
        Item::Entry(archive, index) => archive.picture(index)?.map_or_else(Content::Failed, Content::Bytes),
        Item::Damaged(reason) => Content::Failed(reason),
    })
}

fn boxes(source: &mut Files, index: usize) -> Content<AnnotationError> {
    let unreadable = |error: DecodeError| Content::Failed(AnnotationError::Unreadable { reason: error.to_string() });
    match source.item(index) {
        Item::File(file) => file.path.clone().map_or_else(unreadable, Content::File),
        Item::Entry(archive, index) => archive.annotation(index).map_or_else(Content::Failed, Content::Bytes),
        Item::Damaged(reason) => unreadable(reason),
    }
}

fn read_idx(mut reader: IdxReader<impl Read>, on_progress: &mut dyn FnMut(usize, usize)) -> Result<Dataset, DataError> {
    while reader.step()? {
        on_progress(reader.done(), reader.total());
    }
    reader.finish()
}

/// One picture to prepare.
struct Job<'a> {
    /// Among the plan's entries.
    position: usize,
    name: &'a str,
    class: Option<u32>,
    picture: Content<DecodeError>,
    annotation: Content<AnnotationError>,
}

enum Content<E> {
    File(PathBuf),
    Bytes(Vec<u8>),
    Failed(E),
}

impl<E> Content<E> {
    /// That are in memory.
    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(_) | Self::Failed(_) => 0,
        }
    }
}

impl Job<'_> {
    fn run(&self, cut: &Cut) -> Result<Prepared, DecodeError> {
        let read;
        let picture = match &self.picture {
            Content::Bytes(bytes) => bytes,
            Content::Failed(reason) => return Err(reason.clone()),
            Content::File(path) => {
                let file = File::open(path).map_err(unreadable)?;
                let size = file.metadata().map_or(0, |metadata| metadata.len());
                read = read_picture(file, size)?;
                &read
            }
        };
        let annotation = self.annotation();
        let annotation = annotation.as_deref().map_err(Clone::clone);
        // Last resort: one hostile file must not end a run, even where a decoder has a mistake.
        catch_unwind(|| prepare_cropped(picture, annotation, cut)).unwrap_or(Err(DecodeError::DecoderCrashed))
    }

    fn annotation(&self) -> Result<Cow<'_, [u8]>, AnnotationError> {
        match &self.annotation {
            Content::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::Failed(reason) => Err(reason.clone()),
            Content::File(path) => {
                let file = File::open(path);
                let file = file.map_err(|error| AnnotationError::Unreadable { reason: error.to_string() })?;
                read_annotation(file).map(Cow::Owned)
            }
        }
    }
}

fn unreadable(error: io::Error) -> DecodeError {
    DecodeError::Unreadable { reason: error.to_string() }
}

struct Loader<'a> {
    builder: DatasetBuilder,
    cut: Cut,
    on_progress: &'a mut dyn FnMut(usize, usize),
    done: usize,
    total: usize,
}

impl<'a> Loader<'a> {
    fn new(plan: &Plan, source: &str, on_progress: &'a mut dyn FnMut(usize, usize)) -> Self {
        Self { builder: plan.builder(source), cut: plan.cut, on_progress, done: 0, total: plan.entries.len() }
    }

    /// Prepares on all cores, then adds to the data set.
    fn read_chunk(&mut self, chunk: &[Job]) {
        let cut = &self.cut;
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        let mut pictures: Vec<_> = chunk.iter().map(|_| None).collect();
        thread::scope(|scope| {
            let workers = thread::available_parallelism().map_or(1, usize::from).min(chunk.len());
            for sender in vec![sender; workers] {
                let next = &next;
                scope.spawn(move || {
                    while let index = next.fetch_add(1, Ordering::Relaxed)
                        && let Some(job) = chunk.get(index)
                    {
                        // Nobody listens only if the receiving side panicked, and then it tells.
                        let _ = sender.send((index, job.run(cut)));
                    }
                });
            }
            for (index, picture) in receiver {
                pictures[index] = Some(picture);
                self.done += 1;
                (self.on_progress)(self.done, self.total);
            }
        });
        for (job, picture) in chunk.iter().zip(pictures) {
            let prepared = picture.expect("every worker answers for every index it took");
            self.builder.push_at(job.position, job.name, job.class, prepared);
        }
    }
}

/// Every file below `root` but the system's own, sorted by name as [`Source`] sorts what is in an archive.
fn list(root: &Path) -> io::Result<Vec<Found>> {
    let mut files = Vec::new();
    walk(root, "", &mut HashSet::new(), &mut files)?;
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Adds what is in `folder`. Links are followed, each real folder once, so that a link to a parent ends.
fn walk(folder: &Path, prefix: &str, seen: &mut HashSet<PathBuf>, files: &mut Vec<Found>) -> io::Result<()> {
    if !seen.insert(folder.canonicalize()?) {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    entries.sort_unstable(); // which of two links to a folder counts must not depend on the file system
    for path in entries {
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if is_ignorable(&name) {
            continue;
        }
        let result = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => walk(&path, &format!("{name}/"), seen, files),
            Ok(metadata) if metadata.is_file() => {
                files.push(Found { name: name.clone(), path: Ok(path) });
                Ok(())
            }
            Ok(_) => Ok(()), // a pipe or a device would block
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            files.push(Found { name, path: Err(unreadable(error)) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use whelp::config::{Crop, DataConfig};

    use super::*;

    fn preparation() -> Preparation {
        Preparation { resolution: 8, ..Preparation::from(&DataConfig::default()) }
    }

    fn read(path: &Path) -> Result<Dataset, DataError> {
        load(path, preparation(), None, &mut |_, _| {})
    }

    /// A bitmap of 8 x 8 pixels, all of one grey.
    fn bitmap(grey: u8) -> Vec<u8> {
        let mut file = b"BM\xf6\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x08\0\0\0\x08\0\0\0\x01\0\x18\0".to_vec();
        file.resize(54, 0);
        file.resize(54 + 8 * 8 * 3, grey);
        file
    }

    /// A fresh folder, removed again when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("whelp-folder-test-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, bytes: &[u8]) {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_names_and_failures_are_named() {
        let folder = Folder::new("order");
        for i in (0..600).rev() {
            folder.write(&format!("deep {}/{i:03}.png", i / 100), &bitmap(i as u8));
        }
        folder.write("a note.txt", b"not a picture");
        folder.write(".hidden/x.bmp", &bitmap(1));
        let mut heard = Vec::new();
        let data = load(&folder.0, preparation(), None, &mut |done, total| heard.push((done, total))).unwrap();
        assert_eq!(data.len(), 600);
        for i in 0..600 {
            assert_eq!(data.pixels(i), [i as u8; 192]);
        }
        assert_eq!(data.summary().skipped_count, 1);
        assert_eq!(data.summary().skipped[0].name, "a note.txt");
        assert_eq!(data.summary().classes.len(), 6, "the folders");
        assert_eq!((data.label(99), data.label(100)), (Some(0), Some(1)));
        assert_eq!(heard, (1..=601).map(|done| (done, 601)).collect::<Vec<_>>());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_dead_ones_are_named() {
        let folder = Folder::new("links");
        folder.write("a/x.bmp", &bitmap(5));
        std::os::unix::fs::symlink("..", folder.0.join("a/up")).unwrap();
        std::os::unix::fs::symlink("gone.bmp", folder.0.join("dead.bmp")).unwrap();
        let data = read(&folder.0).unwrap();
        assert_eq!(data.len(), 1);
        assert_eq!(data.summary().skipped[0].name, "dead.bmp");
        assert!(data.summary().skipped[0].reason.starts_with("It could not be read"));
    }

    #[test]
    fn a_single_file_and_a_missing_folder() {
        let folder = Folder::new("single");
        folder.write("x.bmp", &bitmap(5));
        assert_eq!(read(&folder.0.join("x.bmp")).unwrap().len(), 1);
        let sentence = read(&folder.0.join("nowhere")).unwrap_err().to_string();
        assert!(sentence.contains("nowhere could not be read"), "{sentence}");
    }

    /// Two grey pictures of 8 x 8 pixels, and their labels.
    fn idx_files() -> [Vec<u8>; 2] {
        let mut pictures = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x08\0\0\0\x08".to_vec();
        pictures.extend([5; 64]);
        pictures.extend([6; 64]);
        [pictures, b"\0\0\x08\x01\0\0\0\x02\x01\0".to_vec()]
    }

    #[test]
    fn idx_files_are_read_from_a_folder_or_with_the_labels_beside_them() {
        let folder = Folder::new("idx");
        let [pictures, labels] = idx_files();
        folder.write("my-images-idx3-ubyte", &pictures);
        folder.write("my-labels-idx1-ubyte", &labels);
        folder.write("read me.txt", b"no picture");
        for path in [folder.0.clone(), folder.0.join("my-images-idx3-ubyte")] {
            let data = read(&path).unwrap();
            assert_eq!((data.len(), data.channels(), data.pixels(1)), (2, 1, &[6; 64][..]));
            assert_eq!((data.label(0), data.label(1)), (Some(1), Some(0)));
        }
        let sentence = read(&folder.0.join("my-labels-idx1-ubyte")).unwrap_err().to_string();
        assert!(sentence.contains("holds labels only"), "{sentence}");
        folder.write("my-labels-idx1-ubyte", &labels[..9]);
        let sentence = read(&folder.0).unwrap_err().to_string();
        assert!(sentence.contains("it ends before all that its header announces"), "{sentence}");
    }

    #[test]
    fn boxes_of_stanford_dogs_are_cut_out_and_a_missing_one_is_told() {
        let folder = Folder::new("dogs");
        folder.write("Images/n02085620-Chihuahua/n02085620_1.bmp", &bitmap(5));
        folder.write("Images/n02106662-German_shepherd/n02106662_1.bmp", &bitmap(6));
        let object = "<object><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>8</xmax><ymax>8</ymax></bndbox></object>";
        let two_boxes = format!("<annotation>{object}{object}</annotation>");
        folder.write("Annotation/n02106662-German_shepherd/n02106662_1", two_boxes.as_bytes());
        let whole = read(&folder.0).unwrap();
        assert_eq!((whole.len(), whole.summary().skipped_count), (2, 0), "annotations are no failed pictures");
        assert_eq!(whole.summary().classes, ["Chihuahua", "German shepherd"]);
        let boxes = load(&folder.0, Preparation { crop: Crop::Box, ..preparation() }, None, &mut |_, _| {}).unwrap();
        let labels: Vec<_> = (0..boxes.len()).map(|index| boxes.label(index)).collect();
        assert_eq!(labels, [Some(0), Some(1), Some(1)]);
        assert_eq!(boxes.summary().notes.len(), 1, "{:?}", boxes.summary().notes);
    }
}
