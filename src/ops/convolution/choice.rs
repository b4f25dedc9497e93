//! Which convolutions layers compute with: Whelp's, or burn's to compare them with.

use std::cell::Cell;

use burn::backend::Dispatch;
use burn::backend::ops::ModuleOps;
use burn::tensor::Tensor;
use burn::tensor::module as burn_convolutions;
use burn::tensor::ops::PadMode;

use super::{Convolution, conv_transpose2d, conv2d, conv2d_same, conv2d_weight_gradient, same_padding};

/// The functions that layers convolve with.
///
/// A layer takes them when it is built, so nothing is chosen while it computes. A program that never names
/// [`Self::BURN`] does not contain burn's kernels, which would make the page's program much larger.
#[derive(Clone, Copy, Debug)]
pub struct Convolutions {
    /// As [`conv2d`].
    pub conv2d: fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>, Convolution) -> Tensor<4>,
    /// As [`conv2d_same`].
    pub conv2d_same: fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>, usize, usize) -> Tensor<4>,
    /// As [`conv_transpose2d`].
    pub conv_transpose2d: fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>, Convolution, usize) -> Tensor<4>,
    /// As [`conv2d_weight_gradient`].
    pub weight_gradient: fn(Tensor<4>, Tensor<4>, [usize; 4], Convolution) -> Tensor<4>,
}

thread_local! {
    /// The functions for layers that are built on this thread.
    static BUILT_WITH: Cell<Convolutions> = const { Cell::new(Convolutions::WHELP) };
}

impl Convolutions {
    /// Whelp's own. Layers have these unless they are built by [`Self::build`].
    pub const WHELP: Self = Self { conv2d, conv2d_same, conv_transpose2d, weight_gradient: conv2d_weight_gradient };

    /// burn's, on every device.
    pub const BURN: Self = Self {
        conv2d: burn_conv2d,
        conv2d_same: burn_conv2d_same,
        conv_transpose2d: burn_conv_transpose2d,
        weight_gradient: burn_weight_gradient,
    };

    /// Runs `build`, and has all layers that it builds on this thread compute with these functions for as long as they
    /// live.
    pub fn build<T>(self, build: impl FnOnce() -> T) -> T {
        /// Puts back what was there before, also when `build` panics.
        struct Restore(Convolutions);
        impl Drop for Restore {
            fn drop(&mut self) {
                BUILT_WITH.set(self.0);
            }
        }
        let _restore = Restore(BUILT_WITH.replace(self));
        build()
    }

    /// The functions for a layer that is being built.
    pub(crate) fn for_new_layers() -> Self {
        BUILT_WITH.get()
    }
}

fn burn_conv2d(input: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, convolution: Convolution) -> Tensor<4> {
    burn_convolutions::conv2d(input, weight, bias, convolution.to_burn())
}

/// burn pads both sides alike, so the zeros are added beforehand.
fn burn_conv2d_same(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    groups: usize,
) -> Tensor<4> {
    let [[_, _, height, width], [_, _, kernel_height, kernel_width]] = [input.dims(), weight.dims()];
    let [above, below] = same_padding(height, kernel_height, stride);
    let [left, right] = same_padding(width, kernel_width, stride);
    let padded = input.pad((left, right, above, below), PadMode::Constant(0.0));
    burn_conv2d(padded, weight, bias, Convolution { stride, padding: 0, groups })
}

fn burn_conv_transpose2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    convolution: Convolution,
    output_padding: usize,
) -> Tensor<4> {
    burn_convolutions::conv_transpose2d(input, weight, bias, convolution.to_burn_transposed([output_padding; 2]))
}

fn burn_weight_gradient(input: Tensor<4>, y: Tensor<4>, weight: [usize; 4], convolution: Convolution) -> Tensor<4> {
    // burn reads the weight's shape only.
    let weight = Tensor::<4>::empty(weight, &input.device());
    let [input, weight, y] = [input, weight, y].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::conv2d_weight_backward(input, weight, y, convolution.to_burn()))
}
