//! The built-in dogs, where `cargo xtask setup` put them.

use std::env;
use std::path::PathBuf;

use whelp::data::{self, DataError, Dataset, Preparation};

use crate::failure::Failure;

/// The value of `--data` for the built-in dogs.
pub const BUILTIN_DOGS: &str = "builtin:dogs";

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

fn cache_folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("WHELP_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("whelp")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/whelp")))
}
