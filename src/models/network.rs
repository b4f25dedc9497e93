//! The two networks of a run, whatever their family.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::dcgan;
use super::dense::{DenseDiscriminator, DenseGenerator, UpsampleDiscriminator, UpsampleGenerator};
use super::r3gan::{R3ganConfig, R3ganDiscriminator, R3ganGenerator};
use crate::config::{Architecture, RunConfig};
use crate::data::PictureKind;
use crate::ops::{Dropout, Dual};

/// The network that draws. A family's name is no part of the parameters' paths.
#[derive(Module, Debug)]
pub enum Generator {
    /// [`Architecture::Dcgan`]
    Dcgan(dcgan::Generator),
    /// [`Architecture::DenseUpsample`]
    DenseUpsample(UpsampleGenerator),
    /// [`Architecture::Dense`]
    Dense(DenseGenerator),
    /// [`Architecture::R3gan`]
    R3gan(R3ganGenerator),
}

/// The network that judges.
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
}

impl Generator {
    /// As the settings say, all zero: see [`initialize`](super::initialize).
    pub fn new(config: &RunConfig, kind: PictureKind, device: &Device) -> Self {
        let (model, resolution) = (&config.model, config.data.resolution);
        let (latent, width, channels) = (model.latent, model.generator_width, kind.channels);
        match model.architecture {
            Architecture::Dcgan => {
                Self::Dcgan(dcgan::GeneratorConfig { latent, width, channels, resolution }.init(device))
            }
            Architecture::DenseUpsample => {
                Self::DenseUpsample(UpsampleGenerator::new(latent, width, channels, resolution, device))
            }
            Architecture::Dense => Self::Dense(DenseGenerator::new(latent, width, channels, resolution, device)),
            Architecture::R3gan => Self::R3gan(R3ganGenerator::new(&r3gan(config, kind, width), device)),
        }
    }

    /// Draws pictures.
    ///
    /// Batch norm uses the batch's statistics on an autodiff device, the running ones after `.valid()`.
    ///
    /// # Shapes
    /// - `z`: `[batch, latent]`, standard normal
    /// - `classes`: `[batch]`; needed by a conditional network, ignored by others
    /// - returns: `[batch, channels, resolution, resolution]` in [-1, 1] or about that
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
    /// As the settings say, all zero: see [`initialize`](super::initialize).
    pub fn new(config: &RunConfig, kind: PictureKind, device: &Device) -> Self {
        let (model, resolution) = (&config.model, config.data.resolution);
        let (width, channels) = (model.discriminator_width, kind.channels);
        let minibatch_stddev = model.minibatch_stddev;
        match model.architecture {
            Architecture::Dcgan => {
                let norm = model.discriminator_norm;
                let sizes = dcgan::DiscriminatorConfig { width, channels, resolution, norm, minibatch_stddev };
                Self::Dcgan(sizes.init(device))
            }
            Architecture::DenseUpsample => {
                let network = UpsampleDiscriminator::new(width, channels, resolution, minibatch_stddev, device);
                Self::DenseUpsample(network)
            }
            Architecture::Dense => Self::Dense(DenseDiscriminator::new(width, channels, resolution, device)),
            Architecture::R3gan => Self::R3gan(R3ganDiscriminator::new(&r3gan(config, kind, width), device)),
        }
    }

    /// Scores pictures: the larger the logit, the more it takes a picture for a real one. With tangents of the pictures
    /// come tangents of the logits, which a discriminator with batch norm does not have.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, resolution, resolution]` in [-1, 1]
    /// - `classes`: `[batch]`; needed by a conditional network, ignored by others
    /// - returns: `[batch]`
    pub fn forward(&self, image: Dual<4>, classes: Option<Tensor<1, Int>>, dropout: &mut Dropout) -> Dual<1> {
        let logits = match self {
            Self::Dcgan(network) => network.forward(image, dropout),
            Self::DenseUpsample(network) => network.forward(image, dropout),
            Self::Dense(network) => network.forward(image, dropout),
            Self::R3gan(network) => network.forward(image, classes),
        };
        logits.linear(|logits| logits.squeeze_dim(1))
    }
}

fn r3gan(config: &RunConfig, kind: PictureKind, width: usize) -> R3ganConfig {
    let model = &config.model;
    R3ganConfig {
        widths: R3ganConfig::widths(width, config.data.resolution),
        blocks: model.blocks,
        latent: model.latent,
        channels: kind.channels,
        classes: if model.conditional { kind.classes } else { 0 },
        minibatch_stddev: model.minibatch_stddev,
    }
}
