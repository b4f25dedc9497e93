//! The colours of augmentation: brightness, saturation and contrast of whole pictures. Two launches forward and two
//! backward; written as formulas they would take a dozen.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Columns of a tensor of factors.
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
mod column {
    pub const BRIGHTNESS: usize = 0;
    pub const SATURATION: usize = 1;
    pub const CONTRAST: usize = 2;
    pub const COUNT: usize = 3;
}

/// Changes brightness, saturation and contrast of each picture: `c s (x - m) + c (m - μ) + μ + b`.
///
/// Brightness b is added to the picture. Saturation s scales the distance from m, the mean of a pixel's channels.
/// Contrast c scales the distance from μ, the mean of the picture. One formula does for all three because brightness
/// moves both means alike, and saturation moves neither.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `factors`: b, s and c of each picture, `[batch, 3]`; constants, so they get no gradient
/// - returns: the shape of `x`
///
/// Source: Zhao et al. 2020, arXiv:2006.10738, appendix.
pub fn recolor(x: Tensor<4>, factors: Tensor<2>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::recolor(x.into_dispatch(), factors.into_dispatch(), false))
}

/// The directional derivative of [`recolor`]: the same map without the brightness. It is linear and its own transpose.
///
/// # Shapes
/// As for [`recolor`].
pub fn recolor_tangent(x: Tensor<4>, factors: Tensor<2>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::recolor(x.into_dispatch(), factors.into_dispatch(), true))
}

/// [`recolor`] on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait RecolorBackend: Backend {
    /// [`recolor`], or [`recolor_tangent`] if `is_tangent`.
    fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_tangent: bool) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod cpu {
    use std::mem::MaybeUninit;

    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::{RecolorBackend, column};
    use crate::ops::flex::{tensor, values};
    use crate::ops::parallel::{CHUNK, collect_chunks, vectorized};

    impl RecolorBackend for Flex {
        fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_tangent: bool) -> FloatTensor<Self> {
            let shape: [usize; 4] = x.layout().shape().dims();
            let [_, channels, height, width] = shape;
            let area = height * width;
            let size = channels * area;
            let [x, factors] = [x, factors].map(|tensor| tensor.to_contiguous());
            let (x, factors) = (values(&x), values(&factors).as_chunks::<{ column::COUNT }>().0);
            let pictures = (CHUNK / size).max(1);
            let part = |index: usize, part: &mut [MaybeUninit<f32>]| {
                let first = index * pictures;
                let mut means = vec![0.0; area];
                for (picture, target) in part.chunks_mut(size).enumerate() {
                    let row = &factors[first + picture];
                    let factors = Factors {
                        brightness: if is_tangent { 0.0 } else { row[column::BRIGHTNESS] },
                        saturation: row[column::SATURATION],
                        contrast: row[column::CONTRAST],
                    };
                    let source = &x[(first + picture) * size..][..size];
                    let means = &mut means[..];
                    vectorized(move || recolor(source, target, means, factors));
                }
            };
            // SAFETY: every value of every picture is written.
            tensor(unsafe { collect_chunks(x.len(), pictures * size, part) }, shape)
        }
    }

    /// Of one picture.
    #[derive(Clone, Copy)]
    struct Factors {
        brightness: f32,
        saturation: f32,
        contrast: f32,
    }

    /// Recolours one picture. `means` has room for one map.
    #[inline(always)]
    fn recolor(source: &[f32], target: &mut [MaybeUninit<f32>], means: &mut [f32], factors: Factors) {
        let Factors { brightness, saturation, contrast } = factors;
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

    use super::{RecolorBackend, column};
    use crate::ops::gpu::{UNITS, add_up, cube_per_channel, empty_like, input, output, unit_per_value};

    /// The mean of each picture, by a cube for each.
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

    /// A unit for each value. `brightness_weight` is 0 for a tangent and else 1.
    #[cube(launch_unchecked)]
    fn apply(
        x: &[f32],
        means: &[f32],
        factors: &[f32],
        y: &mut [f32],
        area: u32,
        channels: u32,
        brightness_weight: f32,
    ) {
        if ABSOLUTE_POS < x.len() {
            let at = ABSOLUTE_POS as u32;
            let picture = at / (area * channels);
            let pixel = picture * area * channels + at % area;
            let mut mean = 0.0f32;
            for channel in 0..channels {
                mean += x[(pixel + channel * area) as usize];
            }
            let mean = mean / f32::cast_from(channels);
            let row = picture * comptime!(column::COUNT as u32);
            let brightness = factors[(row + comptime!(column::BRIGHTNESS as u32)) as usize] * brightness_weight;
            let saturation = factors[(row + comptime!(column::SATURATION as u32)) as usize];
            let contrast = factors[(row + comptime!(column::CONTRAST as u32)) as usize];
            let constant = means[picture as usize] * (1.0f32 - contrast) + brightness;
            y[ABSOLUTE_POS] = contrast * (saturation * (x[ABSOLUTE_POS] - mean) + mean) + constant;
        }
    }

    impl RecolorBackend for Cube {
        fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_tangent: bool) -> FloatTensor<Self> {
            let [batch, channels, height, width] = x.meta.shape().dims();
            let [area, channels] = [height * width, channels].map(|size| size as u32);
            let (y, means_of_pictures) = (empty_like(&x, x.meta.shape().clone()), empty_like(&x, [batch]));
            let client = x.client.clone();
            let (cubes, cube) = cube_per_channel(&x, batch as u32);
            let to = output(&means_of_pictures);
            // SAFETY: the kernel reads its own picture only.
            unsafe { means::launch_unchecked(&client, cubes, cube, input(x.clone()), to, area * channels) };
            let (cubes, cube) = unit_per_value(&x);
            let ([x, means, factors], to) = ([x, means_of_pictures, factors].map(input), output(&y));
            let brightness_weight = if is_tangent { 0.0 } else { 1.0 };
            // SAFETY: the kernel stops at the end of the input, and each picture has a mean and factors.
            unsafe {
                apply::launch_unchecked(&client, cubes, cube, x, means, factors, to, area, channels, brightness_weight);
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
    fn recolor(x: FloatTensor<Self>, factors: FloatTensor<Self>, is_tangent: bool) -> FloatTensor<Self> {
        let factors = factors.into_primitive();
        let prep = Recolor.prepare::<C>([x.node()]).compute_bound().stateful();
        let y = B::recolor(x.into_primitive(), factors.clone(), is_tangent);
        match prep {
            OpsKind::Tracked(prep) => prep.finish(factors, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
