//! What to read of a source, decided by the names of its files, and by the few among them that say what the others are.
//!
//! So the same files are the same data set, whether they lie in a folder, lie in an archive or are dropped on the page.
//! [`words`] says what names mean, [`levels`] which folders are classes, [`labels`] what a table says of classes, [`masks`]
//! and [`boxes`] which files belong to pictures, [`copies`] which are there more than once, [`splits`] what is left out,
//! [`idx_sets`] which idx files belong together.

mod boxes;
mod copies;
mod idx_sets;
mod labels;
mod levels;
mod masks;
mod splits;
mod words;

use std::collections::{BTreeSet, HashSet};

use self::boxes::Boxes;
use self::copies::Spare;
use self::idx_sets::find_idx;
pub(super) use self::idx_sets::idx_candidates;
pub use self::idx_sets::{IdxFile, is_idx_pair};
pub use self::labels::FoundTable;
use self::labels::Labels;
pub(super) use self::labels::promises_labels;
use self::levels::Levels;
use self::masks::masks;
use self::splits::{Splitting, no_split};
pub(super) use self::words::{is_annotation, without_archive_ending, words};
use super::{Color, Cut, DataError, DatasetBuilder, Preparation};
use crate::config::Crop;

/// How a source is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Pictures without classes, in whatever folders.
    Plain,
    /// Pictures of classes, which are folders beside each other or in a table.
    Classes,
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

/// What files say that have to be opened before anything is decided.
#[derive(Clone, Debug, Default)]
pub struct Clues {
    /// Those of [`idx_candidates`] that are idx files by their content.
    pub idx: Vec<IdxFile>,
    /// Tables that may hold the classes of the pictures.
    pub tables: Vec<FoundTable>,
}

/// The most folders that are taken for classes: as many as ImageNet has. More are just a way to store files.
const MAX_CLASSES: usize = 1000;

impl Plan {
    /// Decides on a source called `source` by the names of its files, which are relative, with `/` between the parts,
    /// and sorted.
    ///
    /// Folders that contain everything are ignored: it makes no difference whether a folder is chosen itself, as part
    /// of another one, or in an archive. If MNIST's training set and its test set (`t10k-*`) are both there, the training set
    /// is read, unless `data.splits` asks for the other.
    ///
    /// # Errors
    /// [`DataError::IdxWithoutPictures`] if there are only labels; [`DataError::IdxChoice`] if there are several sets
    /// of idx files; [`DataError::NoSplit`] if there are splits, but not the one that is asked for.
    pub fn new(source: &str, names: &[String], clues: &Clues, preparation: Preparation) -> Result<Self, DataError> {
        let has_pictures = names.iter().any(|name| has_picture_ending(name));
        let Some(found) = find_idx(source, names, &clues.idx, has_pictures, preparation.splits)? else {
            return Self::for_pictures(source, names, &clues.tables, preparation);
        };
        let mut plan = Self::empty(found, preparation);
        if has_pictures {
            plan.notes.push(format!("{source} holds idx files. Only these were read, not the pictures beside them."));
        }
        if plan.cut.crop != Crop::Whole {
            plan.notes.push("idx files have no boxes to crop to, so their pictures are used whole.".to_owned());
        }
        Ok(plan)
    }

    fn empty(layout: Layout, preparation: Preparation) -> Self {
        let color = match layout {
            Layout::Idx { .. } => Color::Grey,
            Layout::Plain | Layout::Classes => Color::Rgb,
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

    fn for_pictures(
        source: &str,
        names: &[String],
        tables: &[FoundTable],
        preparation: Preparation,
    ) -> Result<Self, DataError> {
        let mut plan = Self::empty(Layout::Plain, preparation);
        let mut pictures = picture_like(names);
        let masks = masks(names, &pictures);
        pictures.retain(|index| !masks.contains(index));
        plan.notes.extend(on_masks(names, &masks));
        let spare = Spare::of(names, &pictures);
        pictures.retain(|index| !spare.files.contains(index));
        plan.notes.extend(spare.notes);
        let boxes = Boxes::new(names, &pictures);
        let Levels { classes, files, note } = Levels::new(names, &pictures);
        let is_known = (0..names.len()).filter(|index| !files[*index].is_unlabelled).collect();
        let mut labels = Labels { classes, of_files: files.iter().map(|file| file.class).collect(), is_known };
        let read_tables = labels.consult(names, &pictures, &files, tables, &mut plan.notes);
        let splits = Splitting::of(source, names, &pictures, &files, preparation.splits)?;
        plan.notes.extend(splits.note);
        plan.notes.extend(note.filter(|_| labels.classes.is_empty()));
        let companion = |index: &usize| {
            [&masks, &spare.files, &boxes.files, &read_tables].into_iter().any(|files| files.contains(index))
        };
        let mut unlabelled = 0;
        for index in (0..names.len()).filter(|index| !companion(index) && !splits.left_out.contains(index)) {
            if !labels.is_known.contains(&index) {
                unlabelled += 1;
                continue;
            }
            let annotation = boxes.of_pictures.get(&index).copied().filter(|_| plan.cut.crop != Crop::Whole);
            plan.entries.push(Entry { index, class: labels.of_files[index], annotation });
        }
        if unlabelled > 0 {
            plan.notes.push(format!("{} left out, as nothing says of which class.", pictures_are(unlabelled)));
        }
        plan.layout = if labels.classes.is_empty() { Layout::Plain } else { Layout::Classes };
        plan.classes = labels.classes;
        plan.drop_empty_classes();
        Ok(plan)
    }

    /// Forgets the classes without a file, as a split may not have all of them.
    fn drop_empty_classes(&mut self) {
        let used: BTreeSet<u32> = self.entries.iter().filter_map(|entry| entry.class).collect();
        self.classes = used.iter().map(|class| self.classes[*class as usize].clone()).collect();
        for entry in &mut self.entries {
            entry.class = entry.class.map(|class| used.range(..class).count() as u32);
        }
    }

    /// A builder for the data set that the plan describes, called `source`.
    pub fn builder(&self, source: &str) -> DatasetBuilder {
        let builder = DatasetBuilder::for_cut(source, self.cut).classes(self.classes.clone());
        let builder = builder.excluding_flagged(self.exclude_flagged);
        self.notes.iter().fold(builder, |builder, note| builder.note(note.clone()))
    }
}

fn pictures_are(count: usize) -> String {
    if count == 1 { "1 picture is".to_owned() } else { format!("{count} pictures are") }
}

fn on_masks(names: &[String], masks: &HashSet<usize>) -> Option<String> {
    let first = masks.iter().min()?;
    let masks_are =
        if masks.len() == 1 { "1 file is a mask".to_owned() } else { format!("{} files are masks", masks.len()) };
    Some(format!("{masks_are} of other pictures and left out. The first is {}.", names[*first]))
}

/// Indices of the files with the ending of a picture; if there are none, of all files.
fn picture_like(names: &[String]) -> Vec<usize> {
    let found: Vec<usize> = (0..names.len()).filter(|index| has_picture_ending(&names[*index])).collect();
    if found.is_empty() { (0..names.len()).collect() } else { found }
}

/// Whether a file has the name of a picture. This is only a hint on the layout; the content decides what is a picture.
pub(super) fn has_picture_ending(name: &str) -> bool {
    const ENDINGS: [&str; 13] =
        ["jpg", "jpeg", "jfif", "png", "webp", "avif", "gif", "bmp", "tif", "tiff", "heic", "heif", "jxl"];
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Splits;
    use crate::data::{IdxKind, Table};

    fn preparation() -> Preparation {
        Preparation::plain(32)
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn plan(names: &[&str]) -> Plan {
        Plan::new("source", &owned(names), &Clues::default(), preparation()).unwrap()
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
        assert_eq!(Plan::new("source", &hoard, &Clues::default(), preparation()).unwrap().layout, Layout::Plain);
        assert_eq!(
            Plan::new("source", &hoard[1..], &Clues::default(), preparation()).unwrap().classes.len(),
            MAX_CLASSES
        );
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
        assert_eq!(plan.layout, Layout::Classes);
        assert_eq!(plan.classes, ["Chihuahua", "German shepherd"]);
        assert_eq!(labels(&plan), [Some(0), Some(1), Some(1), None]);
        assert_eq!(plan.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!(plan.entries.iter().all(|entry| entry.annotation.is_none()), "boxes were not asked for");
    }

    #[test]
    fn boxes_are_found_wherever_the_two_folders_lie() {
        for prefix in ["", "dogs/", "download/Stanford Dogs/"] {
            for [annotation, images] in [
                ["Annotation", "Images"],
                ["Annotation", "images"],
                ["annotations/Annotation", "images/Images"],
                ["annotation.tar/Annotation", "images.tar/Images"],
                ["Annotations/xml", "JPEGImages"],
            ] {
                let place = |name: &&str| {
                    format!("{prefix}{}", name.replace("Images", images).replace("Annotation", annotation))
                };
                let names: Vec<String> = STANFORD.iter().map(place).collect();
                let plan =
                    Plan::new("source", &names, &Clues::default(), Preparation { crop: Crop::Box, ..preparation() })
                        .unwrap();
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
        let file = |index: usize| Some(IdxFile { index, kind: kind(index)?, beginning: 0 });
        let idx: Vec<_> = idx_candidates(&names).filter_map(file).collect();
        Plan::new("source", &names, &Clues { idx, tables: Vec::new() }, preparation())
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

    #[test]
    fn one_set_in_two_spellings_is_one_set() {
        let names = owned(&[
            "train-images-idx3-ubyte/train-images-idx3-ubyte",
            "train-images.idx3-ubyte",
            "train-labels-idx1-ubyte/train-labels-idx1-ubyte",
            "train-labels.idx1-ubyte",
        ]);
        let plan = |beginnings: [u64; 4]| {
            let kinds = [IdxKind::Pictures, IdxKind::Pictures, IdxKind::Labels, IdxKind::Labels];
            let file = |index| IdxFile { index, kind: kinds[index], beginning: beginnings[index] };
            let clues = Clues { idx: (0..4).map(file).collect(), tables: Vec::new() };
            Plan::new("source", &names, &clues, preparation()).map(|plan| plan.layout)
        };
        assert_eq!(plan([1, 1, 2, 2]), Ok(Layout::Idx { pictures: 0, labels: Some(2) }));
        assert!(matches!(plan([1, 3, 2, 2]), Err(DataError::IdxChoice { .. })), "they begin differently");
    }

    #[test]
    fn splits_of_idx_files_are_chosen() {
        let names = owned(&["t10k-images-idx3-ubyte", "train-images-idx3-ubyte"]);
        let plan = |splits| {
            let file = |index| IdxFile { index, kind: IdxKind::Pictures, beginning: index as u64 };
            let clues = Clues { idx: vec![file(0), file(1)], tables: Vec::new() };
            Plan::new("source", &names, &clues, Preparation { splits, ..preparation() })
        };
        for (splits, pictures) in [(Splits::All, 1), (Splits::Training, 1), (Splits::Test, 0)] {
            assert_eq!(plan(splits).unwrap().layout, Layout::Idx { pictures, labels: None });
        }
        let sentence = plan(Splits::Validation).unwrap_err().to_string();
        assert!(sentence.starts_with("source has no validation split, only training and test."), "{sentence}");
    }

    /// With tables, by the names of their files.
    fn plan_with(names: &[&str], tables: &[(&str, &str)], splits: Splits) -> Result<Plan, DataError> {
        let mut names = owned(names);
        names.extend(tables.iter().map(|(name, _)| (*name).to_owned()));
        names.sort_unstable();
        let table = |(name, text): &(&str, &str)| FoundTable {
            index: names.iter().position(|other| other == name).unwrap(),
            table: Table::read(name, text.as_bytes()).unwrap(),
        };
        let clues = Clues { idx: Vec::new(), tables: tables.iter().map(table).collect() };
        Plan::new("source", &names, &clues, Preparation { splits, ..preparation() })
    }

    const TWO_SPLITS: [&str; 5] =
        ["read me.txt", "test/cat/1.png", "train/cat/1.png", "train/dog/1.png", "train/dog/2.png"];

    #[test]
    fn splits_are_used_as_asked_for_and_it_is_said() {
        let read = |splits| plan_with(&TWO_SPLITS, &[], splits).unwrap();
        let indices = |plan: &Plan| plan.entries.iter().map(|entry| entry.index).collect::<Vec<_>>();
        let all = read(Splits::All);
        assert_eq!(
            (indices(&all), labels(&all)),
            (vec![0, 1, 2, 3, 4], vec![None, Some(0), Some(0), Some(1), Some(1)])
        );
        assert_eq!(all.notes, ["The splits train and test are used together. data.splits can choose one of them."]);
        let training = read(Splits::Training);
        assert_eq!((indices(&training), &training.classes[..]), (vec![0, 2, 3, 4], &owned(&["cat", "dog"])[..]));
        assert_eq!(training.notes, ["1 picture is left out, as data.splits asks for another split."]);
        let sentence = plan_with(&TWO_SPLITS, &[], Splits::Validation).unwrap_err().to_string();
        assert_eq!(
            sentence,
            "source has no validation split, only training and test. Set data.splits to what there is, or to all."
        );
        let test = read(Splits::Test);
        assert_eq!(
            (&test.classes[..], labels(&test)),
            (&owned(&["cat"])[..], vec![None, Some(0)]),
            "dogs are not there"
        );
        let undivided = plan_with(&["a.jpg"], &[], Splits::Test).unwrap();
        assert_eq!(undivided.notes, ["source has no splits, so data.splits is ignored."]);
    }

    #[test]
    fn masks_are_left_out_and_it_is_said() {
        let names = ["annotations/list.txt", "annotations/trimaps/a.png", "annotations/xmls/a.xml", "images/a.jpg"];
        let plan = plan(&names);
        assert_eq!(plan.layout, Layout::Plain);
        assert_eq!(plan.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(
            plan.notes,
            ["1 file is a mask of other pictures and left out. The first is annotations/trimaps/a.png."]
        );
    }

    fn classes_with(names: &[&str], table: (&str, &str)) -> (Vec<String>, Vec<Option<u32>>, Vec<String>) {
        let plan = plan_with(names, &[table], Splits::All).unwrap();
        (plan.classes.clone(), labels(&plan), plan.notes)
    }

    #[test]
    fn a_table_names_the_classes_of_files() {
        let numbers = ["train/1.jpg", "train/2.jpg", "train/3.jpg", "train/4.jpg"];
        let breeds = (owned(&["boxer", "pug"]), vec![Some(1), Some(0), Some(1), Some(0)]);
        for (name, text) in [
            ("labels.csv", "id,breed\n1,pug\n2,boxer\n3,pug\n4,boxer\n"),
            ("train.csv", "breed;file;size\npug;1.jpg;9\nboxer;2.jpg;9\npug;train/3.jpg;9\nboxer;./train/4.JPG;9\n"),
            ("list.tsv", "1.jpg\tpug\n2.jpg\tboxer\n3.jpg\tpug\n4.jpg\tboxer\n"),
            ("names.csv", "image,class_id,class_name\n1,7,pug\n2,5,boxer\n3,7,pug\n4,5,boxer\n"),
            ("padded.csv", "image,breed\n0001,pug\n002,boxer\nhttps://x.org/3.jpg?w=200,pug\n4,boxer\n"),
            // What pandas writes: the numbers of the rows first, which are names of other pictures.
            ("rows.csv", ",filename,label\n4,1.jpg,pug\n3,2.jpg,boxer\n2,3.jpg,pug\n1,4.jpg,boxer\n"),
            ("split.csv", "id,split,is_valid,kind\n1,train,0,pug\n2,train,0,boxer\n3,test,1,pug\n4,test,1,boxer\n"),
            ("_classes.csv", "filename,boxer,pug\n1.jpg,0,1\n2.jpg,1,0\n3.jpg,0,1\n4.jpg,1,0\n"),
            (
                "train/metadata.jsonl",
                "{\"file_name\": \"1.jpg\", \"label\": \"pug\"}\n{\"file_name\": \"2.jpg\", \"label\": \"boxer\"}\n\
                 {\"file_name\": \"3.jpg\", \"label\": \"pug\"}\n{\"file_name\": \"4.jpg\", \"label\": \"boxer\"}",
            ),
        ] {
            let (classes, labels, notes) = classes_with(&numbers, (name, text));
            assert_eq!((classes, labels), breeds, "{name}: {notes:?}");
            assert_eq!(notes, [format!("The classes are those in {name}.")]);
        }
    }

    #[test]
    fn datasets_of_stylegan_have_their_classes_in_a_table_and_not_in_their_shards() {
        let shards = ["00000/img00000000.png", "00000/img00000001.png", "00001/img00001000.png"];
        let labels = "{\"labels\": [[\"00000/img00000000.png\", 10], [\"00000/img00000001.png\", 9], [\"00001/img00001000.png\", 10]]}";
        let (classes, found, _) = classes_with(&shards, ("dataset.json", labels));
        assert_eq!((classes, found), (owned(&["9", "10"]), vec![Some(1), Some(0), Some(1)]));
        let (classes, found, notes) = classes_with(&shards, ("dataset.json", "{\"labels\": null}"));
        assert_eq!((classes, found, notes), (Vec::new(), vec![None; 3], Vec::new()));
    }

    #[test]
    fn pictures_that_a_table_does_not_name_are_left_out() {
        let (classes, found, notes) = classes_with(
            &["test/1.jpg", "test/3.jpg", "train/1.jpg", "train/2.jpg"],
            ("train.csv", "id,label\n1,pug\n2,boxer\n"),
        );
        assert_eq!((classes, found), (owned(&["boxer", "pug"]), vec![Some(1), Some(0)]));
        assert_eq!(notes[2], "2 pictures are left out, as nothing says of which class.");
    }

    #[test]
    fn each_split_may_have_a_table_of_its_own() {
        let names = ["test/1.jpg", "test/2.jpg", "train/1.jpg", "train/2.jpg"];
        let tables = [
            ("test/metadata.csv", "file_name,label\n1.jpg,pug\n2.jpg,boxer\n"),
            ("train/metadata.csv", "file_name,label\n1.jpg,boxer\n2.jpg,pug\n"),
        ];
        let inside = plan_with(&names, &tables, Splits::All).unwrap();
        assert_eq!(labels(&inside), [Some(1), Some(0), Some(0), Some(1)]);
        let named = tables.map(|(name, text)| (if name.starts_with("test") { "test.csv" } else { "train.csv" }, text));
        assert_eq!(labels(&plan_with(&names, &named, Splits::All).unwrap()), labels(&inside));
    }

    #[test]
    fn a_table_that_does_not_fit_is_told() {
        let pictures = ["1.jpg", "2.jpg", "3.jpg"];
        let note = |name, text| classes_with(&pictures, (name, text)).2;
        assert_eq!(
            note("labels.csv", "id,breed\nx,pug\ny,boxer\n"),
            ["labels.csv was not used for classes: it doesn't name these pictures."]
        );
        assert_eq!(
            note("metadata.csv", "file,text\n1,a dog\n2,a cat\n3,a bird\n"),
            ["metadata.csv was not used for classes: none of its columns is known to hold classes."]
        );
        assert_eq!(
            note("submission.csv", "id,pug,boxer\n1,0.2,0.8\n2,0.1,0.9\n"),
            ["submission.csv was not used for classes: none of its columns is known to hold classes."]
        );
        for (text, reason) in [
            ("id,price\n1,1.5\n2,2.5\n3,1.5\n", "its column of numbers or texts is none of classes"),
            (
                "id,date\n1,2020-01-01\n2,2020-01-02\n3,2020-01-01\n",
                "its column of numbers or texts is none of classes",
            ),
        ] {
            assert_eq!(note("list.csv", text), [format!("list.csv was not used for classes: {reason}.")]);
        }
        for table in
            ["image_id,partition\n1.jpg,0\n2.jpg,1\n3.jpg,1\n", "file,use\n1.jpg,train\n2.jpg,test\n3.jpg,train\n"]
        {
            let (classes, _, notes) = classes_with(&pictures, ("list.csv", table));
            assert!(classes.is_empty(), "{table}");
            assert_eq!(notes, ["list.csv was not used for classes: it has no column of classes."]);
        }
        let many: Vec<String> = (0..40).map(|number| format!("{number}.jpg")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (classes, ..) = classes_with(&many, ("map.csv", "class_id,class_name\n0,cat\n1,dog\n"));
        assert!(classes.is_empty(), "the numbers of two classes are no pictures");
        let other = plan_with(&pictures, &[("prices.csv", "food,price\nbone,9\n")], Splits::All).unwrap();
        assert_eq!((other.notes.len(), other.entries.len()), (0, 4), "a file like any other");
    }

    #[test]
    fn what_is_there_twice_is_read_once_with_its_table() {
        let names = ["backup/images/1.jpg", "backup/images/2.jpg", "images/1.jpg", "images/2.jpg"];
        let plan = plan_with(&names, &[("styles.csv", "id,category\n1,shoe\n2,hat\n")], Splits::All).unwrap();
        assert_eq!((plan.classes.clone(), labels(&plan)), (owned(&["hat", "shoe"]), vec![Some(1), Some(0)]));
        assert_eq!(plan.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn folders_are_believed_more_than_a_table_of_some_pictures() {
        let names = ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg"];
        assert_eq!(classes_with(&names, ("a.csv", "id,label\n1,x\n2,y\n")).0, ["cat", "dog"]);
        assert_eq!(classes_with(&names, ("a.csv", "id,label\n1,x\n2,y\n3,x\n")).0, ["x", "y"]);
    }
}
