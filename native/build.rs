//! With the feature `page`, lists the files of the built page for the program to hold: those of `WHELP_PAGE`, else of
//! `dist/`. Where there are compressed variants of a file, only they are taken.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const PAGE_VARIABLE: &str = "WHELP_PAGE";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={PAGE_VARIABLE}");
    if std::env::var_os("CARGO_FEATURE_PAGE").is_none() {
        return;
    }
    let folder = std::env::var_os(PAGE_VARIABLE).map_or_else(|| PathBuf::from("../dist"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", folder.display());
    let folder = folder.canonicalize().unwrap_or_else(|error| {
        panic!("{} is not there ({error}): build the page first, or do without the feature `page`", folder.display())
    });
    let mut names = BTreeSet::new();
    collect(&folder, "", &mut names);
    assert!(names.contains("index.html"), "{} is not the built page: it has no index.html", folder.display());
    let mut list = "&[\n".to_owned();
    for name in &names {
        if !names.contains(&format!("{name}.gz")) {
            let _ = writeln!(list, "    ({name:?}, include_bytes!({:?})),", folder.join(name));
        }
    }
    list.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo gives build scripts a folder"));
    std::fs::write(out.join("page.rs"), list).expect("that folder can be written to");
}

/// Adds the names of all files below `folder`, relative to it.
fn collect(folder: &Path, prefix: &str, names: &mut BTreeSet<String>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Trunk's own.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names)
        } else {
            names.insert(name);
        }
    }
}
