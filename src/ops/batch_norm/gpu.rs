//! The passes of batch norm on graphics devices.

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{Affine, AffineBackend, Normalization, unbias};
use crate::ops::gpu::{
    ChannelSizes, UNITS, add_up, channel_of, channel_sizes, cube_per_channel, empty_like, input, output, pair_like,
    place_in_channel, unit_per_value,
};

/// The gradient at the input `x` of a LeakyReLU, for `gradient` at its output. With `gradient = x` it is the LeakyReLU
/// itself.
#[cube]
fn leaky_relu_gradient(gradient: f32, x: f32, slope: f32) -> f32 {
    select(x > 0.0f32, gradient, gradient * slope)
}

/// Where a row of an [`Affine`] has a channel's value.
#[cube]
fn place_in_row(#[comptime] row: usize, channel: u32, channels: u32) -> usize {
    (comptime!(row as u32) * channels + channel) as usize
}

/// The constants of the statistics.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Constants {
    /// Added to the variance.
    epsilon: f32,
    /// Weight of the newest batch in the running statistics.
    momentum: f32,
    /// Factor from the biased variance to the unbiased one.
    unbias: f32,
    /// Where the new variances begin, behind the new means.
    new_variance: u32,
}

/// A cube for each channel. The new running statistics share a buffer: WebGPU promises eight for a kernel, and cubecl takes one
/// for the sizes.
#[cube(launch_unchecked)]
fn affine_of(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    running_mean: &[f32],
    running_variance: &[f32],
    affine: &mut [f32],
    new_running: &mut [f32],
    sizes: ChannelSizes,
    constants: Constants,
) {
    let channel = CUBE_POS_X;
    let mut parts = Shared::<[f32]>::new_slice(UNITS);
    let mut total = 0.0f32;
    for at in range_stepped(UNIT_POS_X, sizes.count, CUBE_DIM_X) {
        total += x[place_in_channel(at, channel, &sizes)];
    }
    let mean = add_up(total, &mut parts) / f32::cast_from(sizes.count);
    let mut squares = 0.0f32;
    for at in range_stepped(UNIT_POS_X, sizes.count, CUBE_DIM_X) {
        let centred = x[place_in_channel(at, channel, &sizes)] - mean;
        squares += centred * centred;
    }
    let variance = add_up(squares, &mut parts) / f32::cast_from(sizes.count);
    if UNIT_POS_X == 0 {
        let inverse = 1.0f32 / (variance + constants.epsilon).sqrt();
        let scale = gamma[channel as usize] * inverse;
        affine[place_in_row(Affine::MEAN, channel, sizes.channels)] = mean;
        affine[place_in_row(Affine::VARIANCE, channel, sizes.channels)] = variance;
        affine[place_in_row(Affine::INVERSE, channel, sizes.channels)] = inverse;
        affine[place_in_row(Affine::SCALE, channel, sizes.channels)] = scale;
        affine[place_in_row(Affine::SHIFT, channel, sizes.channels)] = beta[channel as usize] - mean * scale;
        let (old, new) = (1.0f32 - constants.momentum, constants.momentum);
        let unbiased = variance * constants.unbias;
        let new_variance = (constants.new_variance + channel) as usize;
        let channel = channel as usize;
        new_running[channel] = running_mean[channel] * old + mean * new;
        new_running[new_variance] = running_variance[channel] * old + unbiased * new;
    }
}

/// A unit for each value.
#[cube(launch_unchecked)]
fn apply(x: &[f32], affine: &[f32], y: &mut [f32], sizes: ChannelSizes, slope: f32) {
    if ABSOLUTE_POS < x.len() {
        let channel = channel_of(ABSOLUTE_POS as u32, &sizes);
        let scale = affine[place_in_row(Affine::SCALE, channel, sizes.channels)];
        let shift = affine[place_in_row(Affine::SHIFT, channel, sizes.channels)];
        let value = scale * x[ABSOLUTE_POS] + shift;
        y[ABSOLUTE_POS] = leaky_relu_gradient(value, value, slope);
    }
}

/// A cube for each channel.
#[cube(launch_unchecked)]
fn parameter_gradients(
    x: &[f32],
    gradient: &[f32],
    affine: &[f32],
    to_gamma: &mut [f32],
    to_beta: &mut [f32],
    sizes: ChannelSizes,
    slope: f32,
) {
    let channel = CUBE_POS_X;
    let mut parts = Shared::<[f32]>::new_slice(UNITS);
    let mean = affine[place_in_row(Affine::MEAN, channel, sizes.channels)];
    let inverse = affine[place_in_row(Affine::INVERSE, channel, sizes.channels)];
    let scale = affine[place_in_row(Affine::SCALE, channel, sizes.channels)];
    let shift = affine[place_in_row(Affine::SHIFT, channel, sizes.channels)];
    let mut gamma = 0.0f32;
    let mut beta = 0.0f32;
    for at in range_stepped(UNIT_POS_X, sizes.count, CUBE_DIM_X) {
        let index = place_in_channel(at, channel, &sizes);
        let value = x[index];
        let before = leaky_relu_gradient(gradient[index], scale * value + shift, slope);
        gamma += before * (value - mean) * inverse;
        beta += before;
    }
    let gamma = add_up(gamma, &mut parts);
    let beta = add_up(beta, &mut parts);
    if UNIT_POS_X == 0 {
        to_gamma[channel as usize] = gamma;
        to_beta[channel as usize] = beta;
    }
}

/// A unit for each value.
#[cube(launch_unchecked)]
fn input_gradient(
    x: &[f32],
    gradient: &[f32],
    affine: &[f32],
    gamma: &[f32],
    beta: &[f32],
    to_x: &mut [f32],
    sizes: ChannelSizes,
    slope: f32,
) {
    if ABSOLUTE_POS < x.len() {
        let channel = channel_of(ABSOLUTE_POS as u32, &sizes);
        let mean = affine[place_in_row(Affine::MEAN, channel, sizes.channels)];
        let inverse = affine[place_in_row(Affine::INVERSE, channel, sizes.channels)];
        let scale = affine[place_in_row(Affine::SCALE, channel, sizes.channels)];
        let shift = affine[place_in_row(Affine::SHIFT, channel, sizes.channels)];
        let value = x[ABSOLUTE_POS];
        let before = leaky_relu_gradient(gradient[ABSOLUTE_POS], scale * value + shift, slope);
        let common = beta[channel as usize] + (value - mean) * inverse * gamma[channel as usize];
        to_x[ABSOLUTE_POS] = scale * (before - common / f32::cast_from(sizes.count));
    }
}

impl AffineBackend for Cube {
    fn channel_affine(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let Normalization { epsilon, momentum, .. } = normalization;
        let sizes = channel_sizes(&x);
        let channels = sizes.channels as usize;
        let affine = empty_like(&x, [Affine::ROWS, channels]);
        let (new_running, [new_mean, new_variance], second) = pair_like(&x, channels);
        let (client, (cubes, cube)) = (x.client.clone(), cube_per_channel(&x, sizes.channels));
        let constants = ConstantsLaunch { epsilon, momentum, unbias: unbias(sizes.count), new_variance: second as u32 };
        let [x, gamma, beta, mean, variance] = [x, gamma, beta, mean, variance].map(input);
        let ([to, to_running], sizes) = ([&affine, &new_running].map(output), sizes.to_launch());
        // SAFETY: the kernel reads and writes the values of its channel only.
        unsafe {
            affine_of::launch_unchecked(
                &client, cubes, cube, x, gamma, beta, mean, variance, to, to_running, sizes, constants,
            );
        }
        (affine, new_mean, new_variance)
    }

    fn affine_leaky_relu(x: FloatTensor<Self>, affine: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let sizes = channel_sizes(&x).to_launch();
        let y = empty_like(&x, x.meta.shape().clone());
        let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
        let ([x, affine], to) = ([x, affine].map(input), output(&y));
        // SAFETY: the kernel stops at the end of the input.
        unsafe { apply::launch_unchecked(&client, cubes, cube, x, affine, to, sizes, slope) };
        y
    }

    fn affine_parameter_gradients(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let sizes = channel_sizes(&x);
        let [gamma, beta] = [(); 2].map(|()| empty_like(&x, [sizes.channels as usize]));
        let (client, (cubes, cube)) = (x.client.clone(), cube_per_channel(&x, sizes.channels));
        let [x, gradient, affine] = [x, gradient, affine].map(input);
        let (to_gamma, to_beta, sizes) = (output(&gamma), output(&beta), sizes.to_launch());
        // SAFETY: the kernel reads the maps of its channel only.
        unsafe {
            parameter_gradients::launch_unchecked(
                &client, cubes, cube, x, gradient, affine, to_gamma, to_beta, sizes, slope,
            );
        }
        (gamma, beta)
    }

    fn affine_input_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        gamma_gradient: FloatTensor<Self>,
        beta_gradient: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let sizes = channel_sizes(&x).to_launch();
        let to_x = empty_like(&x, x.meta.shape().clone());
        let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
        let [x, gradient, affine, gamma, beta] = [x, gradient, affine, gamma_gradient, beta_gradient].map(input);
        let to = output(&to_x);
        // SAFETY: the kernel stops at the end of the input.
        unsafe {
            input_gradient::launch_unchecked(&client, cubes, cube, x, gradient, affine, gamma, beta, to, sizes, slope);
        }
        to_x
    }
}
