//! Replies of the worker change the store here, and nowhere else.

use js_sys::{Array, ArrayBuffer, Date, Uint8Array};
use leptos::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;
use web_sys::Blob;
use whelp::config::RunConfig;
use whelp::data::{Grid, Preparation};
use whelp::protocol::{BestScore, CheckpointReason, Event, FailureKind, Progress};
use whelp::series::StepSeries;
use whelp::session::{About, DeviceInfo, KeptOutcome, Problem, Reply, Request};

use super::client::Client;
use super::compare::Side;
use super::notices::{Remedy, Tone};
use super::play::Generator;
use super::scores::{ScoreHistory, best_in_words};
use super::store::{
    Best, Data, Device, Fresh, Intent, LoadStage, Opened, Origin, Phase, Samples, Saved, Source, Store, Suggested,
};
use super::{files, format, rescue, wording};

const NO_MEMORY: &str = "The browser has no memory for a checkpoint. Close other tabs and try again.";

impl Store {
    /// Handles one reply.
    pub fn apply(self, reply: Reply, bytes: Option<ArrayBuffer>) {
        match reply {
            // The client has handled it.
            Reply::Awake => {}
            Reply::Refused { refusal } => {
                self.use_less(refusal);
            }
            Reply::Measuring { device } => self.device.set(Device::Measuring(device)),
            Reply::Ready { device, suggested, reason } => self.ready(device, Suggested { config: *suggested, reason }),
            Reply::DataProgress { id, done, total, skipped } => self.loading.update(|loading| {
                if let Some(loading) = loading.as_mut().filter(|loading| loading.id == id) {
                    loading.stage = LoadStage::Reading { done, total, skipped };
                }
            }),
            Reply::Data { id, summary, report, preview, size } if self.is_loading(id) => {
                let source = self.loading_source.get_value();
                let is_builtin = matches!(source, Source::BuiltinDogs);
                self.source.set_value(source);
                self.loading.set(None);
                for note in &summary.notes {
                    self.notices.show(Tone::Info, note, &[]);
                }
                let preparation =
                    Preparation { resolution: summary.resolution, ..self.loading_preparation.get_value() };
                self.data.set(Some(Data {
                    summary,
                    report,
                    preview: with_pixels(preview, bytes),
                    is_builtin,
                    preparation,
                    size,
                }));
                let has_begun_again = self.has_begun_again.try_update_value(std::mem::take).unwrap_or_default();
                if let Some(are_others) = self.loads_others.get_value() {
                    self.has_others.set(are_others);
                }
                // Pictures for the next run leave the form as it is until that one is started: this one may go on.
                let waits = self.has_others.get_untracked() && self.intent.get_untracked() == Intent::Nothing;
                if !has_begun_again && !waits {
                    self.follow_pictures();
                }
            }
            Reply::Fetching { done, total } => self.fetching.set((done < total).then_some((done, total))),
            Reply::Judging { done, total } => self.judging.set((done < total).then_some((done, total))),
            Reply::Kept { kept } => self.kept.set(kept),
            Reply::DataCancelled { id } if self.is_loading(id) => self.loading.set(None),
            // A newer request has replaced this one.
            Reply::Data { .. } | Reply::DataCancelled { .. } => {}
            Reply::Runs { runs, access } => self.take_runs(runs, access, bytes),
            Reply::RunKept { run, outcome, .. } => self.run_kept(*run, &outcome, bytes),
            Reply::RunFile { id } => self.offer_run_file(&id, bytes),
            Reply::Snapshot { run, number, step, nimg, grid } => {
                self.restore_snapshot(
                    &run,
                    number,
                    Samples { step, nimg, grid: with_pixels(grid, bytes), origin: Origin::Run },
                );
            }
            Reply::Course { id, course, moments, nimg, grid } => {
                self.take_course(id.clone(), Side::new(id, *course, moments, nimg, grid), bytes);
            }
            Reply::Moment { id, step, nimg, grid } => self.take_moment(id, step, nimg, grid, bytes),
            Reply::Opened { name, run, goes_on, config, progress, history, course, classes } => {
                let wanted = self.resuming.get_value();
                if wanted.is_some() && wanted != run.as_ref().map(|(id, _)| id.clone()) {
                    // Another run has been asked for since, which is opened next.
                    self.opening.set(false);
                    return self.proceed();
                }
                let (blob, id) = match run {
                    Some((id, pictures)) => {
                        self.resuming.set_value(None);
                        self.show_run(&config, &history, &pictures);
                        let blob = blob_of(bytes);
                        let begun = blob.clone().map(|blob| (blob, Some(id.clone()).filter(|_| goes_on)));
                        self.opening_blob.set_value(begun);
                        (blob, Some(id))
                    }
                    None => self.opening_blob.get_value().map_or((None, None), |(blob, id)| (Some(blob), id)),
                };
                match blob {
                    Some(blob) => {
                        let is_kept = id.is_some();
                        let opened = Opened { name, config: *config, progress, blob, run: id, goes_on };
                        self.opened(opened, &history, classes);
                        self.show_course(course);
                        if is_kept && self.intent.get_untracked() == Intent::Nothing {
                            self.load_shown();
                        }
                    }
                    None => {
                        self.opening.set(false);
                        self.intent.set(Intent::Nothing);
                        self.notices.show(Tone::Error, NO_MEMORY, &[]);
                    }
                }
            }
            Reply::Starter { nimg, grid } => {
                // Any other pictures are more interesting.
                if self.samples.with_untracked(Option::is_none) {
                    let (grid, origin) = (with_pixels(grid, bytes), Origin::Starter);
                    self.samples.set(Some(Samples { step: 0, nimg, grid, origin }));
                }
            }
            Reply::Real { id, are_trainings, is_held_out, grid } => {
                self.dealt_real(id, [are_trainings, is_held_out], with_pixels(grid, bytes));
            }
            Reply::Comparing { id, done, total } => self.comparing(id, done, total),
            Reply::Copies { id, copies, are_trainings, grid } => {
                self.copies_found(id, *copies, are_trainings, &with_pixels(grid, bytes));
            }
            Reply::Exported { name } => self.exported(&name, blob_of(bytes)),
            Reply::StartEnded => {
                self.forget_waiting();
                self.wants_download.set(false);
                self.phase.set(Phase::Idle);
            }
            Reply::Event { event } => self.event(*event, bytes),
            Reply::Failed { about, problem } => self.failed(about, &problem),
        }
        self.proceed();
        self.ask_for_starter();
    }

    /// Asks for the starter's pictures once the page has nothing else to do.
    fn ask_for_starter(self) {
        let is_free = matches!(self.device.get_untracked(), Device::Ready(_))
            && self.data.with_untracked(Option::is_some)
            && self.phase.get_untracked() == Phase::Idle
            && self.intent.get_untracked() == Intent::Nothing
            && self.samples.with_untracked(Option::is_none);
        if is_free && !self.starter_asked.get_value() {
            self.starter_asked.set_value(true);
            self.post(&Request::DrawStarter, None, None);
        }
    }

    fn is_loading(self, id: u32) -> bool {
        self.loading.with_untracked(|loading| loading.as_ref().is_some_and(|loading| loading.id == id))
    }

    fn ready(self, device: DeviceInfo, suggested: Suggested) {
        let is_first = self.suggested.with_untracked(Option::is_none);
        // After a restart of the worker the form keeps the visitor's changes, and it keeps a checkpoint's settings.
        let is_shown = is_first && self.opened.with_untracked(Option::is_none);
        if is_shown {
            self.show_with_pace(suggested.config.clone());
        }
        // A worker that replaced another one has not measured again.
        if is_first || device.is_slow {
            self.suggested.set(Some(suggested));
        }
        if is_shown {
            self.follow_pictures();
        }
        self.device.set(Device::Ready(device));
    }

    fn opened(self, opened: Opened, history: &StepSeries, classes: Vec<String>) {
        self.opening.set(false);
        // Continuing after a stop or a failure keeps the form. Opening a file shows the file's settings and losses.
        if !self.intent.get_untracked().needs_checkpoint() {
            self.show_checkpoint(&opened.config, history);
        }
        self.take_classes(&opened.config, classes);
        self.take_progress(opened.progress.clone());
        self.opened.set(Some(opened));
    }

    /// Shows the settings and losses of a checkpoint.
    pub(super) fn show_checkpoint(self, config: &RunConfig, history: &StepSeries) {
        self.show_settings(config.clone());
        self.resolution_chosen.set(true);
        self.has_others.set(false);
        self.losses.update(|losses| {
            losses.truncate_after(0);
            losses.extend(history);
        });
        // Scores of another run.
        self.scores.set(ScoreHistory::default());
        self.best.set(None);
        self.diagnosis.set(None);
        self.forget_snapshots();
        self.phase.set(Phase::Idle);
    }

    /// Sets the classes that can be drawn from now on.
    fn take_classes(self, config: &RunConfig, classes: Vec<String>) {
        let classes = if config.model.conditional { classes } else { Vec::new() };
        if self.classes.with_untracked(|known| *known != classes) {
            self.drawing.update(|drawing| drawing.class = None);
            self.classes.set(classes);
        }
    }

    fn event(self, event: Event, bytes: Option<ArrayBuffer>) {
        match event {
            Event::Started { config, data, progress, .. } => {
                self.told_outcome.set_value(KeptOutcome::Kept);
                self.warn_of_other_tab();
                if progress.step == 0 && self.phase.get_untracked() == Phase::Starting {
                    // As the one before it, it is not kept yet, so nothing else tells them apart.
                    self.turn_to(None, &Generator::Run(self.current_run.get_untracked()));
                }
                self.losses.update(|losses| losses.truncate_after(progress.step));
                self.scores.update(|scores| scores.truncate_after(progress.step));
                self.change_snapshots(|snapshots| snapshots.truncate_after(progress.step));
                // The form shows what the run really does, such as training without an end.
                self.show_with_pace((*config).clone());
                self.take_classes(&config, data.classes);
                self.running.set_value(Some(*config));
                self.play.left_open.set(None);
                self.opened.set(None);
                self.diagnosis.set(None);
                self.take_progress(progress);
                self.phase.set(Phase::Training);
            }
            Event::Tick { progress, series } => {
                self.has_trained.set_value(true);
                self.has_reopened.set_value(false);
                self.take_progress(progress);
                self.losses.update(|losses| losses.extend(&series));
            }
            Event::Values { step, values, .. } => {
                self.losses.update(|losses| losses.note(step, &values));
                self.scores.update(|scores| scores.add(step, values));
            }
            Event::Diagnosis { diagnosis, .. } => self.diagnosis.set(Some(diagnosis)),
            Event::Samples { step, nimg, seed, grid, .. } => {
                let fresh = self.asked.try_update_value(|asked| answered(asked, seed)).flatten();
                let origin = fresh.map_or(Origin::Run, Origin::Fresh);
                let samples = Samples { step, nimg, grid: with_pixels(grid, bytes), origin };
                self.take_snapshot(&samples);
                self.samples.set(Some(samples));
                self.draw_newer();
            }
            Event::Drawn { id, nimg, grid, .. } => self.drawn(id, nimg, with_pixels(grid, bytes)),
            Event::Warning { message } => self.notices.show(Tone::Warning, message, &[]),
            Event::Checkpoint { nimg, reason, .. } => self.keep(nimg, reason, bytes),
            Event::Best { nimg, score, .. } => self.keep_best(nimg, &score, bytes),
            Event::Paused { progress } => {
                self.take_progress(progress);
                self.phase.set(Phase::Paused);
            }
            Event::Resumed { progress } => {
                self.take_progress(progress);
                self.phase.set(Phase::Training);
            }
            Event::Failed { kind, message } => self.run_failed(kind, &message),
            Event::Finished { reason, progress } => {
                self.take_progress(progress);
                self.phase.set(Phase::Finished(reason));
                self.take_cure();
            }
        }
    }

    fn take_progress(self, progress: Progress) {
        self.progress_at.set_value(Date::now());
        self.since_progress.set(0.0);
        self.progress.set(progress);
    }

    /// Keeps a checkpoint in place of the last one: as a blob, which the browser may move to disk.
    fn keep(self, nimg: u64, reason: CheckpointReason, bytes: Option<ArrayBuffer>) {
        let Some(saved) = self.saved(nimg, bytes) else {
            return self.notices.show(Tone::Error, NO_MEMORY, &[]);
        };
        rescue::keep(&saved.blob, &saved.file_name());
        // A run that ends reads no more requests, and its last checkpoint is what was asked for.
        let answers = matches!(reason, CheckpointReason::Requested | CheckpointReason::Last);
        if answers && self.wants_download.get_untracked() {
            self.wants_download.set(false);
            self.offer(&saved);
        }
        self.latest.set(Some(saved));
    }

    /// Keeps the checkpoint with the best score. Where the browser has no memory for it, the one before stays.
    fn keep_best(self, nimg: u64, score: &BestScore, bytes: Option<ArrayBuffer>) {
        let Some(saved) = self.saved(nimg, bytes) else { return };
        self.best.set(Some(Best { saved: Some(saved), why: best_in_words(nimg, score) }));
    }

    /// A checkpoint as a blob; none if the browser has no memory for it.
    fn saved(self, nimg: u64, bytes: Option<ArrayBuffer>) -> Option<Saved> {
        let recipe = self.running.with_value(|config| config.as_ref().map(|config| config.recipe.clone()))?;
        let (blob, run) = (blob_of(bytes)?, self.current_run.get_untracked());
        Some(Saved { blob, recipe, nimg, lineage: self.lineage.get_value(), run })
    }

    /// Hands a checkpoint to the browser's downloads.
    pub(super) fn offer(self, saved: &Saved) {
        if files::offer(&saved.blob, &saved.file_name()).is_err() {
            let text = "The browser refused the download. Allow downloads for this page, then press Download again.";
            self.notices.show(Tone::Error, text, &[Remedy::DownloadLatest]);
        }
    }

    fn failed(self, about: About, problem: &Problem) {
        if let (About::Device, Problem::Failed { failure, .. }) = (about, problem)
            && self.reopens(*failure)
        {
            return;
        }
        let is_devices = matches!(about, About::Device | About::Session)
            || about == About::Run && self.phase.get_untracked() == Phase::Starting;
        if let Problem::Failed { failure, message } = problem
            && is_devices
            && (about != About::Run || failure.is_devices())
            && self.retreats(*failure, message)
        {
            return;
        }
        if !matches!(about, About::KeptRuns | About::Drawing | About::Comparing) {
            self.intent.set(Intent::Nothing);
        }
        let message = wording::of_problem(about, problem);
        match about {
            About::Device => {
                self.start_refused();
                self.device.set(Device::None);
                self.notices.show(Tone::Error, message, &[Remedy::Retry, Remedy::UseCpu]);
            }
            About::Data => {
                self.loading.set(None);
                self.notices.show(Tone::Error, message, &[]);
            }
            About::Drawing => {
                self.play.forget_asked();
                self.notices.show(Tone::Error, message, &[]);
            }
            About::Comparing => {
                self.play.forget_questions();
                self.notices.show(Tone::Error, message, &[]);
            }
            About::KeptRuns => {
                self.forget_moments();
                self.notices.show(Tone::Error, message, &[]);
            }
            About::Checkpoint => {
                self.opening.set(false);
                self.resuming.set_value(None);
                self.wants_download.set(false);
                self.asked.update_value(VecDeque::clear);
                self.notices.show(Tone::Error, message, &[]);
            }
            About::Run => {
                self.wants_download.set(false);
                self.start_refused();
                // A start that failed after Stop was pressed, for example.
                if *problem == Problem::NoRun && self.phase.get_untracked().is_active() {
                    self.phase.set(Phase::Idle);
                }
                self.notices.show(Tone::Error, message, &[]);
            }
            About::Session => {
                let kind = if let Problem::Failed { failure, .. } = problem { *failure } else { FailureKind::Bug };
                self.lost_worker(kind, &message);
            }
        }
    }

    /// What was asked for does not begin, and the next start waits for nothing.
    fn start_refused(self) {
        self.cure.set_value(None);
        self.forget_waiting();
        self.phase.update(|phase| *phase = after_refusal(*phase));
    }

    /// Nothing is fetched or judged any more.
    fn forget_waiting(self) {
        self.fetching.set(None);
        self.judging.set(None);
    }

    fn run_failed(self, kind: FailureKind, message: &str) {
        if kind.is_devices() && self.retreats(kind, message) {
            return;
        }
        self.cure.set_value(None);
        self.phase.set(Phase::Broken);
        if kind == FailureKind::DeviceLost {
            // Canvases lose their pictures with the graphics device, and the browser needs a moment to find another one.
            set_timeout(move || self.draw_again(), Duration::from_secs(2));
        }
        self.wants_download.set(false);
        let kept = self.rescue_untracked().map(|saved| kept_sentence(&saved));
        let remedies = remedies(kind, kept.is_some());
        let less = kept.is_some().then(|| self.ask_less_after(kind)).flatten();
        let what = wording::of_failure(kind, message, less.is_none());
        let text = [what, kept.unwrap_or_default(), less.unwrap_or_default()].join(" ");
        self.notices.show(Tone::Error, text.trim_end(), remedies);
    }

    /// Draws the same pictures and losses again.
    pub(super) fn draw_again(self) {
        self.samples.notify();
        self.data.notify();
        self.losses.notify();
    }

    /// The worker could not be loaded, or it crashed. `message` is the browser's.
    pub fn crashed(self, message: &str) {
        let is_new = self.device.get_untracked() == Device::Looking;
        let what = if is_new { "The trainer did not start" } else { "The trainer crashed" };
        let why = if message.trim().is_empty() { String::new() } else { format!(" ({})", message.trim()) };
        if self.retreats(FailureKind::Device, &format!("{what}{why}")) {
            return;
        }
        self.lost_worker(FailureKind::Bug, &format!("{what}{why}."));
    }

    /// The worker is gone, with everything that it held.
    fn lost_worker(self, kind: FailureKind, sentence: &str) {
        self.client.with_value(|client| client.iter().for_each(Client::terminate));
        let was_active = self.phase.get_untracked().is_active();
        if was_active {
            self.phase.set(Phase::Broken);
        }
        self.device.set(Device::None);
        self.intent.set(Intent::Nothing);
        self.loading.set(None);
        self.forget_waiting();
        self.opened.set(None);
        self.opening.set(false);
        self.resuming.set_value(None);
        self.wants_download.set(false);
        let (advice, remedies) = match self.rescue_untracked() {
            Some(saved) => {
                let less = if was_active { self.ask_less_after(kind) } else { None };
                let less = less.map_or_else(String::new, |less| format!(" {less}"));
                (kept_sentence(&saved) + &less, [Remedy::Recover, Remedy::DownloadLatest])
            }
            None => ("If trying again does not help, reload the page.".to_owned(), [Remedy::Retry, Remedy::UseCpu]),
        };
        self.notices.show(Tone::Error, format!("{sentence} {advice}"), &remedies);
    }
}

/// The phase of a run after the worker has refused a request.
fn after_refusal(phase: Phase) -> Phase {
    match phase {
        Phase::Starting => Phase::Idle,
        Phase::Pausing | Phase::Stopping => Phase::Training,
        Phase::Resuming => Phase::Paused,
        Phase::Idle | Phase::Training | Phase::Paused | Phase::Finished(_) | Phase::Broken => phase,
    }
}

/// Takes out the request that pictures of this seed answer, and older ones that were never answered. Answers come in the order
/// of the requests, with the run's own pictures in between.
fn answered(asked: &mut VecDeque<Fresh>, seed: u64) -> Option<Fresh> {
    let index = asked.iter().position(|fresh| fresh.seed == seed)?;
    asked.drain(..=index).next_back()
}

/// The buttons of a failed run.
fn remedies(kind: FailureKind, has_checkpoint: bool) -> &'static [Remedy] {
    match (kind, has_checkpoint) {
        (FailureKind::Diverged, true) => &[Remedy::LowerLearningRates, Remedy::DownloadLatest],
        (_, true) => &[Remedy::Recover, Remedy::DownloadLatest],
        (FailureKind::Input | FailureKind::Diverged, false) => &[],
        (_, false) => &[Remedy::Retry],
    }
}

fn kept_sentence(saved: &Saved) -> String {
    format!("The last checkpoint, after {} pictures, is saved.", format::short(saved.nimg))
}

/// A file's bytes, where the browser may move them to disk; none if it has no memory for them.
pub(super) fn blob_of(bytes: Option<ArrayBuffer>) -> Option<Blob> {
    Blob::new_with_u8_array_sequence(&Array::of1(&bytes?.into())).ok()
}

pub(super) fn with_pixels(mut grid: Grid, bytes: Option<ArrayBuffer>) -> Grid {
    grid.pixels = bytes.map(|bytes| Uint8Array::new(&bytes).to_vec()).unwrap_or_default();
    grid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_diverged_continues_with_lower_learning_rates_and_any_other_as_it_was() {
        assert_eq!(remedies(FailureKind::Diverged, true)[0], Remedy::LowerLearningRates);
        for kind in [FailureKind::Device, FailureKind::DeviceLost, FailureKind::OutOfMemory, FailureKind::Bug] {
            assert_eq!(remedies(kind, true)[0], Remedy::Recover);
            assert_eq!(remedies(kind, false), [Remedy::Retry]);
        }
        assert!(remedies(FailureKind::Diverged, false).is_empty());
    }

    #[test]
    fn pictures_are_told_from_the_runs_own_by_their_seed() {
        let fresh = |seed, psi| Fresh { seed, class: None, truncation_psi: psi };
        let mut asked = VecDeque::from([fresh(1, 1.0), fresh(2, 1.0), fresh(2, 0.5)]);
        assert_eq!(answered(&mut asked, 0), None, "the run's own");
        assert_eq!(answered(&mut asked, 2), Some(fresh(2, 1.0)), "the first was never answered");
        assert_eq!(answered(&mut asked, 2), Some(fresh(2, 0.5)));
        assert_eq!(answered(&mut asked, 2), None);
    }
}
