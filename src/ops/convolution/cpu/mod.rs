//! The three sums on flex, burn's CPU backend.
//!
//! There are two implementations: [`planar`], whose vectors hold neighbouring pixels, where stride and width allow it,
//! and [`blocked`], whose vectors hold channels, for all others. Depthwise convolutions stay burn's.

mod blocked;
mod planar;
mod vectors;
mod with_burn;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;

use blocked::{Pass, weight_gradient};
use planar::Planar;

use super::geometry::Geometry;
use super::{Convolution, ConvolutionBackend};
use crate::ops::flex::{tensor, values};

impl ConvolutionBackend for Flex {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        if let Some(convolution) = for_burn(&x, &geometry) {
            return with_burn::convolve(x, weight, convolution);
        }
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let (x, weight) = (values(&x), values(&weight));
        let y = match Planar::forward(&geometry) {
            Some(planar) => planar.convolve(&geometry, weight, x),
            None => Pass::forward(&geometry, weight).run(x),
        };
        tensor(y, geometry.output_shape())
    }

    fn convolve_transposed(y: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        if let Some(convolution) = for_burn(&y, &geometry) {
            return with_burn::convolve_transposed(y, weight, geometry, convolution);
        }
        let (y, weight) = (y.to_contiguous(), weight.to_contiguous());
        let (y, weight) = (values(&y), values(&weight));
        let x = match Planar::transposed(&geometry) {
            Some(planar) => planar.convolve_transposed(&geometry, weight, y),
            None => Pass::transposed(&geometry, weight).run(y),
        };
        tensor(x, geometry.input_shape())
    }

    fn correlate(x: FloatTensor<Self>, y: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        if let Some(convolution) = for_burn(&x, &geometry) {
            return with_burn::correlate(x, y, geometry, convolution);
        }
        let (x, y) = (x.to_contiguous(), y.to_contiguous());
        let (x, y) = (values(&x), values(&y));
        let gradient = match Planar::forward(&geometry) {
            Some(planar) => planar.correlate(&geometry, x, y),
            None => weight_gradient(&geometry, x, y),
        };
        tensor(gradient, geometry.weight_shape())
    }
}

/// Depthwise convolutions would leave all lanes of a block empty but one. burn has no padding that differs from side to
/// side.
fn for_burn(tensor: &FlexTensor, geometry: &Geometry) -> Option<Convolution> {
    let is_for_burn = tensor.dtype() != DType::F32 || geometry.group_channels() == [1, 1];
    geometry.convolution().filter(|_| is_for_burn)
}
