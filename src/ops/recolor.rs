//! Brightness, saturation and contrast of whole pictures, two launches each way, where their formulas take a dozen.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Factors of a picture.
pub const FACTORS: usize = 3;

/// Brightness b is added, then saturation s multiplies what differs from the mean m of a pixel's channels, then contrast c
/// what differs from the mean μ of the picture (Zhao et al. 2020, arXiv:2006.10738, appendix). Brightness moves both means, and
/// saturation neither of them, so all three are `c s (x - m) + c (m - μ) + μ + b`.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `factors`: b, s and c of each picture, `[batch, 3]`, constants here
/// - returns: the same as `x`
pub fn recolor(x: Tensor<4>, factors: Tensor<2>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::recolor(x.into_dispatch(), factors.into_dispatch(), false))
}

/// What [`recolor`] does to a change of its input: all but brightness. It is its own transpose.
///
/// # Shapes
/// As for [`recolor`].
pub fn recolor_tangent(x: Tensor<4>, factors: Tensor<2>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::recolor(x.into_dispatch(), factors.into_dispatch(), true))
}

/// What a backend computes.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait RecolorBackend: Backend {
    /// See [`recolor`], and [`recolor_tangent`] where `is_change`.
    fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_change: bool) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod cpu {
    use std::mem::MaybeUninit;

    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::{FACTORS, RecolorBackend};
    use crate::ops::flex::{tensor, values};
    use crate::ops::parallel::{CHUNK, collect_chunks, vectorized};

    impl RecolorBackend for Flex {
        fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_change: bool) -> FloatTensor<Self> {
            let shape: [usize; 4] = x.layout().shape().dims();
            let [_, channels, height, width] = shape;
            let area = height * width;
            let size = channels * area;
            let [x, factors] = [x, factors].map(|tensor| tensor.to_contiguous());
            let (x, factors) = (values(&x), values(&factors).as_chunks::<FACTORS>().0);
            let pictures = (CHUNK / size).max(1);
            let part = |index: usize, part: &mut [MaybeUninit<f32>]| {
                let first = index * pictures;
                let mut means = vec![0.0; area];
                for (picture, target) in part.chunks_mut(size).enumerate() {
                    let [brightness, saturation, contrast] = factors[first + picture];
                    let brightness = if is_change { 0.0 } else { brightness };
                    let source = &x[(first + picture) * size..][..size];
                    let means = &mut means[..];
                    vectorized(move || recolor(source, target, means, [brightness, saturation, contrast]));
                }
            };
            // SAFETY: every value of every picture is written.
            tensor(unsafe { collect_chunks(x.len(), pictures * size, part) }, shape)
        }
    }

    /// One picture; `means` has room for one map.
    #[inline(always)]
    fn recolor(source: &[f32], target: &mut [MaybeUninit<f32>], means: &mut [f32], factors: [f32; FACTORS]) {
        let [brightness, saturation, contrast] = factors;
        let area = means.len();
        let share = 1.0 / (source.len() / area) as f32;
        means.fill(0.0);
        for map in source.chunks(area) {
            for (mean, value) in means.iter_mut().zip(map) {
                *mean += value * share;
            }
        }
        let mean = means.iter().sum::<f32>() / area as f32;
        let constant = mean * (1.0 - contrast) + brightness;
        for (target, map) in target.chunks_mut(area).zip(source.chunks(area)) {
            for ((target, value), mean) in target.iter_mut().zip(map).zip(&*means) {
                target.write(contrast * (saturation * (value - mean) + mean) + constant);
            }
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::{FACTORS, RecolorBackend};
    use crate::ops::gpu::{UNITS, add_up, cube_per_channel, empty_like, input, output, unit_per_value};

    /// A cube for each picture.
    #[cube(launch_unchecked)]
    fn means(x: &[f32], to: &mut [f32], size: u32) {
        let mut parts = Shared::<[f32]>::new_slice(UNITS);
        let mut total = 0.0f32;
        for at in range_stepped(UNIT_POS_X, size, CUBE_DIM_X) {
            total += x[(CUBE_POS_X * size + at) as usize];
        }
        let total = add_up(total, &mut parts);
        if UNIT_POS_X == 0 {
            to[CUBE_POS_X as usize] = total / f32::cast_from(size);
        }
    }

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn apply(x: &[f32], means: &[f32], factors: &[f32], y: &mut [f32], area: u32, channels: u32, bright: f32) {
        if ABSOLUTE_POS < x.len() {
            let at = ABSOLUTE_POS as u32;
            let picture = at / (area * channels);
            let pixel = picture * area * channels + at % area;
            let mut mean = 0.0f32;
            for channel in 0..channels {
                mean += x[(pixel + channel * area) as usize];
            }
            let mean = mean / f32::cast_from(channels);
            let factor = picture * comptime!(FACTORS as u32);
            let brightness = factors[factor as usize] * bright;
            let saturation = factors[(factor + 1u32) as usize];
            let contrast = factors[(factor + 2u32) as usize];
            let constant = means[picture as usize] * (1.0f32 - contrast) + brightness;
            y[ABSOLUTE_POS] = contrast * (saturation * (x[ABSOLUTE_POS] - mean) + mean) + constant;
        }
    }

    impl RecolorBackend for Cube {
        fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_change: bool) -> FloatTensor<Self> {
            let [batch, channels, height, width] = x.meta.shape().dims();
            let [area, channels] = [height * width, channels].map(|size| size as u32);
            let (y, of_pictures) = (empty_like(&x, x.meta.shape().clone()), empty_like(&x, [batch]));
            let client = x.client.clone();
            let (cubes, cube) = cube_per_channel(&x, batch as u32);
            let to = output(&of_pictures);
            // SAFETY: the kernel reads its own picture only.
            unsafe { means::launch_unchecked(&client, cubes, cube, input(x.clone()), to, area * channels) };
            let (cubes, cube) = unit_per_value(&x);
            let ([x, of_pictures, factors], to) = ([x, of_pictures, factors].map(input), output(&y));
            let bright = if is_change { 0.0 } else { 1.0 };
            // SAFETY: the kernel stops at the input's end, and each picture has a mean and factors.
            unsafe {
                apply::launch_unchecked(&client, cubes, cube, x, of_pictures, factors, to, area, channels, bright);
            }
            y
        }
    }
}

#[derive(Debug)]
struct Recolor;

impl<B: RecolorBackend> Backward<B, 1> for Recolor {
    /// The factors.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            gradients.register::<B>(node.id, B::recolor(gradient, ops.state, true));
        }
    }
}

impl<B: RecolorBackend, C: CheckpointStrategy> RecolorBackend for Autodiff<B, C> {
    fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_change: bool) -> FloatTensor<Self> {
        let factors = factors.into_primitive();
        let prep = Recolor.prepare::<C>([x.node()]).compute_bound().stateful();
        let y = B::recolor(x.into_primitive(), factors.clone(), is_change);
        match prep {
            OpsKind::Tracked(prep) => prep.finish(factors, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
