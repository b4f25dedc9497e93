//! EfficientNet-Lite0: a small network for phones, trained on ImageNet.
//!
//! Tan & Le 2019, "EfficientNet", arXiv:1905.11946, in the variant without squeeze-and-excite and with ReLU6. Its blocks
//! are those of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381): a 1x1 convolution to six times as many channels, a
//! depthwise convolution, a 1x1 convolution back. Batch norm is folded into the convolutions.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use xxhash_rust::xxh3::xxh3_128;

use super::{FeatureError, Pretrained};
use crate::config::{Resolution, Taps};
use crate::models::Frozen;
use crate::ops::{Conv, InvertedResidual, InvertedResidualSizes, resize_bilinear};

/// Its name in messages.
pub const NAME: &str = "EfficientNet-Lite0";

/// A file with some of the weights, as the set-up makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightFile {
    /// Its name.
    pub name: &'static str,
    /// Its length.
    pub bytes: u64,
    /// xxh3 of its content, 128 bits in hexadecimal digits.
    pub hash: &'static str,
}

impl WeightFile {
    /// Whether this is its content, to the bit.
    pub fn is_whole(&self, content: &[u8]) -> bool {
        format!("{:032x}", xxh3_128(content)) == self.hash
    }
}

/// The stem and blocks 0 to 10.
pub const EARLY: WeightFile =
    WeightFile { name: "lite0-early.safetensors", bytes: 1_391_240, hash: "12524312f805ff697de51bc38bcf077c" };

/// Blocks 11 to 15.
pub const LATE: WeightFile =
    WeightFile { name: "lite0-late.safetensors", bytes: 4_495_648, hash: "824685f4b2506a6823d66621946ce684" };

/// The last convolution and the classes.
pub const HEAD: WeightFile =
    WeightFile { name: "lite0-head.safetensors", bytes: 3_384_088, hash: "d2f6bec35860491aa92ad80cd23730aa" };

/// All of its files.
pub const FILES: [WeightFile; 3] = [EARLY, LATE, HEAD];

/// Repeats, kernel, stride of the first, expansion, channels out: table 1 of the paper.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];

/// Channels of the stem.
const STEM: usize = 32;

fn block_sizes() -> Vec<InvertedResidualSizes> {
    let mut channels = STEM;
    let mut sizes = Vec::with_capacity(16);
    for (repeats, kernel, stride, expansion, channels_out) in STAGES {
        for repeat in 0..repeats {
            let (stride, is_residual) = if repeat == 0 { (stride, false) } else { (1, true) };
            let channels_between = channels * expansion;
            let all = [channels, channels_between, channels_out];
            sizes.push(InvertedResidualSizes { channels: all, kernel, stride, is_residual });
            channels = channels_out;
        }
    }
    sizes
}

/// The blocks whose outputs are looked at, counted from 0.
pub fn blocks_of(taps: Taps) -> &'static [usize] {
    match taps {
        Taps::Early => &[2, 4, 10],
        Taps::Deep => &[2, 4, 10, 15],
    }
}

/// The files with the weights up to the last of these taps.
pub fn files_of(taps: Taps) -> &'static [WeightFile] {
    match taps {
        Taps::Early => &[EARLY],
        Taps::Deep => &[EARLY, LATE],
    }
}

/// Channels, and rows and columns, of the map at each tap, for pictures of this size; the largest first.
pub fn map_sizes(taps: Taps, size: Resolution) -> Vec<(usize, [usize; 2])> {
    let mut map = [size.height, size.width].map(|side| side.div_ceil(2));
    let sizes = block_sizes();
    let mut maps = Vec::new();
    for (block, size) in sizes.iter().enumerate() {
        map = map.map(|side| side.div_ceil(size.stride));
        if blocks_of(taps).contains(&block) {
            maps.push((size.channels[2], map));
        }
    }
    maps
}

/// Numbers that one picture of this size leaves in memory for the gradient by the picture.
pub fn kept_values(taps: Taps, size: Resolution) -> usize {
    let mut map = [size.height, size.width].map(|side| side.div_ceil(2));
    let mut kept = STEM * map[0] * map[1];
    let last = blocks_of(taps).last().copied().unwrap_or_default();
    for size in &block_sizes()[..=last] {
        let [channels, between, _] = size.channels;
        let expanded = if between > channels { between * map[0] * map[1] } else { 0 };
        map = map.map(|side| side.div_ceil(size.stride));
        kept += expanded + between * map[0] * map[1];
    }
    kept
}

/// The network up to its last tap.
#[derive(Module, Debug)]
pub struct Lite0 {
    stem: Conv,
    blocks: Vec<InvertedResidual>,
    #[module(skip)]
    taps: Taps,
}

impl Lite0 {
    /// The network with its weights, as far as these taps need it.
    ///
    /// # Errors
    /// [`FeatureError`] if a weight is missing or has another shape.
    pub fn new(taps: Taps, weights: &Pretrained, device: &Device) -> Result<Frozen<Self>, FeatureError> {
        let device = device.clone().inner();
        weights.freeze(&Self::zero(taps, &device), &device)
    }

    fn zero(taps: Taps, device: &Device) -> Self {
        let last = blocks_of(taps).last().copied().unwrap_or_default();
        Self {
            stem: Conv::new([3, STEM], 3, device).with_same_padding(2).with_bias(),
            blocks: block_sizes()[..=last].iter().map(|sizes| InvertedResidual::new(*sizes, device)).collect(),
            taps,
        }
    }

    /// A file with all weights up to these taps, all of them 0.
    #[cfg(test)]
    pub(crate) fn zero_file(taps: Taps) -> Vec<u8> {
        use burn::tensor::f16;
        use safetensors::tensor::{Dtype, TensorView};
        let tensors = crate::weights::collect(&Self::zero(taps, &crate::device::cpu()));
        let bytes: Vec<Vec<u8>> =
            tensors.iter().map(|tensor| vec![0; tensor.shape.iter().product::<usize>() * size_of::<f16>()]).collect();
        let view =
            |tensor: &crate::weights::DeviceTensor, bytes| TensorView::new(Dtype::F16, tensor.shape.clone(), bytes);
        let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| (&tensor.name, view(tensor, bytes).unwrap()));
        safetensors::serialize(views, None).unwrap()
    }

    /// Outputs of the blocks at the taps, the largest map first.
    ///
    /// # Shapes
    /// - `pictures`: `[batch, 3, height, width]` in [-1, 1]
    /// - `size`: what the network sees; pictures of another size are resized (bilinear)
    /// - returns: `[batch, channels, rows, columns]` each, see [`map_sizes`]
    pub fn forward(&self, pictures: Tensor<4>, size: Resolution) -> Vec<Tensor<4>> {
        // It was trained on (v - 127) / 128 with v in 0..=255.
        let input = resize_bilinear(pictures, [size.height, size.width], 127.5 / 128.0, 0.5 / 128.0);
        let mut x = self.stem.forward_relu6(input);
        let mut maps = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(x);
            if blocks_of(self.taps).contains(&i) {
                maps.push(x.clone());
            }
        }
        maps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_have_the_sizes_of_the_paper() {
        let deep = [(24, [56; 2]), (40, [28; 2]), (112, [14; 2]), (320, [7; 2])];
        assert_eq!(map_sizes(Taps::Deep, 224.into()), deep);
        assert_eq!(map_sizes(Taps::Early, 64.into()), [(24, [16; 2]), (40, [8; 2]), (112, [4; 2])]);
        let wide = Resolution { width: 192, height: 128 };
        assert_eq!(map_sizes(Taps::Early, wide), [(24, [32, 48]), (40, [16, 24]), (112, [8, 12])]);
    }
}
