//! What a run is told and what it tells: the messages between a run and its front end, across threads or workers.
//!
//! Both enums are closed and are matched without a wildcard. Large buffers are not part of the JSON: a front end takes
//! them with [`Event::take_payload`] and moves them beside it (the page transfers them, the terminal writes files).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Counts, RunConfig};
use crate::data::{DataSummary, Grid};
use crate::diagnosis::Diagnosis;
use crate::latent::PictureSpec;
use crate::series::StepSeries;

/// What a front end asks of a run. An [`Event`] answers each `Pause`, `Resume`, `Sample`, `Draw`, `Save`, `Autosave` and `Stop`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Stop stepping and keep everything in memory.
    Pause,
    /// Continue after a pause.
    Resume,
    /// Draw a grid now: `count` pictures from `seed`, of one class or of each class in turn.
    Sample {
        count: usize,
        seed: u64,
        class: Option<u32>,
        /// As in [`Draw`](crate::sample::Draw).
        #[serde(default = "untruncated")]
        truncation_psi: f64,
    },
    /// Draw these pictures now, beside the training. Answered by `Drawn`.
    Draw {
        /// Chosen by the front end; the answer carries it.
        id: u32,
        pictures: Vec<PictureSpec>,
    },
    /// Change `train.length` or a field of `output` during the run, e.g. `output.sample_steps` to `100`.
    Set { key: String, value: String },
    /// Write a checkpoint now.
    Save,
    /// The same, as if `output.checkpoint_secs` had passed.
    Autosave,
    /// Write a checkpoint and end the run.
    Stop,
}

fn untruncated() -> f64 {
    1.0
}

/// What a run tells its front end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run is set up and about to take its first step.
    Started {
        config: Box<RunConfig>,
        /// The device, in words.
        device: String,
        generator_parameters: usize,
        discriminator_parameters: usize,
        data: DataSummary,
        /// Where it continues from; step 0 for a new run.
        progress: Progress,
    },
    /// What was measured at every step since the last tick; of a run that goes on, first the history of its checkpoint.
    Tick {
        progress: Progress,
        /// Called `losses` in the events of format 1.
        #[serde(alias = "losses")]
        series: StepSeries,
    },
    /// Values that are not measured at every step, by the name of their series: see [`crate::series`].
    Values { step: u64, nimg: u64, values: BTreeMap<String, f64> },
    /// How the run goes: whenever that has changed, and after each score.
    Diagnosis { step: u64, nimg: u64, diagnosis: Diagnosis },
    /// A grid of generated pictures.
    Samples {
        step: u64,
        nimg: u64,
        seed: u64,
        grid: Grid,
        /// Completed passes through the data set, if the grid was due because of them (`output.epoch_samples`).
        epoch: Option<u64>,
        /// The file it was written to, if any.
        path: Option<String>,
    },
    /// Answers `Draw`: its pictures, one below the other.
    Drawn { id: u32, step: u64, nimg: u64, grid: Grid },
    /// Something was done differently than asked.
    Warning { message: String },
    /// A checkpoint was made.
    Checkpoint {
        step: u64,
        nimg: u64,
        reason: CheckpointReason,
        /// The whole file.
        #[serde(skip)]
        bytes: Vec<u8>,
        /// The file it was written to, if any.
        path: Option<String>,
    },
    /// A score was the best so far. The checkpoint is as the run was when its pictures were drawn, some steps ago.
    Best {
        step: u64,
        nimg: u64,
        score: BestScore,
        /// The best one before, if there was one.
        before: Option<BestScore>,
        /// The whole file of a checkpoint.
        #[serde(skip)]
        bytes: Vec<u8>,
        /// The file it was written to, if any.
        path: Option<String>,
    },
    /// Answers `Pause`.
    Paused { progress: Progress },
    /// Answers `Resume`.
    Resumed { progress: Progress },
    /// The run failed. Checkpoints that were saved before stay valid.
    Failed { kind: FailureKind, message: String },
    /// The run ended.
    Finished { reason: FinishReason, progress: Progress },
}

impl Event {
    /// Takes out the large buffer that goes beside the JSON, if this event has one.
    pub fn take_payload(&mut self) -> Option<Vec<u8>> {
        match self {
            Event::Samples { grid, .. } | Event::Drawn { grid, .. } => Some(std::mem::take(&mut grid.pixels)),
            Event::Checkpoint { bytes, .. } | Event::Best { bytes, .. } => Some(std::mem::take(bytes)),
            Event::Started { .. }
            | Event::Tick { .. }
            | Event::Values { .. }
            | Event::Diagnosis { .. }
            | Event::Warning { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Failed { .. }
            | Event::Finished { .. } => None,
        }
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps of both networks since the very first.
    pub step: u64,
    /// Real images that the discriminator has seen.
    pub nimg: u64,
    /// Passes through the data set, including the fraction of the current one.
    pub epoch: f64,
    /// Seconds of training without pauses, over all sessions of a resumed run.
    pub elapsed_secs: f64,
    /// Speed over the last few ticks; 0 before the first one.
    pub images_per_sec: f64,
    /// Share of the run that is done, in [0, 1]; none if the run has no end.
    pub fraction: Option<f64>,
    /// Seconds left at the current speed; none if the speed is unknown or the run has no end.
    pub remaining_secs: Option<f64>,
    /// Memory of this process or worker in bytes, where the system tells.
    pub memory_bytes: Option<u64>,
}

impl Progress {
    /// What a [`Length`](crate::config::Length) counts.
    pub fn counts(&self) -> Counts {
        let Self { step, nimg, epoch, elapsed_secs, .. } = *self;
        Counts { step, nimg, epoch, elapsed_secs }
    }
}

/// Why a checkpoint was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointReason {
    /// Answers `Save`.
    Requested,
    /// `output.checkpoint_steps` or `output.checkpoint_secs` had passed, or answers `Autosave`.
    Automatic,
    /// The last one of the run.
    Last,
}

/// The score of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestScore {
    /// See [`score_name`](crate::metrics::score_name).
    pub name: String,
    pub value: f64,
    /// None for few pictures.
    pub standard_error: Option<f64>,
    /// When its pictures were drawn.
    pub step: u64,
}

/// Why a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// Its length was reached.
    Completed,
    /// Answers `Stop`.
    Stopped,
    /// Its scores did not get better any more: `train.stop_when_stalled`.
    Stalled,
}

/// What kind of failure ended a run. Front ends choose their advice by it; nobody parses message text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The data, the configuration or the checkpoint was refused.
    Input,
    /// Pictures that had been prepared can't be read any more.
    Pictures,
    /// The device refused to compute.
    Device,
    /// The device is gone: its driver was reset, or the computer slept.
    DeviceLost,
    /// The device has too little memory.
    OutOfMemory,
    /// A loss became NaN or infinite.
    Diverged,
    /// A bug in Whelp.
    Bug,
}

impl FailureKind {
    /// Whether a device failed, was lost or had too little memory.
    pub fn is_devices(self) -> bool {
        matches!(self, Self::Device | Self::DeviceLost | Self::OutOfMemory)
    }
}
