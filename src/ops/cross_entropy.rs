//! Binary cross entropy in one launch each way, where its formula takes ten on a graphics device.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Of each logit x with the label t: `softplus(x) - t x = -[t log σ(x) + (1 - t) log(1 - σ(x))]`, by
/// `softplus(x) = max(x, 0) + log(1 + exp(-|x|))`, which is stable for logits of any size. With t = 0 it is softplus.
///
/// # Shapes
/// - `logits`: `[batch]`
/// - `target`: in [0, 1]
/// - returns: `[batch]`
pub fn cross_entropy(logits: Tensor<1>, target: f32) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::cross_entropy(logits.into_dispatch(), target))
}

/// What a backend computes.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait CrossEntropyBackend: Backend {
    /// See [`cross_entropy`].
    fn cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self>;

    /// `gradient · (σ(x) - t)`
    fn cross_entropy_gradient(logits: FloatTensor<Self>, gradient: FloatTensor<Self>, target: f32)
    -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod cpu {
    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::CrossEntropyBackend;
    use crate::ops::flex::{tensor, values};
    use crate::ops::parallel::zip;

    impl CrossEntropyBackend for Flex {
        fn cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self> {
            let logits = logits.to_contiguous();
            let losses = zip([values(&logits)], move |[x]| x.max(0.0) - target * x + (-x.abs()).exp().ln_1p());
            tensor(losses, logits.layout().shape().clone())
        }

        fn cross_entropy_gradient(
            logits: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            target: f32,
        ) -> FloatTensor<Self> {
            let [logits, gradient] = [logits, gradient].map(|tensor| tensor.to_contiguous());
            let to_logits = zip([&logits, &gradient].map(values), move |[x, gradient]| {
                let tail = (-x.abs()).exp();
                let sigmoid = if x >= 0.0 { 1.0 } else { tail } / (1.0 + tail);
                gradient * (sigmoid - target)
            });
            tensor(to_logits, logits.layout().shape().clone())
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::CrossEntropyBackend;
    use crate::ops::gpu::{empty_like, input, output, unit_per_value};

    #[cube(launch_unchecked)]
    fn losses(logits: &[f32], to: &mut [f32], target: f32) {
        if ABSOLUTE_POS < logits.len() {
            let x = logits[ABSOLUTE_POS];
            to[ABSOLUTE_POS] = f32::max(x, 0.0f32) - target * x + (1.0f32 + (-x.abs()).exp()).ln();
        }
    }

    #[cube(launch_unchecked)]
    fn gradients(logits: &[f32], gradient: &[f32], to: &mut [f32], target: f32) {
        if ABSOLUTE_POS < logits.len() {
            let x = logits[ABSOLUTE_POS];
            let tail = (-x.abs()).exp();
            let sigmoid = select(x >= 0.0f32, 1.0f32, tail) / (1.0f32 + tail);
            to[ABSOLUTE_POS] = gradient[ABSOLUTE_POS] * (sigmoid - target);
        }
    }

    impl CrossEntropyBackend for Cube {
        fn cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self> {
            let of_each = empty_like(&logits, logits.meta.shape().clone());
            let (client, (cubes, cube)) = (logits.client.clone(), unit_per_value(&logits));
            let (logits, to) = (input(logits), output(&of_each));
            // SAFETY: the kernel stops at the logits' end.
            unsafe { losses::launch_unchecked(&client, cubes, cube, logits, to, target) };
            of_each
        }

        fn cross_entropy_gradient(
            logits: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            target: f32,
        ) -> FloatTensor<Self> {
            let to_logits = empty_like(&logits, logits.meta.shape().clone());
            let (client, (cubes, cube)) = (logits.client.clone(), unit_per_value(&logits));
            let ([logits, gradient], to) = ([logits, gradient].map(input), output(&to_logits));
            // SAFETY: the kernel stops at the logits' end, and the gradient is as long.
            unsafe { gradients::launch_unchecked(&client, cubes, cube, logits, gradient, to, target) };
            to_logits
        }
    }
}

#[derive(Debug)]
struct CrossEntropy;

impl<B: CrossEntropyBackend> Backward<B, 1> for CrossEntropy {
    type State = (FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let (logits, target) = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::cross_entropy_gradient(logits, gradient, target));
        }
    }
}

impl<B: CrossEntropyBackend, C: CheckpointStrategy> CrossEntropyBackend for Autodiff<B, C> {
    fn cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self> {
        match CrossEntropy.prepare::<C>([logits.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let logits = logits.into_primitive();
                let output = B::cross_entropy(logits.clone(), target);
                prep.finish((logits, target), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::cross_entropy(logits.into_primitive(), target)),
        }
    }

    fn cross_entropy_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>, _: f32) -> FloatTensor<Self> {
        unreachable!("burn differentiates once")
    }
}
