//! Bilinear resizing against values by hand, and against its formula.

use burn::tensor::{Device, Tensor, TensorData};
use whelp::ops::resize_bilinear;
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    values_lie_between_neighbours => resized_values_lie_between_neighbours_on_the_cpu, resized_values_lie_between_neighbours_on_a_gpu;
    formula_agrees => resizing_agrees_with_its_formula_on_the_cpu, resizing_agrees_with_its_formula_on_a_gpu;
    gradient_is_transposed => gradient_of_resizing_is_its_transpose_on_the_cpu, gradient_of_resizing_is_its_transpose_on_a_gpu;
}

/// Sizes before and after: twice, equal, larger and smaller by what divides them and by what does not, single pixels.
const SIZES: [([usize; 2], [usize; 2]); 9] = [
    ([4, 8], [8, 16]),
    ([5, 7], [10, 14]),
    ([32, 32], [64, 64]),
    ([6, 5], [6, 5]),
    ([7, 5], [11, 13]),
    ([9, 14], [4, 5]),
    ([12, 3], [3, 6]),
    ([1, 2], [3, 1]),
    ([2, 1], [4, 2]),
];

fn values_lie_between_neighbours(device: &Device) {
    let resized = |row: &[f32], length: usize, scale: f32, offset: f32| {
        let x = Tensor::<1>::from_data(row, device).reshape([1, 1, 1, row.len()]);
        let wide = data(resize_bilinear(x.clone(), [1, length], scale, offset));
        let tall = data(resize_bilinear(x.swap_dims(2, 3), [length, 1], scale, offset));
        assert_close("rows as columns", &tall, &wide, 1e-6, 0.0);
        wide
    };
    assert_eq!(resized(&[0.0, 4.0], 4, 1.0, 0.0), [0.0, 1.0, 3.0, 4.0]);
    assert_eq!(resized(&[0.0, 4.0], 4, 2.0, 1.0), [1.0, 3.0, 7.0, 9.0]);
    assert_eq!(resized(&[2.0, 4.0, 6.0, 16.0], 2, 1.0, -3.0), [0.0, 8.0]);
    // From -0.2, 0.4, 1, 1.6 and 2.2.
    assert_close("3 to 5", &resized(&[0.0, 10.0, 20.0], 5, 1.0, 0.0), &[0.0, 4.0, 10.0, 16.0, 20.0], 1e-6, 0.0);
    // From 1/3, 2 and 11/3.
    let fifths = [0.0, 30.0, 60.0, 90.0, 120.0];
    assert_close("5 to 3", &resized(&fifths, 3, 1.0, 0.0), &[10.0, 60.0, 110.0], 1e-6, 0.0);
}

fn formula_agrees(device: &Device) {
    for (from, to) in SIZES {
        let shape = [3, 2, from[0], from[1]];
        let x = normals(shape, 0, device);
        let ours = data(resize_bilinear(x.clone(), to, 1.5, -0.25));
        let plain: Vec<f32> =
            data(x).chunks(from[0] * from[1]).flat_map(|map| plain(map, from, to, 1.5, -0.25)).collect();
        assert_close(&format!("{from:?} to {to:?}"), &ours, &plain, 1e-5, 1e-5);
    }
}

/// `⟨y, A x⟩ = ⟨Aᵀ y, x⟩`. The values lie between 1 and 2: sums of positive numbers, so that a missing one is seen.
fn gradient_is_transposed(device: &Device) {
    let device = device.clone().autodiff();
    let numbers = |shape: [usize; 4], position| normals(shape, position, &device).abs().clamp(0.0, 1.0) + 1.0;
    for (from, to) in SIZES {
        let x = numbers([3, 2, from[0], from[1]], 0).require_grad();
        let y = numbers([3, 2, to[0], to[1]], 1);
        let products = (resize_bilinear(x.clone(), to, 1.5, 0.0) * y.clone()).sum();
        let gradient = x.grad(&products.clone().backward()).unwrap();
        let transposed = (gradient.clone() * x.clone().without_autodiff()).sum();
        assert_close(&format!("{from:?} to {to:?}"), &data(transposed), &data(products), 1e-5, 0.0);
        // The transpose is unique: its value at one pixel is what that pixel alone would make of y.
        let (middle, area) = ([from[0] / 2, from[1] / 2], from[0] * from[1]);
        let mut map = vec![0.0; area];
        map[middle[0] * from[1] + middle[1]] = 1.0;
        let one = plain(&map, from, to, 1.5, 0.0);
        let share: f32 = one.iter().zip(data(y)).map(|(one, y)| one * y).sum();
        let at = middle[0] * from[1] + middle[1];
        assert_close(&format!("a pixel of {from:?}"), &[data(gradient)[at]], &[share], 1e-5, 1e-5);
    }
}

/// The formula, value by value.
fn plain(map: &[f32], from: [usize; 2], to: [usize; 2], scale: f32, offset: f32) -> Vec<f32> {
    let source = |at: usize, axis: usize| {
        let source = (at as f64 + 0.5) * from[axis] as f64 / to[axis] as f64 - 0.5;
        let source = source.clamp(0.0, (from[axis] - 1) as f64);
        let first = source.floor() as usize;
        (first, (first + 1).min(from[axis] - 1), source - source.floor())
    };
    let mut values = Vec::new();
    for row in 0..to[0] {
        let (above, below, down) = source(row, 0);
        for column in 0..to[1] {
            let (left, right, across) = source(column, 1);
            let in_row = |row: usize| {
                let pixel = |column: usize| f64::from(map[row * from[1] + column]);
                pixel(left) * (1.0 - across) + pixel(right) * across
            };
            let value = in_row(above) * (1.0 - down) + in_row(below) * down;
            values.push((value * f64::from(scale) + f64::from(offset)) as f32);
        }
    }
    values
}

fn data<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn normals(shape: [usize; 4], position: u64, device: &Device) -> Tensor<4> {
    let values = Random::new(6, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
