//! From a trainer on a device to a checkpoint on the host, and back.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::{AdaptiveState, Checkpoint, CheckpointError, Meta};
use crate::features::Pretrained;
use crate::models::Generator;
use crate::sample::Sampler;
use crate::train::{Adam, Adaptive, Ema, NETWORKS, Schedule, Trainer};
use crate::validate::ValidConfig;
use crate::weights::{self, DeviceTensor, HostTensor};

const ADAM_GENERATOR: &str = "optimizer.generator";
const ADAM_DISCRIMINATOR: &str = "optimizer.discriminator";

/// Reads all training state back, as it is at the call: later steps do not change it.
///
/// # Errors
/// [`CheckpointError::Device`] if the device failed.
pub async fn capture(trainer: &Trainer, meta: Meta) -> Result<Checkpoint, CheckpointError> {
    Snapshot::take(trainer, meta).read().await
}

/// All training state at one step, still on the device. Later steps do not change it; it shares what they don't change.
#[derive(Debug)]
pub struct Snapshot {
    /// What the checkpoint says of the run.
    pub meta: Meta,
    tensors: Vec<DeviceTensor>,
}

impl Snapshot {
    /// The state of `trainer` as it is.
    pub fn take(trainer: &Trainer, meta: Meta) -> Self {
        Self { meta, tensors: tensors(trainer) }
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`CheckpointError::Device`] if the device failed.
    pub async fn read(self) -> Result<Checkpoint, CheckpointError> {
        let tensors = weights::read_back(self.tensors).await?;
        let tensors = tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        Ok(Checkpoint { meta: self.meta, tensors })
    }
}

/// Every tensor of a checkpoint, by its name there.
fn tensors(trainer: &Trainer) -> Vec<DeviceTensor> {
    let (generator_m, generator_v) = trainer.generator_adam.state();
    let (discriminator_m, discriminator_v) = trainer.discriminator_adam.state();
    let [generator, discriminator, generator_ema] = NETWORKS.map(str::to_owned);
    let groups = [
        (generator, weights::collect(&trainer.generator)),
        (discriminator, weights::collect(&trainer.discriminator)),
        (generator_ema, weights::collect(trainer.generator_ema.module())),
        (format!("{ADAM_GENERATOR}.m"), generator_m),
        (format!("{ADAM_GENERATOR}.v"), generator_v),
        (format!("{ADAM_DISCRIMINATOR}.m"), discriminator_m),
        (format!("{ADAM_DISCRIMINATOR}.v"), discriminator_v),
    ];
    let named = groups.into_iter().flat_map(|(prefix, tensors)| {
        tensors.into_iter().map(move |tensor| DeviceTensor { name: format!("{prefix}.{}", tensor.name), ..tensor })
    });
    named.collect()
}

/// A trainer that goes on exactly where the checkpoint was made, on any device.
///
/// `config` is the checkpoint's, perhaps with other training settings; its networks must be the checkpoint's. `backbone`
/// has the weights of its frozen network, if it has one.
///
/// # Errors
/// Those of [`Checkpoint::check_complete`]; [`CheckpointError::Backbone`] and [`CheckpointError::Features`] if these are others;
/// [`CheckpointError::Missing`] and [`CheckpointError::Shape`] if they differ.
pub fn restore_trainer(
    checkpoint: &Checkpoint,
    config: &ValidConfig,
    backbone: Option<&Pretrained>,
    device: &Device,
) -> Result<Trainer, CheckpointError> {
    checkpoint.check_complete()?;
    if let (Some(expected), Some(backbone)) = (&checkpoint.meta.backbone, backbone)
        && expected != backbone.hash()
    {
        let (expected, found) = (expected.clone(), backbone.hash().to_owned());
        return Err(CheckpointError::Backbone { expected, found });
    }
    let mut trainer = Trainer::new(config, checkpoint.meta.data.kind(), backbone, device)?;
    restore_into(&mut trainer, checkpoint, config, device)?;
    Ok(trainer)
}

/// Takes a trainer to where the checkpoint was made, and gives it the training settings of `config`. Its networks must be the
/// checkpoint's.
///
/// # Errors
/// [`CheckpointError::Missing`] and [`CheckpointError::Shape`] if they differ.
pub fn restore_into(
    trainer: &mut Trainer,
    checkpoint: &Checkpoint,
    config: &ValidConfig,
    device: &Device,
) -> Result<(), CheckpointError> {
    let inner = device.clone().inner();
    let [generator, discriminator, generator_ema] = NETWORKS;
    trainer.generator = fill(trainer.generator.clone(), generator, checkpoint, &inner)?;
    trainer.discriminator = fill(trainer.discriminator.clone(), discriminator, checkpoint, &inner)?;
    trainer.generator_ema = Ema::new(&fill(trainer.generator_ema.module().valid(), generator_ema, checkpoint, &inner)?);
    trainer.set_config(config);
    trainer.step = checkpoint.meta.progress.step;
    trainer.nimg = checkpoint.meta.progress.nimg;
    if let Some(AdaptiveState { p, p_bits, mean_signs }) = &checkpoint.meta.adaptive {
        let mean_signs = mean_signs.iter().map(|sign| Tensor::from_data(TensorData::new(vec![*sign], [1]), &inner));
        trainer.adaptive = Adaptive { p: p_bits.map_or(*p, f64::from_bits), mean_signs: mean_signs.collect() };
    } else if config.augment.adaptive {
        // It is switched on here, and begins with how many pictures have been altered.
        let before = &checkpoint.meta.config;
        let p = Schedule::at(before, checkpoint.meta.progress.nimg).augment_p;
        let p = if before.augment.is_active() { p } else { 0.0 };
        trainer.adaptive = Adaptive { p, mean_signs: Vec::new() };
    }
    let (generator_config, discriminator_config) = Trainer::adam_configs(config, trainer.nimg);
    let moments = |prefix: &str, tensors: Vec<DeviceTensor>| moments(checkpoint, prefix, tensors, &inner);
    let time = trainer.step;
    let (m, v) = moments(ADAM_GENERATOR, weights::collect(&trainer.generator))?;
    trainer.generator_adam = Adam::restore(generator_config, time, m, v);
    let (m, v) = moments(ADAM_DISCRIMINATOR, weights::collect(&trainer.discriminator))?;
    trainer.discriminator_adam = Adam::restore(discriminator_config, time, m, v);
    Ok(())
}

/// The averaged generator alone, ready to draw: what `generate` needs.
///
/// # Errors
/// [`CheckpointError::Config`] if the settings inside are invalid, [`CheckpointError::Missing`] and
/// [`CheckpointError::Shape`] if its tensors do not fit them.
pub fn restore_sampler(checkpoint: &Checkpoint, device: &Device) -> Result<Sampler, CheckpointError> {
    let config = checkpoint.meta.config.clone().validate()?;
    let inner = device.clone().inner();
    let kind = checkpoint.meta.data.kind();
    let generator = fill(Generator::new(&config, kind, &inner), NETWORKS[2], checkpoint, &inner)?;
    Ok(Sampler::new(generator, &config, kind))
}

/// Puts the checkpoint's tensors `prefix.*` into `module`. Either all of them fit, or there is an error.
fn fill<M: Module>(module: M, prefix: &str, checkpoint: &Checkpoint, device: &Device) -> Result<M, CheckpointError> {
    let mut fault = None;
    let module = weights::replace(module, |name, shape, _| {
        match find(&checkpoint.tensors, &format!("{prefix}.{name}"), shape) {
            Ok(tensor) => Some(to_device(tensor, device)),
            Err(error) => {
                fault.get_or_insert(error);
                None
            }
        }
    });
    fault.map_or(Ok(module), Err)
}

/// Both moments of the optimizer of a network with these tensors; none at step 0, before the first update.
fn moments(
    checkpoint: &Checkpoint,
    prefix: &str,
    tensors: Vec<DeviceTensor>,
    device: &Device,
) -> Result<(Vec<DeviceTensor>, Vec<DeviceTensor>), CheckpointError> {
    let mut both = (Vec::new(), Vec::new());
    if checkpoint.meta.progress.step == 0 {
        return Ok(both);
    }
    for parameter in tensors.into_iter().filter(|tensor| !tensor.is_buffer) {
        for (moment, out) in [("m", &mut both.0), ("v", &mut both.1)] {
            let name = format!("{prefix}.{moment}.{}", parameter.name);
            let values = to_device(find(&checkpoint.tensors, &name, &parameter.shape)?, device);
            out.push(DeviceTensor { values, ..parameter.clone() });
        }
    }
    Ok(both)
}

/// The tensor of a checkpoint with this name, if it has this shape.
pub(crate) fn find<'a>(
    tensors: &'a BTreeMap<String, HostTensor>,
    name: &str,
    shape: &[usize],
) -> Result<&'a HostTensor, CheckpointError> {
    let tensor = tensors.get(name).ok_or_else(|| CheckpointError::Missing { name: name.to_owned() })?;
    if tensor.shape != shape {
        let (expected, found) = (shape.to_vec(), tensor.shape.clone());
        return Err(CheckpointError::Shape { name: name.to_owned(), expected, found });
    }
    Ok(tensor)
}

pub(super) fn to_device(tensor: &HostTensor, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(tensor.values.clone(), [tensor.values.len()]), device)
}
