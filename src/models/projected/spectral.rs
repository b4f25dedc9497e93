//! Spectral normalisation: Miyato et al. 2018, arXiv:1802.05957.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::models::Buffer;
use crate::models::layers::ConvKind;
use crate::ops::{Convolution, Convolutions, halved, spectral_norm};

/// Power iterations that a new layer begins with; PyTorch's number.
const SETTLING: usize = 15;

/// A convolution whose weight is divided by its largest singular value, so that no map is stretched by more than 1.
///
/// The singular value is followed by one power iteration in every forward pass (algorithm 1 of the paper). Its vectors
/// are buffers: part of a checkpoint, so that a resumed run goes on with the same numbers.
#[derive(Module, Debug)]
pub struct SpectralConv {
    /// `[channels_out, channels_in, kernel, kernel]`, before the division.
    pub weight: Param<Tensor<4>>,
    /// `[channels_out]`
    pub bias: Param<Tensor<1>>,
    /// Left singular vector, `[channels_out]`.
    u: Buffer,
    /// Right singular vector, `[channels_in · kernel²]`.
    v: Buffer,
    stride: usize,
    padding: usize,
    #[module(skip)]
    convolutions: Convolutions,
}

impl SpectralConv {
    /// All zero.
    pub fn new([channels_in, channels_out]: [usize; 2], kind: ConvKind, device: &Device) -> Self {
        let ConvKind { kernel, stride, padding, .. } = kind;
        let zeros = |count: usize| Tensor::<1>::zeros([count], device);
        Self {
            weight: Param::from_tensor(Tensor::zeros([channels_out, channels_in, kernel, kernel], device)),
            bias: Param::from_tensor(zeros(channels_out)),
            u: Buffer::new(zeros(channels_out)),
            v: Buffer::new(zeros(channels_in * kernel * kernel)),
            stride,
            padding,
            convolutions: Convolutions::for_new_layers(),
        }
    }

    /// Brings u and v near the singular vectors of a new weight.
    pub fn settle(&self) {
        for _ in 0..SETTLING {
            self.normalised_weight();
        }
    }

    /// The convolution without its bias. Moves u and v by one power iteration.
    ///
    /// # Shapes
    /// - `input`: `[batch, channels_in, height, width]`
    /// - returns: `[batch, channels_out, (height + 2 padding - kernel) / stride + 1, …]`
    pub fn forward_without_bias(&self, input: Tensor<4>) -> Tensor<4> {
        let Self { stride, padding, .. } = *self;
        let convolution = Convolution { stride, padding, groups: 1 };
        (self.convolutions.conv2d)(halved(input), halved(self.normalised_weight()), None, convolution)
    }

    fn normalised_weight(&self) -> Tensor<4> {
        let (weight, [u, v]) = spectral_norm(self.weight.val(), [self.u.value(), self.v.value()]);
        self.u.set(u);
        self.v.set(v);
        weight
    }
}
