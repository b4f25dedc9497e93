//! The block of MobileNetV2 and EfficientNet, with weights that stay as they are.

#[cfg(feature = "flex")]
mod cpu;
#[cfg(feature = "flex")]
mod frozen;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::Conv;

/// Channels and kernel of an [`InvertedResidual`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvertedResidualSizes {
    /// Channels in, between the convolutions, and out.
    pub channels: [usize; 3],
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Stride of the depthwise convolution.
    pub stride: usize,
    /// Whether the block's input is added to its output, whose shape must then be the same.
    pub is_residual: bool,
}

/// `project(relu6(depthwise(relu6(expand(x)))))`, plus x in a residual block: a 1x1 convolution to more channels, a
/// depthwise one, and a 1x1 convolution back. Every convolution has a bias, and TensorFlow's padding "SAME". Where the
/// number of channels between is that of the input, there is no `expand`.
///
/// For frozen networks: gradients flow to the input. Those of the weights are computed too where weights are trained, but
/// slower. On a processor a few images at a time pass through the whole block, so that what lies between the convolutions
/// stays in the cache, and only a byte of each value is kept for the gradient.
///
/// Source: Sandler et al. 2018, arXiv:1801.04381, section 3.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    /// `[between, in, 1, 1]`
    pub expand: Option<Conv>,
    /// `[between, 1, kernel, kernel]`
    pub depthwise: Conv,
    /// `[out, between, 1, 1]`
    pub project: Conv,
    #[module(skip)]
    sizes: InvertedResidualSizes,
    #[cfg(feature = "flex")]
    #[module(skip)]
    prepared: cpu::Cache,
}

impl InvertedResidual {
    /// Zero weights and biases.
    pub fn new(sizes: InvertedResidualSizes, device: &Device) -> Self {
        let InvertedResidualSizes { channels: [channels_in, between, channels_out], kernel, stride, .. } = sizes;
        let point = |channels| Conv::new(channels, 1, device).with_bias();
        let depthwise = Conv::new([between, between], kernel, device).with_groups(between).with_same_padding(stride);
        Self {
            expand: (between != channels_in).then(|| point([channels_in, between])),
            depthwise: depthwise.with_bias(),
            project: point([between, channels_out]),
            sizes,
            #[cfg(feature = "flex")]
            prepared: cpu::Cache::default(),
        }
    }

    /// # Shapes
    /// - `x`: `[batch, in, height, width]`
    /// - returns: `[batch, out, ceil(height / stride), ceil(width / stride)]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        #[cfg(feature = "flex")]
        if let Some(block) = cpu::prepare(self, &x) {
            return cpu::run(x, block);
        }
        let expanded = match &self.expand {
            Some(expand) => expand.forward_relu6(x.clone()),
            None => x.clone(),
        };
        let y = self.project.forward(self.depthwise.forward_relu6(expanded).into()).value;
        if self.sizes.is_residual { x + y } else { y }
    }
}
