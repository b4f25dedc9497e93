//! Everything that crosses a worker, thread or process border while a run is under way.
//!
//! Both enums are closed and are matched without a wildcard. Large buffers are not part of the JSON: a front end
//! moves [`Event::take_payload`] beside it (transferred between threads in the page, a file natively).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::data::{DataSummary, Grid};
use crate::series::StepSeries;

/// What a front end asks of a run. `Pause`, `Resume`, `Sample`, `Save` and `Stop` are each answered by an [`Event`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Stop stepping, keep everything.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Draw a grid now: `count` pictures from `seed`, of one class or of all in turn.
    Sample {
        count: usize,
        seed: u64,
        class: Option<u32>,
        /// As in [`Draw`](crate::sample::Draw).
        #[serde(default = "untruncated")]
        truncation_psi: f64,
    },
    /// Change one field of the `output` section, or `train.length`, while running, e.g. `output.sample_steps` to `100`.
    Set { key: String, value: String },
    /// Write a checkpoint now.
    Save,
    /// Write a checkpoint and end the run.
    Stop,
}

fn untruncated() -> f64 {
    1.0
}

/// What a run tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run is set up and about to take its first step.
    Started {
        config: Box<RunConfig>,
        /// What computes, in words.
        device: String,
        generator_parameters: usize,
        discriminator_parameters: usize,
        data: DataSummary,
        /// Where it goes on from; step 0 for a new run.
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
    /// A grid of generated pictures.
    Samples {
        step: u64,
        nimg: u64,
        seed: u64,
        grid: Grid,
        /// Passes through the data set that are complete, if it is due because of them (`output.epoch_samples`).
        epoch: Option<u64>,
        /// File it was written to, where there is one.
        path: Option<String>,
    },
    /// Done, but otherwise than asked.
    Warning { message: String },
    /// A checkpoint was made.
    Checkpoint {
        step: u64,
        nimg: u64,
        reason: CheckpointReason,
        /// The whole file.
        #[serde(skip)]
        bytes: Vec<u8>,
        /// File it was written to, where there is one.
        path: Option<String>,
    },
    /// Answers `Pause`.
    Paused { progress: Progress },
    /// Answers `Resume`.
    Resumed { progress: Progress },
    /// The run ended by a fault; what was saved before stays valid.
    Failed { kind: FailureKind, message: String },
    /// The run ended.
    Finished { reason: FinishReason, progress: Progress },
}

impl Event {
    /// Takes out the large buffer that travels beside the JSON, if this event has one.
    pub fn take_payload(&mut self) -> Option<Vec<u8>> {
        match self {
            Event::Samples { grid, .. } => Some(std::mem::take(&mut grid.pixels)),
            Event::Checkpoint { bytes, .. } => Some(std::mem::take(bytes)),
            Event::Started { .. }
            | Event::Tick { .. }
            | Event::Values { .. }
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
    /// Real images shown to the discriminator.
    pub nimg: u64,
    /// Passes through the data set, with the fraction of the current one.
    pub epoch: f64,
    /// Seconds of training, pauses not counted, resumed runs added up.
    pub elapsed_secs: f64,
    /// Over the last few ticks; 0 before the first.
    pub images_per_sec: f64,
    /// Share of the run's length that is done, in [0, 1]; none if the run has no end.
    pub fraction: Option<f64>,
    /// At the current speed; none if unknown or if the run has no end.
    pub remaining_secs: Option<f64>,
    /// Memory of this process or worker in bytes, where it can be told.
    pub memory_bytes: Option<u64>,
}

/// Why a checkpoint was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointReason {
    /// Answers `Save`.
    Requested,
    /// `output.checkpoint_steps` or `output.checkpoint_secs` had passed.
    Automatic,
    /// The run ends here.
    Last,
}

/// Why a run ended without a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// Its length was reached.
    Completed,
    /// Answers `Stop`.
    Stopped,
}

/// What kind of fault ended a run: nobody parses message text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The input was refused: data, configuration or checkpoint.
    Input,
    /// The device was lost, refused a kernel or ran out of memory.
    Device,
    /// A loss was not a finite number.
    Diverged,
    /// A fault of ours.
    Bug,
}
