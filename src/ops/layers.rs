//! Layers that map a value and its tangent ([`Dual`]).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::rectifier::leaky_relu_halved;
use super::{Convolution, Convolutions, Dual, halved, leaky_relu, leaky_relu_tangent, relu6};

/// A convolution with square kernels and padding with zeros, without dilation.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[channels_out, channels_in / groups, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    /// `[channels_out]`
    pub bias: Option<Param<Tensor<1>>>,
    stride: usize,
    #[module(skip)]
    padding: Padding,
    groups: usize,
    #[module(skip)]
    convolutions: Convolutions,
}

/// The zeros around an input.
#[derive(Clone, Copy, Debug)]
enum Padding {
    /// As many on each side.
    Even(usize),
    /// As for [`conv2d_same`](super::conv2d_same).
    Same,
}

impl Conv {
    /// Zero weights, no bias, stride 1, one group. The padding is `kernel / 2`, which keeps the size of a map for odd
    /// kernels.
    pub fn new([channels_in, channels_out]: [usize; 2], kernel: usize, device: &Device) -> Self {
        Self {
            weight: parameter([channels_out, channels_in, kernel, kernel], device),
            bias: None,
            stride: 1,
            padding: Padding::Even(kernel / 2),
            groups: 1,
            convolutions: Convolutions::for_new_layers(),
        }
    }

    /// Adds a bias of 0.
    pub fn with_bias(mut self) -> Self {
        let [channels_out, _, _, _] = self.weight.dims();
        self.bias = Some(parameter([channels_out], &self.weight.device()));
        self
    }

    /// Sets the stride, and how many zeros are added on each side of the input.
    pub fn with_stride(mut self, stride: usize, padding: usize) -> Self {
        (self.stride, self.padding) = (stride, Padding::Even(padding));
        self
    }

    /// Sets the stride, and TensorFlow's padding "SAME": see [`conv2d_same`](super::conv2d_same).
    pub fn with_same_padding(mut self, stride: usize) -> Self {
        (self.stride, self.padding) = (stride, Padding::Same);
        self
    }

    /// Splits the channels into `groups` that are convolved separately. Both channel counts must be multiples of
    /// `groups`.
    pub fn with_groups(mut self, groups: usize) -> Self {
        let [channels_out, channels_in, kernel, _] = self.weight.dims();
        self.weight = parameter([channels_out, channels_in / groups, kernel, kernel], &self.weight.device());
        self.groups = groups;
        self
    }

    /// # Shapes
    /// - `input`: `[batch, channels_in, height, width]`
    /// - returns: `[batch, channels_out, (height + 2 padding - kernel) / stride + 1, …]`, or with the padding "SAME"
    ///   `[batch, channels_out, ceil(height / stride), …]`
    pub fn forward(&self, input: Dual<4>) -> Dual<4> {
        let bias = self.bias.as_ref().map(Param::val);
        Dual { value: self.convolve(halved(input.value), bias), tangent: input.tangent.map(|t| self.convolve(t, None)) }
    }

    /// [`Conv::forward`], then a LeakyReLU: `x` where x > 0, else `slope x`. Bias and LeakyReLU share one pass over
    /// memory.
    ///
    /// # Shapes
    /// As for [`Conv::forward`].
    pub fn forward_leaky_relu(&self, input: Dual<4>, slope: f32) -> Dual<4> {
        self.forward_rectified(input, slope, leaky_relu)
    }

    /// [`Conv::forward_leaky_relu`] as the input of another convolution and of nothing else. In half precision it takes half
    /// the memory.
    ///
    /// # Shapes
    /// As for [`Conv::forward`].
    pub fn forward_leaky_relu_to_conv(&self, input: Dual<4>, slope: f32) -> Dual<4> {
        self.forward_rectified(input, slope, leaky_relu_halved)
    }

    fn forward_rectified(
        &self,
        input: Dual<4>,
        slope: f32,
        rectify: impl FnOnce(Tensor<4>, Tensor<1>, f32) -> Tensor<4>,
    ) -> Dual<4> {
        let Some(bias) = &self.bias else {
            return self.forward(input).leaky_relu(slope);
        };
        let value = rectify(self.convolve(halved(input.value), None), bias.val(), slope);
        let tangent =
            input.tangent.map(|tangent| leaky_relu_tangent(self.convolve(tangent, None), value.clone(), slope));
        Dual { value, tangent }
    }

    /// The convolution, then a ReLU6: `min(max(x, 0), 6)`. Bias and ReLU6 share one pass over memory. Without a tangent:
    /// a ReLU6 is only in frozen networks, which have none.
    ///
    /// # Shapes
    /// As for [`Conv::forward`].
    pub fn forward_relu6(&self, input: Tensor<4>) -> Tensor<4> {
        let [channels_out, _, _, _] = self.weight.dims();
        let bias = match &self.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([channels_out], &input.device()),
        };
        relu6(self.convolve(halved(input), None), bias)
    }

    fn convolve(&self, input: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        let Self { stride, padding, groups, .. } = *self;
        let weight = halved(self.weight.val());
        match padding {
            Padding::Even(padding) => {
                (self.convolutions.conv2d)(input, weight, bias, Convolution { stride, padding, groups })
            }
            Padding::Same => (self.convolutions.conv2d_same)(input, weight, bias, stride, groups),
        }
    }
}

/// A transposed convolution with square kernels, without bias.
#[derive(Module, Debug)]
pub struct ConvTranspose {
    /// `[channels_in, channels_out, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    stride: usize,
    padding: usize,
    #[module(skip)]
    convolutions: Convolutions,
}

impl ConvTranspose {
    /// Zero weights. Neighbouring input pixels are `stride` output pixels apart, and `padding` pixels are cut off each
    /// side of the output.
    pub fn new(
        [channels_in, channels_out]: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        device: &Device,
    ) -> Self {
        let weight = parameter([channels_in, channels_out, kernel, kernel], device);
        Self { weight, stride, padding, convolutions: Convolutions::for_new_layers() }
    }

    /// # Shapes
    /// - `input`: `[batch, channels_in, height, width]`
    /// - returns: `[batch, channels_out, (height - 1) stride + kernel - 2 padding, …]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let Self { stride, padding, .. } = *self;
        let convolution = Convolution { stride, padding, groups: 1 };
        (self.convolutions.conv_transpose2d)(halved(input), halved(self.weight.val()), None, convolution, 0)
    }
}

/// A dense layer.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`, PyTorch's layout.
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    convolutions: Convolutions,
}

impl Linear {
    /// Zero weights, no bias.
    pub fn new([inputs, outputs]: [usize; 2], device: &Device) -> Self {
        Self::with_weight(parameter([outputs, inputs], device))
    }

    /// With these weights, `[out, in]`, and no bias.
    pub fn with_weight(weight: Param<Tensor<2>>) -> Self {
        Self { weight, bias: None, convolutions: Convolutions::for_new_layers() }
    }

    /// Adds a bias of 0.
    pub fn with_bias(mut self) -> Self {
        let [outputs, _] = self.weight.dims();
        self.bias = Some(parameter([outputs], &self.weight.device()));
        self
    }

    /// `x Wᵀ + b`
    ///
    /// # Shapes
    /// - `input`: `[batch, in]`
    /// - returns: `[batch, out]`
    pub fn forward(&self, input: Dual<2>) -> Dual<2> {
        let weight = self.weight.val();
        input.affine(
            |x| self.product(x, weight.clone()),
            |y| match &self.bias {
                Some(bias) => y + bias.val().unsqueeze(),
                None => y,
            },
        )
    }

    /// `x Wᵀ`. On graphics devices it is a 1x1 convolution: burn's matrix products bring so many kernels that they
    /// would be more than a quarter of the page's program.
    fn product(&self, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "flex")]
        if super::flex::is_flex(&x.device()) {
            return x.matmul(weight.transpose());
        }
        let pixels = |tensor: Tensor<2>| -> Tensor<4> {
            let [rows, columns] = tensor.dims();
            tensor.reshape([rows, columns, 1, 1])
        };
        let [batch, outputs] = [x.dims()[0], weight.dims()[0]];
        let pointwise = Convolution { stride: 1, padding: 0, groups: 1 };
        (self.convolutions.conv2d)(pixels(x), pixels(weight), None, pointwise).reshape([batch, outputs])
    }
}

/// A trained tensor of zeros.
fn parameter<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::zeros(shape, device))
}
