//! Adam's update of one parameter in one pass over memory, where its formula takes fourteen.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// The constants of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Decay of the first and of the second moment.
    pub betas: [f32; 2],
    /// What the gradient and its square count for, `1 - β`: told, as floats near 1 would lose it.
    pub shares: [f32; 2],
    /// What the two moments are divided by, `1 - βᵗ`.
    pub corrections: [f32; 2],
    /// Step size.
    pub lr: f32,
    /// Added outside the root.
    pub eps: f32,
}

/// One update (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1): `[p, m, v]` as they are after it.
///
/// `m' = β₁m + (1-β₁)g`, `v' = β₂v + (1-β₂)g²`, `p' = p - lr · [m'/(1-β₁ᵗ)] / [√(v'/(1-β₂ᵗ)) + eps]`
///
/// # Shapes
/// All the same. None has autodiff.
pub fn adam([p, m, v]: [Tensor<1>; 3], gradient: Tensor<1>, step: AdamStep) -> [Tensor<1>; 3] {
    let [p, m, v, gradient] = [p, m, v, gradient].map(Tensor::into_dispatch);
    let (p, m, v) = Dispatch::adam(p, m, v, gradient, step);
    [p, m, v].map(Tensor::from_dispatch)
}

/// What a backend computes.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
)]
pub trait AdamBackend: Backend {
    /// See [`adam`].
    fn adam(
        p: FloatTensor<Self>,
        m: FloatTensor<Self>,
        v: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

#[cfg(feature = "flex")]
mod cpu {
    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::{AdamBackend, AdamStep};
    use crate::ops::flex::{tensor, values};
    use crate::ops::parallel::zip;

    impl AdamBackend for Flex {
        fn adam(
            p: FloatTensor<Self>,
            m: FloatTensor<Self>,
            v: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            step: AdamStep,
        ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
            let AdamStep { betas, shares, corrections, lr, eps } = step;
            let [p, m, v, gradient] = [p, m, v, gradient].map(|tensor| tensor.to_contiguous());
            let [p, m, v, gradient] = [&p, &m, &v, &gradient].map(values);
            let m = zip([m, gradient], move |[m, g]| m * betas[0] + g * shares[0]);
            let v = zip([v, gradient], move |[v, g]| v * betas[1] + g * g * shares[1]);
            let p =
                zip([p, &m, &v], move |[p, m, v]| p - m / corrections[0] / ((v / corrections[1]).sqrt() + eps) * lr);
            let [p, m, v] = [p, m, v].map(|values| {
                let length = values.len();
                tensor(values, [length])
            });
            (p, m, v)
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::{AdamBackend, AdamStep};
    use crate::ops::gpu::{empty_like, input, output, unit_per_value};

    #[derive(CubeType, CubeLaunch, Clone, Copy)]
    struct Constants {
        beta1: f32,
        beta2: f32,
        share1: f32,
        share2: f32,
        correction1: f32,
        correction2: f32,
        lr: f32,
        eps: f32,
    }

    #[cube(launch_unchecked)]
    fn update(
        p: &[f32],
        m: &[f32],
        v: &[f32],
        gradient: &[f32],
        new_p: &mut [f32],
        new_m: &mut [f32],
        new_v: &mut [f32],
        constants: Constants,
    ) {
        if ABSOLUTE_POS < gradient.len() {
            let g = gradient[ABSOLUTE_POS];
            let m = m[ABSOLUTE_POS] * constants.beta1 + g * constants.share1;
            let v = v[ABSOLUTE_POS] * constants.beta2 + g * g * constants.share2;
            let step = m / constants.correction1 / ((v / constants.correction2).sqrt() + constants.eps);
            new_p[ABSOLUTE_POS] = p[ABSOLUTE_POS] - step * constants.lr;
            new_m[ABSOLUTE_POS] = m;
            new_v[ABSOLUTE_POS] = v;
        }
    }

    impl AdamBackend for Cube {
        fn adam(
            p: FloatTensor<Self>,
            m: FloatTensor<Self>,
            v: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            step: AdamStep,
        ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
            let AdamStep { betas, shares, corrections, lr, eps } = step;
            let (client, (cubes, cube)) = (p.client.clone(), unit_per_value(&p));
            let length = p.meta.num_elements();
            let [new_p, new_m, new_v] = [&p, &m, &v].map(|tensor| empty_like(tensor, [length]));
            let [p, m, v, gradient] = [p, m, v, gradient].map(input);
            let outputs = [&new_p, &new_m, &new_v].map(output);
            let [to_p, to_m, to_v] = outputs;
            let constants =
                ConstantsLaunch::new(betas[0], betas[1], shares[0], shares[1], corrections[0], corrections[1], lr, eps);
            // SAFETY: the kernel stops at the gradient's end, and all are as long.
            unsafe {
                update::launch_unchecked(&client, cubes, cube, p, m, v, gradient, to_p, to_m, to_v, constants);
            }
            (new_p, new_m, new_v)
        }
    }
}
