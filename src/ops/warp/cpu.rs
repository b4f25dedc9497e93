//! Warps on flex.

use std::mem::MaybeUninit;
use std::ops::Range;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;

use super::{Warp, WarpBackend, column};
use crate::ops::flex::{tensor, values};
use crate::ops::parallel::{CHUNK, collect_chunks};

impl WarpBackend for Flex {
    fn warp(x: FloatTensor<Self>, warps: FloatTensor<Self>) -> FloatTensor<Self> {
        per_picture(x, warps, |plan, [source, work, target]| {
            plan.across(source, work);
            plan.down(work, target);
            plan.blank(target);
        })
    }

    fn warp_back(gradient: FloatTensor<Self>, warps: FloatTensor<Self>) -> FloatTensor<Self> {
        per_picture(gradient, warps, |plan, [source, work, target]| {
            target.copy_from_slice(source);
            plan.blank(target);
            plan.down_back(target, work);
            plan.across_back(work, target);
        })
    }
}

/// Makes a new map of each map. `work` is given the map, another one to work with, and the one to fill.
fn per_picture(
    x: FloatTensor<Flex>,
    warps: FloatTensor<Flex>,
    work: impl Fn(&Plan, [&mut [f32]; 3]) + Send + Sync,
) -> FloatTensor<Flex> {
    let shape: [usize; 4] = x.layout().shape().dims();
    let [_, channels, height, width] = shape;
    let area = height * width;
    let size = channels * area;
    let [x, warps] = [x, warps].map(|tensor| tensor.to_contiguous());
    let (x, warps) = (values(&x), values(&warps).as_chunks::<{ column::COUNT }>().0);
    let pictures = (CHUNK / size).max(1);
    let part = |index: usize, part: &mut [MaybeUninit<f32>]| {
        let first = index * pictures;
        let mut maps = vec![0.0; 3 * area];
        for (picture, target) in part.chunks_mut(size).enumerate() {
            let plan = Plan::new(Warp::from_row(&warps[first + picture]), [height, width]);
            let sources = x[(first + picture) * size..].chunks(area);
            for (to, from) in target.chunks_mut(area).zip(sources) {
                let (source, rest) = maps.split_at_mut(area);
                let (between, result) = rest.split_at_mut(area);
                source.copy_from_slice(from);
                work(&plan, [source, between, result]);
                to.write_copy_of_slice(result);
            }
        }
    };
    // SAFETY: every map of every picture is written.
    tensor(unsafe { collect_chunks(x.len(), pictures * size, part) }, shape)
}

/// The two pixels that a position lies between, and their weights in its value. A pixel outside of the map has the
/// weight 0.
#[derive(Clone, Copy)]
struct Taps {
    at: [usize; 2],
    weight: [f32; 2],
}

impl Taps {
    fn new(position: f32, length: usize) -> Self {
        let first = position.floor();
        let tap = |at: f32| {
            let is_there = at >= 0.0 && at < length as f32;
            if is_there { (at as usize, 1.0 - (at - position).abs()) } else { (0, 0.0) }
        };
        let [(low, low_weight), (high, high_weight)] = [tap(first), tap(first + 1.0)];
        Self { at: [low, high], weight: [low_weight, high_weight] }
    }
}

/// A warp, worked out for pictures of one size: the same for all maps of a picture.
struct Plan {
    width: usize,
    /// The columns' taps for each row, or for all rows alike where there is no shear.
    columns: Vec<Vec<Taps>>,
    rows: Vec<Taps>,
    /// Rows and columns of the blank rectangle.
    blank: [Range<usize>; 2],
}

impl Plan {
    fn new(warp: Warp, [height, width]: [usize; 2]) -> Self {
        let Warp { x_scale, y_scale, x_shift, y_shift, shear, .. } = warp;
        let ([cut_row, cut_column], [half_height, half_width]) = (warp.cut, warp.half);
        let centre = |length: usize| (length as f32 - 1.0) / 2.0;
        let middle_row = centre(height);
        let taps = |length: usize, scale: f32, shift: f32| -> Vec<Taps> {
            let position = |at: usize| (at as f32 - centre(length)) * scale + shift + centre(length);
            (0..length).map(|at| Taps::new(position(at), length)).collect()
        };
        let sheared = if shear == 0.0 { 1 } else { height };
        let columns = (0..sheared).map(|row| {
            let slant = if shear == 0.0 { 0.0 } else { shear * (row as f32 - middle_row) };
            taps(width, x_scale, x_shift + slant)
        });
        let blank = |centre: f32, half: f32, length: usize| {
            let [from, to] = [centre - half, centre + half].map(|at| at.ceil().clamp(0.0, length as f32) as usize);
            from..to
        };
        Self {
            width,
            columns: columns.collect(),
            rows: taps(height, y_scale, y_shift),
            blank: [blank(cut_row, half_height, height), blank(cut_column, half_width, width)],
        }
    }

    /// The columns' taps in a row.
    fn columns(&self, row: usize) -> &[Taps] {
        &self.columns[row.min(self.columns.len() - 1)]
    }

    /// The first pass, within rows.
    fn across(&self, source: &[f32], target: &mut [f32]) {
        let rows = source.chunks(self.width).zip(target.chunks_mut(self.width));
        for (row, (source, target)) in rows.enumerate() {
            for (value, Taps { at, weight }) in target.iter_mut().zip(self.columns(row)) {
                *value = weight[0] * source[at[0]] + weight[1] * source[at[1]];
            }
        }
    }

    /// The transpose of [`Plan::across`].
    fn across_back(&self, gradient: &[f32], target: &mut [f32]) {
        target.fill(0.0);
        let rows = gradient.chunks(self.width).zip(target.chunks_mut(self.width));
        for (row, (gradient, target)) in rows.enumerate() {
            for (value, Taps { at, weight }) in gradient.iter().zip(self.columns(row)) {
                target[at[0]] += weight[0] * value;
                target[at[1]] += weight[1] * value;
            }
        }
    }

    /// The second pass, within columns.
    fn down(&self, source: &[f32], target: &mut [f32]) {
        for (target, Taps { at, weight }) in target.chunks_mut(self.width).zip(&self.rows) {
            let [low, high] = at.map(|row| &source[row * self.width..][..self.width]);
            for (value, (low, high)) in target.iter_mut().zip(low.iter().zip(high)) {
                *value = weight[0] * low + weight[1] * high;
            }
        }
    }

    /// The transpose of [`Plan::down`].
    fn down_back(&self, gradient: &[f32], target: &mut [f32]) {
        target.fill(0.0);
        for (gradient, Taps { at, weight }) in gradient.chunks(self.width).zip(&self.rows) {
            for (row, weight) in at.iter().zip(weight) {
                let target = &mut target[row * self.width..][..self.width];
                for (to, value) in target.iter_mut().zip(gradient) {
                    *to += weight * value;
                }
            }
        }
    }

    fn blank(&self, map: &mut [f32]) {
        let [rows, columns] = &self.blank;
        for row in map.chunks_mut(self.width).take(rows.end).skip(rows.start) {
            row[columns.clone()].fill(0.0);
        }
    }
}
