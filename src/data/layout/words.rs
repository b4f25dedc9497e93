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
        match word {
            "train" | "training" | "trainval" | "trainset" => Some(Self::Training),
            "val" | "valid" | "validation" | "validate" | "valset" | "dev" | "holdout" | "eval" | "evaluation" => {
                Some(Self::Validation)
            }
            "test" | "testing" | "tests" | "testset" | "pred" | "predict" | "prediction" | "predictions" => {
                Some(Self::Test)
            }
            _ => None,
        }
    }
}

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
    for word in words(folder) {
        let lower = word.to_lowercase();
        match Split::of_word(&lower) {
            // "train_val" is both, and learnt from.
            Some(found) => split = Some(split.map_or(found, |split: Split| split.min(found))),
            None if is_filler(&lower) => {}
            None => rest.push(word),
        }
    }
    Some((split?, rest.join(" ")))
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

/// For one of several numbered parts of the same thing, what they have in common: `dogs-2026-001.zip` and
/// `dogs-2026-002.zip`, `images_1` and `images_2`. A folder needs a name that says nothing else, an archive does not.
pub fn part_of(folder: &str) -> Option<String> {
    let name = without_archive_ending(folder);
    if is_of_camera(name) {
        return Some(String::new());
    }
    let words = words(name);
    let (number, common) = words.split_last()?;
    // WordNet's number of a class.
    if common == ["n"] && number.len() == 8 {
        return None;
    }
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let says_something = |word: &&str| !is_filler(&word.to_lowercase());
    let is_kind = |word: &&str| ["class", "label", "category"].contains(&word.to_lowercase().as_str());
    let is_part = match name == folder {
        true => !common.is_empty() && !common.iter().any(says_something),
        false => !common.iter().any(is_kind),
    };
    (is_number && is_part).then(|| common.join(" "))
}

/// Whether a camera or a telephone names its folders so, which it begins anew when one is full: `100APPLE`, `101MSDCF`.
///
/// Source: JEITA CP-3461 (DCF), three digits and five letters, digits or underscores.
fn is_of_camera(folder: &str) -> bool {
    let (number, letters) = folder.as_bytes().split_at(folder.len().min(3));
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    number.iter().all(u8::is_ascii_digit)
        && letters.len() == 5
        && letters.iter().all(is_letter)
        && letters.iter().any(u8::is_ascii_uppercase)
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
        _ => None,
    };
    words(name).into_iter().filter_map(of_word).max()
}

/// `Abyssinian_1` of `Abyssinian_1_mask` and of `Abyssinian_1_mask_2`.
pub fn masked_stem(stem: &str) -> Option<&str> {
    let mut rest = stem;
    while let Some(word) = words(rest).pop() {
        let cut = rest[..rest.rfind(word)?].trim_end_matches(|letter: char| !letter.is_alphanumeric());
        if mask_word(word).is_some() {
            return (!cut.is_empty()).then_some(cut);
        }
        if !word.bytes().all(|byte| byte.is_ascii_digit()) || cut.is_empty() {
            return None;
        }
        rest = cut;
    }
    None
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
        && !["jpg", "jpeg", "jfif"]
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
        ] {
            let common = [a, b].map(|name| part_of(name).map(|common| common.to_lowercase()));
            assert!(common[0].is_some() && common[0] == common[1], "{a} {b}: {common:?}");
        }
        for name in ["1", "2", "class 1", "pug 1", "class1.zip", "cats.zip"] {
            assert_eq!(part_of(name), None, "{name}");
        }
        for name in ["100APPLE", "101MSDCF", "999_FUJI"] {
            assert_eq!(part_of(name).as_deref(), Some(""), "{name}");
        }
        for name in ["n01440764.tar", "100apple", "10012345", "1000APPLE"] {
            assert_eq!(part_of(name), None, "{name}");
        }
        assert_eq!(without_archive_ending("dogs.TAR.gz"), "dogs");
        assert_eq!(without_archive_ending(".zip"), ".zip");
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
        assert_eq!([masked_stem("mask"), masked_stem("12"), masked_stem("cat_1")], [None; 3]);
    }
}
