//! The two updates of a step with a projected discriminator.
//!
//! What its frozen network makes of the pictures is most of the work, so it is computed once a step for both updates: the
//! heads learn from the generated pictures' views as constants, and the generator through the same views.

use burn::module::Module;
use burn::tensor::Tensor;

use super::trainer::{DiscriminatorStats, GeneratorStats, Trainer};
use crate::losses::{discriminator_loss, generator_loss};
use crate::models::Discriminator;
use crate::models::projected::{ProjectedDiscriminator, mean_logit};
use crate::random::Stream;

impl Trainer {
    /// Scales the discriminator's mixing by real pictures, where it has one. To be called once for new networks, before
    /// their first step.
    ///
    /// # Shapes
    /// - `real`: `[batch, channels, height, width]` in [-1, 1]; a few hundred
    pub fn calibrate(&mut self, real: Tensor<4>) {
        if let Discriminator::Projected(network) = &self.discriminator {
            network.calibrate(real);
        }
    }

    /// Brings the power iterations of new heads near their ends.
    pub fn settle(&mut self) {
        if let Discriminator::Projected(network) = &self.discriminator {
            network.settle();
        }
    }

    /// Updates the discriminator, then the generator by the updated one. Statistics are taken before the updates that they
    /// lead to.
    ///
    /// # Shapes
    /// - `real`: `[batch, channels, height, width]` without autodiff
    /// - `fake`: the same, with the generator's graph
    pub(super) fn projected_phases(
        &mut self,
        network: &ProjectedDiscriminator,
        real: Tensor<4>,
        fake: Tensor<4>,
    ) -> (DiscriminatorStats, GeneratorStats) {
        let mut random = self.random(Stream::AugmentDiscriminator, self.nimg);
        let real = self.factors(&real, &mut random).apply(real.autodiff().into()).value;
        let fake = self.factors(&fake, &mut random).apply(fake.into()).value;
        let (views_real, views_fake) = (network.view(real), network.view(fake));

        let (loss, smoothing) = (self.config.train.loss, self.config.train.label_smoothing);
        let logits_real = network.judge(views_real);
        let logits_fake = network.judge(views_fake.iter().cloned().map(Tensor::detach).collect());
        let losses = logits_real
            .iter()
            .zip(&logits_fake)
            .map(|(real, fake)| discriminator_loss(loss, smoothing, flat(real.clone()), flat(fake.clone())));
        let loss_d = mean(losses.collect());
        let stats = DiscriminatorStats {
            logits_real: mean_logit(logits_real).without_autodiff(),
            logits_fake: mean_logit(logits_fake).without_autodiff(),
            loss_d: loss_d.clone().without_autodiff(),
            penalties: [None, None],
        };
        self.update_discriminator(loss_d);

        let Discriminator::Projected(network) = self.discriminator.clone().no_grad() else {
            unreachable!("an update keeps the family");
        };
        let logits = network.judge(views_fake);
        // Only losses that take generated pictures by themselves are allowed here, so any numbers do for the real ones.
        let losses = logits.iter().map(|logits| {
            let fake = flat(logits.clone());
            generator_loss(loss, fake.clone().detach(), fake)
        });
        let loss_g = mean(losses.collect());
        let generator = GeneratorStats {
            logits_fake_after: mean_logit(logits).without_autodiff(),
            loss_g: loss_g.clone().without_autodiff(),
        };
        self.update_generator(loss_g);
        (stats, generator)
    }
}

fn flat(logits: Tensor<4>) -> Tensor<1> {
    let count = logits.shape().num_elements();
    logits.reshape([count])
}

/// The mean over the heads.
fn mean(losses: Vec<Tensor<1>>) -> Tensor<1> {
    let heads = losses.len() as f64;
    losses.into_iter().reduce(|a, b| a + b).expect("there is at least one head") / heads
}
