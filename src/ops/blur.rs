//! The [1,2,1] filter that halves and doubles the size of maps, in one pass over memory. Sums of slices would take a
//! dozen.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};

/// The filters on a backend. Up to their scales, each is the gradient of the other.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait BlurBackend: Backend {
    /// `scale` times [`blur_down`](super::blur_down).
    fn blur_down(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self>;

    /// `scale` times [`blur_up`](super::blur_up).
    fn blur_up(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod cpu {
    use std::mem::MaybeUninit;

    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::BlurBackend;
    use crate::ops::flex;
    use crate::ops::parallel::map_by_map;

    impl BlurBackend for Flex {
        fn blur_down(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self> {
            let [batch, channels, height, width] = x.layout().shape().dims();
            let x = x.to_contiguous();
            let source = flex::values(&x);
            let (rows, columns) = (height / 2, width / 2);
            // `sums` holds a zero, for the column before the first, and then the weighted sums of three rows.
            let maps = |source: &[f32], map: &mut [MaybeUninit<f32>], sums: &mut [f32]| {
                for (y, row) in map.chunks_mut(columns).enumerate() {
                    let [above, here, below] = [(2 * y).checked_sub(1), Some(2 * y), Some(2 * y + 1)]
                        .map(|y| y.map(|y| &source[y * width..][..width]));
                    let (here, below) = (here.unwrap_or_default(), below.unwrap_or_default());
                    for (sum, (here, below)) in sums[1..].iter_mut().zip(here.iter().zip(below)) {
                        *sum = 2.0 * here + below;
                    }
                    for (sum, above) in sums[1..].iter_mut().zip(above.unwrap_or_default()) {
                        *sum += above;
                    }
                    for (value, sums) in row.iter_mut().zip(sums.windows(3).step_by(2)) {
                        value.write((sums[0] + 2.0 * sums[1] + sums[2]) * (scale / 16.0));
                    }
                }
            };
            // SAFETY: every pixel of every row has its three sums.
            let target = unsafe { map_by_map(source, height * width, rows * columns, width + 1, maps) };
            flex::tensor(target, [batch, channels, rows, columns])
        }

        fn blur_up(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self> {
            let [batch, channels, height, width] = x.layout().shape().dims();
            let x = x.to_contiguous();
            let source = flex::values(&x);
            let (rows, columns) = (2 * height, 2 * width);
            // `sums` holds the sums of two rows, and then a zero for the column after the last.
            let maps = |source: &[f32], map: &mut [MaybeUninit<f32>], sums: &mut [f32]| {
                for (y, row) in map.chunks_mut(columns).enumerate() {
                    let here = &source[y / 2 * width..][..width];
                    let next = if y % 2 == 0 {
                        Some(here)
                    } else {
                        source.get((y / 2 + 1) * width..).filter(|row| !row.is_empty())
                    };
                    for (sum, here) in sums.iter_mut().zip(here) {
                        *sum = *here;
                    }
                    for (sum, next) in sums[..width].iter_mut().zip(next.unwrap_or_default()) {
                        *sum += next;
                    }
                    for (pair, sums) in row.as_chunks_mut::<2>().0.iter_mut().zip(sums.windows(2)) {
                        pair[0].write(sums[0] * (scale / 2.0));
                        pair[1].write((sums[0] + sums[1]) * (scale / 4.0));
                    }
                }
            };
            // SAFETY: every pair of pixels of every row has its two sums.
            let target = unsafe { map_by_map(source, height * width, rows * columns, width + 1, maps) };
            flex::tensor(target, [batch, channels, rows, columns])
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::BlurBackend;
    use crate::ops::gpu::{empty_like, input, output, unit_per_value};

    /// A unit for each value of the result, whose maps are `height` x `width`.
    #[cube(launch_unchecked)]
    fn down(x: &[f32], y: &mut [f32], height: u32, width: u32, scale: f32) {
        if ABSOLUTE_POS < y.len() {
            let at = ABSOLUTE_POS as u32;
            let (row, column) = (2u32 * (at / width % height), 2u32 * (at % width));
            let map = at / (width * height) * (4u32 * width * height);
            let mut total = 0.0f32;
            #[unroll]
            for i in 0..3u32 {
                #[unroll]
                for j in 0..3u32 {
                    // The filter begins one row above and one column to the left, where these exist.
                    let is_there = (row + i > 0u32) & (column + j > 0u32);
                    let place = map + (row + i - 1u32) * (2u32 * width) + column + j - 1u32;
                    let value = x[select(is_there, place, 0u32) as usize];
                    let weight = comptime!(((1 + i % 2) * (1 + j % 2)) as f32);
                    total += select(is_there, value * weight, 0.0f32);
                }
            }
            y[ABSOLUTE_POS] = total * scale / 16.0f32;
        }
    }

    /// A unit for each value of the result. The maps that it is made from are `height` x `width`.
    #[cube(launch_unchecked)]
    fn up(x: &[f32], y: &mut [f32], height: u32, width: u32, scale: f32) {
        if ABSOLUTE_POS < y.len() {
            let at = ABSOLUTE_POS as u32;
            let (row, column) = (at / (2u32 * width) % (2u32 * height), at % (2u32 * width));
            let map = at / (4u32 * width * height) * (width * height);
            let mut total = 0.0f32;
            #[unroll]
            for i in 0..2u32 {
                #[unroll]
                for j in 0..2u32 {
                    // An even row lies on one row of the source, an odd row between two.
                    let (source_row, source_column) = ((row + i) / 2u32, (column + j) / 2u32);
                    let is_there = (source_row < height) & (source_column < width);
                    let place = map + source_row * width + source_column;
                    let value = x[select(is_there, place, 0u32) as usize];
                    total += select(is_there, value, 0.0f32);
                }
            }
            y[ABSOLUTE_POS] = total * scale / 4.0f32;
        }
    }

    impl BlurBackend for Cube {
        fn blur_down(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self> {
            let [batch, channels, height, width] = x.meta.shape().dims();
            let y = empty_like(&x, [batch, channels, height / 2, width / 2]);
            let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&y));
            let (x, to) = (input(x), output(&y));
            let [height, width] = [height / 2, width / 2].map(|length| length as u32);
            // SAFETY: the kernel stops at the end of the result, and checks where the input begins; its sizes are even.
            unsafe { down::launch_unchecked(&client, cubes, cube, x, to, height, width, scale) };
            y
        }

        fn blur_up(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self> {
            let [batch, channels, height, width] = x.meta.shape().dims();
            let y = empty_like(&x, [batch, channels, 2 * height, 2 * width]);
            let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&y));
            let (x, to) = (input(x), output(&y));
            let [height, width] = [height, width].map(|length| length as u32);
            // SAFETY: the kernel stops at the end of the result, and checks where the input ends.
            unsafe { up::launch_unchecked(&client, cubes, cube, x, to, height, width, scale) };
            y
        }
    }
}

#[derive(Debug)]
struct BlurDown;

impl<B: BlurBackend> Backward<B, 1> for BlurDown {
    /// The scale.
    type State = f32;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            gradients.register::<B>(node.id, B::blur_up(gradient, ops.state / 4.0));
        }
    }
}

#[derive(Debug)]
struct BlurUp;

impl<B: BlurBackend> Backward<B, 1> for BlurUp {
    /// The scale.
    type State = f32;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            gradients.register::<B>(node.id, B::blur_down(gradient, ops.state * 4.0));
        }
    }
}

impl<B: BlurBackend, C: CheckpointStrategy> BlurBackend for Autodiff<B, C> {
    fn blur_down(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self> {
        let prep = BlurDown.prepare::<C>([x.node()]).compute_bound().stateful();
        let output = B::blur_down(x.into_primitive(), scale);
        match prep {
            OpsKind::Tracked(prep) => prep.finish(scale, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn blur_up(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self> {
        let prep = BlurUp.prepare::<C>([x.node()]).compute_bound().stateful();
        let output = B::blur_up(x.into_primitive(), scale);
        match prep {
            OpsKind::Tracked(prep) => prep.finish(scale, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
