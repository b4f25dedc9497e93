//! Pictures that are there more than once: a download beside what was unpacked of it, and pictures in several versions.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::levels::Tree;
use super::pictures_are;
use super::words::{Version, certain_split, copy_of, key, part_of, stem, version_of, without_archive_ending, words};

/// How deep folders are compared.
const DEEPEST: usize = 4;

/// Files that are left out because others are the same, or better.
#[derive(Default)]
pub struct Spare {
    /// Their indices.
    pub files: HashSet<usize>,
    /// What is to be said.
    pub notes: Vec<String>,
}

/// A folder, by what lies in it.
#[derive(Default)]
struct Node {
    pictures: Vec<usize>,
    /// Sum over its pictures of a hash of the path in it: equal for folders that hold the same names.
    content: u64,
    /// The same with its own name in front.
    content_for_parent: u64,
    /// Whether pictures lie right in it.
    is_flat: bool,
    /// Whether some of their names are more than numbers, which other pictures have too.
    has_names: bool,
    folders: BTreeSet<String>,
}

impl Spare {
    /// Decides by `names`; `pictures` are the indices of those that count.
    pub fn of(names: &[String], pictures: &[usize]) -> Self {
        let tree = Tree::new(names, pictures);
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for index in pictures {
            let folders = tree.folders(&names[*index]);
            let file = names[*index].rsplit('/').next().unwrap_or_default().to_lowercase();
            let keys: Vec<String> = folders.iter().map(|folder| key(without_archive_ending(folder))).collect();
            let hash = |depth: usize| {
                let mut hasher = DefaultHasher::new();
                (&keys[depth..], &file).hash(&mut hasher);
                hasher.finish()
            };
            for depth in 0..=folders.len().min(DEEPEST) {
                let node = nodes.entry(folders[..depth].join("/")).or_default();
                node.pictures.push(*index);
                node.content = node.content.wrapping_add(hash(depth));
                if depth > 0 {
                    node.content_for_parent = node.content_for_parent.wrapping_add(hash(depth - 1));
                }
                node.has_names |= !stem(&names[*index]).bytes().all(|byte| byte.is_ascii_digit());
                match folders.get(depth) {
                    None => node.is_flat = true,
                    Some(folder) => drop(node.folders.insert((*folder).to_owned())),
                }
            }
        }
        let mut spare = Self::default();
        let mut left_out: BTreeSet<String> = BTreeSet::new();
        // The outermost first: what is left out is not looked into.
        for (path, node) in &nodes {
            if !is_in(path, &left_out) {
                left_out.extend(spare.copies(path, node, &nodes));
            }
        }
        for (path, node) in &nodes {
            if !is_in(path, &left_out) {
                left_out.extend(spare.versions(path, node, &nodes, names, &left_out));
            }
        }
        if !left_out.is_empty() {
            let is_spare = |index: &usize| is_in(&tree.folders(&names[*index]).join("/"), &left_out);
            spare.files = (0..names.len()).filter(is_spare).collect();
        }
        spare
    }

    /// Folders right in `path` that hold again what lies beside them.
    fn copies(&mut self, path: &str, parent: &Node, nodes: &BTreeMap<String, Node>) -> Vec<String> {
        let mut alike: HashMap<(usize, u64), Vec<&String>> = HashMap::new();
        for folder in &parent.folders {
            if let Some(node) = nodes.get(&inside(path, folder)) {
                alike.entry((node.pictures.len(), node.content)).or_default().push(folder);
            }
        }
        let mut found: Vec<String> = Vec::new();
        for folder in &parent.folders {
            let at = inside(path, folder);
            let Some(node) = nodes.get(&at) else { continue };
            let is_archive = without_archive_ending(folder) != folder;
            let others = parent.content.wrapping_sub(node.content_for_parent);
            // Without folders, or an archive, it may be other pictures that are named in the same way.
            let is_all = 2 * node.pictures.len() == parent.pictures.len()
                && node.content == others
                && (!node.is_flat || is_archive && node.has_names)
                && certain_split(folder).is_none();
            let own_key = key(without_archive_ending(folder));
            let part = part_of(folder).filter(|_| is_archive && (node.has_names || !node.is_flat));
            let copy = copy_of(folder).filter(|_| node.has_names || !node.is_flat);
            let original = |other: &&&String| {
                let other_key = key(without_archive_ending(other));
                let is_same = other_key == own_key
                    && if is_archive {
                        without_archive_ending(other) == **other
                    } else {
                        !node.is_flat && **other < folder
                    };
                **other != folder
                    && !found.contains(&inside(path, other))
                    && (is_same
                        || copy.as_ref() == Some(&other_key)
                        || part.as_ref().is_some_and(|part| part.to_lowercase() == other_key))
            };
            let alike = &alike[&(node.pictures.len(), node.content)];
            let original = if alike.len() > 1 { alike.iter().find(original) } else { None };
            if !is_all && original.is_none() {
                continue;
            }
            let what = original.map_or("what lies beside it".to_owned(), |original| inside(path, original));
            self.notes.push(format!(
                "{} left out, as {at} holds the same again as {what}.",
                pictures_are(node.pictures.len())
            ));
            found.push(at);
        }
        found
    }

    /// Folders right in `path` that hold worse versions of what lies in another one.
    fn versions(
        &mut self,
        path: &str,
        parent: &Node,
        nodes: &BTreeMap<String, Node>,
        names: &[String],
        left_out: &BTreeSet<String>,
    ) -> Vec<String> {
        let folders: Vec<&String> =
            parent.folders.iter().filter(|folder| !left_out.contains(&inside(path, folder))).collect();
        let is_split = |folder: &&&String| certain_split(folder).is_some();
        if parent.is_flat || folders.len() < 2 || folders.iter().any(|folder| is_split(&folder)) {
            return Vec::new();
        }
        let Some(versions) = versions_of(&folders) else { return Vec::new() };
        let node = |folder: &str| nodes.get(&inside(path, folder));
        let count = |folder: &str| node(folder).map_or(0, |node| node.pictures.len());
        let best =
            versions.iter().max_by_key(|(folder, version)| (**version, count(folder))).map(|(folder, _)| *folder);
        let Some((best, best_node)) = best.and_then(|best| Some((best, node(best)?))) else { return Vec::new() };
        let stems =
            |node: &Node| node.pictures.iter().map(|index| stem(&names[*index]).to_lowercase()).collect::<HashSet<_>>();
        let keys = |node: &Node| node.folders.iter().map(|folder| key(folder)).collect::<BTreeSet<_>>();
        let (best_stems, best_keys) = (stems(best_node), keys(best_node));
        let is_worse = |folder: &&&String| {
            let Some(node) = node(folder).filter(|_| folder.as_str() != best) else { return false };
            let (stems, keys) = (stems(node), keys(node));
            let has_same_pictures =
                2 * stems.intersection(&best_stems).count() >= stems.len().min(best_stems.len()).max(1);
            let common = keys.intersection(&best_keys).count();
            has_same_pictures || common > 1 && 5 * common >= 4 * keys.len().max(best_keys.len())
        };
        let worse: Vec<&String> = folders.iter().filter(is_worse).copied().collect();
        if worse.is_empty() {
            return Vec::new();
        }
        let pictures = worse.iter().map(|folder| count(folder)).sum();
        let list = worse.iter().map(|folder| inside(path, folder)).collect::<Vec<_>>();
        let best = inside(path, best);
        self.notes.push(format!(
            "{} left out, as {best} holds the same in a better version: {}.",
            pictures_are(pictures),
            list.join(", ")
        ));
        list
    }
}

/// The version that each folder holds, if their names say that all of them hold versions of the same.
fn versions_of<'a>(folders: &[&'a String]) -> Option<BTreeMap<&'a str, (Version, u32)>> {
    let has_letters = |folder: &str| folder.chars().any(char::is_alphabetic);
    let versions: Option<BTreeMap<&str, _>> = folders
        .iter()
        .map(|folder| {
            Some((folder.as_str(), version_of(without_archive_ending(folder)).filter(|_| has_letters(folder))?))
        })
        .collect();
    if let Some(versions) = versions {
        let sides: BTreeSet<u32> = versions.values().map(|(_, side)| *side).filter(|side| *side > 0).collect();
        let says_so = versions.values().any(|(version, _)| *version <= Version::Derived) || sides.len() > 1;
        return says_so.then_some(versions);
    }
    // `pokemon` and `pokemon_jpg`.
    let formats = ["jpg", "jpeg", "png", "webp", "images", "image", "img"];
    let without_format = |folder: &str| {
        let words = words(without_archive_ending(folder)).into_iter().map(str::to_lowercase);
        words.filter(|word| !formats.contains(&word.as_str())).collect::<Vec<_>>()
    };
    let distinct: BTreeSet<Vec<String>> = folders.iter().map(|folder| without_format(folder)).collect();
    let shortest = folders.iter().min_by_key(|folder| folder.len())?;
    let has_format =
        folders.iter().any(|folder| without_format(folder).len() < words(without_archive_ending(folder)).len());
    (has_format && distinct.len() == 1 && !distinct.contains(&Vec::new())).then(|| {
        let version = |folder: &str| if folder == shortest.as_str() { Version::Plain } else { Version::Derived };
        folders.iter().map(|folder| (folder.as_str(), (version(folder), 0))).collect()
    })
}

fn inside(path: &str, folder: &str) -> String {
    if path.is_empty() { folder.to_owned() } else { format!("{path}/{folder}") }
}

/// Whether a folder is one of `folders` or lies in one.
fn is_in(path: &str, folders: &BTreeSet<String>) -> bool {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    !folders.is_empty() && ends.into_iter().any(|end| folders.contains(&path[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that are left, and what is said.
    fn left(names: &[&str]) -> (Vec<String>, Vec<String>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let spare = Spare::of(&names, &(0..names.len()).collect::<Vec<_>>());
        let left = (0..names.len()).filter(|index| !spare.files.contains(index)).map(|index| names[index].clone());
        (left.collect(), spare.notes)
    }

    #[test]
    fn a_set_that_is_there_twice_is_read_once() {
        for (names, kept) in [
            (["no/1.jpg", "tumours/no/1.jpg", "tumours/yes/2.jpg", "yes/2.jpg"], [0, 3]),
            (["archive.zip/train/a/1.jpg", "archive.zip/test/2.jpg", "train/a/1.jpg", "test/2.jpg"], [2, 3]),
            (["dogs.zip/a.jpg", "dogs.zip/2.jpg", "dogs (1).zip/a.jpg", "dogs (1).zip/2.jpg"], [0, 1]),
            (["dogs/a.jpg", "dogs/2.jpg", "dogs - Copy/a.jpg", "dogs - Copy/2.jpg"], [0, 1]),
            (["dogs/1.jpg", "dogs/2.jpg", "dogs.zip/1.jpg", "dogs.zip/2.jpg"], [0, 1]),
            (
                [
                    "OCT2017 /train/a.jpg",
                    "OCT2017 /test/b.jpg",
                    "oct2017/OCT2017 /train/a.jpg",
                    "oct2017/OCT2017 /test/b.jpg",
                ],
                [0, 1],
            ),
            (["images/1.jpg", "images/2.jpg", "backup/images/1.jpg", "backup/images/2.jpg"], [0, 1]),
        ] {
            let (left, notes) = left(&names);
            assert_eq!(left, kept.map(|index| names[index]), "{notes:?}");
            assert_eq!(notes.len(), 1, "{notes:?}");
        }
        assert_eq!(
            left(&["no/1.jpg", "yes/2.jpg", "tumours/no/1.jpg", "tumours/yes/2.jpg"]).1,
            ["2 pictures are left out, as tumours holds the same again as what lies beside it."]
        );
    }

    #[test]
    fn the_best_of_several_versions_is_read() {
        for (names, kept) in [
            (["thumbnails128x128/1.png", "images1024x1024/1.png"], 1),
            (["64x64/1.png", "128x128/1.png"], 1),
            (["original/1.jpg", "thumbnails/1.png"], 0),
            (["full/a1.jpg", "thumbs/small/a1.jpg"], 0),
            (["images/images/ann/ann_1.jpg", "resized/resized/ann_1.jpg"], 0),
            (["pokemon/1.png", "pokemon_jpg/1.jpg"], 0),
            (["data/color/a/1.jpg", "data/grayscale/a/1.jpg"], 0),
        ] {
            let (left, notes) = left(&names);
            assert_eq!(left, [names[kept]], "{notes:?}");
        }
        let leaves = ["Augmented/ash/1_a.jpg", "Augmented/oak/2_a.jpg", "Original/ash/1.jpg", "Original/oak/2.jpg"];
        assert_eq!(left(&leaves).0, leaves[2..]);
    }

    #[test]
    fn what_only_looks_alike_is_kept() {
        for names in [
            &["cat/1.jpg", "dog/1.jpg"][..],
            &["train/cat/1.jpg", "test/cat/1.jpg"],
            &["1.jpg", "old/1.jpg"],
            &["images_1/1.jpg", "images_2/1.jpg"],
            &["A/1.png", "a/1.png"],
            &["original/1.jpg", "resized/2.jpg"],
            &["64/1.png", "128/1.png"],
            &["dog/1.jpg", "dog (1)/2.jpg"],
            &["download (1).zip/1.jpg", "download.zip/1.jpg"],
            &["Photos 2019/IMG_1.jpg", "Photos 2020/IMG_1.jpg"],
            &["fold_16/cat/a.jpg", "fold_17/cat/a.jpg"],
            &["cat/1.jpg", "dog/2.jpg", "test/cat/1.jpg", "test/dog/2.jpg"],
        ] {
            assert_eq!(left(names).0, names, "{:?}", left(names).1);
        }
    }
}
