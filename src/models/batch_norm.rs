//! Batch normalisation: Ioffe & Szegedy 2015, arXiv:1502.03167.

use burn::module::{Module, Param};
use burn::tensor::activation::leaky_relu;
use burn::tensor::module::batch_norm as batch_norm_by;
use burn::tensor::{Device, Tensor};

use super::buffer::Buffer;
use crate::ops::{Normalization, batch_norm};

/// Added to the variance; PyTorch's value.
pub const EPSILON: f64 = 1e-5;

/// Share of the newest batch in the running statistics; PyTorch's value.
const MOMENTUM: f32 = 0.1;

/// Whether a tensor of this path is one of a batch norm's running statistics.
#[cfg(feature = "devices")]
pub fn is_running_statistic(path: &str) -> bool {
    path.ends_with("running_mean") || path.ends_with("running_var")
}

/// `y = γ (x - μ) / √(σ² + ε) + β` over batch, rows and columns of each channel.
///
/// In training, which is where both the layer and its input have autodiff, μ and σ² are the batch's, and running averages
/// of them are kept. Elsewhere, as after `.valid()` and in a [`Frozen`](super::Frozen) network, they are those averages. burn's own layer keeps the biased variance there, PyTorch (and so every DCGAN checkpoint) the unbiased one,
/// `σ² M/(M-1)` for M values a channel. Clones share the running averages, `.valid()` copies them.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub beta: Param<Tensor<1>>,
    running_mean: Buffer,
    running_var: Buffer,
}

impl BatchNorm {
    /// Scale 1, shift 0, running mean 0 and variance 1.
    pub fn new(channels: usize, device: &Device) -> Self {
        let ones = || Tensor::ones([channels], device);
        let zeros = || Tensor::zeros([channels], device);
        Self {
            gamma: Param::from_tensor(ones()),
            beta: Param::from_tensor(zeros()),
            running_mean: Buffer::new(zeros()),
            running_var: Buffer::new(ones()),
        }
    }

    /// Normalises by the batch's statistics in training, by the running ones elsewhere.
    ///
    /// # Shapes
    /// - `input`: `[batch, channels, height, width]`
    /// - returns: the same
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.forward_leaky_relu(input, 1.0)
    }

    /// [`BatchNorm::forward`], then `x` where x > 0, else `slope x`, without a pass over memory for it.
    pub fn forward_leaky_relu(&self, input: Tensor<4>, slope: f32) -> Tensor<4> {
        if input.is_autodiff() && Param::val(&self.gamma).is_autodiff() {
            self.forward_train(input, slope)
        } else {
            leaky_relu(self.forward_inference(input), slope.into())
        }
    }

    /// Normalises by the running statistics wherever `input` is.
    ///
    /// # Shapes
    /// - `input`: `[batch, channels, height, width]`
    /// - returns: the same
    pub fn forward_inference(&self, input: Tensor<4>) -> Tensor<4> {
        let (mean, var) = (self.running_mean.value(), self.running_var.value());
        batch_norm_by(input, self.gamma.val(), self.beta.val(), mean, var, EPSILON)
    }

    fn forward_train(&self, input: Tensor<4>, slope: f32) -> Tensor<4> {
        let normalization = Normalization { epsilon: EPSILON as f32, momentum: MOMENTUM, slope };
        let running = [&self.running_mean, &self.running_var];
        let (output, moved) =
            batch_norm(input, self.gamma.val(), self.beta.val(), running.map(Buffer::value), normalization);
        for (running, moved) in running.into_iter().zip(moved) {
            running.set(moved);
        }
        output
    }
}
