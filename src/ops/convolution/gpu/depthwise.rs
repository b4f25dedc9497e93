//! Depthwise convolutions on graphics devices. A kernel of one channel has nothing to share between the rows of a
//! product, so each unit adds up one value of the result by itself.

use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::ops::convolution::geometry::Geometry;
use crate::ops::gpu::{UNITS, add_up, cube_per_channel, cubes, empty_like, input, output, unit_per_value};

/// The shapes of a convolution of single channels.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Sizes {
    stride: u32,
    /// Zeros above the input and on its left.
    top: u32,
    left: u32,
    batch: u32,
    channels: u32,
    kernel_height: u32,
    kernel_width: u32,
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
}

fn sizes(geometry: &Geometry) -> SizesLaunch {
    let number = |number: usize| number as u32;
    let Geometry { stride, padding, batch, channels, kernel, input, output, .. } = *geometry;
    SizesLaunch {
        stride: number(stride),
        top: number(padding[0]),
        left: number(padding[1]),
        batch: number(batch),
        channels: number(channels[0]),
        kernel_height: number(kernel[0]),
        kernel_width: number(kernel[1]),
        height: number(input[0]),
        width: number(input[1]),
        out_height: number(output[0]),
        out_width: number(output[1]),
    }
}

/// A unit for each value of the output.
#[cube(launch_unchecked)]
fn forward(x: &[f32], weight: &[f32], y: &mut [f32], at: Sizes) {
    if ABSOLUTE_POS < y.len() {
        let place = ABSOLUTE_POS as u32;
        // Negative places wrap around, so they are outside of every map.
        let top = place / at.out_width % at.out_height * at.stride - at.top;
        let left = place % at.out_width * at.stride - at.left;
        let map = place / (at.out_height * at.out_width);
        let kernel = map % at.channels * (at.kernel_height * at.kernel_width);
        let mut total = 0.0f32;
        for i in 0..at.kernel_height {
            let row = map * at.height + top + i;
            let is_row = top + i < at.height;
            for j in 0..at.kernel_width {
                let is_there = select(left + j < at.width, is_row, false);
                let value = x[select(is_there, row * at.width + left + j, 0u32) as usize];
                let product = value * weight[(kernel + i * at.kernel_width + j) as usize];
                total += select(is_there, product, 0.0f32);
            }
        }
        y[ABSOLUTE_POS] = total;
    }
}

/// A unit for each value of the input. It meets every `stride`-th row and column of the kernel.
#[cube(launch_unchecked)]
fn transposed(y: &[f32], weight: &[f32], x: &mut [f32], at: Sizes) {
    if ABSOLUTE_POS < x.len() {
        let place = ABSOLUTE_POS as u32;
        let bottom = place / at.width % at.height + at.top;
        let right = place % at.width + at.left;
        let map = place / (at.height * at.width);
        let kernel = map % at.channels * (at.kernel_height * at.kernel_width);
        let mut total = 0.0f32;
        for i in range_stepped(bottom % at.stride, at.kernel_height, at.stride) {
            // Negative rows wrap around, so they are outside of every map.
            let row = bottom / at.stride - i / at.stride;
            let is_row = row < at.out_height;
            for j in range_stepped(right % at.stride, at.kernel_width, at.stride) {
                let column = right / at.stride - j / at.stride;
                let is_there = select(column < at.out_width, is_row, false);
                let from = (map * at.out_height + row) * at.out_width + column;
                let value = y[select(is_there, from, 0u32) as usize];
                let product = value * weight[(kernel + i * at.kernel_width + j) as usize];
                total += select(is_there, product, 0.0f32);
            }
        }
        x[ABSOLUTE_POS] = total;
    }
}

/// A cube for each weight: the first axis of the cubes is the position in the kernel, the second the channel.
#[cube(launch_unchecked)]
fn weight_gradient(x: &[f32], y: &[f32], gradient: &mut [f32], at: Sizes) {
    let mut parts = Shared::<[f32]>::new_slice(UNITS);
    let down = CUBE_POS_X / at.kernel_width - at.top;
    let across = CUBE_POS_X % at.kernel_width - at.left;
    let area = at.out_height * at.out_width;
    let mut total = 0.0f32;
    for pixel in range_stepped(UNIT_POS_X, at.batch * area, CUBE_DIM_X) {
        let map = pixel / area * at.channels + CUBE_POS_Y;
        let row = pixel / at.out_width % at.out_height * at.stride + down;
        let column = pixel % at.out_width * at.stride + across;
        let is_there = select(column < at.width, row < at.height, false);
        let value = x[select(is_there, (map * at.height + row) * at.width + column, 0u32) as usize];
        total += select(is_there, value * y[(map * area + pixel % area) as usize], 0.0f32);
    }
    let total = add_up(total, &mut parts);
    if UNIT_POS_X == 0 {
        gradient[(CUBE_POS_Y * at.kernel_height * at.kernel_width + CUBE_POS_X) as usize] = total;
    }
}

/// `y = w * x`
pub fn convolve(x: CubeTensor, weight: CubeTensor, geometry: &Geometry) -> CubeTensor {
    let y = empty_like(&x, geometry.output_shape());
    let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&y));
    let ([x, weight], to, sizes) = ([x, weight].map(input), output(&y), sizes(geometry));
    // SAFETY: the kernel stops at the end of the output, and checks where the input's maps end.
    unsafe { forward::launch_unchecked(&client, cubes, cube, x, weight, to, sizes) };
    y
}

/// `∂⟨y, w * x⟩ / ∂x`
pub fn convolve_transposed(y: CubeTensor, weight: CubeTensor, geometry: &Geometry) -> CubeTensor {
    let x = empty_like(&y, geometry.input_shape());
    let (client, (cubes, cube)) = (y.client.clone(), unit_per_value(&x));
    let ([y, weight], to, sizes) = ([y, weight].map(input), output(&x), sizes(geometry));
    // SAFETY: the kernel stops at the end of the input, and checks where the output's maps end.
    unsafe { transposed::launch_unchecked(&client, cubes, cube, y, weight, to, sizes) };
    x
}

/// `∂⟨y, w * x⟩ / ∂w`
pub fn correlate(x: CubeTensor, y: CubeTensor, geometry: &Geometry) -> CubeTensor {
    let gradient = empty_like(&x, geometry.weight_shape());
    let (_, cube) = cube_per_channel(&x, 1);
    let (client, cubes) = (x.client.clone(), cubes([geometry.area(), geometry.channels[0], 1]));
    let ([x, y], to, sizes) = ([x, y].map(input), output(&gradient), sizes(geometry));
    // SAFETY: the kernel reads the maps of its channel only, and there is a cube for each weight.
    unsafe { weight_gradient::launch_unchecked(&client, cubes, cube, x, y, to, sizes) };
    gradient
}
