//! Layers that know their directional derivative.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use super::Dual;
use crate::device;

/// A convolution of square kernels, zero-padded, without dilation.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[channels_out, channels_in / groups, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    /// `[channels_out]`
    pub bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
    groups: usize,
}

impl Conv {
    /// All zero, without bias, stride 1, and padding that keeps the size of odd kernels.
    pub fn new([channels_in, channels_out]: [usize; 2], kernel: usize, device: &Device) -> Self {
        Self {
            weight: parameter([channels_out, channels_in, kernel, kernel], device),
            bias: None,
            stride: 1,
            padding: kernel / 2,
            groups: 1,
        }
    }

    /// With a bias of 0.
    pub fn with_bias(mut self) -> Self {
        let [channels_out, _, _, _] = self.weight.dims();
        self.bias = Some(parameter([channels_out], &self.weight.device()));
        self
    }

    /// Every `stride`-th row and column only, after zeros of `padding` on each side.
    pub fn with_stride(mut self, stride: usize, padding: usize) -> Self {
        (self.stride, self.padding) = (stride, padding);
        self
    }

    /// Channels in `groups` separate parts; both counts of channels are multiples of it.
    pub fn with_groups(mut self, groups: usize) -> Self {
        let [channels_out, channels_in, kernel, _] = self.weight.dims();
        self.weight = parameter([channels_out, channels_in / groups, kernel, kernel], &self.weight.device());
        self.groups = groups;
        self
    }

    /// # Shapes
    /// - `input`: `[batch, channels_in, height, width]`
    /// - returns: `[batch, channels_out, (height + 2 padding - kernel) / stride + 1, …]`
    pub fn forward(&self, input: Dual<4>) -> Dual<4> {
        let bias = self.bias.as_ref().map(Param::val);
        Dual { value: self.convolve(input.value, bias), tangent: input.tangent.map(|t| self.convolve(t, None)) }
    }

    fn convolve(&self, input: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        let Self { stride, padding, groups, .. } = *self;
        let [_, _, kernel, _] = self.weight.dims();
        if (kernel, stride, padding, groups) == (1, 1, 0, 1) && device::is_cpu(&input.device()) {
            return self.multiply(input, bias);
        }
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups);
        conv2d(input, self.weight.val(), bias, options)
    }

    /// A 1x1 convolution as a product of matrices, `W [out, in] · x [in, pixels]`. On the CPU burn's convolution and its
    /// gradients copy every pixel into columns and back; on WebGPU its product of matrices is the slower of the two.
    fn multiply(&self, input: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        let [batch, channels_in, height, width] = input.dims();
        let [channels_out, _, _, _] = self.weight.dims();
        let weight = self.weight.val().reshape([1, channels_out, channels_in]);
        let output = weight.matmul(input.reshape([batch, channels_in, height * width]));
        let output = output.reshape([batch, channels_out, height, width]);
        match bias {
            Some(bias) => output + bias.reshape([1, channels_out, 1, 1]),
            None => output,
        }
    }
}

/// A dense layer.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`, as PyTorch has it.
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// All zero, without bias.
    pub fn new([inputs, outputs]: [usize; 2], device: &Device) -> Self {
        Self { weight: parameter([outputs, inputs], device), bias: None }
    }

    /// With a bias of 0.
    pub fn with_bias(mut self) -> Self {
        let [outputs, _] = self.weight.dims();
        self.bias = Some(parameter([outputs], &self.weight.device()));
        self
    }

    /// `x Wᵀ + b`.
    ///
    /// # Shapes
    /// - `input`: `[batch, in]`
    /// - returns: `[batch, out]`
    pub fn forward(&self, input: Dual<2>) -> Dual<2> {
        let weight = self.weight.val().transpose();
        input.affine(
            |x| x.matmul(weight.clone()),
            |y| match &self.bias {
                Some(bias) => y + bias.val().unsqueeze(),
                None => y,
            },
        )
    }
}

/// A trained tensor that is zero.
fn parameter<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::zeros(shape, device))
}
