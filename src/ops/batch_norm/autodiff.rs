//! The gradient of batch norm and LeakyReLU together.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::{AffineBackend, BatchNormBackend, Normalization, normalize};

#[derive(Debug)]
struct BatchNormLeakyRelu;

impl<B: AffineBackend> Backward<B, 3> for BatchNormLeakyRelu {
    /// The input, its affine map, and the slope.
    type State = (FloatTensor<B>, FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, gamma_node, beta_node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        let (x, affine, slope) = ops.state;
        let (gamma, beta) = B::affine_parameter_gradients(x.clone(), gradient.clone(), affine.clone(), slope);
        if let Some(node) = x_node {
            let to_x = B::affine_input_gradient(x, gradient, affine, gamma.clone(), beta.clone(), slope);
            gradients.register::<B>(node.id, to_x);
        }
        if let Some(node) = gamma_node {
            gradients.register::<B>(node.id, gamma);
        }
        if let Some(node) = beta_node {
            gradients.register::<B>(node.id, beta);
        }
    }
}

impl<B: AffineBackend, C: CheckpointStrategy> BatchNormBackend for Autodiff<B, C> {
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let prep = BatchNormLeakyRelu.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful();
        let [x, gamma, beta, mean, variance] = [x, gamma, beta, mean, variance].map(|tensor| tensor.into_primitive());
        let normalized = normalize::<B>(x.clone(), gamma, beta, mean, variance, normalization);
        let y = match prep {
            OpsKind::Tracked(prep) => prep.finish((x, normalized.affine, normalization.slope), normalized.y),
            OpsKind::UnTracked(prep) => prep.finish(normalized.y),
        };
        (y, FloatTensor::<Self>::new(normalized.mean), FloatTensor::<Self>::new(normalized.variance))
    }
}
