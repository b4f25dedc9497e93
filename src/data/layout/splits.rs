//! Which splits are used, and what is said about it.

use std::collections::{BTreeMap, HashSet};

use super::levels::FileLevels;
use super::pictures_are;
use super::words::Split;
use crate::config::Splits;
use crate::data::DataError;

/// Which files are left out because only some splits are used.
pub struct Splitting {
    /// Indices of the files.
    pub left_out: HashSet<usize>,
    /// What is to be said.
    pub note: Option<String>,
}

impl Splitting {
    /// `files` are what the folders say of all files.
    ///
    /// # Errors
    /// [`DataError::NoSplit`].
    pub fn of(
        source: &str,
        names: &[String],
        pictures: &[usize],
        files: &[FileLevels],
        splits: Splits,
    ) -> Result<Self, DataError> {
        let mut found: BTreeMap<Split, &str> = BTreeMap::new();
        for index in pictures {
            if let Some((split, folder)) = &files[*index].split {
                found.entry(*split).or_insert(folder);
            }
        }
        let mut is_used = found.keys().filter(|split| split.is_in(splits));
        match (found.len(), splits) {
            (0, Splits::All) | (1, Splits::All) => return Ok(Self { left_out: HashSet::new(), note: None }),
            (0, _) => {
                let note = format!("{source} has no splits, so data.splits is ignored.");
                return Ok(Self { left_out: HashSet::new(), note: Some(note) });
            }
            (_, Splits::All) => {
                let folders = found.values().copied().collect::<Vec<_>>().join(" and ");
                let note = format!("The splits {folders} are used together. data.splits can choose one of them.");
                return Ok(Self { left_out: HashSet::new(), note: Some(note) });
            }
            _ => {}
        }
        if is_used.next().is_none() {
            return Err(no_split(source, splits, found.keys().map(|split| split.name())));
        }
        let is_left_out = |index: &usize| files[*index].split.as_ref().is_some_and(|(split, _)| !split.is_in(splits));
        let left_out: HashSet<usize> = (0..names.len()).filter(is_left_out).collect();
        let count = pictures.iter().filter(|index| left_out.contains(index)).count();
        let note =
            (count > 0).then(|| format!("{} left out, as data.splits asks for another split.", pictures_are(count)));
        Ok(Self { left_out, note })
    }
}

/// The error for a split that is not there, with those that are.
pub fn no_split<'a>(source: &str, splits: Splits, found: impl Iterator<Item = &'a str>) -> DataError {
    let wanted = match splits {
        Splits::All | Splits::Training => "training",
        Splits::Validation => "validation",
        Splits::Test => "test",
    };
    DataError::NoSplit { name: source.to_owned(), wanted, found: found.collect::<Vec<_>>().join(" and ") }
}
