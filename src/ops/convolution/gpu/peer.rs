//! burn's convolutions in place of Whelp's, so that both can be measured with all else the same.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::Cube;
use burn::backend::ops::ModuleOps;
use burn::tensor::ops::ConvOptions;
use burn_cubecl::tensor::CubeTensor;

use crate::ops::convolution::geometry::Geometry;
use crate::ops::gpu::empty_like;

static IS_CHOSEN: AtomicBool = AtomicBool::new(false);

/// Computes every convolution on graphics devices with burn's kernels from now on, on all threads.
pub fn choose_burn_convolutions() {
    IS_CHOSEN.store(true, Ordering::Relaxed);
}

pub fn is_chosen() -> bool {
    IS_CHOSEN.load(Ordering::Relaxed)
}

fn options(geometry: &Geometry) -> ConvOptions<2> {
    let convolution = geometry.convolution;
    ConvOptions::new([convolution.stride; 2], [convolution.padding; 2], [1; 2], convolution.groups)
}

pub fn convolve(x: CubeTensor, weight: CubeTensor, geometry: &Geometry) -> CubeTensor {
    Cube::conv2d(x, weight, None, options(geometry))
}

pub fn convolve_transposed(y: CubeTensor, weight: CubeTensor, geometry: &Geometry) -> CubeTensor {
    // Only its shape is asked for.
    let x = empty_like(&y, geometry.input_shape());
    Cube::conv2d_x_backward(x, weight, y, options(geometry))
}

pub fn correlate(x: CubeTensor, y: CubeTensor, geometry: &Geometry) -> CubeTensor {
    let weight = empty_like(&x, geometry.weight_shape());
    Cube::conv2d_weight_backward(x, weight, y, options(geometry))
}
