//! 1x1 convolutions over maps that do not fill vectors. The pixels of several images stand side by side, as if they were
//! one map.

use std::cell::Cell;
use std::mem::MaybeUninit;

use super::kernel::Rows;
use super::pack;
use crate::ops::convolution::cpu::vectors::LANES;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::parallel::collect_chunks;

/// Pixels that stand side by side, about. They share a pass over the weights.
const PIXELS: usize = 64;

thread_local! {
    /// The pixels of the last convolution before and after, kept because new memory would have to be cleared.
    static SCRATCH: Cell<[Vec<f32>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// A 1x1 convolution or the gradient of its input, group by group.
pub struct Pointwise {
    groups: usize,
    /// Channels of a group, in and out.
    channels: [usize; 2],
    /// Pixels of a map.
    area: usize,
    weights: Vec<f32>,
}

impl Pointwise {
    /// For a convolution, or `None` if it has another kernel or its maps fill vectors.
    pub fn forward(geometry: &Geometry, weight: &[f32]) -> Option<Self> {
        let channels @ [depth, outputs] = geometry.group_channels();
        Self::new(geometry, channels, |group, channel, output| weight[(group * outputs + output) * depth + channel])
    }

    /// For the gradient of a convolution's input, likewise.
    pub fn transposed(geometry: &Geometry, weight: &[f32]) -> Option<Self> {
        let [depth, outputs] = geometry.group_channels();
        Self::new(geometry, [outputs, depth], |group, output, channel| {
            weight[(group * outputs + output) * depth + channel]
        })
    }

    /// `weight` gives the weight from a channel to a channel of a group, as `weight(group, in, out)`.
    fn new(geometry: &Geometry, channels: [usize; 2], weight: impl Fn(usize, usize, usize) -> f32) -> Option<Self> {
        let Geometry { groups, input: [height, width], .. } = *geometry;
        let area = height * width;
        let is_for = geometry.is_pointwise() && area > 0 && !area.is_multiple_of(LANES);
        is_for.then(|| Self { groups, channels, area, weights: pack(geometry, channels, weight) })
    }

    /// # Shapes
    /// - `source`: `[batch, groups, channels in, height, width]`
    /// - returns: `[batch, groups, channels out, height, width]`
    pub fn run(&self, source: &[f32]) -> Vec<f32> {
        let Self { groups, channels: [channels_in, channels_out], area, ref weights } = *self;
        let [from, to] = self.channels.map(|channels| groups * channels * area);
        let images = (PIXELS / area).max(1);
        let places: Vec<usize> = (0..channels_in).map(|channel| channel * LANES).collect();
        let part = |index: usize, target: &mut [MaybeUninit<f32>]| {
            let count = target.len() / to;
            let source = &source[index * images * from..][..count * from];
            let runs = (count * area).div_ceil(LANES);
            let rows = Rows { size: [runs, LANES], places: &places, step: channels_in * LANES };
            let [mut pixels, mut sums] = SCRATCH.take();
            pixels.resize(runs * rows.step, 0.0);
            for (group, weights) in weights.chunks(weights.len() / groups).enumerate() {
                self.gather(&source[group * channels_in * area..], &mut pixels);
                sums.clear();
                sums.reserve(channels_out * runs * LANES);
                rows.multiply(weights, &pixels, &mut sums.spare_capacity_mut()[..channels_out * runs * LANES]);
                // SAFETY: all runs of all channels were written.
                unsafe { sums.set_len(channels_out * runs * LANES) };
                self.scatter(&sums, &mut target[group * channels_out * area..]);
            }
            SCRATCH.set([pixels, sums]);
        };
        // SAFETY: all pixels of all groups of all images are scattered.
        unsafe { collect_chunks(source.len() / from * to, images * to, part) }
    }

    /// From `[image][group][channel][pixel]`, beginning with one group of the first image, to `[run][channel][LANES]`.
    fn gather(&self, source: &[f32], pixels: &mut [f32]) {
        let Self { groups, channels: [channels, _], area, .. } = *self;
        for (image, maps) in source.chunks(groups * channels * area).enumerate() {
            for (channel, map) in maps[..channels * area].chunks(area).enumerate() {
                let (mut first, mut map) = (image * area, map);
                while !map.is_empty() {
                    let (here, rest) = map.split_at(map.len().min(LANES - first % LANES));
                    let place = (first / LANES * channels + channel) * LANES + first % LANES;
                    copy(here, &mut pixels[place..][..here.len()], |to, value| *to = value);
                    (first, map) = (first + here.len(), rest);
                }
            }
        }
    }

    /// From `[channel][run][LANES]` to `[image][group][channel][pixel]`, beginning with one group of the first image.
    fn scatter(&self, sums: &[f32], target: &mut [MaybeUninit<f32>]) {
        let Self { groups, channels: [_, channels], area, .. } = *self;
        let row = sums.len() / channels;
        for (image, maps) in target.chunks_mut(groups * channels * area).enumerate() {
            for (channel, map) in maps[..channels * area].chunks_mut(area).enumerate() {
                copy(&sums[channel * row + image * area..][..area], map, |to, value| _ = to.write(value));
            }
        }
    }
}

/// Copies a map. One of four pixels is a single move.
#[inline(always)]
fn copy<T>(from: &[f32], to: &mut [T], write: impl Fn(&mut T, f32)) {
    if let (Ok(from), Ok(to)) = (<&[f32; 4]>::try_from(from), <&mut [T; 4]>::try_from(&mut *to)) {
        for (to, value) in to.iter_mut().zip(from) {
            write(to, *value);
        }
        return;
    }
    for (to, value) in to.iter_mut().zip(from) {
        write(to, *value);
    }
}
