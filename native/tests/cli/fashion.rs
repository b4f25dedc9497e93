//! FashionMNIST as it is published, from its files to pictures of most of its classes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use tempfile::TempDir;

use super::{succeed, whelp};

/// Where Debian's package `dataset-fashion-mnist` puts the files; `cargo xtask test` installs it.
const FOLDER: &str = "/usr/share/datasets/fashion-mnist";

/// `cargo xtask test` sets it, so that there nothing is skipped.
const REQUIRED: &str = "WHELP_REQUIRE_FASHION_MNIST";

const PIXELS: usize = 28 * 28;
const CLASSES: usize = 10;
const DRAWN: usize = 500;

/// A class counts as covered from this share of the pictures on; ten classes alike would have 0.1 each.
const COVERED: f64 = 0.01;

#[test]
fn fashion_mnist_samples_cover_most_classes() {
    if !Path::new(FOLDER).is_dir() {
        assert!(std::env::var_os(REQUIRED).is_none(), "{FOLDER} is missing");
        eprintln!("not tested: {FOLDER} is missing");
        return;
    }
    let place = TempDir::new().unwrap();
    // The recipe but for its size: half the usual lesson's widths, and an average that forgets soon.
    succeed(
        whelp(place.path())
            .args(["train", "--recipe", "fashion-mnist", "--device", "cpu", "--data", FOLDER, "--out", "run"])
            .args(["--steps", "1000", "--set", "model.generator_width=32", "--set", "model.discriminator_width=32"])
            .args(["--set", "train.ema_half_life_kimg=2", "--set", "output.grid=4"]),
    );
    let count = DRAWN.to_string();
    succeed(whelp(place.path()).args([
        "generate",
        "--device",
        "cpu",
        "--checkpoint",
        "run",
        "--count",
        &count,
        "--out",
        "drawn",
    ]));

    let known = values("t10k-images-idx3-ubyte.gz", 16);
    let labels = values("t10k-labels-idx1-ubyte.gz", 8);
    let mut counts = [0; CLASSES];
    for index in 0..DRAWN {
        let picture = image::open(place.path().join(format!("drawn/{index:05}.png"))).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (28, 28));
        counts[nearest_class(picture.as_raw(), &known, &labels)] += 1;
    }
    let covered = counts.iter().filter(|count| f64::from(**count) >= COVERED * DRAWN as f64).count();
    assert!(covered >= 8, "{covered} of {CLASSES} classes are covered: {counts:?} of {DRAWN} pictures");
}

/// The bytes of an idx file after its header.
fn values(file: &str, header: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(Path::new(FOLDER).join(file)).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes.split_off(header)
}

/// The class of the most similar of the pictures that are `known`, by squared distance.
fn nearest_class(picture: &[u8], known: &[u8], labels: &[u8]) -> usize {
    let distance = |known: &[u8]| -> u32 {
        picture.iter().zip(known).map(|(a, b)| u32::from(a.abs_diff(*b)) * u32::from(a.abs_diff(*b))).sum()
    };
    let nearest = known.chunks_exact(PIXELS).zip(labels).min_by_key(|(known, _)| distance(known));
    usize::from(*nearest.unwrap().1)
}
