//! Adam's update of one parameter in one pass over memory. Written as a formula it would take fourteen.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// The constants of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// β₁ and β₂, the decay of the first and of the second moment.
    pub betas: [f32; 2],
    /// `1 - β` for each moment, the weight of the newest gradient and of its square. Given, because subtracting a float
    /// near 1 from 1 loses its digits.
    pub shares: [f32; 2],
    /// `1 - βᵗ` for each moment at step t, which corrects the bias of its zero start.
    pub corrections: [f32; 2],
    /// Learning rate.
    pub lr: f32,
    /// ε, added after the square root.
    pub eps: f32,
}

/// One update of a parameter p, its moments m and v, and its gradient g. Returns the new `[p, m, v]`.
///
/// `m' = β₁m + (1-β₁)g`, `v' = β₂v + (1-β₂)g²`, `p' = p - lr · [m'/(1-β₁ᵗ)] / [√(v'/(1-β₂ᵗ)) + ε]`
///
/// # Shapes
/// All tensors have the same length. None has autodiff.
///
/// Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.
pub fn adam([p, m, v]: [Tensor<1>; 3], gradient: Tensor<1>, step: AdamStep) -> [Tensor<1>; 3] {
    let [p, m, v, gradient] = [p, m, v, gradient].map(Tensor::into_dispatch);
    let (p, m, v) = Dispatch::adam(p, m, v, gradient, step);
    [p, m, v].map(Tensor::from_dispatch)
}

/// [`adam`] on a backend.
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

    /// The constants of one moment: see [`AdamStep`].
    #[derive(CubeType, CubeLaunch, Clone, Copy)]
    struct Moment {
        beta: f32,
        share: f32,
        correction: f32,
    }

    #[derive(CubeType, CubeLaunch, Clone, Copy)]
    struct Constants {
        first: Moment,
        second: Moment,
        lr: f32,
        eps: f32,
    }

    /// A parameter and its moments.
    #[derive(CubeType, CubeLaunch)]
    struct State {
        p: Box<[f32]>,
        m: Box<[f32]>,
        v: Box<[f32]>,
    }

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn update(old: State, gradient: &[f32], mut new: State, constants: Constants) {
        if ABSOLUTE_POS < gradient.len() {
            let g = gradient[ABSOLUTE_POS];
            let m = old.m[ABSOLUTE_POS] * constants.first.beta + g * constants.first.share;
            let v = old.v[ABSOLUTE_POS] * constants.second.beta + g * g * constants.second.share;
            let step = m / constants.first.correction / ((v / constants.second.correction).sqrt() + constants.eps);
            new.p[ABSOLUTE_POS] = old.p[ABSOLUTE_POS] - step * constants.lr;
            new.m[ABSOLUTE_POS] = m;
            new.v[ABSOLUTE_POS] = v;
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
            let old = StateLaunch { p: input(p), m: input(m), v: input(v) };
            let new = StateLaunch { p: output(&new_p), m: output(&new_m), v: output(&new_v) };
            let constants = ConstantsLaunch {
                first: MomentLaunch { beta: betas[0], share: shares[0], correction: corrections[0] },
                second: MomentLaunch { beta: betas[1], share: shares[1], correction: corrections[1] },
                lr,
                eps,
            };
            // SAFETY: the kernel stops at the end of the gradient, and all tensors have its length.
            unsafe { update::launch_unchecked(&client, cubes, cube, old, input(gradient), new, constants) };
            (new_p, new_m, new_v)
        }
    }
}
