//! Binary cross entropy with one launch forward and one backward. Written as a formula it would take a dozen.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Binary cross entropy of logits x with the label t, averaged over the batch.
///
/// `-[t log σ(x) + (1 - t) log(1 - σ(x))] = softplus(x) - t x`, computed with `softplus(x) = max(x, 0) + log(1 +
/// exp(-|x|))`, which is stable for logits of any size. With t = 0 it is the mean of softplus.
///
/// # Shapes
/// - `logits`: `[batch]`
/// - `target`: t, in [0, 1]
/// - returns: `[1]`
pub fn mean_cross_entropy(logits: Tensor<1>, target: f32) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::mean_cross_entropy(logits.into_dispatch(), target))
}

/// [`mean_cross_entropy`] on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait CrossEntropyBackend: Backend {
    /// See [`mean_cross_entropy`].
    fn mean_cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self>;

    /// `gradient · (σ(x) - t) / batch`, the gradient of the logits, where `gradient` is that of the mean: `[1]`.
    fn cross_entropy_gradient(logits: FloatTensor<Self>, gradient: FloatTensor<Self>, target: f32)
    -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod cpu {
    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::CrossEntropyBackend;
    use crate::ops::flex::{tensor, values};

    impl CrossEntropyBackend for Flex {
        fn mean_cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self> {
            let logits = logits.to_contiguous();
            let logits = values(&logits);
            let sum: f32 = logits.iter().map(|x| x.max(0.0) - target * x + (-x.abs()).exp().ln_1p()).sum();
            tensor(vec![sum / logits.len() as f32], [1])
        }

        fn cross_entropy_gradient(
            logits: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            target: f32,
        ) -> FloatTensor<Self> {
            let [logits, gradient] = [logits, gradient].map(|tensor| tensor.to_contiguous());
            let (logits, gradient) = (values(&logits), values(&gradient)[0]);
            let share = gradient / logits.len() as f32;
            let to_logit = |x: &f32| {
                let tail = (-x.abs()).exp();
                let sigmoid = if *x >= 0.0 { 1.0 } else { tail } / (1.0 + tail);
                share * (sigmoid - target)
            };
            tensor(logits.iter().map(to_logit).collect(), [logits.len()])
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
    use crate::ops::gpu::{UNITS, add_up, cube_per_channel, empty_like, input, output, unit_per_value};

    /// One cube for all logits.
    #[cube(launch_unchecked)]
    fn mean(logits: &[f32], to: &mut [f32], count: u32, target: f32) {
        let mut parts = Shared::<[f32]>::new_slice(UNITS);
        let mut total = 0.0f32;
        for at in range_stepped(UNIT_POS_X, count, CUBE_DIM_X) {
            let x = logits[at as usize];
            total += f32::max(x, 0.0f32) - target * x + (1.0f32 + (-x.abs()).exp()).ln();
        }
        let total = add_up(total, &mut parts);
        if UNIT_POS_X == 0 {
            to[0] = total / f32::cast_from(count);
        }
    }

    /// A unit for each logit. `share` is `1 / batch`.
    #[cube(launch_unchecked)]
    fn gradients(logits: &[f32], gradient: &[f32], to: &mut [f32], target: f32, share: f32) {
        if ABSOLUTE_POS < logits.len() {
            let x = logits[ABSOLUTE_POS];
            let tail = (-x.abs()).exp();
            let sigmoid = select(x >= 0.0f32, 1.0f32, tail) / (1.0f32 + tail);
            to[ABSOLUTE_POS] = gradient[0] * share * (sigmoid - target);
        }
    }

    impl CrossEntropyBackend for Cube {
        fn mean_cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self> {
            let (loss, count) = (empty_like(&logits, [1]), logits.meta.num_elements() as u32);
            let (client, (cubes, cube)) = (logits.client.clone(), cube_per_channel(&logits, 1));
            let (logits, to) = (input(logits), output(&loss));
            // SAFETY: the kernel reads the logits only.
            unsafe { mean::launch_unchecked(&client, cubes, cube, logits, to, count, target) };
            loss
        }

        fn cross_entropy_gradient(
            logits: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            target: f32,
        ) -> FloatTensor<Self> {
            let to_logits = empty_like(&logits, logits.meta.shape().clone());
            let (client, (cubes, cube)) = (logits.client.clone(), unit_per_value(&logits));
            let share = 1.0 / logits.meta.num_elements() as f32;
            let ([logits, gradient], to) = ([logits, gradient].map(input), output(&to_logits));
            // SAFETY: the kernel stops at the end of the logits.
            unsafe { gradients::launch_unchecked(&client, cubes, cube, logits, gradient, to, target, share) };
            to_logits
        }
    }
}

#[derive(Debug)]
struct MeanCrossEntropy;

impl<B: CrossEntropyBackend> Backward<B, 1> for MeanCrossEntropy {
    /// The logits and the label.
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
    fn mean_cross_entropy(logits: FloatTensor<Self>, target: f32) -> FloatTensor<Self> {
        match MeanCrossEntropy.prepare::<C>([logits.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let logits = logits.into_primitive();
                let output = B::mean_cross_entropy(logits.clone(), target);
                prep.finish((logits, target), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::mean_cross_entropy(logits.into_primitive(), target)),
        }
    }

    fn cross_entropy_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>, _: f32) -> FloatTensor<Self> {
        unreachable!("burn differentiates once")
    }
}
