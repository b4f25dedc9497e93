//! Bias and LeakyReLU or ReLU6 in one, against the two by themselves.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData, activation};
use whelp::ops::{Conv, leaky_relu, leaky_relu_tangent, relu6};
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    leaky_relu_agrees => bias_and_leaky_relu_agree_with_burns_on_the_cpu, bias_and_leaky_relu_agree_with_burns_on_a_gpu;
    relu6_agrees => bias_and_relu6_agree_with_burns_on_the_cpu, bias_and_relu6_agree_with_burns_on_a_gpu;
    layers_end_with_relu6 => layers_end_with_relu6_on_the_cpu, layers_end_with_relu6_on_a_gpu;
}

const SLOPE: f32 = 0.2;
/// More values than one thread takes at once, and maps whose size no vector divides.
const SHAPES: [[usize; 4]; 3] = [[3, 5, 7, 9], [8, 48, 16, 16], [2, 3, 1, 1]];

fn leaky_relu_agrees(device: &Device) {
    agree(device, 1.0, |x, bias| leaky_relu(x, bias, SLOPE), |sum| activation::leaky_relu(sum, SLOPE.into()));
    let device = device.clone().autodiff();
    for shape in SHAPES {
        // A change, and the gradient that flows back through it, are multiplied by the slope at y.
        let (t, y) = (normals(shape, 3, &device).require_grad(), normals(shape, 4, &device).require_grad());
        let upstream = normals(shape, 2, &device);
        let slopes = |values: Vec<f32>| -> Vec<f32> {
            values.iter().zip(data(y.clone())).map(|(v, y)| if y > 0.0 { *v } else { SLOPE * v }).collect()
        };
        let output = leaky_relu_tangent(t.clone(), y.clone(), SLOPE);
        assert_close("tangent", &data(output.clone()), &slopes(data(t.clone())), 1e-6, 0.0);
        let gradients = (output * upstream.clone()).sum().backward();
        assert_close("its gradient", &data(t.grad(&gradients).unwrap()), &slopes(data(upstream)), 1e-6, 0.0);
        assert!(y.grad(&gradients).is_none(), "the slope is a constant");
    }
}

fn relu6_agrees(device: &Device) {
    // A third of the sums is above 6 or below 0 by more than 6.
    agree(device, 6.0, relu6, |sum| sum.clamp(0.0, 6.0));
}

/// Values outside of the range, at both of its ends, and between them.
fn layers_end_with_relu6(device: &Device) {
    let mut conv = Conv::new([1, 2], 1, device).with_bias();
    conv.weight = Param::from_tensor(Tensor::from_data([[[[1.0]]], [[[-2.0]]]], device));
    conv.bias = Some(Param::from_tensor(Tensor::from_data([0.5, 1.0], device)));
    let x = || Tensor::<1>::from_data([-0.5, -3.0, 2.0, 5.5, 9.0], device).reshape([1, 1, 1, 5]);
    assert_eq!(data(conv.forward_relu6(x())), [0.0, 0.0, 2.5, 6.0, 6.0, 2.0, 6.0, 0.0, 0.0, 0.0]);
    conv.bias = None;
    assert_eq!(data(conv.forward_relu6(x())), [0.0, 0.0, 2.0, 5.5, 6.0, 1.0, 6.0, 0.0, 0.0, 0.0]);
    let nan = Tensor::<4>::full([1, 1, 1, 1], f32::NAN, device);
    assert!(data(conv.forward_relu6(nan)).into_iter().all(f32::is_nan));
}

/// Output and both gradients of ours and of burn's, for inputs with this standard deviation.
fn agree(
    device: &Device,
    deviation: f32,
    ours: impl Fn(Tensor<4>, Tensor<1>) -> Tensor<4>,
    burns: impl Fn(Tensor<4>) -> Tensor<4>,
) {
    let device = device.clone().autodiff();
    for shape in SHAPES {
        let parts = |map: &dyn Fn(Tensor<4>, Tensor<1>) -> Tensor<4>| {
            let x = (normals(shape, 0, &device) * deviation).require_grad();
            let bias = normals([shape[1]], 1, &device).require_grad();
            let output = map(x.clone(), bias.clone());
            let gradients = (output.clone() * normals(shape, 2, &device)).sum().backward();
            [data(output), data(x.grad(&gradients).unwrap()), data(bias.grad(&gradients).unwrap())]
        };
        let burns = parts(&|x, bias| burns(x + bias.reshape([1, shape[1], 1, 1])));
        for (part, (ours, burns)) in ["output", "gradient", "bias gradient"].iter().zip(parts(&ours).iter().zip(&burns))
        {
            assert_close(&format!("{part} of {shape:?}"), ours, burns, 1e-5, 0.0);
        }
    }
}

fn data<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn normals<const D: usize>(shape: [usize; D], position: u64, device: &Device) -> Tensor<D> {
    let values = Random::new(5, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
