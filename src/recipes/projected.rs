//! A discriminator on frozen features: Sauer et al. 2021, arXiv:2111.01007, with R3GAN's generator.

use super::Recipe;
use crate::config::{
    Architecture, AugmentConfig, DataConfig, Length, Loss, ModelConfig, Resolution, RunConfig, ScheduleConfig, Taps,
    TrainConfig,
};

/// Learns fastest by far.
pub const PROJECTED: Recipe = Recipe {
    name: "projected",
    summary: "R3GAN's generator, judged by a network that knows pictures already",
    advice: "the first choice for photos: it learns several times as fast as the others",
    build: projected,
};

fn projected() -> RunConfig {
    RunConfig {
        recipe: "projected".to_owned(),
        data: DataConfig { resolution: Resolution::square(32), horizontal_flip: true, ..DataConfig::default() },
        model: ModelConfig {
            architecture: Architecture::Projected,
            latent: 64,
            generator_width: 32,
            discriminator_width: 64,
            // They learn faster in the first minutes, for a quarter of the download. Deep ones drew better dogs after half an
            // hour: docs/recipes.md.
            taps: Taps::Early,
            ..ModelConfig::default()
        },
        train: TrainConfig {
            // With twice as many pictures a step and half the rates, the first minutes bring far less: docs/recipes.md.
            batch: 16,
            length: Length::Kimg(150),
            loss: Loss::Hinge,
            generator_lr: 6e-4,
            // The heads have the farther way to go.
            discriminator_lr: 9e-4,
            beta1: 0.0,
            beta2: 0.99,
            // A run's checkpoints differ a lot from each other, so the average is long.
            ema_half_life_kimg: 15.0,
            ema_rampup: Some(0.1),
            ..TrainConfig::default()
        },
        schedule: ScheduleConfig {
            kimg: 150.0,
            generator_lr: Some(1e-4),
            discriminator_lr: Some(1e-4),
            ..ScheduleConfig::default()
        },
        augment: AugmentConfig {
            color: true,
            color_share: 0.3,
            translation: true,
            cutout: true,
            cutout_size: 0.2,
            ..AugmentConfig::default()
        },
        ..RunConfig::default()
    }
}
