//! The passes of batch norm on flex.

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
            let column = &mut column[0];
            column[Affine::MEAN] = mean;
            column[Affine::VARIANCE] = variance;
            column[Affine::INVERSE] = inverse;
            column[Affine::SCALE] = scale;
            column[Affine::SHIFT] = beta[channel] - mean * scale;
        });
        let rows = (0..Affine::ROWS).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        let moved = |running: &FloatTensor<Self>, row: usize, factor: f32| {
            let newest = columns.iter().map(|column| column[row] * factor);
            let moved = values(running).iter().zip(newest);
            tensor(moved.map(|(old, new)| old * (1.0 - momentum) + new * momentum).collect(), [channels])
        };
        let [mean, variance] = &running;
        let (mean, variance) = (moved(mean, Affine::MEAN, 1.0), moved(variance, Affine::VARIANCE, unbias));
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
        // ∂γ and ∂β of each channel.
        let mut totals = vec![[0.0; 2]; channels];
        for_each_chunk(&mut totals, 1, |channel, totals| {
            let Channel { mean, inverse, scale, shift } = Channel::new(affine, channel, channels);
            for image in 0..batch {
                let map = [x, gradient].map(|values| &values[(image * channels + channel) * area..][..area]);
                let parts = sums(map, move |[x, gradient]| {
                    let before = leaky_relu_gradient(gradient, scale * x + shift, slope);
                    [before * ((x - mean) * inverse), before]
                });
                for (total, part) in totals[0].iter_mut().zip(parts) {
                    *total += part;
                }
            }
        });
        let gamma = totals.iter().map(|[gamma, _]| *gamma).collect();
        let beta = totals.iter().map(|[_, beta]| *beta).collect();
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
            let Channel { mean, inverse, scale, shift } = Channel::new(affine, channel, channels);
            let (gamma, beta) = (gamma[channel] / count, beta[channel] / count);
            move |[x, gradient]| {
                let before = leaky_relu_gradient(gradient, scale * x + shift, slope);
                scale * (before - beta - (x - mean) * inverse * gamma)
            }
        });
        tensor(to_x, shape)
    }
}

/// The values of one channel in an [`Affine`] that the gradients need.
struct Channel {
    mean: f32,
    inverse: f32,
    scale: f32,
    shift: f32,
}

impl Channel {
    fn new(affine: &[f32], channel: usize, channels: usize) -> Self {
        let row = |row: usize| affine[row * channels + channel];
        Self {
            mean: row(Affine::MEAN),
            inverse: row(Affine::INVERSE),
            scale: row(Affine::SCALE),
            shift: row(Affine::SHIFT),
        }
    }
}

fn leaky_relu(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { slope * x }
}

/// The gradient at the input `x` of a LeakyReLU, for `gradient` at its output.
fn leaky_relu_gradient(gradient: f32, x: f32, slope: f32) -> f32 {
    gradient * if x > 0.0 { 1.0 } else { slope }
}
