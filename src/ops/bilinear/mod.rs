//! Bilinear resizing to any size, together with a linear change of the values. One launch forward and one backward.

mod autodiff;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Resizes maps and changes their values: `scale · bilinear(x) + offset`. The resizing is PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)`, which does not smooth a map before it makes it smaller.
///
/// Along each axis position i comes from `(i + 1/2) length / new length - 1/2`, but not from before the first pixel or
/// behind the last one. Between two pixels values are interpolated linearly.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `size`: the new height and width
/// - returns: `[batch, channels, size[0], size[1]]`
///
/// # Panics
/// If a map or its new size has no pixel.
pub fn resize_bilinear(x: Tensor<4>, size: [usize; 2], scale: f32, offset: f32) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    assert!(
        [height, width].into_iter().chain(size).all(|length| length > 0),
        "a map of {height} x {width} pixels is resized to {size:?}; both need a pixel"
    );
    let resizing = Resizing { from: [height, width], to: size, scale, offset };
    Tensor::from_dispatch(Dispatch::bilinear(x.into_dispatch(), resizing))
}

/// The arguments of [`resize_bilinear`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resizing {
    /// Height and width of the input.
    pub from: [usize; 2],
    /// Height and width of the output.
    pub to: [usize; 2],
    pub scale: f32,
    pub offset: f32,
}

/// [`resize_bilinear`] on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait BilinearBackend: Backend {
    /// See [`resize_bilinear`].
    fn bilinear(x: FloatTensor<Self>, resizing: Resizing) -> FloatTensor<Self>;

    /// The transpose of [`resize_bilinear`] without its offset, which maps a gradient of its output to one of its input.
    fn bilinear_back(gradient: FloatTensor<Self>, resizing: Resizing) -> FloatTensor<Self>;
}
