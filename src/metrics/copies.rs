//! Copies of training pictures among others, in a few figures and sentences.

use serde::{Deserialize, Serialize};

use super::closeness::{Closeness, CopyLimits, MIN_CALIBRATION};

/// The closest pairs that are told.
const PAIRS: usize = 10;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copies {
    /// Pictures that count as copies; none where there are too few real ones to tell.
    pub count: Option<usize>,
    /// Pictures that were looked at.
    pub of: usize,
    /// Training pictures that were searched.
    pub training: usize,
    /// Whether the limits come from pictures that were held out, else from the training's own.
    pub is_by_held_out: bool,
    /// Real pictures that the limits come from.
    pub calibration: usize,
    /// The share of real pictures that counts as copies, as far as so many can tell.
    pub false_alarms: f64,
    /// Below which a picture counts as a copy.
    pub limits: Option<CopyLimits>,
    /// The closest pairs, the closest first.
    pub closest: Vec<Pair>,
}

/// A picture and its nearest one of the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Number of the picture among those that were looked at.
    pub picture: usize,
    /// Number of the training picture among those that were searched.
    pub training: usize,
    /// Whether it counts as a copy.
    pub is_copy: bool,
    /// How close they are.
    #[serde(flatten)]
    pub closeness: Closeness,
}

impl Copies {
    /// What follows from how close pictures are to `training` others, and how close real ones are. Those were held out from the
    /// training, or each was compared with all others.
    pub fn of(found: &[Closeness], training: usize, calibration: &[Closeness], is_by_held_out: bool) -> Self {
        let limits = CopyLimits::calibrate(calibration);
        // Without limits both tests count alike.
        let order = limits.unwrap_or(CopyLimits { pixels: 1.0, features: 1.0 });
        let pair = |(picture, closeness): (usize, &Closeness)| Pair {
            picture,
            training: order.original(closeness),
            is_copy: limits.is_some_and(|limits| limits.is_copy(closeness)),
            closeness: *closeness,
        };
        let mut closest: Vec<Pair> = found.iter().enumerate().map(pair).collect();
        closest.sort_by(|a, b| order.share(&a.closeness).total_cmp(&order.share(&b.closeness)));
        closest.truncate(PAIRS);
        Self {
            count: limits.map(|limits| found.iter().filter(|closeness| limits.is_copy(closeness)).count()),
            of: found.len(),
            training,
            is_by_held_out,
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
            return format!("Not counted, because limits need at least {MIN_CALIBRATION} real pictures.");
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
            "{count} of {of} pictures ({share:.1} %) are as close to one of {training} training pictures as {percent:.1} % of {real} \
             are. {verdict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::closeness::Nearby;
    use super::*;

    fn close(ratio: f64, training: usize) -> Closeness {
        let nearby = Nearby { training, ratio };
        Closeness { pixels: nearby, features: Nearby { ratio: 1.0, ..nearby } }
    }

    #[test]
    fn copies_are_counted_and_the_closest_pairs_come_first() {
        let calibration: Vec<Closeness> = (0..400).map(|i| close(0.5 + f64::from(i) / 1000.0, 0)).collect();
        let found: Vec<Closeness> = (0..40).map(|i| close(0.9 - 0.02 * f64::from(i), i as usize)).collect();
        let copies = Copies::of(&found, 5000, &calibration, true);
        let limit = copies.limits.unwrap().pixels;
        assert_eq!(copies.count, Some(found.iter().filter(|found| found.pixels.ratio < limit).count()));
        assert_eq!(
            copies.closest.iter().map(|pair| pair.picture).collect::<Vec<_>>(),
            (30..40).rev().collect::<Vec<_>>()
        );
        assert!(copies.closest.iter().all(|pair| pair.is_copy && pair.training == pair.picture));
        let words = copies.in_words();
        assert!(words.contains(" of 40 pictures ") && words.contains("one of 5000 training pictures"), "{words}");
        assert!(words.ends_with("it repeats pictures that it was trained on."), "{words}");

        let few = Copies::of(&found, 50, &calibration[..50], false);
        assert_eq!((few.count, few.closest.len()), (None, 10));
        assert!(few.in_words().starts_with("Not counted"));
        let none = Copies::of(&[close(0.9, 1)], 5000, &calibration, false).in_words();
        assert!(none.starts_with("0 of 1 pictures (0.0 %)") && none.ends_with("no more than chance."), "{none}");
    }
}
