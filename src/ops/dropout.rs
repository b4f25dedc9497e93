//! Dropout. Its masks come from the host's random numbers, so that a resumed run continues bit for bit.

use burn::tensor::{Device, Tensor, TensorData};

use super::Dual;
use crate::random::{Random, Share};

/// Zeroes some activations during one pass, or none.
///
/// Source: Srivastava et al. 2014, "Dropout", JMLR 15.
#[derive(Debug)]
pub struct Dropout {
    /// Where the masks come from, and how likely it is that an activation is dropped.
    drawn: Option<(Random, f64)>,
    share: Share,
}

impl Dropout {
    /// Zeroes each activation with the probability `rate`, in [0, 1), drawn from `random`. The others are scaled up.
    pub fn new(random: Random, rate: f64) -> Self {
        Self { drawn: (rate > 0.0).then_some((random, rate)), share: Share::WHOLE }
    }

    /// For a part of each batch: it gets this part of the masks.
    pub fn for_share(self, share: Share) -> Self {
        Self { share, ..self }
    }

    /// Changes nothing, for networks outside of training.
    pub fn off() -> Self {
        Self { drawn: None, share: Share::WHOLE }
    }

    /// Multiplies by a new mask: 0 with the probability `rate`, else `1 / (1 - rate)`, which keeps the mean. Value and
    /// tangent get the same mask.
    ///
    /// # Shapes
    /// Any; the result has the shape of `input`.
    pub fn apply<const D: usize>(&mut self, input: Dual<D>) -> Dual<D> {
        let Some((random, rate)) = &mut self.drawn else { return input };
        let device = &input.value.device();
        let mask = mask(random, *rate, self.share, input.value.dims(), device);
        input.linear(|x| x * mask.clone())
    }
}

fn mask<const D: usize>(random: &mut Random, rate: f64, share: Share, shape: [usize; D], device: &Device) -> Tensor<D> {
    let kept = (1.0 / (1.0 - rate)) as f32;
    let own: usize = shape.iter().product();
    let values = (0..own * share.of).map(|_| if random.uniform() < rate { 0.0 } else { kept }).collect();
    Tensor::from_data(TensorData::new::<f32, _>(share.rows(values, own), shape), device)
}
