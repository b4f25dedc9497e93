//! The built-in dogs, where `cargo xtask setup` put them.

use std::env;
use std::path::PathBuf;

use whelp::checkpoint::Checkpoint;
use whelp::config::{Resolution, RunConfig};
use whelp::data::{self, DataError, Dataset, Preparation};
use whelp::device::OpenDevice;
use whelp::features::{self, FeatureError, PooledLite0, Pretrained, WeightFile, lite0};
use whelp::session::{RUNS, run_for};

use crate::failure::Failure;

/// The value of `--data` for the built-in dogs.
pub const BUILTIN_DOGS: &str = "builtin:dogs";

/// The value of `--from` for the starter.
pub const STARTER: &str = "starter";

/// The network that judges pictures, trained by `src/features/cifar10.py`.
pub const CIFAR10_WEIGHTS: &[u8] = include_bytes!("../../src/features/cifar10.safetensors");

/// The files of [`RUNS`].
const STARTER_RUNS: [&[u8]; RUNS.len()] = [
    include_bytes!("../../web/assets/starter-run.safetensors"),
    include_bytes!("../../web/assets/starter-64-run.safetensors"),
];

/// The run that comes with Whelp for pictures of a resolution: see [`run_for`].
pub fn starter(resolution: Resolution) -> Result<Checkpoint, Failure> {
    let chosen = run_for(resolution);
    let file = RUNS.iter().zip(STARTER_RUNS).find(|(run, _)| **run == chosen).map(|(_, file)| file);
    Checkpoint::from_bytes(file.unwrap_or_default()).map_err(Failure::fault)
}

/// The 5,000 built-in dogs.
pub fn builtin_dogs(preparation: Preparation) -> Result<Dataset, Failure> {
    mosaic("dogs32.png", preparation)
}

/// The 1,000 built-in dogs that nobody trains on, to compare with.
pub fn builtin_test_dogs(preparation: Preparation) -> Result<Dataset, Failure> {
    mosaic("dogs32-test.png", preparation)
}

fn mosaic(file: &str, preparation: Preparation) -> Result<Dataset, Failure> {
    let path = cache_folder().map(|folder| folder.join("assets").join(file));
    let path = path.ok_or_else(|| {
        Failure::input(
            "the built-in dogs can't be found, because neither WHELP_CACHE, XDG_CACHE_HOME nor HOME is set; name pictures \
             with --data",
        )
    })?;
    let bytes = std::fs::read(&path).map_err(|error| {
        Failure::Input(format!(
            "the built-in dogs are not at {} ({error}). Run `cargo xtask setup` once, or name your own pictures with --data",
            path.display()
        ))
    })?;
    data::dogs(&bytes, preparation).map_err(|error| match error {
        DataError::BuiltIn { .. } => Failure::Input(format!("{error} Run `cargo xtask setup` again")),
        other => Failure::input(other),
    })
}

/// The weights that a run with these settings needs beside its own.
pub fn backbone(config: &RunConfig) -> Result<Option<Pretrained>, Failure> {
    let files = weights(features::files_needed(config), "the discriminator", "choose another --recipe")?;
    features::backbone(&files).map_err(damaged)
}

/// EfficientNet-Lite0 as a whole. `whose` needs it, and `instead` is what to do without.
pub fn pooled_lite0(device: &OpenDevice, whose: &str, instead: &str) -> Result<PooledLite0, Failure> {
    let files = weights(&lite0::FILES, whose, instead)?;
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    PooledLite0::new(&files, &device.device).map_err(damaged)
}

/// Contents of files with weights, which `whose` needs; `instead` is what to do without them.
fn weights(files: &[WeightFile], whose: &str, instead: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |WeightFile { name, .. }: &WeightFile| {
        let path = cache_folder().map(|folder| folder.join("assets").join(name));
        let path = path.ok_or_else(|| {
            Failure::Input(format!(
                "{name}, weights that {whose} needs, can't be found, because neither WHELP_CACHE, XDG_CACHE_HOME nor HOME is \
                 set"
            ))
        })?;
        std::fs::read(&path).map_err(|error| {
            Failure::Input(format!(
                "{}, weights that {whose} needs, can't be read ({error}). Run `cargo xtask setup` once, or {instead}",
                path.display()
            ))
        })
    };
    files.iter().map(read).collect()
}

fn damaged(error: FeatureError) -> Failure {
    Failure::Input(format!("{error}. Run `cargo xtask setup` again: it fetches the file anew if it is deleted"))
}

fn cache_folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("WHELP_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("whelp")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/whelp")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_up_makes_the_weights_that_the_page_knows() {
        let contents = weights(&lite0::FILES, "a test", "run the set-up").unwrap_or_else(|error| panic!("{error:?}"));
        for (file, content) in lite0::FILES.iter().zip(&contents) {
            assert!(file.is_whole(content) && file.bytes == content.len() as u64, "{}", file.name);
            assert!(!file.is_whole(&content[1..]));
        }
    }
}
