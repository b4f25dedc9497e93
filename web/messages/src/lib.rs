//! What crosses between the page and its worker. JSON, with large buffers and `File` objects beside it.
//!
//! A message is a JavaScript object `{ json: string, bytes?: ArrayBuffer, files?: [[path, File], ...] }`.
//! `bytes` is transferred, never copied.

use serde::{Deserialize, Serialize};
use whelp::config::{DataConfig, RunConfig};
use whelp::data::{DataSummary, Grid, Report};
use whelp::protocol::{Command, Event, Progress};
use whelp::series::StepSeries;

/// Page to worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// The first message: open the device that the worker's program is for, and try it out. Answered by `Ready`, or by
    /// `Refused`; with `measure`, on a device that is worth it, first by `Measuring` and, once the first pictures are read,
    /// by `Ready` with a size that suits it.
    Hello { device: DevicePreference, measure: bool },
    /// Prepare pictures as `data` says (`files` beside it for `Files`). Answered by `DataProgress`..., then `Data` or `Failed`.
    /// A newer request replaces an older one; replies carry its `id`.
    LoadData { id: u32, source: DataSource, data: DataConfig },
    /// Give up the `LoadData` under way; the data set before it stays. Answered by `DataCancelled`.
    CancelData { id: u32 },
    /// Remove the prepared pictures that are kept in the browser. Answered by `Kept`.
    ClearKept,
    /// Read a checkpoint (its file in `bytes`) without disturbing a run. Answered by `Opened` and a `Samples` event.
    OpenCheckpoint { name: String },
    /// Draw pictures from the opened checkpoint or the run, as [`Command::Sample`] does. Answered by a `Samples` event.
    Generate { count: usize, seed: u64, class: Option<u32>, truncation_psi: f64 },
    /// Draw with the network that came with the page. Answered by `Starter`, or not at all if it cannot be had or
    /// something else is on show by then.
    DrawStarter,
    /// Train on the loaded data; with `resume`, go on from the opened checkpoint (its networks, `config`'s schedule).
    Start { config: Box<RunConfig>, resume: bool },
    /// To the run under way.
    Run { command: Command },
}

/// Worker to page.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The worker listens from now on. What is posted to a worker before its handler is in place is lost, so the page
    /// keeps its messages back until this one comes.
    Awake,
    /// The graphics device is not used; a worker for the processor may be.
    Refused {
        /// A sentence on why.
        reason: String,
    },
    /// The device works: a self-test has run on it. How large a network it trains well is being tried out.
    Measuring {
        device: DeviceInfo,
    },
    /// The device can be trained on.
    Ready {
        device: DeviceInfo,
        suggested: Box<RunConfig>,
        /// A sentence on why it is of that size.
        reason: Option<String>,
    },
    DataProgress {
        id: u32,
        done: usize,
        total: usize,
        skipped: usize,
    },
    /// Ready to train on. `bytes` holds the pixels of `preview`.
    Data {
        id: u32,
        summary: DataSummary,
        /// What the data doctor found.
        report: Box<Report>,
        preview: Grid,
    },
    DataCancelled {
        id: u32,
    },
    /// Prepared pictures that are kept in the browser. Comes after pictures were read, and answers `ClearKept`.
    Kept {
        kept: Kept,
    },
    Opened {
        name: String,
        config: Box<RunConfig>,
        progress: Progress,
        /// What was measured at its latest steps.
        history: StepSeries,
        /// Names of the classes it was trained on, if any.
        classes: Vec<String>,
    },
    /// Drawn by the network that came with the page. `bytes` holds the pixels.
    Starter {
        /// Pictures that network has learnt from.
        nimg: u64,
        grid: Grid,
    },
    /// From the run, or the answer to `Generate`. `bytes` holds the event's payload.
    Event {
        event: Box<Event>,
    },
    /// A request could not be carried out; nothing already made is lost.
    Failed {
        about: About,
        message: String,
    },
}

/// Prepared pictures that a second start need not prepare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Data sets.
    pub count: usize,
    /// Of all of them.
    pub bytes: u64,
}

/// Which device is to be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DevicePreference {
    /// WebGPU where it works, else the CPU.
    Auto,
    /// The CPU, because the visitor wants it, or because a graphics device was refused for that reason.
    Cpu {
        /// A sentence.
        reason: Option<String>,
    },
}

/// Where pictures come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DataSource {
    BuiltinDogs,
    /// The `files` beside the message, under the name to show.
    Files {
        name: String,
    },
}

/// What the worker computes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The adapter's name, or "this computer's processor", with the number of its threads if there are several.
    pub name: String,
    /// "WebGPU" or "CPU".
    pub backend: String,
    /// A software renderer or the CPU: small networks are suggested.
    pub is_slow: bool,
    /// One plain sentence on why WebGPU is not used, where it is not.
    pub reason: Option<String>,
}

/// What a `Failed` reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    Device,
    Data,
    Checkpoint,
    Run,
    /// The worker itself broke; it has to be started again.
    Worker,
}
