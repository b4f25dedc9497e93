//! The default values: recipe `dcgan32`, the PyTorch DCGAN tutorial at 32 pixels.

use super::{
    Architecture, AugmentConfig, Background, BestBy, Channels, Crop, DataConfig, Frames, Framing, Length, Loss,
    MetricsConfig, ModelConfig, Norm, OnDivergence, OutputConfig, Precision, Resolution, RunConfig, ScheduleConfig,
    Splits, Taps, TrainConfig,
};

impl Default for RunConfig {
    /// The recipe `dcgan32`.
    fn default() -> Self {
        Self {
            recipe: "dcgan32".to_owned(),
            seed: 0,
            data: DataConfig::default(),
            model: ModelConfig::default(),
            train: TrainConfig::default(),
            schedule: ScheduleConfig::default(),
            augment: AugmentConfig::default(),
            metrics: MetricsConfig::default(),
            output: OutputConfig::default(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            resolution: Resolution::square(32),
            channels: Channels::Auto,
            crop: Crop::Whole,
            framing: Framing::Center,
            background: Background::White,
            frames: Frames::First,
            splits: Splits::All,
            exclude_flagged: false,
            keep_typical: 1.0,
            validation: 0.0,
            horizontal_flip: false,
        }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        // nz, ngf and ndf of the PyTorch DCGAN tutorial.
        Self {
            architecture: Architecture::Dcgan,
            latent: 100,
            generator_width: 64,
            discriminator_width: 64,
            blocks: 1,
            narrow_stages: 1,
            discriminator_norm: Norm::Batch,
            dropout: 0.0,
            minibatch_stddev: false,
            conditional: false,
            taps: Taps::Early,
            network_side: None,
            pixel_head: true,
        }
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        // The PyTorch DCGAN tutorial's, after Radford et al. 2016, section 4. The weight average is our addition, with
        // StyleGAN2-ADA's half-life of batch * 10 / 32 kimg and ramp-up of 0.05.
        Self {
            batch: 128,
            length: Length::Epochs(25),
            loss: Loss::Bce,
            label_smoothing: 0.0,
            generator_lr: 2e-4,
            discriminator_lr: 2e-4,
            beta1: 0.5,
            beta2: 0.999,
            adam_eps: 1e-8,
            clip_norm: None,
            r1_gamma: 0.0,
            r2_gamma: 0.0,
            freeze_d: 0,
            ema_half_life_kimg: 40.0,
            ema_rampup: Some(0.05),
            on_divergence: OnDivergence::Rollback,
            stop_when_stalled: None,
            precision: Precision::Auto,
        }
    }
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kimg: 1000.0,
            generator_lr: None,
            discriminator_lr: None,
            beta2: None,
            r1_gamma: None,
            r2_gamma: None,
            ema_half_life_kimg: None,
            augment_p: None,
        }
    }
}

impl Default for AugmentConfig {
    /// No augmentation. The constants are StyleGAN2-ADA's.
    fn default() -> Self {
        Self {
            p: 1.0,
            adaptive: false,
            target: 0.6,
            adaptive_kimg: 500.0,
            color: false,
            color_share: 1.0,
            translation: false,
            cutout: false,
            cutout_size: 0.5,
            flip: false,
            shear: 0.0,
            zoom: 0.0,
        }
    }
}

impl Default for MetricsConfig {
    /// A thousand pictures are more than the network has features, and are drawn in seconds.
    fn default() -> Self {
        Self { every_kimg: Some(10.0), every_minutes: None, count: 1000, budget: 0.05, best: BestBy::Fd }
    }
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self {
            tick_steps: 4,
            grid: 64,
            sample_steps: Some(100),
            sample_secs: None,
            epoch_samples: None,
            epoch_file: "output/fake_samples_epoch_{n}.png".to_owned(),
            checkpoint_steps: Some(500),
            checkpoint_secs: None,
            idle_share: 0.0,
        }
    }
}
