//! Dense networks, and the generator that starts dense and goes on with upsampling: the recipes `fashion-mnist` and
//! `dense-upsample`.

use burn::module::Module;
use burn::tensor::Tensor;

use super::LEAK;
use super::layers::{Builder, ConvKind, Kind, Layer, Layers, Size};
use crate::config::Resolution;
use crate::ops::{Conv, Dropout, Dual, Linear, nearest_up, tanh};

/// Layers of a [`DenseGenerator`] for pictures of the size `picture`.
pub fn dense_generator_layers(latent: usize, width: usize, picture: Size) -> Vec<Layer> {
    let mut layers = Layers::new([latent, 1, 1]);
    for (i, values) in [2 * width, 4 * width, 8 * width].into_iter().enumerate() {
        layers.linear(format!("layers.{i}"), [values, 1, 1], true).leaky_relu(LEAK);
    }
    layers.linear("layers.3", picture, true).then(Kind::Tanh, 0);
    layers.finish()
}

/// Layers of a [`DenseDiscriminator`] for pictures of the size `picture`.
pub fn dense_discriminator_layers(width: usize, picture: Size) -> Vec<Layer> {
    let mut layers = Layers::new(picture);
    for (i, values) in [8 * width, 4 * width, 2 * width].into_iter().enumerate() {
        // What dropout keeps is little beside a dense layer's weights.
        layers.linear(format!("layers.{i}"), [values, 1, 1], true).leaky_relu(LEAK).then(Kind::Dropout, 0);
    }
    layers.linear("layers.3", [1, 1, 1], true).keeping(0);
    layers.finish()
}

/// Layers of an [`UpsampleGenerator`] for pictures of the size `picture`. The last map has `width` channels, the ones before
/// twice as many each.
pub fn upsample_generator_layers(latent: usize, width: usize, picture: Size) -> Vec<Layer> {
    let [channels, height, width_in_pixels] = picture;
    let doublings = Resolution { width: width_in_pixels, height }.halvings();
    let [rows, columns] = [height, width_in_pixels].map(|side| side >> doublings);
    let conv = ConvKind { kernel: 3, stride: 1, padding: 1, groups: 1, has_bias: true };
    let mut layers = Layers::new([latent, 1, 1]);
    layers.linear("dense", [width << doublings, rows, columns], true).leaky_relu(LEAK);
    for i in 0..doublings {
        layers
            .then(Kind::NearestUp, 1)
            .conv(format!("blocks.{i}"), width << (doublings - 1 - i), conv)
            .leaky_relu(LEAK);
    }
    layers.conv("color", channels, conv).then(Kind::Tanh, 0);
    layers.finish()
}

/// Layers of an [`UpsampleDiscriminator`] for pictures of the size `picture`. The first map has `width` channels, the next
/// ones twice as many each.
pub fn upsample_discriminator_layers(width: usize, picture: Size, minibatch_stddev: bool) -> Vec<Layer> {
    let [_, rows, columns] = picture;
    let conv = ConvKind { kernel: 4, stride: 2, padding: 1, groups: 1, has_bias: true };
    let mut layers = Layers::new(picture);
    for i in 0..(Resolution { width: columns, height: rows }).halvings() {
        layers.conv(format!("blocks.{i}"), width << i, conv).leaky_relu(LEAK).then(Kind::Dropout, 1);
    }
    if minibatch_stddev {
        layers.then(Kind::MinibatchStddev, 0);
    }
    layers.linear("dense", [1, 1, 1], true).keeping(0);
    layers.finish()
}

/// Latents to pictures through dense layers of `2w`, `4w` and `8w` values.
#[derive(Module, Debug)]
pub struct DenseGenerator {
    layers: Vec<Linear>,
    #[module(skip)]
    picture: Size,
}

impl DenseGenerator {
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        let layers = builder.each("layers", |layer| layer.linear());
        Self { layers, picture: builder.output() }
    }

    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - returns: `[batch, channels, height, width]` in [-1, 1]
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, _] = z.dims();
        let x = through(&self.layers, z.into(), &mut Dropout::off()).value;
        let [channels, rows, columns] = self.picture;
        tanh(x).reshape([batch, channels, rows, columns])
    }
}

/// Pictures to logits through dense layers of `8w`, `4w` and `2w` values.
#[derive(Module, Debug)]
pub struct DenseDiscriminator {
    layers: Vec<Linear>,
}

impl DenseDiscriminator {
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        Self { layers: builder.each("layers", |layer| layer.linear()) }
    }

    /// # Shapes
    /// - `image`: `[batch, channels, height, width]` in [-1, 1]
    /// - returns: `[batch, 1]`
    pub fn forward(&self, image: Dual<4>, dropout: &mut Dropout) -> Dual<2> {
        through(&self.layers, image.linear(|x| x.flatten(1, 3)), dropout)
    }
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
    #[module(skip)]
    start: Size,
}

impl UpsampleGenerator {
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        let dense = builder.at("dense");
        let start = dense.layer().output;
        Self {
            dense: dense.linear(),
            blocks: builder.each("blocks", |block| block.conv()),
            color: builder.at("color").conv(),
            start,
        }
    }

    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - returns: `[batch, channels, height, width]` in [-1, 1]
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, _] = z.dims();
        let x = self.dense.forward(z.into()).leaky_relu(LEAK).value;
        let [channels, rows, columns] = self.start;
        let x = x.reshape([batch, channels, rows, columns]);
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
    pub(super) fn new(builder: &Builder<'_>) -> Self {
        Self {
            blocks: builder.each("blocks", |block| block.conv()),
            dense: builder.at("dense").linear(),
            minibatch_stddev: builder.has(Kind::MinibatchStddev),
        }
    }

    /// # Shapes
    /// - `image`: `[batch, channels, height, width]` in [-1, 1]
    /// - returns: `[batch, 1]`
    pub fn forward(&self, image: Dual<4>, dropout: &mut Dropout) -> Dual<2> {
        let x = self.blocks.iter().fold(image, |x, conv| dropout.apply(conv.forward_leaky_relu(x, LEAK)));
        let x = if self.minibatch_stddev { x.with_minibatch_stddev() } else { x };
        self.dense.forward(x.linear(|x| x.flatten(1, 3)))
    }
}
