//! From files to pixels: every picture in `fixtures/` against Pillow, every other file against its reason.
//!
//! `fixtures/make.py` made the files and, with Pillow 13.0.0, the expected pixels.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use safetensors::SafeTensors;
use whelp::data::{Archive, ArchiveEntry, DataError, DatasetBuilder, DecodeError, prepare};

const RESOLUTION: usize = 32;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/fixtures").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Levels between what we make of the file and what Pillow makes of it, at most; by name.
fn distances(wanted: impl Fn(&str) -> bool) -> Vec<(String, u8)> {
    let expected = fixture("expected.safetensors");
    let expected = SafeTensors::deserialize(&expected).unwrap();
    let mut names: Vec<_> = expected.names().into_iter().filter(|name| wanted(name)).collect();
    names.sort_unstable();
    let distance = |name: &str| {
        let got = prepare(&fixture(name), RESOLUTION).unwrap_or_else(|error| panic!("{name}: {error}"));
        let want = expected.tensor(name).unwrap();
        assert_eq!(want.shape(), [3, RESOLUTION, RESOLUTION], "{name}");
        assert_eq!(got.len(), want.data().len(), "{name}");
        got.iter().zip(want.data()).map(|(got, want)| got.abs_diff(*want)).max().unwrap()
    };
    names.into_iter().map(|name| (name.to_owned(), distance(name))).collect()
}

/// `wrong_extension.png` is a JPEG.
fn is_jpeg(name: &str) -> bool {
    name.ends_with(".jpg") || name == "wrong_extension.png"
}

#[test]
fn other_formats_are_pillows_to_the_byte() {
    let distances = distances(|name| !is_jpeg(name));
    assert_eq!(distances.len(), 21);
    for (name, distance) in distances {
        assert_eq!(distance, 0, "{name}");
    }
}

/// The standard leaves a JPEG decoder free in its rounding, and how colour stored at half size is made whole is not in
/// it at all. Against libjpeg-turbo 3 levels were seen here, and 5 among 300 photographs; a picture turned
/// wrongly, or cropped one pixel aside, is more than 100 away.
#[test]
fn jpegs_are_pillows_within_a_few_levels() {
    let distances = distances(is_jpeg);
    assert_eq!(distances.len(), 13);
    for (name, distance) in distances {
        println!("{name}: {distance}");
        assert!(distance <= 4, "{name}: {distance} levels off");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_reason() {
    let damaged = "data is damaged or cut short";
    let reasons = [
        ("truncated.jpg", damaged),
        ("truncated_progressive.jpg", damaged),
        ("truncated.png", damaged),
        ("truncated.webp", damaged),
        ("truncated.gif", damaged),
        ("truncated.bmp", damaged),
        ("bomb.png", "It claims 60000 x 60000 pixels"),
        ("bomb.jpg", "It claims 65500 x 65500 pixels"),
        ("bomb.gif", "It claims 65535 x 65535 pixels"),
        ("bomb.bmp", "It claims 60000 x 60000 pixels"),
        ("one_pixel.png", "It has only 1 x 1 pixels"),
        ("thin.png", "It has only 500 x 7 pixels, and at least 8"),
        ("empty.jpg", "The file is empty"),
        ("text.jpg", "Its content is not that of a picture"),
        ("random.png", "Its content is not that of a picture"),
        ("picture.tiff", "It is a TIFF picture; only JPEG, PNG"),
    ];
    for (name, reason) in reasons {
        let sentence = prepare(&fixture(name), RESOLUTION).map(|_| ()).expect_err(name).to_string();
        println!("{name}: {sentence}");
        assert!(sentence.contains(reason) && !sentence.contains('\n'), "{name}: {sentence}");
    }
}

/// Cut anywhere at all, a file is refused or read; it never brings the program down.
#[test]
fn no_cut_and_no_flipped_byte_panics() {
    for name in ["subsampled.jpg", "progressive.jpg", "palette.png", "lossy.webp", "transparent.gif", "palette.bmp"] {
        let whole = fixture(name);
        for cut in 0..whole.len() {
            let _ = prepare(&whole[..cut], RESOLUTION);
            let mut flipped = whole.clone();
            flipped[cut] ^= 0xa5;
            let _ = prepare(&flipped, RESOLUTION);
        }
    }
}

fn open(bytes: Vec<u8>) -> Result<Vec<ArchiveEntry>, DataError> {
    Archive::open("messy.zip", Cursor::new(bytes))?.collect()
}

#[test]
fn a_zip_gives_the_same_pictures_as_its_files() {
    let mut archive = Archive::open("messy.zip", Cursor::new(fixture("messy.zip"))).unwrap();
    assert_eq!(archive.remaining(), 6, "folders and the system's files are passed over");
    let mut builder = DatasetBuilder::new("messy.zip", RESOLUTION);
    let mut names = Vec::new();
    for entry in &mut archive {
        let ArchiveEntry { name, bytes } = entry.unwrap();
        builder.push(&name, bytes.and_then(|bytes| prepare(&bytes, RESOLUTION)));
        names.push(name);
    }
    let sorted = [
        "a stored one.jpg",
        "dogs/deep er/grey.png",
        "dogs/notes.txt",
        "dogs/rgb.png",
        "dogs/Ünïcode 犬.png",
        "escape.png",
    ];
    assert_eq!(names, sorted, "by name, and nothing leads out of the archive");

    let data = builder.finish().unwrap();
    let files = ["rgb.jpg", "grey.png", "rgb.png", "palette.png", "rgba.png"];
    assert_eq!(data.len(), files.len());
    for (i, file) in files.iter().enumerate() {
        assert_eq!(data.pixels(i), prepare(&fixture(file), RESOLUTION).unwrap(), "{file}");
    }
    let skipped = &data.summary().skipped;
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].name, "dogs/notes.txt");
}

#[test]
fn a_damaged_zip_is_explained() {
    let whole = fixture("messy.zip");
    for cut in [0, 3, 100, whole.len() / 2, whole.len() - 30] {
        let sentence = open(whole[..cut].to_vec()).unwrap_err().to_string();
        assert!(sentence.starts_with("messy.zip is not a zip archive that can be read"), "{sentence}");
    }
    assert!(open(fixture("rgb.png")).is_err());

    // One byte wrong inside a stored entry: that entry fails its checksum, the others are read.
    let mut flipped = whole;
    let jpeg = fixture("rgb.jpg");
    let at = flipped.windows(jpeg.len()).position(|window| window == jpeg).unwrap() + jpeg.len() / 2;
    flipped[at] ^= 1;
    let entries = open(flipped).unwrap();
    let failed: Vec<_> =
        entries.iter().filter(|entry| matches!(entry.bytes, Err(DecodeError::Unreadable { .. }))).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].name, "a stored one.jpg");
}
