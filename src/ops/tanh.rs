//! The hyperbolic tangent of whole pictures. A processor computes it in vectors and on all threads, a graphics device
//! in one launch forward and one backward.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// `tanh(x)`, value by value.
///
/// # Shapes
/// Any; the result has the shape of `x`.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::picture_tanh(x.into_dispatch()))
}

/// [`tanh`] on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait TanhBackend: Backend {
    /// See [`tanh`].
    fn picture_tanh(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `gradient (1 - y²)`, the gradient of x, where `y = tanh(x)`.
    fn picture_tanh_gradient(y: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod cpu {
    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::TanhBackend;
    use crate::ops::flex::{tensor, values};
    use crate::ops::parallel::zip;

    impl TanhBackend for Flex {
        fn picture_tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
            let x = x.to_contiguous();
            tensor(zip([values(&x)], |[x]| tanh(x)), x.layout().shape().clone())
        }

        fn picture_tanh_gradient(y: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
            let (y, gradient) = (y.to_contiguous(), gradient.to_contiguous());
            let of_x = zip([values(&y), values(&gradient)], |[y, gradient]| gradient * (1.0 - y * y));
            tensor(of_x, y.layout().shape().clone())
        }
    }

    /// A quotient of two polynomials in x², with the coefficients of the library Eigen (`generic_fast_tanh_float`).
    /// Compilers turn it into vector code, while the standard library's is a call for each value. NaN stays NaN.
    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        /// From here on tanh is 1 to the precision of a float.
        const END: f32 = 7.905_311;
        /// Coefficients of the numerator, highest power first.
        const NUMERATOR: [f32; 7] = [
            -2.760_768_4e-16,
            2.000_188e-13,
            -8.604_672e-11,
            5.122_297e-8,
            1.485_722_4e-5,
            6.372_619e-4,
            4.893_524_6e-3,
        ];
        /// Coefficients of the denominator, highest power first.
        const DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
        let x = if x > END { END } else { x };
        let x = if x < -END { -END } else { x };
        let square = x * x;
        let polynomial =
            |coefficients: &[f32]| coefficients.iter().fold(0.0, |sum, coefficient| sum * square + coefficient);
        x * polynomial(&NUMERATOR) / polynomial(&DENOMINATOR)
    }

    #[cfg(test)]
    mod tests {
        use super::tanh;

        #[test]
        fn within_a_few_ulps_of_the_standard_librarys() {
            for step in -40_000..=40_000 {
                let x = step as f32 / 4000.0;
                let error = (f64::from(tanh(x)) - f64::from(x).tanh()).abs();
                assert!(
                    error <= 4.0 * f64::from(f32::EPSILON) * f64::from(x).tanh().abs(),
                    "tanh({x}) is off by {error}"
                );
            }
            for x in [1e-30_f32, 1e-10, 0.0, 20.0, f32::MAX, f32::INFINITY] {
                for x in [x, -x] {
                    let error = (f64::from(tanh(x)) - f64::from(x).tanh()).abs();
                    assert!(error <= 4.0 * f64::from(f32::EPSILON) * f64::from(x).tanh().abs(), "{x}: {error}");
                }
            }
            assert!(tanh(f32::NAN).is_nan());
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::TanhBackend;
    use crate::ops::gpu::{empty_like, input, output, unit_per_value};

    /// Beyond this tanh is 1 in single precision.
    const FLAT: f32 = 9.1;

    /// A unit for each value. Some drivers, Metal's among them, compute `(t - 1) / (t + 1)` with `t = exp(2x)`, which is no number for
    /// large values.
    #[cube(launch_unchecked)]
    fn forward(x: &[f32], y: &mut [f32]) {
        if ABSOLUTE_POS < x.len() {
            let value = x[ABSOLUTE_POS];
            let value = select(value > FLAT, FLAT, value);
            y[ABSOLUTE_POS] = select(value < -FLAT, -FLAT, value).tanh();
        }
    }

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn backward(y: &[f32], gradient: &[f32], of_x: &mut [f32]) {
        if ABSOLUTE_POS < y.len() {
            let y = y[ABSOLUTE_POS];
            of_x[ABSOLUTE_POS] = gradient[ABSOLUTE_POS] * (1.0f32 - y * y);
        }
    }

    impl TanhBackend for Cube {
        fn picture_tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
            let y = empty_like(&x, x.meta.shape().clone());
            let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
            let (x, to) = (input(x), output(&y));
            // SAFETY: the kernel stops at the end of the input.
            unsafe { forward::launch_unchecked(&client, cubes, cube, x, to) };
            y
        }

        fn picture_tanh_gradient(y: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
            let of_x = empty_like(&y, y.meta.shape().clone());
            let (client, (cubes, cube)) = (y.client.clone(), unit_per_value(&y));
            let ([y, gradient], to) = ([y, gradient].map(input), output(&of_x));
            // SAFETY: the kernel stops at the end of the output, and the gradient has its length.
            unsafe { backward::launch_unchecked(&client, cubes, cube, y, gradient, to) };
            of_x
        }
    }
}

#[derive(Debug)]
struct Tanh;

impl<B: TanhBackend> Backward<B, 1> for Tanh {
    /// The output.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::picture_tanh_gradient(ops.state, gradient));
        }
    }
}

impl<B: TanhBackend, C: CheckpointStrategy> TanhBackend for Autodiff<B, C> {
    fn picture_tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let prep = Tanh.prepare::<C>([x.node()]).compute_bound().stateful();
        let y = B::picture_tanh(x.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => prep.finish(y.clone(), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn picture_tanh_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("burn differentiates once")
    }
}
