//! What a data set is, in a few words and numbers.

use serde::{Deserialize, Serialize};

use crate::config::Resolution;

/// Number, size and colour of the pictures, their classes, what was skipped, and a fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// "Built-in dogs", or the name of a folder or file.
    pub name: String,
    /// Pictures.
    pub count: usize,
    /// Width and height of every picture.
    pub resolution: Resolution,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Names of the classes, indexed by label; empty if the pictures have no labels.
    #[serde(default)]
    pub classes: Vec<String>,
    /// What differs from what was asked for, each a sentence.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Files that were skipped, each with its reason; at most [`DataSummary::SKIPPED_SHOWN`] of them.
    pub skipped: Vec<Skipped>,
    /// How many files were skipped.
    pub skipped_count: usize,
    /// Hash of the prepared pixels, and of the labels if there are any. A resumed run warns when it differs.
    pub fingerprint: String,
}

impl DataSummary {
    /// The most skipped files that are named: nobody reads more.
    pub const SKIPPED_SHOWN: usize = 200;

    /// What a network has to know of the pictures.
    pub fn kind(&self) -> PictureKind {
        PictureKind { channels: self.channels, classes: self.classes.len() }
    }
}

/// A file that was skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name in the source.
    pub name: String,
    /// Why, in a sentence that ends with what to do.
    pub reason: String,
}

/// The part of a network's shape that comes from the data, not from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureKind {
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Classes of the data set; 0 without labels.
    pub classes: usize,
}
