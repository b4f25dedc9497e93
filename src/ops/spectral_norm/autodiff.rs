//! The gradient of a weight that is divided by its largest singular value.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

use super::SpectralNormBackend;

#[derive(Debug)]
struct SpectralNorm;

/// What the gradient needs of the forward pass.
#[derive(Clone, Debug)]
struct Normalised<B: Backend> {
    /// `W / σ`
    weight: FloatTensor<B>,
    u: FloatTensor<B>,
    v: FloatTensor<B>,
    sigma: FloatTensor<B>,
}

impl<B: SpectralNormBackend> Backward<B, 1> for SpectralNorm {
    type State = Normalised<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = gradients.consume::<B>(&ops.node);
        let Normalised { weight, u, v, sigma } = ops.state;
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::spectral_norm_gradient(gradient, weight, u, v, sigma));
        }
    }
}

impl<B: SpectralNormBackend, C: CheckpointStrategy> SpectralNormBackend for Autodiff<B, C> {
    fn spectral_norm(
        weight: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let prep = SpectralNorm.prepare::<C>([weight.node()]).compute_bound().stateful();
        let (weight, u, v, sigma) = B::spectral_norm(weight.into_primitive(), v.into_primitive());
        let [constant_u, constant_v, constant_sigma] =
            [&u, &v, &sigma].map(|tensor| FloatTensor::<Self>::new(tensor.clone()));
        let normalised = match prep {
            OpsKind::Tracked(prep) => prep.finish(Normalised { weight: weight.clone(), u, v, sigma }, weight),
            OpsKind::UnTracked(prep) => prep.finish(weight),
        };
        (normalised, constant_u, constant_v, constant_sigma)
    }

    fn spectral_norm_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("burn differentiates once")
    }
}
