//! The page's files, in a folder or in the program, and which names may be requested.

use std::fmt;
use std::future::{Ready, ready};
use std::io::{self, Cursor, ErrorKind, Read, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use flate2::read::GzDecoder;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs::{Backend, File, Metadata};

/// The page's files, by their names relative to the page's address. `name.br` and `name.gz`, where they exist, are
/// compressed variants of `name`.
#[derive(Clone, Debug)]
pub enum Page {
    /// A folder. It is read for each request, so a newly built page is served at once.
    Folder(PathBuf),
    /// Names and contents inside the program. A file may exist only in compressed form, as `name.gz`.
    Embedded(&'static [(&'static str, &'static [u8])]),
}

impl Page {
    /// A file's contents.
    ///
    /// # Errors
    /// If there is no such file, if its name could lead out of the page, or if it can't be read.
    pub(crate) fn read(&self, name: &str) -> io::Result<Bytes> {
        if !is_plain(name) {
            return Err(ErrorKind::NotFound.into());
        }
        match self {
            Self::Folder(folder) => std::fs::read(folder.join(name)).map(Bytes::from),
            Self::Embedded(files) => {
                let file = files.iter().find(|(file, _)| *file == name).map(|(_, contents)| *contents);
                let file = file.map(|contents| Ok(Bytes::from_static(contents)));
                file.or_else(|| self.unpack(name)).unwrap_or_else(|| Err(ErrorKind::NotFound.into()))
            }
        }
    }

    /// A file of which the program holds only a compressed variant.
    fn unpack(&self, name: &str) -> Option<io::Result<Bytes>> {
        let Self::Embedded(files) = self else { return None };
        let (_, compressed) = files.iter().find(|(file, _)| file.strip_suffix(".gz") == Some(name))?;
        let mut contents = Vec::new();
        Some(GzDecoder::new(*compressed).read_to_end(&mut contents).map(|_| contents.into()))
    }

    /// When a file was last changed: the whole program, for a file inside it.
    fn changed(&self, name: &str) -> io::Result<SystemTime> {
        match self {
            Self::Folder(folder) => std::fs::metadata(folder.join(name))?.modified(),
            Self::Embedded(_) => std::fs::metadata(std::env::current_exe()?)?.modified(),
        }
    }

    /// Opens what tower-http calls `path`.
    fn open_path(&self, path: &Path) -> io::Result<PageFile> {
        let name = path.strip_prefix(".").unwrap_or(path);
        let name = name.to_str().ok_or(ErrorKind::NotFound)?.replace(std::path::MAIN_SEPARATOR, "/");
        if name.is_empty() {
            let facts = Facts { is_folder: true, length: 0, changed: None };
            return Ok(PageFile { contents: Cursor::default(), facts });
        }
        let contents = self.read(&name)?;
        let facts = Facts { is_folder: false, length: contents.len() as u64, changed: self.changed(&name).ok() };
        Ok(PageFile { contents: Cursor::new(contents), facts })
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "the folder {}", folder.display()),
            Self::Embedded(_) => f.write_str("the page inside this program"),
        }
    }
}

/// Whether a name is like those of trunk's files: nothing hidden, no `..`, no drive, no escapes.
fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

/// Files are small or in the system's cache, so nothing here waits.
impl Backend for Page {
    type File = PageFile;
    type Metadata = Facts;
    type OpenFuture = Ready<io::Result<PageFile>>;
    type MetadataFuture = Ready<io::Result<Facts>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        ready(self.open_path(&path))
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        ready(self.open_path(&path).map(|file| file.facts))
    }
}

/// An open file of the page.
#[derive(Debug)]
pub struct PageFile {
    contents: Cursor<Bytes>,
    facts: Facts,
}

/// What there is to know of a file before it is read.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Only the page itself is one.
    is_folder: bool,
    length: u64,
    changed: Option<SystemTime>,
}

impl File for PageFile {
    type Metadata = Facts;
    type MetadataFuture<'a> = Ready<io::Result<Facts>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.facts.clone()))
    }
}

impl Metadata for Facts {
    fn is_dir(&self) -> bool {
        self.is_folder
    }

    fn modified(&self) -> io::Result<SystemTime> {
        self.changed.ok_or_else(|| ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        self.length
    }
}

impl AsyncRead for PageFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.contents).poll_read(context, buffer)
    }
}

impl AsyncSeek for PageFile {
    fn start_seek(mut self: Pin<&mut Self>, place: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.contents).start_seek(place)
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.contents).poll_complete(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_page() {
        for name in ["index.html", "page-745b3d395f13c0c6_bg.wasm", "assets/uPlot.min.css"] {
            assert!(is_plain(name), "{name}");
        }
        for name in
            ["", "/etc/passwd", "../Cargo.toml", "a/../../b", "a//b", ".git/config", "C:\\x", "%2e%2e/x", "a\0b"]
        {
            assert!(!is_plain(name), "{name}");
        }
    }
}
