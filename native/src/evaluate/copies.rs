//! Copies of training pictures among those that are evaluated.

use std::path::Path;

use serde::Serialize;
use whelp::metrics::{Closeness, CopyLimits, Looks, MIN_CALIBRATION, closeness};
use whelp::sample::Pictures;

use crate::failure::Failure;
use crate::png;
use crate::run_folder::write_whole;

use super::eye::{Eye, Looked};
use super::pictures::{Reference, Subject};

/// Training pictures that others are compared with, if none were held out, to find the limits.
const MOST_CALIBRATION: usize = 1000;

/// Pairs on a sheet.
const PAIRS: usize = 10;

/// What was found.
#[derive(Serialize)]
pub struct Copies {
    /// Pictures that count as copies; none where there are too few real ones to tell.
    pub count: Option<usize>,
    pub of: usize,
    /// Training pictures that were searched.
    pub training: usize,
    /// Whether the limits come from pictures that were held out, else from the training's own.
    pub is_by_held_out: bool,
    /// Real pictures that the limits come from.
    pub calibration: usize,
    /// The share of real pictures that counts as copies, as far as so many can tell.
    pub false_alarms: f64,
    pub limits: Option<CopyLimits>,
    /// The closest pairs, the closest first.
    pub closest: Vec<Pair>,
}

/// A picture and its nearest one of the training.
#[derive(Serialize)]
pub struct Pair {
    /// Number of the picture among those that were evaluated.
    pub picture: usize,
    /// Number of the training picture among those that were searched.
    pub training: usize,
    pub is_copy: bool,
    #[serde(flatten)]
    pub closeness: Closeness,
}

impl Copies {
    /// Looks for copies of `training` pictures among `pictures`. `held_out` are real ones that were not trained on.
    pub fn find(pictures: &Looked, training: &Looked, held_out: Option<&Looked>) -> Self {
        let training = training.looks();
        let calibration = match held_out {
            Some(held_out) => closeness(&held_out.looks(), &training, false),
            None => closeness(&first(&training, MOST_CALIBRATION), &training, true),
        };
        let limits = CopyLimits::calibrate(&calibration);
        let found = closeness(&pictures.looks(), &training, false);
        // Without limits both tests count alike.
        let order = limits.unwrap_or(CopyLimits { pixels: 1.0, features: 1.0 });
        let mut closest: Vec<Pair> = found
            .iter()
            .enumerate()
            .map(|(picture, closeness)| Pair {
                picture,
                training: order.original(closeness),
                is_copy: limits.is_some_and(|limits| limits.is_copy(closeness)),
                closeness: *closeness,
            })
            .collect();
        closest.sort_by(|a, b| order.share(&a.closeness).total_cmp(&order.share(&b.closeness)));
        closest.truncate(PAIRS);
        Self {
            count: limits.map(|limits| found.iter().filter(|closeness| limits.is_copy(closeness)).count()),
            of: found.len(),
            training: training.pixels.len(),
            is_by_held_out: held_out.is_some(),
            calibration: calibration.len(),
            false_alarms: CopyLimits::false_alarms(calibration.len()),
            limits,
            closest,
        }
    }

    /// The same in a few sentences.
    pub fn in_words(&self) -> String {
        let Self { count, of, training, is_by_held_out, calibration, false_alarms, .. } = self;
        let Some(count) = count else {
            return format!(
                "Copies: not counted, because limits need at least {MIN_CALIBRATION} real pictures. --copies FILE.png shows the \
                 closest pairs."
            );
        };
        let share = 100.0 * *count as f64 / *of as f64;
        let real =
            if *is_by_held_out { "real pictures that were held out" } else { "training pictures beside each other" };
        let percent = 100.0 * false_alarms;
        // Three standard deviations, of the alarms among these pictures and of those that the limits come from.
        let expected = *of as f64 * false_alarms;
        let chance = expected + 3.0 * (expected * (1.0 + *of as f64 / *calibration as f64)).sqrt();
        let verdict = if *count as f64 > chance {
            "That is more than chance: it repeats pictures that it was trained on."
        } else {
            "That is no more than chance."
        };
        format!(
            "Copies: {count} of {of} pictures ({share:.1} %) are as close to one of {training} training pictures as {percent:.1} % \
             of {real} are. {verdict}"
        )
    }

    /// Writes the closest pairs: each picture above the training picture that it is closest to.
    pub fn write_sheet(&self, path: &Path, eye: &Eye, subject: &Subject, reference: &Reference) -> Result<(), Failure> {
        let numbers = |of: fn(&Pair) -> usize| self.closest.iter().map(of).collect::<Vec<usize>>();
        let mut pictures = eye.pictures(subject, &numbers(|pair| pair.picture))?.in_colour();
        for number in numbers(|pair| pair.training) {
            let original = reference.training.pictures(number..number + 1).in_colour_at(pictures.resolution);
            pictures.pixels.extend(original.pixels);
        }
        write_grid(path, &pictures, self.closest.len())
    }
}

/// Writes pictures as a PNG with so many columns.
pub fn write_grid(path: &Path, pictures: &Pictures, columns: usize) -> Result<(), Failure> {
    let bytes = png::encode(&pictures.grid_of(columns));
    bytes.and_then(|bytes| write_whole(path, &bytes)).map_err(|error| Failure::file(path, "written", &error))
}

fn first(looks: &Looks, count: usize) -> Looks {
    looks.select(&(0..looks.pixels.len().min(count) as u32).collect::<Vec<_>>())
}
