//! The three sums on graphics devices. Both factors of a sum are read as they are stored, in 32 or 16 bits
//! ([`halved`](crate::ops::halved)), and its products are added up in 32.

mod depthwise;
mod kernels;
mod product;
#[cfg(test)]
mod tests;
mod tile;

use std::ops::Range;

use burn::backend::Cube;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Slice;
use burn_cubecl::tensor::CubeTensor;

use super::ConvolutionBackend;
use super::geometry::Geometry;
use crate::ops::gpu::empty_like;
use product::Product;

/// Pixels, of all images together, that one launch takes at most.
const MOST_PIXELS: usize = 1 << 21;

/// Pixels that a cube takes at least.
const LEAST_PIXELS_PER_CUBE: usize = 64;

/// Pixels of one launch on the device of a tensor, which counts only so many cubes along an axis.
fn most_pixels(tensor: &CubeTensor) -> usize {
    let cubes = tensor.client.properties().hardware.max_cube_count.0 as usize;
    MOST_PIXELS.min(cubes.saturating_mul(LEAST_PIXELS_PER_CUBE))
}

impl ConvolutionBackend for Cube {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let most = most_pixels(&x);
        convolve(x, weight, geometry, most)
    }

    fn convolve_transposed(y: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let most = most_pixels(&y);
        convolve_transposed(y, weight, geometry, most)
    }

    fn correlate(x: FloatTensor<Self>, y: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let most = most_pixels(&x);
        correlate(x, y, geometry, most)
    }
}

fn convolve(x: CubeTensor, weight: CubeTensor, geometry: Geometry, most: usize) -> CubeTensor {
    if geometry.is_depthwise() {
        return depthwise::convolve(x, weight, &geometry);
    }
    if let Some(halves) = geometry.halves(most) {
        let part = |(images, half): (Range<usize>, _)| convolve(narrow(&x, images), weight.clone(), half, most);
        return Cube::float_cat(halves.map(part).into(), 0);
    }
    let y = empty_like(&x, geometry.output_shape());
    Product::forward(&geometry.as_product().unwrap_or(geometry)).launch(weight, x, &y);
    y
}

fn convolve_transposed(y: CubeTensor, weight: CubeTensor, geometry: Geometry, most: usize) -> CubeTensor {
    if geometry.is_depthwise() {
        return depthwise::convolve_transposed(y, weight, &geometry);
    }
    if let Some(halves) = geometry.halves(most) {
        let part =
            |(images, half): (Range<usize>, _)| convolve_transposed(narrow(&y, images), weight.clone(), half, most);
        return Cube::float_cat(halves.map(part).into(), 0);
    }
    let x = empty_like(&y, geometry.input_shape());
    Product::transposed(&geometry.as_product().unwrap_or(geometry)).launch(weight, y, &x);
    x
}

fn correlate(x: CubeTensor, y: CubeTensor, geometry: Geometry, most: usize) -> CubeTensor {
    if geometry.is_depthwise() {
        return depthwise::correlate(x, y, &geometry);
    }
    if let Some(halves) = geometry.halves(most) {
        let part =
            |(images, half): (Range<usize>, _)| correlate(narrow(&x, images.clone()), narrow(&y, images), half, most);
        let [first, second] = halves.map(part);
        return Cube::float_add(first, second);
    }
    let gradient = empty_like(&x, geometry.weight_shape());
    Product::weight_gradient(&geometry.as_product().unwrap_or(geometry)).launch(y, x, &gradient);
    gradient
}

/// Some of the images of a tensor.
fn narrow(tensor: &CubeTensor, images: Range<usize>) -> CubeTensor {
    Cube::float_slice(tensor.clone(), &[Slice::from(images)])
}
