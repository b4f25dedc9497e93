//! One serde struct describes a run: the truth for the terminal, the page, the checkpoint and the run's folder.

use serde::{Deserialize, Serialize};

/// Everything that decides what a run computes, and when it reports.
///
/// Unknown fields are errors, so that a typing mistake is never silently a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the recipe these values were laid over.
    pub recipe: String,
    /// Feeds the named random streams (initial weights, data order, latents).
    pub seed: u64,
    /// What the networks see.
    pub data: DataConfig,
    /// The two networks.
    pub model: ModelConfig,
    /// How they are trained.
    pub train: TrainConfig,
    /// When the run reports; changes nothing that is trained.
    pub output: OutputConfig,
}

/// What the networks see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Height and width of the square pictures, in pixels: 28, 32, 64 or 128.
    pub resolution: usize,
    /// Colour or grey.
    pub channels: Channels,
    /// What is used of a picture that has boxes around what matters in it.
    pub crop: Crop,
    /// Show every picture mirrored half of the time. Off in the DCGAN tutorial, so off by default.
    pub horizontal_flip: bool,
}

/// Colour or grey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// As the source has them: idx files are grey, everything else is RGB, whatever the single pictures are.
    #[default]
    Auto,
    /// Three channels; grey is repeated in each.
    Rgb,
    /// One channel; colour becomes its luma.
    Grey,
}

/// What is used of a picture that has boxes around what matters in it: the Stanford Dogs' annotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crop {
    /// The square at its centre; boxes are not looked at.
    #[default]
    Whole,
    /// A square around each of its boxes; the square at its centre only if it has none.
    Box,
    /// A square around each of its boxes, and the square at its centre as one more picture.
    Both,
}

/// The two networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Family of generator and discriminator.
    pub architecture: Architecture,
    /// Length of the latent vector z.
    pub latent: usize,
    /// Channels of the generator's last hidden layer; deeper layers have multiples of it.
    pub generator_width: usize,
    /// Channels of the discriminator's first layer; deeper layers have multiples of it.
    pub discriminator_width: usize,
}

/// Family of generator and discriminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Transposed convolutions, batch norm and ReLU against convolutions, batch norm and LeakyReLU.
    Dcgan,
}

/// How the networks are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Pictures a step; batch norm needs at least 2.
    pub batch: usize,
    /// When the run is complete.
    pub length: Length,
    /// Adversarial loss.
    pub loss: Loss,
    /// Adam's step size for the generator.
    pub generator_lr: f64,
    /// Adam's step size for the discriminator.
    pub discriminator_lr: f64,
    /// Adam's decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// Adam's decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// Added to the root of Adam's second moment; PyTorch's value.
    pub adam_eps: f64,
    /// Half-life of the averaged generator, in thousands of images.
    pub ema_half_life_kimg: f64,
    /// The half-life is at most this share of the images seen, so that early samples follow early progress
    /// (StyleGAN2-ADA, `ema_rampup`). `None`: the full half-life from the first step.
    pub ema_rampup: Option<f64>,
}

/// When a run is complete. Counted from the very first step, resumed runs included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Steps of both networks.
    Steps(u64),
    /// Passes through the data set.
    Epochs(u64),
    /// Thousands of images shown to the discriminator.
    Kimg(u64),
    /// Seconds of training, pauses not counted.
    Seconds(u64),
    /// Until it is stopped.
    Unlimited,
}

/// Adversarial loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Binary cross entropy, non-saturating (Goodfellow et al. 2014, arXiv:1406.2661).
    Bce,
}

/// When the run reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// Steps between two read-backs of the losses (a point where the device is waited for).
    pub tick_steps: u64,
    /// Pictures in the grid of fixed latents.
    pub grid: usize,
    /// Steps between two grids.
    pub sample_steps: Option<u64>,
    /// Seconds between two grids, looked at on ticks.
    pub sample_secs: Option<f64>,
    /// Steps between two automatic checkpoints.
    pub checkpoint_steps: Option<u64>,
    /// Seconds between two automatic checkpoints, looked at on ticks.
    pub checkpoint_secs: Option<f64>,
}

impl Default for RunConfig {
    /// The recipe `dcgan32`.
    fn default() -> Self {
        Self {
            recipe: "dcgan32".to_owned(),
            seed: 0,
            data: DataConfig::default(),
            model: ModelConfig::default(),
            train: TrainConfig::default(),
            output: OutputConfig::default(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { resolution: 32, channels: Channels::Auto, crop: Crop::Whole, horizontal_flip: false }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        // nz, ngf and ndf of the PyTorch DCGAN tutorial.
        Self { architecture: Architecture::Dcgan, latent: 100, generator_width: 64, discriminator_width: 64 }
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        // The PyTorch DCGAN tutorial's, after Radford et al. 2016, section 4; the average is ours, with StyleGAN2-ADA's
        // half-life of batch * 10 / 32 kimg and ramp-up of 0.05.
        Self {
            batch: 128,
            length: Length::Epochs(25),
            loss: Loss::Bce,
            generator_lr: 2e-4,
            discriminator_lr: 2e-4,
            beta1: 0.5,
            beta2: 0.999,
            adam_eps: 1e-8,
            ema_half_life_kimg: 40.0,
            ema_rampup: Some(0.05),
        }
    }
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self {
            tick_steps: 4,
            grid: 64,
            sample_steps: Some(100),
            sample_secs: None,
            checkpoint_steps: Some(500),
            checkpoint_secs: None,
        }
    }
}
