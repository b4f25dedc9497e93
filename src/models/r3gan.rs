//! R3GAN: Huang et al. 2024, "The GAN is dead; long live the GAN! A modern baseline GAN", arXiv:2501.05441, section 4.
//!
//! Residual blocks of a 1x1, a grouped 3x3 and a 1x1 convolution, without any normalisation; sizes change by a [1,2,1]
//! filter, and by a 1x1 convolution only where the number of channels does.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};

use super::LEAK;
use super::layers::{Builder, ConvKind, Kind, Layer, Layers};
use crate::config::Resolution;
use crate::config::residual::{EXPANSION, groups};
use crate::ops::{Conv, Dual, Linear, blur_down, blur_up};

/// How many times over what enters a stage is kept for the gradients: the filters between the resolutions keep it too.
const STAGE_INPUT: usize = 2;

/// Sizes of both networks.
#[derive(Clone, Debug)]
pub struct R3ganConfig {
    /// Channels of the residual stream at each resolution, the largest first; each resolution is half the one before, and
    /// the last is `base`.
    pub widths: Vec<usize>,
    /// Rows and columns of the smallest maps: 4x4 for squares.
    pub base: [usize; 2],
    /// Residual blocks at each resolution.
    pub blocks: usize,
    /// Length of z, and of a class's embedding.
    pub latent: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// Classes that the networks are told; 0: none.
    pub classes: usize,
    /// Whether the discriminator sees the standard deviation over the batch.
    pub minibatch_stddev: bool,
}

impl R3ganConfig {
    /// Rows and columns of the smallest maps, for pictures of this size.
    pub fn base(resolution: Resolution) -> [usize; 2] {
        [resolution.height, resolution.width].map(|side| side >> resolution.halvings())
    }

    /// Layers of the generator.
    pub fn generator_layers(&self) -> Vec<Layer> {
        let widths: Vec<usize> = self.widths.iter().rev().copied().collect();
        let [rows, columns] = self.base;
        let mut layers = Layers::new([self.latent, 1, 1]);
        if self.classes > 0 {
            layers.add("embedding", Kind::AppendClass { classes: self.classes }, [2 * self.latent, 1, 1], 0);
        }
        layers.linear("linear", [widths[0], 1, 1], false).keeping(0);
        layers.add("basis", Kind::Basis, [widths[0], rows, columns], STAGE_INPUT);
        for (i, width) in widths.iter().enumerate() {
            self.add_blocks(&mut layers, i, *width);
            if let Some(next) = widths.get(i + 1) {
                if next != width {
                    layers.conv(format!("stages.{i}.resize"), *next, ConvKind::POINT).keeping(0);
                }
                layers.then(Kind::BlurUp, STAGE_INPUT);
            }
        }
        layers.conv("color", self.channels, ConvKind::POINT);
        layers.finish()
    }

    /// A discriminator whose weights are all zero: see [`initialize`](super::initialize).
    pub fn init_discriminator(&self, device: &Device) -> R3ganDiscriminator {
        R3ganDiscriminator::new(&Builder::new(&self.discriminator_layers(), device))
    }

    /// Layers of the discriminator.
    pub fn discriminator_layers(&self) -> Vec<Layer> {
        let [rows, columns] = self.base.map(|side| side << (self.widths.len() - 1));
        let mut layers = Layers::new([self.channels, rows, columns]);
        layers.conv("stem", self.widths[0], ConvKind::POINT).keeping(STAGE_INPUT);
        for (i, width) in self.widths.iter().enumerate() {
            self.add_blocks(&mut layers, i, *width);
            match self.widths.get(i + 1) {
                Some(next) if next != width => {
                    let resize = format!("stages.{i}.resize");
                    layers.then(Kind::BlurDown, 0).conv(resize, *next, ConvKind::POINT).keeping(STAGE_INPUT);
                }
                Some(_) => {
                    layers.then(Kind::BlurDown, STAGE_INPUT);
                }
                None => {}
            }
        }
        let width = self.widths[self.widths.len() - 1] + usize::from(self.minibatch_stddev);
        if self.minibatch_stddev {
            layers.then(Kind::MinibatchStddev, 0);
        }
        layers.add("last.depthwise", Kind::Depthwise, [width, 1, 1], 0);
        let outputs = if self.classes > 0 { self.latent } else { 1 };
        layers.linear("last.linear", [outputs, 1, 1], false).keeping(0);
        if self.classes > 0 {
            layers.add("embedding", Kind::ProjectClass { classes: self.classes }, [1, 1, 1], 0);
        }
        layers.finish()
    }

    /// The residual blocks of a stage.
    fn add_blocks(&self, layers: &mut Layers, stage: usize, width: usize) {
        let inner = EXPANSION * width;
        let point = ConvKind { has_bias: true, ..ConvKind::POINT };
        let grouped = ConvKind { kernel: 3, padding: 1, groups: groups(width), ..point };
        for block in 0..self.blocks {
            let path = format!("stages.{stage}.blocks.{block}");
            layers.conv(format!("{path}.conv1"), inner, point).leaky_relu(LEAK);
            layers.conv(format!("{path}.conv2"), inner, grouped).leaky_relu(LEAK);
            layers.conv(format!("{path}.conv3"), width, ConvKind::POINT).then(Kind::Add, 0);
        }
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
    fn new(builder: &Builder<'_>) -> Self {
        let conv = |name| builder.at(name).conv();
        Self { conv1: conv("conv1"), conv2: conv("conv2"), conv3: conv("conv3") }
    }

    fn forward(&self, x: Dual<4>) -> Dual<4> {
        let y = self.conv1.forward_leaky_relu_to_conv(x.clone(), LEAK);
        let y = self.conv2.forward_leaky_relu_to_conv(y, LEAK);
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
    fn new(builder: &Builder<'_>) -> Self {
        Self {
            blocks: builder.each("blocks", |block| Block::new(&block)),
            resize: builder.find("resize").map(|resize| resize.conv()),
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

/// A learnt vector for each class.
#[derive(Module, Debug)]
struct Embedding {
    /// `[classes, length]`
    weight: Param<Tensor<2>>,
}

impl Embedding {
    fn new(builder: &Builder<'_>) -> Self {
        Self { weight: builder.parameter() }
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
    /// The learnt picture that every generated one starts from, `[channels, rows, columns]`; 4x4 for squares.
    basis: Param<Tensor<3>>,
    /// From z to a factor for each channel of the basis.
    linear: Linear,
    /// Smallest resolution first.
    stages: Vec<Stage>,
    color: Conv,
}

impl R3ganGenerator {
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        Self {
            embedding: builder.find("embedding").map(|embedding| Embedding::new(&embedding)),
            basis: builder.at("basis").parameter(),
            linear: builder.at("linear").linear(),
            stages: builder.each("stages", |stage| Stage::new(&stage)),
            color: builder.at("color").conv(),
        }
    }

    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - `classes`: `[batch]`, needed by a conditional network and ignored by another
    /// - returns: `[batch, channels, height, width]`, about [-1, 1] without being held there
    ///
    /// # Panics
    /// If a conditional network is given no classes.
    pub fn forward(&self, z: Tensor<2>, classes: Option<Tensor<1, Int>>) -> Tensor<4> {
        let z = match &self.embedding {
            Some(embedding) => {
                let classes = classes.expect("a conditional network takes classes");
                Tensor::cat(vec![z, embedding.forward(classes)], 1)
            }
            None => z,
        };
        let [batch, _] = z.dims();
        let factors = self.linear.forward(z.into()).value;
        let [_, width] = factors.dims();
        let x = factors.reshape([batch, width, 1, 1]) * self.basis.val().unsqueeze::<4>();
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

/// The smallest maps to numbers.
#[derive(Module, Debug)]
struct Last {
    /// A convolution of each channel by itself, as large as the map, to one value: `[channels, rows, columns]`.
    depthwise: Param<Tensor<3>>,
    linear: Linear,
}

impl R3ganDiscriminator {
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        Self {
            embedding: builder.find("embedding").map(|embedding| Embedding::new(&embedding)),
            stem: builder.at("stem").conv(),
            stages: builder.each("stages", |stage| Stage::new(&stage)),
            last: Last {
                depthwise: builder.at("last.depthwise").parameter(),
                linear: builder.at("last.linear").linear(),
            },
            minibatch_stddev: builder.has(Kind::MinibatchStddev),
        }
    }

    /// The logit of a conditional network is the inner product of its last features with the class's embedding (Miyato &
    /// Koyama 2018, arXiv:1802.05637).
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`, about [-1, 1]
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
            let [batch, width, rows, columns] = x.dims();
            (x * kernel.clone()).reshape([batch, width, rows * columns]).sum_dim(2).reshape([batch, width])
        });
        let x = self.last.linear.forward(x);
        match &self.embedding {
            Some(embedding) => {
                let wanted = embedding.forward(classes.expect("a conditional network takes classes"));
                x.linear(|x| (x * wanted.clone()).sum_dim(1))
            }
            None => x,
        }
    }
}
