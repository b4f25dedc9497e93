//! R3GAN: Huang et al. 2024, "The GAN is dead; long live the GAN! A modern baseline GAN", arXiv:2501.05441, section 4.
//!
//! Residual blocks of a 1x1, a grouped 3x3 and a 1x1 convolution, without any normalisation; sizes change by a [1,2,1]
//! filter, and by a 1x1 convolution only where the number of channels does.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};

use super::LEAK;
use crate::ops::{Conv, Dual, Linear, blur_down, blur_up};

/// Channels of a group in the 3x3 convolutions.
const GROUP: usize = 16;

/// A block's inner width is that many times its outer one.
const EXPANSION: usize = 2;

/// Sizes of both networks.
#[derive(Clone, Debug)]
pub struct R3ganConfig {
    /// Channels of the residual stream at each resolution, the largest first; each resolution is half the one before, and
    /// the last is 4x4.
    pub widths: Vec<usize>,
    /// Residual blocks at each resolution.
    pub blocks: usize,
    /// Length of z, and of a class's embedding.
    pub latent: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// Classes that the networks are told; 0: none.
    pub classes: usize,
    /// Whether the discriminator is told how varied the batch is.
    pub minibatch_stddev: bool,
}

impl R3ganConfig {
    /// The widths that the paper's networks have: `width` at the full resolution, twice that below.
    pub fn widths(width: usize, resolution: usize) -> Vec<usize> {
        let stages = (resolution / 4).ilog2() as usize + 1;
        (0..stages).map(|stage| if stage == 0 { width } else { 2 * width }).collect()
    }
}

/// `x + conv3(lrelu(conv2(lrelu(conv1(x) + bias1)) + bias2))`
#[derive(Module, Debug)]
struct Block {
    conv1: Conv,
    conv2: Conv,
    conv3: Conv,
}

impl Block {
    fn new(width: usize, device: &Device) -> Self {
        let inner = EXPANSION * width;
        Self {
            conv1: Conv::new([width, inner], 1, device).with_bias(),
            conv2: Conv::new([inner, inner], 3, device).with_groups(inner / GROUP.min(width)).with_bias(),
            conv3: Conv::new([inner, width], 1, device),
        }
    }

    fn forward(&self, x: Dual<4>) -> Dual<4> {
        let y = self.conv1.forward_leaky_relu(x.clone(), LEAK);
        let y = self.conv2.forward_leaky_relu(y, LEAK);
        x + self.conv3.forward(y)
    }
}

/// The blocks at one resolution.
#[derive(Module, Debug)]
struct Stage {
    blocks: Vec<Block>,
    /// To the next stage's number of channels, where that differs.
    resize: Option<Conv>,
}

impl Stage {
    /// `widths`: this stage's and the next one's, if there is one.
    fn new(widths: &[usize], blocks: usize, device: &Device) -> Self {
        let width = widths[0];
        let next = widths.get(1).copied().filter(|next| *next != width);
        Self {
            blocks: (0..blocks).map(|_| Block::new(width, device)).collect(),
            resize: next.map(|next| Conv::new([width, next], 1, device)),
        }
    }

    fn forward(&self, x: Dual<4>) -> Dual<4> {
        self.blocks.iter().fold(x, |x, block| block.forward(x))
    }

    fn resize(&self, x: Dual<4>) -> Dual<4> {
        match &self.resize {
            Some(conv) => conv.forward(x),
            None => x,
        }
    }
}

/// A vector for each class.
#[derive(Module, Debug)]
struct Embedding {
    /// `[classes, length]`
    weight: Param<Tensor<2>>,
}

impl Embedding {
    fn new(config: &R3ganConfig, device: &Device) -> Option<Self> {
        let shape = [config.classes, config.latent];
        (config.classes > 0).then(|| Self { weight: Param::from_tensor(Tensor::zeros(shape, device)) })
    }

    /// `[batch]` to `[batch, length]`.
    fn forward(&self, classes: Tensor<1, Int>) -> Tensor<2> {
        self.weight.val().select(0, classes)
    }
}

/// Latents, and perhaps classes, to pictures.
#[derive(Module, Debug)]
pub struct R3ganGenerator {
    embedding: Option<Embedding>,
    /// The picture that everything starts from, `[channels, 4, 4]`.
    basis: Param<Tensor<3>>,
    /// How much of each channel of the basis.
    linear: Linear,
    /// Smallest resolution first.
    stages: Vec<Stage>,
    color: Conv,
}

impl R3ganGenerator {
    /// All zero: see [`initialize`](super::initialize).
    pub fn new(config: &R3ganConfig, device: &Device) -> Self {
        let widths: Vec<usize> = config.widths.iter().rev().copied().collect();
        let inputs = if config.classes > 0 { 2 * config.latent } else { config.latent };
        Self {
            embedding: Embedding::new(config, device),
            basis: Param::from_tensor(Tensor::zeros([widths[0], 4, 4], device)),
            linear: Linear::new([inputs, widths[0]], device),
            stages: (0..widths.len()).map(|i| Stage::new(&widths[i..], config.blocks, device)).collect(),
            color: Conv::new([widths[widths.len() - 1], config.channels], 1, device),
        }
    }

    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - `classes`: `[batch]`, needed by a conditional network and ignored by another
    /// - returns: `[batch, channels, resolution, resolution]`, about [-1, 1] without being held there
    ///
    /// # Panics
    /// If a conditional network is given no classes.
    pub fn forward(&self, z: Tensor<2>, classes: Option<Tensor<1, Int>>) -> Tensor<4> {
        let z = match &self.embedding {
            Some(embedding) => {
                let classes = classes.expect("a conditional network draws classes");
                Tensor::cat(vec![z, embedding.forward(classes)], 1)
            }
            None => z,
        };
        let [batch, _] = z.dims();
        let amounts = self.linear.forward(z.into()).value;
        let [_, width] = amounts.dims();
        let x = amounts.reshape([batch, width, 1, 1]) * self.basis.val().unsqueeze::<4>();
        let last = self.stages.len() - 1;
        let x = self.stages.iter().enumerate().fold(Dual::from(x), |x, (i, stage)| {
            let x = stage.forward(x);
            if i == last { x } else { stage.resize(x).linear(blur_up) }
        });
        self.color.forward(x).value
    }
}

/// Pictures, and perhaps their classes, to logits.
#[derive(Module, Debug)]
pub struct R3ganDiscriminator {
    embedding: Option<Embedding>,
    stem: Conv,
    /// Full resolution first.
    stages: Vec<Stage>,
    last: Last,
    minibatch_stddev: bool,
}

/// 4x4 maps to numbers.
#[derive(Module, Debug)]
struct Last {
    /// A 4x4 convolution of each channel by itself, to one value: `[channels, 4, 4]`.
    depthwise: Param<Tensor<3>>,
    linear: Linear,
}

impl R3ganDiscriminator {
    /// All zero: see [`initialize`](super::initialize).
    pub fn new(config: &R3ganConfig, device: &Device) -> Self {
        let widths = &config.widths;
        let width = widths[widths.len() - 1] + usize::from(config.minibatch_stddev);
        let outputs = if config.classes > 0 { config.latent } else { 1 };
        Self {
            embedding: Embedding::new(config, device),
            stem: Conv::new([config.channels, widths[0]], 1, device),
            stages: (0..widths.len()).map(|i| Stage::new(&widths[i..], config.blocks, device)).collect(),
            last: Last {
                depthwise: Param::from_tensor(Tensor::zeros([width, 4, 4], device)),
                linear: Linear::new([width, outputs], device),
            },
            minibatch_stddev: config.minibatch_stddev,
        }
    }

    /// The logit of a conditional network is the product of what it sees with the class's embedding (Miyato & Koyama
    /// 2018, arXiv:1802.05637).
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, resolution, resolution]`, about [-1, 1]
    /// - `classes`: `[batch]`, needed by a conditional network and ignored by another
    /// - returns: `[batch, 1]`
    ///
    /// # Panics
    /// If a conditional network is given no classes.
    pub fn forward(&self, image: Dual<4>, classes: Option<Tensor<1, Int>>) -> Dual<2> {
        let last = self.stages.len() - 1;
        let x = self.stages.iter().enumerate().fold(self.stem.forward(image), |x, (i, stage)| {
            let x = stage.forward(x);
            if i == last { x } else { stage.resize(x.linear(blur_down)) }
        });
        let x = if self.minibatch_stddev { x.with_minibatch_stddev() } else { x };
        let kernel = self.last.depthwise.val().unsqueeze::<4>();
        let x = x.linear(|x| {
            let [batch, width, _, _] = x.dims();
            (x * kernel.clone()).reshape([batch, width, 16]).sum_dim(2).reshape([batch, width])
        });
        let x = self.last.linear.forward(x);
        match &self.embedding {
            Some(embedding) => {
                let wanted = embedding.forward(classes.expect("a conditional network judges classes"));
                x.linear(|x| (x * wanted.clone()).sum_dim(1))
            }
            None => x,
        }
    }
}
