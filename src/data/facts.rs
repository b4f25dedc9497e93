//! Facts on a file for the data doctor, collected while its pixels are in memory.

use std::f64::consts::PI;

use xxhash_rust::xxh3::xxh3_128;

use super::{Area, Color, Cut, Filter, Format, Raster, Resizer, Target, decode};
use crate::config::Resolution;

/// Facts on a file that became pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// By the first bytes.
    pub format: Option<Format>,
    /// XXH3 hash (128 bits) of the file.
    pub content: u128,
    /// Width of the upright picture, in pixels.
    pub width: usize,
    /// Height of the upright picture, in pixels.
    pub height: usize,
    /// Longer side of the smallest part that became a picture, in pixels before resizing.
    pub side: usize,
    /// Whether a part that became a picture was enlarged.
    pub is_enlarged: bool,
    /// Whether it has no colours, even if it is stored in colour.
    pub is_grey: bool,
    /// Whether it is of one colour throughout.
    pub is_blank: bool,
    /// Whether it has a colour profile other than sRGB, which is not applied.
    pub has_profile: bool,
    /// [`perceptual_hash`] of its first picture.
    pub perceptual_hash: u64,
}

/// Mean difference between two channels, in levels, below which no colour is visible. JPEG gives grey pictures less.
const GREY_LEVELS: f64 = 1.5;

/// Standard deviation of every channel, in levels, below which a picture looks blank.
const BLANK_LEVELS: f64 = 2.0;

impl Facts {
    /// `areas` became pictures; the first of them is `picture`, `[channels, height, width]`.
    pub(super) fn new(bytes: &[u8], raster: &Raster, areas: &[Area], picture: &[u8], cut: &Cut) -> Self {
        let (width, height) = raster.upright_size();
        let side = areas.iter().map(|area| area.width.max(area.height)).min();
        let is_stored_grey = raster.channels <= 2;
        let Resolution { width: new_width, height: new_height } = cut.target.resolution;
        let is_enlarged =
            |area: &Area| area.width * raster.divisor < new_width && area.height * raster.divisor < new_height;
        Self {
            format: decode::format(bytes).ok(),
            content: xxh3_128(bytes),
            width: width * raster.divisor,
            height: height * raster.divisor,
            side: side.unwrap_or_default() * raster.divisor,
            is_enlarged: areas.iter().any(is_enlarged),
            is_grey: is_stored_grey || cut.target.color == Color::Rgb && has_no_color(picture),
            is_blank: channels(picture, cut.target.color).all(|channel| deviation(channel) < BLANK_LEVELS),
            has_profile: raster.has_profile,
            perceptual_hash: perceptual_hash(picture, cut.target),
        }
    }
}

fn channels(picture: &[u8], color: Color) -> impl Iterator<Item = &[u8]> {
    picture.chunks_exact(picture.len() / color.channels())
}

fn has_no_color(picture: &[u8]) -> bool {
    let channels: Vec<&[u8]> = channels(picture, Color::Rgb).collect();
    let difference = |a: &[u8], b: &[u8]| {
        let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.len() as f64
    };
    difference(channels[0], channels[1]) < GREY_LEVELS && difference(channels[1], channels[2]) < GREY_LEVELS
}

fn deviation(values: &[u8]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    (values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Side of the grey picture that the perceptual hash is computed from.
const HASH_SIDE: usize = 32;

/// Lowest frequencies that are used, in each direction.
const FREQUENCIES: usize = 8;

/// A perceptual hash: the hashes of pictures that look alike differ in few bits, whatever their size and compression.
///
/// Bit `8 v + u` tells whether the amplitude of frequency `(u, v)` of a 32 x 32 grey version is above the median of all
/// 63 that are used; the constant part, bit 0, is not. Source: C. Zauner, "Implementation and Benchmarking of
/// Perceptual Image Hash Functions", 2010, section 3.2.1 (DCT based).
///
/// # Shapes
/// - `picture`: `[channels, height, width]` of `target`
pub(super) fn perceptual_hash(picture: &[u8], target: Target) -> u64 {
    let Target { resolution, color } = target;
    let grey: Vec<u8> = match color {
        Color::Grey => picture.to_vec(),
        Color::Rgb => {
            let channels: Vec<&[u8]> = channels(picture, color).collect();
            (0..resolution.pixels())
                .map(|i| super::color::luma([channels[0][i], channels[1][i], channels[2][i]]))
                .collect()
        }
    };
    let from = [resolution.width, resolution.height];
    let grey = Resizer::rectangle(from, [HASH_SIDE; 2], Filter::Lanczos).resize::<1>(&grey);
    let amplitudes = low_frequencies(&grey);
    let mut sorted = amplitudes[1..].to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    amplitudes.iter().enumerate().skip(1).filter(|(_, amplitude)| **amplitude > median).map(|(i, _)| 1u64 << i).sum()
}

/// The lowest 8 x 8 of the 32 x 32 frequencies of a discrete cosine transform (type II), not normalised.
fn low_frequencies(grey: &[u8]) -> [f64; FREQUENCIES * FREQUENCIES] {
    // libm has the same cosine on every target, for the same hashes.
    let wave =
        |frequency: usize, x: usize| libm::cos(PI * frequency as f64 * (2 * x + 1) as f64 / (2 * HASH_SIDE) as f64);
    let waves: Vec<[f64; HASH_SIDE]> = (0..FREQUENCIES).map(|u| std::array::from_fn(|x| wave(u, x))).collect();
    let rows: Vec<[f64; FREQUENCIES]> = grey
        .chunks_exact(HASH_SIDE)
        .map(|row| {
            std::array::from_fn(|u| row.iter().zip(&waves[u]).map(|(value, wave)| f64::from(*value) * wave).sum())
        })
        .collect();
    std::array::from_fn(|i| {
        let (u, v) = (i % FREQUENCIES, i / FREQUENCIES);
        rows.iter().zip(&waves[v]).map(|(row, wave)| row[u] * wave).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope with a disc; `noise` levels of stripes over it.
    fn scene(side: usize, turned: bool, noise: u8) -> Vec<u8> {
        let pixel = |i: usize| {
            let (x, y) = (i % side * 64 / side, i / side * 64 / side);
            let (x, y) = if turned { (y, 63 - x) } else { (x, y) };
            let disc = (x as i32 - 20).pow(2) + (y as i32 - 24).pow(2) < 150;
            (if disc { 220 } else { 2 * x as u8 + y as u8 }).saturating_add(noise * (i % 2) as u8)
        };
        (0..side * side).map(pixel).collect()
    }

    fn hash(picture: &[u8]) -> u64 {
        let resolution = picture.len().isqrt().into();
        perceptual_hash(picture, Target { resolution, color: Color::Grey })
    }

    fn distance(a: &[u8], b: &[u8]) -> u32 {
        (hash(a) ^ hash(b)).count_ones()
    }

    #[test]
    fn what_looks_alike_has_nearly_the_same_hash() {
        let scene_64 = scene(64, false, 0);
        assert_eq!(distance(&scene_64, &scene_64), 0);
        assert!(distance(&scene_64, &scene(128, false, 0)) <= 2, "twice the size");
        assert!(distance(&scene_64, &scene(64, false, 6)) <= 2, "with noise");
        assert!(distance(&scene_64, &scene(64, true, 0)) > 16, "turned");
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        assert_eq!(format!("{:016x}", hash(&scene(64, false, 0))), "e31f031bfcdc6240");
    }

    #[test]
    fn grey_and_blank_are_found_by_their_pixels() {
        assert!(has_no_color(&[7; 48]) && has_no_color(&[[10; 16], [11; 16], [10; 16]].concat()));
        assert!(!has_no_color(&[[10; 16], [14; 16], [10; 16]].concat()));
        assert!(deviation(&[5; 9]) == 0.0 && deviation(&[0, 255]) > 100.0);
    }
}
