//! Half precision on graphics devices, against full precision and against PyTorch's numbers. Devices without it are passed over.

use burn::tensor::{Device, Tensor, TensorData};
use futures_lite::future::block_on;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Architecture, Loss, Precision, RunConfig};
use whelp::device::OpenDevice;
use whelp::ops::{
    Conv, Convolution, Dual, conv_transpose2d, conv2d, conv2d_same, halved, in_half, leaky_relu, leaky_relu_tangent,
};
use whelp::protocol::Event;
use whelp::random::{Random, Stream};
use whelp::run::Run;
use whelp::series::{LOSS_D, LOSS_G};

use crate::golden::checks::r3gan;
use crate::golden::load_all_if_known;
use crate::support::{assert_close, cpu, gpu, pictures, tiny_config};

fn device() -> Option<OpenDevice> {
    let device = gpu()?;
    if !device.has_half() {
        assert!(std::env::var_os("WHELP_REQUIRE_GPU").is_none(), "{} has no numbers of 16 bits", device.description);
        eprintln!("not tested: {} has no numbers of 16 bits", device.description);
        return None;
    }
    Some(device)
}

/// Kernel, stride, padding; groups, channels in and out; size.
type Case = ((usize, usize, usize), (usize, usize, usize), [usize; 2]);

/// Depthwise convolutions, products of matrices, maps of odd lengths, and tiles of every size.
const CASES: [Case; 14] = [
    ((3, 1, 1), (1, 3, 5), [5, 7]),
    ((3, 1, 1), (1, 64, 70), [8, 8]),
    ((3, 1, 1), (4, 64, 64), [9, 7]),
    ((4, 2, 1), (1, 17, 33), [8, 8]),
    ((4, 2, 1), (2, 34, 40), [9, 21]),
    ((4, 1, 0), (1, 37, 1), [4, 4]),
    ((4, 1, 3), (1, 6, 20), [5, 16]),
    ((1, 1, 0), (1, 48, 96), [4, 32]),
    ((1, 1, 0), (1, 7, 3), [3, 3]),
    ((1, 2, 0), (3, 48, 48), [5, 7]),
    ((5, 2, 2), (1, 5, 9), [9, 9]),
    ((4, 3, 1), (1, 3, 4), [8, 5]),
    ((3, 1, 1), (6, 6, 6), [5, 7]),
    ((5, 2, 2), (16, 16, 16), [4, 32]),
];

/// Numbers that 16 bits hold exactly.
fn eighths(shape: [usize; 4], position: u64, device: &Device) -> Tensor<4> {
    numbers(shape, position, device, |number| (8.0 * number).round() / 8.0)
}

fn normals(shape: [usize; 4], position: u64, device: &Device) -> Tensor<4> {
    numbers(shape, position, device, |number| number)
}

fn numbers(shape: [usize; 4], position: u64, device: &Device, map: fn(f32) -> f32) -> Tensor<4> {
    let values = Random::new(5, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values.into_iter().map(map).collect::<Vec<_>>(), shape), device)
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// A function of two tensors, and its gradients by both, where a gradient that differs from pixel to pixel comes in.
fn parts(
    x: Tensor<4>,
    weight: Tensor<4>,
    is_half: bool,
    function: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
) -> [Vec<f32>; 3] {
    let [x, weight] = [x, weight].map(|tensor| tensor.autodiff().require_grad());
    let output = in_half(is_half, || function(halved(x.clone()), halved(weight.clone())));
    let upstream = normals(output.dims(), 9, &x.device());
    let gradients = (output.clone() * upstream).sum().backward();
    [output, x.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap()].map(values)
}

fn each_case(
    check: impl Fn(&str, [Tensor<4>; 2], &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>),
    exact: bool,
    device: &Device,
) {
    let draw = if exact { eighths } else { normals };
    for ((kernel, stride, padding), (groups, inputs, outputs), [height, width]) in CASES {
        let convolution = Convolution { stride, padding, groups };
        let case =
            format!("{kernel}x{kernel} {convolution:?} from {inputs} to {outputs} channels over {height}x{width}");
        let x = draw([3, inputs, height, width], 0, device);
        let weight = draw([outputs, inputs / groups, kernel, kernel], 1, device);
        check(&case, [x.clone(), weight.clone()], &|x, weight| conv2d(x, weight, None, convolution));
        check(&format!("same {case}"), [x.clone(), weight], &|x, weight| conv2d_same(x, weight, None, stride, groups));
        let weight = draw([inputs, outputs / groups, kernel, kernel], 2, device);
        check(&format!("transposed {case}"), [x, weight], &|x, weight| {
            conv_transpose2d(x, weight, None, convolution, 0)
        });
    }
}

const PARTS: [&str; 3] = ["output", "gradient of the input", "gradient of the weight"];

/// Where nothing is lost by rounding, it is the same sum.
#[test]
fn convolutions_of_numbers_that_need_no_rounding_are_the_same() {
    let Some(device) = device() else { return };
    let check = |case: &str, [x, weight]: [Tensor<4>; 2], function: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
        let [full, half] = [false, true].map(|is_half| parts(x.clone(), weight.clone(), is_half, function));
        for (part, (full, half)) in PARTS.iter().zip(full.iter().zip(&half)) {
            assert_close(&format!("{part}, {case}"), half, full, 1e-5, 0.0);
        }
    };
    each_case(check, true, &device.device);
}

/// Each factor is off by at most 2^-11 of itself, and the errors of a sum's products partly cancel.
#[test]
fn convolutions_are_within_two_thousandths() {
    let Some(device) = device() else { return };
    let check = |case: &str, [x, weight]: [Tensor<4>; 2], function: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
        let [full, half] = [false, true].map(|is_half| parts(x.clone(), weight.clone(), is_half, function));
        for (part, (full, half)) in PARTS.iter().zip(full.iter().zip(&half)) {
            assert_close(&format!("{part}, {case}"), half, full, 2e-3, 0.0);
        }
        assert_ne!(full[0], half[0], "{case}: rounding shows");
    };
    each_case(check, false, &device.device);
}

/// A gradient so small that 16 bits would lose it comes through: loss scaling would have nothing to do.
#[test]
fn small_gradients_are_not_lost() {
    let Some(device) = device() else { return };
    const TINY: f32 = 1e-9;
    let convolution = Convolution { stride: 1, padding: 1, groups: 1 };
    let [x, weight] = [[2, 8, 6, 6], [4, 8, 3, 3]].map(|shape| eighths(shape, 3, &device.device));
    let scaled =
        |scale: f32| parts(x.clone(), weight.clone(), true, |x, weight| conv2d(x, weight, None, convolution) * scale);
    let ([_, of_x, of_weight], [_, tiny_of_x, tiny_of_weight]) = (scaled(1.0), scaled(TINY));
    for (large, tiny) in [(of_x, tiny_of_x), (of_weight, tiny_of_weight)] {
        let tiny: Vec<f32> = tiny.iter().map(|value| value / TINY).collect();
        assert_close("gradient", &tiny, &large, 1e-5, 0.0);
    }
}

#[test]
fn what_is_too_large_becomes_the_largest_number() {
    let Some(device) = device() else { return };
    let x = Tensor::<4>::from_data([[[[1e9_f32, -1e9, 65_504.0, 0.1]]]], &device.device);
    let one = Tensor::<4>::ones([1, 1, 1, 1], &device.device);
    let pointwise = Convolution { stride: 1, padding: 0, groups: 1 };
    let y = in_half(true, || conv2d(halved(x), one, None, pointwise));
    assert_eq!(values(y), [65_504.0, -65_504.0, 65_504.0, 0.099_975_586]);
}

/// A rectified convolution whose result is kept in 16 bits, with its tangent, into another convolution.
#[test]
fn layers_in_a_row_agree_with_full_precision() {
    let Some(device) = device() else { return };
    let autodiff = device.device.clone().autodiff();
    let layer = |position| {
        let mut conv = Conv::new([6, 6], 3, &autodiff).with_bias();
        conv.weight = burn::module::Param::from_tensor(normals([6, 6, 3, 3], position, &autodiff));
        conv.bias = Some(burn::module::Param::from_tensor(normals([1, 6, 1, 1], 7, &autodiff).reshape([6])));
        conv
    };
    let layers = [layer(4), layer(5)];
    let [x, direction] = [10, 11].map(|position| normals([3, 6, 5, 5], position, &autodiff));
    let run = |is_half| {
        in_half(is_half, || {
            let x = x.clone().require_grad();
            let y = layers[0].forward_leaky_relu_to_conv(Dual::moving(x.clone(), direction.clone()), 0.2);
            let y = layers[1].forward(y);
            let tangent = y.tangent.unwrap();
            let gradients = (y.value.clone().square().sum() + tangent.clone().square().sum()).backward();
            [
                values(y.value),
                values(tangent),
                values(x.grad(&gradients).unwrap()),
                values(layers[0].weight.val().grad(&gradients).unwrap()),
            ]
        })
    };
    for (name, (half, full)) in
        ["value", "tangent", "gradient", "gradient of the weight"].iter().zip(run(true).iter().zip(&run(false)))
    {
        assert_close(name, half, full, 5e-3, 0.0);
        assert_ne!(half, full, "{name}");
    }
}

/// The CPU computes as ever.
#[test]
fn half_precision_changes_nothing_on_the_cpu() {
    let x = normals([2, 3, 5, 5], 0, &cpu().device);
    let bias = Tensor::<1>::ones([3], &cpu().device);
    let y = |is_half| {
        in_half(is_half, || {
            let y = leaky_relu(halved(x.clone()), bias.clone(), 0.2);
            values(leaky_relu_tangent(y.clone(), y, 0.2))
        })
    };
    assert_eq!(y(true), y(false));
}

/// Whole steps with penalties, Adam and averages, against double backward in float64: every picture, logit, loss and
/// penalty within a hundredth of the largest of its kind. Adam's first steps are signs of gradients, so a few weights may be
/// off by steps of their own, and with them the gradients that follow: at the narrowest networks a quarter is, none by more than the
/// files allow.
#[test]
fn golden_r3gan_steps_in_half_precision() {
    let Some(device) = device() else { return };
    for mut golden in load_all_if_known("r3gan_step") {
        golden.case["tolerance"] = json!({"rel": 1e-2, "abs": 1e-2});
        golden.case["tolerance_overrides"] = json!({"after.optimizer.*": {"rel": 0.1, "abs": 5e-2}});
        golden.case["weight_tolerance"]["share"] = json!(0.7);
        in_half(true, || block_on(r3gan::steps(&golden, &device.device)));
    }
}

fn config(precision: Precision, steps: u64) -> RunConfig {
    let mut config = tiny_config(steps);
    config.model.architecture = Architecture::R3gan;
    config.model.generator_width = 16;
    config.model.discriminator_width = 16;
    config.train.loss = Loss::Relativistic;
    config.train.r1_gamma = 0.5;
    config.train.r2_gamma = 0.5;
    config.train.precision = precision;
    config
}

/// The device by its words, the losses, and the last checkpoint.
fn train(mut run: Run) -> (String, Vec<f32>, Vec<u8>) {
    let (mut device, mut losses, mut checkpoint) = (String::new(), Vec::new(), Vec::new());
    while let Some(event) = block_on(run.next()) {
        match event {
            Event::Started { device: name, .. } => device = name,
            Event::Tick { series, .. } => {
                losses.extend(
                    [LOSS_D, LOSS_G].iter().flat_map(|name| series.get(name).map(|(_, loss)| loss).collect::<Vec<_>>()),
                );
            }
            Event::Checkpoint { bytes, .. } => checkpoint = bytes.to_vec(),
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
    (device, losses, checkpoint)
}

/// A short training does as in full precision, and its checkpoint is one of 32 bits, which goes on either way and on the CPU.
#[test]
fn a_training_in_half_precision_is_one_like_any_other() {
    let Some(device) = device() else { return };
    let start = |precision, device: OpenDevice| {
        Run::new(config(precision, 12).validate().unwrap(), pictures(10), device, None).unwrap().0
    };
    let (name, half, bytes) = train(start(Precision::Half, device.clone()));
    assert!(name.ends_with("16-bit convolutions"), "{name}");
    let (name, full, _) = train(start(Precision::Full, device.clone()));
    assert_eq!(name, device.description);
    assert_eq!(half.len(), 24);
    assert_close("losses", &half, &full, 5e-2, 0.0);
    assert_ne!(half, full);

    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert!(tensors.tensors().iter().all(|(_, tensor)| tensor.dtype() != Dtype::F16));
    let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    for (precision, device) in [(Precision::Full, device.clone()), (Precision::Half, device), (Precision::Half, cpu())]
    {
        let config = config(precision, 14).validate().unwrap();
        let (run, _commands) = Run::resume(&checkpoint, config, pictures(10), device, None).unwrap();
        let (_, losses, _) = train(run);
        assert!(losses.iter().all(|loss| loss.is_finite()));
    }
}
