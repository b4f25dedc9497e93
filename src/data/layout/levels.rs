//! Which of the folders above the pictures are classes: those around everything, splits and numbered parts are not.

use std::collections::{BTreeMap, BTreeSet};

use super::MAX_CLASSES;
use super::words::{Split, breed, key, part_of, says_nothing, split_of, stem, without_archive_ending};

/// What the folders of the files say.
pub struct Levels {
    /// Names of the classes, sorted; empty if the folders are none.
    pub classes: Vec<String>,
    /// One for each file, in their order.
    pub files: Vec<FileLevels>,
}

/// What the folders of one file say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLevels {
    /// Index of its class.
    pub class: Option<u32>,
    /// Its split, and the name of that folder.
    pub split: Option<(Split, String)>,
    /// Whether it lies in a split without classes, beside splits with classes.
    pub is_unlabelled: bool,
}

/// A file and the folders that are not decided on yet, the outermost last.
struct File {
    folders: Vec<String>,
    split: Option<(Split, String)>,
    /// The folders that were decided on: files of one place stay together.
    place: Vec<String>,
    /// Whether it is not where the pictures are.
    is_elsewhere: bool,
}

impl Levels {
    /// Decides by `names`; `pictures` are the indices of those that count.
    pub fn new(names: &[String], pictures: &[usize]) -> Self {
        let mut files: Vec<File> = names.iter().map(|name| File::new(name)).collect();
        let (labelled, unlabelled) = loop {
            let unlabelled = unlabelled(&files, pictures);
            let labelled: Vec<usize> = pictures.iter().copied().filter(|index| !unlabelled.contains(index)).collect();
            match Level::of(&files, &labelled) {
                Some(level) => files.iter_mut().for_each(|file| file.pass(&level)),
                None => break (labelled, unlabelled),
            }
        };
        let Some(classes) = Classes::of(&files, &labelled, names) else {
            // Nothing is unlabelled where nothing is labelled.
            let files = files.into_iter().map(|file| FileLevels { split: file.split, ..FileLevels::default() });
            return Self { classes: Vec::new(), files: files.collect() };
        };
        let mut levels: Vec<FileLevels> = files
            .iter()
            .enumerate()
            .map(|(index, file)| FileLevels {
                class: file.folders.last().filter(|_| !file.is_elsewhere).and_then(|folder| classes.label(folder)),
                split: file.split.clone(),
                is_unlabelled: unlabelled.contains(&index),
            })
            .collect();
        splits_below(&files, &labelled, &mut levels);
        Self { classes: classes.names, files: levels }
    }
}

impl File {
    fn new(name: &str) -> Self {
        let mut folders: Vec<String> = name.split('/').map(|part| part.to_owned()).collect();
        folders.pop();
        // Unpacking often puts a folder into one of the same name.
        folders.dedup_by(|b, a| without_archive_ending(b).eq_ignore_ascii_case(without_archive_ending(a)));
        folders.reverse();
        Self { folders, split: None, place: Vec::new(), is_elsewhere: false }
    }

    fn pass(&mut self, level: &Level) {
        if self.is_elsewhere {
            return;
        }
        let Some(folder) = self.folders.pop() else {
            self.is_elsewhere = true;
            return;
        };
        match level {
            Level::Around(name) => self.is_elsewhere = key(without_archive_ending(&folder)) != *name,
            Level::Initials => {
                let next = self.folders.last();
                self.is_elsewhere = !next.is_some_and(|next| is_initial(&folder, next));
            }
            Level::Parts { keep_common } => match part_of(&folder) {
                None => self.is_elsewhere = true,
                Some(common) => self.folders.extend(keep_common.then_some(common)),
            },
            Level::Splits { keep_rest } => match split_of(without_archive_ending(&folder)) {
                None => self.is_elsewhere = true,
                Some((split, rest)) => {
                    self.split.get_or_insert((split, folder.clone()));
                    self.place.push(folder);
                    self.folders.extend(keep_rest.then_some(rest));
                }
            },
        }
    }
}

/// Folders beside each other that are no classes.
enum Level {
    /// One folder, with this key, around all pictures.
    Around(String),
    /// First letters of the folders below.
    Initials,
    /// Numbered parts.
    Parts {
        /// Whether they are parts of several things: then what each part is of takes the place of the folder.
        keep_common: bool,
    },
    /// Training set and others.
    Splits {
        /// Whether what else their names say differs: then it takes the place of the folder.
        keep_rest: bool,
    },
}

impl Level {
    /// None if the outermost folders may be classes, or if a picture lies in none.
    fn of(files: &[File], pictures: &[usize]) -> Option<Self> {
        let folders: Option<BTreeSet<&str>> =
            pictures.iter().map(|index| files[*index].folders.last().map(|folder| folder.as_str())).collect();
        let folders = folders.filter(|folders| !folders.is_empty())?;
        if folders.iter().all(|folder| breed(folder).is_some()) {
            return None;
        }
        let splits: Option<Vec<_>> = folders.iter().map(|folder| split_of(without_archive_ending(folder))).collect();
        if let Some(splits) = splits {
            let rests: BTreeSet<&str> = splits.iter().map(|(_, rest)| rest.as_str()).collect();
            return Some(Self::Splits { keep_rest: rests.len() > 1 && !rests.contains("") });
        }
        let keys: BTreeSet<String> = folders.iter().map(|folder| key(without_archive_ending(folder))).collect();
        let has_one = |folders: &BTreeSet<&str>| {
            folders.iter().map(|folder| without_archive_ending(folder)).collect::<BTreeSet<_>>().len() == 1
        };
        if let (1, Some(only), true) =
            (keys.len(), keys.into_iter().next(), by_place(files, pictures).values().all(has_one))
        {
            return Some(Self::Around(only));
        }
        let is_below = |index: &usize| {
            let [.., below, folder] = &files[*index].folders[..] else { return false };
            is_initial(folder, below)
        };
        if folders.len() > 1 && pictures.iter().all(is_below) {
            return Some(Self::Initials);
        }
        let parts: Option<BTreeSet<String>> =
            folders.iter().map(|folder| part_of(folder).map(|common| common.to_lowercase())).collect();
        let count = parts?.len();
        (count < folders.len()).then_some(Self::Parts { keep_common: count > 1 })
    }
}

/// Whether a folder is the first letter of one in it, as in Places365 and SUN397.
fn is_initial(folder: &str, below: &str) -> bool {
    folder.len() == 1
        && folder.as_bytes()[0].is_ascii_alphabetic()
        && below.len() > 1
        && below.get(..1).is_some_and(|first| first.eq_ignore_ascii_case(folder))
}

/// Pictures in splits without folders, or without one that says anything, if other splits have such folders.
fn unlabelled(files: &[File], pictures: &[usize]) -> BTreeSet<usize> {
    let is_flat = |index: &usize| files[*index].folders.iter().all(|folder| says_nothing(folder));
    let mut is_all_flat: BTreeMap<&[String], bool> = BTreeMap::new();
    for index in pictures {
        *is_all_flat.entry(&files[*index].place).or_insert(true) &= is_flat(index);
    }
    if is_all_flat.values().all(|flat| *flat) {
        return BTreeSet::new();
    }
    pictures.iter().copied().filter(|index| is_all_flat[&files[*index].place[..]]).collect()
}

/// The outermost folders of the pictures, for each place.
fn by_place<'a>(files: &'a [File], pictures: &[usize]) -> BTreeMap<&'a [String], BTreeSet<&'a str>> {
    let mut places: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
    for index in pictures {
        let file = &files[*index];
        places.entry(&file.place).or_default().extend(file.folders.last().map(|folder| folder.as_str()));
    }
    places
}

/// Folders that are classes.
struct Classes {
    /// Sorted.
    names: Vec<String>,
    /// Index of the class by the name of its folder.
    labels: BTreeMap<String, u32>,
}

impl Classes {
    fn of(files: &[File], pictures: &[usize], names: &[String]) -> Option<Self> {
        let folders: Option<BTreeSet<&str>> =
            pictures.iter().map(|index| files[*index].folders.last().map(|folder| folder.as_str())).collect();
        let folders = folders.filter(|folders| !folders.is_empty())?;
        if is_sharded(files, pictures, names) || is_scattered(files, pictures, names) {
            return None;
        }
        // "Cat" of one split is "cat" of another, but beside each other they are two.
        let keys =
            |folders: &BTreeSet<&str>| folders.iter().map(|folder| key(&class_name(folder))).collect::<BTreeSet<_>>();
        let by_key = by_place(files, pictures).values().all(|folders| keys(folders).len() == folders.len());
        let same = |folder: &str| if by_key { key(&class_name(folder)) } else { folder.to_owned() };
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for folder in &folders {
            named.entry(same(folder)).or_insert_with(|| class_name(folder));
        }
        let is_breed = folders.iter().all(|folder| breed(folder).is_some());
        if !(if is_breed { 1 } else { 2 }..=MAX_CLASSES).contains(&named.len()) {
            return None;
        }
        let mut names: Vec<String> = named.values().cloned().collect();
        names.sort_unstable();
        names.dedup();
        let label =
            |folder: &str| names.binary_search(&named[&same(folder)]).ok().and_then(|at| u32::try_from(at).ok());
        let labels = folders.iter().filter_map(|folder| Some(((*folder).to_owned(), label(folder)?))).collect();
        Some(Self { names, labels })
    }

    fn label(&self, folder: &str) -> Option<u32> {
        self.labels.get(folder).copied()
    }
}

/// Name of a class: that of its folder, without the WordNet number in front of a breed.
fn class_name(folder: &str) -> String {
    let folder = without_archive_ending(folder);
    breed(folder).map_or_else(|| folder.to_owned(), |breed| breed.replace('_', " "))
}

/// Whether the folders only keep a folder from having too many files, as FFHQ and StyleGAN's `dataset_tool` have them:
/// they are numbers of at least four digits, and so are the files, which count on from folder to folder.
fn is_sharded(files: &[File], pictures: &[usize], names: &[String]) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut ranges: BTreeMap<(&str, &[String]), (u64, u64)> = BTreeMap::new();
    for index in pictures {
        let Some(folder) = files[*index].folders.last() else { return false };
        let number = stem(&names[*index]).trim_start_matches(|letter: char| letter.is_alphabetic());
        let (true, true, Ok(number)) =
            (folder.len() >= 4 && is_number(folder), is_number(number), number.parse::<u64>())
        else {
            return false;
        };
        let range = ranges.entry((folder, &files[*index].place)).or_insert((number, number));
        *range = (range.0.min(number), range.1.max(number));
    }
    ranges.len() >= 2 && ranges.values().zip(ranges.values().skip(1)).all(|(a, b)| a.1 < b.0)
}

/// Whether the folders only keep a folder from having too many files and follow from the files' names: numbers that end as their
/// folder is called (Danbooru, `0000/1000.jpg`), or hashes that begin so (LSUN, `a/5/f/a5f0….webp`).
fn is_scattered(files: &[File], pictures: &[usize], names: &[String]) -> bool {
    const FEWEST_DIGITS: usize = 3;
    const HASH_DIGITS: usize = 16;
    let mut folders = BTreeSet::new();
    let named = |index: &usize| {
        let folder = files[*index].folders.last()?;
        Some((folder.to_lowercase(), stem(&names[*index]).to_lowercase()))
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let ends = |folder: &str, file: &str| {
        folder.len() >= FEWEST_DIGITS && is_digits(folder) && is_digits(file) && {
            // `0000/1000.jpg` is of the remainder by 1000.
            let last = |text: &str| text[text.len() - FEWEST_DIGITS.min(text.len())..].parse::<u32>().ok();
            last(folder) == last(file)
        }
    };
    let begins = |folder: &str, file: &str| {
        file.len() >= HASH_DIGITS && file.bytes().all(|byte| byte.is_ascii_hexdigit()) && file.starts_with(folder)
    };
    let (mut all_end, mut all_begin) = (true, true);
    for index in pictures {
        let Some((folder, file)) = named(index) else { return false };
        all_end &= ends(&folder, &file);
        all_begin &= begins(&folder, &file);
        if !(all_end || all_begin) {
            return false;
        }
        folders.insert(folder);
    }
    folders.len() >= 2
}

/// Splits inside of the classes, if all of them have any.
fn splits_below(files: &[File], pictures: &[usize], levels: &mut [FileLevels]) {
    let below = |file: &File| {
        let folder = file.folders.iter().rev().nth(1)?;
        split_of(folder).filter(|(_, rest)| rest.is_empty()).map(|(split, _)| (split, folder.clone()))
    };
    if pictures.iter().all(|index| below(&files[*index]).is_some()) {
        for (file, levels) in files.iter().zip(levels) {
            levels.split = levels.split.take().or_else(|| below(file));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes, and of each picture its class and its split.
    fn levels(names: &[&str]) -> (Vec<String>, Vec<Option<u32>>, Vec<Option<Split>>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let Levels { classes, files } = Levels::new(&names, &(0..names.len()).collect::<Vec<_>>());
        let splits = files.iter().map(|file| file.split.as_ref().map(|(split, _)| *split)).collect();
        (classes, files.iter().map(|file| file.class).collect(), splits)
    }

    const TRAIN_AND_TEST: [Option<Split>; 4] =
        [Some(Split::Training), Some(Split::Training), Some(Split::Test), Some(Split::Test)];

    #[test]
    fn splits_above_classes_are_not_classes() {
        for folders in [
            ["train/cat", "train/dog", "test/cat", "test/dog"],
            ["Train/Cat", "Train/Dog", "TEST/cat", "TEST/dog"],
            [
                "training_set/training_set/cat",
                "training_set/training_set/dog",
                "test_set/test_set/cat",
                "test_set/test_set/dog",
            ],
            ["a/b/train-images/cat", "a/b/train-images/dog", "a/b/test-images/cat", "a/b/test-images/dog"],
            [
                "seg_train/seg_train/cat/old",
                "seg_train/seg_train/dog",
                "seg_test/seg_test/cat",
                "seg_test/seg_test/dog",
            ],
            ["train.zip/train/cat", "train.zip/train/dog", "test1.zip/test1/cat", "test1.zip/test1/dog"],
            ["cat_train", "dog_train", "cat_test", "dog_test"],
            ["cat/train", "dog/train", "cat/test", "dog/test"],
        ] {
            let names = folders.map(|folder| format!("{folder}/1.jpg"));
            let (classes, labels, splits) = levels(&names.each_ref().map(String::as_str));
            assert_eq!(
                classes.iter().map(|class| class.to_lowercase()).collect::<Vec<_>>(),
                ["cat", "dog"],
                "{folders:?}"
            );
            assert_eq!(labels, [Some(0), Some(1), Some(0), Some(1)], "{folders:?}");
            match folders[0] {
                "cat/train" => assert_eq!(splits[..2], [Some(Split::Training); 2]),
                _ => assert_eq!(splits, TRAIN_AND_TEST, "{folders:?}"),
            }
        }
    }

    #[test]
    fn flat_splits_and_parts_have_no_classes() {
        for folders in [
            ["train", "test"],
            ["x/Training", "x/validation"],
            ["images_1", "images_2"],
            ["dogs-001.zip/dogs", "dogs-002.zip/dogs"],
        ] {
            let names = folders.map(|folder| format!("{folder}/1.jpg"));
            let (classes, labels, _) = levels(&names.each_ref().map(String::as_str));
            assert!(classes.is_empty() && labels == [None; 2], "{folders:?}: {classes:?}");
        }
    }

    #[test]
    fn folders_that_only_store_pictures_are_no_classes() {
        for names in [
            ["bedroom/0/0/0/0001cd5e3ab1f2046b.webp", "bedroom/a/5/f/a5f0bc97e1d2046bcd.webp"],
            ["512px/0000/1000.jpg", "512px/0001/2001.jpg"],
            ["DCIM/100APPLE/IMG_0001.JPG", "DCIM/101MSDCF/IMG_1001.JPG"],
        ] {
            assert!(levels(&names).0.is_empty(), "{names:?}");
        }
        let places = ["data_256/a/airfield/1.jpg", "data_256/a/alley/1.jpg", "data_256/b/bakery/1.jpg"];
        assert_eq!(levels(&places).0, ["airfield", "alley", "bakery"]);
        assert_eq!(levels(&["A/apple/1.png", "B/1.png"]).0, ["A", "B"]);
        assert_eq!(levels(&["n01440764.tar/1.JPEG", "n01443537.tar/2.JPEG"]).0, ["n01440764", "n01443537"]);
        assert_eq!(levels(&["123/7123.jpg", "456/7456.jpg", "456/9.jpg"]).0, ["123", "456"]);
    }

    #[test]
    fn a_folder_that_says_nothing_makes_no_class_of_its_split() {
        let names = ["train/n1/images/a.jpg", "train/n2/images/b.jpg", "val/images/c.jpg", "test/images/d.jpg"];
        let names = names.map(str::to_owned);
        let levels = Levels::new(&names, &[0, 1, 2, 3]);
        assert_eq!(levels.classes, ["n1", "n2"]);
        let unlabelled = levels.files.iter().map(|file| file.is_unlabelled).collect::<Vec<_>>();
        assert_eq!(unlabelled, [false, false, true, true]);
        let digits = ["train/0/a.png", "train/1/b.png", "test/0/c.png", "test/1/d.png"].map(str::to_owned);
        assert!(Levels::new(&digits, &[0, 1, 2, 3]).files.iter().all(|file| !file.is_unlabelled));
    }

    #[test]
    fn parts_of_a_download_have_their_classes_together() {
        let names = ["pets-1.zip/pets/cat/1.jpg", "pets-1.zip/pets/dog/2.jpg", "pets-2.zip/pets/dog/3.jpg"];
        assert_eq!(levels(&names).0, ["cat", "dog"]);
        assert_eq!(levels(&names).1, [Some(0), Some(1), Some(1)]);
        assert_eq!(levels(&["cats.zip/1.jpg", "dogs.zip/1.jpg"]).0, ["cats", "dogs"]);
        let of_two = ["cats-1.zip/1.jpg", "cats-2.zip/2.jpg", "dogs-1.zip/3.jpg", "dogs-2.zip/4.jpg"];
        assert_eq!(levels(&of_two).0, ["cats", "dogs"]);
        assert_eq!(levels(&["fold1/cat/1.jpg", "fold1/dog/2.jpg", "fold2/cat/3.jpg"]).0, ["cat", "dog"]);
    }

    #[test]
    fn a_split_without_classes_is_unlabelled() {
        let names = ["train/cat/1.jpg", "train/dog/2.jpg", "pred/3.jpg"].map(str::to_owned);
        let levels = Levels::new(&names, &[0, 1, 2]);
        assert_eq!(levels.classes, ["cat", "dog"]);
        assert_eq!(levels.files.iter().map(|file| file.is_unlabelled).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn letters_beside_each_other_are_told_apart_by_their_case() {
        assert_eq!(levels(&["train/A/1.png", "train/a/1.png", "test/A/1.png"]).0, ["A", "a"]);
    }

    #[test]
    fn numbered_folders_whose_files_count_on_are_no_classes() {
        assert!(levels(&["00000/img00000000.png", "00000/img00000999.png", "00001/img00001000.png"]).0.is_empty());
        assert!(levels(&["00000/00007.png", "01000/01000.png"]).0.is_empty());
        assert_eq!(levels(&["0000/00007.png", "0001/00003.png"]).0, ["0000", "0001"]);
        assert_eq!(levels(&["1/7.png", "2/8.png"]).0, ["1", "2"]);
    }
}
