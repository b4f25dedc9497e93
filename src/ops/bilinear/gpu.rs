//! Resizing on graphics devices.

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{BilinearBackend, Resizing};
use crate::ops::gpu::{empty_like, input, output, unit_per_value};

/// Sizes of the maps before and after they are resized.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Sizes {
    height: u32,
    width: u32,
    new_height: u32,
    new_width: u32,
    /// Rows per new row.
    row_step: f32,
    /// Columns per new column.
    column_step: f32,
}

fn sizes(resizing: Resizing) -> SizesLaunch {
    let Resizing { from: [height, width], to: [new_height, new_width], .. } = resizing;
    SizesLaunch {
        height: height as u32,
        width: width as u32,
        new_height: new_height as u32,
        new_width: new_width as u32,
        row_step: height as f32 / new_height as f32,
        column_step: width as f32 / new_width as f32,
    }
}

/// Where a new position comes from along an axis of `length` pixels.
#[cube]
fn source(position: u32, step: f32, length: u32) -> f32 {
    let source = (f32::cast_from(position) + 0.5f32) * step - 0.5f32;
    f32::min(f32::max(source, 0.0f32), f32::cast_from(length - 1u32))
}

/// The weight of a pixel in a value that comes from `source`.
#[cube]
fn weight(source: f32, pixel: u32) -> f32 {
    f32::max(1.0f32 - (source - f32::cast_from(pixel)).abs(), 0.0f32)
}

/// A unit for each value of the result, which is made of four pixels at most.
#[cube(launch_unchecked)]
fn forward(x: &[f32], y: &mut [f32], sizes: Sizes, scale: f32, offset: f32) {
    if ABSOLUTE_POS < y.len() {
        let at = ABSOLUTE_POS as u32;
        let map = at / (sizes.new_height * sizes.new_width) * (sizes.height * sizes.width);
        let y_source = source(at / sizes.new_width % sizes.new_height, sizes.row_step, sizes.height);
        let x_source = source(at % sizes.new_width, sizes.column_step, sizes.width);
        let (first_row, first_column) = (u32::cast_from(y_source), u32::cast_from(x_source));
        let mut total = 0.0f32;
        #[unroll]
        for i in 0..2u32 {
            // Behind the last row there is none. Its weight is 0.
            let row = u32::min(first_row + i, sizes.height - 1u32);
            let row_weight = weight(y_source, first_row + i);
            #[unroll]
            for j in 0..2u32 {
                let column = u32::min(first_column + j, sizes.width - 1u32);
                let value = x[(map + row * sizes.width + column) as usize];
                total += row_weight * weight(x_source, first_column + j) * value;
            }
        }
        y[ABSOLUTE_POS] = total * scale + offset;
    }
}

/// The first new position that may be made of a pixel. Those that are not have a weight of 0.
#[cube]
fn first_with(pixel: u32, step: f32) -> u32 {
    u32::cast_from(f32::max((f32::cast_from(pixel) - 0.5f32) / step - 0.5f32, 0.0f32))
}

/// The first new position behind those that may be made of a pixel, of `count`.
#[cube]
fn end_with(pixel: u32, step: f32, count: u32) -> u32 {
    let end = (f32::cast_from(pixel) + 1.5f32) / step - 0.5f32;
    u32::min(u32::cast_from(f32::max(end, 0.0f32)) + 2u32, count)
}

/// A unit for each value before resizing. It adds up the gradients of all values that were made of this one.
#[cube(launch_unchecked)]
fn backward(gradient: &[f32], to_x: &mut [f32], sizes: Sizes, scale: f32) {
    if ABSOLUTE_POS < to_x.len() {
        let at = ABSOLUTE_POS as u32;
        let map = at / (sizes.height * sizes.width) * (sizes.new_height * sizes.new_width);
        let (row, column) = (at / sizes.width % sizes.height, at % sizes.width);
        let first_row = first_with(row, sizes.row_step);
        let end_row = end_with(row, sizes.row_step, sizes.new_height);
        let first_column = first_with(column, sizes.column_step);
        let end_column = end_with(column, sizes.column_step, sizes.new_width);
        let mut total = 0.0f32;
        for y in first_row..end_row {
            let row_weight = weight(source(y, sizes.row_step, sizes.height), row);
            for x in first_column..end_column {
                let weight = row_weight * weight(source(x, sizes.column_step, sizes.width), column);
                total += weight * gradient[(map + y * sizes.new_width + x) as usize];
            }
        }
        to_x[ABSOLUTE_POS] = total * scale;
    }
}

impl BilinearBackend for Cube {
    fn bilinear(x: FloatTensor<Self>, resizing: Resizing) -> FloatTensor<Self> {
        let [batch, channels, _, _] = x.meta.shape().dims();
        let Resizing { to: [height, width], scale, offset, .. } = resizing;
        let y = empty_like(&x, [batch, channels, height, width]);
        let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&y));
        let (x, to, sizes) = (input(x), output(&y), sizes(resizing));
        // SAFETY: the kernel stops at the end of the result, and reads within its own map only.
        unsafe { forward::launch_unchecked(&client, cubes, cube, x, to, sizes, scale, offset) };
        y
    }

    fn bilinear_back(gradient: FloatTensor<Self>, resizing: Resizing) -> FloatTensor<Self> {
        let [batch, channels, _, _] = gradient.meta.shape().dims();
        let Resizing { from: [height, width], scale, .. } = resizing;
        let to_x = empty_like(&gradient, [batch, channels, height, width]);
        let (client, (cubes, cube)) = (gradient.client.clone(), unit_per_value(&to_x));
        let (gradient, to, sizes) = (input(gradient), output(&to_x), sizes(resizing));
        // SAFETY: the kernel stops at the end of the result, and reads within its own map only.
        unsafe { backward::launch_unchecked(&client, cubes, cube, gradient, to, sizes, scale) };
        to_x
    }
}
