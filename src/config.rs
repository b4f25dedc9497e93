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
    /// Where some of those values end up.
    pub schedule: ScheduleConfig,
    /// How pictures are altered before the discriminator sees them.
    pub augment: AugmentConfig,
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
    /// What becomes of a whole picture that is not square.
    pub framing: Framing,
    /// What shines through transparent parts, and fills what is left beside a padded picture.
    pub background: Background,
    /// Which pictures of an animation are used.
    pub frames: Frames,
    /// Leave out what the data doctor flags: duplicates, small, blank and very long pictures, grey among colour.
    pub exclude_flagged: bool,
    /// Share of the pictures, in [0, 0.5], that is held out from training to measure on.
    pub validation: f64,
    /// Show every picture mirrored half of the time. Off in the DCGAN tutorial, so off by default.
    pub horizontal_flip: bool,
}

/// Colour or grey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// What becomes of a whole picture that is not square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// The largest square at its centre.
    #[default]
    Center,
    /// All of it, with the background beside it.
    Pad,
    /// As many squares side by side as fit into it whole: three of a panorama of 1000 x 300 pixels. One of most.
    Tiles,
}

/// A ground for pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// 255
    #[default]
    White,
    /// 128
    Grey,
    /// 0
    Black,
}

impl Background {
    /// Red, green and blue, 0..=255.
    pub fn level(self) -> u8 {
        match self {
            Self::White => 255,
            Self::Grey => 128,
            Self::Black => 0,
        }
    }
}

/// Which pictures of an animated GIF are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frames {
    /// The first one.
    #[default]
    First,
    /// Every one, as it is shown.
    All,
}

/// The two networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Family of generator and discriminator.
    pub architecture: Architecture,
    /// Length of the latent vector z.
    pub latent: usize,
    /// Channels of the generator's widest map (the last one before colour); what deeper layers have is the family's.
    pub generator_width: usize,
    /// Channels of the discriminator's widest map (the first one after colour).
    pub discriminator_width: usize,
    /// Residual blocks at each resolution (R3GAN).
    pub blocks: usize,
    /// What the discriminator normalises (DCGAN).
    pub discriminator_norm: Norm,
    /// Share of the discriminator's activations that a training step leaves out, in [0, 1) (all but R3GAN).
    pub dropout: f64,
    /// Show the discriminator how much the pictures of a batch differ (Karras et al. 2018, arXiv:1710.10196, section 3).
    pub minibatch_stddev: bool,
    /// Tell both networks the class of a picture (R3GAN, and data that has classes).
    pub conditional: bool,
}

impl ModelConfig {
    /// Whether what the discriminator says of a picture depends, by batch norm, on the others of its batch.
    pub fn has_discriminator_norm(&self) -> bool {
        self.architecture == Architecture::Dcgan && self.discriminator_norm != Norm::None
    }
}

/// Family of generator and discriminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Transposed convolutions, batch norm and ReLU against convolutions and LeakyReLU.
    Dcgan,
    /// A dense layer, then nearest-neighbour upsampling and convolutions, against convolutions, LeakyReLU and dropout.
    DenseUpsample,
    /// Dense layers only.
    Dense,
    /// Residual blocks of grouped convolutions without any normalisation (Huang et al. 2024, arXiv:2501.05441).
    R3gan,
}

/// What a network normalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Nothing.
    None,
    /// Batch norm between convolution and activation.
    Batch,
    /// Batch norm behind the activation.
    BatchLast,
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
    /// How far the label of a real picture is below 1, in [0, 0.5]; for BCE (Salimans et al. 2016, section 3.4).
    pub label_smoothing: f64,
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
    /// Longest gradient, all parameters of a network together; longer ones are scaled down. `None`: as they are.
    pub clip_norm: Option<f64>,
    /// Weight of R1, `γ/2 E‖∇D(real)‖²`, every step (Mescheder et al. 2018, arXiv:1801.04406). 0: none.
    pub r1_gamma: f64,
    /// Weight of R2, the same on generated pictures. 0: none.
    pub r2_gamma: f64,
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
    /// Hinge (Lim & Ye 2017, arXiv:1705.02894).
    Hinge,
    /// Wasserstein, without a constraint of its own: use it with R1 and R2 (Arjovsky et al. 2017, arXiv:1701.07875).
    Wasserstein,
    /// Least squares (Mao et al. 2017, arXiv:1611.04076).
    Lsgan,
    /// Relativistic, pairs of a real and a generated picture (Jolicoeur-Martineau 2019, arXiv:1807.00734).
    Relativistic,
    /// Relativistic, each against the average of the others (the same paper).
    RelativisticAvg,
}

/// Values that follow `v(n) = start + (1 - (1 + cos(πn/N))/2)(end - start)` over the first N images, and stay at their
/// end (Huang et al. 2024, arXiv:2501.05441, appendix). `None`: constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// N, in thousands of images.
    pub kimg: f64,
    /// End of `train.generator_lr`.
    pub generator_lr: Option<f64>,
    /// End of `train.discriminator_lr`.
    pub discriminator_lr: Option<f64>,
    /// End of `train.beta2`.
    pub beta2: Option<f64>,
    /// End of `train.r1_gamma`.
    pub r1_gamma: Option<f64>,
    /// End of `train.r2_gamma`.
    pub r2_gamma: Option<f64>,
    /// End of `train.ema_half_life_kimg`.
    pub ema_half_life_kimg: Option<f64>,
    /// End of `augment.p`, if that is not adaptive.
    pub augment_p: Option<f64>,
}

/// How real and generated pictures are altered before the discriminator sees them, differentiably and on the device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Chance that each of the alterations below is made to a picture, in [0, 1].
    pub p: f64,
    /// Let p follow how well the discriminator knows the real pictures by heart (Karras et al. 2020, arXiv:2006.06676).
    pub adaptive: bool,
    /// Share of real pictures with a positive logit, less that of negative ones, that adaptive p aims at.
    pub target: f64,
    /// Thousands of images in which adaptive p can go from 0 to 1.
    pub adaptive_kimg: f64,
    /// Brightness, saturation and contrast (DiffAugment: Zhao et al. 2020, arXiv:2006.10738).
    pub color: bool,
    /// Shift by up to an eighth of the side (DiffAugment).
    pub translation: bool,
    /// Blank a square of half the side (DiffAugment).
    pub cutout: bool,
    /// Mirror left and right.
    pub flip: bool,
    /// Largest shear, as horizontal pixels a vertical pixel; 0: none.
    pub shear: f64,
    /// Largest change of size: a picture is scaled by 1-zoom to 1+zoom; 0: none.
    pub zoom: f64,
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
    /// Passes through the data set between two grids that are also written as `epoch_file`; `None`: never.
    pub epoch_samples: Option<u64>,
    /// Where those are written, relative to the run's folder; `{n}` is the number of completed passes.
    pub epoch_file: String,
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
            schedule: ScheduleConfig::default(),
            augment: AugmentConfig::default(),
            output: OutputConfig::default(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            resolution: 32,
            channels: Channels::Auto,
            crop: Crop::Whole,
            framing: Framing::Center,
            background: Background::White,
            frames: Frames::First,
            exclude_flagged: false,
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
            discriminator_norm: Norm::Batch,
            dropout: 0.0,
            minibatch_stddev: false,
            conditional: false,
        }
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
            label_smoothing: 0.0,
            generator_lr: 2e-4,
            discriminator_lr: 2e-4,
            beta1: 0.5,
            beta2: 0.999,
            adam_eps: 1e-8,
            clip_norm: None,
            r1_gamma: 0.0,
            r2_gamma: 0.0,
            ema_half_life_kimg: 40.0,
            ema_rampup: Some(0.05),
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
    /// Nothing is altered; the constants are StyleGAN2-ADA's.
    fn default() -> Self {
        Self {
            p: 1.0,
            adaptive: false,
            target: 0.6,
            adaptive_kimg: 500.0,
            color: false,
            translation: false,
            cutout: false,
            flip: false,
            shear: 0.0,
            zoom: 0.0,
        }
    }
}

impl AugmentConfig {
    /// Whether anything can be altered at all.
    pub fn is_active(&self) -> bool {
        self.color || self.translation || self.cutout || self.flip || self.shear > 0.0 || self.zoom > 0.0
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
        }
    }
}
