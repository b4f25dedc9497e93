//! Doubling and halving the size of maps. burn's interpolation has no gradient on graphics devices but for nearest, and its
//! depthwise convolutions take their channels one by one.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use super::blur::BlurBackend;

/// Halves the size with the filter `[1,2,1]ᵀ[1,2,1]/16`, zeros around the edges.
///
/// `y[i] = (x[2i-1] + 2 x[2i] + x[2i+1]) / 4` in rows and columns: the even filter, centred on even positions.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`, both even
/// - returns: `[batch, channels, height / 2, width / 2]`
pub fn blur_down(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::blur_down(x.into_dispatch(), 1.0))
}

/// Doubles the size: zeros in between, then the filter `[1,2,1]ᵀ[1,2,1]/4`. Up to a factor of 4 the transpose of
/// [`blur_down`].
///
/// `y[2i] = x[i]` and `y[2i+1] = (x[i] + x[i+1]) / 2` in rows and columns.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - returns: `[batch, channels, 2 height, 2 width]`
pub fn blur_up(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::blur_up(x.into_dispatch(), 1.0))
}

/// Doubles the size: every value becomes four.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - returns: `[batch, channels, 2 height, 2 width]`
pub fn nearest_up(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w])
}
