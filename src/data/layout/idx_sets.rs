//! Which idx files are the pictures, and which ones are their labels.

use std::collections::BTreeSet;

use super::words::{Split, split_of};
use super::{Layout, no_split};
use crate::config::Splits;
use crate::data::{DataError, IdxKind};

/// An idx file among the files of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdxFile {
    /// Index of its name.
    pub index: usize,
    /// What it holds.
    pub kind: IdxKind,
    /// A hash of its first bytes, unpacked: different if it is another file.
    pub beginning: u64,
}

/// Files that may be idx files by their names: few enough to open them before anything is decided.
pub fn idx_candidates(names: &[String]) -> impl Iterator<Item = usize> {
    // Of one or two files any can be idx.
    let may_be = |name: &String| {
        let name = name.to_ascii_lowercase();
        names.len() <= 2 || name.ends_with(".gz") || name.contains("ubyte") || name.contains("idx")
    };
    names.iter().enumerate().filter(move |(_, name)| may_be(name)).map(|(index, _)| index)
}

/// Whether the names of two idx files differ only as those of pictures and their labels do, in `.gz`, or in separators.
pub fn is_idx_pair(a: &str, b: &str) -> bool {
    idx_set(a) == idx_set(b)
}

/// The part that the names of pictures and their labels have in common.
fn idx_set(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let plain = plain.replace("images", "").replace("labels", "").replace("idx3", "idx").replace("idx1", "idx");
    plain.replace(|letter: char| !letter.is_alphanumeric() && letter != '/', "")
}

fn file(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// The set to read; none if there is none.
///
/// # Errors
/// [`DataError::IdxWithoutPictures`] and [`DataError::IdxChoice`].
pub fn find_idx(
    source: &str,
    names: &[String],
    idx: &[IdxFile],
    has_pictures: bool,
    splits: Splits,
) -> Result<Option<Layout>, DataError> {
    let (mut pictures, labels) = (of_kind(names, idx, IdxKind::Pictures), of_kind(names, idx, IdxKind::Labels));
    if let ([], [first, ..], false) = (&pictures[..], &labels[..], has_pictures) {
        return Err(DataError::IdxWithoutPictures { name: source.to_owned(), labels: names[*first].clone() });
    }
    let is_only_set = pictures.len() == 1 && labels.len() == 1;
    let is_wanted = |index: &usize| match (split(file(&names[*index])), splits) {
        (Some(split), Splits::All) => split == Split::Training,
        (Some(split), _) => split.is_in(splits),
        (None, _) => false,
    };
    let known: BTreeSet<Split> = pictures.iter().filter_map(|index| split(file(&names[*index]))).collect();
    if splits != Splits::All && !known.is_empty() && !pictures.iter().any(is_wanted) {
        return Err(no_split(source, splits, known.iter().map(|split| split.name())));
    }
    if pictures.iter().any(is_wanted) {
        pictures.retain(is_wanted);
    }
    match pictures[..] {
        [] => Ok(None),
        [pictures] => {
            let name = &names[pictures];
            let of = |fits: &dyn Fn(&str) -> bool| labels.iter().copied().find(|index| fits(&names[*index]));
            let beside = of(&|labels| is_idx_pair(name, labels));
            let elsewhere = || of(&|labels| is_idx_pair(file(name), file(labels)));
            let only = || labels.first().copied().filter(|_| is_only_set);
            Ok(Some(Layout::Idx { pictures, labels: beside.or_else(elsewhere).or_else(only) }))
        }
        _ => {
            let files = pictures.iter().map(|index| names[*index].as_str()).collect::<Vec<_>>().join(", ");
            Err(DataError::IdxChoice { name: source.to_owned(), files })
        }
    }
}

/// MNIST calls its test set `t10k`.
fn split(file: &str) -> Option<Split> {
    let file = file.to_ascii_lowercase();
    let by_letters = || {
        let known = [("train", Split::Training), ("t10k", Split::Test)];
        known.into_iter().find(|(letters, _)| file.contains(letters)).map(|(_, split)| split)
    };
    split_of(&file).map(|(split, _)| split).or_else(by_letters)
}

/// The files of one kind, each set once: downloads often have it packed and unpacked, or in a folder of its own name too.
fn of_kind(names: &[String], idx: &[IdxFile], kind: IdxKind) -> Vec<usize> {
    let mut found: Vec<&IdxFile> = idx.iter().filter(|found| found.kind == kind).collect();
    // The unpacked one of two is read.
    found.sort_by_key(|found| (names[found.index].to_ascii_lowercase().ends_with(".gz"), found.index));
    let mut once: Vec<&IdxFile> = Vec::new();
    for next in found {
        let is_copy = |other: &&IdxFile| {
            let [a, b] = [&names[other.index], &names[next.index]];
            is_idx_pair(a, b) || other.beginning == next.beginning && is_idx_pair(file(a), file(b))
        };
        if !once.iter().any(is_copy) {
            once.push(next);
        }
    }
    let mut indices: Vec<usize> = once.into_iter().map(|found| found.index).collect();
    indices.sort_unstable();
    indices
}
