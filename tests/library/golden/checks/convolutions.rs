//! Convolutions: outputs and every gradient.

use burn::tensor::{Device, Tensor};
use whelp::ops::{Convolution, conv_transpose2d, conv2d as convolve};

use super::file::Golden;

pub async fn conv2d(golden: &Golden, device: &Device) {
    let convolution = convolution(golden);
    check(golden, device, |input, weight, bias| convolve(input, weight, bias, convolution)).await;
}

pub async fn conv_transposed2d(golden: &Golden, device: &Device) {
    let (convolution, [output_padding, _]) = (convolution(golden), golden.pair("output_padding"));
    let convolve = |input, weight, bias| conv_transpose2d(input, weight, bias, convolution, output_padding);
    check(golden, device, convolve).await;
}

fn convolution(golden: &Golden) -> Convolution {
    assert_eq!(golden.pair("dilation"), [1, 1], "no network here dilates");
    let [stride, padding] = ["stride", "padding"].map(|name| {
        let [rows, columns] = golden.pair(name);
        assert_eq!(rows, columns, "{name}: the same in both directions");
        rows
    });
    let groups = golden.case.get("groups").map_or(1, |groups| groups.as_u64().unwrap() as usize);
    Convolution { stride, padding, groups }
}

async fn check(
    golden: &Golden,
    device: &Device,
    convolve: impl Fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>) -> Tensor<4>,
) {
    let device = device.clone().autodiff();
    let input = golden.tensor::<4>("input", &device).require_grad();
    let weight = golden.tensor::<4>("weight", &device).require_grad();
    let bias = golden.has("bias").then(|| golden.tensor::<1>("bias", &device).require_grad());
    let output = convolve(input.clone(), weight.clone(), bias.clone());
    golden.compare("output", output.clone()).await;
    let gradients = (output * golden.tensor::<4>("grad_output", &device)).sum().backward();
    golden.compare("grad_input", input.grad(&gradients).unwrap()).await;
    golden.compare("grad_weight", weight.grad(&gradients).unwrap()).await;
    if let Some(bias) = bias {
        golden.compare("grad_bias", bias.grad(&gradients).unwrap()).await;
    }
}
