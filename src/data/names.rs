//! Names of files: which files are ignored, and how names from archives are made safe to show.

/// Whether a file is ignored without a word: hidden files and folders, and those that the system leaves behind.
///
/// Every other file that is no picture is counted and named. `name` is relative to what the person chose, with `/`
/// between the parts, so that a folder inside a hidden one can be chosen.
pub fn is_ignorable(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || SYSTEM.iter().any(|system| part.eq_ignore_ascii_case(system)))
}

/// Folders and files that macOS, Windows and network drives leave behind.
const SYSTEM: [&str; 7] =
    ["__MACOSX", "Thumbs.db", "ehthumbs.db", "desktop.ini", "@eaDir", "$RECYCLE.BIN", "System Volume Information"];

/// The name of an archive's entry as a plain relative path, without `..`, drive letters and backslashes.
///
/// No file is written under this name: it is only shown and sorted.
pub fn sanitized(name: &str) -> String {
    // Control characters go first: without them a part may become `..`.
    let visible = |part: &str| part.chars().filter(|letter| !letter.is_control()).collect::<String>();
    let parts = name.split(['/', '\\']).map(visible);
    let is_plain = |part: &String| !matches!(part.as_str(), "" | "." | "..") && !part.ends_with(':');
    parts.filter(is_plain).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_files_are_ignored_and_others_are_not() {
        for name in [".DS_Store", "a/.git/x.jpg", "__MACOSX/dogs/._rex.jpg", "photos/THUMBS.DB", "desktop.ini"] {
            assert!(is_ignorable(name), "{name}");
        }
        for name in ["rex.jpg", "notes.txt", "Ünïcode 犬 name.jpg", "v1.0/rex.jpg", "no extension"] {
            assert!(!is_ignorable(name), "{name}");
        }
    }

    #[test]
    fn escaping_names_stay_inside() {
        assert_eq!(sanitized("../../escape.jpg"), "escape.jpg");
        assert_eq!(sanitized("/etc/./passwd"), "etc/passwd");
        assert_eq!(sanitized(r"C:\dogs\..\rex.jpg"), "dogs/rex.jpg");
        assert_eq!(sanitized("nested/deep er/犬.jpg"), "nested/deep er/犬.jpg");
        assert_eq!(sanitized("re\u{1b}[2Jx.jpg"), "re[2Jx.jpg");
        assert_eq!(sanitized("\u{3}/.\u{1}./x.jpg"), "x.jpg");
    }
}
