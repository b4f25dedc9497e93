//! What holds for any input of the data path at all.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use whelp::config::{Background, Crop, Frames, Framing, Resolution};
use whelp::data::{
    AnnotationError, Archive, Area, Clues, Color, Cut, DataError, Dataset, DatasetBuilder, Filter, IdxFile, IdxKind,
    IdxReader, Plan, Preparation, Resizer, Split, Target, prepare_cropped, read_idx_labels,
};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::read_files;

/// The first bytes of files that are looked into, so that arbitrary ones get that far.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    let heads: [&[u8]; 13] = [
        b"",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"RIFF\x40\0\0\0WEBPVP8L",
        b"GIF89a\x10\0\x10\0\xf0\0\0",
        b"BM\x36\x30\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        b"II*\0\x08\0\0\0",
        b"PK\x03\x04",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46",
        b"BZh91AY&SY",
        b"\x28\xb5\x2f\xfd\x24",
        b"\0\0\x08\x03\0\0\0\x02",
    ];
    (prop::sample::select(heads.to_vec()), prop::collection::vec(any::<u8>(), 0..600))
        .prop_map(|(head, rest)| [head, &rest].concat())
}

fn cuts() -> impl Strategy<Value = Cut> {
    let color = prop::sample::select(vec![Color::Rgb, Color::Grey]);
    let framing = prop::sample::select(vec![Framing::Center, Framing::Pad, Framing::Tiles]);
    let frames = prop::sample::select(vec![Frames::First, Frames::All]);
    let resolution = prop::sample::select(vec![8.into(), Resolution { width: 8, height: 12 }]);
    (resolution, color, framing, frames).prop_map(|(resolution, color, framing, frames)| Cut {
        target: Target { resolution, color },
        crop: Crop::Whole,
        framing,
        background: Background::White,
        frames,
    })
}

/// Names that mean something, and names that don't.
const FOLDERS: [&str; 24] = [
    "train",
    "Test",
    "val_set",
    "training_set",
    "cat",
    "Cat",
    "dog",
    "golden retriever",
    "n02085620-Chihuahua",
    "n02106662-German_shepherd",
    "Images",
    "annotations",
    "trimaps",
    "masks",
    "0",
    "1",
    "00000",
    "00001",
    "images_1",
    "images_2",
    "pets-1",
    "pets-2",
    "old photos",
    "trainA",
];

const FILES: [&str; 12] = [
    "1.bmp",
    "2.bmp",
    "3.BMP",
    "img00000001.bmp",
    "1_mask.png",
    "1.xml",
    "1",
    "labels.csv",
    "dataset.json",
    "read me.txt",
    "train-images-idx3-ubyte",
    "train-images.idx3-ubyte.gz",
];

/// A folder's files by their names. No name is a folder and a file at once.
fn trees() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let folders = prop::collection::vec(prop::sample::select(FOLDERS.to_vec()), 0..4);
    let name = (folders, prop::sample::select(FILES.to_vec()))
        .prop_map(|(folders, file)| folders.into_iter().chain([file]).collect::<Vec<_>>().join("/"));
    prop::collection::vec((name, any::<u8>()), 1..12).prop_map(|files| {
        let files: BTreeMap<_, _> =
            files.into_iter().map(|(name, value)| (name.clone(), content(&name, value))).collect();
        let is_folder = |name: &str| files.keys().any(|other| other.starts_with(&format!("{name}/")));
        files.iter().filter(|(name, _)| !is_folder(name)).map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    })
}

/// What a file of that name would hold.
fn content(name: &str, value: u8) -> Vec<u8> {
    let picture = || {
        let mut file = b"BM\xf6\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x08\0\0\0\x08\0\0\0\x01\0\x18\0".to_vec();
        file.resize(54, 0);
        file.extend((0..8 * 8 * 3).map(|i| value.wrapping_mul(i)));
        file
    };
    match name.rsplit('/').next().unwrap_or_default() {
        "labels.csv" => b"id;breed\n1;pug\n2;boxer\n3;pug\n".to_vec(),
        "dataset.json" => br#"{"labels": [["00000/img00000001.bmp", 4], ["1.bmp", 2], ["2.bmp", 4]]}"#.to_vec(),
        "1.xml" | "1" => b"<annotation></annotation>".to_vec(),
        "read me.txt" => b"not a picture".to_vec(),
        "train-images-idx3-ubyte" => [&b"\0\0\x08\x03\0\0\0\x01\0\0\0\x08\0\0\0\x08"[..], &[value; 64]].concat(),
        "train-images.idx3-ubyte.gz" => {
            packed(&[&b"\0\0\x08\x03\0\0\0\x01\0\0\0\x08\0\0\0\x08"[..], &[1; 64]].concat())
        }
        _ => picture(),
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zipped<'a>(files: impl Iterator<Item = (&'a String, &'a Vec<u8>)>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tarred<'a>(files: impl Iterator<Item = (&'a String, &'a Vec<u8>)>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_pictures_of_the_right_size_or_refused(bytes in beginnings(), cut in cuts()) {
        if let Ok(prepared) = prepare_cropped(&bytes, Err(AnnotationError::Missing), &cut) {
            prop_assert!(!prepared.pictures.is_empty());
            prop_assert!(prepared.pictures.iter().all(|picture| picture.len() == cut.target.bytes()));
        }
    }

    #[test]
    fn any_bytes_are_an_archive_or_not(bytes in beginnings()) {
        if let Ok(mut archive) = Archive::open("any", Cursor::new(bytes)) {
            for index in 0..archive.names().len() {
                let _ = archive.picture(index);
            }
        }
    }

    #[test]
    fn any_bytes_are_idx_or_not(bytes in beginnings(), labels in beginnings()) {
        IdxKind::of(&bytes);
        let names = ["images".to_owned(), "labels".to_owned()];
        let file = |(index, kind)| IdxFile { index, kind, beginning: 0 };
        let idx = [(0, IdxKind::Pictures), (1, IdxKind::Labels)].map(file).to_vec();
        let clues = Clues { idx, tables: Vec::new() };
        let plan = Plan::new("any", &names, &clues, Preparation::plain(28)).unwrap();
        let labels = read_idx_labels("labels", &labels[..]).ok().map(|labels| ("labels", labels));
        if let Ok(reader) = IdxReader::open(plan.builder("any"), ("images", &bytes[..]), labels) {
            let _ = reader.finish();
        }
    }

    #[test]
    fn any_names_make_a_plan(names in prop::collection::btree_set("[a-zA-Z0-9_. ()/\\-é犬]{1,20}(\\.(jpg|PNG|xml|zip))?", 1..20)) {
        let names: Vec<String> = names.into_iter().collect();
        let preparation = Preparation { crop: Crop::Box, ..Preparation::plain(8) };
        let plan = Plan::new("any", &names, &Clues::default(), preparation).unwrap();
        prop_assert!(plan.entries.is_sorted_by(|a, b| a.index < b.index));
        for entry in &plan.entries {
            prop_assert!(entry.index < names.len() && entry.annotation.is_none_or(|index| index < names.len()));
            prop_assert!(entry.class.is_none_or(|class| (class as usize) < plan.classes.len()));
        }
    }

    #[test]
    fn any_text_is_a_table_or_not(text in "([a1\"];?[,;\\t\\n\\r{}:\\[\\]]?){0,40}", ending in prop::sample::select(vec!["csv", "json", "jsonl"])) {
        let files = vec![("1.bmp".to_owned(), content("1.bmp", 1)), (format!("labels.{ending}"), text.into_bytes())];
        prop_assert_eq!(read_files("source", files, Preparation::plain(8)).unwrap().len(), 1);
    }

    #[test]
    fn a_set_is_the_same_as_a_folder_an_archive_or_a_drop(tree in trees(), is_boxed in any::<bool>()) {
        let crop = if is_boxed { Crop::Box } else { Crop::Whole };
        let preparation = Preparation { crop, ..Preparation::plain(8) };
        let folder: Vec<_> = tree.clone().into_iter().collect();
        let dropped: Vec<_> = tree.clone().into_iter().rev().collect();
        let alone = |bytes| vec![("source".to_owned(), bytes)];
        let wanted = read_files("source", folder, preparation);
        let others = [
            read_files("source", dropped, preparation),
            read_files("source", alone(zipped(tree.iter().rev())), preparation),
            read_files("source", alone(tarred(tree.iter())), preparation),
            read_files("source", alone(packed(&tarred(tree.iter().rev()))), preparation),
        ];
        for found in others {
            match (&wanted, found) {
                (Ok(wanted), Ok(found)) => {
                    prop_assert_eq!(wanted.report(), found.report());
                    // A packed tar is read in its own order, so another picture may be the first without a box.
                    prop_assert_eq!(&wanted.summary().classes, &found.summary().classes);
                    prop_assert_eq!(wanted.summary().notes.len(), found.summary().notes.len());
                    prop_assert_eq!(&wanted.summary().fingerprint, &found.summary().fingerprint);
                }
                (Err(wanted), Err(found)) => prop_assert_eq!(wanted, &found),
                (wanted, found) => prop_assert!(false, "{:?} but {:?}", wanted.as_ref().err(), found.err()),
            }
        }
    }

    #[test]
    fn folders_around_everything_change_nothing(tree in trees()) {
        let around = |folder: &str| tree.iter().map(|(name, bytes)| (format!("{folder}{name}"), bytes.clone())).collect();
        let preparation = Preparation::plain(8);
        let outcome = |data: Result<Dataset, DataError>| {
            data.ok().map(|data| (data.summary().classes.clone(), data.summary().fingerprint.clone()))
        };
        prop_assert_eq!(outcome(read_files("source", around(""), preparation)), outcome(read_files("source", around("download/my pets/"), preparation)));
    }

    #[test]
    fn a_resize_stays_within_what_it_sees(
        from in prop::array::uniform2(1usize..60),
        to in prop::array::uniform2(1usize..40),
        level in any::<u8>(),
    ) {
        let resizer = Resizer::rectangle(from, to, Filter::Lanczos);
        let flat = resizer.resize::<1>(&vec![level; from[0] * from[1]]);
        prop_assert_eq!(flat, vec![level; to[0] * to[1]]);
    }

    #[test]
    fn tiles_lie_in_the_picture_have_their_shape_and_cover_its_ends(
        width in 1usize..5000,
        height in 1usize..5000,
        across in 1usize..300,
        down in 1usize..300,
    ) {
        let shape = Resolution { width: across, height: down };
        let tiles = Area::tiles(width, height, shape);
        prop_assert!(tiles.iter().all(|tile| tile.has_shape(shape)));
        prop_assert!(tiles.iter().all(|tile| tile.left + tile.width <= width && tile.top + tile.height <= height));
        if let [first, .., last] = &tiles[..] {
            prop_assert_eq!((first.left, first.top), (0, 0));
            prop_assert_eq!((last.left + last.width, last.top + last.height), (width, height));
        }
    }

    #[test]
    fn a_split_is_a_partition(count in 1usize..500, share in 0.0..0.5f64, seed in any::<u64>()) {
        let split = Split::new(count, share, seed);
        let mut all = [split.training.clone(), split.validation].concat();
        all.sort_unstable();
        prop_assert!(!split.training.is_empty());
        prop_assert_eq!(all, (0..count as u32).collect::<Vec<_>>());
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(order in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle()) {
        let picture = |value: usize| {
            let pixels: Vec<u8> = (0..64).map(|i| (i * 37 + value * 91 + i * i * value) as u8).collect();
            let mut png = Vec::new();
            let encoder = image::codecs::png::PngEncoder::new(&mut png);
            image::ImageEncoder::write_image(encoder, &pixels, 8, 8, image::ExtendedColorType::L8).unwrap();
            png
        };
        let cut = Cut::plain(Target::rgb(8));
        let build = |order: &[usize]| {
            let mut builder = DatasetBuilder::for_cut("any", cut);
            for position in order {
                // Every tenth is a duplicate.
                let bytes = picture(if position % 10 == 9 { 0 } else { *position });
                let prepared = prepare_cropped(&bytes, Err(AnnotationError::Missing), &cut);
                builder.push_at(*position, &format!("{position}"), None, prepared);
            }
            builder.finish().unwrap()
        };
        let (straight, shuffled) = (build(&(0..40).collect::<Vec<_>>()), build(&order));
        prop_assert_eq!(straight.summary(), shuffled.summary());
        prop_assert_eq!(straight.report(), shuffled.report());
    }
}
