//! Maps as they lie in memory: a vector holds neighbouring pixels. A stride splits the columns and rows, so that all
//! pixels that a tap meets are neighbours.

use std::cell::Cell;
use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use super::kernel::Filter;
use crate::ops::convolution::cpu::phases::{Phase, Phases};
use crate::ops::convolution::cpu::planar::Frame;
use crate::ops::convolution::cpu::vectors::LANES;
use crate::ops::parallel::{CHUNK, collect_chunks};

thread_local! {
    /// The padded map and the sums of the last convolution, kept because new memory would have to be cleared.
    static SCRATCH: Cell<[Vec<f32>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// A depthwise convolution or a transposed one.
pub struct Pass {
    frame: Frame,
    /// One for each phase.
    filters: Vec<Filter>,
    /// Height and width of the result.
    target: [usize; 2],
    spread: usize,
    channels: usize,
    /// `[channels, kernel height, kernel width]`
    weight: Vec<f32>,
}

impl Pass {
    pub fn new(phases: &Phases, channels: usize, weight: &[f32]) -> Self {
        let frame = Frame {
            size: phases.source.size,
            before: phases.source.before,
            stride: phases.stride,
            part: phases.source.padded.map(|length| length.div_ceil(phases.stride)),
        };
        let filter = |phase: &Phase| {
            let taps = phase.taps.iter().map(|tap| (frame.place(tap.at), tap.position)).collect();
            Filter::new(phase.size, taps, frame.part[1])
        };
        let filters = phases.phases.iter().map(filter).collect();
        Self { frame, filters, target: phases.target, spread: phases.spread, channels, weight: weight.to_vec() }
    }

    /// As [`super::Pass::run`].
    pub fn run(&self, source: &[f32]) -> Vec<f32> {
        let [from, to] = [self.frame.size, self.target].map(|[height, width]| height * width);
        let count = (CHUNK / from.max(to)).max(1);
        let part = |index: usize, target: &mut [MaybeUninit<f32>]| {
            let [mut plane, mut sums] = SCRATCH.take();
            plane.clear();
            // The last vector of a row may reach behind it.
            plane.resize(self.frame.plane() + LANES, 0.0);
            sums.resize(self.filters.iter().map(Filter::values).sum(), 0.0);
            let (first, source) = (index * count, &source[index * count * from..]);
            Arch::new().dispatch(Work { pass: self, first, source, target, plane: &mut plane, sums: &mut sums });
            SCRATCH.set([plane, sums]);
        };
        // SAFETY: every pixel of a map belongs to a phase, and all phases are written.
        unsafe { collect_chunks(source.len() / from * to, count * to, part) }
    }
}

/// Some neighbouring maps.
struct Work<'a> {
    pass: &'a Pass,
    first: usize,
    source: &'a [f32],
    target: &'a mut [MaybeUninit<f32>],
    /// Zeros where the map is padded.
    plane: &'a mut [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Work<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { pass, first, source, target, plane, sums } = self;
        let [from, to] = [pass.frame.size, pass.target].map(|[height, width]| height * width);
        for (index, (source, target)) in source.chunks(from).zip(target.chunks_mut(to)).enumerate() {
            let taps = pass.weight.len() / pass.channels;
            let kernel = &pass.weight[(first + index) % pass.channels * taps..][..taps];
            pass.frame.copy(source, plane);
            let mut rest = &mut *sums;
            for filter in &pass.filters {
                let (sums, others) = rest.split_at_mut(filter.values());
                filter.run(simd, kernel, plane, sums);
                rest = others;
            }
            pass.merge(sums, target);
        }
    }
}

impl Pass {
    /// Writes the phases' sums where they belong.
    #[inline(always)]
    fn merge(&self, sums: &[f32], target: &mut [MaybeUninit<f32>]) {
        let [_, width] = self.target;
        let mut first = sums;
        for (first_row, filters) in self.filters.chunks(self.spread).enumerate() {
            let rows = filters.first().map_or(0, |filter| filter.size[0]);
            for y in 0..rows {
                let target = &mut target[(y * self.spread + first_row) * width..][..width];
                let mut start = 0;
                let lines = |index: usize, start: &mut usize| {
                    let filter = &filters[index];
                    let line = &first[*start + y * filter.row..][..filter.size[1]];
                    *start += filter.values();
                    line
                };
                match self.spread {
                    1 => {
                        for (value, sum) in target.iter_mut().zip(lines(0, &mut start)) {
                            value.write(*sum);
                        }
                    }
                    2 => {
                        let (even, odd) = (lines(0, &mut start), lines(1, &mut start));
                        let (pairs, last) = target.as_chunks_mut::<2>();
                        for (pair, (even, odd)) in pairs.iter_mut().zip(even.iter().zip(odd)) {
                            pair[0].write(*even);
                            pair[1].write(*odd);
                        }
                        for (last, value) in last.iter_mut().zip(&even[odd.len()..]) {
                            last.write(*value);
                        }
                    }
                    spread => {
                        for column in 0..spread {
                            let line = lines(column, &mut start);
                            for (value, sum) in target.iter_mut().skip(column).step_by(spread).zip(line) {
                                value.write(*sum);
                            }
                        }
                    }
                }
            }
            first = &first[filters.iter().map(Filter::values).sum::<usize>()..];
        }
    }
}
