//! Dropout with masks from the host's random numbers, so that a run can be resumed bit for bit.

use burn::tensor::{Device, Tensor, TensorData};

use super::Dual;
use crate::random::Random;

/// Leaves out activations during one pass (Srivastava et al. 2014, JMLR 15), or none at all.
#[derive(Debug)]
pub struct Dropout(Option<(Random, f64)>);

impl Dropout {
    /// Leaves out a share `rate` in [0, 1) of the activations, drawn from `random`, and scales up the others.
    pub fn new(random: Random, rate: f64) -> Self {
        Self((rate > 0.0).then_some((random, rate)))
    }

    /// Lets everything pass: for drawing and judging outside of training.
    pub fn off() -> Self {
        Self(None)
    }

    /// Zeroes a share of the values and divides the others by what is left, so that their sum stays as it is on average.
    pub fn apply<const D: usize>(&mut self, input: Dual<D>) -> Dual<D> {
        let Some((random, rate)) = &mut self.0 else { return input };
        let device = &input.value.device();
        let mask = mask(random, *rate, input.value.dims(), device);
        input.linear(|x| x * mask.clone())
    }
}

fn mask<const D: usize>(random: &mut Random, rate: f64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let kept = (1.0 / (1.0 - rate)) as f32;
    let values = (0..shape.iter().product()).map(|_| if random.uniform() < rate { 0.0 } else { kept }).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), device)
}
