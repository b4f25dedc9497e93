//! One head of a projected discriminator.

use burn::module::Module;
use burn::tensor::Tensor;

use super::SpectralConv;
use crate::models::layers::{Builder, ConvKind, Layers};
use crate::models::{BatchNorm, LEAK};
use crate::ops::leaky_relu;

/// The shorter side at which a map is judged: larger ones are halved until it is smaller than twice that.
const JUDGED_SIDE: usize = 4;

/// Halves the side of a map.
const HALVING: ConvKind = ConvKind { kernel: 4, stride: 2, padding: 1, groups: 1, has_bias: true };

/// Keeps the side of a map.
const KEEPING: ConvKind = ConvKind { kernel: 3, stride: 1, padding: 1, groups: 1, has_bias: true };

/// A convolution; then, but in the last layer, batch norm and LeakyReLU.
#[derive(Module, Debug)]
pub struct HeadLayer {
    conv: SpectralConv,
    /// Not in the first layer on pixels.
    norm: Option<BatchNorm>,
    is_last: bool,
}

impl HeadLayer {
    /// A layer of these parts.
    pub fn new(conv: SpectralConv, norm: Option<BatchNorm>, is_last: bool) -> Self {
        Self { conv, norm, is_last }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.conv.forward_without_bias(x);
        let bias = self.conv.bias.val();
        let [_, channels, _, _] = y.dims();
        match &self.norm {
            _ if self.is_last => y + bias.reshape([1, channels, 1, 1]),
            Some(norm) => norm.forward_leaky_relu(y + bias.reshape([1, channels, 1, 1]), LEAK),
            None => leaky_relu(y, bias, LEAK),
        }
    }
}

/// A few convolutions that end in a map of logits.
#[derive(Module, Debug)]
pub struct Head {
    layers: Vec<HeadLayer>,
}

impl Head {
    /// A head of these layers.
    pub fn from_layers(layers: Vec<HeadLayer>) -> Self {
        Self { layers }
    }

    pub(super) fn new(builder: &Builder<'_>) -> Self {
        let mut layers = builder.each("layers", |layer| {
            let norm = layer.find("norm").map(|norm| norm.batch_norm());
            HeadLayer::new(layer.at("conv").spectral_conv(), norm, false)
        });
        if let Some(last) = layers.last_mut() {
            last.is_last = true;
        }
        Self { layers }
    }

    pub(super) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Brings the power iterations of all layers near their ends.
    pub(super) fn settle(&self) {
        self.layers.iter().for_each(|layer| layer.conv.settle());
    }

    /// # Shapes
    /// - `map`: `[batch, channels, rows, columns]`
    /// - returns: `[batch, 1, rows, columns]`, logits
    pub fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        self.layers.iter().fold(map, |x, layer| layer.forward(x))
    }
}

/// Adds the layers of a head on the map, or the picture, that the list ends with.
pub(super) fn add_layers(layers: &mut Layers, path: &str, width: usize, is_on_pixels: bool) {
    let [_, rows, columns] = layers.size();
    let mut side = rows.min(columns);
    let mut count = 0;
    let mut add = |layers: &mut Layers, channels: usize, kind: ConvKind, has_norm: bool| {
        layers.spectral_conv(format!("{path}.layers.{count}.conv"), channels, kind);
        if has_norm {
            layers.batch_norm(format!("{path}.layers.{count}.norm"));
        }
        if channels > 1 {
            layers.leaky_relu(LEAK);
        }
        count += 1;
    };
    if is_on_pixels {
        add(layers, width / 2, HALVING, false);
        side /= 2;
    } else if side < 2 * JUDGED_SIDE {
        add(layers, width, KEEPING, true);
    }
    while side >= 2 * JUDGED_SIDE {
        add(layers, width, HALVING, true);
        side /= 2;
    }
    add(layers, 1, KEEPING, false);
}
