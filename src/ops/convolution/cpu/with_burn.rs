//! The three sums by burn's own kernels.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::ModuleOps;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use crate::ops::convolution::Convolution;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::flex::tensor;

fn options(geometry: Geometry) -> ConvOptions<2> {
    let Convolution { stride, padding, groups } = geometry.convolution;
    ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups)
}

pub fn convolve(x: FlexTensor, weight: FlexTensor, geometry: Geometry) -> FlexTensor {
    Flex::conv2d(x, weight, None, options(geometry))
}

pub fn convolve_transposed(y: FlexTensor, weight: FlexTensor, geometry: Geometry) -> FlexTensor {
    let Convolution { stride, padding, groups } = geometry.convolution;
    let options = ConvTransposeOptions::new([stride; 2], [padding; 2], geometry.remainder(), [1; 2], groups);
    Flex::conv_transpose2d(y, weight, None, options)
}

pub fn correlate(x: FlexTensor, y: FlexTensor, geometry: Geometry) -> FlexTensor {
    // burn reads its shape only.
    let weight = tensor(vec![0.0; geometry.weight_shape().iter().product()], geometry.weight_shape());
    Flex::conv2d_weight_backward(x, weight, y, options(geometry))
}
