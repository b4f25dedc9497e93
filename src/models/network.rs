//! The two networks of a run, whatever their family.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::dcgan;
use super::dense::{
    DenseDiscriminator, DenseGenerator, UpsampleDiscriminator, UpsampleGenerator, dense_discriminator_layers,
    dense_generator_layers, upsample_discriminator_layers, upsample_generator_layers,
};
use super::layers::{Builder, Layer, Size, picture_size};
use super::projected::{ProjectedConfig, ProjectedDiscriminator};
use super::r3gan::{R3ganConfig, R3ganDiscriminator, R3ganGenerator};
use crate::config::{Architecture, RunConfig};
use crate::data::PictureKind;
use crate::features::{FeatureError, Pretrained};
use crate::ops::{Dropout, Dual};

/// Layers of the generator and of the discriminator that the settings describe.
pub fn network_layers(config: &RunConfig, kind: PictureKind) -> [Vec<Layer>; 2] {
    [generator_layers(config, kind), discriminator_layers(config, kind)]
}

/// Size of a picture, and the side of a square one, which some families need.
fn picture(config: &RunConfig, kind: PictureKind) -> (Size, usize) {
    (picture_size(kind.channels, config.data.resolution), config.data.resolution.width)
}

fn generator_layers(config: &RunConfig, kind: PictureKind) -> Vec<Layer> {
    let model = &config.model;
    let (latent, width, channels) = (model.latent, model.generator_width, kind.channels);
    let (picture, resolution) = picture(config, kind);
    match model.architecture {
        Architecture::Dcgan => dcgan::GeneratorConfig { latent, width, channels, resolution }.layers(),
        Architecture::DenseUpsample => upsample_generator_layers(latent, width, picture),
        Architecture::Dense => dense_generator_layers(latent, width, picture),
        Architecture::R3gan | Architecture::Projected => r3gan(config, kind, width).generator_layers(),
    }
}

fn discriminator_layers(config: &RunConfig, kind: PictureKind) -> Vec<Layer> {
    let model = &config.model;
    let (width, channels, minibatch_stddev) = (model.discriminator_width, kind.channels, model.minibatch_stddev);
    let (picture, resolution) = picture(config, kind);
    match model.architecture {
        Architecture::Dcgan => {
            let norm = model.discriminator_norm;
            dcgan::DiscriminatorConfig { width, channels, resolution, norm, minibatch_stddev }.layers()
        }
        Architecture::DenseUpsample => upsample_discriminator_layers(width, picture, minibatch_stddev),
        Architecture::Dense => dense_discriminator_layers(width, picture),
        Architecture::R3gan => r3gan(config, kind, width).discriminator_layers(),
        Architecture::Projected => projected(config, kind).layers(),
    }
}

/// The network that draws pictures. The variant is not part of the parameters' paths.
#[derive(Module, Debug)]
pub enum Generator {
    /// [`Architecture::Dcgan`]
    Dcgan(dcgan::Generator),
    /// [`Architecture::DenseUpsample`]
    DenseUpsample(UpsampleGenerator),
    /// [`Architecture::Dense`]
    Dense(DenseGenerator),
    /// [`Architecture::R3gan`] and [`Architecture::Projected`]
    R3gan(R3ganGenerator),
}

/// The network that tells real pictures from generated ones.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one or two of them")]
pub enum Discriminator {
    /// [`Architecture::Dcgan`]
    Dcgan(dcgan::Discriminator),
    /// [`Architecture::DenseUpsample`]
    DenseUpsample(UpsampleDiscriminator),
    /// [`Architecture::Dense`]
    Dense(DenseDiscriminator),
    /// [`Architecture::R3gan`]
    R3gan(R3ganDiscriminator),
    /// [`Architecture::Projected`]
    Projected(ProjectedDiscriminator),
}

impl Generator {
    /// The generator that the settings describe, all zero: see [`initialize`](super::initialize).
    pub fn new(config: &RunConfig, kind: PictureKind, device: &Device) -> Self {
        let layers = generator_layers(config, kind);
        let builder = Builder::new(&layers, device);
        match config.model.architecture {
            Architecture::Dcgan => Self::Dcgan(dcgan::Generator::new(&builder)),
            Architecture::DenseUpsample => Self::DenseUpsample(UpsampleGenerator::new(&builder)),
            Architecture::Dense => Self::Dense(DenseGenerator::new(&builder)),
            Architecture::R3gan | Architecture::Projected => Self::R3gan(R3ganGenerator::new(&builder)),
        }
    }

    /// Draws pictures.
    ///
    /// Batch norm uses the batch's statistics on an autodiff device, the running ones after `.valid()`.
    ///
    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - `classes`: `[batch]`; needed by a conditional network, ignored by others
    /// - returns: `[batch, channels, height, width]` in [-1, 1] or about that
    pub fn forward(&self, z: Tensor<2>, classes: Option<Tensor<1, Int>>) -> Tensor<4> {
        match self {
            Self::Dcgan(network) => network.forward(z),
            Self::DenseUpsample(network) => network.forward(z),
            Self::Dense(network) => network.forward(z),
            Self::R3gan(network) => network.forward(z, classes),
        }
    }
}

impl Discriminator {
    /// The discriminator that the settings describe, all zero but for what is frozen in it: see
    /// [`initialize`](super::initialize). `backbone` has the weights of [`files_needed`](crate::features::files_needed).
    ///
    /// # Errors
    /// [`FeatureError`] if it needs a frozen network, and `backbone` is not that.
    pub fn new(
        config: &RunConfig,
        kind: PictureKind,
        backbone: Option<&Pretrained>,
        device: &Device,
    ) -> Result<Self, FeatureError> {
        let layers = discriminator_layers(config, kind);
        let builder = Builder::new(&layers, device);
        Ok(match config.model.architecture {
            Architecture::Dcgan => Self::Dcgan(dcgan::Discriminator::new(&builder, config.model.discriminator_norm)),
            Architecture::DenseUpsample => Self::DenseUpsample(UpsampleDiscriminator::new(&builder)),
            Architecture::Dense => Self::Dense(DenseDiscriminator::new(&builder)),
            Architecture::R3gan => Self::R3gan(R3ganDiscriminator::new(&builder)),
            Architecture::Projected => {
                let backbone = backbone.ok_or(FeatureError::NotGiven)?;
                let config = projected(config, kind);
                Self::Projected(ProjectedDiscriminator::new(&builder, &config, backbone, device)?)
            }
        })
    }

    /// Scores pictures: the larger the logit, the more likely a picture is real. Tangents of the pictures give tangents of the
    /// logits, but not through a discriminator with batch norm.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]` in [-1, 1]
    /// - `classes`: `[batch]`; needed by a conditional network, ignored by others
    /// - returns: `[batch]`
    pub fn forward(&self, image: Dual<4>, classes: Option<Tensor<1, Int>>, dropout: &mut Dropout) -> Dual<1> {
        let logits = match self {
            Self::Dcgan(network) => network.forward(image, dropout),
            Self::DenseUpsample(network) => network.forward(image, dropout),
            Self::Dense(network) => network.forward(image, dropout),
            Self::R3gan(network) => network.forward(image, classes),
            Self::Projected(network) => network.forward(image),
        };
        logits.linear(|logits| logits.squeeze_dim(1))
    }

    /// Whether the tensor called `name` belongs to the first `stages` stages from the pictures on, which FreezeD keeps as they
    /// are (Mo et al. 2020, arXiv:2002.10964). R3GAN's first layer belongs to the first stage.
    pub fn is_among_first(&self, stages: usize, name: &str) -> bool {
        let is_in = |part: &str| {
            let index = name.strip_prefix(part).and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
            index.is_some_and(|index| index < stages)
        };
        match self {
            Self::Dcgan(_) | Self::DenseUpsample(_) => is_in("blocks."),
            Self::Dense(_) => is_in("layers."),
            // The first layers of every head, but never its last; what they look through is frozen anyway.
            Self::Projected(network) => {
                let place = || {
                    let (head, rest) = name.strip_prefix("heads.")?.split_once('.')?;
                    let layer = rest.strip_prefix("layers.")?.split('.').next()?;
                    Some((head.parse().ok()?, layer.parse::<usize>().ok()?))
                };
                place().is_some_and(|(head, layer)| layer < stages && layer + 1 < network.layers_of(head))
            }
            Self::R3gan(_) => is_in("stages.") || stages > 0 && name.starts_with("stem."),
        }
    }
}

fn projected(config: &RunConfig, kind: PictureKind) -> ProjectedConfig {
    let (model, resolution) = (&config.model, config.data.resolution);
    ProjectedConfig {
        channels: kind.channels,
        resolution,
        network_size: model.network_size(resolution),
        taps: model.taps,
        width: model.discriminator_width,
        pixel_head: model.pixel_head,
    }
}

fn r3gan(config: &RunConfig, kind: PictureKind, width: usize) -> R3ganConfig {
    let model = &config.model;
    R3ganConfig {
        widths: model.residual_widths(width, config.data.resolution),
        base: R3ganConfig::base(config.data.resolution),
        blocks: model.blocks,
        latent: model.latent,
        channels: kind.channels,
        classes: if model.conditional { kind.classes } else { 0 },
        minibatch_stddev: model.minibatch_stddev,
    }
}
