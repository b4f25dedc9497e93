//! The three sums on flex, burn's CPU backend.
//!
//! There are four implementations: [`depthwise`] where every channel has a kernel of its own, [`planar`], whose vectors
//! hold neighbouring pixels, where stride and width allow it, [`planar::Pointwise`] for 1x1 kernels over small maps, and
//! [`blocked`], whose vectors hold channels, for all others.

mod blocked;
mod depthwise;
mod layout;
mod phases;
mod planar;
mod prepared;
mod vectors;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;

use planar::Planar;
pub use prepared::Prepared;

use super::ConvolutionBackend;
use super::geometry::Geometry;
use crate::ops::flex::{tensor, values};

impl ConvolutionBackend for Flex {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let (x, weight) = (values(&x), values(&weight));
        let y = Prepared::forward(&geometry, weight).run(x);
        tensor(y, geometry.output_shape())
    }

    fn convolve_transposed(y: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let (y, weight) = (y.to_contiguous(), weight.to_contiguous());
        let (y, weight) = (values(&y), values(&weight));
        let x = Prepared::transposed(&geometry, weight).run(y);
        tensor(x, geometry.input_shape())
    }

    fn correlate(x: FloatTensor<Self>, y: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let (x, y) = (x.to_contiguous(), y.to_contiguous());
        let (x, y) = (values(&x), values(&y));
        let gradient = if geometry.is_depthwise() {
            depthwise::weight_gradient(&geometry, x, y)
        } else if let Some(planar) = Planar::forward(&geometry) {
            planar.correlate(&geometry, x, y)
        } else {
            blocked::weight_gradient(&geometry, x, y)
        };
        tensor(gradient, geometry.weight_shape())
    }
}
