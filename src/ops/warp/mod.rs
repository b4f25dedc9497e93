//! The geometry of augmentation: pictures are moved, mirrored, scaled, sheared and partly blanked. One launch forward
//! and one backward.

mod autodiff;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Device, Tensor, TensorData};

/// Where the pixels of one picture come from, and which rectangle is blanked then.
///
/// There are two passes. The first works within each row y: column x is taken from column `x' = x_scale (x - cx) + cx +
/// x_shift + shear (y - cy)`, where (cx, cy) is the picture's centre. The second works within each column: row y is
/// taken from row `y' = y_scale (y - cy) + cy + y_shift`. Values between pixels are interpolated linearly, and those
/// outside of the picture are 0. Lengths are in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp {
    /// Source columns per column. -1 mirrors; not 0.
    pub x_scale: f32,
    /// Source rows per row. Not 0.
    pub y_scale: f32,
    /// Columns.
    pub x_shift: f32,
    /// Rows.
    pub y_shift: f32,
    /// Source columns per row.
    pub shear: f32,
    /// Row and column c of the blank rectangle's centre. It reaches from c - half, inclusive, to c + half, exclusive.
    pub cut: [f32; 2],
    /// Half the height and half the width of the blank rectangle.
    pub half: [f32; 2],
}

impl Warp {
    /// Changes nothing.
    pub const NONE: Self =
        Self { x_scale: 1.0, y_scale: 1.0, x_shift: 0.0, y_shift: 0.0, shear: 0.0, cut: [0.0; 2], half: [0.0; 2] };

    /// As a row of a tensor.
    fn to_row(self) -> [f32; column::COUNT] {
        let Self { x_scale, y_scale, x_shift, y_shift, shear, cut, half } = self;
        let mut row = [0.0; column::COUNT];
        row[column::X_SCALE] = x_scale;
        row[column::Y_SCALE] = y_scale;
        row[column::X_SHIFT] = x_shift;
        row[column::Y_SHIFT] = y_shift;
        row[column::SHEAR] = shear;
        [row[column::CUT_ROW], row[column::CUT_COLUMN]] = cut;
        [row[column::HALF_HEIGHT], row[column::HALF_WIDTH]] = half;
        row
    }

    #[cfg(feature = "flex")]
    fn from_row(row: &[f32; column::COUNT]) -> Self {
        Self {
            x_scale: row[column::X_SCALE],
            y_scale: row[column::Y_SCALE],
            x_shift: row[column::X_SHIFT],
            y_shift: row[column::Y_SHIFT],
            shear: row[column::SHEAR],
            cut: [row[column::CUT_ROW], row[column::CUT_COLUMN]],
            half: [row[column::HALF_HEIGHT], row[column::HALF_WIDTH]],
        }
    }
}

/// Columns of a tensor of warps.
mod column {
    pub const X_SCALE: usize = 0;
    pub const Y_SCALE: usize = 1;
    pub const X_SHIFT: usize = 2;
    pub const Y_SHIFT: usize = 3;
    pub const SHEAR: usize = 4;
    pub const CUT_ROW: usize = 5;
    pub const CUT_COLUMN: usize = 6;
    pub const HALF_HEIGHT: usize = 7;
    pub const HALF_WIDTH: usize = 8;
    pub const COUNT: usize = 9;
}

/// The warps of a batch, on a device.
#[derive(Clone, Debug)]
pub struct Warps(Tensor<2>);

impl Warps {
    /// One warp for each picture.
    pub fn new(warps: &[Warp], device: &Device) -> Self {
        let rows: Vec<f32> = warps.iter().flat_map(|warp| warp.to_row()).collect();
        Self(Tensor::from_data(TensorData::new(rows, [warps.len(), column::COUNT]), device))
    }
}

/// Warps each picture by its own [`Warp`]. Linear in the pictures; the warps are constants.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `warps`: one for each picture
/// - returns: the shape of `x`
pub fn warp(x: Tensor<4>, warps: &Warps) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::warp(x.into_dispatch(), warps.0.clone().into_dispatch()))
}

/// Warps on a backend. `warps` is `[batch, column::COUNT]`.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait WarpBackend: Backend {
    /// See [`warp`].
    fn warp(x: FloatTensor<Self>, warps: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The transpose of [`warp`], which maps a gradient of its output to one of its input.
    fn warp_back(gradient: FloatTensor<Self>, warps: FloatTensor<Self>) -> FloatTensor<Self>;
}
