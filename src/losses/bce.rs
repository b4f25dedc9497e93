//! Binary cross entropy, non-saturating: Goodfellow et al. 2014, arXiv:1406.2661, section 3.

use burn::tensor::{Tensor, activation::log_sigmoid};

/// `BCE(l, y) = mean(softplus(l) - y l)`, stable for logits of any size.
///
/// # Shapes
/// - `logits`: `[batch]`, raw scores
/// - `target`: the label y of all of them, in [0, 1]
/// - returns: `[1]`
pub fn bce_with_logits(logits: Tensor<1>, target: f64) -> Tensor<1> {
    // softplus(l) = -log(sigmoid(-l)); burn's log_sigmoid subtracts the maximum before it exponentiates.
    (log_sigmoid(logits.clone().neg()).neg() - logits.mul_scalar(target)).mean()
}

/// The discriminator's two halves: `(BCE(real, 1), BCE(fake, 0))`; their sum is its loss.
///
/// # Shapes
/// - `logits_real`, `logits_fake`: `[batch]`
/// - returns: `[1]` each
pub fn discriminator_bce(logits_real: Tensor<1>, logits_fake: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
    (bce_with_logits(logits_real, 1.0), bce_with_logits(logits_fake, 0.0))
}

/// The generator's loss in its non-saturating form, `BCE(fake, 1)`.
///
/// # Shapes
/// - `logits_fake`: `[batch]`
/// - returns: `[1]`
pub fn generator_bce(logits_fake: Tensor<1>) -> Tensor<1> {
    bce_with_logits(logits_fake, 1.0)
}
