//! Blocks of MobileNetV2 as a whole, against their convolutions one by one.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use whelp::ops::{Conv, InvertedResidual, InvertedResidualSizes, conv2d_same};
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    blocks_agree => blocks_agree_with_their_convolutions_on_the_cpu, blocks_agree_with_their_convolutions_on_a_gpu;
    weights_may_change => blocks_follow_their_weights_on_the_cpu, blocks_follow_their_weights_on_a_gpu;
    weights_may_be_trained => blocks_train_their_weights_on_the_cpu, blocks_train_their_weights_on_a_gpu;
}

fn sizes(channels: [usize; 3], kernel: usize, stride: usize, is_residual: bool) -> InvertedResidualSizes {
    InvertedResidualSizes { channels, kernel, stride, is_residual }
}

/// With and without expansion and the sum with the input, maps that fill vectors and maps that don't, several images at
/// a time, and a batch that is no multiple of them.
fn cases() -> [(InvertedResidualSizes, [usize; 4]); 7] {
    [
        (sizes([32, 32, 16], 3, 1, false), [3, 32, 32, 32]),
        (sizes([4, 24, 6], 3, 2, false), [3, 4, 16, 16]),
        (sizes([6, 36, 6], 5, 1, true), [3, 6, 8, 8]),
        (sizes([5, 32, 5], 3, 1, true), [7, 5, 4, 4]),
        (sizes([5, 30, 7], 5, 2, false), [37, 5, 4, 4]),
        (sizes([8, 48, 8], 5, 1, true), [21, 8, 2, 2]),
        (sizes([3, 18, 3], 3, 1, true), [5, 3, 5, 7]),
    ]
}

fn blocks_agree(device: &Device) {
    for (sizes, shape) in cases() {
        let block = block(sizes, 1, device);
        let parts = |forward: &dyn Fn(Tensor<4>) -> Tensor<4>| {
            let x = normals(shape, 0, &device.clone().autodiff()).require_grad();
            let y = forward(x.clone());
            let upstream = normals(y.dims(), 9, &device.clone().autodiff());
            let gradients = (y.clone() * upstream).sum().backward();
            [data(y), data(x.grad(&gradients).unwrap())]
        };
        let ours = parts(&|x| block.forward(x));
        let plain = parts(&|x| plain(&block, sizes, x));
        for ((part, ours), plain) in ["output", "gradient"].iter().zip(&ours).zip(&plain) {
            assert_close(&format!("{part} of {sizes:?} over {shape:?}"), ours, plain, 1e-5, 0.0);
        }
        // Nothing is kept for a gradient that nobody asks for.
        let x = normals(shape, 0, device);
        assert_close(&format!("{sizes:?} without autodiff"), &data(block.forward(x)), &ours[0], 1e-6, 0.0);
    }
}

/// Blocks put their weights in order once. Others in their place are seen, and so are pictures of another size.
fn weights_may_change(device: &Device) {
    let (sizes, shape) = (sizes([4, 24, 4], 3, 1, true), [3, 4, 8, 8]);
    let mut block = block(sizes, 1, device);
    let check = |block: &InvertedResidual, shape: [usize; 4]| {
        let x = normals(shape, 0, device);
        let plain = data(plain(block, sizes, x.clone()));
        assert_close(&format!("{shape:?}"), &data(block.forward(x)), &plain, 1e-5, 0.0);
        plain
    };
    let before = check(&block, shape);
    block.project.weight = Param::from_tensor(normals([4, 24, 1, 1], 20, device));
    let after = check(&block, shape);
    assert_ne!(before, after);
    check(&block, [3, 4, 6, 10]);
    block.depthwise.bias = Some(Param::from_tensor(normals([24, 1, 1, 1], 21, device).reshape([24])));
    assert_ne!(check(&block, shape), after);
}

fn weights_may_be_trained(device: &Device) {
    let device = device.clone().autodiff();
    let sizes = sizes([4, 24, 4], 3, 1, true);
    let block = block(sizes, 1, &device).train();
    let x = || normals([3, 4, 8, 8], 0, &device);
    let gradient = |y: Tensor<4>| {
        let gradients = (y.clone() * normals(y.dims(), 9, &device)).sum().backward();
        data(block.depthwise.weight.val().grad(&gradients).unwrap())
    };
    let (ours, plain) = (gradient(block.forward(x())), gradient(plain(&block, sizes, x())));
    assert_close("weight gradient", &ours, &plain, 1e-5, 0.0);
}

/// A block whose values lie below, within and above the range of a ReLU6.
fn block(sizes: InvertedResidualSizes, seed: u64, device: &Device) -> InvertedResidual {
    let mut block = InvertedResidual::new(sizes, device);
    let fill = |conv: &mut Conv, position: u64| {
        let [channels, depth, kernel, _] = conv.weight.dims();
        let gain = 4.0 / ((depth * kernel * kernel) as f32).sqrt();
        conv.weight = Param::from_tensor(normals(conv.weight.dims(), position, device) * gain);
        conv.bias = Some(Param::from_tensor(normals([channels, 1, 1, 1], position + 1, device).reshape([channels])));
    };
    if let Some(expand) = &mut block.expand {
        fill(expand, seed);
    }
    fill(&mut block.depthwise, seed + 2);
    fill(&mut block.project, seed + 4);
    block
}

fn plain(block: &InvertedResidual, sizes: InvertedResidualSizes, x: Tensor<4>) -> Tensor<4> {
    let conv = |conv: &Conv, x: Tensor<4>, stride, groups| {
        conv2d_same(x, conv.weight.val(), conv.bias.as_ref().map(Param::val), stride, groups)
    };
    let expanded = match &block.expand {
        Some(expand) => conv(expand, x.clone(), 1, 1).clamp(0.0, 6.0),
        None => x.clone(),
    };
    let between = conv(&block.depthwise, expanded, sizes.stride, sizes.channels[1]).clamp(0.0, 6.0);
    let y = conv(&block.project, between, 1, 1);
    if sizes.is_residual { x + y } else { y }
}

fn data<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn normals(shape: [usize; 4], position: u64, device: &Device) -> Tensor<4> {
    let values = Random::new(7, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
