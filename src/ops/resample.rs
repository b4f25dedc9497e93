//! Doubling and halving the size of maps. burn's own ways do not serve: on graphics devices its interpolation has a
//! gradient for nearest neighbours only, and its depthwise convolutions compute one channel after the other.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use super::blur::BlurBackend;

/// Halves the size with the filter `[1,2,1]ᵀ[1,2,1]/16`, with zeros outside of the map.
///
/// `y[i] = (x[2i-1] + 2 x[2i] + x[2i+1]) / 4` along rows and columns.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`, height and width even
/// - returns: `[batch, channels, height / 2, width / 2]`
pub fn blur_down(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::blur_down(x.into_dispatch(), 1.0))
}

/// Doubles the size: inserts zeros between the pixels, then applies the filter `[1,2,1]ᵀ[1,2,1]/4`. It is 4 times the
/// transpose of [`blur_down`].
///
/// `y[2i] = x[i]` and `y[2i+1] = (x[i] + x[i+1]) / 2` along rows and columns.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - returns: `[batch, channels, 2 height, 2 width]`
pub fn blur_up(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::blur_up(x.into_dispatch(), 1.0))
}

/// Doubles the size by nearest neighbours: every value becomes four.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - returns: `[batch, channels, 2 height, 2 width]`
pub fn nearest_up(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w])
}
