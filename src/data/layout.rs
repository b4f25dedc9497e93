//! What to read of a source, decided by the names of its files.
//!
//! So the same files are the same data set, whether they lie in a folder, lie in an archive or are dropped on the page.

use std::collections::{BTreeSet, HashMap};

use super::annotation::is_annotation_folder;
use super::{Color, Cut, DataError, DatasetBuilder, IdxKind, Preparation};
use crate::config::Crop;

/// How a source is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Pictures without classes, in whatever folders.
    Plain,
    /// At least two folders with pictures, and none beside them: each is a class.
    Classes,
    /// `Images/n02085620-Chihuahua/n02085620_7.jpg`, a folder for each breed, with or without boxes in
    /// `Annotation/n02085620-Chihuahua/n02085620_7`. Source: <http://vision.stanford.edu/aditya86/ImageNetDogs/>.
    StanfordDogs,
    /// The format of MNIST: pictures in one file, their labels in another. The numbers are indices into the names.
    Idx {
        /// The file of pictures.
        pictures: usize,
        /// The file of labels, if there is one.
        labels: Option<usize>,
    },
}

/// What to read of a source, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the source is.
    pub layout: Layout,
    /// Names of the classes; empty if there are none, or if they are only known from the files (idx).
    pub classes: Vec<String>,
    /// The files to read, in the order of the data set; empty for [`Layout::Idx`].
    pub entries: Vec<Entry>,
    /// How every picture is cut.
    pub cut: Cut,
    exclude_flagged: bool,
    notes: Vec<String>,
}

/// One file to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index into the names.
    pub index: usize,
    /// Index into the plan's `classes`; none if there are no classes, or if the file lies in none of their folders.
    pub class: Option<u32>,
    /// Index of the file with its boxes; only if boxes are asked for.
    pub annotation: Option<usize>,
}

/// The most folders that are taken for classes: as many as ImageNet has. More are just a way to store files.
const MAX_CLASSES: usize = 1000;

impl Plan {
    /// Decides on a source called `source` by the names of its files, which are relative, with `/` between the parts,
    /// and sorted.
    ///
    /// Folders that contain everything are ignored: it makes no difference whether a folder is chosen itself, as part
    /// of another one, or in an archive. `idx` are those of [`idx_candidates`] that are idx files by their content. If
    /// MNIST's training set and its test set (`t10k-*`) are both there, the training set is read.
    ///
    /// # Errors
    /// [`DataError::IdxWithoutPictures`] if there are only labels; [`DataError::IdxChoice`] if there are several sets
    /// of idx files.
    pub fn new(
        source: &str,
        names: &[String],
        idx: &[(usize, IdxKind)],
        preparation: Preparation,
    ) -> Result<Self, DataError> {
        let has_pictures = names.iter().any(|name| has_picture_ending(name));
        let found = find_idx(source, names, idx, has_pictures)?;
        let mut plan = match found {
            Some(layout) => Self::empty(layout, preparation),
            None => Self::for_pictures(names, preparation),
        };
        if found.is_some() && has_pictures {
            plan.notes.push(format!("{source} holds idx files. Only these were read, not the pictures beside them."));
        }
        if found.is_some() && plan.cut.crop != Crop::Whole {
            plan.notes.push("idx files have no boxes to crop to, so their pictures are used whole.".to_owned());
        }
        Ok(plan)
    }

    fn empty(layout: Layout, preparation: Preparation) -> Self {
        let color = match layout {
            Layout::Idx { .. } => Color::Grey,
            Layout::Plain | Layout::Classes | Layout::StanfordDogs => Color::Rgb,
        };
        Self {
            layout,
            classes: Vec::new(),
            entries: Vec::new(),
            cut: preparation.cut(color),
            exclude_flagged: preparation.exclude_flagged,
            notes: Vec::new(),
        }
    }

    fn for_pictures(names: &[String], preparation: Preparation) -> Self {
        let tree = Tree::new(names);
        let layout = tree.layout();
        let mut plan = Self::empty(layout, preparation);
        let class_of = |parts: &Parts| class_folder(layout, parts).map(class_name);
        let classes: BTreeSet<String> =
            tree.pictures.iter().filter_map(|&index| class_of(&tree.entries[index])).collect();
        let labels: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let annotations: HashMap<_, _> = match layout {
            Layout::StanfordDogs => {
                tree.entries.iter().zip(0..).filter_map(|(p, i)| Some((annotates(p)?, i))).collect()
            }
            Layout::Plain | Layout::Classes | Layout::Idx { .. } => HashMap::new(),
        };
        for (index, parts) in tree.entries.iter().enumerate() {
            if layout == Layout::StanfordDogs && annotates(parts).is_some() {
                continue;
            }
            let class = class_of(parts).and_then(|class| labels.get(class.as_str()).copied());
            let annotation = annotated_as(parts).and_then(|key| annotations.get(&key).copied());
            plan.entries.push(Entry { index, class, annotation: annotation.filter(|_| plan.cut.crop != Crop::Whole) });
        }
        plan.classes = classes.into_iter().collect();
        plan
    }

    /// A builder for the data set that the plan describes, called `source`.
    pub fn builder(&self, source: &str) -> DatasetBuilder {
        let builder = DatasetBuilder::for_cut(source, self.cut).classes(self.classes.clone());
        let builder = builder.excluding_flagged(self.exclude_flagged);
        self.notes.iter().fold(builder, |builder, note| builder.note(note.clone()))
    }
}

/// The folders and the file of a name, below the folders that contain all pictures; empty for a file elsewhere.
type Parts<'a> = Vec<&'a str>;

struct Tree<'a> {
    /// In the order of the names.
    entries: Vec<Parts<'a>>,
    /// Indices of the files with the ending of a picture; if there are none, of all files.
    pictures: Vec<usize>,
}

impl<'a> Tree<'a> {
    fn new(names: &'a [String]) -> Self {
        let mut entries: Vec<Parts> = names.iter().map(|name| name.split('/').collect()).collect();
        let mut pictures: Vec<usize> = (0..names.len()).filter(|&index| has_picture_ending(&names[index])).collect();
        if pictures.is_empty() {
            pictures.extend(0..names.len());
        }
        let root = root(pictures.iter().map(|&index| &entries[index]));
        for parts in &mut entries {
            let is_below = parts.len() > root.len() && parts.starts_with(&root);
            parts.drain(..if is_below { root.len() } else { parts.len() });
        }
        Self { entries, pictures }
    }

    fn layout(&self) -> Layout {
        let pictures = || self.pictures.iter().map(|&index| &self.entries[index]);
        if pictures().any(|parts| class_folder(Layout::StanfordDogs, parts).and_then(breed).is_some()) {
            return Layout::StanfordDogs;
        }
        let folders: Option<BTreeSet<&str>> = pictures().map(|parts| class_folder(Layout::Classes, parts)).collect();
        match folders {
            Some(folders) if (2..=MAX_CLASSES).contains(&folders.len()) => Layout::Classes,
            _ => Layout::Plain,
        }
    }
}

/// The folders that contain all pictures, down to the one that contains `Images`, if there is one.
fn root<'a, 'b: 'a>(mut pictures: impl Iterator<Item = &'a Parts<'b>>) -> Parts<'b> {
    let folders = |parts: &Parts<'b>| parts[..parts.len() - 1].to_vec();
    let first = pictures.next().map_or_else(Vec::new, folders);
    let mut common = pictures.fold(first, |mut common, parts| {
        let shared = common.iter().zip(folders(parts)).take_while(|(a, b)| *a == b).count();
        common.truncate(shared);
        common
    });
    if let Some(images) = common.iter().position(|folder| is_images(folder)) {
        common.truncate(images);
    }
    common
}

fn is_images(folder: &str) -> bool {
    folder.eq_ignore_ascii_case("images")
}

/// The folder that is a file's class.
fn class_folder<'a>(layout: Layout, parts: &Parts<'a>) -> Option<&'a str> {
    match (layout, &parts[..]) {
        (Layout::StanfordDogs, [images, folder, _, ..]) if is_images(images) => Some(*folder),
        (Layout::Classes, [folder, _, ..]) => Some(*folder),
        _ => None,
    }
}

/// Name of a class: that of its folder, without the WordNet number in front of a breed.
fn class_name(folder: &str) -> String {
    breed(folder).map_or_else(|| folder.to_owned(), |breed| breed.replace('_', " "))
}

/// `German_shepherd` of `n02106662-German_shepherd`.
fn breed(folder: &str) -> Option<&str> {
    let (number, breed) = folder.strip_prefix('n')?.split_once('-')?;
    (number.len() == 8 && number.bytes().all(|digit| digit.is_ascii_digit()) && !breed.is_empty()).then_some(breed)
}

/// For an annotation: folder, and name without ending, of its picture.
fn annotates<'a>(parts: &Parts<'a>) -> Option<(&'a str, &'a str)> {
    match parts[..] {
        [top, folder, file] if is_annotation_folder(top) => Some((folder, file.strip_suffix(".xml").unwrap_or(file))),
        _ => None,
    }
}

/// For a picture: folder, and name without ending, by which its annotation is found.
fn annotated_as<'a>(parts: &Parts<'a>) -> Option<(&'a str, &'a str)> {
    match parts[..] {
        [images, folder, file] if is_images(images) => {
            Some((folder, file.rsplit_once('.').map_or(file, |(stem, _)| stem)))
        }
        _ => None,
    }
}

/// Whether a file has the name of a picture. This is only a hint on the layout; the content decides what is a picture.
pub(super) fn has_picture_ending(name: &str) -> bool {
    const ENDINGS: [&str; 9] = ["jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff"];
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
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

/// Whether the names of two idx files differ only as those of pictures and their labels do, or in `.gz`.
pub fn is_idx_pair(a: &str, b: &str) -> bool {
    idx_set(a) == idx_set(b)
}

/// The part that the names of pictures and their labels have in common.
fn idx_set(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    plain.replace("images", "").replace("labels", "").replace("idx3", "idx").replace("idx1", "idx")
}

fn find_idx(
    source: &str,
    names: &[String],
    idx: &[(usize, IdxKind)],
    has_pictures: bool,
) -> Result<Option<Layout>, DataError> {
    let of_kind = |kind| {
        let mut files: Vec<usize> = idx.iter().filter(|(_, found)| *found == kind).map(|(index, _)| *index).collect();
        // If a file is there both packed and unpacked, the unpacked one is used: its name comes first.
        files.dedup_by(|b, a| is_idx_pair(&names[*a], &names[*b]));
        files
    };
    let (mut pictures, labels) = (of_kind(IdxKind::Pictures), of_kind(IdxKind::Labels));
    if let ([], [first, ..], false) = (&pictures[..], &labels[..], has_pictures) {
        return Err(DataError::IdxWithoutPictures { name: source.to_owned(), labels: names[*first].clone() });
    }
    let is_only_set = pictures.len() == 1 && labels.len() == 1;
    let is_for_training = |index: &usize| {
        let name = names[*index].rsplit('/').next().unwrap_or_default();
        name.to_ascii_lowercase().contains("train")
    };
    if pictures.iter().any(is_for_training) {
        pictures.retain(is_for_training);
    }
    match pictures[..] {
        [] => Ok(None),
        [pictures] => {
            let own =
                labels.iter().copied().find(|labels| is_only_set || is_idx_pair(&names[pictures], &names[*labels]));
            Ok(Some(Layout::Idx { pictures, labels: own }))
        }
        _ => {
            let files = pictures.iter().map(|index| names[*index].as_str()).collect::<Vec<_>>().join(", ");
            Err(DataError::IdxChoice { name: source.to_owned(), files })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preparation() -> Preparation {
        Preparation::plain(32)
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn plan(names: &[&str]) -> Plan {
        Plan::new("source", &owned(names), &[], preparation()).unwrap()
    }

    fn labels(plan: &Plan) -> Vec<Option<u32>> {
        plan.entries.iter().map(|entry| entry.class).collect()
    }

    #[test]
    fn folders_beside_each_other_are_classes() {
        let flat = plan(&["a.jpg", "b.jpg", "notes.txt"]);
        assert_eq!((flat.layout, labels(&flat)), (Layout::Plain, vec![None; 3]));
        let classes =
            plan(&["cats/1.jpg", "cats/old/2.jpg", "dogs/3.PNG", "dogs/4", "notes/read me.txt", "read me.txt"]);
        assert_eq!(classes.layout, Layout::Classes);
        assert_eq!(classes.classes, ["cats", "dogs"]);
        assert_eq!(labels(&classes), [Some(0), Some(0), Some(1), Some(1), None, None]);
        assert_eq!(classes.cut.target.color, Color::Rgb);
    }

    #[test]
    fn a_picture_beside_the_folders_or_a_single_folder_means_no_classes() {
        assert_eq!(plan(&["cats/1.jpg", "cover.jpg", "dogs/3.jpg"]).layout, Layout::Plain);
        assert_eq!(plan(&["cats/1.jpg", "cats/2.jpg"]).layout, Layout::Plain);
        assert_eq!(plan(&["1", "2"]).layout, Layout::Plain);
        let hoard: Vec<String> = (0..=MAX_CLASSES).map(|day| format!("{day:04}/1.jpg")).collect();
        assert_eq!(Plan::new("source", &hoard, &[], preparation()).unwrap().layout, Layout::Plain);
        assert_eq!(Plan::new("source", &hoard[1..], &[], preparation()).unwrap().classes.len(), MAX_CLASSES);
    }

    #[test]
    fn folders_around_everything_do_not_count() {
        let names = ["archive/pets/cats/1.jpg", "archive/pets/dogs/2.jpg", "archive/read me.txt"];
        let plan = plan(&names);
        assert_eq!(plan.classes, ["cats", "dogs"]);
        assert_eq!(labels(&plan), [Some(0), Some(1), None]);
    }

    const STANFORD: [&str; 7] = [
        "Annotation/n02085620-Chihuahua/n02085620_1",
        "Annotation/n02106662-German_shepherd/n02106662_1",
        "Annotation/n02106662-German_shepherd/n02106662_2.xml",
        "Images/n02085620-Chihuahua/n02085620_1.jpg",
        "Images/n02106662-German_shepherd/n02106662_2.jpg",
        "Images/n02106662-German_shepherd/n02106662_3.jpg",
        "file_list.mat",
    ];

    #[test]
    fn stanford_dogs_are_known_by_their_folders() {
        let plan = plan(&STANFORD);
        assert_eq!(plan.layout, Layout::StanfordDogs);
        assert_eq!(plan.classes, ["Chihuahua", "German shepherd"]);
        assert_eq!(labels(&plan), [Some(0), Some(1), Some(1), None]);
        assert_eq!(plan.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!(plan.entries.iter().all(|entry| entry.annotation.is_none()), "boxes were not asked for");
    }

    #[test]
    fn boxes_are_found_wherever_the_two_folders_lie() {
        for prefix in ["", "dogs/", "download/Stanford Dogs/"] {
            for images in ["Images", "images"] {
                let place = |name: &&str| format!("{prefix}{}", name.replace("Images", images));
                let names: Vec<String> = STANFORD.iter().map(place).collect();
                let plan = Plan::new("source", &names, &[], Preparation { crop: Crop::Box, ..preparation() }).unwrap();
                let found: Vec<_> = plan.entries.iter().map(|entry| entry.annotation).collect();
                assert_eq!(found, [Some(0), Some(2), None, None], "{prefix}{images}");
            }
        }
    }

    #[test]
    fn the_pictures_of_stanford_dogs_alone_have_their_breeds_too() {
        let plan = plan(&["n02085620-Chihuahua/1.jpg", "n02106662-German_shepherd/1.jpg"]);
        assert_eq!((plan.layout, &plan.classes[..]), (Layout::Classes, &owned(&["Chihuahua", "German shepherd"])[..]));
        let one_breed = ["Images/n02085620-Chihuahua/1.jpg", "Images/n02085620-Chihuahua/2.jpg"];
        assert_eq!(super::tests::plan(&one_breed).classes, ["Chihuahua"]);
    }

    /// As a front end would find it.
    fn idx_plan(names: &[&str]) -> Result<Plan, DataError> {
        let names = owned(names);
        let kind = |index: usize| match names[index].as_str() {
            name if name.contains("label") => Some(IdxKind::Labels),
            name if name.contains("image") => Some(IdxKind::Pictures),
            _ => None,
        };
        let idx: Vec<_> = idx_candidates(&names).filter_map(|index| Some((index, kind(index)?))).collect();
        Plan::new("source", &names, &idx, preparation())
    }

    #[test]
    fn the_training_set_is_read_with_its_labels() {
        let all = [
            "mnist/read me.txt",
            "mnist/t10k-images-idx3-ubyte.gz",
            "mnist/t10k-labels-idx1-ubyte.gz",
            "mnist/train-images-idx3-ubyte",
            "mnist/train-images-idx3-ubyte.gz",
            "mnist/train-labels-idx1-ubyte.gz",
        ];
        let plan = idx_plan(&all).unwrap();
        assert_eq!(plan.layout, Layout::Idx { pictures: 3, labels: Some(5) }, "the unpacked file of the two");
        assert_eq!(plan.cut.target.color, Color::Grey);
        assert!(plan.entries.is_empty() && plan.notes.is_empty());
        let test_set = idx_plan(&all[..3]).unwrap();
        assert_eq!(test_set.layout, Layout::Idx { pictures: 1, labels: Some(2) });
        assert_eq!(idx_plan(&all[..2]).unwrap().layout, Layout::Idx { pictures: 1, labels: None });
        assert_eq!(
            idx_plan(&["an image.gz", "my labels.gz"]).unwrap().layout,
            Layout::Idx { pictures: 0, labels: Some(1) }
        );
        let with_logo = idx_plan(&["logo.png", "train-images-idx3-ubyte"]).unwrap();
        assert!(with_logo.notes[0].starts_with("source holds idx files"), "{:?}", with_logo.notes);
    }

    #[test]
    fn labels_alone_and_several_sets_are_explained() {
        let sentence = idx_plan(&["train-labels-idx1-ubyte.gz"]).unwrap_err().to_string();
        assert!(sentence.contains("train-labels-idx1-ubyte.gz in source holds only labels"), "{sentence}");
        let two = ["emnist-digits-train-images-idx3-ubyte", "emnist-letters-train-images-idx3-ubyte"];
        let sentence = idx_plan(&two).unwrap_err().to_string();
        assert!(sentence.contains("emnist-digits-train-images-idx3-ubyte, emnist-letters"), "{sentence}");
    }
}
