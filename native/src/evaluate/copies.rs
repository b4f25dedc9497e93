//! Copies of training pictures among those that are evaluated.

use std::path::Path;

use whelp::metrics::{Copies, MIN_CALIBRATION, Pair, closeness};
use whelp::sample::Pictures;

use crate::failure::Failure;
use crate::png;
use crate::run_folder::write_whole;

use super::eye::{Eye, Looked};
use super::pictures::{Reference, Subject};

/// Training pictures that others are compared with, if none were held out, to find the limits.
const MOST_CALIBRATION: usize = 1000;

/// Looks for copies of `training` pictures among `pictures`. `held_out` are real ones that were not trained on.
pub fn find(pictures: &Looked, training: &Looked, held_out: Option<&Looked>) -> Copies {
    let training = training.looks();
    // Too few of them tell no limits, and pictures of the training against each other do.
    let held_out = held_out.filter(|held_out| held_out.len() >= MIN_CALIBRATION);
    let calibration = match held_out {
        Some(held_out) => closeness(&held_out.looks(), &training, None),
        None => {
            let some: Vec<u32> = (0..training.len().min(MOST_CALIBRATION) as u32).collect();
            closeness(&training.select(&some), &training, Some(&some))
        }
    };
    let found = closeness(&pictures.looks(), &training, None);
    Copies::of(&found, training.len(), &calibration, held_out.is_some())
}

/// The same in words.
pub fn in_words(copies: &Copies) -> String {
    let hint = if copies.count.is_none() { " --copies FILE.png shows the closest pairs." } else { "" };
    format!("Copies: {}{hint}", copies.in_words())
}

/// Writes the closest pairs: each picture above the training picture that it is closest to.
pub fn write_sheet(
    copies: &Copies,
    path: &Path,
    eye: &Eye,
    subject: &Subject,
    reference: &Reference,
) -> Result<(), Failure> {
    let numbers = |of: fn(&Pair) -> usize| copies.closest.iter().map(of).collect::<Vec<usize>>();
    let mut pictures = eye.pictures(subject, &numbers(|pair| pair.picture))?.in_colour();
    for number in numbers(|pair| pair.training) {
        let original = reference.training.pictures(number..number + 1)?.in_colour_at(pictures.resolution);
        pictures.pixels.extend(original.pixels);
    }
    write_grid(path, &pictures, copies.closest.len())
}

/// Writes pictures as a PNG with so many columns.
pub fn write_grid(path: &Path, pictures: &Pictures, columns: usize) -> Result<(), Failure> {
    let bytes = png::encode(&pictures.grid_of(columns));
    bytes.and_then(|bytes| write_whole(path, &bytes)).map_err(|error| Failure::file(path, "written", &error))
}
