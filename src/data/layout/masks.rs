//! Pictures that mark something in other pictures: masks, trimaps, segmentations.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::words::{
    MaskWord, has_lossless_ending, key, mask_word, masked_stem, pictured_stem, says_pictures, split_of, stem, words,
};

/// Indices of the `pictures` that are masks of others: their names say so, and the pictures that they belong to are there.
/// Both are needed, as "mask" may be a class too.
pub fn masks(names: &[String], pictures: &[usize]) -> HashSet<usize> {
    let around = common_folders(names, pictures);
    let (mut in_folders, mut others) = (BTreeMap::<(&str, MaskWord), Vec<usize>>::new(), Vec::new());
    for index in pictures {
        match mask_folder(&names[*index], around) {
            Some(folder) => in_folders.entry(folder).or_default().push(*index),
            None => others.push(*index),
        }
    }
    let originals = Originals::new(names, &others);
    let mut masks = HashSet::new();
    for ((folder, word), files) in in_folders {
        let (place, own) = folder.rsplit_once('/').unwrap_or(("", folder));
        let beside = originals.beside(place);
        // A class among others, as `mask` beside `hat` and `glasses`, or `unmasked`.
        let says_of_it = |name: &&str| says_pictures(name) || is_rest(own, name);
        let related = beside.iter().copied().filter(says_of_it).collect::<Vec<_>>();
        let is_opposite = |name: &&str| key(name).contains("mask");
        let unrelated = beside.iter().filter(|name| split_of(name).is_none() && !says_of_it(name)).count();
        let is_weak = |name: &&str| ["photo", "photos", "picture", "pictures"].contains(&key(name).as_str());
        let most = if related.is_empty() { 1 } else { 0 };
        let is_among_classes =
            ["mask", "masks"].contains(&key(own).as_str()) && unrelated > most && related.iter().all(is_weak);
        if is_among_classes || related.is_empty() && beside.iter().any(is_opposite) {
            others.extend(files);
            continue;
        }
        let mut known = HashMap::new();
        let mut of_whole = |index: &&usize| {
            let stem = stem(&names[**index]);
            let mut fits = |stem| originals.fits(**index, stem, word, place, &related, &mut known);
            fits(stem) || masked_stem(stem).is_some_and(fits)
        };
        // Beside a folder of pictures, whatever the files of masks are called.
        let is_of_pictures = || {
            let are_lossless = files.iter().all(|index| has_lossless_ending(&names[*index]));
            word == MaskWord::Surely && are_lossless && beside.iter().any(|name| says_pictures(name))
        };
        let whole = files.iter().filter(|index| of_whole(index)).count();
        if 2 * whole >= files.len() || is_of_pictures() {
            masks.extend(files);
        }
    }
    let mut known: HashMap<&str, HashMap<String, Option<Original>>> = HashMap::new();
    masks.extend(others.into_iter().filter(|index| {
        let name = &names[*index];
        let (place, stem) = (name.rsplit_once('/').map_or("", |(place, _)| place), stem(name));
        let word = mask_word(stem).unwrap_or(MaskWord::Perhaps);
        let known = known.entry(place).or_default();
        masked_stem(stem).is_some_and(|original| originals.fits(*index, original, word, place, &[], known))
    }));
    masks
}

/// The pictures that masks may belong to.
struct Originals<'a> {
    names: &'a [String],
    /// The pictures of each name.
    by_stem: HashMap<String, Vec<usize>>,
    /// The folders of pictures in each folder.
    folders: HashMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Originals<'a> {
    fn new(names: &'a [String], pictures: &[usize]) -> Self {
        let (mut by_stem, mut folders) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, BTreeSet<_>>::new());
        for index in pictures {
            let name = &names[*index];
            let stem = stem(name);
            for stem in BTreeSet::from([key(stem), key(pictured_stem(stem))]) {
                by_stem.entry(stem).or_default().push(*index);
            }
            let mut start = 0;
            for (end, _) in name.match_indices('/') {
                folders.entry(&name[..start.max(1) - 1]).or_default().insert(&name[start..end]);
                start = end + 1;
            }
        }
        Self { names, by_stem, folders }
    }

    /// The folders of pictures right in `place`.
    fn beside(&self, place: &str) -> Vec<&'a str> {
        self.folders.get(place).into_iter().flatten().copied().collect()
    }

    /// Whether there is a picture that the file at `index` may be a mask of. `known` is of masks in one `place` alone.
    fn fits(
        &self,
        index: usize,
        stem: &str,
        word: MaskWord,
        place: &str,
        related: &[&str],
        known: &mut HashMap<String, Option<Original>>,
    ) -> bool {
        let original = *known.entry(key(stem)).or_insert_with_key(|stem| self.original(stem, place, related));
        let is_lossless = || has_lossless_ending(&self.names[index]);
        match original {
            None => false,
            Some(Original::Related) => word == MaskWord::Surely || is_lossless(),
            Some(Original::Photograph) => is_lossless(),
            Some(Original::Doubtful) => word == MaskWord::Surely && is_lossless(),
        }
    }

    /// What is called `stem`. `related`: folders right in `place` that say that masks belong to them.
    fn original(&self, stem: &str, place: &str, related: &[&str]) -> Option<Original> {
        let all = self.by_stem.get(stem)?;
        let name = |index: &usize| self.names[*index].as_str();
        // Names are sorted, so those in one place are neighbours.
        let prefix = if place.is_empty() { String::new() } else { format!("{place}/") };
        let here = &all[all.partition_point(|index| name(index) < prefix.as_str())..];
        let here = &here[..here.partition_point(|index| name(index).starts_with(&prefix))];
        // Those nearest to it, if there are any.
        let found = if here.is_empty() { &all[..] } else { here };
        let is_related = |index: &usize| {
            let folder = name(index).strip_prefix(&prefix).and_then(|rest| rest.split('/').next());
            folder.is_some_and(|folder| related.contains(&folder))
        };
        if found.iter().any(is_related) {
            return Some(Original::Related);
        }
        // Whether it may be a mask itself: photographs are seldom stored without loss.
        let is_doubtful = |index: &usize| {
            let name = name(index);
            has_lossless_ending(name) && !name.split('/').rev().skip(1).any(says_pictures)
        };
        Some(if found.iter().any(is_doubtful) { Original::Doubtful } else { Original::Photograph })
    }
}

/// What a mask may belong to.
#[derive(Clone, Copy, Debug)]
enum Original {
    /// A picture in a folder that belongs to that of the masks.
    Related,
    /// One that is no mask itself.
    Photograph,
    /// One that may be.
    Doubtful,
}

/// Whether a folder of masks is named after another folder: `train_labels` after `train`.
fn is_rest(folder: &str, other: &str) -> bool {
    let rest: Vec<&str> = words(folder).into_iter().filter(|word| mask_word(word).is_none()).collect();
    !rest.is_empty() && key(&rest.join(" ")) == key(other)
}

/// The path of the folders around all pictures, with its slash: their names say nothing of some of them.
fn common_folders<'a>(names: &'a [String], pictures: &[usize]) -> &'a str {
    let folder = |index: &usize| {
        let name = names[*index].as_str();
        &name[..name.rfind('/').map_or(0, |end| end + 1)]
    };
    let Some(mut common) = pictures.first().map(folder) else { return "" };
    for index in pictures {
        while !folder(index).starts_with(common) {
            common = &common[..common[..common.len() - 1].rfind('/').map_or(0, |end| end + 1)];
        }
    }
    common
}

/// The folder of a file that is named after masks, with those around it; inside of `around`.
fn mask_folder<'a>(name: &'a str, around: &str) -> Option<(&'a str, MaskWord)> {
    let mut start = around.len();
    for (end, _) in name.match_indices('/').filter(|(end, _)| *end >= around.len()) {
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
        assert_eq!(found(&["Dataset_with_GT/benign/1.png", "Dataset_with_GT/benign/1_mask.png"]), [1]);
        assert_eq!(found(&["Lung Segmentation/CXR_png/1.png", "Lung Segmentation/masks/1_mask.png"]), [1]);
        assert_eq!(found(&["Kvasir/images/a.jpg", "Kvasir/masks/a.jpg"]), [1], "lossy masks");
        assert_eq!(found(&["00ae/images/00ae.png", "00ae/masks/07a9.png", "00ae/masks/0e54.png"]), [1, 2]);
        assert_eq!(found(&["train/1_sat.jpg", "train/1_mask.png"]), [1]);
        assert_eq!(found(&["CelebA-HQ-img/0.jpg", "CelebAMask-HQ-mask-anno/0/00000_hair.png"]), [1]);
        let town = [
            "leftImg8bit/a/a_0_1_leftImg8bit.png",
            "gtFine/a/a_0_1_gtFine_labelIds.png",
            "gtFine/a/a_0_1_gtFine_color.png",
        ];
        assert_eq!(found(&town), [1, 2]);
        assert_eq!(found(&["ground_truth/cut/000_mask.png", "test/cut/000.png", "train/good/000.png"]), [0]);
        assert_eq!(found(&["train/1.png", "train_labels/1.png", "val/2.png", "val_labels/2.png"]), [1, 3]);
        assert_eq!(found(&["train/image/0.png", "train/label/0.png", "test/0.png"]), [1]);
        assert_eq!(found(&["train/1.png", "trainannot/1.png"]), [1]);
    }

    #[test]
    fn what_belongs_to_no_other_picture_is_no_mask() {
        assert!(found(&["with_mask/1.png", "without_mask/1.png"]).is_empty());
        assert!(found(&["mask/a.jpg", "face/a.jpg"]).is_empty(), "photographs");
        assert!(found(&["masks/venice.png", "hats/bowler.png"]).is_empty());
        assert!(found(&["gt/1.png", "audi/1.png"]).is_empty());
        assert!(found(&["glasses/1.png", "hat/1.png", "mask/1.png"]).is_empty());
        assert!(found(&["mask/1.png", "unmasked/1.png"]).is_empty());
        assert!(found(&["mask/1.png", "photo/1.png", "real/1.png"]).is_empty());
        assert_eq!(found(&["benign/1.png", "malignant/2.png", "segmentations/1.png", "segmentations/2.png"]), [2, 3]);
        assert!(found(&["a_mask.png"]).is_empty());
        assert!(found(&["grey.jpg", "grey_alpha.png"]).is_empty());
    }
}
