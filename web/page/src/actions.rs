//! What a visitor can ask for: a worker, pictures, training. Checkpoints and settings have files of their own.

use js_sys::{Array, ArrayBuffer};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use wasm_bindgen::JsValue;
use web_sys::Blob;
use whelp::config::{ConfigError, DataConfig, Resolution, RunConfig};
use whelp::data::Preparation;
use whelp::diagnosis;
use whelp::protocol::{Command, Progress};
use whelp::session::{DataSource, DevicePreference, Request, StartFrom};

use super::client::Client;
use super::complaint::complaint;
use super::files::{self, Dropped, PathAndFile};
use super::notices::{Remedy, Tone};
use super::settings::continued;
use super::store::{Device, Intent, LoadStage, Loading, Opened, Phase, Saved, Source, Store};

/// After this time without a device the visitor is told so. Loading and testing take a few seconds.
const PATIENCE: Duration = Duration::from_secs(45);

impl Store {
    /// Starts a worker, which opens a device and reads the pictures.
    pub fn connect(self, device: DevicePreference) {
        // Pictures that were being read are what the visitor wants, and a folder that is being listed goes on by itself.
        let loading = self.loading.get_untracked();
        let is_listing = loading.as_ref().is_some_and(|it| matches!(it.stage, LoadStage::Finding { .. }));
        let unread = loading.filter(|_| !is_listing).map(|_| self.loading_source.get_value());
        let are_others = self.loads_others.get_value().filter(|_| unread.is_some());
        self.device.set(Device::Looking);
        self.data.set(None);
        if !is_listing {
            self.loading.set(None);
        }
        self.opened.set(None);
        self.opening.set(false);
        self.forget_moments();
        self.play.forget_asked();
        self.play.left_open.set(None);
        if matches!(self.phase.get_untracked(), Phase::Finished(_)) {
            // Its networks were open in the worker before.
            self.phase.set(Phase::Idle);
        }
        self.notices.dismiss_with_remedies();
        self.preference.set_value(device.clone());
        self.has_trained.set_value(false);
        self.connections.update_value(|connections| *connections += 1);
        let on_reply = move |reply, bytes| self.apply(reply, bytes);
        let client = Client::start(&device, on_reply, move |message| self.crashed(&message));
        match client {
            Ok(client) => self.client.set_value(Some(client)),
            Err(_) => {
                self.device.set(Device::None);
                let text =
                    "This browser does not let the page start a worker, which training needs. Try another browser.";
                return self.notices.show(Tone::Error, text, &[]);
            }
        }
        let is_first = self.suggested.with_untracked(Option::is_none);
        let measure = is_first && !self.gave_up.get_value();
        self.post(&Request::Hello { device, measure }, None, None);
        self.list_runs();
        // A worker that replaces another one reads the pictures as they were.
        match unread {
            Some(source) if self.loading_by_pictures.get_value() => self.load_new(source),
            Some(source) => self.load(source),
            None if is_listing => {}
            None if is_first => self.load_new(self.source.get_value()),
            None => self.load(self.source.get_value()),
        }
        if are_others.is_some() {
            self.loads_others.set_value(are_others);
        }
        set_timeout(move || self.lose_patience(), PATIENCE);
    }

    fn lose_patience(self) {
        if self.device.get_untracked() == Device::Looking {
            let text = "Looking for a graphics device is taking unusually long. Wait, or use the processor.";
            self.notices.show(Tone::Info, text, &[Remedy::UseCpu]);
        }
    }

    pub(super) fn post(self, request: &Request, bytes: Option<&ArrayBuffer>, files: Option<&Array>) {
        let sent = self.client.with_value(|client| match client {
            Some(client) => client.post(request, bytes, files),
            None => Err(JsValue::UNDEFINED),
        });
        if sent.is_err() {
            self.crashed("a message to it could not be sent");
        }
    }

    // Training.

    /// Trains new networks.
    pub fn train(self) {
        self.intend(Intent::Train, None);
    }

    /// Continues from the opened checkpoint, or else from the latest.
    pub fn continue_training(self) {
        self.intend(Intent::Continue, None);
    }

    /// Trains new networks that begin with those of the opened checkpoint, or else of the latest.
    pub fn start_from_checkpoint(self) {
        self.intend(Intent::FromCheckpoint, None);
    }

    /// Trains new networks that begin with the starter's, which draw dogs.
    pub fn start_from_starter(self) {
        self.intend(Intent::FromStarter, None);
    }

    /// Waits until a start is possible. `run`: the kept run that it goes on with.
    pub(super) fn intend(self, intent: Intent, run: Option<String>) {
        if self.phase.get_untracked().is_active() {
            return;
        }
        self.offer.set(None);
        self.halvings.set_value(0);
        self.ask_for_persistence();
        let is_own = |opened: &Opened| self.is_rescue(&opened.blob);
        let goes_on =
            intent == Intent::Continue && self.opened.with_untracked(|opened| opened.as_ref().is_none_or(is_own));
        if run.is_some() {
            self.leave_open();
            self.opened.set(None);
        } else if goes_on {
            self.return_to_own_pictures();
        } else if self.has_others.get_untracked() {
            // The form was that of the run before.
            self.follow_pictures();
        }
        self.resuming.set_value(run);
        self.intent.set(intent);
        if self.device.get_untracked() == Device::None {
            return self.connect(DevicePreference::Auto);
        }
        self.proceed();
    }

    pub fn pause(self) {
        self.command(Phase::Training, Phase::Pausing, Command::Pause);
    }

    pub fn resume(self) {
        self.command(Phase::Paused, Phase::Resuming, Command::Resume);
    }

    /// Ends the run, or cancels a start that is still waiting, for good.
    pub fn stop(self) {
        self.cure.set_value(None);
        self.end_run();
    }

    /// Ends the run, or cancels a start that is still waiting.
    pub(super) fn end_run(self) {
        self.intent.set(Intent::Nothing);
        self.resuming.set_value(None);
        let phase = self.phase.get_untracked();
        if phase.is_active() && phase != Phase::Stopping {
            self.command(phase, Phase::Stopping, Command::Stop);
        }
    }

    fn command(self, from: Phase, to: Phase, command: Command) {
        if self.phase.get_untracked() == from {
            self.phase.set(to);
            self.post(&Request::Run { command }, None, None);
        }
    }

    /// Takes the next step of a waiting start: opens the checkpoint, reads the pictures, or starts the run. Called whenever
    /// something may have changed.
    pub(super) fn proceed(self) {
        let intent = self.intent.get_untracked();
        let waits = self.loading.with_untracked(Option::is_some) || self.opening.get_untracked();
        if intent == Intent::Nothing || waits || !matches!(self.device.get_untracked(), Device::Ready(_)) {
            return;
        }
        let opened = if intent.needs_checkpoint() { self.opened.get_untracked() } else { None };
        if intent.needs_checkpoint() && opened.is_none() {
            if let Some(id) = self.resuming.get_value() {
                self.opening.set(true);
                return self.post(&Request::OpenRun { id, best: false }, None, None);
            }
            // A run that began with a checkpoint's networks, and has to begin again, has none of its own.
            let begun_with = || self.opening_blob.get_value().filter(|_| intent == Intent::FromCheckpoint);
            return match self.rescue_untracked() {
                Some(saved) => self.send_checkpoint(saved.file_name(), saved.blob, saved.run),
                None => match begun_with() {
                    Some((blob, run)) => self.send_checkpoint("The checkpoint".to_owned(), blob, run),
                    None => self.intent.set(Intent::Nothing),
                },
            };
        }
        let config = match self.config_for(intent, opened.as_ref()) {
            Ok(config) => config,
            Err(error) => {
                self.intent.set(Intent::Nothing);
                let continues = intent == Intent::Continue;
                let remedies: &[Remedy] = if continues { &[Remedy::UseCheckpointSettings] } else { &[] };
                return self.notices.show(Tone::Error, format!("{error}."), remedies);
            }
        };
        let wanted = Preparation::from(&config.data);
        let has_pictures =
            self.data.with_untracked(|data| data.as_ref().is_some_and(|data| data.preparation == wanted));
        if has_pictures {
            self.start(config, intent, opened)
        } else {
            self.load_as(self.source.get_value(), config.data, false)
        }
    }

    /// The form's settings, as far as the checkpoint allows them. A run that was complete continues without an end.
    fn config_for(self, intent: Intent, opened: Option<&Opened>) -> Result<RunConfig, ConfigError> {
        let asked = self.config.get_untracked();
        let Some(Opened { config: checkpoint, progress, .. }) = opened else { return Ok(asked) };
        if intent == Intent::FromCheckpoint {
            return checkpoint.warm_started(&asked);
        }
        let config = continued(checkpoint, progress, &asked)?;
        if config.train.length != asked.train.length {
            let text = "This training had reached its length. It now continues until you stop it.";
            self.notices.show(Tone::Info, text, &[]);
        }
        Ok(config)
    }

    fn start(self, config: RunConfig, intent: Intent, opened: Option<Opened>) {
        self.intent.set(Intent::Nothing);
        self.started_as.set_value(intent);
        self.cure.set_value(None);
        if let Some(error) = self.refused.with_untracked(|refused| complaint(&config, refused)) {
            let text = format!("These settings don't work: {error}. Change them under Advanced settings.");
            return self.notices.show(Tone::Error, text, &[]);
        }
        let continued = opened.filter(|_| intent == Intent::Continue);
        self.trained_on.set_value(self.source.get_value());
        self.has_others.set(false);
        self.leave_open();
        self.current_run.set(continued.as_ref().and_then(Opened::continued_run));
        match &continued {
            None => self.begin_lineage(None),
            Some(opened) if !self.is_rescue(&opened.blob) => self.begin_lineage(Some(opened)),
            Some(_) => {}
        }
        if continued.is_none() {
            self.is_warm.set(matches!(intent, Intent::FromCheckpoint | Intent::FromStarter));
        }
        let from = match intent {
            Intent::Nothing | Intent::Train => StartFrom::Nothing,
            Intent::Continue => StartFrom::Run,
            Intent::FromCheckpoint => StartFrom::Checkpoint,
            Intent::FromStarter => StartFrom::Starter { halvings: self.halvings.get_value() },
        };
        self.show_settings(config.clone());
        self.running.set_value(Some(config.clone()));
        self.phase.set(Phase::Starting);
        self.post(&Request::Start { config: Box::new(config), from }, None, None);
    }

    /// From now on other networks are trained than before. The earlier training's checkpoint can still be downloaded until
    /// the first one of this training replaces it.
    pub(super) fn begin_lineage(self, from: Option<&Opened>) {
        self.lineage.update_value(|lineage| *lineage += 1);
        self.times_lost.set_value(0);
        self.best.set(None);
        self.diagnosis.set(None);
        match from {
            None => {
                self.losses.update(|losses| losses.truncate_after(0));
                self.scores.update(|scores| scores.truncate_after(0));
                self.forget_snapshots();
                self.progress.set(Progress::default());
            }
            // What is shown is its course already.
            Some(opened) => self.latest.set(Some(Saved {
                blob: opened.blob.clone(),
                recipe: opened.config.recipe.clone(),
                nimg: opened.progress.nimg,
                lineage: self.lineage.get_value(),
                run: opened.continued_run(),
            })),
        }
    }

    fn is_rescue(self, blob: &Blob) -> bool {
        self.rescue_untracked().is_some_and(|saved| &saved.blob == blob)
    }

    // Pictures.

    pub fn use_builtin(self) {
        self.choose(Source::BuiltinDogs, self.phase.get_untracked().is_active());
    }

    /// Reads what the visitor chose, perhaps for the run after the one that was under way then.
    fn choose(self, source: Source, is_for_next: bool) {
        self.load_new(source);
        self.loads_others.set_value(Some(is_for_next));
    }

    /// A run that goes on keeps its pictures, also where others were chosen while it was under way.
    pub(super) fn return_to_own_pictures(self) {
        let has_others = self.has_others.get_untracked();
        self.has_others.set(false);
        let loads_others = self.loading.with_untracked(Option::is_some) && self.loads_others.get_value() == Some(true);
        if !has_others && !loads_others {
            return;
        }
        self.cancel_loading();
        self.data.set(None);
        self.source.set_value(self.trained_on.get_value());
        let text =
            "The training goes on with its own pictures. To train on the others, choose them again when it has ended.";
        self.notices.show(Tone::Info, text, &[]);
    }

    /// Sets the resolution and prepares the pictures again.
    pub fn choose_resolution(self, resolution: Resolution) {
        self.set_resolution(resolution);
        self.load(self.source.get_value());
    }

    /// Reads the same pictures again, with or without those that the data doctor flags.
    pub fn exclude_flagged(self, exclude: bool) {
        let mut config = self.config.get_untracked();
        config.data.exclude_flagged = exclude;
        self.show_settings(config);
        self.load(self.source.get_value());
    }

    /// Takes picked files: pictures, archives, perhaps a checkpoint.
    pub fn take_files(self, found: Vec<PathAndFile>) {
        self.take_found(found, self.phase.get_untracked().is_active());
    }

    fn take_found(self, found: Vec<PathAndFile>, is_for_next: bool) {
        let (checkpoints, pictures): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(path, _)| files::is_checkpoint(path));
        if let Some((path, file)) = checkpoints.into_iter().next() {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            self.open_checkpoint(name, file.into());
        }
        if !pictures.is_empty() {
            self.choose(Source::Files { name: files::name_for(&pictures), files: pictures }, is_for_next);
        }
    }

    /// Takes dropped files and folders. Folders are listed first.
    pub fn take_drop(self, dropped: Dropped) {
        if dropped.has_checkpoints_alone() {
            // What is being read goes on.
            return self.take_files(dropped.into_files());
        }
        let name = dropped.folder_name().unwrap_or_else(|| "what you dropped".to_owned());
        let id = self.begin_loading(name, LoadStage::Finding { found: 0 });
        let is_for_next = self.phase.get_untracked().is_active();
        self.loads_others.set_value(Some(is_for_next));
        let is_current = move || self.loading.with_untracked(|l| l.as_ref().is_some_and(|l| l.id == id));
        spawn_local(async move {
            let found = dropped
                .walk(|found| {
                    if is_current() {
                        self.loading.update(|l| l.iter_mut().for_each(|l| l.stage = LoadStage::Finding { found }));
                    }
                    is_current()
                })
                .await;
            if !is_current() {
                return;
            }
            self.loading.set(None);
            match found {
                Ok(found) if found.is_empty() => {
                    // A start that waited would take other pictures than those that were to come.
                    if !self.phase.get_untracked().is_active() {
                        self.stop();
                    }
                    let text = "There was no file in what you dropped. Drop pictures, a folder, a zip or a checkpoint.";
                    self.notices.show(Tone::Error, text, &[]);
                }
                Ok(found) => self.take_found(found, is_for_next),
                Err(_) => {
                    let text = "The folder could not be read. Check that it still exists, or pick it with the button.";
                    self.notices.show(Tone::Error, text, &[]);
                }
            }
            // Another worker may have come meanwhile, which has read nothing yet.
            if self.loading.with_untracked(Option::is_none) {
                self.load_shown();
            }
            self.proceed();
        });
    }

    /// Reads other pictures than before, at the resolution that suits them unless another one was chosen.
    fn load_new(self, source: Source) {
        self.has_begun_again.set_value(false);
        let data = self.config.with_untracked(|config| config.data.clone());
        self.load_as(source, data, self.follows_pictures());
    }

    /// Reads pictures as the form says.
    fn load(self, source: Source) {
        let data = self.config.with_untracked(|config| config.data.clone());
        self.load_as(source, data, false);
    }

    pub(super) fn load_as(self, source: Source, data: DataConfig, by_pictures: bool) {
        if let Source::Kept { name, preparation, .. } = &source
            && *preparation != Preparation::from(&data)
        {
            self.intent.set(Intent::Nothing);
            let text = format!(
                "{name} is kept as it was prepared: {} pixels, with the settings of its run. Choose the pictures again to \
                 prepare them in another way.",
                preparation.resolution
            );
            return self.notices.show(Tone::Error, text, &[]);
        }
        let id = self.begin_loading(source.name(), LoadStage::Reading { done: 0, total: 0, skipped: 0 });
        let (wanted, files) = match &source {
            Source::BuiltinDogs => (DataSource::BuiltinDogs, None),
            Source::Files { name, files } => (DataSource::Files { name: name.clone() }, Some(files::as_array(files))),
            Source::Kept { key, name, .. } => (DataSource::Kept { key: key.clone(), name: name.clone() }, None),
        };
        self.loading_source.set_value(source);
        self.loading_by_pictures.set_value(by_pictures);
        self.loading_preparation.set_value(Preparation::from(&data));
        self.post(&Request::LoadData { id, source: wanted, data, by_pictures }, None, files.as_ref());
    }

    fn begin_loading(self, name: String, stage: LoadStage) -> u32 {
        self.cancel_loading();
        let id = self.next_load.get_value() + 1;
        self.next_load.set_value(id);
        self.loads_others.set_value(None);
        self.loading.set(Some(Loading { id, name, stage }));
        id
    }

    /// Deletes the prepared pictures from the browser's private file system. Those in use stay in memory.
    pub fn clear_kept(self) {
        self.post(&Request::ClearKept, None, None);
    }

    /// Cancels the reading, and a start that waits for it.
    pub fn give_up_loading(self) {
        if !self.phase.get_untracked().is_active() {
            self.stop();
        }
        self.cancel_loading();
    }

    /// Cancels the reading. The pictures before it stay.
    pub fn cancel_loading(self) {
        let Some(Loading { id, stage, .. }) = self.loading.get_untracked() else { return };
        self.loading.set(None);
        if matches!(stage, LoadStage::Reading { .. }) {
            self.post(&Request::CancelData { id }, None, None);
        }
    }

    // Remedies.

    /// Does what a notice's button says.
    pub fn remedy(self, remedy: Remedy) {
        match remedy {
            Remedy::Recover => {
                self.return_to_own_pictures();
                self.intent.set(Intent::Continue);
                self.connect(DevicePreference::Auto);
            }
            Remedy::LowerLearningRates => {
                let slower = diagnosis::Remedy::LowerLearningRates;
                self.show_settings(self.config.with_untracked(|config| slower.apply(config)));
                self.continue_training();
            }
            Remedy::UseCheckpointSettings => {
                if let Some(opened) = self.opened.get_untracked() {
                    let length = self.config.with_untracked(|config| config.train.length);
                    let mut config = opened.config;
                    config.train.length = length;
                    self.show_settings(config);
                }
                self.continue_training();
            }
            Remedy::DownloadLatest => self.download_latest(),
            Remedy::Retry => self.connect(DevicePreference::Auto),
            Remedy::UseCpu => self.connect(DevicePreference::Cpu { reason: None }),
        }
    }
}
