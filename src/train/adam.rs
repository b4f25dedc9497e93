//! Adam: Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1.
//!
//! burn's own optimizer keeps its moments where only synchronous code can read them, which WebGPU forbids, and its default
//! epsilon is another. This one keeps them as plain tensors by parameter path.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Gradients, Tensor};

use crate::ops::{AdamStep, adam};
use crate::weights::{self, DeviceTensor, Path};

/// Adam's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    /// Step size.
    pub lr: f64,
    /// Decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// Added outside the root; PyTorch's default is 1e-8.
    pub eps: f64,
}

/// Adam, whose state can be read and restored.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    /// Updates made, t of the paper.
    time: u64,
    moments: BTreeMap<String, Moments>,
}

#[derive(Clone, Debug)]
struct Moments {
    shape: Vec<usize>,
    m: Tensor<1>,
    v: Tensor<1>,
}

impl Adam {
    /// An optimizer before its first update: both moments are 0.
    pub fn new(config: AdamConfig) -> Self {
        Self { config, time: 0, moments: BTreeMap::new() }
    }

    /// An optimizer after `time` updates, with the moments that [`Adam::state`] gave: `m` and `v` have the same names in the
    /// same order.
    pub fn restore(config: AdamConfig, time: u64, m: Vec<DeviceTensor>, v: Vec<DeviceTensor>) -> Self {
        let moments =
            m.into_iter().zip(v).map(|(m, v)| (m.name, Moments { shape: m.shape, m: m.values, v: v.values })).collect();
        Self { config, time, moments }
    }

    /// Both moments by parameter path, `(m, v)`.
    pub fn state(&self) -> (Vec<DeviceTensor>, Vec<DeviceTensor>) {
        let tensor = |name: &String, moments: &Moments, values: &Tensor<1>| DeviceTensor {
            name: name.clone(),
            shape: moments.shape.clone(),
            is_buffer: false,
            values: values.clone(),
        };
        let m = self.moments.iter().map(|(name, moments)| tensor(name, moments, &moments.m));
        let v = self.moments.iter().map(|(name, moments)| tensor(name, moments, &moments.v));
        (m.collect(), v.collect())
    }

    /// The same optimizer on another device.
    #[cfg(feature = "devices")]
    pub(super) fn on(&self, device: &burn::tensor::Device) -> Self {
        let moved = |(name, Moments { shape, m, v }): (&String, &Moments)| {
            let [m, v] = [m, v].map(|moment| moment.clone().to_device(device));
            (name.clone(), Moments { shape: shape.clone(), m, v })
        };
        Self { moments: self.moments.iter().map(moved).collect(), ..*self }
    }

    /// Sets the constants of the updates that follow.
    pub fn configure(&mut self, config: AdamConfig) {
        self.config = config;
    }

    /// Updates every parameter of `module` that has a gradient:
    ///
    /// `m = β₁m + (1-β₁)g`, `v = β₂v + (1-β₂)g²`, `p = p - lr · [m/(1-β₁ᵗ)] / [√(v/(1-β₂ᵗ)) + eps]`
    ///
    /// With `clip_norm` all gradients together are first scaled down to that length if they are longer (Pascanu et al.
    /// 2013, arXiv:1211.5063, algorithm 1; PyTorch's `clip_grad_norm_`).
    pub fn step<M: Module>(&mut self, module: M, mut gradients: Gradients, clip_norm: Option<f64>) -> M {
        let gradients = weights::take_gradients(&module, &mut gradients);
        self.step_along(module, gradients, clip_norm, |_| false)
    }

    /// The same along these gradients, which [`weights::take_gradients`] gave, except that parameters whose path `is_frozen` keep
    /// their values. Their moments follow their gradients, so that a run that continues can train them from its first step on.
    pub fn step_along<M: Module>(
        &mut self,
        module: M,
        mut gradients: BTreeMap<String, Tensor<1>>,
        clip_norm: Option<f64>,
        is_frozen: impl Fn(&str) -> bool,
    ) -> M {
        self.time += 1;
        if let Some(limit) = clip_norm {
            clip(&mut gradients, limit);
        }
        module.map(&mut Update { adam: self, gradients, is_frozen, path: Path::default() })
    }

    /// The new value of one parameter, row-major. Its moments are made at its first update.
    fn update(&mut self, name: &str, shape: &[usize], value: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let AdamConfig { lr, beta1, beta2, eps } = self.config;
        let moments = self.moments.entry(name.to_owned()).or_insert_with(|| Moments {
            shape: shape.to_vec(),
            m: gradient.zeros_like(),
            v: gradient.zeros_like(),
        });
        let betas = [beta1, beta2];
        let step = AdamStep {
            betas: betas.map(|beta| beta as f32),
            shares: betas.map(|beta| (1.0 - beta) as f32),
            corrections: betas.map(|beta| (1.0 - beta.powf(self.time as f64)) as f32),
            lr: lr as f32,
            eps: eps as f32,
        };
        let [value, m, v] = adam([value, moments.m.clone(), moments.v.clone()], gradient, step);
        (moments.m, moments.v) = (m, v);
        value
    }
}

/// Scales gradients down together: `g · min(1, limit / (‖all‖ + 1e-6))`. Nothing is read back.
fn clip(gradients: &mut BTreeMap<String, Tensor<1>>, limit: f64) {
    let squares = gradients.values().map(|gradient| gradient.clone().square().sum());
    let Some(total) = squares.reduce(|a, b| a + b) else { return };
    let factor = ((total.sqrt() + 1e-6).recip() * limit).clamp_max(1.0);
    for gradient in gradients.values_mut() {
        *gradient = gradient.clone() * factor.clone();
    }
}

struct Update<'a, F> {
    adam: &'a mut Adam,
    gradients: BTreeMap<String, Tensor<1>>,
    is_frozen: F,
    path: Path,
}

impl<F: Fn(&str) -> bool> ModuleMapper for Update<'_, F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.to_string();
        let Some(gradient) = self.gradients.remove(&name) else { return param };
        param.map(|tensor| {
            let dims = tensor.dims();
            let value = tensor.clone().without_autodiff().reshape([gradient.dims()[0]]);
            let updated = self.adam.update(&name, &dims, value, gradient);
            if (self.is_frozen)(&name) { tensor } else { updated.reshape(dims).autodiff().require_grad() }
        })
    }
}
