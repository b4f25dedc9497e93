//! One serde struct describes a run. The terminal, the page, checkpoints and run folders all use it.

mod defaults;
mod error;
mod length;
pub(crate) mod residual;
mod resolution;

pub use error::{ConfigError, FixedField};
pub use length::{Counts, Length};
pub use resolution::{NotAResolution, Resolution};

use serde::{Deserialize, Serialize};

/// All settings of a run: what it computes and when it reports.
///
/// Unknown fields are errors, so that a misspelt name never silently leaves a default in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the recipe that the other values started from.
    pub recipe: String,
    /// Seed of all random streams: initial weights, data order, latents, held-out pictures.
    pub seed: u64,
    /// Preparation of the pictures.
    pub data: DataConfig,
    /// The two networks.
    pub model: ModelConfig,
    /// Losses, optimizers and length of the training.
    pub train: TrainConfig,
    /// End values of settings that change during training.
    pub schedule: ScheduleConfig,
    /// Augmentation of real and generated pictures.
    pub augment: AugmentConfig,
    /// Scores of the generated pictures. Has no effect on training.
    pub metrics: MetricsConfig,
    /// When the run reports. Has no effect on training.
    pub output: OutputConfig,
}

/// How pictures are prepared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Width and height of the pictures: see [`Resolution::POSSIBLE`].
    pub resolution: Resolution,
    /// RGB or grey.
    pub channels: Channels,
    /// Which part of a picture is used if its subjects are marked with boxes.
    pub crop: Crop,
    /// How a picture of another shape is fitted.
    pub framing: Framing,
    /// Colour behind transparent areas and in the padding.
    pub background: Background,
    /// Which frames of an animation are used.
    pub frames: Frames,
    /// Which splits are used of data that has several.
    pub splits: Splits,
    /// Leave out what the data doctor flags: duplicates, small, blank or very long pictures, grey ones among coloured.
    pub exclude_flagged: bool,
    /// Train only on this share of the pictures, the most typical ones: see [`Split::of`](crate::data::Split::of). In (0, 1]; 1 is
    /// all of them.
    pub keep_typical: f64,
    /// Share of the pictures that is held out from training, to measure on; in [0, 0.5].
    pub validation: f64,
    /// Show every picture mirrored half of the time. Off by default, as in the DCGAN tutorial.
    pub horizontal_flip: bool,
}

/// RGB or grey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// Grey for idx files, RGB for all other sources.
    #[default]
    Auto,
    /// Three channels; grey pictures repeat theirs.
    Rgb,
    /// One channel: the luma of coloured pictures.
    Grey,
}

/// Which part of a picture is used if its subjects are marked with boxes, as in Stanford Dogs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crop {
    /// The part at its centre that has the shape of the prepared pictures; boxes are ignored.
    #[default]
    Whole,
    /// A part of that shape around each box, or the one at the centre if there are no boxes.
    Box,
    /// A part around each box, and also the one at the centre.
    Both,
}

/// How a picture of another shape is fitted into the prepared one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// The largest part at its centre that has the shape.
    #[default]
    Center,
    /// The whole picture, padded with the background.
    Pad,
    /// As many whole parts of the shape side by side as fit. Of squares: three for a panorama of 1000 x 300 pixels, one for
    /// most pictures.
    Tiles,
}

/// Background colour.
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
    /// The value of red, green and blue, 0..=255.
    pub fn level(self) -> u8 {
        match self {
            Self::White => 255,
            Self::Grey => 128,
            Self::Black => 0,
        }
    }
}

/// Which frames of an animated GIF are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frames {
    /// The first frame.
    #[default]
    First,
    /// Every frame, as a viewer shows it.
    All,
}

/// Which splits are used of data that is divided, as into `train` and `test`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Splits {
    /// All of them. Of idx files, which hold a split each, the training set.
    #[default]
    All,
    /// The one that is named after training.
    Training,
    /// The one that is named after validation.
    Validation,
    /// The one that is named after testing.
    Test,
}

/// Shape of the two networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Family of generator and discriminator.
    pub architecture: Architecture,
    /// Length of the latent vector z.
    pub latent: usize,
    /// Channels of the generator's feature map at full resolution. Deeper layers have a multiple, depending on the
    /// family.
    pub generator_width: usize,
    /// Channels of the discriminator's feature map at full resolution.
    pub discriminator_width: usize,
    /// Residual blocks per resolution (R3GAN and projected only).
    pub blocks: usize,
    /// How many of the largest resolutions have the widths above; all others have twice as much (R3GAN and projected only). With
    /// one more at twice the resolution, the larger networks contain the smaller ones.
    pub narrow_stages: usize,
    /// Normalisation in the discriminator (DCGAN only).
    pub discriminator_norm: Norm,
    /// Share of the discriminator's activations that each step drops, in [0, 1) (not for R3GAN).
    pub dropout: f64,
    /// Give the discriminator the standard deviation across the batch as an extra feature map
    /// (Karras et al. 2018, arXiv:1710.10196, section 3).
    pub minibatch_stddev: bool,
    /// Give both networks the class of each picture (needs R3GAN, and data with classes).
    pub conditional: bool,
    /// How deep the discriminator looks into its frozen network (projected only).
    pub taps: Taps,
    /// The longer side, in pixels, in which the frozen network sees a picture (projected only). `None`: twice the picture's own,
    /// at most 224.
    pub network_side: Option<usize>,
    /// Whether one more head of the discriminator judges the pixels themselves (projected only).
    pub pixel_head: bool,
}

/// The side of the pictures that the frozen network learnt to see with: ImageNet's of 224 pixels.
pub const LEARNT_SIDE: usize = 224;

impl ModelConfig {
    /// Whether the discriminator has batch norm, so that its logit of a picture depends on the rest of the batch.
    pub fn has_discriminator_norm(&self) -> bool {
        self.architecture == Architecture::Dcgan && self.discriminator_norm != Norm::None
    }

    /// Width and height in which the frozen network sees pictures of `resolution`, whose shape it keeps.
    pub fn network_size(&self, resolution: Resolution) -> Resolution {
        resolution.with_longer(self.network_side.unwrap_or_else(|| (2 * resolution.longer()).min(LEARNT_SIDE)))
    }
}

/// How deep a projected discriminator looks into its frozen network, EfficientNet-Lite0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taps {
    /// Outputs of blocks 2, 4 and 10: textures and parts. 1.4 MB of weights.
    #[default]
    Early,
    /// Of block 15 too, which knows things as a whole. 5.9 MB of weights.
    Deep,
}

/// Family of generator and discriminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Transposed convolutions, batch norm and ReLU against convolutions and LeakyReLU.
    Dcgan,
    /// A dense layer, then nearest-neighbour upsampling and convolutions, against convolutions with LeakyReLU and
    /// dropout.
    DenseUpsample,
    /// Dense layers only.
    Dense,
    /// Residual blocks of grouped convolutions without any normalisation (Huang et al. 2024, arXiv:2501.05441).
    R3gan,
    /// R3GAN's generator against small heads on the features of a frozen network (Sauer et al. 2021, arXiv:2111.01007).
    Projected,
}

impl Architecture {
    /// Whether the generator is R3GAN's.
    pub fn has_residual_generator(self) -> bool {
        matches!(self, Self::R3gan | Self::Projected)
    }

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dcgan => "dcgan",
            Self::DenseUpsample => "dense-upsample",
            Self::Dense => "dense",
            Self::R3gan => "r3gan",
            Self::Projected => "projected",
        }
    }
}

/// Normalisation in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// None.
    None,
    /// Batch norm before the activation.
    Batch,
    /// Batch norm after the activation.
    BatchLast,
}

/// How the networks are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Pictures per step. Batch norm needs at least 2.
    pub batch: usize,
    /// When the run is complete.
    pub length: Length,
    /// The adversarial loss.
    pub loss: Loss,
    /// Real pictures get the label 1 minus this, in [0, 0.5]; BCE only (Salimans et al. 2016, section 3.4).
    pub label_smoothing: f64,
    /// Adam's step size for the generator.
    pub generator_lr: f64,
    /// Adam's step size for the discriminator.
    pub discriminator_lr: f64,
    /// Adam's decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// Adam's decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// Added to the square root of Adam's second moment. PyTorch's default.
    pub adam_eps: f64,
    /// Largest norm of a network's whole gradient. A longer gradient is scaled down to it. `None`: no limit.
    pub clip_norm: Option<f64>,
    /// Weight γ of the R1 penalty `γ/2 E‖∇D(real)‖²`, added at every step (Mescheder et al. 2018, arXiv:1801.04406).
    /// 0: off.
    pub r1_gamma: f64,
    /// Weight of R2, the same penalty on generated pictures. 0: off.
    pub r2_gamma: f64,
    /// Stages of the discriminator, from the pictures on, whose weights stay as they began (FreezeD: Mo et al. 2020,
    /// arXiv:2002.10964).
    pub freeze_d: usize,
    /// Half-life of the averaged generator, in thousands of images.
    pub ema_half_life_kimg: f64,
    /// Limits the half-life to this share of the images seen, so that early samples show early progress
    /// (StyleGAN2-ADA, `ema_rampup`). `None`: the full half-life from the first step.
    pub ema_rampup: Option<f64>,
    /// What happens when a loss or a weight is no longer a finite number, or the generated pictures have collapsed.
    pub on_divergence: OnDivergence,
    /// Scores in a row without a better one, by more than its standard error, after which the run ends. `None`: it never ends
    /// for that.
    pub stop_when_stalled: Option<u64>,
    /// In which precision graphics devices convolve.
    pub precision: Precision,
}

/// In which precision a training's convolutions read and keep their factors. Sums and all else have 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 16 bits on a graphics device where a trial shows that this is faster and near enough, else 32.
    #[default]
    Auto,
    /// 32 bits.
    Full,
    /// 16 bits on a graphics device, which has to know such numbers. The CPU computes with 32 all the same.
    Half,
}

/// What happens when training breaks down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDivergence {
    /// The run goes back, to its last checkpoint or after a collapse to its best one, and on with lower learning rates; it stops if
    /// that does not help.
    #[default]
    Rollback,
    /// The run stops.
    Stop,
}

/// Adversarial loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Binary cross entropy, non-saturating (Goodfellow et al. 2014, arXiv:1406.2661).
    Bce,
    /// Hinge (Lim & Ye 2017, arXiv:1705.02894).
    Hinge,
    /// Wasserstein (Arjovsky et al. 2017, arXiv:1701.07875). It adds no constraint on the critic: use R1 and R2.
    Wasserstein,
    /// Least squares (Mao et al. 2017, arXiv:1611.04076).
    Lsgan,
    /// Relativistic: compares pairs of a real and a generated picture (Jolicoeur-Martineau 2019, arXiv:1807.00734).
    Relativistic,
    /// Relativistic average: compares each picture with the mean of the other kind (same paper).
    RelativisticAvg,
}

/// End values of settings that change during training.
///
/// A value follows `v(n) = start + (1 - (1 + cos(πn/N))/2)(end - start)` over the first N images and then stays at its
/// end (Huang et al. 2024, arXiv:2501.05441, appendix). `None`: it stays constant.
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
    /// End of `augment.p`. Ignored if `augment.adaptive` is on.
    pub augment_p: Option<f64>,
}

/// Differentiable augmentation of real and generated pictures before the discriminator sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Probability of each transform below, per picture, in [0, 1].
    pub p: f64,
    /// Adapt p to how much the discriminator overfits (Karras et al. 2020, arXiv:2006.06676).
    pub adaptive: bool,
    /// Target of adaptive p: the mean sign of the logits of real pictures.
    pub target: f64,
    /// Thousands of images in which adaptive p can rise from 0 to 1.
    pub adaptive_kimg: f64,
    /// Brightness, saturation and contrast (DiffAugment: Zhao et al. 2020, arXiv:2006.10738).
    pub color: bool,
    /// In [0, 1]: the chance of each of those three is `p` times this.
    pub color_share: f64,
    /// Translation by up to an eighth of the side (DiffAugment).
    pub translation: bool,
    /// Cutout: blanks a rectangle of the picture's shape (DiffAugment).
    pub cutout: bool,
    /// Sides of that rectangle, as a share of the picture's, in [0, 1].
    pub cutout_size: f64,
    /// Horizontal flip.
    pub flip: bool,
    /// Largest shear, in horizontal pixels per vertical pixel. 0: off.
    pub shear: f64,
    /// Largest zoom: the scale is drawn from 1-zoom to 1+zoom. 0: off.
    pub zoom: f64,
}

impl AugmentConfig {
    /// Whether any transform is on.
    pub fn is_active(&self) -> bool {
        self.color || self.translation || self.cutout || self.flip || self.shear > 0.0 || self.zoom > 0.0
    }
}

/// When the run scores its pictures, and on how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Thousands of images from one score to the next. `None`: not by images. Without this and the next one there are no scores.
    pub every_kimg: Option<f64>,
    /// Minutes of training from one score to the next. `None`: not by time.
    pub every_minutes: Option<f64>,
    /// Pictures that are drawn for a score, and the most real ones that they are compared with.
    pub count: usize,
    /// The share of the run's time that scores may take, in (0, 1]: they wait until it is theirs.
    pub budget: f64,
    /// The score by which one checkpoint is the best.
    pub best: BestBy,
}

impl MetricsConfig {
    /// Whether the run is scored at all.
    pub fn is_on(&self) -> bool {
        self.every_kimg.is_some() || self.every_minutes.is_some()
    }
}

/// The score by which one checkpoint is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// The Fréchet distance; the kernel distance where there are too few pictures for the former.
    Fd,
    /// The kernel distance.
    Kid,
}

/// When the run reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// Steps between two read-backs of the losses. Each one waits for the device.
    pub tick_steps: u64,
    /// Pictures in the grid of fixed latents.
    pub grid: usize,
    /// Steps between two grids.
    pub sample_steps: Option<u64>,
    /// Seconds between two grids, checked when losses are read back.
    pub sample_secs: Option<f64>,
    /// Passes through the data set between two grids that are also written to `epoch_file`. `None`: never.
    pub epoch_samples: Option<u64>,
    /// Path of those grids in the run's folder; `{n}` is the number of completed passes.
    pub epoch_file: String,
    /// Steps between two automatic checkpoints.
    pub checkpoint_steps: Option<u64>,
    /// Seconds between two automatic checkpoints, checked when losses are read back.
    pub checkpoint_secs: Option<f64>,
    /// The share of the time in which the device has nothing to do, in [0, 0.95]: for battery and heat. It changes no result.
    pub idle_share: f64,
}
