//! From files to pixels: every picture in `fixtures/` against Pillow, every other file against its reason.
//!
//! `fixtures/make.py` made the files and, with Pillow 13.0.0, the expected pixels.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use safetensors::SafeTensors;
use whelp::config::{Background, Channels, Crop, Frames, Framing, Resolution};
use whelp::data::{
    AnnotationError, Archive, Color, Cut, DataError, Dataset, DecodeError, Preparation, Target, prepare,
    prepare_cropped,
};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::read_files;

const RESOLUTION: usize = 32;
const RGB: Target = Target { resolution: Resolution::square(RESOLUTION), color: Color::Rgb };
const GREY: Target = Target { resolution: Resolution::square(RESOLUTION), color: Color::Grey };

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/fixtures").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Levels between what we make of the file and what Pillow makes of it, at most; by name.
fn distances(expected: &str, target: Target, wanted: impl Fn(&str) -> bool) -> Vec<(String, u8)> {
    let expected = fixture(expected);
    let expected = SafeTensors::deserialize(&expected).unwrap();
    let mut names: Vec<_> = expected.names().into_iter().filter(|name| wanted(name)).collect();
    names.sort_unstable();
    let distance = |name: &str| {
        let got = prepare(&fixture(name), target).unwrap_or_else(|error| panic!("{name}: {error}"));
        let want = expected.tensor(name).unwrap();
        assert_eq!(want.shape(), [target.color.channels(), RESOLUTION, RESOLUTION], "{name}");
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
    let distances = distances("expected.safetensors", RGB, |name| !is_jpeg(name));
    assert_eq!(distances.len(), 26);
    for (name, distance) in distances {
        assert_eq!(distance, 0, "{name}");
    }
}

#[test]
fn grey_is_pillows_to_the_byte() {
    let distances = distances("expected_grey.safetensors", GREY, |_| true);
    assert_eq!(distances.len(), 7);
    for (name, distance) in distances {
        assert_eq!(distance, 0, "{name}");
    }
}

/// The standard leaves a JPEG decoder free in its rounding, and how colour stored at half size is made whole is not in
/// it at all. Against libjpeg-turbo 3 levels were seen here, and 5 among 300 photographs; a picture turned
/// wrongly, or cropped one pixel aside, is more than 100 away.
#[test]
fn jpegs_are_pillows_within_a_few_levels() {
    let distances = distances("expected.safetensors", RGB, is_jpeg);
    assert_eq!(distances.len(), 14);
    for (name, distance) in distances {
        println!("{name}: {distance}");
        assert!(distance <= 4, "{name}: {distance} levels off");
    }
}

/// Every layout of samples, matrix, depth, range, turn and alpha, pictures in tiles, and one with a clean aperture. Pillow's colours
/// come from sums in whole numbers of six bits, which are up to two levels off, and the resize may make three of them. Without
/// colour, or with it as it is, nothing is off.
#[cfg(feature = "avif")]
#[test]
fn avifs_are_pillows_within_a_few_levels() {
    let expected = fixture("avif/expected.safetensors");
    let expected = SafeTensors::deserialize(&expected).unwrap();
    assert_eq!(expected.len(), 20);
    for (name, want) in expected.tensors() {
        let got = prepare(&fixture(&format!("avif/{name}")), RGB).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(got.len(), want.data().len(), "{name}");
        let distance = got.iter().zip(want.data()).map(|(got, want)| got.abs_diff(*want)).max().unwrap();
        println!("{name}: {distance}");
        let most = if ["grey.avif", "identity.avif"].contains(&name.as_str()) { 0 } else { 3 };
        assert!(distance <= most, "{name}: {distance} levels off");
    }
}

/// Cut short anywhere it is damaged, and no wrong byte brings the program down.
#[cfg(feature = "avif")]
#[test]
fn damaged_avifs_are_refused() {
    let names = ["rgba", "subsampled", "sequence", "bt2020_12_bits", "aperture", "tiles_in_a_row"];
    for name in names.map(|name| format!("{name}.avif")) {
        let whole = fixture(&format!("avif/{name}"));
        for cut in 16..whole.len() {
            // A sequence is whole once its first picture is.
            if name != "sequence.avif" {
                let sentence = prepare(&whole[..cut], RGB).expect_err(&name).to_string();
                assert!(sentence.starts_with("The AVIF data is damaged or cut short ("), "{name}, {cut}: {sentence}");
            }
            for change in [0xa5, 1, 0x80] {
                let mut flipped = whole.clone();
                flipped[cut] ^= change;
                let _ = prepare(&flipped, RGB);
            }
        }
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
        ("bomb.png", "The picture has 60000 x 60000 pixels"),
        ("bomb.jpg", "The picture has 65500 x 65500 pixels"),
        ("bomb.gif", "The picture has 65535 x 65535 pixels"),
        ("bomb.bmp", "The picture has 60000 x 60000 pixels"),
        ("one_pixel.png", "The picture has only 1 x 1 pixels"),
        ("thin.png", "The picture has only 500 x 7 pixels. Each side needs at least 8"),
        ("empty.jpg", "The file is empty"),
        ("text.jpg", "This isn't a picture but a text file"),
        ("random.png", "This isn't a picture, despite its name"),
        ("truncated.tiff", damaged),
        ("float.tiff", "This is a picture in an unusual encoding"),
        ("document.psd", "This is a Photoshop document. Only ordinary JPEG, PNG"),
    ];
    for (name, reason) in reasons {
        let sentence = prepare(&fixture(name), RGB).map(|_| ()).expect_err(name).to_string();
        println!("{name}: {sentence}");
        assert!(sentence.contains(reason) && !sentence.contains('\n'), "{name}: {sentence}");
    }
}

/// What is cut short is not mended by an end marker, and nothing behind the picture is a fault.
#[test]
fn half_a_jpeg_with_an_end_marker_is_damaged_and_a_long_one_is_not() {
    for name in ["rgb.jpg", "subsampled.jpg", "grey.jpg", "cmyk.jpg", "profile.jpg", "turned_6.jpg", "progressive.jpg"]
    {
        let whole = fixture(name);
        let pixels = prepare(&whole, RGB).unwrap();
        // Where the coded pixels begin: behind the header of the first scan.
        let scan = whole.windows(2).rposition(|pair| pair == b"\xff\xda").unwrap();
        for part in [2, 5, 8] {
            let cut = if name == "progressive.jpg" { scan } else { scan + 20 + (whole.len() - scan - 20) * part / 10 };
            // A zero that belongs to a 255 is not cut off.
            let cut = if whole[cut - 1] == 0xff { cut + 1 } else { cut };
            let mended = [&whole[..cut], b"\xff\xd9"].concat();
            let sentence = prepare(&mended, RGB).map(|_| ()).expect_err(name).to_string();
            let missing = if name == "progressive.jpg" { "passes" } else { "rows" };
            assert_eq!(
                sentence,
                format!(
                    "The JPEG data is damaged or cut short (its last {missing} are missing). Get a fresh copy of the file."
                ),
                "{name}"
            );
        }
        let padded = [&whole[..whole.len() - 2], &[0; 240], b"\xff\xd9"].concat();
        for long in [[&whole[..], &whole].concat(), padded, [&whole[..], b"trailing"].concat()] {
            assert!(prepare(&long, RGB).as_ref() == Ok(&pixels), "{name}");
        }
    }
}

/// Cut anywhere at all, a file is refused or read; it never brings the program down.
#[test]
fn no_cut_and_no_flipped_byte_panics() {
    for name in ["subsampled.jpg", "progressive.jpg", "palette.png", "lossy.webp", "transparent.gif", "rgb.tiff"] {
        let whole = fixture(name);
        for cut in 0..whole.len() {
            let _ = prepare(&whole[..cut], RGB);
            let mut flipped = whole.clone();
            flipped[cut] ^= 0xa5;
            let _ = prepare(&flipped, RGB);
        }
    }
}

fn preparation() -> Preparation {
    Preparation::plain(RESOLUTION)
}

/// Reads one file in memory.
fn read(name: &str, bytes: Vec<u8>, preparation: Preparation) -> Result<Dataset, DataError> {
    read_files(name, vec![(name.to_owned(), bytes)], preparation)
}

/// Pixels that a cut makes of a fixture, one picture after the other.
fn cut(name: &str, cut: &Cut) -> Vec<u8> {
    prepare_cropped(&fixture(name), Err(AnnotationError::Missing), cut).unwrap().pictures.concat()
}

#[test]
fn an_animation_without_pictures_is_damaged() {
    let whole = fixture("animated.gif");
    // The header and the palette, and nothing behind them.
    let palette = 13 + 3 * (2 << (whole[10] & 7));
    let frames = Cut { frames: Frames::All, ..Cut::plain(RGB) };
    for ending in [&b""[..], &b";"[..]] {
        let bytes = [&whole[..palette], ending].concat();
        let sentence = prepare_cropped(&bytes, Err(AnnotationError::Missing), &frames).unwrap_err().to_string();
        assert!(sentence.starts_with("The GIF data is damaged or cut short"), "{sentence}");
    }
}

#[test]
fn padded_pictures_and_frames_are_pillows() {
    let padded = Cut { framing: Framing::Pad, background: Background::Black, ..Cut::plain(RGB) };
    let frames = Cut { frames: Frames::All, ..Cut::plain(RGB) };
    for (expected, how, count) in
        [("expected_padded.safetensors", padded, 5), ("expected_frames.safetensors", frames, 1)]
    {
        let expected = fixture(expected);
        let expected = SafeTensors::deserialize(&expected).unwrap();
        assert_eq!(expected.len(), count);
        for (name, want) in expected.tensors() {
            let got = cut(&name, &how);
            assert_eq!(got.len(), want.data().len(), "{name}");
            let distance = got.iter().zip(want.data()).map(|(got, want)| got.abs_diff(*want)).max().unwrap();
            assert!(distance <= if is_jpeg(&name) { 4 } else { 0 }, "{name}: {distance} levels off");
        }
    }
}

#[test]
fn a_zip_gives_the_same_pictures_as_its_files() {
    let archive = Archive::open("messy.zip", Cursor::new(fixture("messy.zip"))).unwrap();
    let sorted = [
        "a stored one.jpg",
        "dogs/deep er/grey.png",
        "dogs/notes.txt",
        "dogs/rgb.png",
        "dogs/Ünïcode 犬.png",
        "escape.png",
    ];
    assert_eq!(archive.names(), sorted, "by name, none of the system's, and nothing leads out of the archive");

    let data = read("messy.zip", fixture("messy.zip"), preparation()).unwrap();
    let files = ["rgb.jpg", "grey.png", "rgb.png", "palette.png", "rgba.png"];
    assert_eq!(data.len(), files.len());
    for (i, file) in files.iter().enumerate() {
        assert_eq!(*data.pixels(i), prepare(&fixture(file), RGB).unwrap(), "{file}");
        assert_eq!(data.label(i), None, "{file}");
    }
    let skipped = &data.summary().skipped;
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].name, "dogs/notes.txt");
}

#[test]
fn a_damaged_zip_is_explained() {
    let open = |bytes: &[u8]| Archive::open("messy.zip", Cursor::new(bytes.to_vec()));
    let whole = fixture("messy.zip");
    for cut in [0, 3, 100, whole.len() / 2, whole.len() - 30] {
        let sentence = open(&whole[..cut]).map(|_| ()).unwrap_err().to_string();
        assert!(sentence.starts_with("messy.zip cannot be read as an archive"), "{sentence}");
    }
    assert!(open(&fixture("rgb.png")).is_err());

    // One byte wrong inside a stored entry: that entry fails its checksum, the others are read.
    let mut flipped = whole;
    let jpeg = fixture("rgb.jpg");
    let at = flipped.windows(jpeg.len()).position(|window| window == jpeg).unwrap() + jpeg.len() / 2;
    flipped[at] ^= 1;
    let mut archive = open(&flipped).unwrap();
    let pictures: Vec<_> = (0..archive.names().len()).map(|index| archive.picture(index).unwrap()).collect();
    let failed = |picture: &Result<Vec<u8>, DecodeError>| matches!(picture, Err(DecodeError::Unreadable { .. }));
    assert_eq!(pictures.iter().position(failed), Some(0), "a stored one.jpg");
    assert_eq!(pictures.iter().filter(|picture| failed(picture)).count(), 1);
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const BOX: &str = "<annotation><object><bndbox><xmin>4</xmin><ymin>6</ymin><xmax>36</xmax><ymax>38</ymax></bndbox></object>\
                   </annotation>";

/// A download of Stanford Dogs packed again, with one breed that nobody has annotated.
fn stanford_dogs() -> Vec<u8> {
    let (rgb, turned) = (fixture("rgb.png"), fixture("turned.png"));
    zip(&[
        ("Stanford Dogs/Annotation/n02085620-Chihuahua/n02085620_7", BOX.as_bytes()),
        ("Stanford Dogs/Annotation/n02106662-German_shepherd/n02106662_1", b"<annotation>"),
        ("Stanford Dogs/Images/n02085620-Chihuahua/n02085620_7.jpg", &rgb),
        ("Stanford Dogs/Images/n02106662-German_shepherd/n02106662_1.jpg", &turned),
        ("Stanford Dogs/Images/n02115641-dingo/n02115641_9.jpg", &rgb),
        ("Stanford Dogs/read me.txt", b"not a picture"),
    ])
}

#[test]
fn stanford_dogs_have_breeds_and_boxes() {
    let read = |crop| read("dogs.zip", stanford_dogs(), Preparation { crop, ..preparation() }).unwrap();
    let labels = |data: &Dataset| (0..data.len()).map(|index| data.label(index).unwrap()).collect::<Vec<_>>();
    let (whole, boxes, both) = (read(Crop::Whole), read(Crop::Box), read(Crop::Both));
    assert_eq!(whole.summary().classes, ["Chihuahua", "German shepherd", "dingo"]);
    assert_eq!((labels(&whole), labels(&boxes), labels(&both)), (vec![0, 1, 2], vec![0, 1, 2], vec![0, 0, 1, 2]));
    assert_eq!(*whole.pixels(0), prepare(&fixture("rgb.png"), RGB).unwrap());
    assert_eq!(whole.summary().notes.len(), 0);
    assert_eq!(whole.summary().skipped_count, 1, "the text; annotations are not counted");

    // A box of 32 x 32 is not resized: the pixels are those of the picture, from column 4 and row 6 on.
    let picture = image::load_from_memory(&fixture("rgb.png")).unwrap().into_rgb8();
    for (x, y) in [(0, 0), (31, 0), (5, 17), (31, 31)] {
        let at = y * RESOLUTION + x;
        let plane = RESOLUTION * RESOLUTION;
        let pixel = [0, 1, 2].map(|channel| boxes.pixels(0)[channel * plane + at]);
        assert_eq!(pixel, picture.get_pixel(x as u32 + 4, y as u32 + 6).0, "{x}, {y}");
    }
    assert_eq!(both.pixels(0), boxes.pixels(0));
    for (of_both, of_whole) in [(1, 0), (2, 1), (3, 2)] {
        assert_eq!(both.pixels(of_both), whole.pixels(of_whole));
    }
    let note = &boxes.summary().notes[0];
    let start = "2 of 3 pictures have no usable box and are used whole. The first is Stanford \
                 Dogs/Images/n02106662-German_shepherd/n02106662_1.jpg: its annotation is damaged: ";
    assert!(note.starts_with(start), "{note}");
    assert_ne!(whole.summary().fingerprint, both.summary().fingerprint);
}

#[test]
fn folders_in_a_zip_are_classes_and_grey_is_one_channel() {
    let rgb = fixture("rgb.png");
    let archive = zip(&[("pets/cat/1.png", &rgb), ("pets/dog/1.png", &rgb), ("pets/dog/2.png", &rgb)]);
    let grey = Preparation { channels: Channels::Grey, ..preparation() };
    let data = read("pets.zip", archive, grey).unwrap();
    assert_eq!(data.summary().classes, ["cat", "dog"]);
    assert_eq!([0, 1, 2].map(|index| data.label(index)), [Some(0), Some(1), Some(1)]);
    assert_eq!((data.channels(), &*data.pixels(0)), (1, &prepare(&rgb, GREY).unwrap()[..]));
    let grid = data.preview(3);
    assert_eq!((grid.channels, grid.pixels.len()), (1, 64 * 64));
    assert_eq!(grid.pixels[..32], data.pixels(0)[..32]);
}

#[test]
fn a_zip_of_idx_files_is_read_with_its_labels() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let pixels: Vec<u8> = (0..3 * 28 * 28).map(|i| (i % 251) as u8).collect();
    let pictures = [b"\0\0\x08\x03\0\0\0\x03\0\0\0\x1c\0\0\0\x1c", &pixels[..]].concat();
    let archive = zip(&[
        ("t10k-images-idx3-ubyte.gz", &gzip(&pictures[..100])),
        ("train-images-idx3-ubyte.gz", &gzip(&pictures)),
        ("train-labels-idx1-ubyte.gz", &gzip(b"\0\0\x08\x01\0\0\0\x03\x09\0\x02")),
    ]);
    let data = read("fashion.zip", archive, Preparation { resolution: 28.into(), ..preparation() }).unwrap();
    assert_eq!((data.len(), data.channels()), (3, 1));
    assert_eq!(*data.pixels(2), pixels[2 * 784..]);
    let class = |index: usize| data.summary().classes[data.label(index).unwrap() as usize].as_str();
    assert_eq!([0, 1, 2].map(class), ["Ankle boot", "T-shirt/top", "Pullover"]);
}

/// The real FashionMNIST, where Debian's package `dataset-fashion-mnist` is installed.
#[test]
fn fashion_mnist_is_read_whole() {
    let folder = Path::new("/usr/share/datasets/fashion-mnist");
    let Ok(pictures) = fs::read(folder.join("train-images-idx3-ubyte.gz")) else {
        return eprintln!("not tested on FashionMNIST: {} is not there", folder.display());
    };
    let labels = fs::read(folder.join("train-labels-idx1-ubyte.gz")).unwrap();
    let archive = zip(&[("train-images-idx3-ubyte.gz", &pictures), ("train-labels-idx1-ubyte.gz", &labels)]);
    let data = read("clothes.zip", archive, Preparation { resolution: 28.into(), ..preparation() }).unwrap();
    assert_eq!((data.len(), data.summary().classes[9].as_str()), (60_000, "Ankle boot"));
    let mut counts = [0; 10];
    (0..data.len()).for_each(|index| counts[data.label(index).unwrap() as usize] += 1);
    assert_eq!(counts, [6000; 10]);
    let mean = (0..data.len()).flat_map(|index| data.pixels(index).into_owned()).map(u64::from).sum::<u64>() as f64
        / (60_000.0 * 784.0);
    assert!((mean / 255.0 - 0.2860).abs() < 1e-4, "the mean that is commonly subtracted: {mean}");
}
