//! Bias and LeakyReLU in one, against the two by themselves.

use burn::tensor::{Device, Tensor, TensorData, activation};
use whelp::ops::{leaky_relu, leaky_relu_tangent};
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    agrees => bias_and_leaky_relu_agree_with_burns_on_the_cpu, bias_and_leaky_relu_agree_with_burns_on_a_gpu;
}

/// The second makes it a ReLU.
const SLOPES: [f32; 2] = [0.2, 0.0];
/// More values than one thread takes at once, and maps whose size no vector divides.
const SHAPES: [[usize; 4]; 3] = [[3, 5, 7, 9], [8, 48, 16, 16], [2, 3, 1, 1]];

fn agrees(device: &Device) {
    let device = device.clone().autodiff();
    for (shape, slope) in SHAPES.into_iter().flat_map(|shape| SLOPES.map(|slope| (shape, slope))) {
        let bias_of = || normals([shape[1]], 1, &device).require_grad();
        let input = || normals(shape, 0, &device).require_grad();
        let upstream = || normals(shape, 2, &device);
        let parts = |output: Tensor<4>, x: Tensor<4>, bias: Tensor<1>| {
            let gradients = (output.clone() * upstream()).sum().backward();
            [data(output), data(x.grad(&gradients).unwrap()), data(bias.grad(&gradients).unwrap())]
        };
        let (x, bias) = (input(), bias_of());
        let ours = parts(leaky_relu(x.clone(), bias.clone(), slope), x, bias);
        let (x, bias) = (input(), bias_of());
        let sum = x.clone() + bias.clone().reshape([1, shape[1], 1, 1]);
        let burns = parts(activation::leaky_relu(sum, slope.into()), x, bias);
        for (part, (ours, burns)) in ["output", "gradient", "bias gradient"].iter().zip(ours.iter().zip(&burns)) {
            assert_close(&format!("{part} of {shape:?}"), ours, burns, 1e-5, 0.0);
        }

        // A change, and the gradient that flows back through it, are multiplied by the slope at y.
        let (t, y) = (normals(shape, 3, &device).require_grad(), normals(shape, 4, &device).require_grad());
        let slopes = |values: Vec<f32>| -> Vec<f32> {
            values.iter().zip(data(y.clone())).map(|(v, y)| if y > 0.0 { *v } else { slope * v }).collect()
        };
        let output = leaky_relu_tangent(t.clone(), y.clone(), slope);
        assert_close("tangent", &data(output.clone()), &slopes(data(t.clone())), 1e-6, 0.0);
        let gradients = (output * upstream()).sum().backward();
        assert_close("its gradient", &data(t.grad(&gradients).unwrap()), &slopes(data(upstream())), 1e-6, 0.0);
        assert!(y.grad(&gradients).is_none(), "the slope is a constant");
    }
}

fn data<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn normals<const D: usize>(shape: [usize; D], position: u64, device: &Device) -> Tensor<D> {
    let values = Random::new(5, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
