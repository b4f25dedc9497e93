//! Sliced Wasserstein distance: compares patches of pixels, without any network.
//!
//! Karras et al. 2018, "Progressive growing of GANs", arXiv:1710.10196, section 5: a picture becomes a Laplacian pyramid (Burt &
//! Adelson 1983), whose levels hold details of one size each. Patches of a level, 7 x 7 pixels in colour, are compared along random
//! directions, where sets of numbers are compared by sorting them.

use std::ops::Range;

use super::matrix::inner_product_f32 as inner_product;
use super::{Estimate, LeftOut};
use crate::config::Resolution;
use crate::random::{Random, Stream};

/// Side of a patch in pixels.
const PATCH: usize = 7;

/// The coarsest level is the last one with at least this side.
const COARSEST: usize = 16;

/// Patches of a picture on each level, and directions. The paper takes 128 and 512, of 8,192 pictures.
const PATCHES: usize = 32;
const DIRECTIONS: usize = 128;

/// The most pictures of a set that patches are taken of.
pub const SWD_MOST: usize = 1000;

/// Positions in the random stream of scores.
const DIRECTIONS_OF_LEVEL: u64 = 3000;
const PLACES: u64 = 10_000;

/// Filters with `[1, 4, 6, 4, 1] / 16` along rows and then along columns, mirrored at the borders.
fn blur(plane: &[f32], size: Resolution, gain: f32) -> Vec<f32> {
    const TAPS: [f32; 5] = [1.0, 4.0, 6.0, 4.0, 1.0];
    let mirrored = |at: isize, side: usize| {
        let last = side as isize - 1;
        let at = at.abs();
        (if at > last { 2 * last - at } else { at }) as usize
    };
    let [across, down] = [size.width, size.height].map(|side| -> Vec<[usize; 5]> {
        (0..side as isize).map(|at| std::array::from_fn(|tap| mirrored(at + tap as isize - 2, side))).collect()
    });
    let mut rows = vec![0.0; size.pixels()];
    for (row, out) in plane.chunks_exact(size.width).zip(rows.chunks_exact_mut(size.width)) {
        for (out, sources) in out.iter_mut().zip(&across) {
            *out = sources.iter().zip(TAPS).map(|(source, tap)| row[*source] * tap).sum::<f32>();
        }
    }
    let mut blurred = vec![0.0; size.pixels()];
    for (sources, out) in down.iter().zip(blurred.chunks_exact_mut(size.width)) {
        for (source, tap) in sources.iter().zip(TAPS) {
            let row = &rows[source * size.width..][..size.width];
            out.iter_mut().zip(row).for_each(|(out, value)| *out += value * tap);
        }
    }
    blurred.iter_mut().for_each(|value| *value *= gain / 256.0);
    blurred
}

/// The Laplacian pyramid of a picture, the finest level first. The last level is the picture itself, made small.
///
/// # Shapes
/// - `planes`: `[channels, height, width]`
/// - returns: `[channels, height / 2^level, width / 2^level]` each, down to 16 pixels of the shorter side or as far as both can be
///   halved
pub fn laplacian_pyramid(planes: &[f32], size: Resolution) -> Vec<Vec<f32>> {
    let mut levels = Vec::new();
    let (mut current, mut size) = (planes.to_vec(), size);
    while [size.width, size.height].iter().all(|side| side.is_multiple_of(2) && side / 2 >= COARSEST) {
        let half = size.divided(2);
        let mut smaller = Vec::with_capacity(current.len() / 4);
        let mut details = Vec::with_capacity(current.len());
        for plane in current.chunks_exact(size.pixels()) {
            let blurred = blur(plane, size, 1.0);
            let first = smaller.len();
            let place = |at: usize| 2 * (at / half.width) * size.width + 2 * (at % half.width);
            smaller.extend((0..half.pixels()).map(|at| blurred[place(at)]));
            let mut spread = vec![0.0; size.pixels()];
            for (at, value) in smaller[first..].iter().enumerate() {
                spread[place(at)] = *value;
            }
            details.extend(plane.iter().zip(blur(&spread, size, 4.0)).map(|(value, known)| value - known));
        }
        levels.push(details);
        (current, size) = (smaller, half);
    }
    levels.push(current);
    levels
}

/// Patches of the pictures of a set on one level.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    channels: usize,
    /// `[patches, channels * 7 * 7]`
    rows: Vec<f32>,
}

impl Patches {
    /// No patches yet, of pictures with so many channels.
    pub fn new(channels: usize) -> Self {
        Self { channels, rows: Vec::new() }
    }

    /// Values of a patch.
    fn columns(&self) -> usize {
        self.channels * PATCH * PATCH
    }

    /// Adds the patches of a picture whose upper left corners are at these rows and columns.
    ///
    /// # Shapes
    /// - `planes`: `[channels, height, width]`
    pub fn cut(&mut self, planes: &[f32], size: Resolution, corners: impl IntoIterator<Item = [usize; 2]>) {
        for [top, left] in corners {
            for plane in planes.chunks_exact(size.pixels()) {
                for row in top..top + PATCH {
                    self.rows.extend_from_slice(&plane[row * size.width + left..][..PATCH]);
                }
            }
        }
    }

    /// Gives each channel, over all patches, the mean 0 and the deviation 1.
    fn normalize(&mut self) {
        let (columns, plane) = (self.columns(), PATCH * PATCH);
        for channel in 0..self.channels {
            let of_channel = |row: &[f32]| row[channel * plane..][..plane].to_vec();
            let values = || self.rows.chunks_exact(columns).flat_map(of_channel).map(f64::from);
            let count = (self.rows.len() / self.channels) as f64;
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            // A channel without any contrast stays at 0.
            let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
            for row in self.rows.chunks_exact_mut(columns) {
                for value in &mut row[channel * plane..][..plane] {
                    *value = ((f64::from(*value) - mean) * scale) as f32;
                }
            }
        }
    }

    /// Where the patches lie along a direction, ascending. Each comes with its group.
    fn along(&self, direction: &[f32], groups: &[u8]) -> Vec<(f32, u8)> {
        let rows = self.rows.chunks_exact(self.columns());
        let mut along: Vec<(f32, u8)> =
            rows.zip(groups).map(|(row, group)| (inner_product(row, direction), *group)).collect();
        along.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        along
    }
}

/// The distance on one level: `mean |A − B|` over the sorted places of the patches of both sets along all directions.
///
/// `groups` has the group of each patch, the same for both sets; without a group its patches are left out of both.
///
/// # Shapes
/// - `a`, `b`: as many patches
/// - `directions`: `[directions, channels * 7 * 7]`, each of length 1, in the order channel, row, column
///
/// # Panics
/// If the sets have other numbers of patches or channels than each other.
pub fn swd_of_level(mut a: Patches, mut b: Patches, directions: &[f32], groups: &[u8], count: usize) -> Estimate {
    assert_eq!((a.channels, a.rows.len()), (b.channels, b.rows.len()), "sorted numbers are compared in pairs");
    a.normalize();
    b.normalize();
    let mut sums = vec![(0.0, 0usize); count + 1];
    for direction in directions.chunks_exact(a.columns()) {
        let (a, b) = (a.along(direction, groups), b.along(direction, groups));
        for (variant, (sum, pairs)) in sums.iter_mut().enumerate() {
            let there = |along: &[(f32, u8)]| -> Vec<f32> {
                along.iter().filter(|(_, group)| variant == 0 || *group as usize != variant).map(|(x, _)| *x).collect()
            };
            let (a, b) = (there(&a), there(&b));
            *sum += a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
            *pairs += a.len();
        }
    }
    Estimate::new(&sums.into_iter().map(|(sum, pairs)| sum / pairs as f64).collect::<Vec<_>>())
}

/// Random patches of a set of pictures, on every level.
#[derive(Clone, Debug)]
pub struct Sketch {
    seed: u64,
    size: Resolution,
    pictures: usize,
    levels: Vec<Patches>,
}

impl Sketch {
    /// Of no pictures yet, of this size in RGB. Sets with the same seed are cut at the same places.
    pub fn new(size: impl Into<Resolution>, seed: u64) -> Self {
        Self { seed, size: size.into(), pictures: 0, levels: Vec::new() }
    }

    /// How many pictures it is of.
    pub fn len(&self) -> usize {
        self.pictures
    }

    /// Whether it is of no pictures.
    pub fn is_empty(&self) -> bool {
        self.pictures == 0
    }

    /// Of some of its pictures, which are numbered in the order in which they were added.
    ///
    /// # Panics
    /// If there are not that many.
    #[must_use]
    pub fn range(&self, pictures: Range<usize>) -> Self {
        let level = |patches: &Patches| {
            let values = PATCHES * patches.columns();
            let rows = patches.rows[pictures.start * values..pictures.end * values].to_vec();
            Patches { channels: patches.channels, rows }
        };
        Self { levels: self.levels.iter().map(level).collect(), pictures: pictures.len(), ..*self }
    }

    /// Adds a picture, `[3, height, width]`, unless there are twice [`SWD_MOST`] already: enough for two sets.
    pub fn add(&mut self, planes: &[u8]) {
        if self.pictures == 2 * SWD_MOST {
            return;
        }
        let planes: Vec<f32> = planes.iter().map(|value| f32::from(*value)).collect();
        let pyramid = laplacian_pyramid(&planes, self.size);
        self.levels.resize_with(pyramid.len(), || Patches::new(3));
        let mut places = Random::new(self.seed, Stream::Scores, PLACES + self.pictures as u64);
        for (level, (planes, patches)) in pyramid.iter().zip(&mut self.levels).enumerate() {
            let size = self.size.divided(1 << level);
            let corner = |_| [size.height, size.width].map(|side| places.below(side - PATCH + 1));
            let corners: Vec<[usize; 2]> = (0..PATCHES).map(corner).collect();
            patches.cut(planes, size, corners);
        }
        self.pictures += 1;
    }

    /// Sliced Wasserstein distance of two sets: the mean over the levels. As sorted places are compared in pairs, only as many
    /// pictures of each count as the smaller set has, the first ones, and at most [`SWD_MOST`]. What is left out is a group of the pictures in `self`, and
    /// as many of the others.
    ///
    /// # Panics
    /// If the sets differ in resolution or seed, or are empty.
    pub fn distance(&self, others: &Self, left_out: &LeftOut) -> Estimate {
        assert_eq!((self.seed, self.size), (others.seed, others.size), "two kinds of sketches");
        let count = self.pictures.min(others.pictures).min(SWD_MOST);
        let groups: Vec<u8> = left_out.pictures[..count].iter().flat_map(|group| [*group; PATCHES]).collect();
        let [pictures, others] = [self, others].map(|set| set.range(0..count).levels);
        let distances = (0..).zip(pictures.into_iter().zip(others)).map(|(level, (a, b))| {
            let columns = a.columns();
            let mut random = Random::new(self.seed, Stream::Scores, DIRECTIONS_OF_LEVEL + level);
            let mut directions = random.normals(DIRECTIONS * columns);
            for direction in directions.chunks_exact_mut(columns) {
                let length = inner_product(direction, direction).sqrt();
                direction.iter_mut().for_each(|value| *value /= length);
            }
            swd_of_level(a, b, &directions, &groups, left_out.variants() - 1)
        });
        let levels = self.levels.len() as f64;
        let sum = distances.reduce(|sum, level| sum.with(&level, |a, b| a + b)).expect("there are pictures");
        sum.with(&sum, |sum, _| sum / levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(pictures: usize, position: u64, spread: f32) -> Sketch {
        let mut sketch = Sketch::new(32, 1);
        let values = Random::new(2, Stream::Init, position).normals(pictures * 3 * 32 * 32);
        let bytes: Vec<u8> = values.iter().map(|value| (128.0 + spread * value).clamp(0.0, 255.0) as u8).collect();
        bytes.chunks_exact(3 * 32 * 32).for_each(|planes| sketch.add(planes));
        sketch
    }

    #[test]
    fn a_flat_picture_has_no_details() {
        let pyramid = laplacian_pyramid(&[100.0; 3 * 64 * 64], 64.into());
        assert_eq!(pyramid.iter().map(Vec::len).collect::<Vec<_>>(), [3 * 4096, 3 * 1024, 3 * 256]);
        assert!(pyramid[..2].iter().flatten().all(|value| value.abs() < 1e-3));
        assert!(pyramid[2].iter().all(|value| (value - 100.0).abs() < 1e-3));
        assert_eq!(laplacian_pyramid(&[0.0; 3 * 28 * 28], 28.into()).len(), 1, "14 pixels would be too few");
    }

    /// Blurring a picture across is blurring the turned picture down.
    #[test]
    fn the_pyramid_of_a_turned_picture_is_turned() {
        let (wide, tall) = (Resolution { width: 96, height: 64 }, Resolution { width: 64, height: 96 });
        let planes = Random::new(2, Stream::Init, 0).normals(wide.pixels());
        let turned = |planes: &[f32], size: Resolution| -> Vec<f32> {
            (0..size.pixels()).map(|at| planes[at % size.height * size.width + at / size.height]).collect()
        };
        let levels = laplacian_pyramid(&planes, wide);
        assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [6144, 1536, 384]);
        let others = laplacian_pyramid(&turned(&planes, wide), tall);
        for (level, (planes, others)) in levels.iter().zip(&others).enumerate() {
            let planes = turned(planes, wide.divided(1 << level));
            assert!(planes.iter().zip(others).all(|(a, b)| (a - b).abs() < 1e-5), "level {level}");
        }
    }

    #[test]
    fn a_set_is_no_distance_from_itself_and_near_another_of_its_kind() {
        let nothing = LeftOut::nothing(20, 20);
        let (a, b) = (noise(20, 0, 40.0), noise(20, 1, 40.0));
        assert_eq!(a.distance(&a, &nothing).value, 0.0);
        let same = a.distance(&b, &nothing).value;
        // Smooth pictures differ from noise.
        let mut smooth = Sketch::new(32, 1);
        for picture in 0..20 {
            let planes: Vec<u8> = (0..3 * 32 * 32).map(|at| (at % 32 * 6 + picture) as u8).collect();
            smooth.add(&planes);
        }
        let other = a.distance(&smooth, &nothing).value;
        assert!(other > 5.0 * same && same > 0.0, "{same} and {other}");
    }
}
