//! Everything that the page knows, as signals. `replies.rs` and `actions.rs` write them, components read them.

use leptos::prelude::*;
use std::collections::VecDeque;
use web_sys::Blob;
use whelp::config::{ConfigError, RunConfig};
use whelp::data::{DataSummary, Grid, PictureSize, Preparation, Report};
use whelp::diagnosis::{self, Diagnosis};
use whelp::history::History;
use whelp::kept_runs::KeptRun;
use whelp::protocol::{FinishReason, Progress};
use whelp::recipes;
use whelp::session::{DeviceInfo, DevicePreference, Kept, KeptOutcome, RunAccess};

use super::client::Client;
use super::compare::Compare;
use super::complaint::{Refused, complaint};
use super::files::PathAndFile;
use super::notices::Notices;
use super::play::Play;
use super::scores::ScoreHistory;
use super::snapshots::Snapshots;
use super::view::View;
use super::{format, theme};

/// The state of the page. Copied freely: every field is a handle.
#[derive(Clone, Copy)]
pub struct Store {
    pub device: RwSignal<Device>,
    /// The form's settings, which the next run gets.
    pub config: RwSignal<RunConfig>,
    /// What is typed into the form but is not a value of its field. Such a field keeps its last value.
    pub refused: RwSignal<Refused>,
    /// Whether the visitor chose the resolution. Otherwise it follows the pictures, where the recipe lets it.
    pub resolution_chosen: RwSignal<bool>,
    /// Why the form's settings can't be trained with.
    pub complaint: Memo<Option<ConfigError>>,
    /// Settings that the worker suggests for its device.
    pub suggested: RwSignal<Option<Suggested>>,
    pub phase: RwSignal<Phase>,
    /// A start that waits until everything for it is ready.
    pub intent: RwSignal<Intent>,
    /// Whether the current training began with trained networks.
    pub is_warm: RwSignal<bool>,
    pub progress: RwSignal<Progress>,
    /// Seconds since `progress` came, by a clock that ticks only while a run does.
    pub since_progress: RwSignal<f64>,
    pub losses: RwSignal<History>,
    pub scores: RwSignal<ScoreHistory>,
    /// How the current run goes.
    pub diagnosis: RwSignal<Option<Diagnosis>>,
    /// The checkpoint of the current run with the best score.
    pub best: RwSignal<Option<Best>, LocalStorage>,
    pub samples: RwSignal<Option<Samples>>,
    /// Those that the run drew on its way, and which of them is on show in place of the newest.
    pub snapshots: RwSignal<Snapshots>,
    pub looking_at: RwSignal<Option<usize>>,
    pub view: RwSignal<View>,
    /// Whether the tab is in sight.
    pub in_sight: RwSignal<bool>,
    pub play: Play,
    pub compare: Compare,
    /// Classes that the current networks can draw; empty if they have none.
    pub classes: RwSignal<Vec<String>>,
    /// How pictures are drawn on request.
    pub drawing: RwSignal<Drawing>,
    pub data: RwSignal<Option<Data>>,
    /// Whether `data` was chosen while a run was under way: it is for the next one, and the form is still that of this one.
    pub has_others: RwSignal<bool>,
    pub loading: RwSignal<Option<Loading>>,
    /// Bytes that are there, and of all, while weights are fetched that a run needs beside its own.
    pub fetching: RwSignal<Option<(u64, u64)>>,
    /// Pictures that are done, and all, while it is judged how typical they are.
    pub judging: RwSignal<Option<(usize, usize)>>,
    /// Prepared pictures that are kept in the browser's private file system.
    pub kept: RwSignal<Kept>,
    /// Runs that are kept in the browser's private file system, the latest saved first.
    pub runs: RwSignal<Vec<KeptRun>>,
    /// Whether this tab keeps runs; none until the worker has said so.
    pub run_access: RwSignal<Option<RunAccess>>,
    /// The id of the kept run that is under way, or was last.
    pub current_run: RwSignal<Option<String>>,
    /// The id of a run that was interrupted, and that the page offers to go on with.
    pub offer: RwSignal<Option<String>>,
    /// The checkpoint that the worker holds open. None while it is being trained.
    pub opened: RwSignal<Option<Opened>, LocalStorage>,
    /// Whether a checkpoint is on its way to the worker.
    pub opening: RwSignal<bool>,
    /// The newest checkpoint that the worker sent. It survives a crash of the worker.
    pub latest: RwSignal<Option<Saved>, LocalStorage>,
    /// Whether the next requested checkpoint becomes a download.
    pub wants_download: RwSignal<bool>,
    pub notices: Notices,
    /// Whether something is being dragged over the page.
    pub dragging: RwSignal<bool>,
    pub dark: RwSignal<bool>,
    /// Counts trainings from new networks. A run that continues keeps the number.
    pub(super) lineage: StoredValue<u32>,
    /// Requests for pictures that have not been answered, oldest first.
    pub(super) asked: StoredValue<VecDeque<Fresh>>,
    /// Whether the starter's pictures have been asked for. That happens once.
    pub(super) starter_asked: StoredValue<bool>,
    pub(super) next_load: StoredValue<u32>,
    /// When `progress` came, in milliseconds.
    pub(super) progress_at: StoredValue<f64>,
    /// Settings of the current or last run.
    pub(super) running: StoredValue<Option<RunConfig>>,
    /// The checkpoint that was last sent to the worker, and the kept run that it is of.
    pub(super) opening_blob: StoredValue<Option<(Blob, Option<String>)>, LocalStorage>,
    /// The kept run that a waiting start goes on with, until the worker has opened it.
    pub(super) resuming: StoredValue<Option<String>>,
    /// Whether an interrupted run has been looked for. That happens once.
    pub(super) has_offered: StoredValue<bool>,
    /// What the visitor has been told of how the current run is kept.
    pub(super) told_outcome: StoredValue<KeptOutcome>,
    /// Whether the browser has been asked to keep the page's files.
    pub(super) has_persisted: StoredValue<bool>,
    /// What `data` was read from, and what is being read now.
    pub(super) source: StoredValue<Source, LocalStorage>,
    /// What the current or last run trains on.
    pub(super) trained_on: StoredValue<Source, LocalStorage>,
    /// The value of `has_others` once what is being read is there; none if it was not chosen, but is read again.
    pub(super) loads_others: StoredValue<Option<bool>>,
    pub(super) loading_source: StoredValue<Source, LocalStorage>,
    /// Whether the resolution of what is being read follows it.
    pub(super) loading_by_pictures: StoredValue<bool>,
    /// How `loading_source` is being prepared.
    pub(super) loading_preparation: StoredValue<Preparation>,
    pub(super) client: StoredValue<Option<Client>, LocalStorage>,
    /// The device that the client was asked for.
    pub(super) preference: StoredValue<DevicePreference>,
    /// Whether the client has trained since it was started.
    pub(super) has_trained: StoredValue<bool>,
    /// Whether a device gave up while it was measured.
    pub(super) gave_up: StoredValue<bool>,
    /// Whether a device that was lost while it had nothing to do has been opened again since it last trained.
    pub(super) has_reopened: StoredValue<bool>,
    /// Whether the pictures are read for a worker that replaces one that failed: then they are shown as they were.
    pub(super) has_begun_again: StoredValue<bool>,
    /// How many workers there have been.
    pub(super) connections: StoredValue<u32>,
    /// How often the graphics device was lost while it trained the current networks.
    pub(super) times_lost: StoredValue<u32>,
    /// What follows once the run has ended that it stops.
    pub(super) cure: StoredValue<Option<diagnosis::Remedy>>,
    /// How the current or last run was started.
    pub(super) started_as: StoredValue<Intent>,
    /// How often the batch of a start from the starter has been halved for the device since the visitor asked for it.
    pub(super) halvings: StoredValue<u32>,
}

/// The device that computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Device {
    Looking,
    /// It works, and how large a network it trains well is being measured.
    Measuring(DeviceInfo),
    Ready(DeviceInfo),
    /// It could not be opened, or was lost.
    None,
}

/// Settings for the device at hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggested {
    pub config: RunConfig,
    /// Why the networks have this size, in a sentence.
    pub reason: Option<String>,
}

/// Where the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Starting,
    Training,
    Pausing,
    Paused,
    Resuming,
    Stopping,
    Finished(FinishReason),
    /// It failed.
    Broken,
}

impl Phase {
    /// Whether there is a run, even if it is paused.
    pub fn is_active(self) -> bool {
        match self {
            Phase::Starting | Phase::Training | Phase::Pausing | Phase::Paused | Phase::Resuming | Phase::Stopping => {
                true
            }
            Phase::Idle | Phase::Finished(_) | Phase::Broken => false,
        }
    }
}

/// A start that waits for the device, pictures or a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Nothing,
    /// Train new networks.
    Train,
    /// Continue from the opened checkpoint, or else from the latest.
    Continue,
    /// Train networks that begin with those of the opened checkpoint, or else of the latest.
    FromCheckpoint,
    /// Train networks that begin with the starter's.
    FromStarter,
}

impl Intent {
    /// Whether a checkpoint has to be open for it.
    pub fn needs_checkpoint(self) -> bool {
        matches!(self, Intent::Continue | Intent::FromCheckpoint)
    }
}

/// Generated pictures on show.
#[derive(Clone, Debug)]
pub struct Samples {
    pub step: u64,
    pub nimg: u64,
    pub grid: Grid,
    pub origin: Origin,
}

/// What drew the pictures.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The run, or a checkpoint that was opened.
    Run,
    /// The same networks, on request.
    Fresh(Fresh),
    /// The network that comes with the page.
    Starter,
}

/// How pictures are drawn on request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawing {
    /// One class, or each class in turn.
    pub class: Option<u32>,
    /// 1: as varied as in training. Less: more typical.
    pub truncation_psi: f64,
}

impl Default for Drawing {
    fn default() -> Self {
        Self { class: None, truncation_psi: 1.0 }
    }
}

/// Pictures drawn on request.
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    pub seed: u64,
    /// The class's name, if one was asked for.
    pub class: Option<String>,
    pub truncation_psi: f64,
}

/// The pictures to train on. The worker holds them.
#[derive(Clone, Debug)]
pub struct Data {
    pub summary: DataSummary,
    /// What the data doctor found.
    pub report: Box<Report>,
    pub preview: Grid,
    pub is_builtin: bool,
    /// How they were prepared.
    pub preparation: Preparation,
    /// The resolution that suits them and the device, and why.
    pub size: PictureSize,
}

impl Data {
    /// Their name, for use in a sentence.
    pub fn name(&self) -> String {
        if self.is_builtin { BUILTIN_DOGS.to_owned() } else { self.summary.name.clone() }
    }
}

/// Pictures that are being read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loading {
    pub id: u32,
    pub name: String,
    pub stage: LoadStage,
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadStage {
    /// The page is listing folders.
    Finding { found: usize },
    /// The worker is reading files.
    Reading { done: usize, total: usize, skipped: usize },
}

/// Where pictures come from. It is kept because another size or another worker has to read them again.
#[derive(Clone)]
pub enum Source {
    BuiltinDogs,
    Files {
        name: String,
        files: Vec<PathAndFile>,
    },
    /// Prepared already, and kept under this key.
    Kept {
        key: String,
        name: String,
        preparation: Preparation,
    },
}

/// For use in a sentence.
const BUILTIN_DOGS: &str = "the built-in dogs";

impl Source {
    /// Their name, for use in a sentence.
    pub fn name(&self) -> String {
        match self {
            Source::BuiltinDogs => BUILTIN_DOGS.to_owned(),
            Source::Files { name, .. } | Source::Kept { name, .. } => name.clone(),
        }
    }
}

/// A checkpoint that was opened to look at.
#[derive(Clone)]
pub struct Opened {
    pub name: String,
    pub config: RunConfig,
    pub progress: Progress,
    /// Its file.
    pub blob: Blob,
    /// The kept run that it is of.
    pub run: Option<String>,
    /// Whether that run goes on from it. Otherwise what goes on is a run of its own.
    pub goes_on: bool,
}

impl Opened {
    /// The kept run that goes on from it, if one does.
    pub fn continued_run(&self) -> Option<String> {
        self.run.clone().filter(|_| self.goes_on)
    }
}

/// The checkpoint with the best score.
#[derive(Clone)]
pub struct Best {
    /// None where only its score is known.
    pub saved: Option<Saved>,
    /// Its score, in a sentence.
    pub why: String,
}

/// A checkpoint in memory.
#[derive(Clone)]
pub struct Saved {
    pub blob: Blob,
    pub recipe: String,
    pub nimg: u64,
    pub lineage: u32,
    /// The kept run that it is of.
    pub run: Option<String>,
}

impl Saved {
    pub fn file_name(&self) -> String {
        format::checkpoint_name(&self.recipe, self.nimg)
    }
}

impl Store {
    pub fn new() -> Self {
        let config = RwSignal::new(recipes::DEFAULT.config());
        let refused = RwSignal::new(Refused::new());
        Self {
            device: RwSignal::new(Device::Looking),
            config,
            refused,
            resolution_chosen: RwSignal::new(false),
            complaint: Memo::new(move |_| config.with(|config| refused.with(|refused| complaint(config, refused)))),
            suggested: RwSignal::new(None),
            phase: RwSignal::new(Phase::Idle),
            intent: RwSignal::new(Intent::Nothing),
            is_warm: RwSignal::new(false),
            progress: RwSignal::new(Progress::default()),
            since_progress: RwSignal::new(0.0),
            losses: RwSignal::new(History::default()),
            scores: RwSignal::new(ScoreHistory::default()),
            diagnosis: RwSignal::new(None),
            best: RwSignal::new_local(None),
            samples: RwSignal::new(None),
            snapshots: RwSignal::new(Snapshots::default()),
            looking_at: RwSignal::new(None),
            view: View::signal(),
            in_sight: RwSignal::new(true),
            play: Play::new(),
            compare: Compare::new(),
            classes: RwSignal::new(Vec::new()),
            drawing: RwSignal::new(Drawing::default()),
            data: RwSignal::new(None),
            loading: RwSignal::new(None),
            fetching: RwSignal::new(None),
            judging: RwSignal::new(None),
            kept: RwSignal::new(Kept::default()),
            runs: RwSignal::new(Vec::new()),
            run_access: RwSignal::new(None),
            current_run: RwSignal::new(None),
            offer: RwSignal::new(None),
            opened: RwSignal::new_local(None),
            opening: RwSignal::new(false),
            latest: RwSignal::new_local(None),
            wants_download: RwSignal::new(false),
            notices: Notices::new(),
            dragging: RwSignal::new(false),
            dark: theme::dark_signal(),
            lineage: StoredValue::new(0),
            asked: StoredValue::new(VecDeque::new()),
            starter_asked: StoredValue::new(false),
            next_load: StoredValue::new(0),
            progress_at: StoredValue::new(0.0),
            running: StoredValue::new(None),
            opening_blob: StoredValue::new_local(None),
            resuming: StoredValue::new(None),
            has_offered: StoredValue::new(false),
            told_outcome: StoredValue::new(KeptOutcome::Kept),
            has_persisted: StoredValue::new(false),
            source: StoredValue::new_local(Source::BuiltinDogs),
            trained_on: StoredValue::new_local(Source::BuiltinDogs),
            has_others: RwSignal::new(false),
            loads_others: StoredValue::new(None),
            loading_source: StoredValue::new_local(Source::BuiltinDogs),
            loading_by_pictures: StoredValue::new(false),
            loading_preparation: StoredValue::new(Preparation::from(&RunConfig::default().data)),
            client: StoredValue::new_local(None),
            preference: StoredValue::new(DevicePreference::Auto),
            has_trained: StoredValue::new(false),
            gave_up: StoredValue::new(false),
            has_reopened: StoredValue::new(false),
            has_begun_again: StoredValue::new(false),
            connections: StoredValue::new(0),
            times_lost: StoredValue::new(0),
            cure: StoredValue::new(None),
            started_as: StoredValue::new(Intent::Nothing),
            halvings: StoredValue::new(0),
        }
    }

    /// Whether there is a checkpoint to continue from.
    pub fn can_continue(self) -> bool {
        self.opened.with(Option::is_some) || self.rescue().is_some()
    }

    /// The newest checkpoint of the current networks. One of an earlier training does not count.
    pub fn rescue(self) -> Option<Saved> {
        let lineage = self.lineage.get_value();
        self.latest.get().filter(|saved| saved.lineage == lineage)
    }

    /// The same, for code outside of effects.
    pub fn rescue_untracked(self) -> Option<Saved> {
        untrack(move || self.rescue())
    }

    /// Whether there is a run or a start is waiting, so that pictures and settings must not change.
    pub fn is_busy(self) -> bool {
        self.phase.get().is_active() || self.intent.get() != Intent::Nothing
    }
}
