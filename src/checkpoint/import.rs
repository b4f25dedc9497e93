//! The networks of the PyTorch DCGAN tutorial, saved by PyTorch, as a checkpoint to draw with and to go on from.
//!
//! The tutorial (<https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html>) keeps each network in one
//! `nn.Sequential` called `main`, so its tensors bear the numbers of the layers: with the generator, convolution i is
//! `main.{3i}` and its batch norm `main.{3i + 1}`; with the discriminator, whose first block has no batch norm,
//! convolution i is `main.{3i - 1}` and its batch norm `main.{3i}`. What is before `main` (`module.` of DataParallel,
//! `state_dict.` or `netG.` of a dictionary around it) does not matter.

use std::collections::BTreeMap;
use std::fmt;

use burn::tensor::Device;
use safetensors::tensor::{Dtype, SafeTensors};
use thiserror::Error;

use super::file::{Checkpoint, DataOrigin, FORMAT, Meta, RandomState};
use super::{CheckpointError, capture};
use crate::config::{ConfigError, RunConfig};
use crate::models::dcgan;
use crate::protocol::Progress;
use crate::recipes;
use crate::series::StepSeries;
use crate::train::{NETWORKS, Trainer};
use crate::weights::HostTensor;

/// More layers than any picture has use for; keeps a number in a name from becoming a size.
const CONVOLUTIONS_MAX: usize = 12;

/// Why a file's tensors are not the tutorial's networks.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file's framing is broken.
    #[error("this file cannot be read: {reason}")]
    File {
        /// What the parser said.
        reason: String,
    },
    /// No tensor in the file is named like the network's.
    #[error(
        "there is no {network} of the PyTorch DCGAN tutorial in this file: tensors named {} are expected, and {found}",
        .network.first_names()
    )]
    NoNetwork {
        /// What was looked for.
        network: Network,
        /// What there is, in words.
        found: String,
    },
    /// Several networks of the kind that is looked for.
    #[error("there are several {network}s in this file ({first:?} and {second:?}); save the one to import alone")]
    Ambiguous {
        /// What was looked for.
        network: Network,
        /// What is before the first one's `main`.
        first: String,
        /// What is before the second one's.
        second: String,
    },
    /// Too many layers.
    #[error("the {network} has {found} convolutions; at most {max} are expected", max = CONVOLUTIONS_MAX)]
    Depth {
        /// Which one.
        network: Network,
        /// How many it has.
        found: usize,
    },
    /// A tensor that should be a convolution's weight has another shape.
    #[error("tensor {name}: a convolution's shape, {expected}, is expected; found {found:?}")]
    Convolution {
        /// Name in the file.
        name: String,
        /// In words.
        expected: &'static str,
        /// What the file has.
        found: Vec<usize>,
    },
    /// Pictures that are neither grey nor RGB.
    #[error("tensor {name}: 1 (grey) or 3 (RGB) channels are expected of a picture; found {found}")]
    Channels {
        /// Name in the file.
        name: String,
        /// What the file has.
        found: usize,
    },
    /// A layer is incomplete.
    #[error("tensor {name} is missing; the tutorial's {network} of this depth has one of shape {expected:?}")]
    Missing {
        /// Which network.
        network: Network,
        /// Name in the file.
        name: String,
        /// What it would be.
        expected: Vec<usize>,
    },
    /// Layers whose sizes do not fit each other.
    #[error("tensor {name}: shape {expected:?} is expected in the tutorial's {network} of this size; found {found:?}")]
    Shape {
        /// Which network.
        network: Network,
        /// Name in the file.
        name: String,
        /// What the other tensors imply.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A layer that our networks do not have.
    #[error(
        "tensor {name} is not part of the tutorial's {network}: convolutions without bias, batch norms, nothing else"
    )]
    Unexpected {
        /// Which network.
        network: Network,
        /// Name in the file.
        name: String,
    },
    /// Half or double precision.
    #[error("tensor {name} holds {found} numbers; F32 is expected. Save net.float().state_dict()")]
    Type {
        /// Name in the file.
        name: String,
        /// Its element type.
        found: String,
    },
    /// A tensor with NaN or infinite values: training had broken down before it was saved.
    #[error("tensor {name} holds values that are not finite: training had broken down. Import an older file")]
    NotFinite {
        /// Name in the file.
        name: String,
    },
    /// Networks of a size that is not trained here.
    #[error("these networks are refused: {0}")]
    Config(#[from] ConfigError),
}

/// The two networks of the tutorial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// `netG`.
    Generator,
    /// `netD`.
    Discriminator,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generator => "generator",
            Self::Discriminator => "discriminator",
        })
    }
}

/// What an import gives.
#[derive(Clone, Debug)]
pub struct Imported {
    /// At step 0. Its average is its generator.
    pub checkpoint: Checkpoint,
    /// No discriminator was given, so this one is new and untrained.
    pub has_fresh_discriminator: bool,
}

/// True for names that an import looks at: a layer of a `main`, but not batch norm's count of batches, which is no
/// float and has no use where the momentum is fixed.
pub fn is_network_tensor(name: &str) -> bool {
    split(name).is_some_and(|(_, layer)| !layer.ends_with("num_batches_tracked"))
}

/// Makes a checkpoint of a generator's tensors and, from another file or the same, a discriminator's.
///
/// Latent, widths, channels and resolution follow from the shapes; all else is the recipe's for that resolution.
/// Without a discriminator a new one is drawn, as wide as the generator. New networks are made on `device` on the way.
///
/// # Errors
/// [`CheckpointError::Import`] if they are not the tutorial's networks, naming the tensor and what was expected.
pub async fn import(
    mut file: Vec<HostTensor>,
    discriminator_file: Option<Vec<HostTensor>>,
    device: &Device,
) -> Result<Imported, CheckpointError> {
    let generator = StateDict::take(Network::Generator, &mut file)?;
    let generator = generator.ok_or_else(|| none(Network::Generator, &file))?;
    let discriminator = match discriminator_file {
        Some(mut file) => {
            let discriminator = StateDict::take(Network::Discriminator, &mut file)?;
            Some(discriminator.ok_or_else(|| none(Network::Discriminator, &file))?)
        }
        None => StateDict::take(Network::Discriminator, &mut file)?,
    };
    let has_fresh_discriminator = discriminator.is_none();

    let sizes = generator.generator_sizes()?;
    let mut config = recipe(sizes.resolution);
    config.model.latent = sizes.latent;
    config.model.generator_width = sizes.width;
    config.model.discriminator_width = match &discriminator {
        Some(discriminator) => discriminator.discriminator_width()?,
        None => sizes.width,
    };
    let config = config.validate().map_err(ImportError::from)?;
    let meta = Meta {
        format: FORMAT,
        random: RandomState::at(config.seed, 0),
        config: config.clone().into_inner(),
        progress: Progress::default(),
        data: DataOrigin::unknown(sizes.channels),
        history: StepSeries::default(),
        adaptive: None,
        backbone: None,
        scored: None,
    };
    // New networks of these sizes say which tensors there have to be.
    let trainer = Trainer::new(&config, meta.data.kind(), None, device)?;
    let mut checkpoint = capture(&trainer, meta).await?;
    let [own_generator, own_discriminator, own_average] = NETWORKS;
    generator.clone().fill(&mut checkpoint, own_average)?;
    generator.fill(&mut checkpoint, own_generator)?;
    if let Some(discriminator) = discriminator {
        discriminator.fill(&mut checkpoint, own_discriminator)?;
    }
    Ok(Imported { checkpoint, has_fresh_discriminator })
}

/// [`import`] of a `.safetensors` file; none if nothing in it is named like the tutorial's networks.
///
/// # Errors
/// Those of [`import`].
pub async fn import_safetensors(bytes: &[u8], device: &Device) -> Result<Option<Imported>, CheckpointError> {
    let tensors = read_safetensors(bytes)?;
    if tensors.is_empty() {
        return Ok(None);
    }
    import(tensors, None, device).await.map(Some)
}

/// The tensors of a `.safetensors` file that an import looks at.
///
/// # Errors
/// [`ImportError::File`] if it is none, [`ImportError::Type`] if one of them is not F32.
pub fn read_safetensors(bytes: &[u8]) -> Result<Vec<HostTensor>, ImportError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| ImportError::File { reason: error.to_string() })?;
    let wanted = file.iter().filter(|(name, _)| is_network_tensor(name));
    wanted
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(ImportError::Type { name: name.to_owned(), found: format!("{:?}", view.dtype()) });
            }
            // The data of a safetensors file need not be aligned.
            let values = bytemuck::pod_collect_to_vec(view.data());
            Ok(HostTensor { name: name.to_owned(), shape: view.shape().to_vec(), values })
        })
        .collect()
}

/// `netG.module.main.3.weight` to `netG.module.` and `3.weight`.
fn split(name: &str) -> Option<(&str, &str)> {
    const MAIN: &str = "main.";
    let at = if name.starts_with(MAIN) { 0 } else { name.find(".main.")? + 1 };
    let layer = &name[at + MAIN.len()..];
    let (index, _) = layer.split_once('.')?;
    index.parse::<usize>().is_ok().then_some((&name[..at], layer))
}

fn none(network: Network, file: &[HostTensor]) -> ImportError {
    const SHOWN: usize = 3;
    let names: Vec<&str> = file.iter().map(|tensor| tensor.name.as_str()).take(SHOWN).collect();
    let found = match file.len() {
        0 => "it has none that begin with main".to_owned(),
        count if count > SHOWN => format!("it has {} and {} more", names.join(", "), count - SHOWN),
        _ => format!("it has {}", names.join(", ")),
    };
    ImportError::NoNetwork { network, found }
}

/// Settings of the DCGAN recipe for that resolution. Where there is none, the default's, whose validation refuses the
/// resolution.
fn recipe(resolution: usize) -> RunConfig {
    let mut config = recipes::find(&format!("dcgan{resolution}")).map_or_else(|_| RunConfig::default(), |r| r.config());
    config.data.resolution = resolution.into();
    config
}

impl Network {
    /// Names of its first layers, for a message.
    fn first_names(self) -> &'static str {
        match self {
            Self::Generator => "main.0.weight, main.1.weight, main.3.weight",
            Self::Discriminator => "main.0.weight, main.2.weight, main.3.weight",
        }
    }

    /// The tutorial's number of convolution `i`.
    fn convolution(self, i: usize) -> usize {
        match self {
            Self::Generator => 3 * i,
            Self::Discriminator => (3 * i).saturating_sub(1),
        }
    }

    /// How many convolutions there are if `last` is the number of the last layer with weights.
    fn convolutions(self, last: usize) -> usize {
        match self {
            Self::Generator => last / 3 + 1,
            Self::Discriminator => last.div_ceil(3) + 1,
        }
    }

    /// The tutorial's name, after `main.`, for ours, after the network's.
    fn their_name(self, ours: &str) -> Option<String> {
        let mut parts = ours.strip_prefix("blocks.")?.splitn(3, '.');
        let (block, layer, field) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let convolution = self.convolution(block);
        Some(match (layer, field) {
            ("conv", field) => format!("{convolution}.{field}"),
            ("norm", "gamma") => format!("{}.weight", convolution + 1),
            ("norm", "beta") => format!("{}.bias", convolution + 1),
            ("norm", field) => format!("{}.{field}", convolution + 1),
            _ => return None,
        })
    }
}

/// Sizes that a generator's shapes tell.
struct Sizes {
    latent: usize,
    width: usize,
    channels: usize,
    resolution: usize,
}

/// One network's tensors by what follows `main.`, e.g. `3.weight`.
#[derive(Clone, Debug)]
struct StateDict {
    network: Network,
    prefix: String,
    tensors: BTreeMap<String, HostTensor>,
}

impl StateDict {
    /// Takes the one such network out of a file's tensors, if there is one.
    ///
    /// The second layer tells the networks apart: only a generator's first block has a batch norm.
    fn take(network: Network, file: &mut Vec<HostTensor>) -> Result<Option<Self>, ImportError> {
        let mark = match network {
            Network::Generator => "1.weight",
            Network::Discriminator => "2.weight",
        };
        let marked = file.iter().filter_map(|tensor| split(&tensor.name)).filter(|(_, layer)| *layer == mark);
        let mut prefixes = marked.map(|(prefix, _)| prefix.to_owned());
        let Some(prefix) = prefixes.next() else { return Ok(None) };
        if let Some(second) = prefixes.next() {
            return Err(ImportError::Ambiguous { network, first: prefix, second });
        }
        let is_own = |tensor: &mut HostTensor| split(&tensor.name).is_some_and(|(found, _)| found == prefix);
        let own = file.extract_if(.., is_own).filter(|tensor| is_network_tensor(&tensor.name));
        let tensors = own.filter_map(|tensor| Some((split(&tensor.name)?.1.to_owned(), tensor))).collect();
        Ok(Some(Self { network, prefix, tensors }))
    }

    fn name(&self, layer: &str) -> String {
        format!("{}main.{layer}", self.prefix)
    }

    fn convolutions(&self) -> Result<usize, ImportError> {
        let numbers = self.tensors.keys().filter_map(|layer| layer.strip_suffix(".weight")?.parse().ok());
        let found = self.network.convolutions(numbers.max().unwrap_or(0));
        if found > CONVOLUTIONS_MAX {
            return Err(ImportError::Depth { network: self.network, found });
        }
        Ok(found)
    }

    /// Shape of convolution `i` without its kernel.
    fn convolution(&self, i: usize) -> Result<[usize; 2], ImportError> {
        let layer = format!("{}.weight", self.network.convolution(i));
        let found = self.tensors.get(&layer).map(|tensor| tensor.shape.clone()).unwrap_or_default();
        match found[..] {
            [a, b, height, width] if [height, width] == [dcgan::KERNEL; 2] && a > 0 && b > 0 => Ok([a, b]),
            _ => {
                let expected = match self.network {
                    Network::Generator => "[channels in, channels out, 4, 4]",
                    Network::Discriminator => "[channels out, channels in, 4, 4]",
                };
                Err(ImportError::Convolution { name: self.name(&layer), expected, found })
            }
        }
    }

    fn generator_sizes(&self) -> Result<Sizes, ImportError> {
        let last = self.convolutions()? - 1;
        let [latent, _] = self.convolution(0)?;
        let [width, channels] = self.convolution(last)?;
        if !matches!(channels, 1 | 3) {
            let name = self.name(&format!("{}.weight", self.network.convolution(last)));
            return Err(ImportError::Channels { name, found: channels });
        }
        Ok(Sizes { latent, width, channels, resolution: dcgan::resolution(last + 1) })
    }

    fn discriminator_width(&self) -> Result<usize, ImportError> {
        self.convolutions()?;
        Ok(self.convolution(0)?[0])
    }

    /// Puts every tensor in the place of the checkpoint's `owner.*`, all of them or an error.
    fn fill(mut self, checkpoint: &mut Checkpoint, owner: &str) -> Result<(), ImportError> {
        let network = self.network;
        for (name, slot) in &mut checkpoint.tensors {
            let ours = name.strip_prefix(owner).and_then(|rest| rest.strip_prefix('.'));
            let Some(layer) = ours.and_then(|ours| network.their_name(ours)) else { continue };
            let name = self.name(&layer);
            let expected = slot.shape.clone();
            let Some(tensor) = self.tensors.remove(&layer) else {
                return Err(ImportError::Missing { network, name, expected });
            };
            if tensor.shape != expected {
                return Err(ImportError::Shape { network, name, expected, found: tensor.shape });
            }
            if tensor.values.iter().any(|value| !value.is_finite()) {
                return Err(ImportError::NotFinite { name });
            }
            slot.values = tensor.values;
        }
        match self.tensors.pop_first() {
            Some((_, tensor)) => Err(ImportError::Unexpected { network, name: tensor.name }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tutorials_numbers_are_found_behind_any_prefix() {
        assert_eq!(split("main.0.weight"), Some(("", "0.weight")));
        assert_eq!(split("netG.module.main.10.running_var"), Some(("netG.module.", "10.running_var")));
        assert_eq!(split("domain.0.weight"), None);
        assert_eq!(split("main.conv.weight"), None);
        assert!(is_network_tensor("module.main.1.bias") && !is_network_tensor("main.1.num_batches_tracked"));
    }

    #[test]
    fn our_names_become_the_tutorials() {
        let names = |network: Network| {
            let ours =
                ["blocks.0.conv.weight", "blocks.1.conv.weight", "blocks.1.norm.gamma", "blocks.3.norm.running_var"];
            ours.map(|name| network.their_name(name).unwrap())
        };
        assert_eq!(names(Network::Generator), ["0.weight", "3.weight", "4.weight", "10.running_var"]);
        assert_eq!(names(Network::Discriminator), ["0.weight", "2.weight", "3.weight", "9.running_var"]);
        // 64 pixels: main.12 and main.11 are the last convolutions.
        assert_eq!((Network::Generator.convolutions(12), Network::Discriminator.convolutions(11)), (5, 5));
    }
}
