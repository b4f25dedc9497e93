//! Spectral normalisation in a few launches, against the same as a formula.

use burn::tensor::{Device, Tensor, TensorData};
use whelp::device::cpu;
use whelp::ops::spectral_norm;
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    agrees => spectral_norm_agrees_with_its_formula_on_the_cpu, spectral_norm_agrees_with_its_formula_on_a_gpu;
    converges => spectral_norm_finds_the_largest_singular_value_on_the_cpu,
        spectral_norm_finds_the_largest_singular_value_on_a_gpu;
}

/// A single value, a single row, a single column, more rows than columns, numbers that no vector and no cube divides, and
/// more values than one thread takes at once.
const SHAPES: [[usize; 4]; 7] =
    [[1, 1, 1, 1], [1, 37, 3, 3], [11, 1, 1, 1], [150, 2, 1, 1], [7, 3, 5, 3], [33, 41, 3, 3], [128, 128, 4, 4]];

fn agrees(device: &Device) {
    for shape in SHAPES {
        let ours = parts(device, shape, spectral_norm);
        // On the CPU: for the largest shape, burn's gradient on lavapipe is off by 2e-4 of its largest value.
        let formula = parts(&cpu(), shape, formula);
        for (name, (ours, formula)) in ["output", "u", "v", "gradient"].iter().zip(ours.iter().zip(&formula)) {
            // The gradient of W/|W| is 0: what is left of numbers that cancel out.
            let absolute = if *name == "gradient" && is_vector(shape) { 1e-5 } else { 0.0 };
            assert_close(&format!("{name} of {shape:?}"), ours, formula, 1e-5, absolute);
        }
        // The same without a gradient, and without autodiff.
        for device in [device.clone(), device.clone().autodiff()] {
            let (normalised, [u, v]) = spectral_norm(normals(shape, 0, &device), vectors(shape, &device));
            for (name, (plain, ours)) in
                ["output", "u", "v"].iter().zip([data(normalised), data(u), data(v)].iter().zip(&ours))
            {
                assert_eq!(plain, ours, "{name} of {shape:?} without a gradient");
            }
        }
    }
}

/// A matrix of one row or one column.
fn is_vector([out, channels, height, width]: [usize; 4]) -> bool {
    out == 1 || channels * height * width == 1
}

/// A matrix whose singular values are known: reflections keep them.
fn converges(device: &Device) {
    const LARGEST: f32 = 3.0;
    let (rows, shape) = (6, [6, 3, 3, 1]);
    let values = [1.5, LARGEST, 2.0, 0.5, 0.0, 1.0];
    let columns = 9;
    let reflection = |size: usize, position: u64| {
        let axis: Tensor<2> = normals([size, 1], position, device);
        let square = axis.clone().square().sum().reshape([1, 1]);
        Tensor::<2>::eye(size, device) - axis.clone().matmul(axis.transpose()) * 2.0 / square
    };
    let (left, right) = (reflection(rows, 1), reflection(columns, 2));
    let diagonal =
        (0..rows).flat_map(|row| (0..columns).map(move |column| if row == column { values[row] } else { 0.0 }));
    let diagonal = Tensor::<2>::from_data(TensorData::new(diagonal.collect(), [rows, columns]), device);
    let weight: Tensor<4> = left.clone().matmul(diagonal).matmul(right.clone()).reshape(shape);

    let mut vectors = vectors(shape, device);
    let mut normalised = weight.clone();
    for _ in 0..40 {
        (normalised, vectors) = spectral_norm(weight.clone(), vectors);
    }
    assert_close("W / σ", &data(normalised), &data(weight / LARGEST), 1e-5, 0.0);
    let [u, v] = vectors.map(data);
    let [left, right] =
        [(left, rows), (right, columns)].map(|(matrix, size)| data(matrix.narrow(1, 1, 1).reshape([size])));
    // Both may have the other sign.
    let sign = (u[0] * left[0]).signum();
    assert_close("u", &u, &left.iter().map(|value| sign * value).collect::<Vec<_>>(), 1e-5, 0.0);
    assert_close("v", &v, &right.iter().map(|value| sign * value).collect::<Vec<_>>(), 1e-5, 0.0);
}

type Vectors = [Tensor<1>; 2];

/// The new weight, u and v, and the weight's gradient.
fn parts(
    device: &Device,
    shape: [usize; 4],
    normalise: impl Fn(Tensor<4>, Vectors) -> (Tensor<4>, Vectors),
) -> [Vec<f32>; 4] {
    let autodiff = device.clone().autodiff();
    let weight = normals(shape, 0, &autodiff).require_grad();
    let (normalised, [u, v]) = normalise(weight.clone(), vectors(shape, device));
    assert!(!u.is_autodiff() && !v.is_autodiff(), "u and v are constants");
    let gradients = (normalised.clone() * normals(shape, 3, &autodiff)).sum().backward();
    [data(normalised), data(u), data(v), data(weight.grad(&gradients).unwrap())]
}

/// The formula that burn differentiates.
fn formula(weight: Tensor<4>, [_, v]: Vectors) -> (Tensor<4>, Vectors) {
    let [out, channels, height, width] = weight.dims();
    let columns = channels * height * width;
    let matrix: Tensor<2> = weight.clone().reshape([out, columns]);
    let constant = matrix.clone().without_autodiff();
    let unit = |x: Tensor<2>| x.clone() / x.square().sum().sqrt().clamp_min(1e-12).reshape([1, 1]);
    let u = unit((constant.clone() * v.reshape([1, columns])).sum_dim(1));
    let v = unit((constant * u.clone()).sum_dim(0));
    let sigma = (matrix * (u.clone() * v.clone()).autodiff()).sum();
    (weight / sigma.reshape([1, 1, 1, 1]), [u.reshape([out]), v.reshape([columns])])
}

/// u, which is not used, and v, which needn't have the length 1.
fn vectors([out, channels, height, width]: [usize; 4], device: &Device) -> Vectors {
    let device = device.clone().inner();
    [Tensor::zeros([out], &device), normals([channels * height * width], 4, &device)]
}

fn data<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn normals<const D: usize>(shape: [usize; D], position: u64, device: &Device) -> Tensor<D> {
    let values = Random::new(6, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
