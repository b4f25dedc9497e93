//! What a visitor can ask for, and what the page asks of the worker in turn: the worker itself, pictures, training.
//! Checkpoints and settings are in files of their own.

use js_sys::{Array, ArrayBuffer};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use wasm_bindgen::JsValue;
use web_sys::Blob;
use whelp::config::{DataConfig, Length, RunConfig};
use whelp::data::Preparation;
use whelp::protocol::{Command, Progress};
use whelp_messages::{DataSource, DevicePreference, Request};

use super::files::{self, Dropped, PathAndFile};
use super::notices::{Remedy, Tone};
use super::settings::complaint;
use super::store::{Device, Intent, LoadStage, Loading, Opened, Phase, Saved, Source, Store};
use super::worker::Client;

/// After this long without a device a visitor is told so. Loading and a first test take a few seconds.
const PATIENCE: Duration = Duration::from_secs(45);

impl Store {
    /// Starts a worker, lets it find a device and gives it pictures to read.
    pub fn connect(self, device: DevicePreference) {
        self.device.set(Device::Looking);
        self.data.set(None);
        self.loading.set(None);
        self.opened.set(None);
        self.opening.set(false);
        self.notices.dismiss_with_remedies();
        let on_reply = move |reply, bytes| self.apply(reply, bytes);
        let client = Client::start(&device, on_reply, move |message| self.crashed(&message));
        match client {
            Ok(client) => self.client.set_value(Some(client)),
            Err(_) => {
                self.device.set(Device::None);
                let text =
                    "This browser does not let the page start a worker, which does the training. Try another browser.";
                return self.notices.show(Tone::Error, text, &[]);
            }
        }
        let measure = self.suggested.with_untracked(Option::is_none);
        self.post(&Request::Hello { device, measure }, None, None);
        self.load(self.source.get_value());
        set_timeout(move || self.lose_patience(), PATIENCE);
    }

    fn lose_patience(self) {
        if self.device.get_untracked() == Device::Looking {
            let text = "Looking for a graphics device takes unusually long. You can wait, or use the processor.";
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

    /// New networks.
    pub fn train(self) {
        self.intend(Intent::Train);
    }

    /// The opened checkpoint, else the latest.
    pub fn go_on(self) {
        self.intend(Intent::GoOn);
    }

    fn intend(self, intent: Intent) {
        if self.phase.get_untracked().is_active() {
            return;
        }
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

    /// Ends the run, or takes back a start that still waits.
    pub fn stop(self) {
        self.intent.set(Intent::Nothing);
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

    /// Does the next thing that a queued start needs: pictures as the settings want them, the checkpoint, the start itself.
    /// Called whenever something may have changed.
    pub(super) fn proceed(self) {
        let intent = self.intent.get_untracked();
        let waits = self.loading.with_untracked(Option::is_some) || self.opening.get_untracked();
        if intent == Intent::Nothing || waits || !matches!(self.device.get_untracked(), Device::Ready(_)) {
            return;
        }
        let opened = if intent == Intent::GoOn { self.opened.get_untracked() } else { None };
        if intent == Intent::GoOn && opened.is_none() {
            return match self.rescue_untracked() {
                Some(saved) => self.send_checkpoint(saved.file_name(), saved.blob),
                None => self.intent.set(Intent::Nothing),
            };
        }
        let config = self.config_for(opened.as_ref());
        let wanted = Preparation::from(&config.data);
        let has_pictures =
            self.data.with_untracked(|data| data.as_ref().is_some_and(|data| data.preparation == wanted));
        if has_pictures { self.start(config, opened) } else { self.load_as(self.source.get_value(), config.data) }
    }

    /// The form's settings; a checkpoint brings its own networks, and goes on even if it was complete.
    fn config_for(self, opened: Option<&Opened>) -> RunConfig {
        let mut config = self.config.get_untracked();
        if let Some(opened) = opened {
            config.recipe.clone_from(&opened.config.recipe);
            config.model = opened.config.model.clone();
            // Mirrored or not is the form's to say; the pictures are the checkpoint's.
            config.data = DataConfig { horizontal_flip: config.data.horizontal_flip, ..opened.config.data.clone() };
            if is_reached(config.train.length, &opened.progress) {
                config.train.length = Length::Unlimited;
                let text = "This training had reached its length, so it now goes on until you stop it.";
                self.notices.show(Tone::Info, text, &[]);
            }
        }
        config
    }

    fn start(self, config: RunConfig, opened: Option<Opened>) {
        self.intent.set(Intent::Nothing);
        if let Some(error) = self.refused.with_untracked(|refused| complaint(&config, refused)) {
            let text = format!("These settings do not work: {error}. Change it under Advanced settings.");
            return self.notices.show(Tone::Error, text, &[]);
        }
        match &opened {
            None => self.begin_lineage(None),
            Some(opened) if !self.is_rescue(&opened.blob) => self.begin_lineage(Some(opened)),
            Some(_) => {}
        }
        self.show_settings(config.clone());
        self.running.set_value(Some(config.clone()));
        self.phase.set(Phase::Starting);
        self.post(&Request::Start { config: Box::new(config), resume: opened.is_some() }, None, None);
    }

    /// Other networks than before are trained from now on. An earlier training's checkpoint can still be downloaded
    /// until the first one of this training replaces it.
    fn begin_lineage(self, from: Option<&Opened>) {
        self.lineage.update_value(|lineage| *lineage += 1);
        self.losses.update(|losses| losses.truncate_after(0));
        match from {
            None => self.progress.set(Progress::default()),
            Some(opened) => self.latest.set(Some(Saved {
                blob: opened.blob.clone(),
                recipe: opened.config.recipe.clone(),
                nimg: opened.progress.nimg,
                lineage: self.lineage.get_value(),
            })),
        }
    }

    fn is_rescue(self, blob: &Blob) -> bool {
        self.rescue_untracked().is_some_and(|saved| &saved.blob == blob)
    }

    // Pictures.

    pub fn use_builtin(self) {
        self.load(Source::BuiltinDogs);
    }

    /// Reads the same pictures again, without those that the data doctor flags or with them.
    pub fn exclude_flagged(self, exclude: bool) {
        let mut config = self.config.get_untracked();
        config.data.exclude_flagged = exclude;
        self.show_settings(config);
        self.load(self.source.get_value());
    }

    /// Picked files: pictures, archives, a checkpoint among them perhaps.
    pub fn take_files(self, found: Vec<PathAndFile>) {
        let (checkpoints, pictures): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(path, _)| files::is_checkpoint(path));
        if let Some((path, file)) = checkpoints.into_iter().next() {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            self.open_checkpoint(name, file.into());
        }
        if !pictures.is_empty() {
            self.load(Source::Files { name: files::name_for(&pictures), files: pictures });
        }
    }

    /// Dropped things: folders are looked through first.
    pub fn take_drop(self, dropped: Dropped) {
        let name = dropped.folder_name().unwrap_or_else(|| "what you dropped".to_owned());
        let id = self.begin_loading(name, LoadStage::Finding { found: 0 });
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
                    let text = "There was no file in what you dropped. Drop pictures, a folder, a zip or a checkpoint.";
                    self.notices.show(Tone::Error, text, &[]);
                }
                Ok(found) => self.take_files(found),
                Err(_) => {
                    let text =
                        "The folder could not be read. Check that it is still there, or pick it with the button.";
                    self.notices.show(Tone::Error, text, &[]);
                }
            }
            self.proceed();
        });
    }

    fn load(self, source: Source) {
        let data = self.config.with_untracked(|config| config.data.clone());
        self.load_as(source, data);
    }

    fn load_as(self, source: Source, data: DataConfig) {
        let id = self.begin_loading(source.name(), LoadStage::Reading { done: 0, total: 0, skipped: 0 });
        let (wanted, files) = match &source {
            Source::BuiltinDogs => (DataSource::BuiltinDogs, None),
            Source::Files { name, files } => (DataSource::Files { name: name.clone() }, Some(files::as_array(files))),
        };
        self.loading_source.set_value(source);
        self.loading_preparation.set_value(Preparation::from(&data));
        self.post(&Request::LoadData { id, source: wanted, data }, None, files.as_ref());
    }

    fn begin_loading(self, name: String, stage: LoadStage) -> u32 {
        self.cancel_loading();
        let id = self.next_load.get_value() + 1;
        self.next_load.set_value(id);
        self.loading.set(Some(Loading { id, name, stage }));
        id
    }

    /// Removes the prepared pictures from the browser's private file system; those in use stay in memory.
    pub fn clear_kept(self) {
        self.post(&Request::ClearKept, None, None);
    }

    /// Gives up what is being read; the pictures before it stay.
    pub fn cancel_loading(self) {
        let Some(Loading { id, stage, .. }) = self.loading.get_untracked() else { return };
        self.loading.set(None);
        if matches!(stage, LoadStage::Reading { .. }) {
            self.post(&Request::CancelData { id }, None, None);
        }
    }

    // Faults.

    /// Does what a notice's button says.
    pub fn remedy(self, remedy: Remedy) {
        match remedy {
            Remedy::Recover => {
                self.intent.set(Intent::GoOn);
                self.connect(DevicePreference::Auto);
            }
            Remedy::DownloadLatest => self.download_latest(),
            Remedy::Retry => self.connect(DevicePreference::Auto),
            Remedy::UseCpu => self.connect(DevicePreference::Cpu { reason: None }),
        }
    }
}

/// Whether a run that stands at `progress` has nothing left to do. Both are counted from the very first step.
fn is_reached(length: Length, progress: &Progress) -> bool {
    match length {
        Length::Steps(steps) => progress.step >= steps,
        Length::Epochs(epochs) => progress.epoch >= epochs as f64,
        Length::Kimg(kimg) => progress.nimg >= kimg * 1000,
        Length::Seconds(secs) => progress.elapsed_secs >= secs as f64,
        Length::Unlimited => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_run_is_recognised_in_every_unit() {
        let progress = Progress { step: 10, nimg: 2000, epoch: 1.5, elapsed_secs: 60.0, ..Progress::default() };
        assert!(is_reached(Length::Steps(10), &progress) && !is_reached(Length::Steps(11), &progress));
        assert!(is_reached(Length::Epochs(1), &progress) && !is_reached(Length::Epochs(2), &progress));
        assert!(is_reached(Length::Kimg(2), &progress) && !is_reached(Length::Kimg(3), &progress));
        assert!(is_reached(Length::Seconds(60), &progress) && !is_reached(Length::Seconds(61), &progress));
        assert!(!is_reached(Length::Unlimited, &progress));
    }
}
