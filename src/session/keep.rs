//! Keeps the run under way, and tells of the runs that are kept.

use std::io::{self, ErrorKind};
use std::rc::Rc;

use super::opened::Opened;
use super::serve::{Session, failed};
use super::transport::{RunStorage, Transport};
use super::{About, KeptOutcome, Problem, Reply, RunAccess};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::config::RunConfig;
use crate::data::Grid;
use crate::kept_runs::{
    Course, KeptRun, KeptRuns, LEAST_SECS, Room, RunPictures, SavedCourse, Timeline, interval_secs, thumbnail,
};
use crate::latent::PictureSpec;
use crate::people::Round;
use crate::platform::{Instant, now_ms};
use crate::protocol::{CheckpointReason, Command, Event, FailureKind, Progress};
use crate::run::RunError;

/// Keeps one run from its start to its end.
pub struct Keeper {
    pub(super) run: KeptRun,
    /// Whether `run` has its pictures: without them it could not go on.
    has_pictures: bool,
    /// The name of the pictures, which a new run is called by.
    pictures_name: String,
    saved_at: Instant,
    /// Seconds from one save to the next.
    interval_secs: f64,
    /// The step of the newest checkpoint.
    saved_step: u64,
    /// Whether a checkpoint has been asked for that has not come yet.
    is_asked: bool,
    /// The checkpoint with the best score, until it is kept.
    best: Option<Vec<u8>>,
    /// What the run has measured; none until it is known where it begins.
    pub(super) course: Option<Course>,
    /// What it drew on its way.
    pub(super) timeline: Timeline,
    /// Bytes of its course that the last save wrote.
    written: usize,
}

impl Keeper {
    /// Keeps what goes on from the kept run `id`, or a new run.
    pub fn new(id: Option<String>, pictures: Option<RunPictures>) -> Self {
        let run = KeptRun {
            id: id.unwrap_or_default(),
            name: String::new(),
            config: RunConfig::default(),
            progress: Progress::default(),
            best: None,
            has_ended: false,
            saved_ms: 0,
            bytes: 0,
            course_bytes: 0,
            favourites: Vec::new(),
            rounds: Vec::new(),
            has_best: false,
            thumbnail: Grid::default(),
            pictures: pictures.clone().unwrap_or(RunPictures::BuiltinDogs),
        };
        Self {
            run,
            has_pictures: pictures.is_some(),
            pictures_name: String::new(),
            saved_at: Instant::now(),
            interval_secs: LEAST_SECS,
            saved_step: 0,
            is_asked: false,
            best: None,
            course: None,
            timeline: Timeline::default(),
            written: 0,
        }
    }

    fn is_due(&self) -> bool {
        !self.is_asked && self.saved_at.elapsed().as_secs_f64() >= self.interval_secs
    }

    /// What is kept of the run from here on is another run.
    fn begin_anew(&mut self) {
        self.run.id.clear();
        self.run.name.clear();
        // Those that are stored are the other run's.
        self.timeline = Timeline::default();
    }
}

/// A change to the kept runs.
pub enum RunChange {
    Rename { id: String, name: String },
    Favour { id: String, favourites: Vec<PictureSpec> },
    AddRound { id: String, round: Round },
    Delete { id: String },
    DeleteAll,
}

impl<T: Transport> Session<T> {
    /// Takes from an event of the run what is kept of it. `save_secs` is how long its last checkpoint took to make.
    pub(super) async fn keep(&self, keeper: &mut Keeper, event: &Event, save_secs: f64) {
        let run = &mut keeper.run;
        match event {
            Event::Started { config, data, progress, .. } => {
                run.config = (**config).clone();
                run.progress = progress.clone();
                keeper.pictures_name.clone_from(&data.name);
                keeper.saved_step = progress.step;
                keeper.saved_at = Instant::now();
                *self.current_run.borrow_mut() = Some(run.id.clone()).filter(|id| !id.is_empty());
                self.begin_course(keeper).await;
            }
            Event::Tick { progress, series } => {
                run.progress = progress.clone();
                if let Some(course) = &mut keeper.course {
                    course.extend(series, progress, run.config.train.batch);
                }
                if keeper.is_due() {
                    self.autosave(keeper);
                }
            }
            Event::Paused { progress } => {
                run.progress = progress.clone();
                if progress.step != keeper.saved_step {
                    self.autosave(keeper);
                }
            }
            // The grid of fixed latents, not what a visitor asks for.
            Event::Samples { step, nimg, seed, grid, .. } if *seed == run.config.seed => {
                run.thumbnail = thumbnail(grid);
                if keeper.has_pictures {
                    keeper.timeline.push(*step, *nimg, grid);
                }
            }
            Event::Values { step, nimg, values } => {
                if let Some(course) = &mut keeper.course {
                    course.score(*step, *nimg, values);
                    course.history.note(*step, values);
                }
            }
            Event::Best { score, bytes, .. } => {
                run.best = Some(score.clone());
                keeper.best = Some(bytes.clone());
            }
            Event::Checkpoint { reason, bytes, .. } => {
                run.has_ended = *reason == CheckpointReason::Last;
                keeper.saved_step = run.progress.step;
                let cost_secs = self.save(keeper, bytes, save_secs).await;
                keeper.saved_at = Instant::now();
                keeper.interval_secs = interval_secs(cost_secs, bytes.len() + keeper.written);
                keeper.is_asked = false;
            }
            Event::Samples { .. }
            | Event::Drawn { .. }
            | Event::Diagnosis { .. }
            | Event::Warning { .. }
            | Event::Resumed { .. }
            | Event::Failed { .. }
            | Event::Finished { .. } => {}
        }
    }

    fn autosave(&self, keeper: &mut Keeper) {
        keeper.is_asked = true;
        self.command(Command::Autosave);
    }

    /// Keeps a checkpoint of the run that took `made_secs` to make, and tells what became of it. Returns what it took in all, in
    /// seconds.
    async fn save(&self, keeper: &mut Keeper, checkpoint: &[u8], made_secs: f64) -> f64 {
        let began = Instant::now();
        if !keeper.has_pictures {
            return made_secs;
        }
        let storage = match self.transport.runs().await {
            RunStorage::Ours(storage) => storage,
            RunStorage::Theirs(_) => {
                // The other session may go on with this run too.
                keeper.begin_anew();
                *self.current_run.borrow_mut() = None;
                return made_secs;
            }
            RunStorage::Refused => {
                keeper.timeline = Timeline::default();
                return made_secs;
            }
        };
        let loaded = self.pictures.borrow().as_ref().and_then(RunPictures::key).map(str::to_owned);
        let runs = KeptRuns::new(storage).sparing(loaded.as_deref());
        let outcome = match self.save_in(&runs, keeper, checkpoint).await {
            Ok(Room::Enough) => KeptOutcome::Kept,
            Ok(Room::Made) => KeptOutcome::MadeRoom,
            Err(error) if error.kind() == ErrorKind::StorageFull => KeptOutcome::NoRoom,
            Err(error) => KeptOutcome::Failed { reason: error.to_string() },
        };
        let mut run = Box::new(keeper.run.clone());
        run.bytes = runs.bytes_of(&run.id).await + run.course_bytes;
        run.has_best = runs.best(&run.id).await.is_some();
        let pixels = std::mem::take(&mut run.thumbnail.pixels);
        let cost_secs = made_secs + began.elapsed().as_secs_f64();
        self.transport.post(&Reply::RunKept { run, outcome, cost_secs }, Some(pixels));
        cost_secs
    }

    async fn save_in(&self, runs: &KeptRuns<T::Storage>, keeper: &mut Keeper, checkpoint: &[u8]) -> io::Result<Room> {
        let _records = self.records.lock().await;
        let now = now_ms();
        if keeper.run.id.is_empty() {
            keeper.run.id = runs.new_id(now).await?;
            *self.current_run.borrow_mut() = Some(keeper.run.id.clone());
        }
        let run = &mut keeper.run;
        // It may have been renamed since, and have other favourites.
        if let Some(kept) = runs.get(&run.id).await {
            run.name = kept.name;
            run.favourites = kept.favourites;
            run.rounds = kept.rounds;
            run.best = run.best.take().or(kept.best);
        }
        if run.name.is_empty() {
            run.name = runs.new_name(&keeper.pictures_name).await;
        }
        run.saved_ms = now;
        // First, because the tab may be about to close.
        let saved = runs.save(run, checkpoint).await?;
        let course = keeper.course.get_or_insert_default();
        let SavedCourse { room, bytes, written } = runs.save_course(&run.id, course, &mut keeper.timeline).await;
        (run.course_bytes, keeper.written) = (bytes, written);
        // Without it the list tells the size of the course before.
        let _ = runs.note_course(&run.id, bytes).await;
        if let Some(best) = keeper.best.take()
            && let Err(error) = runs.save_best(&run.id, &best).await
        {
            // The page still has it, and the run goes on without it.
            tracing::warn!("the best checkpoint is not kept: {error}");
        }
        Ok(if room == Room::Made { room } else { saved })
    }

    /// Beside the requests: the first time it may take a moment to know whether another session keeps its runs there.
    pub(super) async fn tell_runs_later(self: Rc<Self>) {
        self.tell_runs().await;
    }

    async fn tell_runs(&self) {
        let (access, storage) = match self.transport.runs().await {
            RunStorage::Ours(storage) => (RunAccess::Keeps, Some(storage)),
            RunStorage::Theirs(storage) => (RunAccess::Reads, Some(storage)),
            RunStorage::Refused => (RunAccess::Refused, None),
        };
        let mut runs = match storage {
            Some(storage) => KeptRuns::new(storage).list().await,
            None => Vec::new(),
        };
        let pixels = runs.iter_mut().flat_map(|run| std::mem::take(&mut run.thumbnail.pixels)).collect();
        self.transport.post(&Reply::Runs { runs, access }, Some(pixels));
    }

    /// Opens the newest checkpoint of a kept run that can be used, or with `best` the one with the best score if it is kept.
    pub(super) async fn open_run(&self, id: &str, best: bool) {
        let Some(device) = self.device.borrow().clone() else {
            return self.fail(About::Checkpoint, Problem::NoDevice);
        };
        let (storage, is_ours) = match self.transport.runs().await {
            RunStorage::Ours(storage) => (storage, true),
            RunStorage::Theirs(storage) => (storage, false),
            RunStorage::Refused => return self.fail(About::Checkpoint, no_longer_kept()),
        };
        let runs = KeptRuns::new(storage);
        let Some(run) = runs.get(id).await else { return self.fail(About::Checkpoint, no_longer_kept()) };
        let mut reason: Option<RunError> = None;
        let best = if best { runs.best(id).await } else { None };
        for file in best.iter().chain(&runs.checkpoints(id).await) {
            let is_best = best.as_ref() == Some(file);
            let bytes = match runs.checkpoint(file).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    let error = RunError::Data { reason: format!("it can't be read: {error}") };
                    reason = reason.or(Some(error).filter(|_| !is_best));
                    continue;
                }
            };
            match Opened::read(&bytes, &device).await {
                Ok(opened) => {
                    let nimg = opened.checkpoint.meta.progress.nimg;
                    let is_older = is_best && nimg < run.progress.nimg;
                    if is_older {
                        let message = format!(
                            "The best of {} is open, after {nimg} pictures. What goes on from it is a run of its own; the newest checkpoint, \
                             after {}, goes on from the list of runs.",
                            run.name, run.progress.nimg
                        );
                        self.post_event(Event::Warning { message });
                    } else if let Some(reason) = reason {
                        let message = format!(
                            "The newest checkpoint of {} can't be used: {reason}. The one before it is open, after {nimg} \
                             pictures.",
                            run.name
                        );
                        self.post_event(Event::Warning { message });
                    }
                    // What another session keeps goes on here as a run of its own, and so does what would leave the newest behind.
                    *self.opened_run.borrow_mut() = (is_ours && !is_older).then(|| id.to_owned());
                    let step = opened.checkpoint.meta.progress.step;
                    let mut course = runs.course(id).await;
                    course.iter_mut().for_each(|course| course.truncate_after(step));
                    let origin = (id.to_owned(), run.pictures);
                    self.tell_opened(run.name, Some(origin), &opened, course, Some(bytes));
                    self.tell_snapshots(&runs, id, step).await;
                    return self.draw_newly_opened(opened).await;
                }
                // Another device or file would not help.
                Err(error @ CheckpointError::Device(_)) => {
                    let error = RunError::from(error);
                    return self.fail(About::Checkpoint, failed(error.kind(), error.to_string()));
                }
                Err(error) => reason = reason.or(Some(RunError::from(error)).filter(|_| !is_best)),
            }
        }
        let problem = match reason {
            Some(error) => failed(error.kind(), format!("{} was not opened: {error}", run.name)),
            None => no_longer_kept(),
        };
        self.fail(About::Checkpoint, problem);
    }

    /// The checkpoint of a kept run with the best score, if it is kept and can be read.
    pub(super) async fn best_of(&self, id: Option<&str>) -> Option<Checkpoint> {
        let (RunStorage::Ours(storage) | RunStorage::Theirs(storage)) = self.transport.runs().await else {
            return None;
        };
        let runs = KeptRuns::new(storage);
        let bytes = runs.checkpoint(&runs.best(id?).await?).await.ok()?;
        Checkpoint::from_bytes(&bytes).ok()
    }

    /// Sends the newest checkpoint of a kept run, as it is.
    pub(super) async fn read_run(&self, id: String) {
        let (RunStorage::Ours(storage) | RunStorage::Theirs(storage)) = self.transport.runs().await else {
            return self.fail(About::KeptRuns, no_longer_kept());
        };
        let runs = KeptRuns::new(storage);
        let read = match runs.checkpoints(&id).await.first() {
            Some(newest) => runs.checkpoint(newest).await,
            None => return self.fail(About::KeptRuns, no_longer_kept()),
        };
        match read {
            Ok(bytes) => self.transport.post(&Reply::RunFile { id }, Some(bytes)),
            Err(error) => self.fail(About::KeptRuns, failed_to("read", &error)),
        }
    }

    /// Beside the requests: the run under way may be saving itself just now.
    pub(super) fn change_runs_later(self: &Rc<Self>, change: RunChange) {
        let session = self.clone();
        self.transport.spawn(async move { session.change_runs(change).await });
    }

    async fn change_runs(&self, change: RunChange) {
        let records = self.records.lock().await;
        if let RunStorage::Ours(storage) = self.transport.runs().await {
            let runs = KeptRuns::new(storage);
            let current = self.current_run.borrow().clone();
            let changed = match change {
                RunChange::Rename { id, name } => {
                    runs.rename(&id, &name).await.map_err(|error| failed_to("renamed", &error))
                }
                RunChange::Favour { id, favourites } => {
                    let favoured = runs.favour(&id, favourites).await;
                    favoured.map_err(|error| failed_to("given other favourites", &error))
                }
                RunChange::AddRound { id, round } => {
                    runs.add_round(&id, round).await.map_err(|error| failed_to("given a round's answers", &error))
                }
                RunChange::Delete { id } if self.is_under_way() && current.as_ref() == Some(&id) => {
                    Err(Problem::RunUnderWay)
                }
                RunChange::Delete { id } => {
                    self.forget_opened(Some(&id));
                    runs.delete(&id).await.map_err(|error| failed_to("deleted", &error))
                }
                RunChange::DeleteAll => {
                    if current.is_none() || *self.opened_run.borrow() != current {
                        self.forget_opened(None);
                    }
                    let spared = current.as_deref().filter(|_| self.is_under_way());
                    runs.clear(spared).await.map_err(|error| failed_to("deleted", &error))
                }
            };
            if let Err(problem) = changed {
                self.fail(About::KeptRuns, problem);
            }
        }
        drop(records);
        self.tell_runs().await;
    }

    /// What goes on from the open checkpoint is kept as a new run, if `deleted` is what it was of; none: all were deleted.
    fn forget_opened(&self, deleted: Option<&str>) {
        let mut opened = self.opened_run.borrow_mut();
        if deleted.is_none() || opened.as_deref() == deleted {
            *opened = None;
        }
    }
}

pub(super) fn no_longer_kept() -> Problem {
    failed(FailureKind::Input, "this run is no longer kept on this device".to_owned())
}

fn failed_to(what: &str, error: &io::Error) -> Problem {
    failed(FailureKind::Input, format!("the run could not be {what}: {error}"))
}
