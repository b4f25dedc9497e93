//! Layers that know their directional derivative.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::{Convolution, Dual, conv_transpose2d, conv2d, leaky_relu, leaky_relu_tangent};

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

    /// [`Conv::forward`], then `x` where x > 0, else `slope x`: one step less than each by itself.
    pub fn forward_leaky_relu(&self, input: Dual<4>, slope: f32) -> Dual<4> {
        let Some(bias) = &self.bias else {
            return self.forward(input).leaky_relu(slope);
        };
        let value = leaky_relu(self.convolve(input.value, None), bias.val(), slope);
        let tangent =
            input.tangent.map(|tangent| leaky_relu_tangent(self.convolve(tangent, None), value.clone(), slope));
        Dual { value, tangent }
    }

    fn convolve(&self, input: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        let Self { stride, padding, groups, .. } = *self;
        conv2d(input, self.weight.val(), bias, Convolution { stride, padding, groups })
    }
}

/// A transposed convolution of square kernels without bias.
#[derive(Module, Debug)]
pub struct ConvTranspose {
    /// `[channels_in, channels_out, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    stride: usize,
    padding: usize,
}

impl ConvTranspose {
    /// All zero. Each step of the input is `stride` steps of the output, which loses `padding` pixels on each side.
    pub fn new(
        [channels_in, channels_out]: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        device: &Device,
    ) -> Self {
        Self { weight: parameter([channels_in, channels_out, kernel, kernel], device), stride, padding }
    }

    /// # Shapes
    /// - `input`: `[batch, channels_in, height, width]`
    /// - returns: `[batch, channels_out, (height - 1) stride + kernel - 2 padding, …]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let Self { stride, padding, .. } = *self;
        conv_transpose2d(input, self.weight.val(), None, Convolution { stride, padding, groups: 1 }, 0)
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
        let weight = self.weight.val();
        input.affine(
            |x| product(x, weight.clone()),
            |y| match &self.bias {
                Some(bias) => y + bias.val().unsqueeze(),
                None => y,
            },
        )
    }
}

/// `x Wᵀ`, by our convolution where a graphics device computes: burn's many kernels for products of matrices would be more
/// than a quarter of the page's program for one.
fn product(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if super::flex::is_flex(&x.device()) {
        return x.matmul(weight.transpose());
    }
    let pixels = |tensor: Tensor<2>| -> Tensor<4> {
        let [rows, columns] = tensor.dims();
        tensor.reshape([rows, columns, 1, 1])
    };
    let [batch, outputs] = [x.dims()[0], weight.dims()[0]];
    let point = Convolution { stride: 1, padding: 0, groups: 1 };
    conv2d(pixels(x), pixels(weight), None, point).reshape([batch, outputs])
}

/// A trained tensor that is zero.
fn parameter<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::zeros(shape, device))
}
