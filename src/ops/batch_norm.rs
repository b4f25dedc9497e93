//! Batch norm and the LeakyReLU after it: two passes over memory forward and two backward, where their formulas take two
//! dozen.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Rows of what batch norm does to each channel, `y = scale · x + shift`, and of what it was made: `[5, channels]`.
struct Affine;

impl Affine {
    const ROWS: usize = 5;
}

// The kernels for graphics devices say so themselves.
#[cfg(feature = "flex")]
impl Affine {
    const MEAN: usize = 0;
    /// Biased.
    const VARIANCE: usize = 1;
    /// `1 / √(variance + ε)`
    const INVERSE: usize = 2;
    /// `γ · inverse`
    const SCALE: usize = 3;
    /// `β - mean · scale`
    const SHIFT: usize = 4;
}

/// The constants of a batch norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// ε, added to the variance.
    pub epsilon: f32,
    /// The share of the newest batch in the running statistics.
    pub momentum: f32,
    /// Of the LeakyReLU after it: ReLU where it is 0, nothing where it is 1.
    pub slope: f32,
}

/// `y = f(γ (x - μ)/√(σ² + ε) + β)` with the batch's own μ and σ² of each channel (Ioffe & Szegedy 2015, arXiv:1502.03167,
/// algorithm 1), and with `f` a LeakyReLU; and the running mean and variance, moved towards the batch's, the variance unbiased
/// as PyTorch's: σ² M/(M-1) for M values of a channel.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `gamma`, `beta`: `[channels]`
/// - `running`: mean and variance, `[channels]` each, without autodiff
/// - returns: the same as `x`, and the same as `running`
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    running: [Tensor<1>; 2],
    normalization: Normalization,
) -> (Tensor<4>, [Tensor<1>; 2]) {
    let [gamma, beta] = [gamma, beta].map(Tensor::into_dispatch);
    let [mean, variance] = running.map(|running| running.autodiff().into_dispatch());
    let (y, mean, variance) =
        Dispatch::batch_norm_leaky_relu(x.into_dispatch(), gamma, beta, mean, variance, normalization);
    (Tensor::from_dispatch(y), [mean, variance].map(|running| Tensor::from_dispatch(running).without_autodiff()))
}

/// How many times the biased variance of so many values the unbiased one is. A single value has none.
fn unbias(count: u32) -> f32 {
    let count = count as f32;
    count / (count - 1.0).max(1.0)
}

/// What is differentiated as a whole.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait BatchNormBackend: Backend {
    /// See [`batch_norm`]: `(y, running mean, running variance)`.
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// What a backend computes. `affine` is an [`Affine`]; the LeakyReLU's slope comes with all that passes it.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
)]
pub trait AffineBackend: Backend {
    /// The [`Affine`] of `x`, and the running mean and variance.
    fn channel_affine(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `f(scale · x + shift)`
    fn affine_leaky_relu(x: FloatTensor<Self>, affine: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// `(∂γ, ∂β)` of `y`'s gradient.
    fn affine_parameter_gradients(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `∂x = scale · [∂ - ∂β/M - x̂ ∂γ/M]`, where ∂ is the gradient before the LeakyReLU and M the values of a channel.
    fn affine_input_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        gamma_gradient: FloatTensor<Self>,
        beta_gradient: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;
}

/// `([y, affine], running mean, running variance)`; `of_channels` are γ, β and the running mean and variance before.
fn normalize<B: AffineBackend>(
    x: FloatTensor<B>,
    of_channels: [FloatTensor<B>; 4],
    normalization: Normalization,
) -> ([FloatTensor<B>; 2], FloatTensor<B>, FloatTensor<B>) {
    let [gamma, beta, mean, variance] = of_channels;
    let (affine, mean, variance) = B::channel_affine(x.clone(), gamma, beta, mean, variance, normalization);
    ([B::affine_leaky_relu(x, affine.clone(), normalization.slope), affine], mean, variance)
}

#[cfg(feature = "flex")]
impl BatchNormBackend for burn::backend::Flex {
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let ([y, _], mean, variance) = normalize::<Self>(x, [gamma, beta, mean, variance], normalization);
        (y, mean, variance)
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl BatchNormBackend for burn::backend::Cube {
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let ([y, _], mean, variance) = normalize::<Self>(x, [gamma, beta, mean, variance], normalization);
        (y, mean, variance)
    }
}

#[cfg(feature = "flex")]
mod cpu {
    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::{Affine, AffineBackend, Normalization, unbias};
    use crate::ops::flex::{tensor, values};
    use crate::ops::parallel::{for_each_chunk, sums, zip_maps};

    impl AffineBackend for Flex {
        fn channel_affine(
            x: FloatTensor<Self>,
            gamma: FloatTensor<Self>,
            beta: FloatTensor<Self>,
            running_mean: FloatTensor<Self>,
            running_variance: FloatTensor<Self>,
            normalization: Normalization,
        ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
            let Normalization { epsilon, momentum, .. } = normalization;
            let [batch, channels, height, width] = x.layout().shape().dims();
            let area = height * width;
            let unbias = unbias((batch * area) as u32);
            let count = (batch * area) as f32;
            let [x, gamma, beta] = [x, gamma, beta].map(|tensor| tensor.to_contiguous());
            let [x, gamma, beta] = [&x, &gamma, &beta].map(values);
            let running = [running_mean, running_variance].map(|tensor| tensor.to_contiguous());
            let mut columns = vec![[0.0; Affine::ROWS]; channels];
            for_each_chunk(&mut columns, 1, |channel, column| {
                let maps = || (0..batch).map(|image| &x[(image * channels + channel) * area..][..area]);
                let mean = maps().map(|map| sums([map], |[x]| [x])[0]).sum::<f32>() / count;
                let square = move |[x]: [f32; 1]| [(x - mean) * (x - mean)];
                let variance = maps().map(|map| sums([map], square)[0]).sum::<f32>() / count;
                let inverse = (variance + epsilon).sqrt().recip();
                let scale = gamma[channel] * inverse;
                column[0] = [mean, variance, inverse, scale, beta[channel] - mean * scale];
            });
            let rows = (0..Affine::ROWS).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
            let follow = |running: &FloatTensor<Self>, row: usize, factor: f32| {
                let newest = columns.iter().map(|column| column[row] * factor);
                let moved = values(running).iter().zip(newest);
                tensor(moved.map(|(old, new)| old * (1.0 - momentum) + new * momentum).collect(), [channels])
            };
            let [mean, variance] = &running;
            let (mean, variance) = (follow(mean, Affine::MEAN, 1.0), follow(variance, Affine::VARIANCE, unbias));
            (tensor(rows, [Affine::ROWS, channels]), mean, variance)
        }

        fn affine_leaky_relu(x: FloatTensor<Self>, affine: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
            let shape: [usize; 4] = x.layout().shape().dims();
            let [_, channels, height, width] = shape;
            let (x, affine) = (x.to_contiguous(), values(&affine));
            let [scale, shift] = [Affine::SCALE, Affine::SHIFT].map(|row| &affine[row * channels..][..channels]);
            let y = zip_maps([values(&x)], height * width, |map| {
                let (scale, shift) = (scale[map % channels], shift[map % channels]);
                move |[x]| leaky_relu(scale * x + shift, slope)
            });
            tensor(y, shape)
        }

        fn affine_parameter_gradients(
            x: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            affine: FloatTensor<Self>,
            slope: f32,
        ) -> (FloatTensor<Self>, FloatTensor<Self>) {
            let [batch, channels, height, width] = x.layout().shape().dims();
            let area = height * width;
            let [x, gradient] = [x, gradient].map(|tensor| tensor.to_contiguous());
            let [x, gradient, affine] = [&x, &gradient, &affine].map(values);
            let mut totals = vec![[0.0; 2]; channels];
            for_each_chunk(&mut totals, 1, |channel, totals| {
                let [mean, inverse, scale, shift] = [Affine::MEAN, Affine::INVERSE, Affine::SCALE, Affine::SHIFT]
                    .map(|row| affine[row * channels + channel]);
                for image in 0..batch {
                    let map = [x, gradient].map(|values| &values[(image * channels + channel) * area..][..area]);
                    let parts = sums(map, move |[x, gradient]| {
                        let before = gate(gradient, scale * x + shift, slope);
                        [before * ((x - mean) * inverse), before]
                    });
                    for (total, part) in totals[0].iter_mut().zip(parts) {
                        *total += part;
                    }
                }
            });
            let [gamma, beta] = [0, 1].map(|part| totals.iter().map(|totals| totals[part]).collect());
            (tensor(gamma, [channels]), tensor(beta, [channels]))
        }

        fn affine_input_gradient(
            x: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            affine: FloatTensor<Self>,
            gamma_gradient: FloatTensor<Self>,
            beta_gradient: FloatTensor<Self>,
            slope: f32,
        ) -> FloatTensor<Self> {
            let shape: [usize; 4] = x.layout().shape().dims();
            let [batch, channels, height, width] = shape;
            let area = height * width;
            let count = (batch * area) as f32;
            let [x, gradient] = [x, gradient].map(|tensor| tensor.to_contiguous());
            let [affine, gamma, beta] = [&affine, &gamma_gradient, &beta_gradient].map(values);
            let to_x = zip_maps([values(&x), values(&gradient)], area, |map| {
                let channel = map % channels;
                let [mean, inverse, scale, shift] = [Affine::MEAN, Affine::INVERSE, Affine::SCALE, Affine::SHIFT]
                    .map(|row| affine[row * channels + channel]);
                let (gamma, beta) = (gamma[channel] / count, beta[channel] / count);
                move |[x, gradient]| {
                    let before = gate(gradient, scale * x + shift, slope);
                    scale * (before - beta - (x - mean) * inverse * gamma)
                }
            });
            tensor(to_x, shape)
        }
    }

    fn leaky_relu(x: f32, slope: f32) -> f32 {
        if x > 0.0 { x } else { slope * x }
    }

    /// What a LeakyReLU of `x` lets through of its gradient.
    fn gate(gradient: f32, x: f32, slope: f32) -> f32 {
        gradient * if x > 0.0 { 1.0 } else { slope }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::{Affine, AffineBackend, Normalization, unbias};
    use crate::ops::gpu::{
        UNITS, add_up, channel_sizes, cube_per_channel, empty_like, input, output, place_in_channel, unit_per_value,
    };

    #[cube]
    fn gate(gradient: f32, x: f32, slope: f32) -> f32 {
        select(x > 0.0f32, gradient, gradient * slope)
    }

    /// A cube for each channel.
    #[cube(launch_unchecked)]
    fn affine_of(
        x: &[f32],
        gamma: &[f32],
        beta: &[f32],
        running_mean: &[f32],
        running_variance: &[f32],
        affine: &mut [f32],
        new_mean: &mut [f32],
        new_variance: &mut [f32],
        area: u32,
        count: u32,
        channels: u32,
        epsilon: f32,
        momentum: f32,
        unbias: f32,
    ) {
        let channel = CUBE_POS_X;
        let mut parts = Shared::<[f32]>::new_slice(UNITS);
        let mut total = 0.0f32;
        for at in range_stepped(UNIT_POS_X, count, CUBE_DIM_X) {
            total += x[place_in_channel(at, channel, area, channels)];
        }
        let mean = add_up(total, &mut parts) / f32::cast_from(count);
        let mut squares = 0.0f32;
        for at in range_stepped(UNIT_POS_X, count, CUBE_DIM_X) {
            let centred = x[place_in_channel(at, channel, area, channels)] - mean;
            squares += centred * centred;
        }
        let variance = add_up(squares, &mut parts) / f32::cast_from(count);
        if UNIT_POS_X == 0 {
            let inverse = 1.0f32 / (variance + epsilon).sqrt();
            let scale = gamma[channel as usize] * inverse;
            affine[channel as usize] = mean;
            affine[(channels + channel) as usize] = variance;
            affine[(2u32 * channels + channel) as usize] = inverse;
            affine[(3u32 * channels + channel) as usize] = scale;
            affine[(4u32 * channels + channel) as usize] = beta[channel as usize] - mean * scale;
            let channel = channel as usize;
            new_mean[channel] = running_mean[channel] * (1.0f32 - momentum) + mean * momentum;
            new_variance[channel] = running_variance[channel] * (1.0f32 - momentum) + variance * unbias * momentum;
        }
    }

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn apply(x: &[f32], affine: &[f32], y: &mut [f32], area: u32, channels: u32, slope: f32) {
        if ABSOLUTE_POS < x.len() {
            let channel = ABSOLUTE_POS as u32 / area % channels;
            let scale = affine[(3u32 * channels + channel) as usize];
            let value = scale * x[ABSOLUTE_POS] + affine[(4u32 * channels + channel) as usize];
            y[ABSOLUTE_POS] = gate(value, value, slope);
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
        area: u32,
        count: u32,
        channels: u32,
        slope: f32,
    ) {
        let channel = CUBE_POS_X;
        let mut parts = Shared::<[f32]>::new_slice(UNITS);
        let mean = affine[channel as usize];
        let inverse = affine[(2u32 * channels + channel) as usize];
        let scale = affine[(3u32 * channels + channel) as usize];
        let shift = affine[(4u32 * channels + channel) as usize];
        let mut gamma = 0.0f32;
        let mut beta = 0.0f32;
        for at in range_stepped(UNIT_POS_X, count, CUBE_DIM_X) {
            let index = place_in_channel(at, channel, area, channels);
            let value = x[index];
            let before = gate(gradient[index], scale * value + shift, slope);
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
        area: u32,
        count: u32,
        channels: u32,
        slope: f32,
    ) {
        if ABSOLUTE_POS < x.len() {
            let channel = ABSOLUTE_POS as u32 / area % channels;
            let mean = affine[channel as usize];
            let inverse = affine[(2u32 * channels + channel) as usize];
            let scale = affine[(3u32 * channels + channel) as usize];
            let shift = affine[(4u32 * channels + channel) as usize];
            let value = x[ABSOLUTE_POS];
            let before = gate(gradient[ABSOLUTE_POS], scale * value + shift, slope);
            let common = beta[channel as usize] + (value - mean) * inverse * gamma[channel as usize];
            to_x[ABSOLUTE_POS] = scale * (before - common / f32::cast_from(count));
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
            let [area, count, channels] = channel_sizes(&x);
            let affine = empty_like(&x, [Affine::ROWS, channels as usize]);
            let [new_mean, new_variance] = [&mean, &variance].map(|running| empty_like(running, [channels as usize]));
            let (client, (cubes, cube)) = (x.client.clone(), cube_per_channel(&x, channels));
            let [x, gamma, beta, mean, variance] = [x, gamma, beta, mean, variance].map(input);
            let [to, to_mean, to_variance] = [&affine, &new_mean, &new_variance].map(output);
            // SAFETY: the kernel reads and writes what belongs to its channel only. Eight buffers are as many as every
            // device has.
            unsafe {
                affine_of::launch_unchecked(
                    &client,
                    cubes,
                    cube,
                    x,
                    gamma,
                    beta,
                    mean,
                    variance,
                    to,
                    to_mean,
                    to_variance,
                    area,
                    count,
                    channels,
                    epsilon,
                    momentum,
                    unbias(count),
                );
            }
            (affine, new_mean, new_variance)
        }

        fn affine_leaky_relu(x: FloatTensor<Self>, affine: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
            let [area, _, channels] = channel_sizes(&x);
            let y = empty_like(&x, x.meta.shape().clone());
            let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
            let ([x, affine], to) = ([x, affine].map(input), output(&y));
            // SAFETY: the kernel stops at the input's end.
            unsafe { apply::launch_unchecked(&client, cubes, cube, x, affine, to, area, channels, slope) };
            y
        }

        fn affine_parameter_gradients(
            x: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            affine: FloatTensor<Self>,
            slope: f32,
        ) -> (FloatTensor<Self>, FloatTensor<Self>) {
            let [area, count, channels] = channel_sizes(&x);
            let [gamma, beta] = [0, 1].map(|_| empty_like(&x, [channels as usize]));
            let (client, (cubes, cube)) = (x.client.clone(), cube_per_channel(&x, channels));
            let [x, gradient, affine] = [x, gradient, affine].map(input);
            let (to_gamma, to_beta) = (output(&gamma), output(&beta));
            // SAFETY: the kernel reads the maps of its channel only.
            unsafe {
                parameter_gradients::launch_unchecked(
                    &client, cubes, cube, x, gradient, affine, to_gamma, to_beta, area, count, channels, slope,
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
            let [area, count, channels] = channel_sizes(&x);
            let to_x = empty_like(&x, x.meta.shape().clone());
            let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
            let [x, gradient, affine, gamma, beta] = [x, gradient, affine, gamma_gradient, beta_gradient].map(input);
            let to = output(&to_x);
            // SAFETY: the kernel stops at the input's end.
            unsafe {
                input_gradient::launch_unchecked(
                    &client, cubes, cube, x, gradient, affine, gamma, beta, to, area, count, channels, slope,
                );
            }
            to_x
        }
    }
}

#[derive(Debug)]
struct BatchNormLeakyRelu;

impl<B: AffineBackend> Backward<B, 3> for BatchNormLeakyRelu {
    /// What was normalised, what was done to it, and the slope.
    type State = (FloatTensor<B>, FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, gamma_node, beta_node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        let (x, affine, slope) = ops.state;
        let (gamma, beta) = B::affine_parameter_gradients(x.clone(), gradient.clone(), affine.clone(), slope);
        if let Some(node) = x_node {
            let to_x = B::affine_input_gradient(x, gradient, affine, gamma.clone(), beta.clone(), slope);
            gradients.register::<B>(node.id, to_x);
        }
        if let Some(node) = gamma_node {
            gradients.register::<B>(node.id, gamma);
        }
        if let Some(node) = beta_node {
            gradients.register::<B>(node.id, beta);
        }
    }
}

impl<B: AffineBackend, C: CheckpointStrategy> BatchNormBackend for Autodiff<B, C> {
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let prep = BatchNormLeakyRelu.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful();
        let [x, gamma, beta, mean, variance] = [x, gamma, beta, mean, variance].map(|tensor| tensor.into_primitive());
        let ([y, affine], mean, variance) = normalize::<B>(x.clone(), [gamma, beta, mean, variance], normalization);
        let y = match prep {
            OpsKind::Tracked(prep) => prep.finish((x, affine, normalization.slope), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, FloatTensor::<Self>::new(mean), FloatTensor::<Self>::new(variance))
    }
}
