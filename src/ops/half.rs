//! Half precision on graphics devices: numbers of 16 bits (IEEE binary16) where many are kept and read, sums in 32 bits.
//!
//! A training step holds in memory what its convolutions keep for their gradients, and spends its time on reading that again.
//! So within [`in_half`] a layer rounds its weight and its input with [`halved`] before it convolves them. The convolution reads
//! and keeps numbers of half the size, in shared memory too, and adds its products up in 32 bits. Everything else stays as it is:
//! the weights that Adam moves (a rounded copy lives for one pass), statistics, losses, what a convolution returns, and all
//! gradients.
//!
//! Gradients are never rounded, so a loss needs no scale: those of one pixel lie far below 6e-5, under which binary16 loses its
//! digits, while weights and activations lie well within its range. For the same reason tangents are not rounded, which are
//! gradients by their size. To a gradient rounding is the identity, as it is in every training of this kind (Micikevicius et al.
//! 2018, arXiv:1710.03740, who keep weights in 32 bits too).

use std::cell::Cell;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

thread_local! {
    static IS_HALF: Cell<bool> = const { Cell::new(false) };
}

/// Runs `compute`, and if `is_half` has the layers that this thread passes through meanwhile convolve in half precision. On
/// the CPU nothing changes. A graphics device must have [`has_half`].
pub fn in_half<T>(is_half: bool, compute: impl FnOnce() -> T) -> T {
    /// Puts back what was there before, also when `compute` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_HALF.set(self.0);
        }
    }
    let _restore = Restore(IS_HALF.replace(is_half));
    compute()
}

/// Whether layers convolve in half precision now.
pub(super) fn is_half() -> bool {
    IS_HALF.get()
}

/// Whether a device computes with numbers of 16 bits: `shader-f16` in WebGPU.
pub fn has_half(device: &burn::tensor::Device) -> bool {
    device.supports_dtype(burn::tensor::DType::F16)
}

/// Within [`in_half`] and on a graphics device: `x` rounded to numbers of 16 bits, those beyond ±65,504 to these. Only for
/// operations that know what to do with such numbers: convolutions. Elsewhere `x` itself.
pub fn halved<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if is_half() { Tensor::from_dispatch(Dispatch::halved(x.into_dispatch())) } else { x }
}

/// Rounding on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait HalfBackend: Backend {
    /// `x` in numbers of 16 bits, where the backend computes with such.
    fn halved(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
impl HalfBackend for burn::backend::Flex {
    fn halved(x: FloatTensor<Self>) -> FloatTensor<Self> {
        x
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn::tensor::DType;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::HalfBackend;
    use crate::ops::gpu::{element, empty_stored_as, input, output, unit_per_value};

    /// The largest number of 16 bits.
    const LARGEST: f32 = 65_504.0;

    /// `value` in the precision in which it is to be stored. NaN stays NaN.
    #[cube]
    pub fn stored<S: Float>(value: f32) -> S {
        let largest = comptime!(LARGEST);
        let value = select(value > largest, largest, value);
        S::cast_from(select(value < -largest, -largest, value))
    }

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn round<S: Float>(x: &[f32], to: &mut [S], #[define(S)] _stored: ElemType) {
        if ABSOLUTE_POS < x.len() {
            to[ABSOLUTE_POS] = stored::<S>(x[ABSOLUTE_POS]);
        }
    }

    impl HalfBackend for Cube {
        fn halved(x: FloatTensor<Self>) -> FloatTensor<Self> {
            if x.dtype == DType::F16 {
                return x;
            }
            let rounded = empty_stored_as(DType::F16, &x, x.meta.shape().clone());
            let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
            let (x, to, element) = (input(x), output(&rounded), element(&rounded));
            // SAFETY: the kernel stops at the end of the input.
            unsafe { round::launch_unchecked(&client, cubes, cube, x, to, element) };
            rounded
        }
    }
}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(super) use gpu::stored;

#[derive(Debug)]
struct Halved;

impl<B: HalfBackend> Backward<B, 1> for Halved {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        if let Some(node) = node {
            gradients.register::<B>(node.id, gradient);
        }
    }
}

impl<B: HalfBackend, C: CheckpointStrategy> HalfBackend for Autodiff<B, C> {
    fn halved(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match Halved.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), B::halved(x.into_primitive())),
            OpsKind::UnTracked(prep) => prep.finish(B::halved(x.into_primitive())),
        }
    }
}
