//! Doubling and halving the size of maps. On graphics devices all of it is sums of slices: burn's interpolation has no
//! gradient there but for nearest, and its depthwise convolutions take their channels one by one.

#[cfg(feature = "flex")]
use burn::backend::Dispatch;
use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use super::blur::BlurBackend;
#[cfg(feature = "flex")]
use crate::device;

/// Halves the size with the filter `[1,2,1]ᵀ[1,2,1]/16`, zeros around the edges.
///
/// `y[i] = (x[2i-1] + 2 x[2i] + x[2i+1]) / 4` in rows and columns: the even filter, centred on even positions.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`, both even
/// - returns: `[batch, channels, height / 2, width / 2]`
pub fn blur_down(x: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if device::is_cpu(&x.device()) {
        return Tensor::from_dispatch(Dispatch::blur_down(x.into_dispatch(), 1.0));
    }
    half_columns(half_rows(x))
}

fn half_rows(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let pairs = x.reshape([n, c, h / 2, 2, w]);
    let [even, odd] = [0, 1].map(|at| pairs.clone().narrow(3, at, 1).reshape([n, c, h / 2, w]));
    let before = later(odd.clone(), 2);
    (even * 2.0 + odd + before) / 4.0
}

fn half_columns(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let pairs = x.reshape([n, c, h, w / 2, 2]);
    let [even, odd] = [0, 1].map(|at| pairs.clone().narrow(4, at, 1).reshape([n, c, h, w / 2]));
    let before = later(odd.clone(), 3);
    (even * 2.0 + odd + before) / 4.0
}

/// `y[i] = x[i-1]` in dimension `dim`, 0 at the start.
fn later(x: Tensor<4>, dim: usize) -> Tensor<4> {
    let length = x.dims()[dim];
    let zeros = x.clone().narrow(dim, 0, 1).zeros_like();
    Tensor::cat(vec![zeros, x.narrow(dim, 0, length - 1)], dim)
}

/// `y[i] = x[i+1]` in dimension `dim`, 0 at the end.
fn earlier(x: Tensor<4>, dim: usize) -> Tensor<4> {
    let length = x.dims()[dim];
    let zeros = x.clone().narrow(dim, 0, 1).zeros_like();
    Tensor::cat(vec![x.narrow(dim, 1, length - 1), zeros], dim)
}

/// Doubles the size: zeros in between, then the filter `[1,2,1]ᵀ[1,2,1]/4`. Up to a factor of 4 the transpose of
/// [`blur_down`].
///
/// `y[2i] = x[i]` and `y[2i+1] = (x[i] + x[i+1]) / 2` in rows and columns.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - returns: `[batch, channels, 2 height, 2 width]`
pub fn blur_up(x: Tensor<4>) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if device::is_cpu(&x.device()) {
        return Tensor::from_dispatch(Dispatch::blur_up(x.into_dispatch(), 1.0));
    }
    double_columns(double_rows(x))
}

fn double_rows(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let between = (x.clone() + earlier(x.clone(), 2)) / 2.0;
    let pairs = Tensor::cat(vec![x.reshape([n, c, h, 1, w]), between.reshape([n, c, h, 1, w])], 3);
    pairs.reshape([n, c, 2 * h, w])
}

fn double_columns(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let between = (x.clone() + earlier(x.clone(), 3)) / 2.0;
    let pairs = Tensor::cat(vec![x.reshape([n, c, h, w, 1]), between.reshape([n, c, h, w, 1])], 4);
    pairs.reshape([n, c, h, 2 * w])
}

/// Doubles the size: every value becomes four.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - returns: `[batch, channels, 2 height, 2 width]`
pub fn nearest_up(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Tensor, TensorData};
    use futures_lite::future::block_on;

    use super::*;
    use crate::weights::read_values;

    fn row(values: &[f32]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, 1, values.len()]), &crate::device::cpu())
    }

    fn values(x: Tensor<4>) -> Vec<f32> {
        let count = x.shape().num_elements();
        block_on(read_values([x.reshape([count])])).unwrap().remove(0)
    }

    #[test]
    fn halving_weighs_neighbours_and_sees_zeros_outside() {
        assert_eq!(values(half_columns(row(&[4.0, 8.0, 12.0, 16.0]))), [4.0, 12.0]);
    }

    #[test]
    fn doubling_keeps_values_and_averages_between() {
        assert_eq!(values(double_columns(row(&[2.0, 4.0, 8.0]))), [2.0, 3.0, 4.0, 6.0, 8.0, 4.0]);
    }

    #[test]
    fn the_processors_filter_is_that_of_slices() {
        let device = crate::device::cpu();
        let values_of: Vec<f32> = (0..2 * 3 * 8 * 6).map(|i| ((i * 37 + 11) % 17) as f32 - 8.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(values_of, [2, 3, 8, 6]), &device);
        assert_eq!(values(blur_down(x.clone())), values(half_columns(half_rows(x.clone()))));
        assert_eq!(values(blur_up(x.clone())), values(double_columns(double_rows(x))));
    }

    #[test]
    fn gradients_of_the_filter_are_those_of_slices() {
        let device = crate::device::cpu().autodiff();
        let fill = |shape: [usize; 4]| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|i| ((i * 29 + 5) % 13) as f32 - 6.0).collect();
            Tensor::<4>::from_data(TensorData::new(values, shape), &device)
        };
        let gradient = |map: &dyn Fn(Tensor<4>) -> Tensor<4>| {
            let x = fill([1, 2, 4, 6]).require_grad();
            let y = map(x.clone());
            let gradients = (y.clone() * fill(y.dims())).sum().backward();
            values(x.grad(&gradients).unwrap())
        };
        assert_eq!(gradient(&blur_down), gradient(&|x| half_columns(half_rows(x))));
        assert_eq!(gradient(&blur_up), gradient(&|x| double_columns(double_rows(x))));
    }

    #[test]
    fn doubling_is_four_times_the_transpose_of_halving() {
        let device = crate::device::cpu();
        let fill = |count: usize, shape: [usize; 4]| {
            let values: Vec<f32> = (0..count).map(|i| ((i * 37 + 11) % 17) as f32 - 8.0).collect();
            Tensor::<4>::from_data(TensorData::new(values, shape), &device)
        };
        let (large, small) = (fill(2 * 3 * 8 * 6, [2, 3, 8, 6]), fill(2 * 3 * 4 * 3, [2, 3, 4, 3]));
        let left = values((blur_down(large.clone()) * small.clone()).sum().reshape([1, 1, 1, 1]))[0];
        let right = values((large * blur_up(small)).sum().reshape([1, 1, 1, 1]))[0];
        assert!((4.0 * left - right).abs() < 1e-3, "{left} {right}");
    }
}
