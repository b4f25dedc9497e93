//! One step of an exponential moving average in one pass over memory.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// The new average, `value + β (average - value)`, with the decay β in [0, 1].
///
/// # Shapes
/// Both tensors and the result have the same length. None has autodiff.
pub fn moving_average(average: Tensor<1>, value: Tensor<1>, beta: f32) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::moving_average(average.into_dispatch(), value.into_dispatch(), beta))
}

/// [`moving_average`] on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
)]
pub trait AverageBackend: Backend {
    /// See [`moving_average`].
    fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, beta: f32) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
impl AverageBackend for burn::backend::Flex {
    fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, beta: f32) -> FloatTensor<Self> {
        use super::flex::{tensor, values};
        let [average, value] = [average, value].map(|tensor| tensor.to_contiguous());
        let moved = super::parallel::zip([&average, &value].map(values), move |[average, value]| {
            value + beta * (average - value)
        });
        tensor(moved, value.layout().shape().clone())
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::AverageBackend;
    use crate::ops::gpu::{empty_like, input, output, unit_per_value};

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn step(average: &[f32], value: &[f32], moved: &mut [f32], beta: f32) {
        if ABSOLUTE_POS < value.len() {
            let value = value[ABSOLUTE_POS];
            moved[ABSOLUTE_POS] = value + beta * (average[ABSOLUTE_POS] - value);
        }
    }

    impl AverageBackend for Cube {
        fn moving_average(average: FloatTensor<Self>, value: FloatTensor<Self>, beta: f32) -> FloatTensor<Self> {
            let moved = empty_like(&value, value.meta.shape().clone());
            let (client, (cubes, cube)) = (value.client.clone(), unit_per_value(&value));
            let ([average, value], to) = ([average, value].map(input), output(&moved));
            // SAFETY: the kernel stops at the end of the values, and the average has their length.
            unsafe { step::launch_unchecked(&client, cubes, cube, average, value, to, beta) };
            moved
        }
    }
}
