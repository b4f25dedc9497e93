//! Runs that the browser keeps: what is done with them, and what the worker tells of them.

use js_sys::{ArrayBuffer, Function, Promise, Reflect, Uint8Array};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use whelp::config::RunConfig;
use whelp::data::Preparation;
use whelp::kept_runs::{Course, KeptRun, RunPictures};
use whelp::protocol::Command;
use whelp::series::StepSeries;
use whelp::session::{KeptOutcome, Request, RunAccess};

use super::notices::Tone;
use super::replies::blob_of;
use super::scores::ScoreHistory;
use super::store::{Intent, Phase, Samples, Source, Store};
use super::{files, format};

impl Store {
    /// Asks which runs are kept.
    pub(super) fn list_runs(self) {
        self.post(&Request::ListRuns, None, None);
    }

    /// Whether a kept run is the one under way.
    pub fn is_under_way(self, id: &str) -> bool {
        self.phase.get().is_active() && self.current_run.with(|current| current.as_deref() == Some(id))
    }

    /// Goes on with a kept run, with its settings and pictures.
    pub fn continue_run(self, id: String) {
        self.intend(Intent::Continue, Some(id));
    }

    /// Opens the best checkpoint of a kept run, or else the newest, to look at and to draw with.
    pub(super) fn open_run(self, id: String) {
        self.intent.set(Intent::Nothing);
        self.resuming.set_value(None);
        self.offer.set(None);
        self.opening.set(true);
        self.post(&Request::OpenRun { id, best: true }, None, None);
    }

    /// Fills the form with the settings of a kept run and reads its pictures, for a new run.
    pub fn use_settings_of(self, id: &str) {
        let run = self.run(id);
        let Some(run) = run.filter(|_| !self.phase.get_untracked().is_active()) else { return };
        self.intent.set(Intent::Nothing);
        self.resuming.set_value(None);
        self.offer.set(None);
        self.leave_open();
        self.opened.set(None);
        self.begin_lineage(None);
        self.show_run(&run.config, &StepSeries::default(), &run.pictures);
        self.load_shown();
        let text = format!("The form has the settings of {}. Change what you like, then press Train.", run.name);
        self.notices.show(Tone::Info, text, &[]);
    }

    /// Reads the pictures of the run that is shown, if others were read before.
    pub(super) fn load_shown(self) {
        if self.data.with_untracked(Option::is_none) {
            self.load_as(self.source.get_value(), self.config.get_untracked().data, false);
        }
    }

    /// Downloads the newest checkpoint of a kept run.
    pub fn download_run(self, id: String) {
        self.post(&Request::ReadRun { id }, None, None);
    }

    pub fn rename_run(self, id: String, name: String) {
        self.post(&Request::RenameRun { id, name }, None, None);
    }

    pub fn delete_run(self, id: String) {
        self.forget_offer(Some(&id));
        self.post(&Request::DeleteRun { id }, None, None);
    }

    pub fn delete_runs(self) {
        self.forget_offer(None);
        self.post(&Request::DeleteRuns, None, None);
    }

    fn forget_offer(self, id: Option<&str>) {
        if id.is_none() || self.offer.with_untracked(|offer| offer.as_deref() == id) {
            self.offer.set(None);
        }
    }

    /// What is not saved yet may soon be lost: the tab was hidden, and may be closed.
    pub fn save_now(self) {
        if self.phase.get_untracked() == Phase::Training {
            self.post(&Request::Run { command: Command::Autosave }, None, None);
        }
    }

    /// The tab is looked at again. Another one may have kept or removed runs meanwhile.
    pub fn look_again(self) {
        if self.run_access.get_untracked() == Some(RunAccess::Reads) {
            self.list_runs();
        }
    }

    /// Asks the browser, once, not to remove the page's files when the disk gets full. To be called after a click: some browsers
    /// ask the visitor.
    pub(super) fn ask_for_persistence(self) {
        if self.has_persisted.get_value() {
            return;
        }
        self.has_persisted.set_value(true);
        spawn_local(async {
            let asked = || {
                let navigator = Reflect::get(&window(), &"navigator".into())?;
                let storage = Reflect::get(&navigator, &"storage".into())?;
                let persist: Function = Reflect::get(&storage, &"persist".into())?.dyn_into()?;
                persist.call0(&storage)?.dyn_into::<Promise>()
            };
            // Without it everything works, as long as there is room.
            if let Ok(promise) = asked() {
                let _ = JsFuture::from(promise).await;
            }
        });
    }

    /// One of the kept runs.
    pub fn run(self, id: &str) -> Option<KeptRun> {
        self.runs.with_untracked(|runs| runs.iter().find(|run| run.id == id).cloned())
    }

    // What the worker tells.

    pub(super) fn take_runs(self, mut runs: Vec<KeptRun>, access: RunAccess, bytes: Option<ArrayBuffer>) {
        let pixels = bytes.map(|bytes| Uint8Array::new(&bytes).to_vec()).unwrap_or_default();
        let mut rest = &pixels[..];
        for KeptRun { thumbnail, .. } in &mut runs {
            let length = thumbnail.width() * thumbnail.height() * thumbnail.channels;
            let (own, others) = rest.split_at(length.min(rest.len()));
            thumbnail.pixels = own.to_vec();
            rest = others;
        }
        self.run_access.set(Some(access));
        self.offer_interrupted(&runs, access);
        self.runs.set(runs);
    }

    /// Offers, once, to go on with the latest run if nobody ended it.
    fn offer_interrupted(self, runs: &[KeptRun], access: RunAccess) {
        if self.has_offered.get_value() {
            return;
        }
        self.has_offered.set_value(true);
        let is_idle = self.phase.get_untracked() == Phase::Idle && self.intent.get_untracked() == Intent::Nothing;
        if let Some(run) = runs.first().filter(|run| !run.has_ended)
            && is_idle
            && access == RunAccess::Keeps
        {
            self.offer.set(Some(run.id.clone()));
        }
    }

    pub(super) fn run_kept(self, mut run: KeptRun, outcome: &KeptOutcome, bytes: Option<ArrayBuffer>) {
        let is_news = self.told_outcome.with_value(|told| told != outcome);
        if let Some(text) = words_of(outcome).filter(|_| is_news) {
            self.told_outcome.set_value(outcome.clone());
            self.notices.show(Tone::Warning, text, &[]);
        }
        if matches!(outcome, KeptOutcome::NoRoom | KeptOutcome::Failed { .. }) {
            return;
        }
        // The next failure is news again.
        if self.told_outcome.with_value(|told| matches!(told, KeptOutcome::NoRoom | KeptOutcome::Failed { .. })) {
            self.told_outcome.set_value(outcome.clone());
        }
        if self.run_access.get_untracked() == Some(RunAccess::Reads) {
            // The other tab is gone, and what it did with the runs is to be seen.
            self.list_runs();
        }
        run.thumbnail.pixels = bytes.map(|bytes| Uint8Array::new(&bytes).to_vec()).unwrap_or_default();
        self.run_access.set(Some(RunAccess::Keeps));
        self.current_run.set(Some(run.id.clone()));
        self.runs.update(|runs| {
            runs.retain(|known| known.id != run.id);
            runs.insert(0, run);
        });
    }

    pub(super) fn offer_run_file(self, id: &str, bytes: Option<ArrayBuffer>) {
        let Some(run) = self.run(id) else { return };
        let name = format::checkpoint_name(&run.config.recipe, run.progress.nimg);
        let offered = blob_of(bytes).is_some_and(|blob| files::offer(&blob, &name).is_ok());
        if !offered {
            let text = "The browser refused the download. Allow downloads for this page, then press Download again.";
            self.notices.show(Tone::Error, text, &[]);
        }
    }

    /// Shows the settings and losses of a kept run, and turns to its pictures. They are read when they are needed.
    pub(super) fn show_run(self, config: &RunConfig, history: &StepSeries, pictures: &RunPictures) {
        self.show_checkpoint(config, history);
        self.is_warm.set(false);
        let is_current = self.source.with_value(|source| match (source, pictures) {
            (Source::BuiltinDogs, RunPictures::BuiltinDogs) => true,
            (Source::Kept { key, .. }, RunPictures::Kept { key: wanted, .. }) => key == wanted,
            _ => false,
        });
        let wanted = Preparation::from(&config.data);
        let is_prepared = self.data.with_untracked(|data| data.as_ref().is_none_or(|data| data.preparation == wanted));
        // What is being read now would take their place.
        self.cancel_loading();
        if !is_current || !is_prepared {
            self.data.set(None);
            self.source.set_value(match pictures.clone() {
                RunPictures::BuiltinDogs => Source::BuiltinDogs,
                RunPictures::Kept { key, name } => {
                    Source::Kept { key, name, preparation: Preparation::from(&config.data) }
                }
            });
        }
    }

    /// Shows what is kept of a run's course: more than its newest checkpoint knows.
    pub(super) fn show_course(self, course: Option<Box<Course>>) {
        if let Some(course) = course {
            self.losses.set(course.history);
            self.scores.set(ScoreHistory::of(course.scores));
        }
    }

    /// Puts pictures on the timeline that a kept run drew before.
    pub(super) fn restore_snapshot(self, run: &str, number: u64, samples: Samples) {
        // Those of a run that is no longer shown are of no use.
        let is_shown = self
            .opened
            .with_untracked(|opened| opened.as_ref().is_some_and(|opened| opened.run.as_deref() == Some(run)));
        if is_shown || self.current_run.with_untracked(|current| current.as_deref() == Some(run)) {
            self.change_snapshots(|snapshots| snapshots.restore(number, samples));
        }
    }

    /// Says that a training that begins now is not kept, where another tab keeps its own.
    pub(super) fn warn_of_other_tab(self) {
        if self.run_access.get_untracked() == Some(RunAccess::Reads) {
            let text = "Another tab of this page keeps its runs, so this training is not kept. Close the other tab, or download \
                        a checkpoint before you leave.";
            self.notices.show(Tone::Warning, text, &[]);
        }
    }
}

/// What the visitor should know of how a run is kept.
fn words_of(outcome: &KeptOutcome) -> Option<String> {
    match outcome {
        KeptOutcome::Kept => None,
        KeptOutcome::MadeRoom => Some(
            "The browser's storage is full, so older checkpoints and pictures of your runs were removed to keep the newest ones.".to_owned(),
        ),
        KeptOutcome::NoRoom => Some(
            "The browser's storage is full, so this training is no longer kept. Delete runs that you don't need, or download a \
             checkpoint before you leave."
                .to_owned(),
        ),
        KeptOutcome::Failed { reason } => {
            let reason = reason.trim_end_matches('.');
            Some(format!("This training could not be kept ({reason}). Download a checkpoint before you leave."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_said_in_whole_sentences() {
        assert_eq!(words_of(&KeptOutcome::Kept), None);
        let failed = KeptOutcome::Failed { reason: "The disk is gone.".to_owned() };
        for outcome in [KeptOutcome::MadeRoom, KeptOutcome::NoRoom, failed] {
            let text = words_of(&outcome).unwrap();
            assert!(text.ends_with('.') && !text.contains(".)"), "{text}");
        }
    }
}
