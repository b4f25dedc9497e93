//! Convolutions of our own. On a processor burn's copy every input pixel once for each tap of the kernel (im2col),
//! which costs more than the sums; on graphics devices burn has one direct kernel, which reuses nothing that it has
//! read.
//!
//! A GAN's convolutions need three sums: the forward pass, the gradient of the input and the gradient of the weight. A
//! transposed convolution is the gradient of the input.

mod autodiff;
mod choice;
#[cfg(feature = "flex")]
mod cpu;
mod geometry;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;

use burn::backend::Backend;
use burn::backend::Dispatch;
use burn::backend::backend_extension;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Tensor;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

pub use choice::Convolutions;
#[cfg(feature = "flex")]
pub(super) use cpu::Prepared;
pub(super) use geometry::Geometry;
use geometry::same_padding;

/// How a kernel moves over its input. Stride and padding are the same along both axes; there is no dilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Input pixels from one output pixel to the next; at least 1.
    pub stride: usize,
    /// Zeros on each side of the input.
    pub padding: usize,
    /// Groups of channels that are convolved separately; at least 1. Both channel counts are multiples of it.
    pub groups: usize,
}

/// As the options of burn's own convolutions.
impl Convolution {
    fn to_burn(self) -> ConvOptions<2> {
        let Self { stride, padding, groups } = self;
        ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups)
    }

    fn to_burn_transposed(self, output_padding: [usize; 2]) -> ConvTransposeOptions<2> {
        let Self { stride, padding, groups } = self;
        ConvTransposeOptions::new([stride; 2], [padding; 2], output_padding, [1; 2], groups)
    }
}

/// Cross-correlation: PyTorch's `conv2d`.
///
/// # Shapes
/// - `input`: `[batch, channels_in, height, width]`
/// - `weight`: `[channels_out, channels_in / groups, kernel_height, kernel_width]`
/// - `bias`: `[channels_out]`
/// - returns: `[batch, channels_out, (height + 2 padding - kernel_height) / stride + 1, …]`
///
/// # Panics
/// If the shapes do not fit each other, or the kernel is larger than the padded input.
pub fn conv2d(input: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, convolution: Convolution) -> Tensor<4> {
    let geometry = Geometry::forward(input.dims(), weight.dims(), convolution);
    let output = Dispatch::convolve(input.into_dispatch(), weight.into_dispatch(), geometry);
    with_bias(Tensor::from_dispatch(output), bias)
}

/// Cross-correlation with TensorFlow's padding "SAME": of the zeros that an output of `ceil(length / stride)` needs, half
/// are before the input, and the other half behind it, with one more if their number is odd.
///
/// # Shapes
/// - `input`: `[batch, channels_in, height, width]`
/// - `weight`: `[channels_out, channels_in / groups, kernel_height, kernel_width]`
/// - `bias`: `[channels_out]`
/// - returns: `[batch, channels_out, ceil(height / stride), ceil(width / stride)]`
///
/// # Panics
/// If the shapes do not fit each other.
pub fn conv2d_same(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    groups: usize,
) -> Tensor<4> {
    let geometry = Geometry::same(input.dims(), weight.dims(), stride, groups);
    let output = Dispatch::convolve(input.into_dispatch(), weight.into_dispatch(), geometry);
    with_bias(Tensor::from_dispatch(output), bias)
}

/// Transposed convolution, the adjoint of [`conv2d`] in its input: PyTorch's `conv_transpose2d`. `output_padding` rows
/// and columns are added to the end of the output; they tell apart the inputs that a strided [`conv2d`] maps to one
/// size.
///
/// # Shapes
/// - `input`: `[batch, channels_in, height, width]`
/// - `weight`: `[channels_in, channels_out / groups, kernel_height, kernel_width]`
/// - `bias`: `[channels_out]`
/// - returns: `[batch, channels_out, (height - 1) stride + kernel_height - 2 padding + output_padding, …]`
///
/// # Panics
/// If the shapes do not fit each other, or `output_padding` is not below the stride.
pub fn conv_transpose2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    convolution: Convolution,
    output_padding: usize,
) -> Tensor<4> {
    let geometry = Geometry::transposed(input.dims(), weight.dims(), convolution, output_padding);
    let output = Dispatch::convolve_transposed(input.into_dispatch(), weight.into_dispatch(), geometry);
    with_bias(Tensor::from_dispatch(output), bias)
}

/// The gradient of a weight: `∂⟨y, conv2d(input, weight)⟩ / ∂weight`. Without autodiff.
///
/// # Shapes
/// - `input`: `[batch, channels_in, height, width]`
/// - `y`: the shape of the output
/// - `weight`: the shape of the weight, `[channels_out, channels_in / groups, kernel_height, kernel_width]`
/// - returns: the shape `weight`
///
/// # Panics
/// If the shapes do not fit each other.
pub fn conv2d_weight_gradient(
    input: Tensor<4>,
    y: Tensor<4>,
    weight: [usize; 4],
    convolution: Convolution,
) -> Tensor<4> {
    let geometry = Geometry::forward(input.dims(), weight, convolution);
    assert_eq!(y.dims(), geometry.output_shape(), "y has the shape of the output");
    Tensor::from_dispatch(Dispatch::correlate(input.into_dispatch(), y.into_dispatch(), geometry))
}

fn with_bias(output: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    let [_, channels, _, _] = output.dims();
    match bias {
        Some(bias) => output + bias.reshape([1, channels, 1, 1]),
        None => output,
    }
}

/// The three sums on a backend. `x` has the shape of the convolution's input, `y` that of its output.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait ConvolutionBackend: Backend {
    /// `y = w * x`
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self>;

    /// `∂⟨y, w * x⟩ / ∂x`
    fn convolve_transposed(y: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self>;

    /// `∂⟨y, w * x⟩ / ∂w`
    fn correlate(x: FloatTensor<Self>, y: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self>;
}
