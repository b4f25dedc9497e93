//! Resampling against sums of slices.

use burn::tensor::{Device, Tensor, TensorData};
use futures_lite::future::block_on;
use whelp::device::read_values;
use whelp::ops::{blur_down, blur_up};

use crate::golden::on_devices;

on_devices! {
    halving_weighs_neighbours => halving_weighs_neighbours_on_the_cpu, halving_weighs_neighbours_on_a_gpu;
    doubling_averages_between => doubling_averages_between_on_the_cpu, doubling_averages_between_on_a_gpu;
    filters_agree => filters_agree_with_slices_on_the_cpu, filters_agree_with_slices_on_a_gpu;
    gradients_agree => gradients_of_filters_agree_with_slices_on_the_cpu, gradients_of_filters_agree_with_slices_on_a_gpu;
}

const SHAPES: [[usize; 4]; 3] = [[2, 3, 8, 6], [1, 1, 4, 4], [3, 5, 4, 32]];

/// Small whole numbers, whose sums are exact.
fn numbers(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| ((i * 37 + 11) % 17) as f32 - 8.0).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values(x: Tensor<4>) -> Vec<f32> {
    let count = x.shape().num_elements();
    block_on(read_values([x.reshape([count])])).unwrap().remove(0)
}

fn halving_weighs_neighbours(device: &Device) {
    let rows = [[4.0, 8.0, 12.0, 16.0], [0.0; 4]];
    let x = Tensor::<2>::from_data(rows, device).unsqueeze::<4>();
    assert_eq!(values(blur_down(x)), [2.0, 6.0]);
}

fn doubling_averages_between(device: &Device) {
    let x = Tensor::<2>::from_data([[2.0, 4.0, 8.0]], device).unsqueeze::<4>();
    assert_eq!(values(blur_up(x)), [2.0, 3.0, 4.0, 6.0, 8.0, 4.0, 1.0, 1.5, 2.0, 3.0, 4.0, 2.0]);
}

fn filters_agree(device: &Device) {
    for shape in SHAPES {
        let x = numbers(shape, device);
        assert_eq!(values(blur_down(x.clone())), values(half_columns(half_rows(x.clone()))), "{shape:?}");
        assert_eq!(values(blur_up(x.clone())), values(double_columns(double_rows(x.clone()))), "{shape:?}");
    }
}

fn gradients_agree(device: &Device) {
    let device = device.clone().autodiff();
    for shape in SHAPES {
        let gradient = |map: &dyn Fn(Tensor<4>) -> Tensor<4>| {
            let x = numbers(shape, &device).require_grad();
            let y = map(x.clone());
            let gradients = (y.clone() * numbers(y.dims(), &device)).sum().backward();
            values(x.grad(&gradients).unwrap())
        };
        assert_eq!(gradient(&blur_down), gradient(&|x| half_columns(half_rows(x))), "{shape:?}");
        assert_eq!(gradient(&blur_up), gradient(&|x| double_columns(double_rows(x))), "{shape:?}");
    }
}

fn half_rows(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let pairs = x.reshape([n, c, h / 2, 2, w]);
    let [even, odd] = [0, 1].map(|at| pairs.clone().narrow(3, at, 1).reshape([n, c, h / 2, w]));
    let before = later(odd.clone(), 2);
    (even * 2.0 + odd + before) / 4.0
}

fn half_columns(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let pairs = x.reshape([n, c, h, w / 2, 2]);
    let [even, odd] = [0, 1].map(|at| pairs.clone().narrow(4, at, 1).reshape([n, c, h, w / 2]));
    let before = later(odd.clone(), 3);
    (even * 2.0 + odd + before) / 4.0
}

/// `y[i] = x[i-1]` in dimension `dim`, 0 at the start.
fn later(x: Tensor<4>, dim: usize) -> Tensor<4> {
    let length = x.dims()[dim];
    let zeros = x.clone().narrow(dim, 0, 1).zeros_like();
    Tensor::cat(vec![zeros, x.narrow(dim, 0, length - 1)], dim)
}

/// `y[i] = x[i+1]` in dimension `dim`, 0 at the end.
fn earlier(x: Tensor<4>, dim: usize) -> Tensor<4> {
    let length = x.dims()[dim];
    let zeros = x.clone().narrow(dim, 0, 1).zeros_like();
    Tensor::cat(vec![x.narrow(dim, 1, length - 1), zeros], dim)
}

fn double_rows(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let between = (x.clone() + earlier(x.clone(), 2)) / 2.0;
    let pairs = Tensor::cat(vec![x.reshape([n, c, h, 1, w]), between.reshape([n, c, h, 1, w])], 3);
    pairs.reshape([n, c, 2 * h, w])
}

fn double_columns(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let between = (x.clone() + earlier(x.clone(), 3)) / 2.0;
    let pairs = Tensor::cat(vec![x.reshape([n, c, h, w, 1]), between.reshape([n, c, h, w, 1])], 4);
    pairs.reshape([n, c, h, 2 * w])
}
