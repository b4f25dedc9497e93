//! A weight divided by its largest singular value.

use burn::tensor::Tensor;

/// Below that a vector is not scaled any more; PyTorch's value.
const EPSILON: f64 = 1e-12;

/// `W / σ` with `σ = uᵀ M v`, after one power iteration `u ← M v / ‖M v‖`, `v ← Mᵀ u / ‖Mᵀ u‖`, where M is the weight as a
/// matrix `[out, in · kernel²]`. Gradients take u and v as constants, as PyTorch does.
///
/// # Shapes
/// - `weight`: `[out, in, kernel, kernel]`
/// - `vectors`: u, `[out]`, and v, `[in · kernel²]`, without autodiff
/// - returns: `W / σ`, of the shape of `weight`, and the new u and v
///
/// Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
pub fn spectral_norm(weight: Tensor<4>, vectors: [Tensor<1>; 2]) -> (Tensor<4>, [Tensor<1>; 2]) {
    let [out, channels, height, width] = weight.dims();
    let columns = channels * height * width;
    let matrix: Tensor<2> = weight.clone().reshape([out, columns]);
    let constant = matrix.clone().without_autodiff();
    let [_, v] = vectors;
    let u: Tensor<2> = normalised((constant.clone() * v.reshape([1, columns])).sum_dim(1));
    let v: Tensor<2> = normalised((constant * u.clone()).sum_dim(0));
    let product = u.clone() * v.clone();
    let product = if matrix.is_autodiff() { product.autodiff() } else { product };
    let sigma = (matrix * product).sum();
    (weight / sigma.reshape([1, 1, 1, 1]), [u.reshape([out]), v.reshape([columns])])
}

/// `x / ‖x‖`
fn normalised(x: Tensor<2>) -> Tensor<2> {
    let norm: Tensor<1> = x.clone().square().sum().sqrt().clamp_min(EPSILON);
    x / norm.reshape([1, 1])
}
