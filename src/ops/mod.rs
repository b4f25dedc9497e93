//! Operations that burn lacks: fast convolutions, layers that pass over memory once, directional derivatives that can
//! be differentiated again, and resampling with a gradient on every backend.

mod adam;
mod average;
mod batch_norm;
mod bilinear;
mod blur;
mod convolution;
mod cross_entropy;
mod dropout;
mod dual;
#[cfg(feature = "flex")]
mod flex;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
mod half;
mod inverted_residual;
mod layers;
#[cfg(feature = "flex")]
mod parallel;
mod pixels;
mod recolor;
mod rectifier;
mod resample;
mod spectral_norm;
mod tanh;
mod warp;

pub use adam::{AdamStep, adam};
pub use average::moving_average;
pub use batch_norm::{Normalization, batch_norm};
pub use bilinear::resize_bilinear;
pub use convolution::{Convolution, Convolutions, conv_transpose2d, conv2d, conv2d_same, conv2d_weight_gradient};
pub use cross_entropy::mean_cross_entropy;
pub use dropout::Dropout;
pub use dual::Dual;
pub use half::{halved, has_half, in_half};
pub use inverted_residual::{InvertedResidual, InvertedResidualSizes};
pub use layers::{Conv, ConvTranspose, Linear};
#[cfg(feature = "flex")]
pub(crate) use parallel::threads;
pub use pixels::from_pixels;
pub use recolor::{recolor, recolor_tangent};
pub use rectifier::{leaky_relu, leaky_relu_tangent, relu6};
pub use resample::{blur_down, blur_up, nearest_up};
pub use spectral_norm::spectral_norm;
pub use tanh::tanh;
pub use warp::{Warp, Warps, warp};
