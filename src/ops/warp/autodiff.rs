//! The gradient of a warp, which is linear: its transpose.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::WarpBackend;

#[derive(Debug)]
struct WarpStep;

impl<B: WarpBackend> Backward<B, 1> for WarpStep {
    /// The warps.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            gradients.register::<B>(node.id, B::warp_back(gradient, ops.state));
        }
    }
}

impl<B: WarpBackend, C: CheckpointStrategy> WarpBackend for Autodiff<B, C> {
    fn warp(x: FloatTensor<Self>, warps: FloatTensor<Self>) -> FloatTensor<Self> {
        let warps = warps.into_primitive();
        let prep = WarpStep.prepare::<C>([x.node()]).compute_bound().stateful();
        let y = B::warp(x.into_primitive(), warps.clone());
        match prep {
            OpsKind::Tracked(prep) => prep.finish(warps, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn warp_back(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("only gradients are mapped back, and burn differentiates once")
    }
}
