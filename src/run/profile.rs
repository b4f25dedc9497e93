//! What a training step costs on a device.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

use super::RunError;
use super::trial::Trial;
use crate::config::RunConfig;
use crate::data::PictureKind;
use crate::device::{DeviceError, Launches, OpenDevice};
use crate::features::Pretrained;
use crate::ops::{Convolution, Convolutions};
use crate::platform::Instant;
use crate::random::{Random, Stream};

/// Times and launches of a training step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// Seconds of the first step, which compiles kernels.
    pub first_step_secs: f64,
    /// Median seconds of the other steps.
    pub step_secs: f64,
    /// Images per second at that median.
    pub images_per_sec: f64,
    /// Kernels that the last step launched on the graphics device: name to count.
    pub launches: BTreeMap<String, u64>,
}

impl Profile {
    /// Launches of all kernels in a step.
    pub fn total_launches(&self) -> u64 {
        self.launches.values().sum()
    }
}

/// Times a first step and then `steps` more on random pictures of this kind, with networks that compute with
/// `convolutions`. `backbone` has the weights of [`files_needed`](crate::features::files_needed). No other work may run on
/// graphics devices meanwhile, because its launches would be counted.
///
/// # Errors
/// [`RunError::Device`] if the device failed, [`RunError::Features`] if `backbone` is not what the settings need.
///
/// # Panics
/// Where `steps` is 0.
pub async fn profile(
    config: &RunConfig,
    kind: PictureKind,
    backbone: Option<&Pretrained>,
    device: &OpenDevice,
    steps: usize,
    convolutions: Convolutions,
) -> Result<Profile, RunError> {
    let mut trial = convolutions.build(|| Trial::new(config, kind, backbone, &device.device))?;
    let started = Instant::now();
    trial.step().await?;
    let first_step_secs = started.elapsed().as_secs_f64();
    let launches = Launches::watch();
    let mut secs = Vec::with_capacity(steps);
    for _ in 0..steps {
        launches.take();
        let started = Instant::now();
        trial.step().await?;
        secs.push(started.elapsed().as_secs_f64());
    }
    secs.sort_by(f64::total_cmp);
    let step_secs = secs[steps / 2];
    let images_per_sec = config.train.batch as f64 / step_secs.max(1e-6);
    Ok(Profile { first_step_secs, step_secs, images_per_sec, launches: launches.take() })
}

/// Speed of a convolution, in GFLOP/s. A multiplication and its addition are two FLOP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConvolutionSpeed {
    /// `[batch, channels in, height, width]`
    pub input: [usize; 4],
    /// `[channels out, channels in / groups, kernel height, kernel width]`
    pub weight: [usize; 4],
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// FLOP of a sum for each byte of input, weight and output. Where they are few, the way to memory limits the speed.
    pub flop_per_byte: f64,
    /// Computing the output.
    pub forward: f64,
    /// Computing the input gradient, which is also what a transposed convolution computes.
    pub input_gradient: f64,
    /// Computing the weight gradient.
    pub weight_gradient: f64,
}

/// Depthwise convolutions of EfficientNet-Lite0 for pictures of 64 pixels: channels, side of a map, kernel and stride.
const DEPTHWISE: [[usize; 4]; 6] =
    [[32, 32, 3, 1], [96, 32, 3, 2], [144, 16, 5, 2], [240, 8, 3, 1], [672, 4, 5, 1], [1152, 2, 5, 1]];

/// Times convolutions one by one: those of DCGAN for 64 pixels (4x4, stride 2, padding 1), and depthwise ones of
/// EfficientNet-Lite0. It blocks, which no browser allows.
///
/// # Errors
/// [`DeviceError`] if the device failed.
pub fn profile_convolutions(
    width: usize,
    batch: usize,
    device: &Device,
    convolutions: Convolutions,
) -> Result<Vec<ConvolutionSpeed>, DeviceError> {
    let channels = [3, width, 2 * width, 4 * width, 8 * width];
    let dcgan = channels.windows(2).zip([64, 32, 16, 8]).map(|(channels, side)| {
        let convolution = Convolution { stride: 2, padding: 1, groups: 1 };
        ([batch, channels[0], side, side], [channels[1], channels[0], 4, 4], convolution)
    });
    let depthwise = DEPTHWISE.into_iter().map(|[channels, side, kernel, stride]| {
        let convolution = Convolution { stride, padding: kernel / 2, groups: channels };
        ([batch, channels, side, side], [channels, 1, kernel, kernel], convolution)
    });
    dcgan
        .chain(depthwise)
        .map(|(input, weight, convolution)| profile_convolution(input, weight, convolution, device, convolutions))
        .collect()
}

/// # Panics
/// If the side of the input's maps is no multiple of the stride.
fn profile_convolution(
    input: [usize; 4],
    weight: [usize; 4],
    convolution: Convolution,
    device: &Device,
    convolutions: Convolutions,
) -> Result<ConvolutionSpeed, DeviceError> {
    let Convolutions { conv2d, conv_transpose2d, weight_gradient, .. } = convolutions;
    let Convolution { stride, padding, .. } = convolution;
    let [batch, _, side, _] = input;
    let [channels, depth, kernel, _] = weight;
    let new_side = (side + 2 * padding - kernel) / stride + 1;
    let output = [batch, channels, new_side, new_side];
    // Rows behind the last one that the kernel reaches.
    let output_padding = side + 2 * padding - kernel - (new_side - 1) * stride;
    let count = |shape: [usize; 4]| shape.iter().product::<usize>();
    let flop = 2.0 * (count(output) * depth * kernel * kernel) as f64;
    let bytes = 4.0 * (count(input) + count(weight) + count(output)) as f64;
    let [x, w, y] = [input, weight, output].map(|shape| noise(shape, device));
    let gflops = |work: &dyn Fn() -> Tensor<4>| Ok(flop / secs(device, work)? / 1e9);
    Ok(ConvolutionSpeed {
        input,
        weight,
        stride,
        flop_per_byte: flop / bytes,
        forward: gflops(&|| conv2d(x.clone(), w.clone(), None, convolution))?,
        input_gradient: gflops(&|| conv_transpose2d(y.clone(), w.clone(), None, convolution, output_padding))?,
        weight_gradient: gflops(&|| weight_gradient(x.clone(), y.clone(), weight, convolution))?,
    })
}

fn noise(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let values = Random::new(0, Stream::Data, 0).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The shortest time that `work` took, over at least three runs and at least half a second.
fn secs(device: &Device, work: &dyn Fn() -> Tensor<4>) -> Result<f64, DeviceError> {
    let timed = || {
        let started = Instant::now();
        let _result = work();
        device.sync().map_err(DeviceError::while_computing)?;
        Ok(started.elapsed().as_secs_f64())
    };
    let mut total = timed()?;
    let mut least = f64::INFINITY;
    for run in 0.. {
        if run >= 3 && total > 0.5 {
            break;
        }
        let secs = timed()?;
        total += secs;
        least = least.min(secs);
    }
    Ok(least)
}
