//! The three sums by burn's own kernels.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::ModuleOps;

use crate::ops::convolution::Convolution;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::flex::tensor;

pub fn convolve(x: FlexTensor, weight: FlexTensor, convolution: Convolution) -> FlexTensor {
    Flex::conv2d(x, weight, None, convolution.to_burn())
}

pub fn convolve_transposed(
    y: FlexTensor,
    weight: FlexTensor,
    geometry: Geometry,
    convolution: Convolution,
) -> FlexTensor {
    Flex::conv_transpose2d(y, weight, None, convolution.to_burn_transposed(geometry.remainder()))
}

pub fn correlate(x: FlexTensor, y: FlexTensor, geometry: Geometry, convolution: Convolution) -> FlexTensor {
    // burn reads its shape only.
    let weight = tensor(vec![0.0; geometry.weight_shape().iter().product()], geometry.weight_shape());
    Flex::conv2d_weight_backward(x, weight, y, convolution.to_burn())
}
