//! Both networks, their optimizers and the average, and one step of all of them.

#[cfg(not(feature = "devices"))]
use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::augment::{Drawn, Factors, adapted, mean_sign};
#[cfg(feature = "devices")]
use super::team::Member;
use super::{Adam, AdamConfig, Batch, Ema, Schedule, ema_beta};
use crate::config::{Resolution, RunConfig};
use crate::data::PictureKind;
use crate::features::{FeatureError, Pretrained};
use crate::losses::{
    discriminator_loss, generator_loss, generator_loss_needs_real, input_gradient, penalty, squared_norms,
};
use crate::models::layers::Kind;
use crate::models::{Discriminator, Generator, Scheme, initialize, network_layers};
use crate::ops::{Dropout, Dual};
use crate::random::{Random, Share, Stream};
use crate::{series, weights};

/// Everything that training changes.
#[derive(Debug)]
pub struct Trainer {
    /// From latents to pictures.
    pub generator: Generator,
    /// From pictures to logits.
    pub discriminator: Discriminator,
    /// The average of the generator's weights, which draws what people see.
    pub generator_ema: Ema<Generator>,
    /// The generator's optimizer.
    pub generator_adam: Adam,
    /// The discriminator's optimizer.
    pub discriminator_adam: Adam,
    /// Steps made.
    pub step: u64,
    /// Real images shown.
    pub nimg: u64,
    /// Augmentation that follows the discriminator.
    pub adaptive: Adaptive,
    pub(super) config: RunConfig,
    /// The part of each batch that this trainer has.
    pub(super) share: Share,
    /// The others, where several devices share a batch.
    #[cfg(feature = "devices")]
    pub(super) member: Option<Member>,
}

/// Names of the three networks in a checkpoint.
pub const NETWORKS: [&str; 3] = ["generator", "discriminator", "generator_ema"];

/// Steps after which adaptive augmentation sets p anew (Karras et al. 2020, arXiv:2006.06676, section 3).
const ADAPTIVE_STEPS: u64 = 4;

/// State of adaptive augmentation.
#[derive(Clone, Debug)]
pub struct Adaptive {
    /// Chance of an alteration.
    pub p: f64,
    /// Of each step since p was last set: the mean sign of the real pictures' logits, `[1]`, still on the device; r_t of the
    /// paper.
    pub mean_signs: Vec<Tensor<1>>,
}

/// What one step computed, still on the device: nothing is read back before a tick.
#[derive(Clone, Debug)]
pub struct StepStats {
    /// `[1]`: the discriminator's loss, `γ/2 (R1 + R2)` included.
    pub loss_d: Tensor<1>,
    /// `[1]` each: `γ/2 R1` and `γ/2 R2`, where they are on.
    pub penalties: [Option<Tensor<1>>; 2],
    /// `[1]`: the generator's loss, after the discriminator's update.
    pub loss_g: Tensor<1>,
    /// `[batch]`: before the discriminator's update. Where several devices share the batch, `[1]`: the mean, here and below.
    pub logits_real: Tensor<1>,
    /// `[batch]`: before the discriminator's update.
    pub logits_fake: Tensor<1>,
    /// `[batch]`: of the same pictures after the discriminator's update.
    pub logits_fake_after: Tensor<1>,
    /// `[batch, channels, height, width]`: the generated batch, before any alteration.
    pub fake: Tensor<4>,
}

impl StepStats {
    /// What a run reports of each step, by the name of its series: the value is the mean of the tensor.
    pub fn series(&self) -> Vec<(&'static str, Tensor<1>)> {
        let [r1, r2] = self.penalties.clone();
        let series = [
            (series::LOSS_D, Some(self.loss_d.clone())),
            (series::LOSS_G, Some(self.loss_g.clone())),
            (series::LOSS_R1, r1),
            (series::LOSS_R2, r2),
            (series::SCORE_REAL, Some(self.logits_real.clone())),
            (series::SCORE_FAKE, Some(self.logits_fake.clone())),
        ];
        series.into_iter().filter_map(|(name, values)| Some((name, values?))).collect()
    }
}

/// What the discriminator's phase adds to [`StepStats`].
pub(super) struct DiscriminatorStats {
    pub logits_real: Tensor<1>,
    pub logits_fake: Tensor<1>,
    pub loss_d: Tensor<1>,
    pub penalties: [Option<Tensor<1>>; 2],
}

/// What the generator's phase adds to [`StepStats`].
pub(super) struct GeneratorStats {
    pub logits_fake_after: Tensor<1>,
    pub loss_g: Tensor<1>,
}

/// The discriminator's opinion of some pictures.
struct Scores {
    /// `[batch]`
    logits: Tensor<1>,
    /// What a penalty needs, where there is one.
    slope: Option<Slope>,
}

/// How steep the discriminator D is at each picture x, in the direction `v = ∇ₓD(x)`.
struct Slope {
    /// `D'(x)[v]`, `[batch]`: what the weights' gradient is taken of.
    directional_derivative: Tensor<1>,
    /// `‖v‖²`, `[batch]`: the same numbers, without a gradient.
    squared_norm: Tensor<1>,
}

impl Scores {
    /// The scores of two kinds of pictures that went through the discriminator as one batch.
    fn halves(self) -> [Self; 2] {
        let [count] = self.logits.dims();
        [0, 1].map(|half| {
            let half = |values: &Tensor<1>| values.clone().narrow(0, half * count / 2, count / 2);
            let slope = self.slope.as_ref().map(|slope| Slope {
                directional_derivative: half(&slope.directional_derivative),
                squared_norm: half(&slope.squared_norm),
            });
            Self { logits: half(&self.logits), slope }
        })
    }
}

impl Trainer {
    /// New networks from the config's seed, on `device` (without autodiff; the trainer adds it). `backbone`: see
    /// [`Discriminator::new`].
    ///
    /// # Errors
    /// [`FeatureError`] if the discriminator needs a frozen network, and `backbone` is not that.
    pub fn new(
        config: &RunConfig,
        kind: PictureKind,
        backbone: Option<&Pretrained>,
        device: &Device,
    ) -> Result<Self, FeatureError> {
        let device = device.clone().autodiff();
        let [layers, _] = network_layers(config, kind);
        let residual_blocks = layers.iter().filter(|layer| layer.kind == Kind::Add).count();
        let scheme = Scheme::of(config.model.architecture, residual_blocks);
        let (generator, position) = initialize(Generator::new(config, kind, &device), scheme, config.seed, 0);
        let discriminator = Discriminator::new(config, kind, backbone, &device)?;
        let (discriminator, _) = initialize(discriminator, scheme, config.seed, position);
        Ok(Self::from_networks(generator, discriminator, config))
    }

    /// Starts training given networks (on an autodiff device).
    pub fn from_networks(generator: Generator, discriminator: Discriminator, config: &RunConfig) -> Self {
        let (generator_adam, discriminator_adam) = Self::adam_configs(config, 0);
        Self {
            generator_ema: Ema::new(&generator),
            generator,
            discriminator,
            generator_adam: Adam::new(generator_adam),
            discriminator_adam: Adam::new(discriminator_adam),
            step: 0,
            nimg: 0,
            adaptive: Adaptive { p: config.augment.p, mean_signs: Vec::new() },
            config: config.clone(),
            share: Share::WHOLE,
            #[cfg(feature = "devices")]
            member: None,
        }
    }

    /// Sets the training settings of the steps that follow. Those of the networks have to be the same.
    pub fn set_config(&mut self, config: &RunConfig) {
        self.config = config.clone();
    }

    /// Adam's constants for `(generator, discriminator)` after `nimg` images.
    pub fn adam_configs(config: &RunConfig, nimg: u64) -> (AdamConfig, AdamConfig) {
        let schedule = Schedule::at(config, nimg);
        let adam = |lr| AdamConfig { lr, beta1: config.train.beta1, beta2: schedule.beta2, eps: config.train.adam_eps };
        (adam(schedule.generator_lr), adam(schedule.discriminator_lr))
    }

    /// One step of both networks on one real batch (Goodfellow et al. 2014, Algorithm 1 with k = 1, in the order of
    /// the PyTorch tutorial: both see the same generated batch).
    pub fn step(&mut self, batch: Batch) -> StepStats {
        let Batch { real, classes, z } = batch;
        let [count, _, _, _] = real.dims();
        let classes = classes.map(Tensor::autodiff);
        self.configure_optimizers();
        let fake = self.generator.forward(z.autodiff(), classes.clone());
        let phases = match &self.discriminator {
            Discriminator::Projected(network) => self.projected_phases(&network.clone(), real, fake.clone()),
            _ => self.phases(real, fake.clone(), classes),
        };
        let (
            DiscriminatorStats { mut logits_real, mut logits_fake, mut loss_d, mut penalties },
            GeneratorStats { mut logits_fake_after, mut loss_g },
        ) = phases;
        let is_adaptive = self.config.augment.adaptive;
        let mut mean_sign = is_adaptive.then(|| mean_sign(self.config.train.loss, &logits_real, &logits_fake));
        let measured = [&mut loss_d, &mut loss_g, &mut logits_real, &mut logits_fake, &mut logits_fake_after];
        self.share_measures(measured.into_iter().chain(penalties.iter_mut().flatten()).chain(&mut mean_sign));
        self.adaptive.mean_signs.extend(mean_sign);
        let count = count * self.share.of;
        self.step += 1;
        self.nimg += count as u64;
        self.average_generator(count);
        let fake = fake.without_autodiff();
        StepStats { loss_d, penalties, loss_g, logits_real, logits_fake, logits_fake_after, fake }
    }

    /// Both updates, with the pictures altered anew for the generator's.
    fn phases(
        &mut self,
        real: Tensor<4>,
        fake: Tensor<4>,
        classes: Option<Tensor<1, Int>>,
    ) -> (DiscriminatorStats, GeneratorStats) {
        let constant = fake.clone().detach().without_autodiff();
        let discriminator = self.discriminator_phase(real.clone(), constant, classes.clone());
        (discriminator, self.generator_phase(real, fake, classes))
    }

    /// Learning rates and the second moment's decay follow the schedule.
    fn configure_optimizers(&mut self) {
        let (generator, discriminator) = Self::adam_configs(&self.config, self.nimg);
        self.generator_adam.configure(generator);
        self.discriminator_adam.configure(discriminator);
    }

    /// The average follows the generator over `count` images, by a half-life that the schedule gives.
    fn average_generator(&mut self, count: usize) {
        // The first device's draws the pictures that people see.
        if self.share.index > 0 {
            return;
        }
        let half_life = Schedule::at(&self.config, self.nimg).ema_half_life_nimg;
        self.generator_ema.update(&self.generator, ema_beta(count, half_life));
    }

    /// Updates the discriminator by its loss and the penalties. Statistics are taken before the update.
    fn discriminator_phase(
        &mut self,
        real: Tensor<4>,
        fake: Tensor<4>,
        classes: Option<Tensor<1, Int>>,
    ) -> DiscriminatorStats {
        let schedule = Schedule::at(&self.config, self.nimg);
        let gammas = [schedule.r1_gamma, schedule.r2_gamma];
        let [real, fake] = self.score_both(real, fake, classes, gammas.map(|gamma| gamma > 0.0));
        let train = &self.config.train;
        let adversarial =
            discriminator_loss(train.loss, train.label_smoothing, real.logits.clone(), fake.logits.clone());
        let mut loss_d = adversarial.clone().without_autodiff();
        let mut total = adversarial;
        let penalties = [(real.slope, gammas[0]), (fake.slope, gammas[1])].map(|(slope, gamma)| {
            let Slope { directional_derivative, squared_norm } = slope?;
            // The gradient of the one, the value of the other: see `losses::penalty`.
            let value = squared_norm.mean() * (gamma / 2.0);
            total = total.clone() + penalty(gamma, directional_derivative);
            loss_d = loss_d.clone() + value.clone();
            Some(value)
        });
        self.update_discriminator(total);
        let (logits_real, logits_fake) = (real.logits.without_autodiff(), fake.logits.without_autodiff());
        DiscriminatorStats { logits_real, logits_fake, loss_d, penalties }
    }

    /// Scores real and generated pictures, in one pass where that makes no difference.
    fn score_both(
        &self,
        real: Tensor<4>,
        fake: Tensor<4>,
        classes: Option<Tensor<1, Int>>,
        is_penalised: [bool; 2],
    ) -> [Scores; 2] {
        let mut random = self.random(Stream::AugmentDiscriminator, self.nimg);
        if self.can_share_a_pass(is_penalised) {
            let classes = classes.map(|classes| Tensor::cat(vec![classes.clone(), classes], 0));
            return self.score(Tensor::cat(vec![real, fake], 0), classes, is_penalised[0], &mut random, 0).halves();
        }
        let real = self.score(real, classes.clone(), is_penalised[0], &mut random, 0);
        [real, self.score(fake, classes, is_penalised[1], &mut random, 1)]
    }

    /// Whether one pass over real and generated pictures as one batch gives the scores of a pass over each: the same work
    /// in half as many launches. Not where the score of a picture depends on the others of its batch, nor where only one
    /// kind is penalised.
    fn can_share_a_pass(&self, is_penalised: [bool; 2]) -> bool {
        let model = &self.config.model;
        let depends_on_batch = model.has_discriminator_norm() || model.minibatch_stddev || model.dropout > 0.0;
        !depends_on_batch && is_penalised[0] == is_penalised[1]
    }

    /// Augments pictures and scores them; with what a penalty needs if they are penalised.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]` without autodiff
    /// - `classes`: `[batch]`
    /// - `pass`: tells the passes of a step apart, for dropout
    fn score(
        &self,
        images: Tensor<4>,
        classes: Option<Tensor<1, Int>>,
        is_penalised: bool,
        random: &mut Random,
        pass: u64,
    ) -> Scores {
        let factors = self.factors(&images, random);
        if !is_penalised {
            let images = factors.apply(images.autodiff().into());
            let logits = self.discriminator.forward(images, classes, &mut self.dropout(pass)).value;
            return Scores { logits, slope: None };
        }
        let constant = self.discriminator.clone().no_grad();
        let gradient = input_gradient(images.clone(), |images| {
            constant.forward(factors.apply(images.into()), classes.clone(), &mut self.dropout(pass)).value
        });
        let squared_norm = squared_norms(gradient.clone());
        let moving = factors.apply(Dual::moving(images.autodiff(), gradient.autodiff()));
        let Dual { value: logits, tangent } = self.discriminator.forward(moving, classes, &mut self.dropout(pass));
        let slope = tangent.map(|directional_derivative| Slope { directional_derivative, squared_norm });
        Scores { logits, slope }
    }

    /// Updates the generator by its loss through the updated discriminator. Statistics are taken before the update.
    fn generator_phase(&mut self, real: Tensor<4>, fake: Tensor<4>, classes: Option<Tensor<1, Int>>) -> GeneratorStats {
        let loss = self.config.train.loss;
        let mut random = self.random(Stream::AugmentGenerator, self.nimg);
        let factors = self.factors(&fake, &mut random);
        // Weights that require no gradient cost none. The clone shares batch norm's running statistics, so they follow
        // this pass too, as PyTorch's do.
        let discriminator = self.discriminator.clone().no_grad();
        let fake = factors.apply(fake.into());
        let logits_fake = discriminator.forward(fake, classes.clone(), &mut self.dropout(2)).value;
        let logits_real = if generator_loss_needs_real(loss) {
            let real = self.factors(&real, &mut random).apply(real.autodiff().into());
            discriminator.forward(real, classes, &mut self.dropout(3)).value.detach()
        } else {
            logits_fake.clone().detach()
        };
        let loss = generator_loss(loss, logits_real, logits_fake.clone());
        let loss_g = loss.clone().without_autodiff();
        self.update_generator(loss);
        GeneratorStats { logits_fake_after: logits_fake.without_autodiff(), loss_g }
    }

    /// Adam's step of the discriminator along the gradient of `loss`.
    pub(super) fn update_discriminator(&mut self, loss: Tensor<1>) {
        let mut gradients = weights::take_gradients(&self.discriminator, &mut loss.backward());
        self.share_gradients(&mut gradients);
        let train = &self.config.train;
        let is_frozen = |name: &str| self.discriminator.is_among_first(train.freeze_d, name);
        let discriminator = self.discriminator.clone();
        let step = self.discriminator_adam.step_along(discriminator, gradients, train.clip_norm, is_frozen);
        self.discriminator = step;
    }

    /// Adam's step of the generator along the gradient of `loss`.
    pub(super) fn update_generator(&mut self, loss: Tensor<1>) {
        let mut gradients = weights::take_gradients(&self.generator, &mut loss.backward());
        self.share_gradients(&mut gradients);
        let (generator, clip_norm) = (self.generator.clone(), self.config.train.clip_norm);
        self.generator = self.generator_adam.step_along(generator, gradients, clip_norm, |_| false);
    }

    #[cfg(not(feature = "devices"))]
    fn share_gradients(&mut self, _gradients: &mut BTreeMap<String, Tensor<1>>) {}

    #[cfg(not(feature = "devices"))]
    fn share_measures<'a>(&mut self, _measured: impl IntoIterator<Item = &'a mut Tensor<1>>) {}

    /// Random alterations for a batch like `images`.
    pub(super) fn factors(&self, images: &Tensor<4>, random: &mut Random) -> Factors {
        let augment = &self.config.augment;
        if !augment.is_active() {
            return Factors::default();
        }
        let [count, _, height, width] = images.dims();
        // Pictures come here with and without autodiff, and leave with it.
        let share = self.share;
        let drawn = Drawn::new(augment, self.augment_p(), random, count * share.of, Resolution { width, height });
        // They may be real and generated ones, one after the other.
        drawn.of_share(share, self.config.train.batch / share.of).on(&images.device().autodiff())
    }

    /// What the step that follows goes by and a run reports now and then, by the name of its series.
    pub fn scheduled(&self) -> Vec<(&'static str, f64)> {
        let Schedule { generator_lr, discriminator_lr, .. } = Schedule::at(&self.config, self.nimg);
        let augment_p = self.config.augment.is_active().then(|| self.augment_p());
        let values = [
            (series::LEARNING_RATE_G, Some(generator_lr)),
            (series::LEARNING_RATE_D, Some(discriminator_lr)),
            (series::AUGMENT_P, augment_p),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Chance of each alteration in the step that follows.
    pub fn augment_p(&self) -> f64 {
        if self.config.augment.adaptive { self.adaptive.p } else { Schedule::at(&self.config, self.nimg).augment_p }
    }

    /// The mean signs that adaptive augmentation goes by, if p is due to be set anew.
    pub fn mean_signs_due(&self) -> Option<Vec<Tensor<1>>> {
        let is_due = !self.adaptive.mean_signs.is_empty() && self.step.is_multiple_of(ADAPTIVE_STEPS);
        is_due.then(|| self.adaptive.mean_signs.clone())
    }

    /// Sets adaptive p anew by the values of what [`Trainer::mean_signs_due`] gave.
    pub fn adapt(&mut self, mean_signs: &[f32]) {
        let mean = mean_signs.iter().map(|sign| f64::from(*sign)).sum::<f64>() / mean_signs.len().max(1) as f64;
        let count = mean_signs.len() as u64 * self.config.train.batch as u64;
        self.adaptive.p = adapted(&self.config.augment, self.adaptive.p, mean, count);
        self.adaptive.mean_signs.clear();
    }

    /// Random numbers for dropout in one of the passes of this step, 0 to 3.
    fn dropout(&self, pass: u64) -> Dropout {
        let random = self.random(Stream::Dropout, 4 * self.nimg + pass);
        Dropout::new(random, self.config.model.dropout).for_share(self.share)
    }

    pub(super) fn random(&self, stream: Stream, position: u64) -> Random {
        Random::new(self.config.seed, stream, position)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use futures_lite::future::block_on;

    use super::*;
    use crate::config::AugmentConfig;
    use crate::device::read_values;

    #[test]
    fn one_pass_over_both_kinds_gives_the_scores_of_a_pass_over_each() {
        let mut config = crate::recipes::find("r3gan-small").unwrap().config();
        (config.model.generator_width, config.model.discriminator_width) = (4, 4);
        config.augment = AugmentConfig::default();
        let trainer =
            Trainer::new(&config, PictureKind { channels: 3, classes: 0 }, None, &crate::device::cpu()).unwrap();
        assert!(trainer.can_share_a_pass([true, true]) && !trainer.can_share_a_pass([true, false]));
        let pictures = |kind| {
            let values = Random::new(2, Stream::Data, kind).normals(3 * 3 * 32 * 32);
            Tensor::<4>::from_data(TensorData::new(values, [3, 3, 32, 32]), &crate::device::cpu())
        };
        let score = |images| trainer.score(images, None, true, &mut Random::new(0, Stream::Data, 0), 0);
        let together = score(Tensor::cat(vec![pictures(0), pictures(1)], 0)).halves();
        let apart = [0, 1].map(|kind| score(pictures(kind)));
        let values = |scores: Scores| {
            let Slope { directional_derivative, squared_norm } = scores.slope.unwrap();
            block_on(read_values([scores.logits, directional_derivative, squared_norm])).unwrap().concat()
        };
        for (together, apart) in together.into_iter().zip(apart) {
            for (together, apart) in values(together).iter().zip(values(apart)) {
                assert!((together - apart).abs() <= 1e-5 * apart.abs().max(1e-3), "{together} and {apart}");
            }
        }
    }
}
