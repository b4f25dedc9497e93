//! Bias and LeakyReLU, or bias and ReLU6, in one pass over memory. On a processor the passes are what both cost.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use super::half::is_half;

/// The largest value of a ReLU6.
pub(super) const CEILING: f32 = 6.0;

/// `y = x + bias` where that is positive, else `slope (x + bias)`. Slope 0 makes it a ReLU.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `bias`: `[channels]`
/// - returns: the shape of `x`
///
/// # Panics
/// If `slope` is negative: the gradient is found from whether y is positive, which must say whether `x + bias` is.
pub fn leaky_relu(x: Tensor<4>, bias: Tensor<1>, slope: f32) -> Tensor<4> {
    assert!(slope >= 0.0, "a LeakyReLU with slope {slope}; it must not be negative");
    of_sum(x, bias, Rectifier::LeakyRelu { slope })
}

/// `y = min(max(x + bias, 0), 6)`. The gradient passes where 0 < y < 6.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `bias`: `[channels]`
/// - returns: the shape of `x`
pub fn relu6(x: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    of_sum(x, bias, Rectifier::Relu6)
}

/// [`leaky_relu`] as the input of a convolution and of nothing else: see [`halved`](super::halved), which it is the same as. The
/// numbers that both need for their gradients are kept once.
///
/// # Shapes
/// As for [`leaky_relu`].
///
/// # Panics
/// As [`leaky_relu`].
pub(super) fn leaky_relu_halved(x: Tensor<4>, bias: Tensor<1>, slope: f32) -> Tensor<4> {
    assert!(slope >= 0.0, "a LeakyReLU with slope {slope}; it must not be negative");
    stored_sum(x, bias, Rectifier::LeakyRelu { slope }, is_half())
}

fn of_sum(x: Tensor<4>, bias: Tensor<1>, rectifier: Rectifier) -> Tensor<4> {
    stored_sum(x, bias, rectifier, false)
}

fn stored_sum(x: Tensor<4>, bias: Tensor<1>, rectifier: Rectifier, is_half: bool) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::rectifier_of_sum(x.into_dispatch(), bias.into_dispatch(), rectifier, is_half))
}

/// The directional derivative of [`leaky_relu`] along `t`: `t` where the output `y` is positive, else `slope t`. `y` is
/// a constant here and gets no gradient.
///
/// # Shapes
/// `t`, `y` and the result have the same shape.
pub fn leaky_relu_tangent<const D: usize>(t: Tensor<D>, y: Tensor<D>, slope: f32) -> Tensor<D> {
    let rectifier = Rectifier::LeakyRelu { slope };
    Tensor::from_dispatch(Dispatch::rectifier_gate(t.into_dispatch(), y.into_dispatch(), rectifier))
}

/// A piecewise linear function whose derivative is known from its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rectifier {
    /// `x` where that is positive, else `slope x`.
    LeakyRelu { slope: f32 },
    /// `min(max(x, 0), 6)`
    Relu6,
}

/// Rectifiers on a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub trait RectifierBackend: Backend {
    /// The rectifier's values at `x + bias`, on graphics devices perhaps in numbers of 16 bits. See [`leaky_relu`],
    /// [`leaky_relu_halved`] and [`relu6`].
    fn rectifier_of_sum(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        rectifier: Rectifier,
        is_half: bool,
    ) -> FloatTensor<Self>;

    /// `t` times the rectifier's derivative, where its value is `y`. See [`leaky_relu_tangent`].
    fn rectifier_gate(t: FloatTensor<Self>, y: FloatTensor<Self>, rectifier: Rectifier) -> FloatTensor<Self>;

    /// The sum of each channel over the batch and its pixels: `[channels]`. The gradient of the bias.
    fn channel_sums(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod cpu {
    use burn::backend::Flex;
    use burn::backend::tensor::FloatTensor;

    use super::{CEILING, Rectifier, RectifierBackend};
    use crate::ops::flex::{tensor, values};
    use crate::ops::parallel::{for_each_chunk, sums, zip, zip_maps};

    impl RectifierBackend for Flex {
        fn rectifier_of_sum(
            x: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            rectifier: Rectifier,
            _is_half: bool,
        ) -> FloatTensor<Self> {
            let shape: [usize; 4] = x.layout().shape().dims();
            let [_, channels, height, width] = shape;
            let [x, bias] = [x, bias].map(|tensor| tensor.to_contiguous());
            let (x, bias) = (values(&x), values(&bias));
            let y = match rectifier {
                Rectifier::LeakyRelu { slope } => zip_maps([x], height * width, |map| {
                    let bias = bias[map % channels];
                    move |[x]| (x + bias) * factor(x + bias, slope)
                }),
                Rectifier::Relu6 => zip_maps([x], height * width, |map| {
                    let bias = bias[map % channels];
                    move |[x]| relu6(x + bias)
                }),
            };
            tensor(y, shape)
        }

        fn rectifier_gate(t: FloatTensor<Self>, y: FloatTensor<Self>, rectifier: Rectifier) -> FloatTensor<Self> {
            let (t, y) = (t.to_contiguous(), y.to_contiguous());
            let slices = [values(&t), values(&y)];
            let gated = match rectifier {
                Rectifier::LeakyRelu { slope } => zip(slices, move |[t, y]| t * factor(y, slope)),
                Rectifier::Relu6 => zip(slices, |[t, y]| if (y > 0.0) & (y < CEILING) { t } else { 0.0 }),
            };
            tensor(gated, t.layout().shape().clone())
        }

        fn channel_sums(x: FloatTensor<Self>) -> FloatTensor<Self> {
            let [batch, channels, height, width] = x.layout().shape().dims();
            let area = height * width;
            let x = x.to_contiguous();
            let x = values(&x);
            let mut totals = vec![0.0; channels];
            for_each_chunk(&mut totals, 1, |channel, total| {
                let maps = (0..batch).map(|image| &x[(image * channels + channel) * area..][..area]);
                total[0] = maps.map(|map| sums([map], |[x]| [x])[0]).sum();
            });
            tensor(totals, [channels])
        }
    }

    /// The factor of a LeakyReLU at x. Compiled without a branch: no processor can predict the sign of a value.
    #[inline(always)]
    fn factor(x: f32, slope: f32) -> f32 {
        if x > 0.0 { 1.0 } else { slope }
    }

    /// NaN stays NaN.
    #[inline(always)]
    fn relu6(x: f32) -> f32 {
        let x = if x > CEILING { CEILING } else { x };
        if x < 0.0 { 0.0 } else { x }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn::backend::Cube;
    use burn::backend::tensor::FloatTensor;
    use burn::tensor::DType;
    use burn_cubecl::cubecl;
    use cubecl::prelude::*;

    use super::{CEILING, Rectifier, RectifierBackend};
    use crate::ops::gpu::{
        ChannelSizes, UNITS, add_up, channel_of, channel_sizes, cube_per_channel, element, empty_like, empty_stored_as,
        input, output, place_in_channel, stored_input, unit_per_value,
    };
    use crate::ops::half::stored;

    /// What a kernel takes for a rectifier: its slope below 0, and whether it is a ReLU6.
    fn arguments(rectifier: Rectifier) -> (f32, bool) {
        match rectifier {
            Rectifier::LeakyRelu { slope } => (slope, false),
            Rectifier::Relu6 => (0.0, true),
        }
    }

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn of_sum<Y: Float>(
        x: &[f32],
        bias: &[f32],
        y: &mut [Y],
        sizes: ChannelSizes,
        slope: f32,
        #[comptime] is_relu6: bool,
        #[comptime] is_half: bool,
        #[define(Y)] _stored: ElemType,
    ) {
        if ABSOLUTE_POS < x.len() {
            let sum = x[ABSOLUTE_POS] + bias[channel_of(ABSOLUTE_POS as u32, &sizes) as usize];
            if comptime!(is_relu6) {
                let ceiling = comptime!(CEILING);
                y[ABSOLUTE_POS] = Y::cast_from(select(sum < 0.0f32, 0.0f32, select(sum > ceiling, ceiling, sum)));
            } else {
                let value = select(sum > 0.0f32, sum, sum * slope);
                if comptime!(is_half) {
                    y[ABSOLUTE_POS] = stored::<Y>(value);
                } else {
                    y[ABSOLUTE_POS] = Y::cast_from(value);
                }
            }
        }
    }

    /// A unit for each value.
    #[cube(launch_unchecked)]
    fn gate<Y: Float>(
        t: &[f32],
        y: &[Y],
        gated: &mut [f32],
        slope: f32,
        #[comptime] is_relu6: bool,
        #[define(Y)] _stored: ElemType,
    ) {
        if ABSOLUTE_POS < t.len() {
            let (t, y) = (t[ABSOLUTE_POS], f32::cast_from(y[ABSOLUTE_POS]));
            if comptime!(is_relu6) {
                gated[ABSOLUTE_POS] = select((y > 0.0f32) & (y < comptime!(CEILING)), t, 0.0f32);
            } else {
                gated[ABSOLUTE_POS] = select(y > 0.0f32, t, t * slope);
            }
        }
    }

    /// A cube for each channel.
    #[cube(launch_unchecked)]
    fn sums(x: &[f32], to: &mut [f32], sizes: ChannelSizes) {
        let mut parts = Shared::<[f32]>::new_slice(UNITS);
        let mut total = 0.0f32;
        for at in range_stepped(UNIT_POS_X, sizes.count, CUBE_DIM_X) {
            total += x[place_in_channel(at, CUBE_POS_X, &sizes)];
        }
        let total = add_up(total, &mut parts);
        if UNIT_POS_X == 0 {
            to[CUBE_POS_X as usize] = total;
        }
    }

    impl RectifierBackend for Cube {
        fn rectifier_of_sum(
            x: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            rectifier: Rectifier,
            is_half: bool,
        ) -> FloatTensor<Self> {
            let sizes = channel_sizes(&x).to_launch();
            let (slope, is_relu6) = arguments(rectifier);
            let y = empty_stored_as(if is_half { DType::F16 } else { DType::F32 }, &x, x.meta.shape().clone());
            let (client, (cubes, cube)) = (x.client.clone(), unit_per_value(&x));
            let ([x, bias], to, element) = ([x, bias].map(input), output(&y), element(&y));
            // SAFETY: the kernel stops at the end of the input.
            unsafe {
                of_sum::launch_unchecked(&client, cubes, cube, x, bias, to, sizes, slope, is_relu6, is_half, element);
            }
            y
        }

        fn rectifier_gate(t: FloatTensor<Self>, y: FloatTensor<Self>, rectifier: Rectifier) -> FloatTensor<Self> {
            let (slope, is_relu6) = arguments(rectifier);
            let gated = empty_like(&t, t.meta.shape().clone());
            let (client, (cubes, cube)) = (t.client.clone(), unit_per_value(&t));
            let (t, element, to) = (input(t), element(&y), output(&gated));
            let y = stored_input(y);
            // SAFETY: the kernel stops at the end of the input, and y has its length.
            unsafe { gate::launch_unchecked(&client, cubes, cube, t, y, to, slope, is_relu6, element) };
            gated
        }

        fn channel_sums(x: FloatTensor<Self>) -> FloatTensor<Self> {
            let sizes = channel_sizes(&x);
            let total = empty_like(&x, [sizes.channels as usize]);
            let (client, (cubes, cube)) = (x.client.clone(), cube_per_channel(&x, sizes.channels));
            let (x, to, sizes) = (input(x), output(&total), sizes.to_launch());
            // SAFETY: the kernel reads the maps of its channel only.
            unsafe { sums::launch_unchecked(&client, cubes, cube, x, to, sizes) };
            total
        }
    }
}

#[derive(Debug)]
struct OfSum;

impl<B: RectifierBackend> Backward<B, 2> for OfSum {
    /// The output and the rectifier.
    type State = (FloatTensor<B>, Rectifier);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, bias_node] = ops.parents;
        let (y, rectifier) = ops.state;
        let gradient = B::rectifier_gate(gradients.consume::<B>(&ops.node), y, rectifier);
        if let Some(node) = bias_node {
            gradients.register::<B>(node.id, B::channel_sums(gradient.clone()));
        }
        if let Some(node) = x_node {
            gradients.register::<B>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct Gate;

impl<B: RectifierBackend> Backward<B, 1> for Gate {
    type State = (FloatTensor<B>, Rectifier);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let (y, rectifier) = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::rectifier_gate(gradient, y, rectifier));
        }
    }
}

impl<B: RectifierBackend, C: CheckpointStrategy> RectifierBackend for Autodiff<B, C> {
    fn rectifier_of_sum(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        rectifier: Rectifier,
        is_half: bool,
    ) -> FloatTensor<Self> {
        let prep = OfSum.prepare::<C>([x.node(), bias.node()]).compute_bound().stateful();
        let y = B::rectifier_of_sum(x.into_primitive(), bias.into_primitive(), rectifier, is_half);
        match prep {
            OpsKind::Tracked(prep) => prep.finish((y.clone(), rectifier), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn rectifier_gate(t: FloatTensor<Self>, y: FloatTensor<Self>, rectifier: Rectifier) -> FloatTensor<Self> {
        // y gets no gradient: the factor is constant in x except where it jumps.
        let y = y.into_primitive();
        match Gate.prepare::<C>([t.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let output = B::rectifier_gate(t.into_primitive(), y.clone(), rectifier);
                prep.finish((y, rectifier), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::rectifier_gate(t.into_primitive(), y, rectifier)),
        }
    }

    fn channel_sums(_: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("only gradients are summed, and burn differentiates once")
    }
}
