//! Alterations of pictures against their formulas, and what flows back through them.

use burn::tensor::{Device, Tensor, TensorData};
use whelp::ops::{Warp, Warps, recolor, recolor_tangent, warp};
use whelp::random::{Random, Stream};
use whelp::train::augment::on_device;

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    recolor_agrees => colours_agree_with_their_formulas_on_the_cpu, colours_agree_with_their_formulas_on_a_gpu;
    warp_agrees => warps_agree_with_interpolation_matrices_on_the_cpu, warps_agree_with_interpolation_matrices_on_a_gpu;
}

/// More pictures than one thread takes at once; grey ones; and maps that are no squares.
const SHAPES: [[usize; 4]; 3] = [[9, 3, 32, 32], [5, 1, 28, 28], [4, 3, 6, 11]];

/// What a map of pictures made, and what flowed back through it.
fn parts(shape: [usize; 4], device: &Device, alter: &dyn Fn(Tensor<4>) -> Tensor<4>) -> [Vec<f32>; 2] {
    let x = numbers(shape, 0, device).require_grad();
    let y = alter(x.clone());
    let gradients = (y.clone() * numbers(shape, 1, device)).sum().backward();
    [y, x.grad(&gradients).unwrap()].map(|tensor| tensor.into_data().try_into_vec().unwrap())
}

fn compare(
    case: &str,
    shape: [usize; 4],
    device: &Device,
    ours: &dyn Fn(Tensor<4>) -> Tensor<4>,
    formula: &dyn Fn(Tensor<4>) -> Tensor<4>,
) {
    let pairs = parts(shape, device, ours).into_iter().zip(parts(shape, device, formula));
    for (part, (ours, formula)) in ["output", "gradient"].iter().zip(pairs) {
        assert_close(&format!("{part} of {case}, {shape:?}"), &ours, &formula, 1e-5, 1e-6);
    }
}

fn recolor_agrees(device: &Device) {
    let device = &device.clone().autodiff();
    for shape in SHAPES {
        let [batch, channels, height, width] = shape;
        let rows: Vec<[f32; 3]> =
            (0..batch).map(|at| at as f32).map(|at| [0.1 * at - 0.3, 0.4 * at, 1.3 - 0.2 * at]).collect();
        let factor = |of: usize| {
            let values: Vec<f32> = rows.iter().map(|row| row[of]).collect();
            Tensor::<1>::from_data(TensorData::new(values, [batch]), device).reshape([batch, 1, 1, 1])
        };
        let change = |x: Tensor<4>| {
            let mean = x.clone().mean_dim(1);
            let x = (x - mean.clone()) * factor(1) + mean;
            let mean = x.clone().reshape([batch, channels * height * width]).mean_dim(1).reshape([batch, 1, 1, 1]);
            (x - mean.clone()) * factor(2) + mean
        };
        let factors = || on_device(&rows, device);
        compare("colours", shape, device, &|x| recolor(x, factors()), &|x| change(x + factor(0)));
        compare("a change of colours", shape, device, &|x| recolor_tangent(x, factors()), &change);
    }
}

fn warp_agrees(device: &Device) {
    let device = &device.clone().autodiff();
    let warps = [
        Warp::NONE,
        Warp { x_scale: -1.0, x_shift: 2.0, y_shift: -3.0, ..Warp::NONE },
        Warp { x_scale: 0.8, y_scale: 0.8, x_shift: 0.25, ..Warp::NONE },
        Warp { x_scale: -1.3, y_scale: 1.3, y_shift: 1.5, ..Warp::NONE },
        Warp { shear: 0.3, cut: [3.0, 5.0], half: [2.0, 3.0], ..Warp::NONE },
        Warp { shear: -0.2, x_scale: 1.1, y_scale: 0.9, x_shift: 40.0, ..Warp::NONE },
        Warp { cut: [-50.0, -50.0], half: [8.0; 2], ..Warp::NONE },
    ];
    for shape in SHAPES {
        let of_batch: Vec<Warp> = warps.iter().cycle().take(shape[0]).copied().collect();
        let ours = Warps::new(&of_batch, device);
        compare("warps", shape, device, &|x| warp(x, &ours), &|x| by_matrices(x, &of_batch));
    }
}

/// Each row by a matrix of interpolation, then each column, then zeros where it is blank.
fn by_matrices(x: Tensor<4>, warps: &[Warp]) -> Tensor<4> {
    let [_, channels, height, width] = x.dims();
    let device = &x.device();
    let pictures = warps.iter().enumerate().map(|(at, warp)| {
        let picture = x.clone().narrow(0, at, 1);
        let rows = (0..height).map(|row| {
            let slant = warp.shear * (row as f32 - (height as f32 - 1.0) / 2.0);
            let across = matrix(width, warp.x_scale, warp.x_shift + slant, device);
            picture.clone().narrow(2, row, 1).reshape([channels, width]).matmul(across).reshape([1, channels, 1, width])
        });
        let across = Tensor::cat(rows.collect(), 2);
        let down = matrix(height, warp.y_scale, warp.y_shift, device).transpose().reshape([1, 1, height, height]);
        down.matmul(across) * mask(warp, [height, width], device)
    });
    Tensor::cat(pictures.collect(), 0)
}

/// `m[i, j] = max(0, 1 - |i - source(j)|)`
fn matrix(length: usize, scale: f32, shift: f32, device: &Device) -> Tensor<2> {
    let centre = (length as f32 - 1.0) / 2.0;
    let weight = |i: usize, j: usize| {
        let source = (j as f32 - centre) * scale + shift + centre;
        (1.0 - (i as f32 - source).abs()).max(0.0)
    };
    let values: Vec<f32> = (0..length * length).map(|at| weight(at / length, at % length)).collect();
    Tensor::from_data(TensorData::new(values, [length, length]), device)
}

fn mask(warp: &Warp, [height, width]: [usize; 2], device: &Device) -> Tensor<4> {
    let is_cut = |at: usize, axis: usize| {
        (warp.cut[axis] - warp.half[axis]..warp.cut[axis] + warp.half[axis]).contains(&(at as f32))
    };
    let value = |at: usize| if is_cut(at / width, 0) && is_cut(at % width, 1) { 0.0f32 } else { 1.0 };
    let values: Vec<f32> = (0..height * width).map(value).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, height, width]), device)
}

fn numbers(shape: [usize; 4], position: u64, device: &Device) -> Tensor<4> {
    let values = Random::new(9, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
