//! DCGAN (Radford et al. 2016, arXiv:1511.06434) as the PyTorch tutorial builds it, at any power-of-two resolution.
//!
//! Every convolution is 4x4, without bias where a norm follows or could. Parameter paths are the checkpoint's tensor names:
//! `blocks.0.conv.weight`, `blocks.0.norm.gamma`, and so on.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{BatchNorm, LEAK};
use crate::config::Norm;
use crate::ops::{Conv, ConvTranspose, Dropout, Dual, tanh};

/// Stride-2 layers between a 4x4 map and pictures of `resolution` pixels, the last one to (or from) colour included.
fn doublings(resolution: usize) -> usize {
    (resolution / 4).ilog2() as usize
}

/// Sizes of a [`Generator`].
#[derive(Clone, Debug)]
pub struct GeneratorConfig {
    /// Length of z.
    pub latent: usize,
    /// Channels of the last hidden layer; each layer before it has twice as many.
    pub width: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// Side of a picture in pixels: a power of two, at least 8.
    pub resolution: usize,
}

/// Latents to pictures: transposed convolutions, batch norm, ReLU; tanh at the end.
#[derive(Module, Debug)]
pub struct Generator {
    blocks: Vec<UpBlock>,
}

#[derive(Module, Debug)]
struct UpBlock {
    conv: ConvTranspose,
    /// Absent in the last block.
    norm: Option<BatchNorm>,
}

impl GeneratorConfig {
    /// A generator whose convolutions are all zero: see [`initialize`](super::initialize).
    pub fn init(&self, device: &Device) -> Generator {
        let doublings = doublings(self.resolution);
        let block = |i: usize| {
            let channels_in = if i == 0 { self.latent } else { self.width << (doublings - i) };
            let is_last = i == doublings;
            let channels_out = if is_last { self.channels } else { self.width << (doublings - 1 - i) };
            let (stride, padding) = if i == 0 { (1, 0) } else { (2, 1) };
            UpBlock {
                conv: ConvTranspose::new([channels_in, channels_out], 4, stride, padding, device),
                norm: (!is_last).then(|| BatchNorm::new(channels_out, device)),
            }
        };
        Generator { blocks: (0..=doublings).map(block).collect() }
    }
}

impl Generator {
    /// Draws pictures.
    ///
    /// Batch norm uses the batch's statistics on an autodiff device, the running ones after `.valid()`.
    ///
    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - returns: `[batch, channels, resolution, resolution]` in [-1, 1]
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, latent] = z.dims();
        self.blocks.iter().fold(z.reshape([batch, latent, 1, 1]), |x, block| {
            let x = block.conv.forward(x);
            match &block.norm {
                Some(norm) => norm.forward_leaky_relu(x, 0.0),
                None => tanh(x),
            }
        })
    }
}

/// Sizes and parts of a [`Discriminator`].
#[derive(Clone, Debug)]
pub struct DiscriminatorConfig {
    /// Channels of the first layer; each layer after it has twice as many.
    pub width: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// Side of a picture in pixels: a power of two, at least 8.
    pub resolution: usize,
    /// What all layers but the first and the last normalise. Without, every layer has a bias.
    pub norm: Norm,
    /// Whether the last layer is told how varied the batch is.
    pub minibatch_stddev: bool,
}

/// Pictures to logits: strided convolutions, LeakyReLU, and between them perhaps batch norm and dropout.
#[derive(Module, Debug)]
pub struct Discriminator {
    blocks: Vec<DownBlock>,
    is_norm_last: bool,
    minibatch_stddev: bool,
}

#[derive(Module, Debug)]
struct DownBlock {
    conv: Conv,
    /// Absent in the first and in the last block.
    norm: Option<BatchNorm>,
}

impl DiscriminatorConfig {
    /// A discriminator whose convolutions are all zero: see [`initialize`](super::initialize).
    pub fn init(&self, device: &Device) -> Discriminator {
        let doublings = doublings(self.resolution);
        let block = |i: usize| {
            let channels_in = if i == 0 { self.channels } else { self.width << (i - 1) };
            let is_last = i == doublings;
            let channels_out = if is_last { 1 } else { self.width << i };
            let channels_in = channels_in + usize::from(is_last && self.minibatch_stddev);
            let (stride, padding) = if is_last { (1, 0) } else { (2, 1) };
            let conv = Conv::new([channels_in, channels_out], 4, device).with_stride(stride, padding);
            let has_norm = self.norm != Norm::None;
            DownBlock {
                conv: if has_norm { conv } else { conv.with_bias() },
                norm: (has_norm && i != 0 && !is_last).then(|| BatchNorm::new(channels_out, device)),
            }
        };
        Discriminator {
            blocks: (0..=doublings).map(block).collect(),
            is_norm_last: self.norm == Norm::BatchLast,
            minibatch_stddev: self.minibatch_stddev,
        }
    }
}

impl Discriminator {
    /// Scores pictures: the larger the logit, the more it takes a picture for a real one.
    ///
    /// Only a discriminator without batch norm has tangents.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, resolution, resolution]` in [-1, 1]
    /// - returns: `[batch, 1]`
    pub fn forward(&self, image: Dual<4>, dropout: &mut Dropout) -> Dual<2> {
        let last = self.blocks.len() - 1;
        let x = self.blocks.iter().enumerate().fold(image, |x, (i, block)| {
            if i == last {
                let x = if self.minibatch_stddev { x.with_minibatch_stddev() } else { x };
                return block.conv.forward(x);
            }
            let x = match &block.norm {
                None => block.conv.forward_leaky_relu(x, LEAK),
                Some(norm) if self.is_norm_last => norm.forward(block.conv.forward_leaky_relu(x, LEAK).value).into(),
                Some(norm) => norm.forward_leaky_relu(block.conv.forward(x).value, LEAK).into(),
            };
            dropout.apply(x)
        });
        let [batch, _, _, _] = x.value.dims();
        x.linear(|x| x.reshape([batch, 1]))
    }
}
