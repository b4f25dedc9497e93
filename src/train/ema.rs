//! Exponential moving average of a network's weights. The generator's draws the samples.

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::ops::moving_average;
use crate::weights::{self, DeviceTensor};

/// Decay per step for a half-life counted in images: `β = 0.5 ^ (batch / max(half_life_nimg, 1e-8))`.
///
/// Source: StyleGAN2-ADA's training loop (Karras et al. 2020, arXiv:2006.06676).
pub fn ema_beta(batch: usize, half_life_nimg: f64) -> f64 {
    0.5f64.powf(batch as f64 / half_life_nimg.max(1e-8))
}

/// A module in inference mode whose parameters are the moving average of another's.
#[derive(Clone, Debug)]
pub struct Ema<M: Module>(M);

impl<M: Module> Ema<M> {
    /// Starts as a copy of `module`.
    pub fn new(module: &M) -> Self {
        Self(module.valid())
    }

    /// The averaged module, in inference mode.
    pub fn module(&self) -> &M {
        &self.0
    }

    /// `ema = p + β·(ema - p)` for parameters; buffers, which are averages themselves, are copied.
    pub fn update(&mut self, live: &M, beta: f64) {
        let live: HashMap<String, DeviceTensor> =
            weights::collect(live).into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        self.replace(|name, _, average| {
            let DeviceTensor { values, is_buffer, .. } = live[name].clone();
            Some(if is_buffer { values } else { moving_average(average.clone(), values, beta as f32) })
        });
    }

    /// Replaces tensors by name, as [`weights::replace`] does.
    pub fn replace(&mut self, replace: impl FnMut(&str, &[usize], &Tensor<1>) -> Option<Tensor<1>>) {
        // burn's mapping takes a module by value. A clone would share its buffers, which valid() copies.
        self.0 = weights::replace(self.0.valid(), replace);
    }
}
