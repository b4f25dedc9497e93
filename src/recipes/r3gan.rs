//! R3GAN (Huang et al. 2024, arXiv:2501.05441), in sizes for a single device and small data sets.

use super::Recipe;
use super::resolution::gamma;
use crate::config::{
    Architecture, AugmentConfig, DataConfig, Length, Loss, ModelConfig, Resolution, RunConfig, ScheduleConfig,
    TrainConfig,
};

/// Front ends choose width and batch size by the speed of the device.
pub const R3GAN: Recipe = Recipe {
    name: "r3gan",
    summary: "R3GAN, the modern baseline, in a size that suits the device",
    advice: "the best choice for most data",
    build: || r3gan("r3gan", SMALL),
};

/// For a CPU.
pub const R3GAN_SMALL: Recipe = Recipe {
    name: "r3gan-small",
    summary: "R3GAN of width 16",
    advice: "for a processor without a GPU, or a first look",
    build: || r3gan("r3gan-small", SMALL),
};

/// For an integrated GPU.
pub const R3GAN_BASE: Recipe = Recipe {
    name: "r3gan-base",
    summary: "R3GAN of width 48",
    advice: "for a laptop's GPU, over an evening",
    build: || r3gan("r3gan-base", BASE),
};

/// For a large GPU.
pub const R3GAN_LARGE: Recipe = Recipe {
    name: "r3gan-large",
    summary: "R3GAN of width 128, the width of the paper's smallest network for 64 pixels",
    advice: "for a large GPU, over days",
    build: || r3gan("r3gan-large", LARGE),
};

/// Width of the networks and batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Channels at full resolution, in both networks.
    pub width: usize,
    /// Pictures per step.
    pub batch: usize,
}

impl Size {
    /// Sets it in a configuration, together with the half-life of the weight average, which depends on the batch size. A
    /// projected discriminator keeps its own width and half-life.
    pub fn apply(self, config: &mut RunConfig) {
        config.model.generator_width = self.width;
        config.train.batch = self.batch;
        if config.model.architecture == Architecture::Projected {
            return;
        }
        config.model.discriminator_width = self.width;
        config.train.ema_half_life_kimg = half_life_kimg(self.batch);
    }
}

/// Half-life of the weight average by StyleGAN2-ADA's rule: 10/32 kimg for each picture of a step.
fn half_life_kimg(batch: usize) -> f64 {
    batch as f64 * 10.0 / 32.0
}

const SMALL: Size = Size { width: 16, batch: 32 };
const BASE: Size = Size { width: 48, batch: 64 };
const LARGE: Size = Size { width: 128, batch: 64 };

/// The sizes to choose from, smallest first.
pub const SIZES: [Size; 6] =
    [Size { width: 8, batch: 16 }, SMALL, Size { width: 32, batch: 32 }, BASE, Size { width: 64, batch: 64 }, LARGE];

/// Those for a family. Beside a frozen network a small generator saves little, and small batches learn faster at first.
pub fn sizes(architecture: Architecture) -> &'static [Size] {
    const PROJECTED: [Size; 4] = [Size { width: 32, batch: 16 }, BASE, Size { width: 64, batch: 64 }, LARGE];
    if architecture == Architecture::Projected { &PROJECTED } else { &SIZES }
}

/// Whether networks have this size.
pub fn has_size(config: &RunConfig, size: Size) -> bool {
    let mut sized = config.clone();
    size.apply(&mut sized);
    sized.model == config.model && sized.train.batch == config.train.batch
}

impl RunConfig {
    /// Settings that ask less of a device, to try next where these were too much for it: the next smaller networks of the
    /// [`sizes`], and where there are none, or the networks have to stay as they are, half the batch. `None` if that is small
    /// already.
    pub fn with_less_work(&self, keeps_networks: bool) -> Option<Self> {
        /// Batches of fewer pictures say little about the rest.
        const SMALLEST_BATCH: usize = 4;
        let mut less = self.clone();
        let (model, batch) = (&self.model, self.train.batch);
        let is_smaller = |size: &Size| {
            size.width < model.generator_width || size.width == model.generator_width && size.batch < batch
        };
        let sizes = if keeps_networks || !model.architecture.has_residual_generator() {
            &[]
        } else {
            sizes(model.architecture)
        };
        if let Some(size) = sizes.iter().rfind(|size| is_smaller(size)) {
            Size { batch: size.batch.min(batch), ..*size }.apply(&mut less);
            // Only what was as the sizes have it follows them.
            less.model.discriminator_width = less.model.discriminator_width.min(model.discriminator_width);
            let half_life = self.train.ema_half_life_kimg;
            if half_life != half_life_kimg(batch) {
                less.train.ema_half_life_kimg = half_life;
            }
            return Some(less);
        }
        less.train.batch = batch / 2;
        (less.train.batch >= SMALLEST_BATCH).then_some(less)
    }
}

fn r3gan(name: &str, size: Size) -> RunConfig {
    let resolution = Resolution::square(32);
    let [gamma, final_gamma] = gamma(resolution);
    let mut config = RunConfig {
        recipe: name.to_owned(),
        data: DataConfig { resolution, ..DataConfig::default() },
        model: ModelConfig { architecture: Architecture::R3gan, latent: 64, ..ModelConfig::default() },
        train: TrainConfig {
            length: Length::Kimg(1000),
            loss: Loss::Relativistic,
            generator_lr: 2e-4,
            discriminator_lr: 2e-4,
            beta1: 0.0,
            beta2: 0.9,
            r1_gamma: gamma,
            r2_gamma: gamma,
            ..TrainConfig::default()
        },
        schedule: ScheduleConfig {
            // The paper anneals over 20,000 kimg. A single device gets through about a twentieth of that.
            kimg: 1000.0,
            generator_lr: Some(5e-5),
            discriminator_lr: Some(5e-5),
            beta2: Some(0.99),
            r1_gamma: Some(final_gamma),
            r2_gamma: Some(final_gamma),
            augment_p: Some(0.3),
            ema_half_life_kimg: None,
        },
        // DiffAugment: without it the discriminator memorises a few thousand pictures.
        augment: AugmentConfig {
            p: 0.0,
            color: true,
            translation: true,
            cutout: true,
            flip: true,
            ..AugmentConfig::default()
        },
        ..RunConfig::default()
    };
    size.apply(&mut config);
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes;

    #[test]
    fn whatever_was_too_much_becomes_smaller_networks_and_then_smaller_batches() {
        let sizes = |mut config: RunConfig, keeps_networks| {
            let mut sizes = Vec::new();
            while let Some(less) = config.with_less_work(keeps_networks) {
                less.clone().validate().unwrap();
                sizes.push((less.model.generator_width, less.train.batch));
                config = less;
            }
            sizes
        };
        let mut config = R3GAN_BASE.config();
        config.train.batch = 32;
        assert_eq!(sizes(config.clone(), false), [(32, 32), (16, 32), (8, 16), (8, 8), (8, 4)]);
        assert_eq!(sizes(config, true), [(48, 16), (48, 8), (48, 4)], "a checkpoint's networks stay");
        let mut projected = recipes::DEFAULT.config();
        projected.model.generator_width = 64;
        assert_eq!(sizes(projected, false), [(48, 16), (32, 16), (32, 8), (32, 4)]);
        let mut own = R3GAN_BASE.config();
        own.model.discriminator_width = 16;
        own.train.ema_half_life_kimg = 3.0;
        let less = own.with_less_work(false).unwrap();
        assert_eq!((less.model.generator_width, less.model.discriminator_width), (32, 16), "no network becomes larger");
        assert_eq!(less.train.ema_half_life_kimg, 3.0, "it was chosen");
        let dcgan = recipes::find("dcgan32").unwrap().config();
        assert_eq!(sizes(dcgan, false)[..2], [(64, 64), (64, 32)]);
    }
}
