//! What a front end asks of a session, and what the session replies. Everything is JSON; large buffers go beside it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::{DataConfig, Resolution, RunConfig};
use crate::data::{DataSummary, Grid, PictureSize, Report};
use crate::encode::Export;
use crate::kept_runs::{Course, KeptRun, RunPictures};
use crate::latent::PictureSpec;
use crate::metrics::Copies;
use crate::people::{HeldOut, Round};
use crate::protocol::{Command, Event, FailureKind, Progress};
use crate::series::StepSeries;

/// From the front end to the session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// The first message: open a device and test it. Answered by `Ready`, or by `Refused`. With `measure`, a fast device
    /// is answered by `Measuring`, and by `Ready` with a size that suits it once the first pictures have been read.
    Hello {
        /// The device to open.
        device: DevicePreference,
        /// Whether to measure how large a network the device trains well.
        measure: bool,
    },
    /// Prepare pictures as `data` says; the files of [`DataSource::Files`] go beside the message. Answered by any number
    /// of `DataProgress`, then by `Data`, `DataCancelled` or `Failed`. A newer request replaces an older one.
    LoadData {
        /// Chosen by the front end; replies carry it.
        id: u32,
        /// Where the pictures come from.
        source: DataSource,
        /// How they are prepared.
        data: DataConfig,
        /// Whether the resolution follows the pictures and the device instead of `data`: see [`PictureSize::of`].
        by_pictures: bool,
    },
    /// Give up a `LoadData`; the data set before it stays. Answered by `DataCancelled`.
    CancelData {
        /// Of the `LoadData`.
        id: u32,
    },
    /// Delete all prepared pictures in storage. Answered by `Kept`.
    ClearKept,
    /// Read a checkpoint, whose bytes go beside the message. A run is not disturbed. Answered by `Opened` and a `Samples`
    /// event.
    OpenCheckpoint {
        /// Its name, for messages.
        name: String,
        /// The kept run that it is of, if any: what goes on from it is kept as that run.
        run: Option<String>,
    },
    /// Tell which runs are kept. Answered by `Runs`.
    ListRuns,
    /// Read the newest checkpoint of a kept run, as `OpenCheckpoint` does. Answered by `Opened`, with the file beside it, a
    /// `Snapshot` for each that is kept of the run, and a `Samples` event.
    OpenRun {
        /// Its id.
        id: String,
        /// Whether to read the one with the best score instead, if it is kept.
        best: bool,
    },
    /// Read the newest checkpoint of a kept run, to save it elsewhere. Answered by `RunFile`.
    ReadRun {
        /// Its id.
        id: String,
    },
    /// Read what a kept run measured, to compare it with another one. Answered by `Course`.
    ReadCourse {
        /// Its id.
        id: String,
    },
    /// Read what a kept run had drawn at one of the steps that its `Course` tells. Answered by `Moment`.
    ReadMoment {
        /// Its id.
        id: String,
        /// The step.
        step: u64,
    },
    /// Give a kept run another name. Answered by `Runs`.
    RenameRun {
        /// Its id.
        id: String,
        /// The name.
        name: String,
    },
    /// Give a kept run other favourites, in place of those that it had. Answered by `Runs`.
    FavourInRun {
        /// Its id.
        id: String,
        /// All of them.
        favourites: Vec<PictureSpec>,
    },
    /// Keep with a run what somebody took for real. Answered by `Runs`.
    AddRound {
        /// Its id.
        id: String,
        /// The answers.
        round: Round,
    },
    /// Remove a kept run, but not the one under way. Answered by `Runs`.
    DeleteRun {
        /// Its id.
        id: String,
    },
    /// Remove all kept runs but the one under way. Answered by `Runs`.
    DeleteRuns,
    /// Draw pictures with the run or the open checkpoint, as [`Command::Sample`] does. Answered by a `Samples` event.
    Generate {
        /// How many pictures.
        count: usize,
        /// Seed of the latents.
        seed: u64,
        /// One class, or each class in turn.
        class: Option<u32>,
        /// As in [`Draw`](crate::sample::Draw).
        truncation_psi: f64,
    },
    /// Draw these pictures with the run under way, else with the open checkpoint, else with the starter. A run goes on as if
    /// nothing had been drawn. Answered by a `Drawn` event.
    Draw {
        /// Chosen by the front end; the answer carries it.
        id: u32,
        /// At least one.
        pictures: Vec<PictureSpec>,
    },
    /// Show some of the loaded pictures, to mix them with drawn ones. Answered by `Real`.
    ShowReal {
        /// Chosen by the front end; the answer carries it.
        id: u32,
        /// Which of them, see [`real_pictures`](crate::people::real_pictures).
        seed: u64,
        /// How many, at least one.
        count: usize,
        /// Their width and height, those of the drawn ones.
        size: Resolution,
        /// Which were held out from the training.
        held_out: HeldOut,
    },
    /// Look among the loaded pictures for those that these come nearest to. Their pixels go beside the message, one picture below the
    /// other. A newer request replaces an older one. Answered by any number of `Comparing`, then by `Copies` or `Failed`.
    FindCopies {
        /// Chosen by the front end; answers carry it.
        id: u32,
        /// The drawn pictures.
        grid: Grid,
        /// Which of the loaded ones were held out from the training.
        held_out: HeldOut,
    },
    /// Make a file of pictures, whose pixels go beside the message. Answered by `Exported`.
    Export {
        /// The file's name, which comes back.
        name: String,
        /// What to make.
        export: Export,
    },
    /// Make a file of the generator that `Draw` draws with, for others to use. Answered by `Exported`.
    Share {
        /// Which file.
        form: SharedForm,
    },
    /// Draw with the starter, the network that comes with Whelp. Answered by `Starter`, or not at all if the starter is
    /// missing or other pictures are on show by then.
    DrawStarter,
    /// Train on the loaded data. Answered by a `Started` event, by `StartEnded`, or by `Failed`.
    Start {
        /// The settings.
        config: Box<RunConfig>,
        /// What the networks begin with.
        from: StartFrom,
    },
    /// Send a command to the run.
    Run {
        /// The command.
        command: Command,
    },
}

/// What the networks of a run begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartFrom {
    /// Random weights.
    Nothing,
    /// The run that saved the open checkpoint goes on, as far as [`RunConfig::resumed`] allows the settings.
    Run,
    /// The networks of the open checkpoint, in a new run, as far as [`RunConfig::warm_started`] allows the settings.
    Checkpoint,
    /// The networks of the starter, in a new run. Its settings are the starter's [`RunConfig::for_run`] of those asked for.
    Starter {
        /// How often its batch is halved, for a device that failed with more.
        halvings: u32,
    },
}

/// A file of a generator, for others to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedForm {
    /// For programs: ONNX.
    Onnx,
    /// For people: one HTML file that draws by itself.
    Html,
    /// What the generator is and what it learnt from: a model card, in Markdown.
    Card {
        /// What people took for real.
        rounds: Vec<Round>,
    },
}

/// From the session to the front end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The session listens from now on. A browser drops what is posted to a worker before it listens, so the page holds its
    /// messages back until this one comes.
    Awake,
    /// The graphics device is not used. Another session may work: see [`DevicePreference::after`].
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// The device has passed its self-test, and how large a network it trains well is being measured.
    Measuring {
        /// The device.
        device: DeviceInfo,
    },
    /// The device is ready.
    Ready {
        /// The device.
        device: DeviceInfo,
        /// Settings that suit it.
        suggested: Box<RunConfig>,
        /// Why the networks have this size, in a sentence.
        reason: Option<String>,
    },
    /// Pictures are being read.
    DataProgress {
        /// Of the `LoadData`.
        id: u32,
        /// Files that have been read.
        done: usize,
        /// Files in all; 0 while that is unknown.
        total: usize,
        /// Files that can't be used.
        skipped: usize,
    },
    /// The pictures are ready. The pixels of `preview` go beside the message.
    Data {
        /// Of the `LoadData`.
        id: u32,
        /// What was read.
        summary: DataSummary,
        /// What the data doctor found.
        report: Box<Report>,
        /// Some of the pictures.
        preview: Grid,
        /// The resolution that suits them and the device, and why.
        size: PictureSize,
    },
    /// The `LoadData` was given up.
    DataCancelled {
        /// Of the `LoadData`.
        id: u32,
    },
    /// Weights that a run needs beside its own are on their way. The last one of them has `done` equal to `total`.
    Fetching {
        /// Bytes that are there.
        done: u64,
        /// Bytes of all files.
        total: u64,
    },
    /// The pictures are being judged, to train on the typical ones alone. The last one of them has `done` equal to `total`.
    Judging {
        /// Pictures that have been judged.
        done: usize,
        /// All pictures.
        total: usize,
    },
    /// Prepared pictures in storage. Comes after pictures were read, and answers `ClearKept`.
    Kept {
        /// How much there is.
        kept: Kept,
    },
    /// The kept runs, the latest saved first. The pixels of their thumbnails go beside the message, one after the other.
    Runs {
        /// The runs.
        runs: Vec<KeptRun>,
        /// Whether this session keeps runs.
        access: RunAccess,
    },
    /// A checkpoint of the run under way was to be kept. The pixels of the thumbnail go beside the message.
    RunKept {
        /// The run, also if it could not be kept.
        run: Box<KeptRun>,
        /// Whether it is kept.
        outcome: KeptOutcome,
        /// Seconds that training stood still for it.
        cost_secs: f64,
    },
    /// The newest checkpoint of a kept run, whose bytes go beside the message.
    RunFile {
        /// The run's id.
        id: String,
    },
    /// Pictures that a kept run drew on its way, in the order of their steps. Their pixels go beside the message.
    Snapshot {
        /// The run's id.
        run: String,
        /// Their number in a [`Thinned`](crate::kept_runs::Thinned).
        number: u64,
        /// When they were drawn.
        step: u64,
        /// Images that the run had seen.
        nimg: u64,
        /// The pictures.
        grid: Grid,
    },
    /// What a kept run measured, and its newest pictures, whose pixels go beside the message.
    Course {
        /// The run's id.
        id: String,
        /// What it measured.
        course: Box<Course>,
        /// When it drew the pictures that are kept of its way, in their order.
        moments: Vec<u64>,
        /// Images that it had seen when it drew the newest ones.
        nimg: u64,
        /// The newest ones.
        grid: Grid,
    },
    /// What a kept run had drawn at a step. The pixels go beside the message.
    Moment {
        /// The run's id.
        id: String,
        /// The step.
        step: u64,
        /// Images that it had seen by then.
        nimg: u64,
        /// The pictures; none of them where they are no longer kept, as those in between go when there is no room.
        grid: Grid,
    },
    /// A checkpoint is open.
    Opened {
        /// Its name.
        name: String,
        /// The kept run that it is of, if any, and what that is trained on.
        run: Option<(String, RunPictures)>,
        /// Whether a run that goes on from it is that one, and not a run of its own.
        goes_on: bool,
        /// Its settings.
        config: Box<RunConfig>,
        /// How far it was trained.
        progress: Progress,
        /// The values of its latest steps.
        history: StepSeries,
        /// What is kept of its run's course up to there.
        #[serde(default)]
        course: Option<Box<Course>>,
        /// Names of the classes it was trained on, if any.
        classes: Vec<String>,
    },
    /// Pictures of the starter. Their pixels go beside the message.
    Starter {
        /// Images that the starter was trained on.
        nimg: u64,
        /// The pictures.
        grid: Grid,
    },
    /// Some of the loaded pictures, in colour. Their pixels go beside the message.
    Real {
        /// Of the `ShowReal`.
        id: u32,
        /// Whether the network that draws was trained on the loaded pictures. Otherwise nothing was held out from its training.
        are_trainings: bool,
        /// Whether they were held out from the training.
        is_held_out: bool,
        /// The pictures, one below the other.
        grid: Grid,
    },
    /// The loaded pictures are being looked at.
    Comparing {
        /// Of the `FindCopies`.
        id: u32,
        /// Pictures that have been looked at.
        done: usize,
        /// All of them.
        total: usize,
    },
    /// What was found of copies. The pixels of `grid` go beside the message.
    Copies {
        /// Of the `FindCopies`.
        id: u32,
        /// What was found.
        copies: Box<Copies>,
        /// Whether the loaded pictures are known to be those that the network was trained on.
        are_trainings: bool,
        /// For each of the closest pairs the loaded picture, in colour, one below the other.
        grid: Grid,
    },
    /// The file is made. Its bytes go beside the message.
    Exported {
        /// The name that was asked for, or that a shared generator's file should have.
        name: String,
    },
    /// A start was ended by [`Command::Stop`] before there was a run.
    StartEnded,
    /// From the run, or the answer to `Generate` or `Draw`. The event's payload goes beside the message.
    Event {
        /// The event.
        event: Box<Event>,
    },
    /// A request could not be carried out. Everything that was there before is kept.
    Failed {
        /// What the request was about.
        about: About,
        /// Why it failed.
        problem: Problem,
    },
}

/// Why a request could not be carried out. Front ends word it for their users.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Problem {
    /// The device is not ready.
    #[error("the device is not ready yet")]
    NoDevice,
    /// The pictures are not ready.
    #[error("no pictures are ready yet")]
    NoPictures,
    /// There is no checkpoint to continue from.
    #[error("no checkpoint is open")]
    NoCheckpoint,
    /// There is neither a run nor a checkpoint to draw with.
    #[error("there is no network to draw with yet")]
    NoNetwork,
    /// There is no run to command.
    #[error("no training is running")]
    NoRun,
    /// There is at most one run.
    #[error("a training is already running")]
    RunUnderWay,
    /// Something else; the message is from the library.
    #[error("{message}")]
    Failed {
        /// What kind of failure.
        failure: FailureKind,
        /// What happened, as a clause without a full stop.
        message: String,
    },
}

/// Whether a session keeps its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunAccess {
    /// It does.
    Keeps,
    /// Another session keeps its runs in the same place, so this one only reads what is there.
    Reads,
    /// There is no place.
    Refused,
}

/// What became of a checkpoint that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KeptOutcome {
    /// It is kept.
    Kept,
    /// It is kept, and there was room only because older checkpoints were removed.
    MadeRoom,
    /// There is no room for it. What was kept of the run before stays.
    NoRoom,
    /// It is not kept for another reason.
    Failed {
        /// The system's words.
        reason: String,
    },
}

/// Prepared pictures in storage, which the next start need not prepare again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Data sets.
    pub count: usize,
    /// Size of all of them.
    pub bytes: u64,
    /// Whether the browser keeps nothing for this page.
    pub is_refused: bool,
}

/// Why a graphics device is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A sentence.
    pub reason: String,
    /// Whether there is no device, so that using less of it can't help.
    pub is_absent: bool,
}

impl Refusal {
    /// The most of what a driver says that is handed on, in characters: it may quote a whole kernel.
    const LONGEST_REPORT: usize = 300;

    /// Of a device that failed, at its self-test or later. `report` is what its driver or the test said.
    pub fn of_failure(report: &str) -> Self {
        let mut report = report.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = report.char_indices().nth(Self::LONGEST_REPORT) {
            report.truncate(end);
            report.push('…');
        }
        let report = report.trim_end_matches('.');
        let reason = format!("The graphics device failed ({report}). A newer driver may help.");
        Self { reason, is_absent: false }
    }
}

/// Which device is to be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DevicePreference {
    /// A graphics device if there is one that works, else the CPU.
    Auto,
    /// The same, without optional features and with small kernels.
    Basic {
        /// Why all of the graphics device was refused, in a sentence.
        reason: String,
    },
    /// The CPU, because the user wants it or because the graphics device was refused.
    Cpu {
        /// Why the graphics device was refused, in a sentence.
        reason: Option<String>,
    },
}

impl DevicePreference {
    /// What to try once this was refused: less of the same graphics device, then the CPU. After that there is nothing.
    pub fn after(&self, Refusal { reason, is_absent }: Refusal) -> Option<Self> {
        match self {
            Self::Auto if !is_absent => Some(Self::Basic { reason }),
            Self::Auto | Self::Basic { .. } => Some(Self::Cpu { reason: Some(reason) }),
            Self::Cpu { .. } => None,
        }
    }
}

/// Where pictures come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DataSource {
    /// The dogs that come with Whelp.
    BuiltinDogs,
    /// The files beside the message.
    Files {
        /// A name for all of them together.
        name: String,
    },
    /// Prepared pictures in storage, however the request says that they be prepared.
    Kept {
        /// Their key.
        key: String,
        /// Their name, for messages.
        name: String,
    },
}

/// The device of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The adapter's name, or "this computer's processor" with the number of its threads.
    pub name: String,
    /// "WebGPU", or [`DeviceInfo::CPU`].
    pub backend: String,
    /// Whether it is a CPU or emulated by one, so that small networks are suggested.
    pub is_slow: bool,
    /// Why the graphics device is not used, or not all of it, in a sentence.
    pub reason: Option<String>,
}

impl DeviceInfo {
    /// The backend of a processor.
    pub const CPU: &str = "CPU";
}

/// What a failed request was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The device.
    Device,
    /// Pictures.
    Data,
    /// A checkpoint, or drawing with it.
    Checkpoint,
    /// Drawing pictures on request, or making a file of them or of what draws them.
    Drawing,
    /// Comparing drawn pictures with loaded ones.
    Comparing,
    /// Kept runs.
    KeptRuns,
    /// A run.
    Run,
    /// The session itself: it has to be started again.
    Session,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_their_json() {
        let requests = [
            Request::Hello { device: DevicePreference::Cpu { reason: Some("x".to_owned()) }, measure: true },
            Request::LoadData {
                id: 3,
                source: DataSource::BuiltinDogs,
                data: DataConfig::default(),
                by_pictures: true,
            },
            Request::Start { config: Box::default(), from: StartFrom::Starter { halvings: 1 } },
            Request::Run { command: Command::Stop },
            Request::OpenCheckpoint { name: "x".to_owned(), run: Some("1f".to_owned()) },
            Request::Draw { id: 7, pictures: vec![PictureSpec::of_seed(u64::MAX, 3)] },
            Request::RenameRun { id: "1f".to_owned(), name: "my dogs".to_owned() },
            Request::Share { form: SharedForm::Card { rounds: Vec::new() } },
        ];
        for request in requests {
            let json = serde_json::to_value(&request).unwrap();
            assert_eq!(serde_json::to_value(serde_json::from_value::<Request>(json.clone()).unwrap()).unwrap(), json);
        }
        let problem = Problem::Failed { failure: FailureKind::Diverged, message: "x".to_owned() };
        let reply = Reply::Failed { about: About::Run, problem };
        let json = serde_json::to_value(&reply).unwrap();
        assert_eq!(json["problem"]["failure"], "diverged");
        assert_eq!(serde_json::to_value(serde_json::from_value::<Reply>(json.clone()).unwrap()).unwrap(), json);
    }
}
