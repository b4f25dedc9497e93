//! Dense networks, and the generator that starts dense and goes on with upsampling: the recipes `fashion-mnist` and
//! `dense-upsample`.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::LEAK;
use crate::ops::{Conv, Dropout, Dual, Linear, nearest_up, tanh};

/// Latents to pictures through dense layers of `2w`, `4w` and `8w` values.
#[derive(Module, Debug)]
pub struct DenseGenerator {
    layers: Vec<Linear>,
    channels: usize,
    resolution: usize,
}

impl DenseGenerator {
    /// All zero: see [`initialize`](super::initialize).
    pub fn new(latent: usize, width: usize, channels: usize, resolution: usize, device: &Device) -> Self {
        let sizes = [latent, 2 * width, 4 * width, 8 * width, channels * resolution * resolution];
        Self { layers: dense_layers(&sizes, device), channels, resolution }
    }

    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - returns: `[batch, channels, resolution, resolution]` in [-1, 1]
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, _] = z.dims();
        let x = through(&self.layers, z.into(), &mut Dropout::off()).value;
        tanh(x).reshape([batch, self.channels, self.resolution, self.resolution])
    }
}

/// Pictures to logits through dense layers of `8w`, `4w` and `2w` values.
#[derive(Module, Debug)]
pub struct DenseDiscriminator {
    layers: Vec<Linear>,
}

impl DenseDiscriminator {
    /// All zero: see [`initialize`](super::initialize).
    pub fn new(width: usize, channels: usize, resolution: usize, device: &Device) -> Self {
        let sizes = [channels * resolution * resolution, 8 * width, 4 * width, 2 * width, 1];
        Self { layers: dense_layers(&sizes, device) }
    }

    /// # Shapes
    /// - `image`: `[batch, channels, resolution, resolution]` in [-1, 1]
    /// - returns: `[batch, 1]`
    pub fn forward(&self, image: Dual<4>, dropout: &mut Dropout) -> Dual<2> {
        through(&self.layers, image.linear(|x| x.flatten(1, 3)), dropout)
    }
}

fn dense_layers(sizes: &[usize], device: &Device) -> Vec<Linear> {
    sizes.windows(2).map(|pair| Linear::new([pair[0], pair[1]], device).with_bias()).collect()
}

/// LeakyReLU and dropout after all layers but the last.
fn through(layers: &[Linear], x: Dual<2>, dropout: &mut Dropout) -> Dual<2> {
    let last = layers.len() - 1;
    layers.iter().enumerate().fold(x, |x, (i, layer)| {
        let x = layer.forward(x);
        if i == last { x } else { dropout.apply(x.leaky_relu(LEAK)) }
    })
}

/// Latents to pictures: a dense layer to the smallest maps, then twice or more (nearest upsampling, 3x3 convolution,
/// LeakyReLU), and a 3x3 convolution to colour.
#[derive(Module, Debug)]
pub struct UpsampleGenerator {
    dense: Linear,
    blocks: Vec<Conv>,
    color: Conv,
    start: usize,
}

impl UpsampleGenerator {
    /// All zero: see [`initialize`](super::initialize). The last map has `width` channels, the ones before twice as many
    /// each.
    pub fn new(latent: usize, width: usize, channels: usize, resolution: usize, device: &Device) -> Self {
        let doublings = doublings(resolution);
        let start = resolution >> doublings;
        let blocks = (1..=doublings).rev().map(|i| Conv::new([width << i, width << (i - 1)], 3, device).with_bias());
        Self {
            dense: Linear::new([latent, (width << doublings) * start * start], device).with_bias(),
            blocks: blocks.collect(),
            color: Conv::new([width, channels], 3, device).with_bias(),
            start,
        }
    }

    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - returns: `[batch, channels, resolution, resolution]` in [-1, 1]
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, _] = z.dims();
        let x = self.dense.forward(z.into()).leaky_relu(LEAK).value;
        let [_, values] = x.dims();
        let x = x.reshape([batch, values / (self.start * self.start), self.start, self.start]);
        let x = self.blocks.iter().fold(x, |x, conv| conv.forward_leaky_relu(nearest_up(x).into(), LEAK).value);
        tanh(self.color.forward(x.into()).value)
    }
}

/// Pictures to logits: strided convolutions with LeakyReLU and dropout, then a dense layer.
#[derive(Module, Debug)]
pub struct UpsampleDiscriminator {
    blocks: Vec<Conv>,
    dense: Linear,
    minibatch_stddev: bool,
}

impl UpsampleDiscriminator {
    /// All zero: see [`initialize`](super::initialize). The first map has `width` channels, the next ones twice as many
    /// each.
    pub fn new(width: usize, channels: usize, resolution: usize, minibatch_stddev: bool, device: &Device) -> Self {
        let doublings = doublings(resolution);
        let end = resolution >> doublings;
        let block = |i: usize| {
            let channels_in = if i == 0 { channels } else { width << (i - 1) };
            Conv::new([channels_in, width << i], 4, device).with_stride(2, 1).with_bias()
        };
        let values = ((width << (doublings - 1)) + usize::from(minibatch_stddev)) * end * end;
        Self {
            blocks: (0..doublings).map(block).collect(),
            dense: Linear::new([values, 1], device).with_bias(),
            minibatch_stddev,
        }
    }

    /// # Shapes
    /// - `image`: `[batch, channels, resolution, resolution]` in [-1, 1]
    /// - returns: `[batch, 1]`
    pub fn forward(&self, image: Dual<4>, dropout: &mut Dropout) -> Dual<2> {
        let x = self.blocks.iter().fold(image, |x, conv| dropout.apply(conv.forward_leaky_relu(x, LEAK)));
        let x = if self.minibatch_stddev { x.with_minibatch_stddev() } else { x };
        self.dense.forward(x.linear(|x| x.flatten(1, 3)))
    }
}

/// How often a side can be halved with 4 pixels or more left: 64 to 4, 28 to 7.
fn doublings(resolution: usize) -> usize {
    (resolution.trailing_zeros() as usize).min((resolution / 4).ilog2() as usize)
}
