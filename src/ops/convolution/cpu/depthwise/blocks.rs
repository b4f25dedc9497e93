//! Channels in blocks: a vector holds [`LANES`] channels of one pixel, so that maps may be as small as they like.

use std::cell::Cell;
use std::mem::MaybeUninit;

use super::kernel::BlockFilter;
use crate::ops::convolution::cpu::layout::{self, Frame};
use crate::ops::convolution::cpu::phases::{Phase, Phases};
use crate::ops::convolution::cpu::vectors::LANES;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::parallel::{collect_chunks, for_each_chunk};

thread_local! {
    /// The plane and the sums, or the two planes, of the last block, kept because new memory would have to be cleared.
    static SCRATCH: Cell<[Vec<f32>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

fn filter(phases: &Phases, phase: &Phase) -> BlockFilter {
    let [row, pixel] = [phases.stride * phases.source.padded[1] * LANES, phases.stride * LANES];
    BlockFilter {
        size: phase.size,
        places: phase.taps.iter().map(|tap| phases.source.place(tap.at)).collect(),
        input: [row, pixel],
        output: [phases.spread * phases.target[1] * LANES, phases.spread * LANES],
    }
}

/// A depthwise convolution or a transposed one.
pub struct Pass {
    frame: Frame,
    /// Height and width of the result.
    target: [usize; 2],
    channels: usize,
    phases: Vec<Packed>,
}

/// One phase.
struct Packed {
    filter: BlockFilter,
    /// `[block][tap][LANES]`
    weights: Vec<f32>,
    /// Where the first pixel's sums are written.
    origin: usize,
}

impl Pass {
    pub fn new(phases: &Phases, channels: usize, weight: &[f32]) -> Self {
        let packed = |phase: &Phase| Packed {
            filter: filter(phases, phase),
            weights: pack(weight, channels, phase),
            origin: (phase.origin[0] * phases.target[1] + phase.origin[1]) * LANES,
        };
        let packed = phases.phases.iter().map(packed).collect();
        Self { frame: phases.source, target: phases.target, channels, phases: packed }
    }

    /// As [`super::Pass::run`].
    pub fn run(&self, source: &[f32]) -> Vec<f32> {
        let Self { frame, channels, .. } = *self;
        let [from, to] = [frame.size, self.target].map(|[height, width]| height * width);
        let image = |index: usize, image: &mut [MaybeUninit<f32>]| {
            let [mut plane, mut sums] = SCRATCH.take();
            plane.clear();
            plane.resize(frame.plane(), 0.0);
            sums.resize(to * LANES, 0.0);
            let source = source[index * channels * from..].chunks(LANES * from);
            for (block, (source, target)) in source.zip(image.chunks_mut(LANES * to)).enumerate() {
                frame.copy_in(&source[..target.len() / to * from], &mut plane);
                for Packed { filter, weights, origin } in &self.phases {
                    let size = filter.places.len() * LANES;
                    let sums = sums.get_mut(*origin..).unwrap_or_default();
                    filter.run(&weights[block * size..][..size], &plane, sums);
                }
                layout::copy_out(&sums, to, target);
            }
            SCRATCH.set([plane, sums]);
        };
        // SAFETY: every block of every image is copied out.
        unsafe { collect_chunks(source.len() / from * to, channels * to, image) }
    }
}

/// The weights of a phase, `[block][tap][LANES]`, with zeros where the last block has no channel.
fn pack(weight: &[f32], channels: usize, phase: &Phase) -> Vec<f32> {
    let area = weight.len() / channels;
    let mut packed = Vec::with_capacity(layout::count(channels) * phase.taps.len() * LANES);
    for first in (0..channels).step_by(LANES) {
        for tap in &phase.taps {
            let value = |channel| if channel < channels { weight[channel * area + tap.position] } else { 0.0 };
            packed.extend((first..first + LANES).map(value));
        }
    }
    packed
}

/// `∂⟨y, w * x⟩ / ∂w`
///
/// # Shapes
/// Those of the geometry.
pub fn weight_gradient(geometry: &Geometry, x: &[f32], y: &[f32]) -> Vec<f32> {
    let Geometry { batch, channels: [channels, _], input, output, .. } = *geometry;
    let phases = Phases::forward(geometry);
    let [frame, bare] = [phases.source, Frame::bare(output)];
    let filter = filter(&phases, &phases.phases[0]);
    let [from, to] = [input, output].map(|[height, width]| height * width);
    let taps = geometry.area();

    // [block][tap][LANES]. One block after the other, and all images in order: the number of threads changes no sum.
    let mut sums = vec![0.0; layout::count(channels) * taps * LANES];
    for_each_chunk(&mut sums, taps * LANES, |block, sums| {
        let [mut plane, mut gradient] = SCRATCH.take();
        plane.clear();
        plane.resize(frame.plane(), 0.0);
        gradient.resize(bare.plane(), 0.0);
        let lanes = LANES.min(channels - block * LANES);
        for image in 0..batch {
            let first = image * channels + block * LANES;
            frame.copy_in(&x[first * from..][..lanes * from], &mut plane);
            bare.copy_in(&y[first * to..][..lanes * to], &mut gradient[..bare.plane()]);
            filter.add_products(&plane, &gradient[..bare.plane()], sums);
        }
        SCRATCH.set([plane, gradient]);
    });
    let value = |channel: usize, tap: usize| sums[(channel / LANES * taps + tap) * LANES + channel % LANES];
    (0..channels).flat_map(|channel| (0..taps).map(move |tap| value(channel, tap))).collect()
}
