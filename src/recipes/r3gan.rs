//! R3GAN: Huang et al. 2024, arXiv:2501.05441, in sizes for one ordinary device and small data sets.

use super::Recipe;
use crate::config::{
    Architecture, AugmentConfig, DataConfig, Length, Loss, ModelConfig, RunConfig, ScheduleConfig, TrainConfig,
};

/// The default. Front ends pick width and batch by the speed of the device.
pub const R3GAN: Recipe = Recipe {
    name: "r3gan",
    summary: "R3GAN, the modern baseline, sized for the device",
    advice: "the best choice unless you know why not",
    build: || r3gan("r3gan", SMALL),
};

/// For a processor.
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

/// Width and batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Channels at the full resolution, of both networks.
    pub width: usize,
    /// Pictures a step.
    pub batch: usize,
}

impl Size {
    /// Puts it into a configuration, with what depends on the batch.
    pub fn apply(self, config: &mut RunConfig) {
        config.model.generator_width = self.width;
        config.model.discriminator_width = self.width;
        config.train.batch = self.batch;
        // StyleGAN2-ADA's rule: batch * 10 / 32 kimg.
        config.train.ema_half_life_kimg = self.batch as f64 * 10.0 / 32.0;
    }
}

const SMALL: Size = Size { width: 16, batch: 32 };
const BASE: Size = Size { width: 48, batch: 64 };
const LARGE: Size = Size { width: 128, batch: 64 };

/// Sizes that are worth choosing from, the smallest first.
pub const SIZES: [Size; 6] =
    [Size { width: 8, batch: 16 }, SMALL, Size { width: 32, batch: 32 }, BASE, Size { width: 64, batch: 64 }, LARGE];

fn r3gan(name: &str, size: Size) -> RunConfig {
    let mut config = RunConfig {
        recipe: name.to_owned(),
        data: DataConfig { resolution: 32, ..DataConfig::default() },
        model: ModelConfig { architecture: Architecture::R3gan, latent: 64, ..ModelConfig::default() },
        train: TrainConfig {
            length: Length::Kimg(1000),
            loss: Loss::Relativistic,
            generator_lr: 2e-4,
            discriminator_lr: 2e-4,
            beta1: 0.0,
            beta2: 0.9,
            // The paper's for CIFAR-10, pictures of 32 pixels.
            r1_gamma: 0.05,
            r2_gamma: 0.05,
            ..TrainConfig::default()
        },
        schedule: ScheduleConfig {
            // The paper anneals over 20,000 kimg; one ordinary device makes about a twentieth of that.
            kimg: 1000.0,
            generator_lr: Some(5e-5),
            discriminator_lr: Some(5e-5),
            beta2: Some(0.99),
            r1_gamma: Some(0.005),
            r2_gamma: Some(0.005),
            augment_p: Some(0.3),
            ema_half_life_kimg: None,
        },
        // DiffAugment on the way in: a few thousand pictures are learnt by heart otherwise.
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
