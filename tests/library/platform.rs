//! What differs between a browser and a computer is in `src/platform/`, and nowhere else in the library.

use std::path::{Path, PathBuf};

/// How a line of Rust asks for a browser. Kinds of processors (`target_arch = "x86_64"`) may be asked for where
/// instructions are chosen.
const QUESTIONS: [&str; 4] = ["target_family", "target_arch = \"wasm", "target_os", "cfg(wasm"];

#[test]
fn only_platform_asks_what_it_is_compiled_for() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let platform = source.join("platform");
    let asked: Vec<(PathBuf, usize)> = files(&source)
        .into_iter()
        .filter(|path| !path.starts_with(&platform))
        .flat_map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = asking(&text).into_iter();
            lines.map(move |line| (path.clone(), line)).collect::<Vec<_>>()
        })
        .collect();
    assert!(asked.is_empty(), "move these to src/platform/, with the same names on both sides: {asked:?}");
    let text = std::fs::read_to_string(platform.join("mod.rs")).unwrap();
    assert!(!asking(&text).is_empty(), "src/platform/mod.rs asks, so it is found");
}

/// The numbers of the lines with a question.
fn asking(text: &str) -> Vec<usize> {
    let lines = text.lines().enumerate();
    lines.filter(|(_, line)| QUESTIONS.iter().any(|question| line.contains(question))).map(|(i, _)| i + 1).collect()
}

/// All Rust files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
