//! Everything the page knows, as signals. `replies.rs` and `actions.rs` write them, components read them.

use leptos::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use web_sys::Blob;
use whelp::config::RunConfig;
use whelp::data::{DataSummary, Grid, Preparation, Report};
use whelp::protocol::{FinishReason, Progress};
use whelp::recipes;
use whelp::validate::ConfigError;
use whelp_messages::{DeviceInfo, Kept};

use super::files::PathAndFile;
use super::losses::LossSeries;
use super::notices::Notices;
use super::settings::complaint;
use super::worker::Client;
use super::{format, theme};

/// The state of the page. Copied freely: every field is a handle.
#[derive(Clone, Copy)]
pub struct Store {
    pub device: RwSignal<Device>,
    /// What the form shows and the next run gets.
    pub config: RwSignal<RunConfig>,
    /// What is typed into the form and is no value of its field, by path; such a field keeps its value.
    pub refused: RwSignal<BTreeMap<&'static str, ConfigError>>,
    /// Why the form cannot be trained with.
    pub complaint: Memo<Option<ConfigError>>,
    /// What the worker thinks suits its device.
    pub suggested: RwSignal<Option<Suggested>>,
    pub phase: RwSignal<Phase>,
    /// What was asked for and waits until everything for it is there.
    pub intent: RwSignal<Intent>,
    pub progress: RwSignal<Progress>,
    /// Seconds since `progress` came, told by a clock that ticks only while a run does.
    pub since_progress: RwSignal<f64>,
    pub losses: RwSignal<LossSeries>,
    pub samples: RwSignal<Option<Samples>>,
    /// Classes that the networks at hand can draw; empty if they know none.
    pub classes: RwSignal<Vec<String>>,
    /// How pictures that are asked for are drawn.
    pub drawing: RwSignal<Drawing>,
    pub data: RwSignal<Option<Data>>,
    pub loading: RwSignal<Option<Loading>>,
    /// Prepared pictures in the browser's private file system.
    pub kept: RwSignal<Kept>,
    /// A checkpoint that the worker holds open, not trained on yet.
    pub opened: RwSignal<Option<Opened>, LocalStorage>,
    /// A checkpoint is on its way to the worker.
    pub opening: RwSignal<bool>,
    /// The newest checkpoint that the worker sent: what survives it.
    pub latest: RwSignal<Option<Saved>, LocalStorage>,
    /// Save the next requested checkpoint as a file.
    pub wants_download: RwSignal<bool>,
    pub notices: Notices,
    /// Something is being dragged over the page.
    pub dragging: RwSignal<bool>,
    pub dark: RwSignal<bool>,
    /// Lineage of the networks under training: a run that goes on keeps it, a fresh one counts up.
    pub(super) lineage: StoredValue<u32>,
    /// The pictures asked for with "Generate more", until they come, in the order of asking.
    pub(super) asked: StoredValue<VecDeque<Fresh>>,
    /// The starter's pictures have been asked for, once and for all.
    pub(super) starter_asked: StoredValue<bool>,
    pub(super) next_load: StoredValue<u32>,
    /// When `progress` came, in milliseconds.
    pub(super) progress_at: StoredValue<f64>,
    /// Settings of the run under way or just ended.
    pub(super) running: StoredValue<Option<RunConfig>>,
    /// File of the checkpoint that was sent to the worker last.
    pub(super) opening_blob: StoredValue<Option<Blob>, LocalStorage>,
    /// What `data` was read from, and what is being read now.
    pub(super) source: StoredValue<Source, LocalStorage>,
    pub(super) loading_source: StoredValue<Source, LocalStorage>,
    /// As what `loading_source` is being read.
    pub(super) loading_preparation: StoredValue<Preparation>,
    pub(super) client: StoredValue<Option<Client>, LocalStorage>,
}

/// What computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Device {
    Looking,
    /// It works; how large a network it trains well is being tried out.
    Measuring(DeviceInfo),
    Ready(DeviceInfo),
    /// It could not be started, or was lost.
    None,
}

/// Settings for the device at hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggested {
    pub config: RunConfig,
    /// A sentence on why they are of that size.
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
    /// A fault ended it.
    Broken,
}

impl Phase {
    /// Whether a run is under way, paused ones included.
    pub fn is_active(self) -> bool {
        match self {
            Phase::Starting | Phase::Training | Phase::Pausing | Phase::Paused | Phase::Resuming | Phase::Stopping => {
                true
            }
            Phase::Idle | Phase::Finished(_) | Phase::Broken => false,
        }
    }
}

/// A start that waits for device, pictures or checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Nothing,
    /// From new networks.
    Train,
    /// From the opened checkpoint, else from the latest.
    GoOn,
}

/// Generated pictures on show.
#[derive(Clone, Debug)]
pub struct Samples {
    pub step: u64,
    pub nimg: u64,
    pub grid: Grid,
    pub origin: Origin,
}

/// Whose pictures they are.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The run's, or of a checkpoint that was opened.
    Run,
    /// The same networks', drawn on request.
    Fresh(Fresh),
    /// Of the network that came with the page.
    Starter,
}

/// How pictures are drawn on request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawing {
    /// One class, or all in turn.
    pub class: Option<u32>,
    /// 1: as varied as in training; less: more typical.
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

/// Pictures to train on, held by the worker.
#[derive(Clone, Debug)]
pub struct Data {
    pub summary: DataSummary,
    /// What the data doctor found.
    pub report: Box<Report>,
    pub preview: Grid,
    pub is_builtin: bool,
    /// What they were read as.
    pub preparation: Preparation,
}

impl Data {
    /// As a sentence has it.
    pub fn name(&self) -> String {
        if self.is_builtin { BUILTIN_DOGS.to_owned() } else { self.summary.name.clone() }
    }
}

/// Pictures on their way.
#[derive(Clone, Debug, PartialEq)]
pub struct Loading {
    pub id: u32,
    pub name: String,
    pub stage: LoadStage,
}

/// How far they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadStage {
    /// Folders are being looked through, on this side.
    Finding { found: usize },
    /// The worker has them.
    Reading { done: usize, total: usize, skipped: usize },
}

/// Where pictures come from. Kept, because another size or another worker needs them read again.
#[derive(Clone)]
pub enum Source {
    BuiltinDogs,
    Files { name: String, files: Vec<PathAndFile> },
}

/// Within a sentence.
const BUILTIN_DOGS: &str = "the built-in dogs";

impl Source {
    /// As a sentence has it.
    pub fn name(&self) -> String {
        match self {
            Source::BuiltinDogs => BUILTIN_DOGS.to_owned(),
            Source::Files { name, .. } => name.clone(),
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
}

/// A checkpoint in memory.
#[derive(Clone)]
pub struct Saved {
    pub blob: Blob,
    pub recipe: String,
    pub nimg: u64,
    pub lineage: u32,
}

impl Saved {
    pub fn file_name(&self) -> String {
        format::checkpoint_name(&self.recipe, self.nimg)
    }
}

impl Store {
    pub fn new() -> Self {
        let config = RwSignal::new(recipes::DEFAULT.config());
        let refused = RwSignal::new(BTreeMap::new());
        Self {
            device: RwSignal::new(Device::Looking),
            config,
            refused,
            complaint: Memo::new(move |_| config.with(|config| refused.with(|refused| complaint(config, refused)))),
            suggested: RwSignal::new(None),
            phase: RwSignal::new(Phase::Idle),
            intent: RwSignal::new(Intent::Nothing),
            progress: RwSignal::new(Progress::default()),
            since_progress: RwSignal::new(0.0),
            losses: RwSignal::new(LossSeries::default()),
            samples: RwSignal::new(None),
            classes: RwSignal::new(Vec::new()),
            drawing: RwSignal::new(Drawing::default()),
            data: RwSignal::new(None),
            loading: RwSignal::new(None),
            kept: RwSignal::new(Kept::default()),
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
            source: StoredValue::new_local(Source::BuiltinDogs),
            loading_source: StoredValue::new_local(Source::BuiltinDogs),
            loading_preparation: StoredValue::new(Preparation::from(&RunConfig::default().data)),
            client: StoredValue::new_local(None),
        }
    }

    /// Whether "Go on" has something to go on from.
    pub fn can_go_on(self) -> bool {
        self.opened.with(Option::is_some) || self.rescue().is_some()
    }

    /// The newest checkpoint of the networks under training; an earlier training's does not count.
    pub fn rescue(self) -> Option<Saved> {
        let lineage = self.lineage.get_value();
        self.latest.get().filter(|saved| saved.lineage == lineage)
    }

    /// The same, for code that runs outside of any effect.
    pub fn rescue_untracked(self) -> Option<Saved> {
        untrack(move || self.rescue())
    }

    /// Whether a start has been asked for or a run is under way: what it trains must not change now.
    pub fn is_busy(self) -> bool {
        self.phase.get().is_active() || self.intent.get() != Intent::Nothing
    }
}
