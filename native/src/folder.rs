//! Pictures from disk: a folder with everything below it, an archive, or one file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::UNIX_EPOCH;

use futures_lite::future::block_on;
use whelp::data::{
    AnnotationError, DataError, Dataset, DecodeError, IdxKind, InputFile, Job, Preparation, PreparedFile, Reading,
    SourceKey, Step, idx_kind, is_idx_pair, is_ignorable, read_annotation, read_picture,
};

use crate::cache::{self, Cache};

/// Files that are prepared on all cores before they are added together.
const CHUNK: usize = 256;
/// Bytes of an archive's files that are in memory at once, give or take one file.
const CHUNK_BYTES: usize = 64 << 20;

/// Reads every picture at `path` and prepares it, on all cores.
///
/// The prepared pictures are kept in `cache`. The next time they are taken from there, as long as the files' names,
/// sizes and times are the same.
///
/// The data set has the order of the files' names, whichever core finishes first. `on_progress` gets the number of
/// files that are done (of an idx file: pictures), and of all files. A file that cannot be used is skipped and named in
/// the summary. The labels of a single idx file are looked for beside it.
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
    let cache = cache.and_then(|cache| Some((cache, key(&name, &files, preparation)?)));
    if let Some((cache, key)) = &cache
        && let Some(data) = cache::read(cache, key)
    {
        return Ok(data);
    }
    let reading = Reading::new(&name, files, preparation)?;
    let data = read(reading, cache.as_ref().map(|(cache, _)| *cache), on_progress)?;
    let Some((cache, key)) = cache else { return Ok(data) };
    // What can't be kept is prepared again the next time.
    let (data, _) = block_on(cache.keep(&key, data));
    Ok(data)
}

/// None if the size or time of a file is not known.
fn key(name: &str, files: &[(String, DiskFile)], preparation: Preparation) -> Option<String> {
    let mut key = SourceKey::new(name, preparation);
    for (name, DiskFile(path)) in files {
        let metadata = fs::metadata(path.as_ref().ok()?).ok()?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        key.file(name, metadata.len(), changed.as_nanos());
    }
    Some(key.finish())
}

/// A file to read, or why it was not found.
#[derive(Clone)]
struct DiskFile(Result<PathBuf, DecodeError>);

impl InputFile for DiskFile {
    type Reader = BufReader<File>;

    fn open(&self) -> io::Result<BufReader<File>> {
        let path = self.0.as_ref().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(BufReader::new(File::open(path)?))
    }
}

impl DiskFile {
    fn picture(&self) -> Result<Vec<u8>, DecodeError> {
        let file = File::open(self.0.as_ref().map_err(Clone::clone)?).map_err(unreadable)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        read_picture(file, size)
    }

    fn annotation(&self) -> Result<Vec<u8>, AnnotationError> {
        read_annotation(self.open().map_err(|error| AnnotationError::Unreadable { reason: error.to_string() })?)
    }
}

fn unreadable(error: io::Error) -> DecodeError {
    DecodeError::Unreadable { reason: error.to_string() }
}

/// One file. If it holds the pictures of an idx set, also the labels beside it.
fn with_labels(path: &Path, name: &str) -> Vec<(String, DiskFile)> {
    let file = DiskFile(Ok(path.to_owned()));
    let is_pictures = idx_kind(&file) == Some(IdxKind::Pictures);
    let mut files = vec![(name.to_owned(), file)];
    if is_pictures {
        let beside = path.parent().map_or_else(Vec::new, list_flat);
        let is_wanted =
            |(other, file): &(String, DiskFile)| is_idx_pair(name, other) && idx_kind(file) == Some(IdxKind::Labels);
        files.extend(beside.into_iter().find(is_wanted));
    }
    files
}

/// The files of one folder, sorted by name; none if it cannot be listed.
fn list_flat(folder: &Path) -> Vec<(String, DiskFile)> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let named = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), DiskFile(Ok(entry.path())));
    let mut files: Vec<_> = entries.map(named).collect();
    files.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    files
}

fn read(
    mut reading: Reading<DiskFile>,
    cache: Option<&Cache>,
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, DataError> {
    loop {
        if let Some(cache) = cache {
            block_on(cache.make_room(&mut reading));
        }
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < CHUNK
            && bytes < CHUNK_BYTES
            && let Some(step) = reading.step()?
        {
            match step {
                Step::Prepared => on_progress(reading.done(), reading.total()),
                Step::Prepare(job) => {
                    bytes += job.memory_bytes();
                    chunk.push(job);
                }
            }
        }
        if chunk.is_empty() {
            return reading.finish();
        }
        let mut done = reading.done();
        let files = prepare(chunk, || {
            done += 1;
            on_progress(done, reading.total());
        });
        files.into_iter().for_each(|file| reading.add(file));
    }
}

/// Reads and prepares files on all cores. They come back in the order of the jobs, which makes every run the same.
fn prepare(jobs: Vec<Job<DiskFile>>, mut on_done: impl FnMut()) -> Vec<PreparedFile> {
    let mut files: Vec<_> = jobs.iter().map(|_| None).collect();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let jobs = Mutex::new(jobs.into_iter().enumerate());
    let next = || jobs.lock().expect("no worker panics while it takes a job").next();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for sender in vec![sender; workers] {
            let next = &next;
            scope.spawn(move || {
                while let Some((index, mut job)) = next() {
                    read_files(&mut job);
                    // Nobody listens only if the receiving side panicked, and then it tells.
                    let _ = sender.send((index, job.prepare()));
                }
            });
        }
        for (index, file) in receiver {
            files[index] = Some(file);
            on_done();
        }
    });
    files.into_iter().map(|file| file.expect("every worker answers for every job it took")).collect()
}

fn read_files(job: &mut Job<DiskFile>) {
    if let Some(bytes) = job.picture.file().map(DiskFile::picture) {
        job.picture.give(bytes);
    }
    if let Some(bytes) = job.annotation.file().map(DiskFile::annotation) {
        job.annotation.give(bytes);
    }
}

/// Every file below `root`, without hidden files and those of the system; sorted by name.
fn list(root: &Path) -> io::Result<Vec<(String, DiskFile)>> {
    let mut files = Vec::new();
    walk(root, "", &mut HashSet::new(), &mut files)?;
    files.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(files)
}

/// Adds the files in `folder`. Links are followed, each real folder once, so that a link to a parent folder ends.
fn walk(
    folder: &Path,
    prefix: &str,
    seen: &mut HashSet<PathBuf>,
    files: &mut Vec<(String, DiskFile)>,
) -> io::Result<()> {
    if !seen.insert(folder.canonicalize()?) {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    // Which of two links to a folder counts must not depend on the file system.
    entries.sort_unstable();
    for path in entries {
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if is_ignorable(&name) {
            continue;
        }
        let result = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => walk(&path, &format!("{name}/"), seen, files),
            Ok(metadata) if metadata.is_file() => {
                files.push((name.clone(), DiskFile(Ok(path))));
                Ok(())
            }
            Ok(_) => Ok(()), // a pipe or a device would block
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            files.push((name, DiskFile(Err(unreadable(error)))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use whelp::config::Crop;

    use super::*;

    fn preparation() -> Preparation {
        Preparation::plain(8)
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
            assert_eq!(*data.pixels(i), [i as u8; 192]);
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
        assert!(data.summary().skipped[0].reason.starts_with("The file could not be read"));
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
            assert_eq!((data.len(), data.channels(), &*data.pixels(1)), (2, 1, &[6; 64][..]));
            assert_eq!((data.label(0), data.label(1)), (Some(1), Some(0)));
        }
        let sentence = read(&folder.0.join("my-labels-idx1-ubyte")).unwrap_err().to_string();
        assert!(sentence.contains("holds only labels"), "{sentence}");
        folder.write("my-labels-idx1-ubyte", &labels[..9]);
        let sentence = read(&folder.0).unwrap_err().to_string();
        assert!(sentence.contains("it is shorter than its header says"), "{sentence}");
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
