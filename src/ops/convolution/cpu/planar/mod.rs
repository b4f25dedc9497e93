//! Convolutions over maps that are wide enough to fill vectors with neighbouring pixels. Values keep their order in
//! memory, except that a stride splits the columns; a 1x1 convolution reads its input without a copy.

mod frame;
mod kernel;
mod pointwise;

use std::cell::Cell;
use std::mem::MaybeUninit;

pub use frame::Frame;
use kernel::{Rows, TILE};
pub use pointwise::Pointwise;

use super::vectors::LANES;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::parallel::{collect_chunks, for_each_chunk};

/// Images whose weight gradient is added up by one thread. A constant, so that the sums do not depend on the number of
/// threads.
const IMAGES: usize = 4;

thread_local! {
    /// The padded maps of the last convolution, kept because new memory would have to be cleared.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// A convolution or a transposed one with stride 1, group by group.
#[derive(Clone, Debug)]
pub struct Planar {
    /// Channels in of one group.
    channels: usize,
    source: Frame,
    /// Height and width of the result. For a 1x1 convolution each map counts as one row.
    size: [usize; 2],
    /// Values from the input of an output pixel to that of the one below.
    step: usize,
    /// The place of each channel's and tap's input.
    places: Vec<usize>,
}

impl Planar {
    /// For a convolution, or `None` if [`blocked`](super::blocked) is faster or its width does not fill vectors.
    pub fn forward(geometry: &Geometry) -> Option<Self> {
        let Geometry { stride, padding, kernel, input, output, .. } = *geometry;
        let [channels, _] = geometry.group_channels();
        // Splitting columns costs more than lanes of a block that stay empty, unless most of them do.
        if stride > 1 && 2 * channels > LANES {
            return None;
        }
        let part = [0, 1].map(|axis| output[axis] + kernel[axis].div_ceil(stride) - 1);
        let frame = Frame { size: input, before: padding, stride, part };
        Self::new(geometry, channels, frame, output, |position| position)
    }

    /// For the gradient of a convolution's input, likewise: a convolution with the kernel rotated by 180°.
    pub fn transposed(geometry: &Geometry) -> Option<Self> {
        let Geometry { stride, padding, kernel, input, output, .. } = *geometry;
        let before = [0, 1].map(|axis| kernel[axis].checked_sub(1 + padding[axis]));
        let ([Some(above), Some(left)], 1) = (before, stride) else {
            return None;
        };
        let part = [0, 1].map(|axis| input[axis] + kernel[axis] - 1);
        let frame = Frame { size: output, before: [above, left], stride, part };
        let [_, channels] = geometry.group_channels();
        Self::new(geometry, channels, frame, input, |[y, x]| [kernel[0] - 1 - y, kernel[1] - 1 - x])
    }

    fn new(
        geometry: &Geometry,
        channels: usize,
        source: Frame,
        size: [usize; 2],
        position: impl Fn([usize; 2]) -> [usize; 2],
    ) -> Option<Self> {
        let kernel = geometry.kernel;
        let size = if geometry.is_pointwise() { [1, size[0] * size[1]] } else { size };
        if !size[1].is_multiple_of(LANES) || size.contains(&0) {
            return None;
        }
        let step = source.part[1];
        let taps = (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| [y, x]));
        let taps: Vec<usize> = taps.map(position).map(|tap| source.place(tap)).collect();
        let places = (0..channels).flat_map(|channel| taps.iter().map(move |tap| channel * source.plane() + tap));
        let places = places.collect();
        Some(Self { channels, source, size, step, places })
    }

    fn rows(&self) -> Rows<'_> {
        Rows { size: self.size, places: &self.places, step: self.step }
    }

    /// Pixels of a map of the result.
    fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// `∂⟨y, w * x⟩ / ∂w`, for [`Planar::forward`].
    ///
    /// # Shapes
    /// Those of the geometry.
    pub fn correlate(&self, geometry: &Geometry, x: &[f32], y: &[f32]) -> Vec<f32> {
        let groups = geometry.groups;
        let [_, channels_out] = geometry.group_channels();
        let [maps, gradient] = [self.channels * self.source.area(), channels_out * self.area()];
        let sums = channels_out * self.places.len();
        let mut parts = vec![0.0; geometry.batch.div_ceil(IMAGES) * groups * sums];
        for_each_chunk(&mut parts, groups * sums, |index, part| {
            let mut planes = SCRATCH.take();
            let first = index * IMAGES;
            for image in first..geometry.batch.min(first + IMAGES) {
                let x = x[image * groups * maps..].chunks(maps);
                let y = y[image * groups * gradient..].chunks(gradient);
                for ((x, y), sums) in x.zip(y).zip(part.chunks_mut(sums)) {
                    self.rows().add_products(self.source.pad(x, &mut planes), y, sums);
                }
            }
            SCRATCH.set(planes);
        });
        let (total, others) = parts.split_at_mut(groups * sums);
        for part in others.chunks(groups * sums) {
            for (total, value) in total.iter_mut().zip(part) {
                *total += value;
            }
        }
        parts.truncate(groups * sums);
        parts
    }
}

/// A convolution or a transposed one, with its weights.
pub struct Pass {
    planar: Planar,
    groups: usize,
    /// Channels out of one group.
    channels_out: usize,
    /// `[groups, channels out / TILE, rows, TILE]`, rounded up to whole tiles.
    weights: Vec<f32>,
}

impl Pass {
    /// `y = w * x`, or `None` as for [`Planar::forward`].
    pub fn forward(geometry: &Geometry, weight: &[f32]) -> Option<Self> {
        let planar = Planar::forward(geometry)?;
        let [_, channels_out] = geometry.group_channels();
        let count = planar.places.len();
        let weights = pack(geometry, [count, channels_out], |group, row, channel| {
            weight[(group * channels_out + channel) * count + row]
        });
        Some(Self { planar, groups: geometry.groups, channels_out, weights })
    }

    /// `∂⟨y, w * x⟩ / ∂x`, or `None` as for [`Planar::transposed`].
    pub fn transposed(geometry: &Geometry, weight: &[f32]) -> Option<Self> {
        let planar = Planar::transposed(geometry)?;
        let [depth, channels_out] = geometry.group_channels();
        let area = geometry.area();
        let weights = pack(geometry, [planar.places.len(), depth], |group, row, channel| {
            weight[((group * channels_out + row / area) * depth + channel) * area + row % area]
        });
        Some(Self { planar, groups: geometry.groups, channels_out: depth, weights })
    }

    /// Computes the result.
    ///
    /// # Shapes
    /// - `source`: `[batch, groups, channels in, height, width]`
    /// - returns: `[batch, groups, channels out, height, width]`
    pub fn run(&self, source: &[f32]) -> Vec<f32> {
        let Self { planar, groups, channels_out, weights } = self;
        let maps = planar.channels * planar.source.area();
        let result = channels_out * planar.area();
        let part = |index: usize, target: &mut [MaybeUninit<f32>]| {
            let mut planes = SCRATCH.take();
            let source = source[index * groups * maps..].chunks(maps);
            let weights = weights.chunks(weights.len() / groups);
            for ((maps, weights), target) in source.zip(weights).zip(target.chunks_mut(result)) {
                planar.rows().multiply(weights, planar.source.pad(maps, &mut planes), target);
            }
            SCRATCH.set(planes);
        };
        // SAFETY: all runs of all channels of all groups are written.
        unsafe { collect_chunks(source.len() / maps * result, groups * result, part) }
    }
}

/// The weights of all groups in the order in which they are used, with zeros where the last tile has no channel.
fn pack(geometry: &Geometry, [rows, channels]: [usize; 2], weight: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
    let groups = geometry.groups;
    let tiles = channels.div_ceil(TILE);
    let mut packed = Vec::with_capacity(groups * tiles * rows * TILE);
    for group in 0..groups {
        for first in (0..tiles).map(|tile| tile * TILE) {
            for row in 0..rows {
                let value = |channel| if channel < channels { weight(group, row, channel) } else { 0.0 };
                packed.extend((first..first + TILE).map(value));
            }
        }
    }
    packed
}
