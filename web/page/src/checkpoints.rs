//! Checkpoints, and new pictures from them.

use js_sys::Math;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::Blob;
use whelp::protocol::Command;
use whelp::session::Request;

use super::files;
use super::notices::Tone;
use super::store::{Drawing, Fresh, Intent, Origin, Phase, Store};

impl Store {
    /// Downloads a checkpoint of the run as it is now, or the newest one if there is no run.
    pub fn download(self) {
        if self.phase.get_untracked().is_active() {
            self.wants_download.set(true);
            self.post(&Request::Run { command: Command::Save }, None, None);
        } else {
            self.download_latest();
        }
    }

    /// Downloads the newest checkpoint.
    pub fn download_latest(self) {
        if let Some(saved) = self.latest.get_untracked() {
            self.offer(&saved);
        }
    }

    /// Downloads the checkpoint with the best score.
    pub fn download_best(self) {
        if let Some(saved) = self.best.get_untracked().and_then(|best| best.saved) {
            self.offer(&saved);
        }
    }

    /// Has the worker open a checkpoint and draw with it.
    pub fn open_checkpoint(self, name: String, blob: Blob) {
        if self.phase.get_untracked().is_active() {
            let text = "A training is running. Stop it first (its result is kept), then open the checkpoint.";
            return self.notices.show(Tone::Error, text, &[]);
        }
        self.intent.set(Intent::Nothing);
        self.resuming.set_value(None);
        self.send_checkpoint(name, blob, None);
    }

    /// `run`: the kept run that it is of.
    pub(super) fn send_checkpoint(self, name: String, blob: Blob, run: Option<String>) {
        self.opening.set(true);
        self.opening_blob.set_value(Some((blob.clone(), run.clone())));
        spawn_local(async move {
            match files::bytes_of(&blob).await {
                Ok(bytes) => self.post(&Request::OpenCheckpoint { name, run }, Some(&bytes), None),
                Err(_) => {
                    self.opening.set(false);
                    self.intent.set(Intent::Nothing);
                    let text = format!("{name} could not be read. If it was moved or deleted, pick it again.");
                    self.notices.show(Tone::Error, text, &[]);
                }
            }
        });
    }

    /// Whether there are networks that can draw on request.
    pub fn can_generate(self) -> bool {
        self.opened.with(Option::is_some) || matches!(self.phase.get(), Phase::Paused | Phase::Finished(_))
    }

    /// Draws other pictures with the same networks.
    pub fn generate_more(self) {
        self.generate((Math::random() * f64::from(u32::MAX)) as u64);
    }

    /// Draws the same pictures after class or variety has changed.
    pub fn generate_again(self) {
        let shown = self.samples.with_untracked(|samples| match &samples.as_ref()?.origin {
            Origin::Fresh(fresh) => Some(fresh.seed),
            Origin::Run | Origin::Starter => None,
        });
        match shown {
            Some(seed) => self.generate(seed),
            None => self.generate_more(),
        }
    }

    fn generate(self, seed: u64) {
        let Drawing { class, truncation_psi } = self.drawing.get_untracked();
        let name = |class: u32| self.classes.with_untracked(|classes| classes.get(class as usize).cloned());
        let fresh = Fresh { seed, class: class.and_then(name), truncation_psi };
        self.asked.update_value(|asked| asked.push_back(fresh));
        let count = self.config.with_untracked(|config| config.output.grid);
        self.post(&Request::Generate { count, seed, class, truncation_psi }, None, None);
    }
}
