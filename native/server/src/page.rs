//! The page's files, in a folder or in the program, and which names may be requested.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use flate2::read::GzDecoder;

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
    /// A file's contents; none if there is no such file or its name could lead out of the page.
    pub(crate) fn read(&self, name: &str) -> Option<Bytes> {
        if !is_plain(name) {
            return None;
        }
        match self {
            Self::Folder(folder) => std::fs::read(folder.join(name)).ok().map(Bytes::from),
            Self::Embedded(files) => {
                files.iter().find(|(file, _)| *file == name).map(|(_, contents)| Bytes::from_static(contents))
            }
        }
    }

    /// A file's uncompressed contents. The page inside the program may have only a compressed variant, which is unpacked.
    pub(crate) fn read_plain(&self, name: &str) -> Option<Bytes> {
        self.read(name).or_else(|| {
            let compressed = self.read(&format!("{name}.gz"))?;
            let mut contents = Vec::new();
            GzDecoder::new(&*compressed).read_to_end(&mut contents).ok()?;
            Some(contents.into())
        })
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
