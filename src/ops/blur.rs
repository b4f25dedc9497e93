//! The [1,2,1] filter on a processor: one pass over memory, where sums of slices take a dozen.

use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};

use super::flex;
use super::parallel::{CHUNK, collect_chunks};

/// What a backend computes. Up to their scales the two are each other's gradient.
#[backend_extension(Flex, Autodiff)]
pub trait BlurBackend: Backend {
    /// `scale` times [`blur_down`](super::blur_down).
    fn blur_down(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self>;

    /// `scale` times [`blur_up`](super::blur_up).
    fn blur_up(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self>;
}

impl BlurBackend for Flex {
    fn blur_down(x: FloatTensor<Self>, scale: f32) -> FloatTensor<Self> {
        let [batch, channels, height, width] = x.layout().shape().dims();
        let x = x.to_contiguous();
        let source = flex::values(&x);
        let (rows, columns) = (height / 2, width / 2);
        // A zero before the first column, and the sums of three rows.
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
        // Two rows together, and a zero after the last column.
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

/// Makes a map of `to` values of each of `from`; `work` gets `scratch` zeros, and what it left of them the next time.
///
/// # Safety
/// `work` writes all of its map.
unsafe fn map_by_map(
    source: &[f32],
    from: usize,
    to: usize,
    scratch: usize,
    work: impl Fn(&[f32], &mut [MaybeUninit<f32>], &mut [f32]) + Send + Sync,
) -> Vec<f32> {
    let maps = (CHUNK / to.max(from)).max(1);
    // SAFETY: passed on.
    unsafe {
        collect_chunks(source.len() / from * to, maps * to, |index, target| {
            let mut scratch = vec![0.0; scratch];
            for (source, target) in source[index * maps * from..].chunks(from).zip(target.chunks_mut(to)) {
                work(source, target, &mut scratch);
            }
        })
    }
}

#[derive(Debug)]
struct BlurDown;

impl<B: BlurBackend> Backward<B, 1> for BlurDown {
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
