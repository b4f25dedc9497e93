//! Fixed random mixing of the frozen network's maps: across channels and from the deep maps to the shallow ones (Sauer
//! et al. 2021, arXiv:2111.01007, section 3.2). Without it the heads would each see a few strong channels only.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::Buffer;
use crate::models::layers::Builder;
use crate::ops::{Convolution, conv2d, resize_bilinear};

/// Added to a channel's deviation.
const EPSILON: f64 = 1e-6;

/// A convolution of single pixels.
const POINT: Convolution = Convolution { stride: 1, padding: 0, groups: 1 };

/// The mixing of one map. Its weights are drawn once and never trained; they are saved with the discriminator.
#[derive(Module, Debug)]
pub struct Mix {
    /// Cross-channel mixing: the 1x1 convolution of the frozen network's map, `[mixed · channels]`.
    ccm: Buffer,
    /// `[mixed]`
    ccm_bias: Buffer,
    /// Cross-scale mixing: the 1x1 convolution of the sum with the deeper map, `[mixed · mixed]`.
    csm: Buffer,
}

impl Mix {
    /// With these weights: see the fields.
    pub fn from_weights(ccm: Tensor<1>, ccm_bias: Tensor<1>, csm: Tensor<1>) -> Self {
        Self { ccm: Buffer::new(ccm), ccm_bias: Buffer::new(ccm_bias), csm: Buffer::new(csm) }
    }

    pub(super) fn new(builder: &Builder<'_>) -> Self {
        let [ccm, ccm_bias, csm] = builder.buffers();
        Self::from_weights(ccm, ccm_bias, csm)
    }

    /// Scales the cross-channel mixing so that each mixed channel of `map` has mean 0 and deviation 1.
    pub(super) fn calibrate(&self, map: Tensor<4>) {
        let y = self.mix_channels(map);
        let [batch, mixed, height, width] = y.dims();
        let count = (batch * height * width) as f64;
        let rows: Tensor<2> = y.permute([1, 0, 2, 3]).reshape([mixed, batch * height * width]);
        let mean: Tensor<2> = rows.clone().mean_dim(1);
        let variance = (rows - mean.clone()).square().sum_dim(1) / (count - 1.0).max(1.0);
        let deviation: Tensor<2> = variance.sqrt() + EPSILON;
        let ccm = self.ccm.value();
        let [size] = ccm.dims();
        let scaled: Tensor<2> = ccm.reshape([mixed, size / mixed]) / deviation.clone();
        self.ccm.set(scaled.reshape([size]));
        let bias = (self.ccm_bias.value().reshape([mixed, 1]) - mean) / deviation;
        self.ccm_bias.set(bias.reshape([mixed]));
    }

    /// `[batch, channels, side, side]` to `[batch, mixed, side, side]`.
    pub(super) fn mix_channels(&self, map: Tensor<4>) -> Tensor<4> {
        let (bias, [_, channels, _, _]) = (self.ccm_bias.value(), map.dims());
        let [mixed] = bias.dims();
        conv2d(map, self.ccm.value().reshape([mixed, channels, 1, 1]), Some(bias), POINT)
    }

    fn mix_scales(&self, sum: Tensor<4>) -> Tensor<4> {
        let [_, mixed, _, _] = sum.dims();
        conv2d(sum, self.csm.value().reshape([mixed, mixed, 1, 1]), None, POINT)
    }
}

/// Mixes all maps: `y_i = (ccm_i(map_i) + upsample(out_{i+1})) / √2`, without the second term and the division for the
/// deepest, and `out_i = csm_i(y_i)`. The upsampling is bilinear.
///
/// # Shapes
/// - `maps`: `[batch, channels, side, side]` each, the largest first
/// - returns: `[batch, mixed, side, side]` each, in the same order
pub fn top_down(mixing: &[Mix], maps: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
    let mut mixed: Vec<Tensor<4>> = Vec::with_capacity(maps.len());
    for (mix, map) in mixing.iter().zip(maps).rev() {
        let y = mix.mix_channels(map);
        let y = match mixed.last() {
            Some(deeper) => {
                let [_, _, height, width] = y.dims();
                (y + resize_bilinear(deeper.clone(), [height, width], 1.0, 0.0)) * std::f64::consts::FRAC_1_SQRT_2
            }
            None => y,
        };
        mixed.push(mix.mix_scales(y));
    }
    mixed.reverse();
    mixed
}
