//! The file: what is in it and how it becomes bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::CheckpointError;
use crate::config::RunConfig;
use crate::data::{DataSummary, PictureKind};
use crate::protocol::{BestScore, Progress};
use crate::series::StepSeries;
use crate::train::NETWORKS;
use crate::weights::HostTensor;

/// Version of the layout of a whole checkpoint, all of whose tensors are F32. In format 1 the history is a list of losses: see
/// [`StepSeries`].
pub const FORMAT: u32 = 2;

/// Version of the layout of what training does not go on from: tensors may be F16. The newest that is read.
pub const FORMAT_OF_HALVES: u32 = 3;

/// Steps of the history that a checkpoint keeps, so that a chart goes on where it was.
pub const HISTORY_MAX: usize = 2000;

/// Key of our JSON in the file's `__metadata__`.
const METADATA_KEY: &str = "whelp";

/// What the names of the optimizers' tensors begin with.
const OPTIMIZERS: &str = "optimizer.";

/// What begins the hash, the last field of our JSON. Older releases ignore the field, and files of theirs have none.
const HASH_FIELD: &str = r#","hash":""#;

/// A whole run: networks, average, both optimizers, progress.
///
/// Tensors are named `generator.*`, `discriminator.*`, `generator_ema.*`, `optimizer.generator.{m,v}.*`,
/// `optimizer.discriminator.{m,v}.*`, batch-norm statistics included, all F32. Without the optimizers it is F16. The same file
/// opens in the page, in the terminal on any device, and in Python's `safetensors`.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Everything that is not a tensor.
    pub meta: Meta,
    /// By name in the file.
    pub tensors: BTreeMap<String, HostTensor>,
}

/// The JSON in `__metadata__["whelp"]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Layout version, [`FORMAT`] or [`FORMAT_OF_HALVES`].
    pub format: u32,
    /// Settings of the run.
    pub config: RunConfig,
    /// Steps, images seen, epoch, time.
    pub progress: Progress,
    /// Random numbers are counter-based, so the seed and `progress.nimg` are their whole state.
    pub random: RandomState,
    /// What it was trained on.
    pub data: DataOrigin,
    /// What was measured at the latest steps, at most [`HISTORY_MAX`] of them.
    pub history: StepSeries,
    /// Augmentation that follows the discriminator, where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveState>,
    /// Hash of the weights of the discriminator's frozen network, where it has one: they are not in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backbone: Option<String>,
    /// What the run was scored at, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored: Option<Scored>,
}

/// How good the run's pictures have been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The best score.
    pub best: BestScore,
    /// Scores since one was better than all before by more than its standard error.
    pub stalled: u64,
    /// That score's value.
    pub stalled_at: f64,
    /// Pictures shown by then; none in checkpoints that don't know.
    #[serde(default)]
    pub stalled_nimg: Option<u64>,
}

/// State of adaptive augmentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveState {
    /// Chance of an alteration.
    pub p: f64,
    /// The same to the bit, which a number in JSON loses; none in older checkpoints.
    #[serde(default)]
    pub p_bits: Option<u64>,
    /// Mean sign of the real pictures' logits in each step since p was last set; `signs` in the file.
    #[serde(rename = "signs")]
    pub mean_signs: Vec<f32>,
}

/// State of every random stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomState {
    /// How numbers come from (seed, stream, position): see [`crate::random`].
    pub algorithm: String,
    /// Seed of all streams.
    pub seed: u64,
    /// Position of the streams that move with training: images shown.
    pub position: u64,
}

impl RandomState {
    /// The state after `position` images.
    pub fn at(seed: u64, position: u64) -> Self {
        Self { algorithm: "chacha8-counter".to_owned(), seed, position }
    }
}

/// What a run was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataOrigin {
    /// Name shown to people.
    pub name: String,
    /// Pictures.
    pub count: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Names of its classes, if it has any.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Hash of the prepared pixels; empty if they are not known.
    pub fingerprint: String,
}

impl DataOrigin {
    /// What the networks depend on.
    pub fn kind(&self) -> PictureKind {
        PictureKind { channels: self.channels, classes: self.classes.len() }
    }

    /// The pictures, with so many channels, of networks that were trained elsewhere.
    pub fn unknown(channels: usize) -> Self {
        let name = "unknown pictures".to_owned();
        Self { name, count: 0, channels, classes: Vec::new(), fingerprint: String::new() }
    }

    /// True for [`DataOrigin::unknown`]: there is nothing to compare other pictures with.
    pub fn is_unknown(&self) -> bool {
        self.fingerprint.is_empty()
    }
}

impl From<&DataSummary> for DataOrigin {
    fn from(summary: &DataSummary) -> Self {
        Self {
            name: summary.name.clone(),
            count: summary.count,
            channels: summary.channels,
            classes: summary.classes.clone(),
            fingerprint: summary.fingerprint.clone(),
        }
    }
}

impl Checkpoint {
    /// The whole file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let may_be_halves = self.meta.format >= FORMAT_OF_HALVES;
        let stored = self.tensors.iter().map(|(name, tensor)| {
            let as_halves = may_be_halves && tensor.values.iter().all(|value| half(*value) == *value);
            (name, Stored { tensor, as_halves })
        });
        let json = serde_json::to_string(&self.meta).expect("plain structs always serialise");
        let json = with_hash(&json, &self.hash(&json));
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), json)]);
        safetensors::serialize(stored, Some(metadata)).expect("names are unique and sizes checked")
    }

    /// Keeps what drawing needs, the averaged generator, in half precision, which no eye can tell: about an eighteenth of the file,
    /// to show or to share. Training cannot go on from it.
    pub fn for_drawing(self) -> Self {
        let [_, _, generator_ema] = NETWORKS;
        self.with_networks(&[generator_ema])
    }

    /// Keeps what a new run can begin with, all networks without their optimizers, in half precision: about a fifth of the file.
    /// This run cannot go on from it.
    pub fn for_starting(self) -> Self {
        self.with_networks(&NETWORKS)
    }

    fn with_networks(mut self, kept: &[&str]) -> Self {
        self.tensors.retain(|name, _| kept.iter().any(|network| belongs_to(network, name)));
        for tensor in self.tensors.values_mut() {
            // Values that are too large for halves stay as they are, with all of their tensor.
            if tensor.values.iter().all(|value| half(*value).is_finite()) {
                tensor.values.iter_mut().for_each(|value| *value = half(*value));
            }
        }
        self.meta.history = StepSeries::default();
        self.meta.format = FORMAT_OF_HALVES;
        self.meta.adaptive = None;
        self
    }

    /// Whether its run can go on from it.
    ///
    /// # Errors
    /// [`CheckpointError::ForDrawing`] if the networks that learn were left out, [`CheckpointError::ForStarting`] if the
    /// optimizers were, which a run has from its first step on.
    pub fn check_complete(&self) -> Result<(), CheckpointError> {
        if self.is_for_drawing() {
            return Err(CheckpointError::ForDrawing);
        }
        if self.lacks_optimizers() {
            return Err(CheckpointError::ForStarting);
        }
        Ok(())
    }

    /// Whether the optimizers were left out, as [`Checkpoint::for_starting`] does.
    pub fn lacks_optimizers(&self) -> bool {
        self.meta.progress.step > 0 && !self.tensors.keys().any(|name| name.starts_with(OPTIMIZERS))
    }

    /// Whether the networks that learn were left out, as [`Checkpoint::for_drawing`] does.
    pub fn is_for_drawing(&self) -> bool {
        let [generator, discriminator, _] = NETWORKS;
        !self.tensors.keys().any(|name| belongs_to(generator, name) || belongs_to(discriminator, name))
    }

    /// Reads a file and checks what can be checked without the networks.
    ///
    /// # Errors
    /// Every variant of [`CheckpointError`] but `Missing`, `ForDrawing`, `ForStarting`, `Shape`, `Config`, `Import` and `Device`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| refuse(bytes, &error))?;
        let (meta, seal) = read_meta(bytes)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let values = match view.dtype() {
                // The data of a safetensors file need not be aligned.
                Dtype::F32 => bytemuck::pod_collect_to_vec(view.data()),
                Dtype::F16 => halves(view.data()),
                other => return Err(CheckpointError::Type { name: name.to_owned(), found: format!("{other:?}") }),
            };
            let tensor = HostTensor { name: name.to_owned(), shape: view.shape().to_vec(), values };
            tensors.insert(name.to_owned(), tensor);
        }
        let checkpoint = Self { meta, tensors };
        if let Some(Seal { json, hash: expected }) = seal {
            let found = checkpoint.hash(&json);
            if found != expected {
                return Err(CheckpointError::Damaged { expected, found });
            }
        }
        match checkpoint.not_finite() {
            Some((name, _)) => Err(CheckpointError::NotFinite { name: name.to_owned() }),
            None => Ok(checkpoint),
        }
    }

    /// XXH3 of the description and of every tensor's name, shape and values, as 32 hexadecimal digits: it tells a file that was
    /// damaged on a disk or on its way. It does not depend on the order of the tensors in the file.
    fn hash(&self, json: &str) -> String {
        let mut hash = Xxh3::new();
        hash.update(json.as_bytes());
        for (name, tensor) in &self.tensors {
            hash.update(name.as_bytes());
            hash.update(&[0]);
            tensor.shape.iter().for_each(|length| hash.update(&(*length as u64).to_le_bytes()));
            hash.update(bytemuck::cast_slice(&tensor.values));
        }
        format!("{:032x}", hash.digest128())
    }

    /// The first tensor with NaN or infinity in it, and that value: training has broken down.
    pub fn not_finite(&self) -> Option<(&str, f32)> {
        self.tensors.values().find_map(|tensor| {
            let value = tensor.values.iter().find(|value| !value.is_finite())?;
            Some((tensor.name.as_str(), *value))
        })
    }
}

/// A tensor as the file has it.
struct Stored<'a> {
    tensor: &'a HostTensor,
    as_halves: bool,
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        if self.as_halves { Dtype::F16 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = &self.tensor.values;
        if self.as_halves {
            values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
        } else {
            Cow::Borrowed(bytemuck::cast_slice(values))
        }
    }

    fn data_len(&self) -> usize {
        self.tensor.values.len() * if self.as_halves { 2 } else { 4 }
    }
}

/// The nearest half.
fn half(value: f32) -> f32 {
    f16::from_f32(value).to_f32()
}

/// F16 in little-endian bytes.
fn halves(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()).collect()
}

fn belongs_to(network: &str, tensor: &str) -> bool {
    tensor.strip_prefix(network).is_some_and(|rest| rest.starts_with('.'))
}

/// What a file says its content is.
struct Seal {
    /// The description without the hash.
    json: String,
    hash: String,
}

/// Adds the hash as the last field of a JSON object.
fn with_hash(json: &str, hash: &str) -> String {
    let fields = json.strip_suffix('}').expect("a struct serialises as an object");
    format!("{fields}{HASH_FIELD}{hash}\"}}")
}

/// The reverse of [`with_hash`]; none without a hash, and none if another program has written the JSON anew.
fn seal(json: &str) -> Option<Seal> {
    let (fields, hash) = json.strip_suffix("\"}")?.rsplit_once(HASH_FIELD)?;
    let is_hash = hash.len() == 32 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hash.then(|| Seal { json: format!("{fields}}}"), hash: hash.to_owned() })
}

fn read_meta(bytes: &[u8]) -> Result<(Meta, Option<Seal>), CheckpointError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| refuse(bytes, &error))?;
    let json = header.metadata().as_ref().and_then(|map| map.get(METADATA_KEY));
    let json = json.ok_or_else(|| CheckpointError::Foreign {
        found: "a safetensors file without Whelp's description, so from another program".to_owned(),
    })?;
    // The version first: a newer layout may not parse as ours.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let damaged = |error: serde_json::Error| CheckpointError::Description { reason: error.to_string() };
    let Version { format } = serde_json::from_str(json).map_err(damaged)?;
    if format > FORMAT_OF_HALVES {
        return Err(CheckpointError::Newer { found: format, supported: FORMAT_OF_HALVES });
    }
    let meta = serde_json::from_str(json).map_err(|error| match unknown(&error.to_string()) {
        Some(what) => CheckpointError::Unknown { what },
        None => damaged(error),
    })?;
    Ok((meta, seal(json)))
}

/// What a later release has added to the settings, if that is what the parser complains about: "unknown field `x`, expected …" or
/// "unknown variant `x`, expected …".
fn unknown(complaint: &str) -> Option<String> {
    let named = |rest: &str| rest.split('`').next().map(str::to_owned);
    let field = complaint.strip_prefix("unknown field `").and_then(named).map(|name| format!("the setting {name}"));
    field
        .or_else(|| complaint.strip_prefix("unknown variant `").and_then(named).map(|name| format!("the value {name}")))
}

/// Tells a cut-off file from a foreign one.
fn refuse(bytes: &[u8], error: &SafeTensorError) -> CheckpointError {
    let foreign = |found: &str| CheckpointError::Foreign { found: found.to_owned() };
    if bytes.is_empty() {
        return foreign("the file is empty");
    }
    // Eight bytes of header length, then JSON.
    let has_header = bytes.len() > 9 && bytes[8] == b'{' && bytes[5..8] == [0, 0, 0];
    match error {
        _ if !has_header => foreign("it does not begin like a safetensors file"),
        SafeTensorError::InvalidHeaderLength | SafeTensorError::MetadataIncompleteBuffer => {
            CheckpointError::Truncated { found: bytes.len() }
        }
        other => CheckpointError::Description { reason: other.to_string() },
    }
}
