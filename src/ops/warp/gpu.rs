//! Warps on graphics devices.

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{WarpBackend, column};
use crate::ops::gpu::{empty_like, input, output, unit_per_value};

/// The source of a position along one axis: `scale (position - centre) + centre + shift`.
#[cube]
fn source(position: f32, length: u32, scale: f32, shift: f32) -> f32 {
    let centre = (f32::cast_from(length) - 1.0f32) / 2.0f32;
    (position - centre) * scale + shift + centre
}

/// Columns by which the shear moves a row.
#[cube]
fn slant(row: f32, height: u32, shear: f32) -> f32 {
    (row - (f32::cast_from(height) - 1.0f32) / 2.0f32) * shear
}

/// A value of a warp: `warp` is where its row of the tensor begins, and `column` one of [`column`].
#[cube]
fn value_of(warps: &[f32], warp: u32, #[comptime] column: usize) -> f32 {
    warps[(warp + comptime!(column as u32)) as usize]
}

/// Whether a pixel lies in the blank rectangle.
#[cube]
fn is_blank(row: f32, column: f32, warps: &[f32], warp: u32) -> bool {
    let cut_row = value_of(warps, warp, column::CUT_ROW);
    let cut_column = value_of(warps, warp, column::CUT_COLUMN);
    let half_height = value_of(warps, warp, column::HALF_HEIGHT);
    let half_width = value_of(warps, warp, column::HALF_WIDTH);
    (row >= cut_row - half_height)
        & (row < cut_row + half_height)
        & (column >= cut_column - half_width)
        & (column < cut_column + half_width)
}

/// A unit for each value of the result. A value is interpolated between four pixels at most.
#[cube(launch_unchecked)]
fn forward(x: &[f32], warps: &[f32], y: &mut [f32], height: u32, width: u32, channels: u32) {
    if ABSOLUTE_POS < x.len() {
        let at = ABSOLUTE_POS as u32;
        let map = at / (height * width);
        let warp = map / channels * comptime!(column::COUNT as u32);
        let x_scale = value_of(warps, warp, column::X_SCALE);
        let y_scale = value_of(warps, warp, column::Y_SCALE);
        let x_shift = value_of(warps, warp, column::X_SHIFT);
        let y_shift = value_of(warps, warp, column::Y_SHIFT);
        let shear = value_of(warps, warp, column::SHEAR);
        let (row, column) = (f32::cast_from(at / width % height), f32::cast_from(at % width));
        let y_source = source(row, height, y_scale, y_shift);
        let first_row = y_source.floor();
        let mut total = 0.0f32;
        #[unroll]
        for i in 0..2u32 {
            let from_row = first_row + f32::cast_from(i);
            let is_row = (from_row >= 0.0f32) & (from_row < f32::cast_from(height));
            let x_source = source(column, width, x_scale, x_shift + slant(from_row, height, shear));
            let first_column = x_source.floor();
            #[unroll]
            for j in 0..2u32 {
                let from_column = first_column + f32::cast_from(j);
                let is_column = (from_column >= 0.0f32) & (from_column < f32::cast_from(width));
                let is_there = is_row & is_column;
                let row_there = u32::cast_from(select(is_there, from_row, 0.0f32));
                let column_there = u32::cast_from(select(is_there, from_column, 0.0f32));
                let value = x[(map * height * width + row_there * width + column_there) as usize];
                let weight = (1.0f32 - (from_row - y_source).abs()) * (1.0f32 - (from_column - x_source).abs());
                total += select(is_there, weight * value, 0.0f32);
            }
        }
        y[ABSOLUTE_POS] = select(is_blank(row, column, warps, warp), 0.0f32, total);
    }
}

/// The first position whose source is less than a pixel away from `target`.
#[cube]
fn first_from(target: f32, length: u32, scale: f32, shift: f32) -> f32 {
    let centre = (f32::cast_from(length) - 1.0f32) / 2.0f32;
    let one = (target - 1.0f32 - shift - centre) / scale + centre;
    let other = (target + 1.0f32 - shift - centre) / scale + centre;
    f32::max(f32::min(one, other).ceil(), 0.0f32)
}

/// The last position whose source is less than a pixel away from `target`, or -1 if there is none.
#[cube]
fn last_from(target: f32, length: u32, scale: f32, shift: f32) -> f32 {
    let centre = (f32::cast_from(length) - 1.0f32) / 2.0f32;
    let one = (target - 1.0f32 - shift - centre) / scale + centre;
    let other = (target + 1.0f32 - shift - centre) / scale + centre;
    f32::max(f32::min(f32::max(one, other).floor(), f32::cast_from(length) - 1.0f32), -1.0f32)
}

/// A unit for each value of the picture that was warped. It adds up the gradients of all values that were made of this
/// one.
#[cube(launch_unchecked)]
fn backward(gradient: &[f32], warps: &[f32], to_x: &mut [f32], height: u32, width: u32, channels: u32) {
    if ABSOLUTE_POS < gradient.len() {
        let at = ABSOLUTE_POS as u32;
        let map = at / (height * width);
        let warp = map / channels * comptime!(column::COUNT as u32);
        let x_scale = value_of(warps, warp, column::X_SCALE);
        let y_scale = value_of(warps, warp, column::Y_SCALE);
        let x_shift = value_of(warps, warp, column::X_SHIFT);
        let y_shift = value_of(warps, warp, column::Y_SHIFT);
        let shear = value_of(warps, warp, column::SHEAR);
        let (row, column) = (f32::cast_from(at / width % height), f32::cast_from(at % width));
        let x_shift = x_shift + slant(row, height, shear);
        let first_row = u32::cast_from(first_from(row, height, y_scale, y_shift));
        let end_row = u32::cast_from(last_from(row, height, y_scale, y_shift) + 1.0f32);
        let first_column = u32::cast_from(first_from(column, width, x_scale, x_shift));
        let end_column = u32::cast_from(last_from(column, width, x_scale, x_shift) + 1.0f32);
        let mut total = 0.0f32;
        for y in first_row..end_row {
            let y_source = source(f32::cast_from(y), height, y_scale, y_shift);
            let y_weight = f32::max(1.0f32 - (row - y_source).abs(), 0.0f32);
            for x in first_column..end_column {
                let x_source = source(f32::cast_from(x), width, x_scale, x_shift);
                let weight = y_weight * f32::max(1.0f32 - (column - x_source).abs(), 0.0f32);
                let value = gradient[(map * height * width + y * width + x) as usize];
                let blank = is_blank(f32::cast_from(y), f32::cast_from(x), warps, warp);
                total += select(blank, 0.0f32, weight * value);
            }
        }
        to_x[ABSOLUTE_POS] = total;
    }
}

impl WarpBackend for Cube {
    fn warp(x: FloatTensor<Self>, warps: FloatTensor<Self>) -> FloatTensor<Self> {
        let [_, channels, height, width] = x.meta.shape().dims();
        let [height, width, channels] = [height, width, channels].map(|size| size as u32);
        let y = empty_like(&x, x.meta.shape().clone());
        let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
        let ([x, warps], to) = ([x, warps].map(input), output(&y));
        // SAFETY: the kernel stops at the end of the input, and reads within its own map only.
        unsafe { forward::launch_unchecked(&client, cubes, cube, x, warps, to, height, width, channels) };
        y
    }

    fn warp_back(gradient: FloatTensor<Self>, warps: FloatTensor<Self>) -> FloatTensor<Self> {
        let [_, channels, height, width] = gradient.meta.shape().dims();
        let [height, width, channels] = [height, width, channels].map(|size| size as u32);
        let to_x = empty_like(&gradient, gradient.meta.shape().clone());
        let (client, (cubes, cube)) = (gradient.client.clone(), unit_per_value(&gradient));
        let ([gradient, warps], to) = ([gradient, warps].map(input), output(&to_x));
        // SAFETY: the kernel stops at the end of the gradient, and reads within its own map only.
        unsafe { backward::launch_unchecked(&client, cubes, cube, gradient, warps, to, height, width, channels) };
        to_x
    }
}
