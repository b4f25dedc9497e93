//! Settings that change over a run, along half a cosine.

use crate::config::RunConfig;

/// Their values at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// `train.generator_lr`
    pub generator_lr: f64,
    /// `train.discriminator_lr`
    pub discriminator_lr: f64,
    /// `train.beta2`
    pub beta2: f64,
    /// `train.r1_gamma`
    pub r1_gamma: f64,
    /// `train.r2_gamma`
    pub r2_gamma: f64,
    /// `train.ema_half_life_kimg`, in images.
    pub ema_half_life_nimg: f64,
    /// `augment.p`, if it is not adaptive.
    pub augment_p: f64,
}

impl Schedule {
    /// The values after `nimg` images.
    pub fn at(config: &RunConfig, nimg: u64) -> Self {
        let (train, schedule) = (&config.train, &config.schedule);
        let value =
            |start: f64, end: Option<f64>| end.map_or(start, |end| cosine(start, end, nimg, schedule.kimg * 1000.0));
        let half_life = value(train.ema_half_life_kimg, schedule.ema_half_life_kimg) * 1000.0;
        Self {
            generator_lr: value(train.generator_lr, schedule.generator_lr),
            discriminator_lr: value(train.discriminator_lr, schedule.discriminator_lr),
            beta2: value(train.beta2, schedule.beta2),
            r1_gamma: value(train.r1_gamma, schedule.r1_gamma),
            r2_gamma: value(train.r2_gamma, schedule.r2_gamma),
            ema_half_life_nimg: train.ema_rampup.map_or(half_life, |share| half_life.min(nimg as f64 * share)),
            augment_p: value(config.augment.p, schedule.augment_p),
        }
    }
}

/// `v(n) = start + (1 - (1 + cos(πn/N))/2)(end - start)` for n up to N, and `end` from there on.
fn cosine(start: f64, end: f64, nimg: u64, total: f64) -> f64 {
    let share = (nimg as f64 / total).min(1.0);
    start + (1.0 - (1.0 + libm::cos(std::f64::consts::PI * share)) / 2.0) * (end - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_along_a_cosine_to_its_end_and_stays() {
        let at = |nimg| cosine(2.0, 1.0, nimg, 1000.0);
        assert_eq!((at(0), at(1000), at(5000)), (2.0, 1.0, 1.0));
        assert!((at(500) - 1.5).abs() < 1e-12);
        assert!((at(250) - (2.0 - (1.0 - (0.5f64).sqrt()) / 2.0)).abs() < 1e-12);
    }

    #[test]
    fn a_value_without_an_end_does_not_change() {
        let mut config = RunConfig::default();
        config.schedule.kimg = 1.0;
        config.schedule.beta2 = Some(0.5);
        let at = Schedule::at(&config, 1000);
        assert_eq!((at.beta2, at.generator_lr), (0.5, config.train.generator_lr));
    }
}
