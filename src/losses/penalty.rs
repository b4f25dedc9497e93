//! R1 and R2: `γ/2 · mean ‖∇ₓD(x)‖²` on real and on generated pictures (Mescheder et al. 2018, arXiv:1801.04406; both
//! together: Huang et al. 2024, arXiv:2501.05441).
//!
//! burn has no second derivatives, and needs none here. With `v = ∇ₓD(x)` held fixed, the weight gradient of
//! `½‖∇ₓD(x)‖²` is that of the directional derivative `D'(x)[v]`: both are `Σᵢ vᵢ ∂(∇ₓD)ᵢ/∂θ`. So a step takes `v` by one
//! backward to the pictures, pushes it forward through the discriminator beside the pictures ([`Dual`]), and adds
//! [`penalty`] to its loss. The result is exact, not an approximation.
//!
//! [`Dual`]: crate::ops::Dual

use burn::tensor::Tensor;

/// `∇ₓ Σᵢ D(xᵢ)`: the gradient of each picture's own logit, as long as the logit of one picture does not depend on the
/// others.
///
/// # Shapes
/// - `image`: `[batch, channels, height, width]` without autodiff
/// - `discriminate`: from pictures to `[batch]` logits; its weights should not require gradients
/// - returns: as `image`, without autodiff
pub fn input_gradient(image: Tensor<4>, discriminate: impl FnOnce(Tensor<4>) -> Tensor<1>) -> Tensor<4> {
    let image = image.autodiff().require_grad();
    let mut gradients = discriminate(image.clone()).sum().backward();
    match image.grad_remove(&mut gradients) {
        Some(gradient) => gradient.without_autodiff(),
        // A discriminator that does not look at its input at all.
        None => image.without_autodiff().zeros_like(),
    }
}

/// A loss whose value is `γ mean ‖∇ₓD(x)‖²`, twice the penalty, and whose weight gradient is exactly that of
/// `γ/2 mean ‖∇ₓD(x)‖²`.
///
/// # Shapes
/// - `directional_derivative`: `[batch]`, `D'(xᵢ)[vᵢ]` for `vᵢ = ∇ₓD(xᵢ)`
/// - returns: `[1]`
pub fn penalty(gamma: f64, directional_derivative: Tensor<1>) -> Tensor<1> {
    directional_derivative.mean() * gamma
}

/// `‖vᵢ‖²` of each picture.
///
/// # Shapes
/// - `gradient`: `[batch, channels, height, width]`
/// - returns: `[batch]`
pub fn squared_norms(gradient: Tensor<4>) -> Tensor<1> {
    gradient.square().flatten::<2>(1, 3).sum_dim(1).squeeze_dim(1)
}
