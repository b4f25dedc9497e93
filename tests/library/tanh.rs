//! Our hyperbolic tangent against burn's.

use burn::tensor::{Device, Tensor, TensorData};
use whelp::ops::tanh;
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    agrees => tanh_agrees_with_burns_on_the_cpu, tanh_agrees_with_burns_on_a_gpu;
}

/// More values than one thread takes at once, and numbers of them that no vector divides.
const SHAPES: [[usize; 2]; 3] = [[1, 1], [7, 13], [9, 8191]];

fn agrees(device: &Device) {
    let device = device.clone().autodiff();
    for shape in SHAPES {
        let normals = |position: u64, scale: f32| {
            let values = Random::new(6, Stream::Init, position).normals(shape.iter().product());
            let values: Vec<f32> = values.iter().map(|value| scale * value).collect();
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        let data = |tensor: Tensor<2>| -> Vec<f32> { tensor.into_data().try_into_vec().unwrap() };
        let parts = |of: fn(Tensor<2>) -> Tensor<2>| {
            // Far into both ends.
            let x = normals(0, 4.0).require_grad();
            let y = of(x.clone());
            let gradients = (y.clone() * normals(1, 1.0)).sum().backward();
            [data(y), data(x.grad(&gradients).unwrap())]
        };
        for (part, (ours, burns)) in ["output", "gradient"].iter().zip(parts(tanh).iter().zip(&parts(Tensor::tanh))) {
            assert_close(&format!("{part} of {shape:?}"), ours, burns, 1e-5, 1e-6);
        }
    }
}
