//! Gradients. Each of the three sums is linear in both of its inputs, and its gradients are the other two sums.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::ConvolutionBackend;
use super::geometry::Geometry;

/// Both inputs, which the gradients need.
type Saved<B> = (FloatTensor<B>, FloatTensor<B>, Geometry);

#[derive(Debug)]
struct Convolve;

impl<B: ConvolutionBackend> Backward<B, 2> for Convolve {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node] = ops.parents;
        let y = gradients.consume::<B>(&ops.node);
        let (x, weight, geometry) = ops.state;
        if let Some(node) = x_node {
            gradients.register::<B>(node.id, B::convolve_transposed(y.clone(), weight, geometry));
        }
        if let Some(node) = weight_node {
            gradients.register::<B>(node.id, B::correlate(x, y, geometry));
        }
    }
}

#[derive(Debug)]
struct ConvolveTransposed;

impl<B: ConvolutionBackend> Backward<B, 2> for ConvolveTransposed {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [y_node, weight_node] = ops.parents;
        let x = gradients.consume::<B>(&ops.node);
        let (y, weight, geometry) = ops.state;
        if let Some(node) = y_node {
            gradients.register::<B>(node.id, B::convolve(x.clone(), weight, geometry));
        }
        if let Some(node) = weight_node {
            gradients.register::<B>(node.id, B::correlate(x, y, geometry));
        }
    }
}

impl<B: ConvolutionBackend, C: CheckpointStrategy> ConvolutionBackend for Autodiff<B, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        match Convolve.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let y = B::convolve(x.clone(), weight.clone(), geometry);
                prep.finish((x, weight, geometry), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::convolve(x.into_primitive(), weight.into_primitive(), geometry)),
        }
    }

    fn convolve_transposed(y: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        match ConvolveTransposed.prepare::<C>([y.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, weight) = (y.into_primitive(), weight.into_primitive());
                let x = B::convolve_transposed(y.clone(), weight.clone(), geometry);
                prep.finish((y, weight, geometry), x)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::convolve_transposed(y.into_primitive(), weight.into_primitive(), geometry))
            }
        }
    }

    fn correlate(_: FloatTensor<Self>, _: FloatTensor<Self>, _: Geometry) -> FloatTensor<Self> {
        unreachable!("only gradients are correlated, and burn differentiates once")
    }
}
