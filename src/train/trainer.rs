//! Both networks, their optimizers and the average, and one step of all of them.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::config::TrainConfig;
use crate::losses::{discriminator_bce, generator_bce};
use crate::models::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, initialize};
use crate::train::{Adam, AdamConfig, Ema, ema_beta};
use crate::validate::ValidConfig;

/// Everything that training changes.
#[derive(Debug)]
pub struct Trainer {
    /// The network that draws.
    pub generator: Generator,
    /// The network that judges.
    pub discriminator: Discriminator,
    /// The average of the first, which draws what people see.
    pub generator_ema: Ema<Generator>,
    /// The generator's optimizer.
    pub generator_adam: Adam,
    /// The discriminator's optimizer.
    pub discriminator_adam: Adam,
    /// Steps made.
    pub step: u64,
    /// Real images shown.
    pub nimg: u64,
    train: TrainConfig,
}

/// Names of the three networks in a checkpoint.
pub const NETWORKS: [&str; 3] = ["generator", "discriminator", "generator_ema"];

/// What one step computed, still on the device: nothing is read back before a tick.
#[derive(Clone, Debug)]
pub struct StepStats {
    /// `[1]`: BCE of real pictures against 1.
    pub loss_d_real: Tensor<1>,
    /// `[1]`: BCE of generated pictures against 0.
    pub loss_d_fake: Tensor<1>,
    /// `[1]`: BCE of generated pictures against 1, after the discriminator's update.
    pub loss_g: Tensor<1>,
    /// `[batch]`: before the discriminator's update.
    pub logits_real: Tensor<1>,
    /// `[batch]`: before the discriminator's update.
    pub logits_fake: Tensor<1>,
    /// `[batch]`: of the same pictures after the discriminator's update.
    pub logits_fake_after: Tensor<1>,
    /// `[batch, channels, resolution, resolution]`: the generated batch, in [-1, 1].
    pub fake: Tensor<4>,
}

impl Trainer {
    /// New networks from the config's seed, on `device` (without autodiff; the trainer adds it).
    pub fn new(config: &ValidConfig, channels: usize, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let resolution = config.data.resolution;
        let generator =
            GeneratorConfig { latent: config.model.latent, width: config.model.generator_width, channels, resolution };
        let discriminator = DiscriminatorConfig { width: config.model.discriminator_width, channels, resolution };
        let (generator, position) = initialize(generator.init(&device), config.seed, 0);
        let (discriminator, _) = initialize(discriminator.init(&device), config.seed, position);
        Self::from_networks(generator, discriminator, &config.train)
    }

    /// Starts training given networks (on an autodiff device).
    pub fn from_networks(generator: Generator, discriminator: Discriminator, train: &TrainConfig) -> Self {
        Self {
            generator_ema: Ema::new(&generator),
            generator,
            discriminator,
            generator_adam: Adam::new(Self::adam_config(train, train.generator_lr)),
            discriminator_adam: Adam::new(Self::adam_config(train, train.discriminator_lr)),
            step: 0,
            nimg: 0,
            train: train.clone(),
        }
    }

    fn adam_config(train: &TrainConfig, lr: f64) -> AdamConfig {
        AdamConfig { lr, beta1: train.beta1, beta2: train.beta2, eps: train.adam_eps }
    }

    /// Adam's constants for `(generator, discriminator)`.
    pub fn adam_configs(train: &TrainConfig) -> (AdamConfig, AdamConfig) {
        (Self::adam_config(train, train.generator_lr), Self::adam_config(train, train.discriminator_lr))
    }

    /// One step of both networks on one real batch (Goodfellow et al. 2014, Algorithm 1 with k = 1, in the order of
    /// the PyTorch tutorial: both see the same generated batch).
    ///
    /// # Shapes
    /// - `real`: `[batch, channels, resolution, resolution]` in [-1, 1]
    /// - `z`: `[batch, latent]`
    pub fn step(&mut self, real: Tensor<4>, z: Tensor<2>) -> StepStats {
        let [batch, _, _, _] = real.dims();
        let fake = self.generator.forward(z.autodiff());
        let (logits_real, logits_fake, loss_d_real, loss_d_fake) =
            self.discriminator_phase(real.autodiff(), fake.clone().detach());
        let (logits_fake_after, loss_g) = self.generator_phase(fake.clone());
        self.step += 1;
        self.nimg += batch as u64;
        self.generator_ema.update(&self.generator, ema_beta(batch, self.ema_half_life_nimg()));
        StepStats {
            loss_d_real: loss_d_real.without_autodiff(),
            loss_d_fake: loss_d_fake.without_autodiff(),
            loss_g: loss_g.without_autodiff(),
            logits_real: logits_real.without_autodiff(),
            logits_fake: logits_fake.without_autodiff(),
            logits_fake_after: logits_fake_after.without_autodiff(),
            fake: fake.without_autodiff(),
        }
    }

    fn discriminator_phase(
        &mut self,
        real: Tensor<4>,
        fake: Tensor<4>,
    ) -> (Tensor<1>, Tensor<1>, Tensor<1>, Tensor<1>) {
        // Two passes, not one of both: batch norm must not mix the statistics of real and generated pictures.
        let logits_real = self.discriminator.forward(real);
        let logits_fake = self.discriminator.forward(fake);
        let (loss_real, loss_fake) = discriminator_bce(logits_real.clone(), logits_fake.clone());
        let mut gradients = (loss_real.clone() + loss_fake.clone()).backward();
        self.discriminator = self.discriminator_adam.step(self.discriminator.clone(), &mut gradients);
        (logits_real, logits_fake, loss_real, loss_fake)
    }

    fn generator_phase(&mut self, fake: Tensor<4>) -> (Tensor<1>, Tensor<1>) {
        // Without gradient requirement on its weights no weight gradients are computed that nobody uses. The clone
        // shares batch norm's running statistics, so they go on counting this pass, as PyTorch's do.
        let discriminator = self.discriminator.clone().no_grad();
        let logits = discriminator.forward(fake);
        let loss = generator_bce(logits.clone());
        let mut gradients = loss.backward();
        self.generator = self.generator_adam.step(self.generator.clone(), &mut gradients);
        (logits, loss)
    }

    fn ema_half_life_nimg(&self) -> f64 {
        let half_life = self.train.ema_half_life_kimg * 1000.0;
        match self.train.ema_rampup {
            Some(share) => half_life.min(self.nimg as f64 * share),
            None => half_life,
        }
    }
}
