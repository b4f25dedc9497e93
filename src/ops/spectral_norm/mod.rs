//! A weight divided by its largest singular value: three launches forward and two backward on a graphics device.
//! Written as a formula it would take two dozen.

mod autodiff;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// A vector shorter than this is divided by it instead of by its length; PyTorch's value.
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
const EPSILON: f32 = 1e-12;

/// `W / σ` with `σ = uᵀ M v`, after one power iteration `u ← M v / ‖M v‖`, `v ← Mᵀ u / ‖Mᵀ u‖`, where M is the weight as a
/// matrix `[out, in · kernel²]`. Gradients take u and v as constants, as PyTorch does.
///
/// # Shapes
/// - `weight`: `[out, in, kernel, kernel]`
/// - `vectors`: u, `[out]`, and v, `[in · kernel²]`, without autodiff
/// - returns: `W / σ`, of the shape of `weight`, and the new u and v, without autodiff
///
/// Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
pub fn spectral_norm(weight: Tensor<4>, vectors: [Tensor<1>; 2]) -> (Tensor<4>, [Tensor<1>; 2]) {
    let [_, v] = vectors;
    let v = if weight.is_autodiff() { v.autodiff() } else { v };
    let (normalised, u, v, _) = Dispatch::spectral_norm(weight.into_dispatch(), v.into_dispatch());
    (Tensor::from_dispatch(normalised), [u, v].map(|vector| Tensor::from_dispatch(vector).without_autodiff()))
}

/// [`spectral_norm`] on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait SpectralNormBackend: Backend {
    /// See [`spectral_norm`]: `(W / σ, u, v, σ)` for a weight and v. σ is `[1]`.
    fn spectral_norm(
        weight: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `(∂ - ⟨∂, W/σ⟩ u vᵀ) / σ`, the gradient of the weight, where ∂ is that of `normalised = W/σ`.
    fn spectral_norm_gradient(
        gradient: FloatTensor<Self>,
        normalised: FloatTensor<Self>,
        u: FloatTensor<Self>,
        v: FloatTensor<Self>,
        sigma: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}
