//! Which file has the boxes of which picture.

use std::collections::{HashMap, HashSet};

use super::words::{is_annotation, key, stem};
use crate::data::annotation::is_annotation_folder;

/// Files with the boxes of pictures.
pub struct Boxes {
    /// Index of the file by the index of its picture.
    pub of_pictures: HashMap<usize, usize>,
    /// All of these files, also those whose pictures are missing.
    pub files: HashSet<usize>,
}

impl Boxes {
    /// Files of XML belong to pictures of the same name, whichever folders the two lie in. Where several have the name, the
    /// folder right above has to be the same. In a folder of annotations files need no ending.
    pub fn new(names: &[String], pictures: &[usize]) -> Self {
        let annotations: Vec<usize> = (0..names.len()).filter(|index| is_annotation(&names[*index])).collect();
        let mut by_folder: HashMap<(String, String), usize> = HashMap::new();
        let mut by_stem: HashMap<String, Option<usize>> = HashMap::new();
        for index in &annotations {
            let (folder, stem) = place(&names[*index]);
            by_folder.entry((folder, stem.clone())).or_insert(*index);
            by_stem.entry(stem).and_modify(|only| *only = None).or_insert(Some(*index));
        }
        let mut stems: HashMap<String, usize> = HashMap::new();
        let places: Vec<_> = pictures.iter().map(|index| (*index, place(&names[*index]))).collect();
        places.iter().for_each(|(_, (_, stem))| *stems.entry(stem.clone()).or_default() += 1);
        let of_pictures: HashMap<usize, usize> = places
            .into_iter()
            .filter_map(|(picture, place)| {
                let only = || by_stem.get(&place.1).copied().flatten().filter(|_| stems[&place.1] == 1);
                Some((picture, by_folder.get(&place).copied().or_else(only)?))
            })
            .collect();
        let paired: HashSet<usize> = of_pictures.values().copied().collect();
        // One that lies elsewhere and belongs to no picture is a file like any other.
        let is_at_home = |name: &str| name.split('/').rev().skip(1).any(is_annotation_folder);
        let files =
            annotations.into_iter().filter(|index| paired.contains(index) || is_at_home(&names[*index])).collect();
        Self { of_pictures, files }
    }
}

/// Key of the folder right above, and the name without its ending.
fn place(name: &str) -> (String, String) {
    let folder = name.rsplit('/').nth(1).unwrap_or_default();
    // Names without an ending have no dot by `is_annotation`; all others lose theirs.
    (key(folder), stem(name).to_lowercase())
}
