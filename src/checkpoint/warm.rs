//! A warm start: a new run whose networks begin with those of a checkpoint.

use burn::module::Module;
use burn::tensor::Device;

use super::state::{find, to_device};
use super::{Checkpoint, CheckpointError};
use crate::data::PictureKind;
use crate::features::Pretrained;
use crate::models::growth::{in_smaller_discriminator, in_smaller_generator};
use crate::models::widen::widened;
use crate::train::{Ema, NETWORKS, Trainer};
use crate::validate::ValidConfig;
use crate::weights::{self, HostTensor};

/// A trainer at step 0 whose networks are a checkpoint's.
#[derive(Debug)]
pub struct WarmStart {
    /// With new optimizers.
    pub trainer: Trainer,
    /// Whether the checkpoint has the mixing of a projected discriminator, of maps at the same depths.
    pub has_mixing: bool,
    /// What of the checkpoint could not be used, in sentences.
    pub notes: Vec<String>,
}

/// Begins training with the networks of a checkpoint, on other pictures perhaps, and perhaps at a larger resolution.
///
/// `config` is what [`RunConfig::warm_started`](crate::config::RunConfig::warm_started) allows. Blocks of new stages begin as the
/// identity, so a larger generator draws the pictures of the smaller one, upsampled; new channels begin as copies, so a wider one draws
/// the same pictures. Tensors of the discriminator that do not
/// fit begin anew, and the notes say so. A checkpoint that was made for drawing has only the average: the generator begins with
/// it.
///
/// # Errors
/// [`CheckpointError::Missing`] and [`CheckpointError::Shape`] if the generator's tensors differ.
pub fn warm_start(
    checkpoint: &Checkpoint,
    config: &ValidConfig,
    kind: PictureKind,
    backbone: Option<&Pretrained>,
    device: &Device,
) -> Result<WarmStart, CheckpointError> {
    let mut trainer = Trainer::new(config, kind, backbone, device)?;
    let inner = device.clone().inner();
    let stages = checkpoint.meta.config.data.resolution.halvings() + 1;
    let new_stages = (config.data.resolution.halvings() + 1).saturating_sub(stages);
    let [generator, discriminator, generator_ema] = NETWORKS;
    let learnt = if checkpoint.is_for_drawing() { generator_ema } else { generator };
    let small = Smaller { checkpoint, stages, seed: config.seed, is_narrower: is_narrower(checkpoint, config) };
    trainer.generator = fill(trainer.generator, learnt, &small, &inner)?;
    let average = fill(trainer.generator_ema.module().valid(), generator_ema, &small, &inner)?;
    trainer.generator_ema = Ema::new(&average);
    let mut notes = Vec::new();
    if checkpoint.is_for_drawing() {
        notes.push("the checkpoint has no discriminator, so training begins with a new one".to_owned());
    } else {
        let mut anew = Vec::new();
        trainer.discriminator = weights::replace(trainer.discriminator, |name, shape, _| {
            let name = in_smaller_discriminator(name, new_stages)?;
            let found = find(&checkpoint.tensors, &format!("{discriminator}.{name}"), shape);
            if found.is_err() {
                anew.push(name);
            }
            found.ok().map(|tensor| to_device(tensor, &inner))
        });
        notes.extend(note(&anew));
    }
    let has_mixing = checkpoint.tensors.keys().any(|name| name.starts_with("discriminator.mixing."))
        && checkpoint.meta.config.model.taps == config.model.taps;
    Ok(WarmStart { trainer, has_mixing, notes })
}

/// The generator that another one begins as.
struct Smaller<'a> {
    checkpoint: &'a Checkpoint,
    /// Resolutions that it has.
    stages: usize,
    /// Whether it has fewer channels.
    is_narrower: bool,
    /// Of the new run.
    seed: u64,
}

fn is_narrower(checkpoint: &Checkpoint, config: &ValidConfig) -> bool {
    checkpoint.meta.config.model.generator_width < config.model.generator_width
}

impl Smaller<'_> {
    /// The values of its tensor `name` for one of this shape, which has the number `index` in the larger network.
    fn values(&self, name: &str, shape: &[usize], index: u64) -> Result<HostTensor, CheckpointError> {
        let tensors = &self.checkpoint.tensors;
        let fault = match find(tensors, name, shape) {
            Ok(tensor) => return Ok(tensor.clone()),
            Err(fault) => fault,
        };
        let narrow = tensors.get(name).filter(|_| self.is_narrower);
        let values = narrow.and_then(|tensor| widened(&tensor.values, &tensor.shape, shape, self.seed, index));
        let (name, shape) = (name.to_owned(), shape.to_vec());
        values.map(|values| HostTensor { name, shape, values }).ok_or(fault)
    }
}

/// Puts the tensors `prefix.*` of a smaller generator into a generator. Tensors of further stages stay as they are.
fn fill<M: Module>(module: M, prefix: &str, small: &Smaller<'_>, device: &Device) -> Result<M, CheckpointError> {
    let mut fault = None;
    let mut index = 0;
    let module = weights::replace(module, |name, shape, _| {
        index += 1;
        let name = in_smaller_generator(name, small.stages)?;
        match small.values(&format!("{prefix}.{name}"), shape, index) {
            Ok(tensor) => Some(to_device(&tensor, device)),
            Err(error) => {
                fault.get_or_insert(error);
                None
            }
        }
    });
    fault.map_or(Ok(module), Err)
}

/// Names the tensors of a discriminator that begin anew, if there are any.
fn note(anew: &[String]) -> Option<String> {
    const NAMED: usize = 3;
    let more = match anew.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = anew.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    (!anew.is_empty()).then(|| {
        format!("these tensors of the checkpoint's discriminator don't fit, so they begin anew: {named}{more}")
    })
}
