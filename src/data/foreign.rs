//! What files are that people have among their pictures: by their first bytes, with what to do about them.

use super::DecodeError;
use super::sniff::is_avif;

const CONVERT: &str = "Save it as one of these";
const LEAVE_OUT: &str = "Leave it out";
const SAVE_PICTURES: &str = "If it holds pictures, save them as files of their own";
const UNPACK: &str = "Unpack it, and choose the folder";

/// Why a file whose first bytes are those of no readable picture is refused.
pub(super) fn refusal(head: &[u8]) -> DecodeError {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if is_avif(head) {
        return DecodeError::Unsupported { found: AVIF, advice: CONVERT };
    }
    if let Some((.., found)) = PICTURES.iter().find(|(offset, magic, _)| at(*offset, magic)) {
        return DecodeError::Unsupported { found, advice: CONVERT };
    }
    let (found, advice) = match () {
        () if is_zip(head) => document(head).unwrap_or((
            "a zip archive",
            "Archives are read if their names are not those of pictures, and one level deep. Else unpack it",
        )),
        () => match OTHERS.iter().find(|(offset, magic, ..)| at(*offset, magic)) {
            Some((.., found, advice)) => (*found, *advice),
            None if is_tfrecord(head) => ("a TFRecord file", SAVE_PICTURES),
            None => match text(head) {
                Some(text) => return of_text(text),
                None => return DecodeError::NotAPicture,
            },
        },
    };
    DecodeError::Foreign { found, advice }
}

/// Those of [`PICTURES`] that some browsers can show.
const OF_BROWSERS: [&str; 2] = ["a HEIC picture", "a JPEG XL picture"];
const AVIF: &str = "an AVIF picture";

/// Whether `bytes` are those of a picture that is not read here, but perhaps by the browser: HEIC, JPEG XL, and AVIF without
/// the feature for it.
pub fn is_left_to_browsers(bytes: &[u8]) -> bool {
    let is_unread_avif = is_avif(bytes) && !cfg!(feature = "avif");
    is_unread_avif
        || PICTURES.iter().any(|(offset, magic, name)| {
            OF_BROWSERS.contains(name) && bytes.get(*offset..).is_some_and(|rest| rest.starts_with(magic))
        })
}

/// Offset, magic bytes, name with its article: pictures that cannot be read.
const PICTURES: &[(usize, &[u8], &str)] = &[
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftyphev", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIC picture"),
    (4, b"ftypmsf1", "a HEIC picture"),
    (4, b"ftypcrx ", "a raw photo"),
    (0, b"FUJIFILMCCD-RAW", "a raw photo"),
    (0, b"IIU\0", "a raw photo"),
    (0, b"IIRO", "a raw photo"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"gimp xcf", "a GIMP document"),
    (0, b"\0\0\x01\0", "an icon"),
    (0, b"qoif", "a QOI picture"),
    (0, b"P4\n", "a Netpbm picture"),
    (0, b"P5\n", "a Netpbm picture"),
    (0, b"P6\n", "a Netpbm picture"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance picture"),
    (0, b"DDS ", "a DirectDraw texture"),
    (0, b"II+\0", "a BigTIFF picture"),
    (0, b"MM\0+", "a BigTIFF picture"),
    (0, b"SIMPLE  =", "a FITS picture"),
    (128, b"DICM", "a DICOM picture"),
];

/// Offset, magic bytes, name with its article, what to do.
const OTHERS: &[(usize, &[u8], &str, &str)] = &[
    (4, b"ftyp", "a video", LEAVE_OUT),
    (0, b"\x1aE\xdf\xa3", "a video", LEAVE_OUT),
    (8, b"AVI LIST", "a video", LEAVE_OUT),
    (8, b"WAVEfmt ", "sound", LEAVE_OUT),
    (0, b"ID3", "sound", LEAVE_OUT),
    (0, b"OggS", "sound", LEAVE_OUT),
    (0, b"fLaC", "sound", LEAVE_OUT),
    (0, b"%PDF", "a PDF document", LEAVE_OUT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", LEAVE_OUT),
    (0, b"PAR1", "a Parquet table", SAVE_PICTURES),
    (0, b"ARROW1", "an Arrow table", SAVE_PICTURES),
    (0, b"FEA1", "a Feather table", SAVE_PICTURES),
    (0, b"\x93NUMPY", "a NumPy array", SAVE_PICTURES),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", SAVE_PICTURES),
    (0, b"MATLAB ", "a MATLAB file", SAVE_PICTURES),
    (16, b"\xde\xc0\xef\xbe", "an LMDB database", SAVE_PICTURES),
    (0, b"SQLite format 3\0", "a database", SAVE_PICTURES),
    (0, b"\x80\x02", "a Python pickle", SAVE_PICTURES),
    (0, b"\x80\x03", "a Python pickle", SAVE_PICTURES),
    (0, b"\x80\x04", "a Python pickle", SAVE_PICTURES),
    (0, b"\x80\x05", "a Python pickle", SAVE_PICTURES),
    (8, b"{\"", "a safetensors file", LEAVE_OUT),
    (0, b"\x1f\x8b", "a file packed with gzip", UNPACK),
    (0, b"BZh", "a file packed with bzip2", UNPACK),
    (0, b"\xfd7zXZ\0", "a file packed with xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a file packed with Zstandard", UNPACK),
    (0, b"7z\xbc\xaf", "a 7z archive", UNPACK),
    (0, b"Rar!", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\x7fELF", "a program", LEAVE_OUT),
    (0, b"MZ", "a program", LEAVE_OUT),
    (0, b"\xff\xfe", "a text file", LEAVE_OUT),
    (0, b"\xfe\xff", "a text file", LEAVE_OUT),
];

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
}

/// Whether it begins with the length of a record, its checksum, and a message of TensorFlow's.
fn is_tfrecord(head: &[u8]) -> bool {
    let length = head.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (1..1 << 32).contains(&length) && head.get(12) == Some(&0x0a)
}

/// What a zip is that is no archive of files: many formats are zips inside, and the pictures in an Office document are not
/// what anyone means by choosing its folder. By the name of the first entry.
pub(super) fn document(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let length = u16::from_le_bytes(*head.get(26..)?.first_chunk()?);
    let name = head.get(30..30 + usize::from(length)).filter(|_| is_zip(head))?;
    let name = str::from_utf8(name).ok()?;
    Some(match name {
        _ if name.ends_with(".npy") => ("NumPy arrays", SAVE_PICTURES),
        _ if name.ends_with("/data.pkl") => ("a PyTorch file", LEAVE_OUT),
        "mimetype" => ("a document or a book", LEAVE_OUT),
        "[Content_Types].xml" => ("an Office document", LEAVE_OUT),
        _ if name.starts_with("_rels/") => ("an Office document", LEAVE_OUT),
        "AndroidManifest.xml" => ("a program", LEAVE_OUT),
        _ if name.starts_with("META-INF/") => ("a program", LEAVE_OUT),
        _ => return None,
    })
}

/// The same by the sorted names of all entries, where the first one says nothing.
pub(super) fn document_of(names: &[String]) -> Option<(&'static str, &'static str)> {
    const MARKS: [(&str, &str); 5] = [
        ("[Content_Types].xml", "an Office document"),
        ("mimetype", "a document or a book"),
        ("Index/Document.iwa", "a document"),
        ("Index.zip", "a document"),
        ("META-INF/MANIFEST.MF", "a program"),
    ];
    let has = |mark: &str| names.binary_search_by(|name| name.as_str().cmp(mark)).is_ok();
    MARKS.iter().find(|(mark, _)| has(mark)).map(|(_, found)| (*found, LEAVE_OUT))
}

/// The beginning as text, if it is text: UTF-8 without control characters.
fn text(head: &[u8]) -> Option<&str> {
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        // A letter is cut in two at the end.
        Err(error) if error.error_len().is_none() => str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_plain = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r' | '\u{c}');
    (!text.is_empty() && text.chars().all(is_plain)).then_some(text)
}

fn of_text(text: &str) -> DecodeError {
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let begins = |with: &str| start.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    let (found, advice) = match () {
        () if begins("version https://git-lfs.github.com/spec/") => {
            ("a Git LFS pointer", "Get the file that it stands for with \"git lfs pull\" in its repository")
        }
        () if start.contains("/annex/objects/") => {
            ("a git-annex pointer", "Get the file that it stands for with \"git annex get\" in its repository")
        }
        () if begins("<!doctype html") || begins("<html") => {
            ("a web page", "Its download went wrong: get the picture itself")
        }
        () if begins("<svg") || begins("<?xml") && start.contains("<svg") => {
            return DecodeError::Unsupported { found: "an SVG drawing", advice: CONVERT };
        }
        () if begins("<") => ("an XML file", LEAVE_OUT),
        () if begins("{") || begins("[") => ("a JSON file", LEAVE_OUT),
        () if is_table(start) => ("a table (CSV)", "It names classes only if its lines name the pictures"),
        () => ("a text file", LEAVE_OUT),
    };
    DecodeError::Foreign { found, advice }
}

/// Whether the first two lines have the same number of separators.
fn is_table(text: &str) -> bool {
    let mut lines = text.lines();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return false };
    // The second line may be cut off.
    let is_whole = lines.next().is_some() || text.ends_with('\n');
    let count = |line: &str, separator| line.matches(separator).count();
    [',', ';', '\t'].into_iter().any(|separator| {
        let (first, second) = (count(first, separator), count(second, separator));
        first > 0 && (first == second || !is_whole && first > second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_pictures_are_left_to_browsers() {
        for head in [&b"\0\0\0\x18ftypheic"[..], b"\xff\x0a\x01", b"\0\0\0\x0cJXL \r\n"] {
            assert!(is_left_to_browsers(head), "{head:?}");
        }
        assert_ne!(is_left_to_browsers(b"\0\0\0\x10ftypavif\0\0\0\0"), cfg!(feature = "avif"));
        for head in [&b"8BPS\0\x01"[..], b"\x89PNG\r\n", b"", b"\0\0\0"] {
            assert!(!is_left_to_browsers(head), "{head:?}");
        }
    }

    fn sentence(head: &[u8]) -> String {
        refusal(head).to_string()
    }

    #[test]
    fn pictures_that_cannot_be_read_are_named() {
        let unreadable = |found: &str| {
            format!(
                "This is {found}. Only ordinary JPEG, PNG, WebP, AVIF, GIF, BMP and TIFF pictures can be read. Save it \
                 as one of these."
            )
        };
        assert_eq!(sentence(b"8BPS\0\x01"), unreadable("a Photoshop document"));
        assert_eq!(sentence(b"\0\0\0\x18ftypheic\0\0\0\0"), unreadable("a HEIC picture"));
        assert_eq!(sentence(b"<?xml version=\"1.0\"?>\n<svg>"), unreadable("an SVG drawing"));
        assert_eq!(sentence(&[&[0; 128][..], b"DICM"].concat()), unreadable("a DICOM picture"));
    }

    #[test]
    fn other_files_are_named_with_what_to_do() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        for (head, expected) in [
            (
                &pointer[..],
                "a Git LFS pointer. Get the file that it stands for with \"git lfs pull\" in its repository.",
            ),
            (b"PAR1\x15\x04\x15", "a Parquet table. If it holds pictures, save them as files of their own."),
            (b"\x93NUMPY\x01\0", "a NumPy array. If it holds pictures, save them as files of their own."),
            (b"\x80\x04\x95", "a Python pickle. If it holds pictures, save them as files of their own."),
            (b"id,breed\n1,pug\n", "a table (CSV). It names classes only if its lines name the pictures."),
            (b"id;x;y\r\n1;2", "a table (CSV). It names classes only if its lines name the pictures."),
            (b"<!DOCTYPE html><title>404", "a web page. Its download went wrong: get the picture itself."),
            (b"{\"a\": 1}", "a JSON file. Leave it out."),
            (b"<annotation>", "an XML file. Leave it out."),
            (
                b"\x2a\x01\0\0\0\0\0\0abcd\x0a\xa7\x02",
                "a TFRecord file. If it holds pictures, save them as files of their own.",
            ),
            (b"Hello, world", "a text file. Leave it out."),
            ("Grüße".as_bytes().split_at(4).0, "a text file. Leave it out."),
            (b"\xfd7zXZ\0", "a file packed with xz. Unpack it, and choose the folder."),
            (b"\x1f\x8b\x08", "a file packed with gzip. Unpack it, and choose the folder."),
        ] {
            assert_eq!(sentence(head), format!("This isn't a picture but {expected}"));
        }
        assert_eq!(refusal(b"\x01\x02\x03\x04"), DecodeError::NotAPicture);
        assert_eq!(refusal(b"text\0"), DecodeError::NotAPicture);
    }

    fn zip(first: &str) -> Vec<u8> {
        let mut head = b"PK\x03\x04".to_vec();
        head.resize(26, 0);
        head.extend((first.len() as u16).to_le_bytes());
        head.extend([0; 2]);
        head.extend(first.bytes());
        head
    }

    #[test]
    fn zips_that_are_no_archives_are_documents() {
        for (first, found) in [
            ("arr_0.npy", "NumPy arrays"),
            ("[Content_Types].xml", "an Office document"),
            ("mimetype", "a document or a book"),
            ("model/data.pkl", "a PyTorch file"),
        ] {
            assert_eq!(document(&zip(first)).map(|(found, _)| found), Some(found));
        }
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let sheet = names(&["[Content_Types].xml", "docProps/app.xml", "xl/media/image1.png"]);
        assert_eq!(document_of(&sheet).map(|(found, _)| found), Some("an Office document"));
        assert_eq!(document_of(&names(&["dogs/1.jpg", "dogs/mimetype"])), None);
        assert_eq!(document(&zip("dogs/1.jpg")), None);
        assert_eq!(document(b"PK\x03\x04"), None);
        assert!(
            sentence(&zip("dogs/1.jpg")).starts_with("This isn't a picture but a zip archive. Archives are read if")
        );
    }
}
