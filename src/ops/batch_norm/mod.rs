//! Batch norm and the LeakyReLU after it: two passes over memory forward and two backward. Written as formulas they
//! would take two dozen.

mod autodiff;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Batch norm as one affine map of each channel, `y = scale · x + shift`, and the statistics it is made of: the rows of
/// a tensor `[Affine::ROWS, channels]`.
struct Affine;

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
impl Affine {
    const ROWS: usize = 5;
    /// μ
    const MEAN: usize = 0;
    /// σ², biased.
    const VARIANCE: usize = 1;
    /// `1 / √(σ² + ε)`
    const INVERSE: usize = 2;
    /// `γ · inverse`
    const SCALE: usize = 3;
    /// `β - μ · scale`
    const SHIFT: usize = 4;
}

/// The constants of a batch norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// ε, added to the variance.
    pub epsilon: f32,
    /// Weight of the newest batch in the running statistics, in [0, 1].
    pub momentum: f32,
    /// Slope of the LeakyReLU after it for negative values: 0 makes it a ReLU, 1 leaves it out.
    pub slope: f32,
}

/// Batch norm and a LeakyReLU: `y = f(γ (x - μ)/√(σ² + ε) + β)`, with mean μ and biased variance σ² of each channel
/// over the batch, and with `f` the LeakyReLU. Also moves the running mean and variance towards the batch's. As in
/// PyTorch, the running variance is the unbiased one: σ² M/(M-1), where M is the number of values of a channel.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `gamma`, `beta`: `[channels]`
/// - `running`: mean and variance, `[channels]` each, without autodiff
/// - returns: `y`, of the shape of `x`, and the new running mean and variance
///
/// Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    running: [Tensor<1>; 2],
    normalization: Normalization,
) -> (Tensor<4>, [Tensor<1>; 2]) {
    let [gamma, beta] = [gamma, beta].map(Tensor::into_dispatch);
    let [mean, variance] = running.map(|running| running.autodiff().into_dispatch());
    let (y, mean, variance) =
        Dispatch::batch_norm_leaky_relu(x.into_dispatch(), gamma, beta, mean, variance, normalization);
    (Tensor::from_dispatch(y), [mean, variance].map(|running| Tensor::from_dispatch(running).without_autodiff()))
}

/// The factor from the biased variance of `count` values to the unbiased one. A single value has no unbiased variance:
/// 1.
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
fn unbias(count: u32) -> f32 {
    let count = count as f32;
    count / (count - 1.0).max(1.0)
}

/// Batch norm as a whole, which autodiff differentiates in one step.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait BatchNormBackend: Backend {
    /// See [`batch_norm`]: `(y, running mean, running variance)`.
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The passes over memory. `affine` is an [`Affine`], and f the LeakyReLU of the given slope.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
)]
pub trait AffineBackend: Backend {
    /// The [`Affine`] of `x`, and the new running mean and variance.
    fn channel_affine(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `f(scale · x + shift)`
    fn affine_leaky_relu(x: FloatTensor<Self>, affine: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// `(∂γ, ∂β)` for a gradient of y.
    fn affine_parameter_gradients(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `∂x = scale · [∂ - ∂β/M - x̂ ∂γ/M]`, where ∂ is the gradient before the LeakyReLU, x̂ the normalised x, and M
    /// the number of values of a channel.
    fn affine_input_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        gamma_gradient: FloatTensor<Self>,
        beta_gradient: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;
}

/// The output, the [`Affine`] that made it, which the gradient needs, and the new running statistics.
struct Normalized<B: Backend> {
    y: FloatTensor<B>,
    affine: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
}

/// The forward pass, on any backend.
fn normalize<B: AffineBackend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    normalization: Normalization,
) -> Normalized<B> {
    let (affine, mean, variance) = B::channel_affine(x.clone(), gamma, beta, mean, variance, normalization);
    let y = B::affine_leaky_relu(x, affine.clone(), normalization.slope);
    Normalized { y, affine, mean, variance }
}

#[cfg(feature = "flex")]
impl BatchNormBackend for burn::backend::Flex {
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let normalized = normalize::<Self>(x, gamma, beta, mean, variance, normalization);
        (normalized.y, normalized.mean, normalized.variance)
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl BatchNormBackend for burn::backend::Cube {
    fn batch_norm_leaky_relu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        normalization: Normalization,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let normalized = normalize::<Self>(x, gamma, beta, mean, variance, normalization);
        (normalized.y, normalized.mean, normalized.variance)
    }
}
