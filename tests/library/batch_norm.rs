//! Batch norm and LeakyReLU in one, against the two by themselves.

use burn::tensor::module::batch_norm_train;
use burn::tensor::{Device, Tensor, TensorData, activation};
use whelp::device::cpu;
use whelp::ops::{Normalization, batch_norm};
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    agrees => batch_norm_agrees_with_burns_on_the_cpu, batch_norm_agrees_with_burns_on_a_gpu;
}

const EPSILON: f32 = 1e-5;
/// More values than one thread takes at once, and maps whose size no vector divides.
const SHAPES: [[usize; 4]; 4] = [[3, 5, 7, 9], [8, 48, 16, 16], [2, 3, 1, 1], [40, 2, 5, 3]];
/// ReLU, LeakyReLU, and nothing.
const SLOPES: [f32; 3] = [0.0, 0.2, 1.0];

fn agrees(device: &Device) {
    for shape in SHAPES {
        for slope in SLOPES {
            let ours = parts(device, shape, |x, gamma, beta| {
                // Moved as far as it goes: the batch's own statistics.
                let normalization = Normalization { epsilon: EPSILON, momentum: 1.0, slope };
                let zeros = Tensor::zeros([shape[1]], device);
                let (y, [mean, variance]) = batch_norm(x, gamma, beta, [zeros.clone(), zeros], normalization);
                let count = (shape[0] * shape[2] * shape[3]) as f32;
                (y, mean, variance * ((count - 1.0) / count))
            });
            let burns = parts(&cpu(), shape, |x, gamma, beta| {
                let normalized = batch_norm_train(x, gamma, beta, EPSILON.into());
                let y = activation::leaky_relu(normalized.output, slope.into());
                (y, normalized.mean, normalized.variance)
            });
            let names = ["output", "mean", "variance", "gradient", "gamma's gradient", "beta's gradient"];
            for (name, (ours, burns)) in names.iter().zip(ours.iter().zip(&burns)) {
                // A channel of two values: its gradient is what is left of numbers that cancel out.
                let absolute = if shape[0] * shape[2] * shape[3] == 2 { 1e-3 } else { 1e-6 };
                assert_close(&format!("{name} of {shape:?}, slope {slope}"), ours, burns, 2e-5, absolute);
            }
        }
    }
}

/// `x`, `γ` and `β` to `y`, mean and variance.
type Parts = (Tensor<4>, Tensor<1>, Tensor<1>);

fn parts(
    device: &Device,
    shape: [usize; 4],
    normalize: impl Fn(Tensor<4>, Tensor<1>, Tensor<1>) -> Parts,
) -> [Vec<f32>; 6] {
    let device = device.clone().autodiff();
    // Away from 0, so that a mean matters.
    let x = (normals(shape, 0, &device) + 0.7).require_grad();
    let gamma = (normals([shape[1]], 1, &device) * 0.3 + 1.0).require_grad();
    let beta = normals([shape[1]], 2, &device).require_grad();
    let (y, mean, variance) = normalize(x.clone(), gamma.clone(), beta.clone());
    let gradients = (y.clone() * normals(shape, 3, &device)).sum().backward();
    [
        data(y),
        data(mean),
        data(variance),
        data(x.grad(&gradients).unwrap()),
        data(gamma.grad(&gradients).unwrap()),
        data(beta.grad(&gradients).unwrap()),
    ]
}

fn data<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn normals<const D: usize>(shape: [usize; D], position: u64, device: &Device) -> Tensor<D> {
    let values = Random::new(6, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
