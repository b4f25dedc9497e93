//! The adversarial losses of both networks.
//!
//! r and f are logits of real and generated pictures, all means over the batch; sources stand with [`Loss`].

use burn::tensor::Tensor;

use crate::config::Loss;
use crate::ops::mean_cross_entropy;

/// `mean log(1 + exp x)`
fn mean_softplus(x: Tensor<1>) -> Tensor<1> {
    mean_cross_entropy(x, 0.0)
}

/// `BCE(l, y) = mean(softplus(l) - y l)`, stable for logits of any size.
///
/// # Shapes
/// - `logits`: `[batch]`, raw scores
/// - `target`: the label y of all of them, in [0, 1]
/// - returns: `[1]`
pub fn bce_with_logits(logits: Tensor<1>, target: f64) -> Tensor<1> {
    mean_cross_entropy(logits, target as f32)
}

/// The discriminator's loss.
///
/// | loss | L_D |
/// |---|---|
/// | BCE | `BCE(r, 1 - smoothing) + BCE(f, 0)` |
/// | hinge | `mean max(0, 1-r) + mean max(0, 1+f)` |
/// | Wasserstein | `mean f - mean r` |
/// | LSGAN | `½ mean (r-1)² + ½ mean f²` |
/// | relativistic | `mean softplus(-(r-f))`, paired by position |
/// | relativistic average | `mean softplus(-(r - mean f)) + mean softplus(f - mean r)` |
///
/// # Shapes
/// - `real`, `fake`: `[batch]`
/// - `label_smoothing`: how far the label of real pictures is below 1; for BCE only
/// - returns: `[1]`
pub fn discriminator_loss(loss: Loss, label_smoothing: f64, real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    match loss {
        Loss::Bce => bce_with_logits(real, 1.0 - label_smoothing) + bce_with_logits(fake, 0.0),
        Loss::Hinge => (real.neg() + 1.0).clamp_min(0.0).mean() + (fake + 1.0).clamp_min(0.0).mean(),
        Loss::Wasserstein => fake.mean() - real.mean(),
        Loss::Lsgan => ((real - 1.0).square().mean() + fake.square().mean()) * 0.5,
        Loss::Relativistic => mean_softplus(fake - real),
        Loss::RelativisticAvg => {
            let (mean_real, mean_fake) = (real.clone().mean(), fake.clone().mean());
            mean_softplus(mean_fake - real) + mean_softplus(fake - mean_real)
        }
    }
}

/// The generator's loss.
///
/// | loss | L_G |
/// |---|---|
/// | BCE | `BCE(f, 1)` |
/// | hinge, Wasserstein | `-mean f` |
/// | LSGAN | `½ mean (f-1)²` |
/// | relativistic | `mean softplus(-(f-r))`, paired by position |
/// | relativistic average | `mean softplus(-(f - mean r)) + mean softplus(r - mean f)` |
///
/// # Shapes
/// - `real`, `fake`: `[batch]`; `real` only counts where [`generator_loss_needs_real`]
/// - returns: `[1]`
pub fn generator_loss(loss: Loss, real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    match loss {
        Loss::Bce => bce_with_logits(fake, 1.0),
        Loss::Hinge | Loss::Wasserstein => fake.mean().neg(),
        Loss::Lsgan => (fake - 1.0).square().mean() * 0.5,
        Loss::Relativistic => mean_softplus(real - fake),
        Loss::RelativisticAvg => {
            let (mean_real, mean_fake) = (real.clone().mean(), fake.clone().mean());
            mean_softplus(mean_real - fake) + mean_softplus(real - mean_fake)
        }
    }
}

/// Whether the generator's loss compares with real pictures, which the discriminator then has to score once more.
pub fn generator_loss_needs_real(loss: Loss) -> bool {
    matches!(loss, Loss::Relativistic | Loss::RelativisticAvg)
}
