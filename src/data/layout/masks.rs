//! Pictures that mark something in other pictures: masks, trimaps, segmentations.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::words::{MaskWord, has_lossless_ending, key, mask_word, masked_stem, stem, words};

/// Indices of the `pictures` that are masks of others: their names say so, and the pictures that they belong to are there.
/// Both are needed, as "mask" may be a class too.
pub fn masks(names: &[String], pictures: &[usize]) -> HashSet<usize> {
    let (mut in_folders, mut others) = (BTreeMap::<(&str, MaskWord), Vec<usize>>::new(), Vec::new());
    for index in pictures {
        match mask_folder(&names[*index]) {
            Some(folder) => in_folders.entry(folder).or_default().push(*index),
            None => others.push(*index),
        }
    }
    // Whether each may be a mask itself: photographs are seldom stored without loss.
    let mut originals: HashMap<String, bool> = HashMap::new();
    for index in &others {
        let name = &names[*index];
        *originals.entry(key(stem(name))).or_default() |= has_lossless_ending(name) && !says_pictures(name);
    }
    let fits = |index: &usize, stem: &str, word: MaskWord| {
        let is_doubtful = originals.get(&key(stem));
        is_doubtful.is_some_and(|is_doubtful| word == MaskWord::Surely || !is_doubtful)
            && has_lossless_ending(&names[*index])
    };
    let mut masks = HashSet::new();
    for ((_, word), files) in in_folders {
        let of_whole = |index: &&usize| {
            let stem = stem(&names[**index]);
            fits(index, stem, word) || masked_stem(stem).is_some_and(|stem| fits(index, stem, word))
        };
        if 2 * files.iter().filter(of_whole).count() >= files.len() {
            masks.extend(files);
        }
    }
    masks.extend(others.into_iter().filter(|index| {
        let stem = stem(&names[*index]);
        let word = mask_word(stem).unwrap_or(MaskWord::Perhaps);
        masked_stem(stem).is_some_and(|original| fits(index, original, word))
    }));
    masks
}

/// Whether a folder is named after pictures, as the other one of `images` and `labels`.
fn says_pictures(name: &str) -> bool {
    let known =
        ["image", "images", "img", "imgs", "jpegimages", "rgb", "photos", "pictures", "originals", "inputs", "frames"];
    name.split('/').rev().skip(1).flat_map(words).any(|word| known.contains(&word.to_lowercase().as_str()))
}

/// The folder of a file that is named after masks, with those around it.
fn mask_folder(name: &str) -> Option<(&str, MaskWord)> {
    let mut start = 0;
    for (end, _) in name.match_indices('/') {
        if let Some(word) = mask_word(&name[start..end]) {
            return Some((&name[..end], word));
        }
        start = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<usize> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut found: Vec<usize> = masks(&names, &(0..names.len()).collect::<Vec<_>>()).into_iter().collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn masks_lie_in_a_folder_or_say_so_themselves() {
        assert_eq!(found(&["annotations/trimaps/a_1.png", "images/a_1.jpg", "images/a_2.jpg"]), [0]);
        assert_eq!(found(&["JPEGImages/1.jpg", "SegmentationClass/1.png", "SegmentationObject/1.png"]), [1, 2]);
        assert_eq!(found(&["train/1.jpg", "train_masks/1_mask.gif", "train_masks/2_mask.gif"]), [1, 2]);
        assert_eq!(found(&["x/1/images/a.png", "x/1/masks/a.png"]), [1]);
        assert_eq!(found(&["benign (1).png", "benign (1)_mask.png", "benign (1)_mask_1.png"]), [1, 2]);
        assert_eq!(found(&["input/1.jpg", "gt/1.png"]), [1]);
        assert_eq!(found(&["images/1.png", "labels/1.png"]), [1]);
    }

    #[test]
    fn what_belongs_to_no_other_picture_is_no_mask() {
        assert!(found(&["with_mask/1.png", "without_mask/1.png"]).is_empty());
        assert!(found(&["mask/a.jpg", "face/a.jpg"]).is_empty(), "photographs");
        assert!(found(&["masks/venice.png", "hats/bowler.png"]).is_empty());
        assert!(found(&["gt/1.png", "audi/1.png"]).is_empty());
        assert!(found(&["a_mask.png"]).is_empty());
        assert!(found(&["grey.jpg", "grey_alpha.png"]).is_empty());
    }
}
