//! Pictures from disk: a folder with everything below it, a zip, or one file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use whelp::data::{Archive, DataError, Dataset, DatasetBuilder, DecodeError, is_ignorable, prepare, read_picture};

/// Files that are prepared between two waits for the slowest of them.
const CHUNK: usize = 256;
/// Bytes of an archive's files that are in memory at once, give or take one file.
const CHUNK_BYTES: usize = 64 << 20;

/// Reads every picture at `path` and makes it a square of `resolution` x `resolution` pixels, on all cores.
///
/// The data set's order is that of the files' names, whatever the order in which the cores finish. `on_progress` hears
/// how many files are done, and out of how many. A file that cannot be used is skipped and named in the summary.
///
/// # Errors
/// [`DataError`] if `path` cannot be read or holds no picture.
pub fn load(path: &Path, resolution: usize, on_progress: &mut dyn FnMut(usize, usize)) -> Result<Dataset, DataError> {
    let unreadable =
        |error: io::Error| DataError::Unreadable { name: path.display().to_string(), reason: error.to_string() };
    let path = &path.canonicalize().map_err(unreadable)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let builder = DatasetBuilder::new(name.as_str(), resolution);
    let mut loader = Loader { builder, resolution, on_progress, done: 0 };
    if path.is_dir() {
        loader.read_jobs(list(path).map_err(unreadable)?);
    } else if is_zip(path).map_err(unreadable)? {
        let file = File::open(path).map_err(unreadable)?;
        loader.read_archive(Archive::open(name, BufReader::new(file))?)?;
    } else {
        loader.read_jobs(vec![Job { name, content: Content::File(path.clone()) }]);
    }
    loader.builder.finish()
}

fn is_zip(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut head)?;
    Ok(head == b"PK\x03\x04" || head == b"PK\x05\x06") // the second is an empty archive
}

/// One file to prepare.
struct Job {
    /// Relative to what was chosen, with `/` between its parts.
    name: String,
    content: Content,
}

enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
    Failed(DecodeError),
}

impl Job {
    fn run(&self, resolution: usize) -> Result<Vec<u8>, DecodeError> {
        let prepare = |bytes: &[u8]| {
            // Last resort: one hostile file must not end a run, even where a decoder has a mistake.
            catch_unwind(|| prepare(bytes, resolution)).unwrap_or(Err(DecodeError::DecoderCrashed))
        };
        match &self.content {
            Content::File(path) => {
                let file = File::open(path).map_err(unreadable)?;
                let size = file.metadata().map_or(0, |metadata| metadata.len());
                prepare(&read_picture(file, size)?)
            }
            Content::Bytes(bytes) => prepare(bytes),
            Content::Failed(reason) => Err(reason.clone()),
        }
    }
}

fn unreadable(error: io::Error) -> DecodeError {
    DecodeError::Unreadable { reason: error.to_string() }
}

struct Loader<'a> {
    builder: DatasetBuilder,
    resolution: usize,
    on_progress: &'a mut dyn FnMut(usize, usize),
    done: usize,
}

impl Loader<'_> {
    fn read_jobs(&mut self, jobs: Vec<Job>) {
        jobs.chunks(CHUNK).for_each(|chunk| self.read_chunk(chunk, jobs.len()));
    }

    fn read_archive(&mut self, mut archive: Archive<BufReader<File>>) -> Result<(), DataError> {
        let total = archive.remaining();
        while archive.remaining() > 0 {
            let (mut chunk, mut bytes) = (Vec::new(), 0);
            while chunk.len() < CHUNK && bytes < CHUNK_BYTES {
                let Some(entry) = archive.next().transpose()? else { break };
                bytes += entry.bytes.as_ref().map_or(0, Vec::len);
                chunk.push(Job { name: entry.name, content: entry.bytes.map_or_else(Content::Failed, Content::Bytes) });
            }
            self.read_chunk(&chunk, total);
        }
        Ok(())
    }

    /// Prepares on all cores, then adds to the data set in the order given.
    fn read_chunk(&mut self, chunk: &[Job], total: usize) {
        let resolution = self.resolution;
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
                        let _ = sender.send((index, job.run(resolution)));
                    }
                });
            }
            for (index, picture) in receiver {
                pictures[index] = Some(picture);
                self.done += 1;
                (self.on_progress)(self.done, total);
            }
        });
        for (job, picture) in chunk.iter().zip(pictures) {
            self.builder.push(&job.name, picture.expect("every worker answers for every index it took"));
        }
    }
}

/// Every file below `root` but the system's own, sorted by name as [`Archive`] sorts its entries.
fn list(root: &Path) -> io::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    walk(root, "", &mut HashSet::new(), &mut jobs)?;
    jobs.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(jobs)
}

/// Adds what is in `folder`. Links are followed, each real folder once, so that a link to a parent ends.
fn walk(folder: &Path, prefix: &str, seen: &mut HashSet<PathBuf>, jobs: &mut Vec<Job>) -> io::Result<()> {
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
            Ok(metadata) if metadata.is_dir() => walk(&path, &format!("{name}/"), seen, jobs),
            Ok(metadata) if metadata.is_file() => {
                jobs.push(Job { name: name.clone(), content: Content::File(path) });
                Ok(())
            }
            Ok(_) => Ok(()), // a pipe or a device would block
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            jobs.push(Job { name, content: Content::Failed(unreadable(error)) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let data = load(&folder.0, 8, &mut |done, total| heard.push((done, total))).unwrap();
        assert_eq!(data.len(), 600);
        for i in 0..600 {
            assert_eq!(data.pixels(i), [i as u8; 192]);
        }
        assert_eq!(data.summary().skipped_count, 1);
        assert_eq!(data.summary().skipped[0].name, "a note.txt");
        assert_eq!(heard, (1..=601).map(|done| (done, 601)).collect::<Vec<_>>());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_dead_ones_are_named() {
        let folder = Folder::new("links");
        folder.write("a/x.bmp", &bitmap(5));
        std::os::unix::fs::symlink("..", folder.0.join("a/up")).unwrap();
        std::os::unix::fs::symlink("gone.bmp", folder.0.join("dead.bmp")).unwrap();
        let data = load(&folder.0, 8, &mut |_, _| {}).unwrap();
        assert_eq!(data.len(), 1);
        assert_eq!(data.summary().skipped[0].name, "dead.bmp");
        assert!(data.summary().skipped[0].reason.starts_with("It could not be read"));
    }

    #[test]
    fn a_single_file_and_a_missing_folder() {
        let folder = Folder::new("single");
        folder.write("x.bmp", &bitmap(5));
        assert_eq!(load(&folder.0.join("x.bmp"), 8, &mut |_, _| {}).unwrap().len(), 1);
        let sentence = load(&folder.0.join("nowhere"), 8, &mut |_, _| {}).unwrap_err().to_string();
        assert!(sentence.contains("nowhere could not be read"), "{sentence}");
    }
}
