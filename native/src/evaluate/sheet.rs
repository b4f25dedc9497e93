//! A sheet of generated and real pictures, unmarked: to find out whether a person can tell them apart.

use std::path::{Path, PathBuf};

use whelp::people;
use whelp::sample::Pictures;

use crate::failure::Failure;
use crate::run_folder::write_whole;

use super::copies::write_grid;
use super::eye::Eye;
use super::pictures::{Reference, Subject};

/// Pictures of each kind, and in a row.
const EACH: usize = 32;
const COLUMNS: usize = 8;

/// The file that tells which picture of a sheet is which.
pub fn key(sheet: &Path) -> PathBuf {
    sheet.with_extension("key.txt")
}

/// Writes the sheet, and beside it a file that tells which picture is which. Returns the latter's path.
pub fn write(path: &Path, eye: &Eye, subject: &Subject, reference: &Reference, seed: u64) -> Result<PathBuf, Failure> {
    let count = EACH.min(subject.count()).min(reference.real_count());
    let numbers: Vec<usize> = (0..count).collect();
    let generated = eye.pictures(subject, &numbers)?.in_colour();
    let real = reference.real_pictures(0..count)?.in_colour_at(generated.resolution);
    let all: Vec<&[u8]> = generated.iter().chain(real.iter()).collect();
    let order = people::order(seed, 2 * count);
    let pixels = order.iter().flat_map(|index| all[*index as usize]).copied().collect();
    write_grid(path, &Pictures { pixels, ..generated }, COLUMNS)?;
    let line = |(place, index): (usize, &u32)| {
        let kind = if (*index as usize) < count { "generated" } else { "real" };
        format!("row {}, column {}: {kind}\n", place / COLUMNS + 1, place % COLUMNS + 1)
    };
    let key = key(path);
    let text: String = order.iter().enumerate().map(line).collect();
    write_whole(&key, text.as_bytes()).map_err(|error| Failure::file(&key, "written", &error))?;
    Ok(key)
}
