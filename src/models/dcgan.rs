//! DCGAN (Radford et al. 2016, arXiv:1511.06434) as the PyTorch tutorial builds it, at any power-of-two resolution.
//!
//! Every convolution is 4x4, without bias where a norm follows or could. Parameter paths are the checkpoint's tensor names:
//! `blocks.0.conv.weight`, `blocks.0.norm.gamma`, and so on.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::layers::{Builder, ConvKind, Kind, Layer, Layers};
use super::{BatchNorm, LEAK};
use crate::config::{Norm, Resolution};
use crate::ops::{Conv, ConvTranspose, Dropout, Dual, tanh};

/// Side of every kernel.
pub const KERNEL: usize = 4;

/// Side of the pictures of networks with so many convolutions: the one at the 4x4 maps, and one for each doubling.
pub fn resolution(convolutions: usize) -> usize {
    4 << (convolutions - 1)
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
    /// From z to pictures.
    pub fn layers(&self) -> Vec<Layer> {
        let doublings = Resolution::square(self.resolution).halvings();
        let mut layers = Layers::new([self.latent, 1, 1]);
        for i in 0..doublings {
            let (stride, padding) = if i == 0 { (1, 0) } else { (2, 1) };
            layers
                .conv_transpose(format!("blocks.{i}.conv"), self.width << (doublings - 1 - i), KERNEL, stride, padding)
                .batch_norm(format!("blocks.{i}.norm"))
                .leaky_relu(0.0);
        }
        layers.conv_transpose(format!("blocks.{doublings}.conv"), self.channels, KERNEL, 2, 1).then(Kind::Tanh, 0);
        layers.finish()
    }

    /// A generator whose convolutions are all zero: see [`initialize`](super::initialize).
    pub fn init(&self, device: &Device) -> Generator {
        Generator::new(&Builder::new(&self.layers(), device))
    }
}

impl Generator {
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        let block = |block: Builder<'_>| UpBlock {
            conv: block.at("conv").conv_transpose(),
            norm: block.find("norm").map(|norm| norm.batch_norm()),
        };
        Self { blocks: builder.each("blocks", block) }
    }

    /// Draws pictures.
    ///
    /// Batch norm uses the batch's statistics on an autodiff device, the running ones after `.valid()`.
    ///
    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - returns: `[batch, channels, height, width]` in [-1, 1]
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
    /// Whether the last layer sees the standard deviation over the batch.
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
    /// From pictures to logits.
    pub fn layers(&self) -> Vec<Layer> {
        let halvings = Resolution::square(self.resolution).halvings();
        let has_bias = self.norm == Norm::None;
        let conv = |stride, padding| ConvKind { kernel: KERNEL, stride, padding, groups: 1, has_bias };
        let mut layers = Layers::new([self.channels, self.resolution, self.resolution]);
        for i in 0..halvings {
            layers.conv(format!("blocks.{i}.conv"), self.width << i, conv(2, 1));
            let norm = if i == 0 { Norm::None } else { self.norm };
            match norm {
                Norm::None => layers.leaky_relu(LEAK),
                Norm::Batch => layers.batch_norm(format!("blocks.{i}.norm")).leaky_relu(LEAK),
                Norm::BatchLast => layers.leaky_relu(LEAK).batch_norm(format!("blocks.{i}.norm")),
            };
            layers.then(Kind::Dropout, 1);
        }
        if self.minibatch_stddev {
            layers.then(Kind::MinibatchStddev, 0);
        }
        layers.conv(format!("blocks.{halvings}.conv"), 1, conv(1, 0)).keeping(0);
        layers.finish()
    }

    /// A discriminator whose convolutions are all zero: see [`initialize`](super::initialize).
    pub fn init(&self, device: &Device) -> Discriminator {
        Discriminator::new(&Builder::new(&self.layers(), device), self.norm)
    }
}

impl Discriminator {
    pub(super) fn new(builder: &Builder<'_>, norm: Norm) -> Self {
        let block = |block: Builder<'_>| DownBlock {
            conv: block.at("conv").conv(),
            norm: block.find("norm").map(|norm| norm.batch_norm()),
        };
        Self {
            blocks: builder.each("blocks", block),
            is_norm_last: norm == Norm::BatchLast,
            minibatch_stddev: builder.has(Kind::MinibatchStddev),
        }
    }

    /// Scores pictures: the larger the logit, the more likely a picture is real.
    ///
    /// Only a discriminator without batch norm passes tangents on.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]` in [-1, 1]
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
