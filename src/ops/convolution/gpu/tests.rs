//! Tests that reach what a device does not choose by itself.

use std::sync::LazyLock;

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::{cast, into_contiguous};
use futures_lite::future::block_on;

use super::product::CubeLimits;
use super::*;
use crate::device::{DeviceChoice, OpenDevice, open};
use crate::ops::Convolution;
use crate::random::{Random, Stream};

fn tensor(shape: [usize; 4], position: u64) -> CubeTensor {
    // Numbers that 16 bits hold exactly.
    let values = Random::new(8, Stream::Init, position).normals(shape.iter().product());
    let values: Vec<f32> = values.into_iter().map(|value| (8.0 * value).round() / 8.0).collect();
    let device = burn_cubecl::CubeDevice::default();
    let client = device.client();
    let handle = client.create_from_slice(bytemuck::cast_slice(&values));
    CubeTensor::new_contiguous(client, device, Shape::from(shape), handle, DType::F32)
}

fn values(tensor: CubeTensor) -> Vec<f32> {
    let tensor = into_contiguous(tensor);
    let bytes = tensor.client.read_one_unchecked(tensor.handle.clone());
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// Opens the graphics device once for all tests here: a program can open it only once.
fn device() -> Option<&'static OpenDevice> {
    static OPENED: LazyLock<Result<OpenDevice, String>> =
        LazyLock::new(|| block_on(open(DeviceChoice::Wgpu)).map_err(|error| error.to_string()));
    if let Err(error) = &*OPENED {
        assert!(std::env::var_os("WHELP_REQUIRE_GPU").is_none(), "{error}");
    }
    OPENED.as_ref().ok()
}

/// Batches with too many pixels for a launch are computed in halves. Here a few images are too many.
#[test]
fn halves_of_a_batch_make_the_whole() {
    if device().is_none() {
        return;
    }
    let (x_shape, weight_shape) = ([7, 6, 8, 8], [5, 6, 4, 4]);
    let geometry = Geometry::forward(x_shape, weight_shape, Convolution { stride: 2, padding: 1, groups: 1 });
    let [x, weight, y] = [x_shape, weight_shape, geometry.output_shape()].map(|shape| tensor(shape, 1));
    let [whole, parts] = [MOST_PIXELS, 100].map(|most| {
        [
            convolve(x.clone(), weight.clone(), geometry, most),
            convolve_transposed(y.clone(), weight.clone(), geometry, most),
            correlate(x.clone(), y.clone(), geometry, most),
        ]
        .map(values)
    });
    for (whole, parts) in whole.iter().zip(&parts) {
        assert_eq!(whole.len(), parts.len());
        let largest = whole.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
        assert!(whole.iter().zip(parts).all(|(whole, part)| (whole - part).abs() <= 1e-5 * largest));
    }
}

/// Both kernels compute the same, in small cubes too, and whether their factors are stored in 32 bits or in 16. Tests run on a software device, which never takes the one for hardware by itself. The
/// one that it takes is compared with burn's in `tests/library/convolution.rs`.
#[test]
fn kernels_agree() {
    let Some(device) = device() else { return };
    for (kernel, stride, padding) in [(3, 1, 1), (4, 2, 1), (1, 2, 0)] {
        for (groups, depth, outputs) in [(1, 3, 70), (2, 17, 20), (2, 16, 12), (1, 40, 5), (4, 1, 1)] {
            let convolution = Convolution { stride, padding, groups };
            let x_shape = [5, groups * depth, 11, 9];
            let weight_shape = [groups * outputs, depth, kernel, kernel];
            let geometry = Geometry::forward(x_shape, weight_shape, convolution);
            let [x, weight, y] = [x_shape, weight_shape, geometry.output_shape()].map(|shape| tensor(shape, 1));
            let cases = [
                ("forward", Product::forward(&geometry), &weight, &x, &y),
                ("transposed", Product::transposed(&geometry), &weight, &y, &x),
                ("weight gradient", Product::weight_gradient(&geometry), &y, &x, &weight),
            ];
            for (name, product, matrix, windows, like) in cases {
                let compute = |software, limits, stored: [DType; 2]| {
                    let target = empty_like(like, like.meta.shape().clone());
                    let [matrix, windows] = [(matrix, stored[0]), (windows, stored[1])]
                        .map(|(factor, stored)| cast(factor.clone(), stored));
                    product.launch_for(software, limits, matrix, windows, &target);
                    values(target)
                };
                const FULL: [DType; 2] = [DType::F32; 2];
                let limits = CubeLimits::of(like);
                let expected = compute(Some(8), limits, FULL);
                let largest = expected.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
                let mut ways = vec![
                    ("narrow planes", Some(4), limits, FULL),
                    ("hardware", None, limits, FULL),
                    ("small cubes", None, CubeLimits::SMALLEST, FULL),
                ];
                if device.has_half() {
                    ways.extend([
                        ("hardware, 16 bits", None, limits, [DType::F16; 2]),
                        ("hardware, matrix of 16 bits", None, limits, [DType::F16, DType::F32]),
                        ("hardware, maps of 16 bits", None, limits, [DType::F32, DType::F16]),
                        ("narrow planes, 16 bits", Some(4), limits, [DType::F16; 2]),
                    ]);
                }
                for (way, software, limits, stored) in ways {
                    for (value, expected) in compute(software, limits, stored).iter().zip(&expected) {
                        let error = (value - expected).abs();
                        assert!(
                            error <= 1e-5 * largest,
                            "{name} of {geometry:?}, {way}: {value} instead of {expected}"
                        );
                    }
                }
            }
        }
    }
}
