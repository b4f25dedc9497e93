//! Convolutions and batch norm: outputs and every gradient.

use burn::module::Param;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor};
use whelp::models::BatchNorm;
use whelp::weights;

use super::file::{Golden, values};
use super::on_devices;

on_devices! {
    conv2d_matches => golden_conv2d_on_the_cpu, golden_conv2d_on_a_gpu;
    conv_transpose2d_matches => golden_conv_transpose2d_on_the_cpu, golden_conv_transpose2d_on_a_gpu;
    batch_norm2d_matches => golden_batch_norm2d_on_the_cpu, golden_batch_norm2d_on_a_gpu;
}

fn conv2d_matches(device: &Device) {
    for golden in Golden::load_all("conv2d_") {
        let options = ConvOptions::new(
            golden.pair("stride"),
            golden.pair("padding"),
            golden.pair("dilation"),
            golden.number("/groups") as usize,
        );
        check_convolution(&golden, device, |input, weight, bias| conv2d(input, weight, bias, options.clone()));
    }
}

fn conv_transpose2d_matches(device: &Device) {
    for golden in Golden::load_all("conv_transpose2d_") {
        let groups = golden.case.get("groups").map_or(1, |groups| groups.as_u64().unwrap() as usize);
        let options = ConvTransposeOptions::new(
            golden.pair("stride"),
            golden.pair("padding"),
            golden.pair("output_padding"),
            golden.pair("dilation"),
            groups,
        );
        check_convolution(&golden, device, |input, weight, bias| {
            conv_transpose2d(input, weight, bias, options.clone())
        });
    }
}

fn check_convolution(
    golden: &Golden,
    device: &Device,
    convolve: impl Fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>) -> Tensor<4>,
) {
    let device = device.clone().autodiff();
    let input = golden.tensor::<4>("input", &device).require_grad();
    let weight = golden.tensor::<4>("weight", &device).require_grad();
    let bias = golden.has("bias").then(|| golden.tensor::<1>("bias", &device).require_grad());
    let output = convolve(input.clone(), weight.clone(), bias.clone());
    golden.check_tensor("output", output.clone());
    let gradients = (output * golden.tensor::<4>("grad_output", &device)).sum().backward();
    golden.check_tensor("grad_input", input.grad(&gradients).unwrap());
    golden.check_tensor("grad_weight", weight.grad(&gradients).unwrap());
    if let Some(bias) = bias {
        golden.check_tensor("grad_bias", bias.grad(&gradients).unwrap());
    }
}

fn batch_norm2d_matches(device: &Device) {
    for golden in Golden::load_all("batch_norm2d") {
        let device = device.clone().autodiff();
        assert_eq!((golden.number("/eps"), golden.number("/momentum")), (1e-5, 0.1), "BatchNorm's constants");
        let inner = device.clone().inner();
        let norm = BatchNorm::new(golden.shape("gamma")[0], &device);
        let norm = weights::replace(norm, |name, _, _| Some(golden.tensor::<1>(name, &inner)));
        let input = golden.tensor::<4>("input", &device).require_grad();
        let upstream = golden.tensor::<4>("grad_output", &device);

        let output = norm.forward(input.clone());
        golden.check_tensor("output_train", output.clone());
        let gradients = (output * upstream.clone()).sum().backward();
        golden.check_tensor("grad_input", input.grad(&gradients).unwrap());
        golden.check_tensor("grad_gamma", Param::val(&norm.gamma).grad(&gradients).unwrap());
        golden.check_tensor("grad_beta", Param::val(&norm.beta).grad(&gradients).unwrap());
        for buffer in weights::collect(&norm).iter().filter(|tensor| weights::is_buffer(&tensor.name)) {
            golden.check(&format!("{}_after", buffer.name), &values(buffer.values.clone()));
        }

        // Inference mode: the running statistics, updated above, are constants.
        let input = golden.tensor::<4>("input", &device).require_grad();
        let output = norm.forward_inference(input.clone());
        golden.check_tensor("output_eval", output.clone());
        let gradients = (output * upstream).sum().backward();
        golden.check_tensor("grad_input_eval", input.grad(&gradients).unwrap());
    }
}
