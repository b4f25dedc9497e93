//! What the names of folders and files mean, word by word: whatever their case and the signs between their words.

use super::super::annotation::is_annotation_folder;
use super::has_picture_ending;
use crate::config::Splits;

/// A part of a data set that is meant for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// To learn from.
    Training,
    /// To choose settings by.
    Validation,
    /// To measure on.
    Test,
}

impl Split {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Whether the setting asks for it.
    pub fn is_in(self, splits: Splits) -> bool {
        match splits {
            Splits::All => true,
            Splits::Training => self == Self::Training,
            Splits::Validation => self == Self::Validation,
            Splits::Test => self == Self::Test,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let is_extra = EXTRAS.contains(&word);
        // "testimages" and "traindata" are two words each.
        let without = |filler: &str| word.strip_suffix(filler).filter(|_| filler.len() > 2);
        let joined = || FILLERS.iter().find_map(|filler| Self::of_certain(without(filler)?));
        Self::of_certain(word).or_else(joined).or_else(|| is_extra.then_some(Self::Training))
    }

    fn of_certain(word: &str) -> Option<Self> {
        match word {
            "train" | "training" | "trainval" => Some(Self::Training),
            "val" | "valid" | "validation" | "validate" | "dev" | "holdout" | "eval" | "evaluation" => {
                Some(Self::Validation)
            }
            "test" | "testing" | "tests" | "pred" | "predict" | "prediction" | "predictions" => Some(Self::Test),
            _ => None,
        }
    }
}

/// Parts to learn from that are no training set, beside one: those of STL-10, SVHN and Omniglot.
const EXTRAS: [&str; 5] = ["unlabeled", "unlabelled", "unsup", "extra", "background"];

/// Words that say nothing of a folder's content.
const FILLERS: &[&str] = &[
    "set", "data", "dataset", "subset", "split", "splits", "fold", "image", "images", "img", "imgs", "picture",
    "pictures", "photo", "photos", "jpg", "jpeg", "png", "folder", "dir", "part", "batch", "shard", "chunk", "archive",
    "vol", "volume", "of",
];

/// Whether a folder's name says nothing of its content: `images`, and not `1`, which may be a class.
pub fn says_nothing(folder: &str) -> bool {
    let words = words(folder);
    !words.is_empty() && words.iter().all(|word| FILLERS.contains(&word.to_lowercase().as_str()))
}

fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a name, as they are written: `seg_trainA2` has `seg`, `train`, `A` and `2`.
pub fn words(name: &str) -> Vec<&str> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Lower,
        Upper,
        Digit,
        Other,
    }
    let kind = |letter: char| match letter {
        _ if letter.is_numeric() => Kind::Digit,
        _ if letter.is_uppercase() => Kind::Upper,
        _ if letter.is_alphabetic() => Kind::Lower,
        _ => Kind::Other,
    };
    let (mut words, mut start, mut before) = (Vec::new(), 0, Kind::Other);
    for (at, letter) in name.char_indices() {
        let now = kind(letter);
        // A word ends where small letters are followed by a capital one, not the other way round.
        if now != before && (before, now) != (Kind::Upper, Kind::Lower) {
            if before != Kind::Other {
                words.push(&name[start..at]);
            }
            start = at;
        }
        before = now;
    }
    if before != Kind::Other {
        words.push(&name[start..]);
    }
    words
}

/// The words in small letters, with one blank between them: equal for names that differ in case and separators.
pub fn key(name: &str) -> String {
    words(name).join(" ").to_lowercase()
}

/// The split that a folder is named after, and what else its name says: `cats_train` is `cats`, for training; the rest of
/// `training_set_2` is empty.
pub fn split_of(folder: &str) -> Option<(Split, String)> {
    let (mut split, mut rest) = (None, Vec::new());
    for token in folder.split(|letter: char| !letter.is_alphanumeric()) {
        let words = words(token).into_iter().map(|word| (word, word.to_lowercase())).collect::<Vec<_>>();
        let says = |(_, word): &(&str, String)| Split::of_word(word).is_some();
        // The number in `DIV2K` belongs to a name, that in `train2017` does not.
        if !words.iter().any(says) && !words.iter().all(|(_, word)| is_filler(word)) {
            rest.push(token);
            continue;
        }
        for (word, lower) in words {
            match Split::of_word(&lower) {
                // "train_val" is both, and learnt from.
                Some(found) => split = Some(split.map_or(found, |split: Split| split.min(found))),
                None if is_filler(&lower) => {}
                None => rest.push(word),
            }
        }
    }
    Some((split?, rest.join(" ")))
}

/// The split of a folder whose name says nothing else, and says it surely: `test1`, and neither `cats_test` nor `extra`.
pub fn certain_split(folder: &str) -> Option<Split> {
    let is_extra = words(folder).iter().any(|word| EXTRAS.contains(&word.to_lowercase().as_str()));
    split_of(without_archive_ending(folder)).filter(|(_, rest)| rest.is_empty() && !is_extra).map(|(split, _)| split)
}

/// The name without the ending of an archive: an archive counts as a folder.
pub fn without_archive_ending(folder: &str) -> &str {
    const ENDINGS: [&str; 12] = [
        ".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz", ".tar.zst", ".tzst", ".cbz",
    ];
    let ending = |ending: &&&str| {
        let start = folder.len().checked_sub(ending.len());
        start.is_some_and(|start| {
            start > 0 && folder.is_char_boundary(start) && folder[start..].eq_ignore_ascii_case(ending)
        })
    };
    // The longest: none of them ends with another one.
    ENDINGS.iter().find(ending).map_or(folder, |ending| &folder[..folder.len() - ending.len()])
}

/// Words before the number of a part, whatever else the name says: `HAM10000_images_part_1`.
const PART_WORDS: [&str; 8] = ["part", "batch", "fold", "shard", "chunk", "vol", "volume", "subset"];

/// For one of several numbered parts of the same thing, what they have in common: `dogs-2026-001.zip` and
/// `dogs-2026-002.zip`, `images_1` and `images_2`, `photos Part 1 of 2`. A folder needs a name that says nothing else or that it
/// is a part, an archive does not.
pub fn part_of(folder: &str) -> Option<String> {
    let name = without_archive_ending(folder);
    if is_of_camera(name) {
        return Some(String::new());
    }
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let words = words(name);
    let words = match &words[..] {
        [of_which @ .., of, count] if of.eq_ignore_ascii_case("of") && is_number(count) => of_which,
        all => all,
    };
    let (number, common) = words.split_last()?;
    // WordNet's number of a class.
    if common == ["n"] && number.len() == 8 {
        return None;
    }
    let says_something = |word: &&str| !is_filler(&word.to_lowercase());
    let is_kind = |word: &&str| is_kind(word);
    let is_called_part = common.last().is_some_and(|word| PART_WORDS.contains(&word.to_lowercase().as_str()));
    let is_part = match name == folder {
        true => is_called_part || !common.is_empty() && !common.iter().any(says_something),
        false => !common.iter().any(is_kind),
    };
    (is_number(number) && is_part).then(|| common.join(" "))
}

/// Whether a number after this word tells classes apart.
fn is_kind(word: &str) -> bool {
    ["class", "label", "category"].contains(&word.to_lowercase().as_str())
}

/// Whether these are archives whose names differ in one number alone, wherever it stands: `OneDrive_1_1-2-2026.zip` and
/// `OneDrive_2_1-2-2026.zip`.
pub fn differ_in_one_number(folders: &[&str]) -> bool {
    if folders.iter().any(|folder| without_archive_ending(folder) == *folder) {
        return false;
    }
    let all: Vec<Vec<&str>> = folders.iter().map(|folder| words(without_archive_ending(folder))).collect();
    let [first, others @ ..] = &all[..] else { return false };
    if others.is_empty() || others.iter().any(|other| other.len() != first.len()) {
        return false;
    }
    let differs = |at: &usize| others.iter().any(|other| !other[*at].eq_ignore_ascii_case(first[*at]));
    let mut places = (0..first.len()).filter(differs);
    let (Some(at), None) = (places.next(), places.next()) else { return false };
    let is_number = all.iter().all(|words| words[at].bytes().all(|byte| byte.is_ascii_digit()));
    // A number alone, or WordNet's, may be a class.
    is_number && at.checked_sub(1).is_some_and(|before| !is_kind(first[before]) && first[before] != "n")
}

/// For a copy that a system made under another name, the key of what it is a copy of: `dogs - Copy (2)`, `dogs copy`, `Copy of
/// dogs`, `dogs (1)`.
pub fn copy_of(folder: &str) -> Option<String> {
    const COPY: [&str; 5] = ["copy", "kopie", "copie", "copia", "kopia"];
    const OF: [&str; 4] = ["of", "von", "de", "di"];
    let name = without_archive_ending(folder).trim_end();
    let numbered = name.strip_suffix(')').and_then(|name| name.rsplit_once('('));
    let numbered = numbered
        .filter(|(_, number)| (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()));
    let name = numbered.map_or(name, |(name, _)| name);
    let mut words: Vec<String> = words(name).into_iter().map(str::to_lowercase).collect();
    let is_copy = |word: &String| COPY.contains(&word.as_str());
    let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
    match &words[..] {
        [copy, of, _, ..] if is_copy(copy) && OF.contains(&of.as_str()) => words.drain(..2).for_each(drop),
        [_, .., copy, number] if is_copy(copy) && is_number(number) => words.truncate(words.len() - 2),
        [_, .., copy] if is_copy(copy) => words.truncate(words.len() - 1),
        _ if numbered.is_none() => return None,
        _ => {}
    }
    Some(words.join(" ")).filter(|original| !original.is_empty())
}

/// Whether a camera or a telephone names its folders so, which it begins anew when one is full or a day or month is over:
/// `100APPLE`, `101MSDCF`, `100_0525`, `202401__`.
///
/// Source: JEITA CP-3461 (DCF), three digits and five letters, digits or underscores.
fn is_of_camera(folder: &str) -> bool {
    let (number, letters) = folder.as_bytes().split_at(folder.len().min(3));
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    number.iter().all(u8::is_ascii_digit)
        && number.first().is_some_and(|digit| *digit != b'0')
        && letters.len() == 5
        && letters.iter().all(is_letter)
        && letters.iter().any(|byte| !byte.is_ascii_digit())
}

/// How exactly a folder's name is a date: 1 for a year, 2 with the month, 3 with the day; none of anything else.
pub fn date_of(folder: &str) -> Option<usize> {
    let words = words(folder);
    let number = |word: &str| word.parse::<u32>().ok().filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()));
    let is = |year: u32, month: u32, day: u32| {
        (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
    };
    let (exact, is_date) = match words[..] {
        [year] if year.len() == 4 => (1, is(number(year)?, 1, 1)),
        [day] if day.len() == 8 => (3, is(number(day)? / 10_000, number(day)? / 100 % 100, number(day)? % 100)),
        [year, month] if year.len() == 4 => (2, is(number(year)?, number(month)?, 1)),
        [year, month, day] if year.len() == 4 => (3, is(number(year)?, number(month)?, number(day)?)),
        _ => return None,
    };
    is_date.then_some(exact)
}

/// How good a version of pictures a folder holds by its name, if that says that it holds one of several; none if it says anything
/// else. The rank, and the side in pixels that it names.
pub fn version_of(folder: &str) -> Option<(Version, u32)> {
    let words = words(folder).into_iter().map(str::to_lowercase).collect::<Vec<_>>();
    let mut version = None;
    for word in &words {
        let of_word = match word.as_str() {
            "thumbnail" | "thumbnails" | "thumb" | "thumbs" | "preview" | "previews" => Version::Preview,
            "resized" | "resize" | "scaled" | "lr" | "segmented" | "grayscale" | "greyscale" | "gray" | "grey"
            | "augmented" | "augmentation" | "aug" | "wild" => Version::Derived,
            "processed" | "preprocessed" | "cropped" | "crops" | "aligned" => Version::Made,
            "original" | "originals" | "full" | "fullsize" | "color" | "colour" | "hr" | "raw" => Version::Original,
            "x" | "px" | "in" | "the" => continue,
            word if is_filler(word) => continue,
            _ => return None,
        };
        version = Some(version.map_or(of_word, |version: Version| version.min(of_word)));
    }
    // Other numbers are those of parts and years.
    let says_size = version.is_some() || words.iter().any(|word| ["x", "px"].contains(&word.as_str()));
    let sides = words.iter().filter_map(|word| word.parse().ok()).filter(|side| (16..=16384).contains(side));
    let sides = sides.filter(|_| says_size);
    Some((version.unwrap_or(Version::Plain), sides.max().unwrap_or(0)))
}

/// What a folder's name says of the version of the pictures in it, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Much smaller.
    Preview,
    /// Made of others, and less than they are.
    Derived,
    /// Made of others for a purpose.
    Made,
    /// Nothing.
    Plain,
    /// As they were taken.
    Original,
}

/// `German_shepherd` of `n02106662-German_shepherd`.
pub fn breed(folder: &str) -> Option<&str> {
    let (number, breed) = folder.strip_prefix('n')?.split_once('-')?;
    (number.len() == 8 && number.bytes().all(|digit| digit.is_ascii_digit()) && !breed.is_empty()).then_some(breed)
}

/// How surely the name of a folder, or the end of a file's name, says that pictures are masks of other pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MaskWord {
    /// Only if its pictures are stored without loss and belong to photographs.
    Perhaps,
    /// If its pictures are stored without loss.
    Surely,
}

/// What the words say on masks.
pub fn mask_word(name: &str) -> Option<MaskWord> {
    let of_word = |word: &str| match word.to_lowercase().as_str() {
        "mask" | "masks" | "trimap" | "trimaps" | "segmentation" | "segmentations" | "segmented" | "annotation"
        | "annotations" | "groundtruth" | "matte" | "mattes" | "silhouette" | "silhouettes" => Some(MaskWord::Surely),
        "seg" | "segs" | "gt" | "label" | "labels" | "truth" | "depth" | "parsing" | "semantic" => {
            Some(MaskWord::Perhaps)
        }
        // "trainannot" of CamVid is two words.
        word => ["annot", "mask", "masks"]
            .iter()
            .find_map(|ending| Split::of_certain(word.strip_suffix(ending)?))
            .map(|_| MaskWord::Surely),
    };
    if key(name).contains("ground truth") {
        return Some(MaskWord::Surely);
    }
    words(name).into_iter().filter_map(of_word).max()
}

/// Words beside those on masks in the names of masks: Cityscapes' `aachen_000000_000019_gtFine_labelIds`.
const BESIDE_MASKS: [&str; 8] = ["fine", "coarse", "ids", "id", "instance", "color", "colored", "train"];

/// `Abyssinian_1` of `Abyssinian_1_mask` and of `Abyssinian_1_mask_2`.
pub fn masked_stem(stem: &str) -> Option<&str> {
    let (mut rest, mut is_mask) = (stem, false);
    while let Some(word) = words(rest).pop() {
        let cut = rest[..rest.rfind(word)?].trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let is_mask_word = mask_word(word).is_some();
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let is_beside = BESIDE_MASKS.contains(&word.to_lowercase().as_str());
        // The number before the word is the picture's.
        if cut.is_empty() || !(is_mask_word || is_beside || is_number && !is_mask) {
            break;
        }
        is_mask |= is_mask_word;
        rest = cut;
    }
    is_mask.then_some(rest)
}

/// Words that say that pictures are what masks belong to.
const PICTURE_WORDS: [&str; 16] = [
    "image",
    "images",
    "img",
    "imgs",
    "jpegimages",
    "rgb",
    "photo",
    "photos",
    "picture",
    "pictures",
    "original",
    "originals",
    "input",
    "inputs",
    "frames",
    "sat",
];

/// Whether a name says that its pictures are what masks belong to.
pub fn says_pictures(name: &str) -> bool {
    words(name).into_iter().any(|word| PICTURE_WORDS.contains(&word.to_lowercase().as_str()))
}

/// `1` of DeepGlobe's `1_sat`, and `aachen_000000_000019` of Cityscapes' `aachen_000000_000019_leftImg8bit`.
pub fn pictured_stem(stem: &str) -> &str {
    let Some((rest, last)) = stem.rsplit_once(['_', '-', ' ']) else { return stem };
    let is_beside = |word: &&str| {
        PICTURE_WORDS.contains(&word.to_lowercase().as_str())
            || ["left", "right", "bit"].contains(&word.to_lowercase().as_str())
            || word.bytes().all(|byte| byte.is_ascii_digit())
    };
    if says_pictures(last) && words(last).iter().all(is_beside) { rest } else { stem }
}

/// A file's name without its folders and its ending.
pub fn stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.').map_or(file, |(stem, _)| if stem.is_empty() { file } else { stem })
}

/// Whether a file may hold the boxes of a picture: XML, or a file without an ending in a folder of annotations.
pub fn is_annotation(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let ending = file.rsplit_once('.').map(|(_, ending)| ending);
    match ending {
        Some(ending) => ending.eq_ignore_ascii_case("xml"),
        None => name.split('/').rev().skip(1).any(is_annotation_folder),
    }
}

/// Whether a file of masks would have the name: their few colours are stored without loss.
pub fn has_lossless_ending(name: &str) -> bool {
    has_picture_ending(name)
        && !["jpg", "jpeg", "jfif", "heic", "heif"]
            .iter()
            .any(|ending| name.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_whatever_their_case_and_separators() {
        assert_eq!(words("seg_trainA2"), ["seg", "train", "A", "2"]);
        assert_eq!(words(" Grands  chiens-des.Pyrénées "), ["Grands", "chiens", "des", "Pyrénées"]);
        assert_eq!(words("trainingSet"), ["training", "Set"]);
        assert_eq!(words("--"), Vec::<&str>::new());
        assert_eq!([key("Golden_Retriever"), key("golden retriever")], ["golden retriever"; 2]);
    }

    #[test]
    fn splits_are_known_by_a_word() {
        let split = |name| split_of(name).map(|(split, rest)| (split, rest.to_lowercase()));
        for name in ["train", "Training_Set", "TRAIN-images", "trainingSet", "train2017", "train.01", "train_val"] {
            assert_eq!(split(name), Some((Split::Training, String::new())), "{name}");
        }
        assert_eq!(split("valid"), Some((Split::Validation, String::new())));
        assert_eq!(split("test1"), Some((Split::Test, String::new())));
        assert_eq!(split("trainA"), Some((Split::Training, "a".to_owned())));
        assert_eq!(split("cats_test"), Some((Split::Test, "cats".to_owned())));
        for name in ["traindata", "train_images", "unlabeled_images", "images_background"] {
            assert_eq!(split(name), Some((Split::Training, String::new())), "{name}");
        }
        assert_eq!(split("testimages"), Some((Split::Test, String::new())));
        assert_eq!(split("DIV2K_train_HR"), Some((Split::Training, "div2k hr".to_owned())));
        assert_eq!(["test1", "extra", "cats_test"].map(certain_split), [Some(Split::Test), None, None]);
        for name in ["trains", "contest", "Valais", "cats"] {
            assert_eq!(split(name), None, "{name}");
        }
    }

    #[test]
    fn numbered_parts_have_their_name_in_common() {
        for [a, b] in [
            ["dogs-20260101T000000Z-001.zip", "dogs-20260101T000000Z-002.zip"],
            ["dogs (1).zip", "Dogs_2.zip"],
            ["dogs.part1.tar.gz", "dogs.part02.tgz"],
            ["images_001", "images_012"],
            ["1.zip", "2.zip"],
            ["HAM10000_images_part_1", "HAM10000_images_part_2"],
            ["iCloud Photos Part 1 of 3.zip", "iCloud Photos Part 2 of 3.zip"],
        ] {
            let common = [a, b].map(|name| part_of(name).map(|common| common.to_lowercase()));
            assert!(common[0].is_some() && common[0] == common[1], "{a} {b}: {common:?}");
        }
        for name in ["1", "2", "class 1", "pug 1", "class1.zip", "cats.zip"] {
            assert_eq!(part_of(name), None, "{name}");
        }
        for name in ["100APPLE", "101MSDCF", "999_FUJI", "202401__", "100_0525", "100___05"] {
            assert_eq!(part_of(name).as_deref(), Some(""), "{name}");
        }
        for name in ["n01440764.tar", "100apple", "10012345", "1000APPLE"] {
            assert_eq!(part_of(name), None, "{name}");
        }
        assert!(differ_in_one_number(&["OneDrive_1_1-2-2026.zip", "OneDrive_2_1-2-2026.zip"]));
        for others in
            [["a_1_2.zip", "a_2_1.zip"], ["class1.zip", "class2.zip"], ["n01440764.tar", "n01443537.tar"], ["a1", "a2"]]
        {
            assert!(!differ_in_one_number(&others), "{others:?}");
        }
        assert_eq!(without_archive_ending("dogs.TAR.gz"), "dogs");
        assert_eq!(without_archive_ending(".zip"), ".zip");
    }

    #[test]
    fn copies_and_dates_are_known() {
        for name in
            ["dogs - Copy", "Dogs copy", "dogs - Copy (2)", "dogs copy 2", "Copy of dogs", "dogs (1)", "dogs (1).zip"]
        {
            assert_eq!(copy_of(name).as_deref(), Some("dogs"), "{name}");
        }
        assert_eq!(["dogs", "dogs 2", "copy", "photocopy", "Golf (2012)"].map(copy_of), [const { None }; 5]);
        assert_eq!(["2023", "2023-05", "20230501", "2023_05_01"].map(date_of), [1, 2, 3, 3].map(Some));
        assert_eq!(["1234", "2023-13", "class 1", "200001", "20231301"].map(date_of), [None; 5]);
    }

    #[test]
    fn versions_say_so() {
        let best = ["thumbnails128x128", "in-the-wild-images", "resized", "64x64", "images1024x1024", "original"];
        let versions = best.map(|name| version_of(name).unwrap());
        assert!(versions.is_sorted(), "{versions:?}");
        assert_eq!(["cats", "grey dogs", "train"].map(version_of), [None; 3]);
        assert_eq!(["Photos 2019", "images_20"].map(version_of), [Some((Version::Plain, 0)); 2]);
    }

    #[test]
    fn masks_say_so() {
        assert_eq!(mask_word("trimaps"), Some(MaskWord::Surely));
        assert_eq!(mask_word("SegmentationClass"), Some(MaskWord::Surely));
        assert_eq!(mask_word("train_masks"), Some(MaskWord::Surely));
        assert_eq!(mask_word("gt"), Some(MaskWord::Perhaps));
        assert_eq!(mask_word("masked ball"), None);
        assert_eq!(masked_stem("benign (1)_mask_2"), Some("benign (1"));
        assert_eq!(masked_stem("ISIC_0001_segmentation"), Some("ISIC_0001"));
        assert_eq!(masked_stem("aachen_000000_000019_gtFine_labelIds"), Some("aachen_000000_000019"));
        assert_eq!([mask_word("ground_truth"), mask_word("trainannot")], [Some(MaskWord::Surely); 2]);
        assert_eq!([masked_stem("mask"), masked_stem("12"), masked_stem("cat_1")], [None; 3]);
        assert_eq!(["1_sat", "x_1_leftImg8bit", "a_1"].map(pictured_stem), ["1", "x_1", "a_1"]);
    }
}
