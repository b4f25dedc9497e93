//! Convolutions of any shape, with vectors of channels. The channels of an image are copied into blocks, summed there
//! while they are in the cache, and copied back.

mod kernel;

use std::cell::Cell;
use std::mem::MaybeUninit;

use kernel::{Products, Sum};

use super::layout::{self, Frame};
use super::phases::{Phase, Phases};
use super::vectors::LANES;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::parallel::{collect_chunks, for_each_chunk, threads};

/// Values of the planes that a thread works on at once, so that they stay in its cache: 512 KiB.
const CACHED: usize = 128 * 1024;

thread_local! {
    /// Planes and sums of the last convolution, kept because new memory would have to be cleared. About [`CACHED`]
    /// values, or as many as the largest image needs.
    static SCRATCH: Cell<[Vec<f32>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// A convolution or a transposed one: a sum over taps and channels for every pixel of the result.
pub struct Pass {
    groups: usize,
    /// Channels of one group, in and out.
    channels: [usize; 2],
    phases: Phases,
    /// One for each phase.
    packed: Vec<Packed>,
}

/// What the sums of a phase are made with.
struct Packed {
    /// The place of each tap's input.
    taps: Vec<usize>,
    /// `[group][block out][block in][tap][channel in][LANES]`
    weights: Vec<f32>,
}

impl Pass {
    /// For a convolution.
    pub fn forward(geometry: &Geometry, weight: &[f32]) -> Self {
        let channels @ [depth, _] = geometry.group_channels();
        let at = |out, channel| (out * depth + channel) * geometry.area();
        Self::new(geometry, channels, Phases::forward(geometry), weight, at)
    }

    /// For the gradient of a convolution's input.
    pub fn transposed(geometry: &Geometry, weight: &[f32]) -> Self {
        let [depth, channels_out] = geometry.group_channels();
        let at = |out, channel| (channel * depth + out) * geometry.area();
        Self::new(geometry, [channels_out, depth], Phases::transposed(geometry), weight, at)
    }

    /// `at` as for [`pack`].
    fn new(
        geometry: &Geometry,
        channels: [usize; 2],
        phases: Phases,
        weight: &[f32],
        at: impl Fn(usize, usize) -> usize + Send + Sync,
    ) -> Self {
        let groups = geometry.groups;
        let packed = |phase: &Phase| Packed {
            taps: phase.taps.iter().map(|tap| phases.source.place(tap.at)).collect(),
            weights: pack(weight, groups, channels, phase.taps.iter().map(|tap| tap.position), &at),
        };
        let packed = phases.phases.iter().map(packed).collect();
        Self { groups, channels, phases, packed }
    }

    /// Computes the result.
    ///
    /// # Shapes
    /// - `source`: `[batch, groups · channels in, height, width]`
    /// - returns: `[batch, groups · channels out, height, width]`, with the size of the result
    pub fn run(&self, source: &[f32]) -> Vec<f32> {
        let [channels_in, channels_out] = self.channels;
        let frame = self.phases.source;
        let area = self.phases.target[0] * self.phases.target[1];
        let plane = frame.plane() * layout::count(channels_in);
        let image = self.groups * channels_out * area;
        let source_image = self.groups * channels_in * frame.size[0] * frame.size[1];
        let batch = source.len() / source_image;
        // Several small images share a pass over the weights.
        let images = (CACHED / plane.max(1)).clamp(1, batch.div_ceil(threads()));
        let part = |index: usize, target: &mut [MaybeUninit<f32>]| {
            let count = target.len() / image;
            let source = &source[index * images * source_image..][..count * source_image];
            let [mut planes, mut sums] = SCRATCH.take();
            planes.resize(plane * count, 0.0);
            sums.resize(area * LANES, 0.0);
            if !frame.is_bare() || !channels_in.is_multiple_of(LANES) {
                planes.fill(0.0);
            }
            for group in 0..self.groups {
                for (image, plane) in planes.chunks_mut(plane).enumerate() {
                    self.copy_in(group, &source[image * source_image..][..source_image], plane);
                }
                for block in 0..layout::count(channels_out) {
                    for (plane, target) in planes.chunks(plane).zip(target.chunks_mut(image)) {
                        self.sum(group, block, plane, &mut sums, target);
                    }
                }
            }
            SCRATCH.set([planes, sums]);
        };
        // SAFETY: every block of every group of every image is copied out.
        unsafe { collect_chunks(batch * image, image * images, part) }
    }

    /// Copies the channels of one group of one image into blocks.
    fn copy_in(&self, group: usize, image: &[f32], planes: &mut [f32]) {
        let [channels, _] = self.channels;
        let frame = self.phases.source;
        let area = frame.size[0] * frame.size[1];
        let maps = &image[group * channels * area..][..channels * area];
        for (maps, plane) in maps.chunks(LANES * area).zip(planes.chunks_mut(frame.plane())) {
            frame.copy_in(maps, plane);
        }
    }

    /// Computes one block of channels of the result of one image.
    fn sum(&self, group: usize, block: usize, planes: &[f32], sums: &mut [f32], image: &mut [MaybeUninit<f32>]) {
        let [depth, channels_out] = self.channels;
        let Phases { source, target: [height, width], stride, spread, ref phases } = self.phases;
        let area = height * width;
        for (phase, Packed { taps, weights }) in phases.iter().zip(&self.packed) {
            let size = depth * taps.len() * LANES;
            let sum = Sum {
                size: phase.size,
                depth,
                plane: source.plane(),
                taps,
                weights: &weights[(group * layout::count(channels_out) + block) * size..][..size],
                row: stride * source.padded[1] * LANES,
                stride,
                step: [spread * width * LANES, spread * LANES],
            };
            let origin = (phase.origin[0] * width + phase.origin[1]) * LANES;
            sum.run(planes, sums.get_mut(origin..).unwrap_or_default());
        }
        let lanes = LANES.min(channels_out - block * LANES);
        let maps = &mut image[(group * channels_out + block * LANES) * area..][..lanes * area];
        layout::copy_out(sums, area, maps);
    }
}

/// The weights in the order in which they are used: `[group][block out][block in][position][channel in][LANES]`. `at`
/// gives the place of the kernel from an input channel to an output channel of a group, as `at(out, in)`.
fn pack(
    weight: &[f32],
    groups: usize,
    [channels_in, channels_out]: [usize; 2],
    positions: impl Iterator<Item = usize>,
    at: impl Fn(usize, usize) -> usize + Send + Sync,
) -> Vec<f32> {
    let positions: Vec<usize> = positions.collect();
    let group_size = weight.len() / groups;
    let blocks_out = layout::count(channels_out);
    let size = channels_in * positions.len() * LANES;
    let part = |index: usize, packed: &mut [MaybeUninit<f32>]| {
        let (group, out) = (index / blocks_out, index % blocks_out * LANES);
        let weight = &weight[group * group_size..][..group_size];
        let mut packed = packed.chunks_exact_mut(LANES);
        for first in (0..channels_in).step_by(LANES) {
            for &position in &positions {
                for channel in first..channels_in.min(first + LANES) {
                    let value = |out| if out < channels_out { weight[at(out, channel) + position] } else { 0.0 };
                    for (lane, packed) in packed.next().into_iter().flatten().enumerate() {
                        packed.write(value(out + lane));
                    }
                }
            }
        }
    };
    // SAFETY: a block out has LANES values for each channel in and position, and all are written.
    unsafe { collect_chunks(groups * blocks_out * size, size.max(1), part) }
}

/// The gradient of a weight: `∂⟨y, w * x⟩ / ∂w`
///
/// # Shapes
/// - `x`: `[batch, channels in, height, width]`
/// - `y`: `[batch, channels out, height, width]`, with the size of the output
/// - returns: `[channels out, channels in / groups, kernel height, kernel width]`
pub fn weight_gradient(geometry: &Geometry, x: &[f32], y: &[f32]) -> Vec<f32> {
    let Geometry { stride, groups, batch, kernel, output, .. } = *geometry;
    let [channels_in, channels_out] = geometry.group_channels();
    let [blocks_in, blocks_out] = [channels_in, channels_out].map(layout::count);
    let frame = Phases::forward(geometry).source;
    let bare = Frame::bare(output);
    let (x, y) = (in_blocks(x, channels_in, frame), in_blocks(y, channels_out, bare));

    // [group][block out][block in][kernel row][kernel column][channel in][LANES]
    let row = kernel[1] * LANES * LANES;
    let mut sums = vec![0.0; groups * blocks_out * blocks_in * kernel[0] * row];
    let parts = |index: usize| {
        let (kernel_row, index) = (index % kernel[0], index / kernel[0]);
        let (block_in, index) = (index % blocks_in, index / blocks_in);
        (index / blocks_out, index % blocks_out, block_in, kernel_row)
    };
    for_each_chunk(&mut sums, row, |index, sums| {
        let (group, block_out, block_in, kernel_row) = parts(index);
        let depth = LANES.min(channels_in - block_in * LANES);
        let products = Products { size: output, depth, step: [stride * frame.padded[1] * LANES, stride * LANES] };
        for image in 0..batch {
            let x = &x[((image * groups + group) * blocks_in + block_in) * frame.plane()..][..frame.plane()];
            let y = &y[((image * groups + group) * blocks_out + block_out) * bare.plane()..][..bare.plane()];
            for (column, sums) in sums.chunks_mut(LANES * LANES).enumerate() {
                products.add(&x[(kernel_row * frame.padded[1] + column) * LANES..], y, sums);
            }
        }
    });

    let area = geometry.area();
    let part = |index: usize, gradient: &mut [MaybeUninit<f32>]| {
        let (group, out) = (index / channels_out, index % channels_out);
        let blocks = (group * blocks_out + out / LANES) * blocks_in;
        for (channel, gradient) in gradient.chunks_mut(area).enumerate() {
            let rows = &sums[(blocks + channel / LANES) * kernel[0] * row..][..kernel[0] * row];
            let lanes = rows.chunks(LANES * LANES).map(|sums| sums[channel % LANES * LANES + out % LANES]);
            for (value, sum) in gradient.iter_mut().zip(lanes) {
                value.write(sum);
            }
        }
    };
    // SAFETY: there are as many sums as positions of the kernel.
    unsafe { collect_chunks(groups * channels_out * channels_in * area, channels_in * area, part) }
}

/// Copies maps with `channels` channels per group into `[image][group][block][plane]`.
fn in_blocks(maps: &[f32], channels: usize, frame: Frame) -> Vec<f32> {
    let area = frame.size[0] * frame.size[1];
    let blocks = layout::count(channels);
    let mut planes = vec![0.0; maps.len() / (channels * area) * blocks * frame.plane()];
    for_each_chunk(&mut planes, frame.plane(), |index, plane| {
        let (group, block) = (index / blocks, index % blocks);
        let lanes = LANES.min(channels - block * LANES);
        frame.copy_in(&maps[(group * channels + block * LANES) * area..][..lanes * area], plane);
    });
    planes
}
