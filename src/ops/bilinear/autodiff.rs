//! The gradient of resizing, which is linear: its transpose.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::{BilinearBackend, Resizing};

#[derive(Debug)]
struct Bilinear;

impl<B: BilinearBackend> Backward<B, 1> for Bilinear {
    type State = Resizing;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            gradients.register::<B>(node.id, B::bilinear_back(gradient, ops.state));
        }
    }
}

impl<B: BilinearBackend, C: CheckpointStrategy> BilinearBackend for Autodiff<B, C> {
    fn bilinear(x: FloatTensor<Self>, resizing: Resizing) -> FloatTensor<Self> {
        let prep = Bilinear.prepare::<C>([x.node()]).compute_bound().stateful();
        let y = B::bilinear(x.into_primitive(), resizing);
        match prep {
            OpsKind::Tracked(prep) => prep.finish(resizing, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn bilinear_back(_: FloatTensor<Self>, _: Resizing) -> FloatTensor<Self> {
        unreachable!("only gradients are mapped back, and burn differentiates once")
    }
}
