//! The built-in dogs, where `cargo xtask setup` put them.

use std::env;
use std::path::PathBuf;

use whelp::checkpoint::Checkpoint;
use whelp::config::RunConfig;
use whelp::data::{self, DataError, Dataset, Preparation};
use whelp::features::{self, Pretrained};

use crate::failure::Failure;

/// The value of `--data` for the built-in dogs.
pub const BUILTIN_DOGS: &str = "builtin:dogs";

/// The value of `--from` for the starter.
pub const STARTER: &str = "starter";

/// The starter's file: the networks that come with Whelp.
const STARTER_FILE: &[u8] = include_bytes!("../../web/assets/starter.safetensors");

/// The starter.
pub fn starter() -> Result<Checkpoint, Failure> {
    Checkpoint::from_bytes(STARTER_FILE).map_err(Failure::fault)
}

/// The 5,000 built-in dogs.
pub fn builtin_dogs(preparation: Preparation) -> Result<Dataset, Failure> {
    let path = cache_folder().map(|folder| folder.join("assets/dogs32.png"));
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
    let read = |name: &&str| {
        let path = cache_folder().map(|folder| folder.join("assets").join(name));
        let path = path.ok_or_else(|| {
            Failure::input(format!(
                "{name}, weights that the discriminator needs, can't be found, because neither WHELP_CACHE, XDG_CACHE_HOME \
                 nor HOME is set"
            ))
        })?;
        std::fs::read(&path).map_err(|error| {
            Failure::Input(format!(
                "{}, weights that the discriminator needs, can't be read ({error}). Run `cargo xtask setup` once, or choose \
                 another --recipe",
                path.display()
            ))
        })
    };
    let files: Vec<Vec<u8>> = features::files_needed(config).iter().map(read).collect::<Result<_, _>>()?;
    features::backbone(&files).map_err(|error| {
        Failure::Input(format!("{error}. Run `cargo xtask setup` again: it fetches the file anew if it is deleted"))
    })
}

fn cache_folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("WHELP_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("whelp")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/whelp")))
}
