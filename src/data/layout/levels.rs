//! Which of the folders above the pictures are classes: those around everything, splits and numbered parts are not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::MAX_CLASSES;
use super::words::{
    Split, breed, certain_split, copy_of, date_of, differ_in_one_number, key, part_of, says_nothing, split_of, stem,
    without_archive_ending, words,
};

/// What the folders of the files say.
pub struct Levels {
    /// Names of the classes, sorted; empty if the folders are none.
    pub classes: Vec<String>,
    /// One for each file, in their order.
    pub files: Vec<FileLevels>,
    /// Why folders that may have been meant as classes are none.
    pub note: Option<String>,
}

/// What the folders of one file say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLevels {
    /// Index of its class.
    pub class: Option<u32>,
    /// Its split, and the name of that folder.
    pub split: Option<(Split, String)>,
    /// Whether it is a picture in a split without classes, or in no split, beside splits with classes.
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
        let tree = Tree::new(names, pictures);
        let mut files: Vec<File> = names.iter().map(|name| File::new(tree.folders(name))).collect();
        let (labelled, unlabelled) = loop {
            let unlabelled = unlabelled(&files, pictures);
            let is_in = |index: &usize| !unlabelled.contains(index) && !files[*index].is_elsewhere;
            let labelled: Vec<usize> = pictures.iter().copied().filter(is_in).collect();
            match Level::of(&files, &labelled) {
                Some(level) => files.iter_mut().for_each(|file| file.pass(&level)),
                None => break (labelled, unlabelled),
            }
        };
        let Some(classes) = Classes::of(&files, &labelled, names) else {
            let note = on_lost_classes(&files, &labelled, names);
            // Nothing is unlabelled where nothing is labelled.
            let files = files.into_iter().map(|file| FileLevels { split: file.split, ..FileLevels::default() });
            return Self { classes: Vec::new(), files: files.collect(), note };
        };
        let mut levels: Vec<FileLevels> = files
            .iter()
            .map(|file| FileLevels {
                class: file.folders.last().filter(|_| !file.is_elsewhere).and_then(|folder| classes.label(folder)),
                split: file.split.clone(),
                is_unlabelled: false,
            })
            .collect();
        for index in pictures {
            levels[*index].is_unlabelled = unlabelled.contains(index) || files[*index].is_elsewhere;
        }
        splits_below(&files, &labelled, &mut levels);
        Self { classes: classes.names, files: levels, note: None }
    }
}

/// The folders of pictures.
pub struct Tree<'a> {
    /// The folders with pictures in each folder, which is named by its path.
    inside: HashMap<&'a str, HashSet<&'a str>>,
}

impl<'a> Tree<'a> {
    pub fn new(names: &'a [String], pictures: &[usize]) -> Self {
        let mut inside: HashMap<&str, HashSet<&str>> = HashMap::new();
        for index in pictures {
            let (mut start, name) = (0, names[*index].as_str());
            for (end, _) in name.match_indices('/') {
                inside.entry(&name[..start.max(1) - 1]).or_default().insert(&name[start..end]);
                start = end + 1;
            }
        }
        Self { inside }
    }

    /// The folders around a file, the outermost first. Unpacking often puts a folder into one of the same name, where it is alone.
    pub fn folders<'b>(&self, name: &'b str) -> Vec<&'b str> {
        let same = |a: &str, b: &str| key(without_archive_ending(a)) == key(without_archive_ending(b));
        let (mut folders, mut start) = (Vec::<&str>::new(), 0);
        for (end, _) in name.match_indices('/') {
            let folder = &name[start..end];
            let is_alone = self.inside.get(&name[..start.max(1) - 1]).is_none_or(|inside| inside.len() <= 1);
            if !(is_alone && folders.last().is_some_and(|outer| same(outer, folder))) {
                folders.push(folder);
            }
            start = end + 1;
        }
        folders
    }
}

/// Says that folders are no classes because of a few pictures beside them, or as there are too many.
fn on_lost_classes(files: &[File], pictures: &[usize], names: &[String]) -> Option<String> {
    let folder = |index: &usize| files[*index].folders.last().map(String::as_str);
    let folders: BTreeSet<&str> = pictures.iter().filter_map(folder).collect();
    let beside: Vec<&usize> = pictures.iter().filter(|index| folder(index).is_none()).collect();
    if beside.is_empty() && folders.len() > MAX_CLASSES && !is_stored(files, pictures, names) {
        return Some(format!(
            "There are {} folders beside each other, and at most {MAX_CLASSES} are taken for classes.",
            folders.len()
        ));
    }
    let says_something = folders.iter().filter(|folder| !says_nothing(folder)).count() > 1;
    let first = beside.first().filter(|_| says_something && 10 * beside.len() <= pictures.len())?;
    let verb = if beside.len() == 1 { "1 picture lies".to_owned() } else { format!("{} pictures lie", beside.len()) };
    Some(format!(
        "The folders are not taken for classes, as {verb} beside them: {}. Leave out what does not belong to a class.",
        names[**first]
    ))
}

impl File {
    /// `folders`: the outermost first.
    fn new(folders: Vec<&str>) -> Self {
        let folders = folders.into_iter().rev().map(str::to_owned).collect();
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
            Level::Parts { common, keep_common } => match common.get(&folder) {
                None => self.is_elsewhere = true,
                Some(common) => self.folders.extend(keep_common.then(|| common.clone())),
            },
            Level::Through(through) => {
                if !through.contains(&folder) {
                    self.folders.push(folder);
                }
            }
            Level::Splits { keep_rest } => match split_of(without_archive_ending(&folder)) {
                None => self.is_elsewhere = true,
                Some((split, rest)) => {
                    self.split.get_or_insert((split, folder.clone()));
                    self.place.push(folder);
                    self.folders.extend(Some(rest).filter(|rest| *keep_rest && !rest.is_empty()));
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
    /// Numbered parts, copies, and folders by date.
    Parts {
        /// What each folder is a part of.
        common: BTreeMap<String, String>,
        /// Whether they are parts of several things: then what each part is of takes the place of the folder.
        keep_common: bool,
    },
    /// Folders around what lies beside them too.
    Through(BTreeSet<String>),
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
            // What lies beside training and test sets, such as `extra`, has no classes.
            let has_classes =
                |(folder, (_, rest)): &(&&str, &(Split, String))| !rest.is_empty() || certain_split(folder).is_some();
            let of_classes = folders.iter().zip(&splits).filter(has_classes);
            let rests: BTreeSet<&str> = of_classes.map(|(_, (_, rest))| rest.as_str()).collect();
            return Some(Self::Splits { keep_rest: rests.len() > 1 && !rests.contains("") });
        }
        // Training and test sets are what the source is divided into, whatever lies beside them.
        let certain: BTreeSet<Split> = folders.iter().filter_map(|folder| certain_split(folder)).collect();
        if certain.contains(&Split::Training) && certain.len() > 1 {
            return Some(Self::Splits { keep_rest: false });
        }
        let below = below(files, pictures);
        let through = around_siblings(&folders, &below);
        if !through.is_empty() {
            return Some(Self::Through(through));
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
        if let Some(main) = main_folder(&folders, &below) {
            return Some(Self::Around(key(without_archive_ending(main))));
        }
        let is_below = |index: &usize| {
            let [.., below, folder] = &files[*index].folders[..] else { return false };
            is_initial(folder, below)
        };
        if folders.len() > 1 && pictures.iter().all(is_below) {
            return Some(Self::Initials);
        }
        let common = parts(&folders, &below)?;
        let count = common.values().map(|common| common.to_lowercase()).collect::<BTreeSet<_>>().len();
        (count < folders.len()).then_some(Self::Parts { common, keep_common: count > 1 })
    }
}

/// The folders in each of the outermost ones; an empty name for pictures right in it.
fn below<'a>(files: &'a [File], pictures: &[usize]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut below: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for index in pictures {
        if let [rest @ .., folder] = &files[*index].folders[..] {
            below.entry(folder).or_default().insert(rest.last().map_or("", String::as_str));
        }
    }
    below
}

/// The folders in which lies what lies beside them too: an archive beside what was unpacked of it, splits beside a split.
fn around_siblings(folders: &BTreeSet<&str>, below: &BTreeMap<&str, BTreeSet<&str>>) -> BTreeSet<String> {
    let beside: BTreeSet<String> = folders.iter().map(|folder| key(without_archive_ending(folder))).collect();
    let has_split = folders.iter().any(|folder| certain_split(folder).is_some());
    let is_candidate = |folder: &&str| certain_split(folder).is_none() && !beside_itself(folder, &below[*folder]);
    let candidates = || folders.iter().copied().filter(is_candidate);
    let are_beside = |folder: &&str| {
        let inside = &below[*folder];
        inside.len() > 1 && inside.iter().all(|inside| !inside.is_empty() && beside.contains(&key(inside)))
    };
    let around: BTreeSet<String> = candidates().filter(are_beside).map(str::to_owned).collect();
    if !around.is_empty() || !has_split {
        return around;
    }
    let has_splits = |folder: &&str| below[*folder].iter().all(|inside| certain_split(inside).is_some());
    // Several of them are classes with splits in each.
    match candidates().filter(has_splits).collect::<Vec<_>>()[..] {
        [only] => BTreeSet::from([only.to_owned()]),
        _ => BTreeSet::new(),
    }
}

/// Whether a folder lies in one of the same name, beside others: a class that is called as what is around all classes.
fn beside_itself(folder: &str, inside: &BTreeSet<&str>) -> bool {
    inside.iter().any(|inside| key(inside) == key(without_archive_ending(folder)))
}

/// The folder of the pictures, if the others are those of a project around it: `data/cat`, `data/dog`, `assets/logo.png`.
fn main_folder<'a>(folders: &BTreeSet<&'a str>, below: &BTreeMap<&str, BTreeSet<&str>>) -> Option<&'a str> {
    const OTHERS: [&str; 17] = [
        "assets",
        "asset",
        "docs",
        "doc",
        "figures",
        "figure",
        "figs",
        "screenshots",
        "static",
        "media",
        "results",
        "samples",
        "examples",
        "demo",
        "logo",
        "icons",
        "notebooks",
    ];
    let (main, others): (Vec<&str>, Vec<&str>) =
        folders.iter().copied().partition(|folder| !OTHERS.contains(&key(folder).as_str()));
    let [only] = main[..] else { return None };
    let has_folders = below[only].len() > 1 && !below[only].contains("");
    (!others.is_empty() && says_nothing(only) && has_folders).then_some(only)
}

/// What each folder is a part of, if they are parts: numbered, copies beside what they are copies of, or of one day, month or year.
fn parts(folders: &BTreeSet<&str>, below: &BTreeMap<&str, BTreeSet<&str>>) -> Option<BTreeMap<String, String>> {
    let all = folders.iter().copied().collect::<Vec<_>>();
    let are_dates = all.iter().all(|folder| date_of(folder).is_some()) && {
        // A year may be a class, if nothing in it says that these are dates.
        let is_exact = |folder: &&str| date_of(folder) > Some(1);
        let is_month = |inside: &&str| {
            date_of(inside) > Some(1)
                || inside.len() == 2 && inside.parse::<u32>().is_ok_and(|month| (1..=12).contains(&month))
        };
        all.iter().any(is_exact) || all.iter().all(|folder| below[folder].iter().all(is_month))
    };
    if are_dates || differ_in_one_number(&all) {
        return Some(all.iter().map(|folder| ((*folder).to_owned(), String::new())).collect());
    }
    let own = |folder: &str| key(without_archive_ending(folder));
    let numbered: BTreeMap<&str, String> = all.iter().filter_map(|folder| Some((*folder, part_of(folder)?))).collect();
    let copies: BTreeMap<&str, String> = all.iter().filter_map(|folder| Some((*folder, copy_of(folder)?))).collect();
    let owns: BTreeSet<String> = all.iter().map(|folder| own(folder)).collect();
    // Those that begin with 1 or 2: `mazda 3` is no third part.
    let begins = |folder: &str| {
        words(without_archive_ending(folder)).iter().rev().find_map(|word| word.parse::<u32>().ok()) <= Some(2)
    };
    let firsts = numbered.iter().filter(|(folder, _)| begins(folder));
    let of_numbered: BTreeSet<String> = firsts.map(|(_, common)| common.to_lowercase()).collect();
    let has_original =
        |copy: &String| owns.contains(copy) || copies.values().filter(|other| *other == copy).count() > 1;
    let (mut common, mut is_certain) = (BTreeMap::new(), false);
    for folder in &all {
        let of_copy = copies.get(folder).filter(|copy| has_original(copy));
        is_certain |= of_copy.is_some();
        let found = of_copy.cloned().or_else(|| numbered.get(folder).cloned());
        // The first part has no number, where a system numbers what has the same name.
        let is_first = || of_numbered.contains(&own(folder));
        let found = found.or_else(|| {
            is_first().then(|| {
                is_certain = true;
                words(without_archive_ending(folder)).join(" ")
            })
        });
        if let Some(found) = found {
            common.insert((*folder).to_owned(), found);
        }
    }
    let others: Vec<&str> = all.iter().copied().filter(|folder| !common.contains_key(*folder)).collect();
    if !others.is_empty() && !is_certain {
        return None;
    }
    // A copy is listed under the name of what it is a copy of.
    let spelt: BTreeMap<String, String> =
        all.iter().map(|folder| (own(folder), without_archive_ending(folder).to_owned())).collect();
    for common in common.values_mut() {
        if let Some(spelt) = spelt.get(&common.to_lowercase()) {
            common.clone_from(spelt);
        }
    }
    common.extend(others.into_iter().map(|folder| (folder.to_owned(), without_archive_ending(folder).to_owned())));
    Some(common)
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
        if is_stored(files, pictures, names) {
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

/// Whether the folders only keep a folder from having too many files.
fn is_stored(files: &[File], pictures: &[usize], names: &[String]) -> bool {
    is_sharded(files, pictures, names) || is_scattered(files, pictures, names)
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
        // With hyphens where Apple Photos names files: 1B3DB1C8-5D57-4E38-A0B7-7C4F2A9D0F11.
        let is_of_hash = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        file.len() >= HASH_DIGITS && file.bytes().all(is_of_hash) && file.starts_with(folder)
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
        let Levels { classes, files, .. } = Levels::new(&names, &(0..names.len()).collect::<Vec<_>>());
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
    fn copies_and_parts_that_a_system_made_are_no_classes() {
        for [a, b] in [
            ["dogs.zip", "dogs (1).zip"],
            ["Archive.zip", "Archive 2.zip"],
            ["photos", "photos 2"],
            ["images", "images2"],
            ["dogs", "dogs - Copy"],
            ["dogs", "Dogs copy 2"],
            ["OneDrive_1_1-2-2026.zip", "OneDrive_2_1-2-2026.zip"],
            ["iCloud Photos Part 1 of 3.zip", "iCloud Photos Part 3 of 3.zip"],
            ["HAM10000_images_part_1", "HAM10000_images_part_2"],
            ["2023-05-01", "2023-06-11"],
            ["DCIM/202401__", "DCIM/202402__"],
            ["originals/0/0B3DB1C8-5D57-4E38", "originals/F/FB3DB1C8-5D57-4E38"],
            ["2023/2023-05-01", "2024/2024-01-01"],
        ] {
            let name = |folder: &str| match folder.split_once("B3D") {
                Some(_) => format!("{folder}-A0B7-7C4F2A9D0F11.jpeg"),
                None => format!("{folder}/1.jpg"),
            };
            let (a, b) = (name(a), name(b));
            assert_eq!(levels(&[&a, &b]).0, [""; 0], "{a} {b}");
        }
        assert_eq!(levels(&["cats/1.jpg", "cats (1)/2.jpg", "dogs/3.jpg"]).0, ["cats", "dogs"]);
        assert_eq!(levels(&["pug/1.jpg", "pug 2/2.jpg"]).0, ["pug", "pug 2"]);
        assert_eq!(levels(&["mazda.zip/1.jpg", "mazda 3.zip/2.jpg"]).0, ["mazda", "mazda 3"]);
        assert_eq!(levels(&["Golf (2012)/a.jpg", "Golf (2015)/b.jpg"]).0, ["Golf (2012)", "Golf (2015)"]);
        assert_eq!(levels(&["2019/2.jpg", "2020/1.jpg"]).0, ["2019", "2020"]);
        assert_eq!(levels(&["class1.zip/1.jpg", "class2.zip/2.jpg"]).0, ["class1", "class2"]);
    }

    #[test]
    fn what_lies_beside_splits_is_not_a_class() {
        let names = ["train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "Meta/0.png", "unlabeled/5.jpg"]
            .map(str::to_owned);
        let found = Levels::new(&names, &[0, 1, 2, 3, 4]);
        assert_eq!(found.classes, ["cat", "dog"]);
        assert_eq!(
            found.files.iter().map(|file| file.is_unlabelled).collect::<Vec<_>>(),
            [false, false, false, true, true]
        );
        assert!(levels(&["train_images/1.png", "test_images/2.png", "unlabeled_images/3.png"]).0.is_empty());
        let unpacked =
            ["archive.zip/train/cat/1.jpg", "archive.zip/test/dog/2.jpg", "train/cat/1.jpg", "test/dog/2.jpg"];
        assert_eq!(levels(&unpacked).0, ["cat", "dog"]);
        let plants = ["Plants/train/ash/1.jpg", "Plants/valid/oak/2.jpg", "test/test/3.jpg"].map(str::to_owned);
        assert_eq!(Levels::new(&plants, &[0, 1, 2]).classes, ["ash", "oak"]);
        let of_each = ["cats/train/1.jpg", "cats/test/2.jpg", "dogs/train/3.jpg", "dogs/test/4.jpg", "test/5.jpg"];
        assert_eq!(levels(&of_each).0, ["cats", "dogs", "test"]);
        assert_eq!(levels(&["cats_train/1.jpg", "dogs_train/2.jpg", "extra/3.jpg"]).0, ["cats", "dogs"]);
        assert_eq!(levels(&["assets/logo.png", "data/cat/1.jpg", "data/dog/2.jpg"]).0, ["cat", "dog"]);
        let tumours = ["no/1.jpg", "yes/2.jpg", "tumours/no/1.jpg", "tumours/yes/2.jpg"];
        assert_eq!(levels(&tumours).0, ["no", "yes"]);
    }

    #[test]
    fn a_class_may_be_called_as_a_split() {
        let names = ["train/bus/1.jpg", "train/car/2.jpg", "train/train/3.jpg", "test/bus/4.jpg", "test/train/5.jpg"];
        let (classes, labels, _) = levels(&names);
        assert_eq!(classes, ["bus", "car", "train"]);
        assert_eq!(labels, [0, 1, 2, 0, 2].map(Some));
    }

    #[test]
    fn lost_classes_are_told() {
        let note = |names: Vec<String>| Levels::new(&names, &(0..names.len()).collect::<Vec<_>>()).note;
        let mut names: Vec<String> =
            (0..20).map(|number| format!("{}/{number}.jpg", ["cat", "dog"][number % 2])).collect();
        assert_eq!(note(names.clone()), None);
        names.push("sample.png".to_owned());
        assert_eq!(
            note(names).unwrap(),
            "The folders are not taken for classes, as 1 picture lies beside them: sample.png. Leave out what does not belong \
             to a class."
        );
        let many = (0..=MAX_CLASSES).map(|number| format!("kind{number}/a.jpg")).collect();
        assert!(note(many).unwrap().starts_with("There are 1001 folders"));
        assert_eq!(note(vec!["old/1.jpg".to_owned(), "2.jpg".to_owned()]), None);
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
