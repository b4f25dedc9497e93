//! Looks for pictures of the training among generated ones.
//!
//! A picture without much in it is near to many others, so a distance alone says little. As Carlini et al. 2023
//! (arXiv:2301.13188, section 4.2) a distance to the nearest picture is divided by the mean distance to the 50 nearest. Where such a
//! ratio counts as a copy is found on real pictures that were not trained on: hardly any of them is one.

use serde::{Deserialize, Serialize};

use super::matrix::inner_product_f32 as inner_product;

/// Neighbours whose mean distance the nearest one is compared with.
const NEIGHBORS: usize = 50;

/// Side of the pictures that are compared by pixels. Smaller than most, so that noise and small shifts count little.
pub const THUMBNAIL_SIDE: usize = 16;

/// The share of real pictures that were not trained on that may be taken for copies, by pixels and by features together.
pub const FALSE_ALARMS: f64 = 0.005;

/// The fewest pictures that a limit is found on: with fewer, the closest of them says little about others.
pub const MIN_CALIBRATION: usize = 200;

/// Rows of numbers by which pictures are compared.
#[derive(Clone, Debug)]
pub struct Rows {
    columns: usize,
    values: Vec<f32>,
}

impl Rows {
    /// No rows yet.
    pub fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    /// Adds rows.
    ///
    /// # Panics
    /// If the values are no whole rows.
    pub fn extend(&mut self, values: impl IntoIterator<Item = f32>) {
        self.values.extend(values);
        assert_eq!(self.values.len() % self.columns, 0, "rows have {} values", self.columns);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows with these numbers.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let row = |row: &u32| &self.values[*row as usize * self.columns..][..self.columns];
        Self { columns: self.columns, values: rows.iter().flat_map(row).copied().collect() }
    }

    /// The rows of thumbnails, `[3, side, side]`, mirrored left to right.
    fn mirrored(&self) -> Self {
        let values = self.values.chunks_exact(THUMBNAIL_SIDE).flat_map(|row| row.iter().rev().copied()).collect();
        Self { columns: self.columns, values }
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.columns)
    }
}

/// What pictures are compared by.
#[derive(Clone, Debug)]
pub struct Looks {
    /// Thumbnails of [`THUMBNAIL_SIDE`] pixels in RGB.
    pub pixels: Rows,
    /// What a network sees in them.
    pub features: Rows,
}

impl Looks {
    /// None yet, of a network with so many features.
    pub fn new(features: usize) -> Self {
        Self { pixels: Rows::new(3 * THUMBNAIL_SIDE * THUMBNAIL_SIDE), features: Rows::new(features) }
    }

    /// Adds those of other pictures.
    pub fn append(&mut self, others: Self) {
        self.pixels.extend(others.pixels.values);
        self.features.extend(others.features.values);
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.pixels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Of the pictures with these numbers.
    #[must_use]
    pub fn select(&self, pictures: &[u32]) -> Self {
        Self { pixels: self.pixels.select(pictures), features: self.features.select(pictures) }
    }
}

/// The nearest picture of the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nearby {
    /// Its number.
    pub training: usize,
    /// Its distance, by the mean distance of the 50 nearest; 0 for the same picture, near 1 for no relation.
    pub ratio: f64,
}

/// A picture's nearest pictures of the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closeness {
    /// By pixels, of the picture or its mirror image.
    pub pixels: Nearby,
    /// By features.
    pub features: Nearby,
}

/// For each picture its nearest of the training. With `own`, `pictures` are the training's with these numbers, and none of them is
/// its own neighbour.
///
/// # Panics
/// If there are fewer than two training pictures.
pub fn closeness(pictures: &Looks, training: &Looks, own: Option<&[u32]>) -> Vec<Closeness> {
    let mirrored = pictures.pixels.mirrored();
    let by_pixels = nearby(&[&pictures.pixels, &mirrored], &training.pixels, own);
    let by_features = nearby(&[&pictures.features], &training.features, own);
    by_pixels.into_iter().zip(by_features).map(|(pixels, features)| Closeness { pixels, features }).collect()
}

/// `points` are the same pictures in several forms.
fn nearby(points: &[&Rows], candidates: &Rows, own: Option<&[u32]>) -> Vec<Nearby> {
    /// Candidates that stay in the processor's cache while all points pass.
    const TILE: usize = 64;
    assert!(candidates.len() >= 2, "nothing is nearest among {} pictures", candidates.len());
    let squares = |rows: &Rows| rows.iter().map(|row| inner_product(row, row)).collect::<Vec<f32>>();
    let squares_of_points: Vec<Vec<f32>> = points.iter().map(|rows| squares(rows)).collect();
    let squares_of_candidates = squares(candidates);
    let mut nearest: Vec<Vec<(f32, u32)>> = vec![Vec::with_capacity(NEIGHBORS + 1); points[0].len()];
    for first in (0..candidates.len()).step_by(TILE) {
        for (i, nearest) in nearest.iter_mut().enumerate() {
            for (j, candidate) in candidates.iter().enumerate().skip(first).take(TILE) {
                if own.is_some_and(|own| own[i] as usize == j) {
                    continue;
                }
                let square = |(rows, squares): (&&Rows, &Vec<f32>)| {
                    let row = &rows.values[i * rows.columns..][..rows.columns];
                    squares[i] + squares_of_candidates[j] - 2.0 * inner_product(row, candidate)
                };
                let square = points.iter().zip(&squares_of_points).map(square).fold(f32::INFINITY, f32::min).max(0.0);
                if nearest.len() == NEIGHBORS && nearest[NEIGHBORS - 1].0 <= square {
                    continue;
                }
                let at = nearest.partition_point(|(other, _)| *other <= square);
                nearest.insert(at, (square, j as u32));
                nearest.truncate(NEIGHBORS);
            }
        }
    }
    let ratio = |nearest: Vec<(f32, u32)>| {
        let distances = nearest.iter().map(|(square, _)| f64::from(*square).sqrt());
        let mean = distances.sum::<f64>() / nearest.len() as f64;
        let (square, index) = nearest[0];
        // Where all are the same picture, it is a copy of each.
        let ratio = if mean > 0.0 { f64::from(square).sqrt() / mean } else { 0.0 };
        Nearby { training: index as usize, ratio }
    };
    nearest.into_iter().map(ratio).collect()
}

/// Ratios below which a picture counts as a copy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CopyLimits {
    /// Of pixels.
    pub pixels: f64,
    /// Of features.
    pub features: f64,
}

/// The lowest limit. Two files of one picture are closer than that, two pictures hardly ever.
const LEAST_LIMIT: f64 = 0.1;

/// How many of so many real pictures lie below the limit of one test: half of the false alarms.
fn alarms_each(calibration: usize) -> usize {
    (calibration as f64 * FALSE_ALARMS / 2.0) as usize
}

impl CopyLimits {
    /// Limits by which [`FALSE_ALARMS`] of `others`, real pictures that were not trained on, count as copies; none if there are
    /// fewer than [`MIN_CALIBRATION`] of them.
    pub fn calibrate(others: &[Closeness]) -> Option<Self> {
        let limit = |ratio: fn(&Closeness) -> f64| {
            let mut ratios: Vec<f64> = others.iter().map(ratio).collect();
            ratios.sort_by(f64::total_cmp);
            // Only what lies below the limit is a copy. Doubles among real pictures must not make exact copies pass.
            ratios[alarms_each(others.len())].max(LEAST_LIMIT)
        };
        (others.len() >= MIN_CALIBRATION).then(|| Self {
            pixels: limit(|closeness| closeness.pixels.ratio),
            features: limit(|closeness| closeness.features.ratio),
        })
    }

    /// The share of real pictures that count as copies, as it is to be expected after a calibration with so many: by the order
    /// statistics, for both tests together.
    pub fn false_alarms(calibration: usize) -> f64 {
        2.0 * (alarms_each(calibration) + 1) as f64 / (calibration + 1) as f64
    }

    /// How close a picture is to one of the training, below 1 for a copy.
    pub fn share(&self, closeness: &Closeness) -> f64 {
        (closeness.pixels.ratio / self.pixels).min(closeness.features.ratio / self.features)
    }

    /// Whether a picture counts as a copy.
    pub fn is_copy(&self, closeness: &Closeness) -> bool {
        self.share(closeness) < 1.0
    }

    /// The picture of the training that it is a copy of, if it is one; else the nearest by the test that it comes nearer to.
    pub fn original(&self, closeness: &Closeness) -> usize {
        let Closeness { pixels, features } = closeness;
        let is_by_pixels = pixels.ratio / self.pixels <= features.ratio / self.features;
        if is_by_pixels { pixels.training } else { features.training }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    const COLUMNS: usize = 3 * THUMBNAIL_SIDE * THUMBNAIL_SIDE;

    /// Smooth pictures: a few waves of random strength. Their features are those strengths.
    fn looks(count: usize, position: u64) -> Looks {
        let (mut pixels, mut features) = (Rows::new(COLUMNS), Rows::new(12));
        for picture in 0..count {
            let waves = Random::new(position, Stream::Init, picture as u64).normals(12);
            pixels.extend((0..COLUMNS).map(|at| {
                let (x, y) = ((at % THUMBNAIL_SIDE) as f32 / 16.0, (at / THUMBNAIL_SIDE) as f32 / 16.0);
                waves.iter().zip(1..).map(|(wave, n)| wave * (n as f32 * (x + 0.3 * y)).sin()).sum::<f32>()
            }));
            features.extend(waves);
        }
        Looks { pixels, features }
    }

    #[test]
    fn copies_are_found_mirrored_too_and_others_are_none() {
        let (training, calibration, others) = (looks(400, 1), looks(400, 2), looks(400, 3));
        let limits = CopyLimits::calibrate(&closeness(&calibration, &training, None)).unwrap();
        let alarms = closeness(&others, &training, None).iter().filter(|closeness| limits.is_copy(closeness)).count();
        assert!(alarms <= 4, "{alarms} of 400 others");

        let copies = training.select(&[7, 8, 9]);
        let mut changed = Looks { pixels: copies.pixels.mirrored(), features: Rows::new(12) };
        let noise = Random::new(9, Stream::Init, 0).normals(3 * COLUMNS);
        changed.pixels.values.iter_mut().zip(noise).for_each(|(value, noise)| *value += 0.05 * noise);
        // As if the network saw nothing of it.
        changed.features.extend(looks(3, 4).features.values);
        for (found, original) in closeness(&changed, &training, None).iter().zip([7, 8, 9]) {
            assert!(limits.is_copy(found) && found.pixels.training == original, "{found:?}");
            assert_eq!(limits.original(found), original);
        }
    }

    #[test]
    fn no_training_picture_is_its_own_copy_and_few_pictures_give_no_limit() {
        let training = looks(60, 1);
        let all: Vec<u32> = (0..60).collect();
        let found = closeness(&training, &training, Some(&all));
        assert!(found.iter().enumerate().all(|(i, found)| found.pixels.training != i && found.features.training != i));
        assert!(found.iter().all(|found| found.pixels.ratio > 0.0));
        assert_eq!(CopyLimits::calibrate(&found), None);
        let some = [7, 3, 59];
        let again = closeness(&training.select(&some), &training, Some(&some));
        assert_eq!(again, some.map(|picture| found[picture as usize]));
    }
}
