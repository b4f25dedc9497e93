//! Pictures go to a device as bytes, a quarter of the size of floats. The device makes floats of them.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

/// Bytes of a word.
const BYTES: usize = size_of::<i32>();

/// Pictures as networks take them: `pixel / 127.5 - 1`, in [-1, 1].
///
/// # Shapes
/// - `pixels`: `[batch, channels, height, width]` in [0, 255], row-major
/// - `shape`: these four sizes
/// - returns: `shape`, without autodiff
///
/// # Panics
/// If the number of pixels is not that of `shape`.
pub fn from_pixels(pixels: &[u8], shape: [usize; 4], device: &Device) -> Tensor<4> {
    assert_eq!(pixels.len(), shape.iter().product::<usize>(), "pixels fill the shape {shape:?}");
    // Shaders cannot read single bytes.
    let words = pixels.chunks(BYTES).map(|bytes| {
        let mut word = [0; BYTES];
        word[..bytes.len()].copy_from_slice(bytes);
        i32::from_le_bytes(word)
    });
    let words: Vec<i32> = words.collect();
    let count = words.len();
    let words = Tensor::<1, Int>::from_data(TensorData::new(words, [count]), (device, DType::I32));
    Tensor::from_dispatch(Dispatch::from_pixels(words.into_dispatch(), shape))
}

/// [`from_pixels`] on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
)]
pub trait PixelsBackend: Backend {
    /// See [`from_pixels`]. Each word holds four pixels, the first in its lowest bits.
    fn from_pixels(words: IntTensor<Self>, shape: [usize; 4]) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
impl PixelsBackend for burn::backend::Flex {
    fn from_pixels(words: IntTensor<Self>, shape: [usize; 4]) -> FloatTensor<Self> {
        let words = words.to_contiguous();
        let words: &[i32] = words.as_slice().expect("contiguous words");
        let pixels = words.iter().flat_map(|word| word.to_le_bytes()).take(shape.iter().product());
        super::flex::tensor(pixels.map(|pixel| f32::from(pixel) / 127.5 - 1.0).collect(), shape)
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::{FloatTensor, IntTensor};
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::{BYTES, PixelsBackend};
    use crate::ops::gpu::{empty_like, input, output, unit_per_value};

    /// A unit for each pixel.
    #[cube(launch_unchecked)]
    fn unpack(words: &[i32], y: &mut [f32]) {
        if ABSOLUTE_POS < y.len() {
            let word = words[ABSOLUTE_POS / BYTES];
            let shift = (ABSOLUTE_POS % BYTES * 8) as i32;
            y[ABSOLUTE_POS] = f32::cast_from((word >> shift) & 0xFFi32) / 127.5f32 - 1.0f32;
        }
    }

    impl PixelsBackend for Cube {
        fn from_pixels(words: IntTensor<Self>, shape: [usize; 4]) -> FloatTensor<Self> {
            let y = empty_like(&words, shape);
            let (client, (cubes, cube)) = (words.client.clone(), unit_per_value(&y));
            // SAFETY: the kernel stops at the last pixel, and there is a word for every four pixels.
            unsafe { unpack::launch_unchecked(&client, cubes, cube, input(words), output(&y)) };
            y
        }
    }
}
