//! A run as a state machine.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender, TryRecvError};
use burn::tensor::Tensor;
use thiserror::Error;

use super::checkup::Opinion;
use super::clock::Clock;
use super::judge::Judge;
use super::precision;
use super::rollback::Rollback;
use crate::checkpoint::{
    self, AdaptiveState, Checkpoint, CheckpointError, DataOrigin, FORMAT, HISTORY_MAX, Meta, RandomState, Scored,
    Snapshot, WarmStart,
};
use crate::config::ConfigError;
use crate::data::{Dataset, PictureLost};
use crate::device::{DeviceError, OpenDevice, read_values};
use crate::diagnosis::{Diagnosis, LOSS_STEPS, ScoreSigns, Signs, loss_share};
use crate::features::{FeatureError, FeatureNetwork, LookError, Pretrained};
use crate::ops::in_half;
use crate::platform::{self, Instant};
use crate::protocol::{CheckpointReason, Command, Event, FailureKind, FinishReason, Progress};
use crate::sample::{Draw, Sampler};
use crate::series::{self, StepSeries};
#[cfg(feature = "devices")]
use crate::train::Team;
use crate::train::{Batches, StepStats, Trainer};
use crate::validate::ValidConfig;
use crate::weights;

/// Pictures that the mixing of a projected discriminator is scaled by, if the frozen network sees them in
/// [`CALIBRATION_SIDE`]; fewer if it sees larger ones, so that they need no more memory.
const CALIBRATION_PICTURES: usize = 256;
const CALIBRATION_SIDE: usize = 64;

/// Large ones are so many at least, as in a usual step: telephones bind no tensor beyond 128 MB.
const LEAST_CALIBRATION: usize = 16;

/// Why a run cannot start, or why it failed.
#[derive(Debug, Error)]
pub enum RunError {
    /// The data set does not fit the configuration or the checkpoint.
    #[error("{reason}")]
    Data {
        /// A sentence.
        reason: String,
    },
    /// A picture can't be read any more.
    #[error(transparent)]
    Pictures(#[from] PictureLost),
    /// The settings are refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The checkpoint does not fit.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The weights of the frozen network can't be used.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The generator draws nearly one picture only.
    #[error("the generated pictures collapsed: at step {step} two of them differ by only {:.0} % of what two real ones do", 100.0 * diversity)]
    Collapsed {
        /// The step of the score that found it.
        step: u64,
        /// See [`ScoreSigns::diversity`].
        diversity: f64,
    },
    /// A value became NaN or infinite.
    #[error("training diverged: {name} is {value} at step {step}")]
    Diverged {
        /// The first step at which it was.
        step: u64,
        /// Its name: a series, e.g. `loss/d`, or a tensor of the checkpoint.
        name: String,
        /// Its value.
        value: f32,
    },
}

impl From<LookError> for RunError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Pictures(lost) => lost.into(),
            LookError::Device(error) => error.into(),
        }
    }
}

impl RunError {
    /// What kind of failure it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Device(error) | Self::Checkpoint(CheckpointError::Device(error)) => error.kind(),
            Self::Pictures(_) => FailureKind::Pictures,
            Self::Data { .. } | Self::Config(_) | Self::Checkpoint(_) | Self::Features(_) => FailureKind::Input,
            Self::Diverged { .. } | Self::Collapsed { .. } => FailureKind::Diverged,
        }
    }
}

/// A run: poll [`Run::next`] for events, and send [`Command`]s through the sender that came with it.
///
/// It works only while it is polled. While it is paused, a poll sleeps until a command comes, so a paused run uses no
/// processor time. Dropping it ends it without a checkpoint.
#[derive(Debug)]
pub struct Run {
    config: ValidConfig,
    device: OpenDevice,
    data: Arc<Dataset>,
    trainer: Trainer,
    batches: Batches,
    commands: Receiver<Command>,
    /// Events that wait to be returned, oldest first.
    pending: VecDeque<Event>,
    phase: Phase,
    clock: Clock,
    /// Steps whose values have not been read back from the device.
    unread: Vec<UnreadStep>,
    history: StepSeries,
    /// Hash of the weights of the frozen network, if there is one.
    backbone: Option<String>,
    last_sample: Mark,
    last_checkpoint: Mark,
    /// Scores the pictures, if the run was given a network to see them with.
    judge: Option<Judge>,
    is_judged: bool,
    /// What the checkpoint that this run goes on from was scored at.
    scored: Option<Scored>,
    rollback: Rollback,
    /// What the newest score found, and how the run was last said to go.
    signs: Option<ScoreSigns>,
    diagnosis: Option<Diagnosis>,
    /// The command that is being obeyed: after a rollback it is obeyed again.
    unanswered: Option<Command>,
    /// Seconds that the last checkpoint took.
    save_secs: f64,
    /// Since when the device has been at work without a rest.
    busy_since: Option<Instant>,
    /// Says that convolutions are in half precision, if they are. Known once the run has begun.
    half: Option<String>,
    /// The trainers on the other devices, from the first step on.
    #[cfg(feature = "devices")]
    team: Option<Team>,
}

/// What becomes a step of a [`StepSeries`].
#[derive(Debug)]
struct UnreadStep {
    step: u64,
    /// By name, what the value is the mean of.
    series: Vec<(&'static str, Tensor<1>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    Paused,
    Ended,
}

/// When something was last done.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    step: u64,
    secs: f64,
}

impl Run {
    /// A new run. `backbone` has the weights of [`files_needed`](crate::features::files_needed).
    ///
    /// # Errors
    /// [`RunError::Data`] if the data set has another resolution than the configuration, [`RunError::Features`] if
    /// `backbone` is not what the configuration needs.
    pub fn new(
        config: ValidConfig,
        data: Arc<Dataset>,
        device: OpenDevice,
        backbone: Option<&Pretrained>,
    ) -> Result<(Self, Sender<Command>), RunError> {
        let trainer = Trainer::new(&config, data.summary().kind(), backbone, &device.device)?;
        let hash = backbone.map(|backbone| backbone.hash().to_owned());
        let (mut run, commands) =
            Self::with_trainer(config, data, device, trainer, hash, (0.0, StepSeries::default()))?;
        run.calibrate()?;
        Ok((run, commands))
    }

    /// Continues from `checkpoint`. `config` is what [`RunConfig::resumed`](crate::config::RunConfig::resumed) allows.
    ///
    /// # Errors
    /// [`RunError::Checkpoint`] if the networks differ, [`RunError::Data`] if the pictures do not fit them.
    pub fn resume(
        checkpoint: &Checkpoint,
        config: ValidConfig,
        data: Arc<Dataset>,
        device: OpenDevice,
        backbone: Option<&Pretrained>,
    ) -> Result<(Self, Sender<Command>), RunError> {
        let origin = &checkpoint.meta.data;
        check_pictures(origin, &config, &data)?;
        let trainer = checkpoint::restore_trainer(checkpoint, &config, backbone, &device.device)?;
        let hash = backbone.map(|backbone| backbone.hash().to_owned());
        let history = checkpoint.meta.history.clone();
        let elapsed_secs = checkpoint.meta.progress.elapsed_secs;
        let (mut run, commands) = Self::with_trainer(config, data, device, trainer, hash, (elapsed_secs, history))?;
        run.rollback.keep(&run.config, checkpoint.clone());
        let summary = run.data.summary();
        if !origin.is_unknown() && summary.fingerprint != origin.fingerprint {
            let message = format!(
                "the checkpoint was trained on other pictures ({}, {} of them) than these ({}, {}); training continues with \
                 these",
                origin.name, origin.count, summary.name, summary.count
            );
            run.pending.push_back(Event::Warning { message });
        } else {
            // Scores by other pictures would say nothing about these.
            run.scored.clone_from(&checkpoint.meta.scored);
            run.go_on_after_stalling();
        }
        Ok((run, commands))
    }

    /// Tells a resumed run which checkpoint is kept as its best, if one is: a front end that keeps it may have written it after
    /// the checkpoint that the run goes on from. After a collapse the run goes back to it. To be called before [`Run::judge_by`].
    pub fn best_is(&mut self, best: Option<&Checkpoint>) {
        let (step, fingerprint) = (self.trainer.step, &self.data.summary().fingerprint);
        let is_ours =
            |best: &&Checkpoint| best.meta.progress.step <= step && best.meta.data.fingerprint == *fingerprint;
        let best = best.filter(is_ours);
        let kept = best.and_then(|best| best.meta.scored.clone());
        let is_of_it = |own: &Scored| {
            kept.as_ref().is_some_and(|kept| (kept.best.step, &kept.best.name) == (own.best.step, &own.best.name))
        };
        // The checkpoint that the run goes on from knows the scores after the best one too.
        if !self.scored.as_ref().is_some_and(is_of_it) {
            self.scored = kept;
            self.go_on_after_stalling();
        }
        if let Some(best) = best {
            self.rollback.keep_best(&self.config, best);
        }
    }

    /// Whoever goes on with a run that ended as its scores had stalled wants to see whether they get better now: the next score would
    /// end it again.
    fn go_on_after_stalling(&mut self) {
        if let (Some(scored), Some(most)) = (&mut self.scored, self.config.train.stop_when_stalled)
            && scored.stalled >= most
        {
            scored.stalled = 0;
        }
    }

    /// Does not count `secs` as training: the front end waited, and did not poll the run.
    pub fn was_held(&mut self, secs: f64) {
        self.clock.forget(secs);
        self.busy_since = None;
    }

    /// A new run whose networks begin with those of `checkpoint`. `config` is what
    /// [`RunConfig::warm_started`](crate::config::RunConfig::warm_started) allows. What of the checkpoint could not be used is
    /// told in warnings.
    ///
    /// # Errors
    /// As [`Run::resume`].
    pub fn warm_start(
        checkpoint: &Checkpoint,
        config: ValidConfig,
        data: Arc<Dataset>,
        device: OpenDevice,
        backbone: Option<&Pretrained>,
    ) -> Result<(Self, Sender<Command>), RunError> {
        check_pictures(&checkpoint.meta.data, &config, &data)?;
        let kind = data.summary().kind();
        let WarmStart { trainer, has_mixing, notes } =
            checkpoint::warm_start(checkpoint, &config, kind, backbone, &device.device)?;
        let hash = backbone.map(|backbone| backbone.hash().to_owned());
        let (mut run, commands) =
            Self::with_trainer(config, data, device, trainer, hash, (0.0, StepSeries::default()))?;
        // The heads have learnt on the maps as the checkpoint mixes them.
        if has_mixing {
            run.trainer.settle();
        } else {
            run.calibrate()?;
        }
        run.pending.extend(notes.into_iter().map(|message| Event::Warning { message }));
        Ok((run, commands))
    }

    /// Whether its settings ask for scores, and it has not been told yet what to score by.
    pub fn wants_scores(&self) -> bool {
        self.config.metrics.is_on() && !self.is_judged
    }

    /// Has the run score its pictures by what `network` sees in them, as `metrics` says. Without this call it doesn't. The
    /// network must be one that no discriminator looks through.
    pub fn judge_by(&mut self, network: FeatureNetwork) {
        if !self.wants_scores() {
            return;
        }
        self.is_judged = true;
        let at = (self.trainer.nimg, self.clock.elapsed_secs());
        self.judge = Judge::new(network, self.data.clone(), &self.config, self.scored.clone(), at);
        if self.judge.is_none() {
            let message = "there are too few pictures to score the generated ones".to_owned();
            self.pending.push_back(Event::Warning { message });
        }
    }

    /// Scales the mixing of a new projected discriminator by the first pictures.
    fn calibrate(&mut self) -> Result<(), RunError> {
        let pixels = self.config.model.network_size(self.config.data.resolution).pixels();
        let count = (CALIBRATION_PICTURES * CALIBRATION_SIDE * CALIBRATION_SIDE / pixels).max(LEAST_CALIBRATION);
        self.trainer.calibrate(self.batches.first(count, &self.device.device));
        Ok(self.data.check()?)
    }

    fn with_trainer(
        config: ValidConfig,
        data: Arc<Dataset>,
        device: OpenDevice,
        trainer: Trainer,
        backbone: Option<String>,
        (elapsed_secs, history): (f64, StepSeries),
    ) -> Result<(Self, Sender<Command>), RunError> {
        let (of, found) = (config.data.resolution, data.resolution());
        if of != found {
            let reason = format!("the pictures are prepared at {found} pixels, but the networks need {of}");
            return Err(RunError::Data { reason });
        }
        if config.model.conditional && data.summary().classes.is_empty() {
            let reason =
                "model.conditional needs pictures with classes: put each class in its own folder, or turn the setting off"
                    .to_owned();
            return Err(RunError::Data { reason });
        }
        if config.data.keep_typical < 1.0 && data.typicality().is_none() {
            let reason = "data.keep_typical asks for typical pictures, and nobody has judged which ones are".to_owned();
            return Err(RunError::Data { reason });
        }
        precision::check(config.train.precision, &device)?;
        // Commands come from a person's clicks, so this bound is only reached if something is wrong.
        let (sender, commands) = async_channel::bounded(1024);
        let batches = Batches::new(data.clone(), &config);
        let mark = Mark { step: trainer.step, secs: elapsed_secs };
        let mut pending = VecDeque::new();
        // No error, which would refuse older checkpoints.
        if config.augment.adaptive && !config.augment.is_active() {
            let message = "augment.adaptive has nothing to adapt: turn on augment.translation, augment.color or augment.cutout too";
            pending.push_back(Event::Warning { message: message.to_owned() });
        }
        let run = Self {
            clock: Clock::new(elapsed_secs, trainer.nimg),
            config,
            device,
            data,
            trainer,
            batches,
            commands,
            pending,
            phase: Phase::New,
            unread: Vec::new(),
            history,
            backbone,
            last_sample: mark,
            last_checkpoint: mark,
            judge: None,
            is_judged: false,
            scored: None,
            rollback: Rollback::default(),
            signs: None,
            diagnosis: None,
            unanswered: None,
            save_secs: 0.0,
            busy_since: None,
            half: None,
            #[cfg(feature = "devices")]
            team: None,
        };
        #[cfg(feature = "devices")]
        let run = run.shared()?;
        Ok((run, sender))
    }

    /// The next event, or none once the run has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if self.phase != Phase::New
                && let Some(event) = self.pending.pop_front()
            {
                return Some(event);
            }
            let advanced = match self.phase {
                Phase::New => self.begin().await,
                Phase::Running => self.advance().await,
                Phase::Paused => {
                    // Whoever could end the pause is gone: end the run, keeping it.
                    let command = self.commands.recv().await.unwrap_or(Command::Stop);
                    self.obey(command).await
                }
                Phase::Ended => return None,
            };
            if let Err(error) = advanced.or_else(|error| self.go_back(error)) {
                self.phase = Phase::Ended;
                let message = format!("{error}{}", self.rollback.words_after(&error));
                self.pending.push_back(Event::Failed { kind: error.kind(), message });
            }
        }
    }

    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.clock.progress(self.trainer.step, self.trainer.nimg, self.batches.epoch_len(), self.config.train.length)
    }

    /// Seconds that the last checkpoint took to make; 0 before the first one.
    pub fn save_secs(&self) -> f64 {
        self.save_secs
    }

    async fn begin(&mut self) -> Result<(), RunError> {
        self.phase = Phase::Running;
        self.half = precision::choose(self.config.train.precision, &self.device).await?;
        self.pending.push_front(self.started());
        self.repeat_history();
        self.sample_fixed(None).await?;
        self.clock.start();
        Ok(())
    }

    fn started(&self) -> Event {
        Event::Started {
            config: Box::new(self.config.clone().into_inner()),
            device: match &self.half {
                Some(words) => format!("{}, {words}", self.device.description),
                None => self.device.description.clone(),
            },
            generator_parameters: weights::count_parameters(&self.trainer.generator),
            discriminator_parameters: weights::count_parameters(&self.trainer.discriminator),
            data: self.data.summary().clone(),
            progress: self.progress(),
        }
    }

    fn repeat_history(&mut self) {
        if !self.history.is_empty() {
            self.pending.push_back(Event::Tick { progress: self.progress(), series: self.history.clone() });
        }
    }

    /// After a divergence: goes back to the last checkpoint and on with lower learning rates, where the settings say so and
    /// there is hope. The front end is told as of a run that was resumed.
    ///
    /// # Errors
    /// Any other error, and a divergence that ends the run.
    fn go_back(&mut self, error: RunError) -> Result<(), RunError> {
        let Some((checkpoint, config, message)) = self.rollback.attempt(&error, &self.config)? else {
            return Err(error);
        };
        checkpoint::restore_into(&mut self.trainer, checkpoint, &config, &self.device.device)?;
        #[cfg(feature = "devices")]
        {
            self.team = None;
        }
        (self.config, self.history) = (config, checkpoint.meta.history.clone());
        self.unread.clear();
        (self.signs, self.diagnosis) = (None, None);
        if let Some(judge) = &mut self.judge {
            let at = (self.trainer.nimg, self.clock.elapsed_secs());
            // Scores by other pictures would say nothing about these.
            let is_of_these = checkpoint.meta.data.fingerprint == self.data.summary().fingerprint;
            judge.go_back(self.trainer.step, at, checkpoint.meta.scored.as_ref().filter(|_| is_of_these));
        }
        self.clock.rewind(self.trainer.nimg);
        self.clock.start();
        let mark = Mark { step: self.trainer.step, secs: self.clock.elapsed_secs() };
        (self.last_sample, self.last_checkpoint) = (mark, mark);
        self.phase = Phase::Running;
        // After the start, with which a run's folder puts aside what came after the checkpoint.
        self.pending.push_back(self.started());
        self.pending.push_back(Event::Warning { message });
        self.repeat_history();
        Ok(())
    }

    async fn advance(&mut self) -> Result<(), RunError> {
        let command = self.unanswered.take().map_or_else(|| self.commands.try_recv(), Ok);
        match command {
            Ok(command) => return self.obey(command).await,
            // If nobody holds the sender any more, the run continues to its end.
            Err(TryRecvError::Empty | TryRecvError::Closed) => {}
        }
        if self.is_complete() {
            return self.finish(FinishReason::Completed).await;
        }
        self.step().await?;
        self.report().await?;
        self.judge().await?;
        platform::yield_now().await;
        self.rest().await;
        Ok(())
    }

    /// Leaves the device idle for its share of the time, where it has one. A command ends the rest.
    async fn rest(&mut self) {
        /// How long a command may wait.
        const NAP: Duration = Duration::from_millis(50);
        let share = self.config.output.idle_share;
        // Between ticks the device has work to do that the host does not wait for.
        if share == 0.0 || !self.unread.is_empty() {
            return;
        }
        if let Some(since) = self.busy_since {
            let until = Instant::now() + since.elapsed().mul_f64(share / (1.0 - share));
            while self.commands.is_empty() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                platform::sleep(left.min(NAP)).await;
            }
        }
        self.busy_since = Some(Instant::now());
    }

    async fn step(&mut self) -> Result<(), RunError> {
        #[cfg(feature = "devices")]
        let stats = self.step_on_devices()?;
        #[cfg(not(feature = "devices"))]
        let stats = self.step_on_device();
        self.data.check()?;
        self.unread.push(UnreadStep { step: self.trainer.step, series: stats.series() });
        if let Some(mean_signs) = self.trainer.mean_signs_due() {
            self.trainer.adapt(&read_numbers(mean_signs).await?);
        }
        Ok(())
    }

    fn step_on_device(&mut self) -> StepStats {
        let batch = self.batches.next(self.trainer.nimg, self.config.model.latent, &self.device.device);
        in_half(self.half.is_some(), || self.trainer.step(batch))
    }

    fn is_complete(&self) -> bool {
        let Trainer { step, nimg, .. } = self.trainer;
        self.config.train.length.is_reached(&self.clock.counts(step, nimg, self.batches.epoch_len()))
    }

    /// Reports, samples and saves what is due after a step.
    async fn report(&mut self) -> Result<(), RunError> {
        let step = self.trainer.step;
        let output = self.config.output.clone();
        // The first values come at once: people wait for a sign of life, and a net that diverges at once shows here.
        let is_tick = self.unread.len() as u64 >= output.tick_steps || step == 1;
        if is_tick {
            self.tick().await?;
        }
        let now = self.clock.elapsed_secs();
        let is_due = |mark: Mark, steps: Option<u64>, secs: Option<f64>| {
            steps.is_some_and(|n| step >= mark.step + n) || is_tick && secs.is_some_and(|s| now >= mark.secs + s)
        };
        let epoch = output.epoch_samples.and_then(|every| self.epoch_just_completed(every));
        if epoch.is_some() || is_due(self.last_sample, output.sample_steps, output.sample_secs) {
            self.sample_fixed(epoch).await?;
        }
        if is_due(self.last_checkpoint, output.checkpoint_steps, output.checkpoint_secs) {
            self.save(CheckpointReason::Automatic).await?;
        }
        Ok(())
    }

    /// Does a piece of a score, if one is due and the scores have had less than their share of the time.
    async fn judge(&mut self) -> Result<(), RunError> {
        // Right after a tick the device has nothing else to do, so the time that a piece takes is its own.
        let (step, nimg, now) = (self.trainer.step, self.trainer.nimg, self.clock.elapsed_secs());
        let metrics = self.config.metrics.clone();
        let Some(judge) = self.judge.as_mut().filter(|_| self.unread.is_empty()) else { return Ok(()) };
        judge.forget_after(step);
        if !judge.may_work(&metrics, now) {
            return Ok(());
        }
        if judge.is_due(&metrics, nimg, now) {
            self.begin_score().await?;
        }
        if self.work_on_score().await? {
            self.finish(FinishReason::Stalled).await?;
        }
        Ok(())
    }

    async fn begin_score(&mut self) -> Result<(), RunError> {
        let meta = self.meta().await?;
        let sampler = self.sampler();
        if let Some(judge) = &mut self.judge {
            let opinion = Opinion::new(&self.trainer.discriminator, judge.asked());
            judge.begin(Snapshot::take(&self.trainer, meta), sampler, opinion);
        }
        Ok(())
    }

    /// Does a piece of the score under way. True if the run is to end, because its scores don't get better.
    async fn work_on_score(&mut self) -> Result<bool, RunError> {
        let now = self.clock.elapsed_secs();
        let Some(judge) = &mut self.judge else { return Ok(false) };
        let known = judge.scored();
        let Some(mut verdict) = judge.work(&self.device.device, now).await? else { return Ok(false) };
        let Progress { step, nimg, .. } = verdict.snapshot.meta.progress;
        self.pending.push_back(Event::Values { step, nimg, values: verdict.values });
        let is_best = verdict.best.is_some();
        if let Some((score, before)) = verdict.best {
            verdict.snapshot.meta.scored = judge.scored();
            let checkpoint = verdict.snapshot.read().await?;
            // A run that has broken down ends by its losses at the next tick.
            if checkpoint.not_finite().is_none() {
                self.rollback.keep_best(&self.config, &checkpoint);
                let bytes = checkpoint.to_bytes();
                self.pending.push_back(Event::Best { step, nimg, score, before, bytes, path: None });
            } else {
                judge.take_back(known);
            }
        }
        self.signs = Some(verdict.signs);
        self.diagnosis = None;
        let diagnosis = self.diagnose();
        // A run that still gets better has nothing to go back to, and is not given up.
        if let Diagnosis::Collapsed { diversity } = diagnosis
            && !is_best
            && self.rollback.heeds_collapse(&self.config)
        {
            return Err(RunError::Collapsed { step, diversity });
        }
        Ok(self.config.train.stop_when_stalled.is_some_and(|most| verdict.stalled >= most))
    }

    /// Says how the run goes, if that is another condition than what was said last.
    fn diagnose(&mut self) -> Diagnosis {
        let train = &self.config.train;
        let steps = self.history.steps();
        let is_enough = steps.len() >= LOSS_STEPS;
        // A penalty that has ended by then is no part of these losses.
        let first = steps.get(steps.len().saturating_sub(LOSS_STEPS)).copied().unwrap_or_default();
        let recent = |name| self.history.get(name).rev().take_while(move |(step, _)| *step >= first);
        let sum = |name| recent(name).map(|(_, value)| f64::from(value)).sum::<f64>();
        let adversarial =
            [series::LOSS_R1, series::LOSS_R2].into_iter().fold(sum(series::LOSS_D), |loss, name| loss - sum(name));
        let mean_loss = is_enough.then_some(adversarial / LOSS_STEPS as f64);
        let newest = [series::LOSS_D, series::LOSS_G, series::SCORE_REAL, series::SCORE_FAKE]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), f64::from(self.history.last(name)?.abs()))));
        let signs = Signs {
            nimg: self.trainer.nimg,
            largest: newest.max_by(|(_, a), (_, b)| a.total_cmp(b)),
            loss_share: mean_loss.and_then(|loss| loss_share(train.loss, train.label_smoothing, loss)),
            scored: self.signs.clone(),
        };
        let diagnosis = Diagnosis::of(&signs);
        if !self.diagnosis.as_ref().is_some_and(|said| said.is_same_condition(&diagnosis)) {
            let Trainer { step, nimg, .. } = self.trainer;
            self.pending.push_back(Event::Diagnosis { step, nimg, diagnosis: diagnosis.clone() });
            self.diagnosis = Some(diagnosis.clone());
        }
        diagnosis
    }

    /// Finishes a score that is under way, or scores the last pictures, if there is time for it.
    async fn score_last(&mut self) -> Result<(), RunError> {
        let (nimg, now) = (self.trainer.nimg, self.clock.elapsed_secs());
        let Some(judge) = &self.judge else { return Ok(()) };
        if !judge.is_affordable(&self.config.metrics, now) || nimg == 0 {
            return Ok(());
        }
        if !judge.is_busy() {
            self.begin_score().await?;
        }
        // Whoever asks for anything now, as for an end, gets the last checkpoint at once.
        while self.commands.is_empty() && self.judge.as_ref().is_some_and(Judge::is_busy) {
            self.work_on_score().await?;
            platform::yield_now().await;
        }
        Ok(())
    }

    /// The number of the pass through the data set that the last step completed, if it is a multiple of `every`.
    fn epoch_just_completed(&self, every: u64) -> Option<u64> {
        let complete = |nimg: u64| nimg / self.batches.epoch_len() as u64 / every;
        let now = complete(self.trainer.nimg);
        // A batch larger than the data set may complete several passes at once.
        (now > complete(self.trainer.nimg - self.config.train.batch as u64)).then_some(now * every)
    }

    async fn obey(&mut self, command: Command) -> Result<(), RunError> {
        self.unanswered = Some(command.clone());
        match command {
            Command::Pause => {
                self.tick().await?;
                self.clock.stop();
                self.busy_since = None;
                self.phase = Phase::Paused;
                self.pending.push_back(Event::Paused { progress: self.progress() });
            }
            Command::Resume => {
                self.clock.start();
                self.phase = Phase::Running;
                self.pending.push_back(Event::Resumed { progress: self.progress() });
            }
            Command::Sample { count, seed, class, truncation_psi } => {
                self.sample(Draw { class, truncation_psi, ..Draw::new(seed, count) }, None).await?;
            }
            Command::Draw { id, pictures } => {
                let grid = self.sampler().draw_each(&pictures, &self.device.device).await?.grid_of(1);
                let Trainer { step, nimg, .. } = self.trainer;
                self.pending.push_back(Event::Drawn { id, step, nimg, grid });
            }
            Command::Set { key, value } => {
                if let Err(message) = self.set(&key, &value) {
                    self.pending.push_back(Event::Warning { message });
                }
            }
            Command::Save => self.save(CheckpointReason::Requested).await?,
            Command::Autosave => self.save(CheckpointReason::Automatic).await?,
            Command::Stop => self.finish(FinishReason::Stopped).await?,
        }
        self.unanswered = None;
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if !key.starts_with("output.") && key != "train.length" {
            return Err(format!(
                "{key} can't change during a run; stop it and continue from its checkpoint with the new value"
            ));
        }
        let mut config = self.config.clone().into_inner();
        config.set(key, value).map_err(|error| error.to_string())?;
        self.config = config.validate().map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Reads back what was measured at the steps since the last tick.
    async fn tick(&mut self) -> Result<(), RunError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let unread = std::mem::take(&mut self.unread);
        let tensors = unread.iter().flat_map(|step| &step.series).map(|(_, tensor)| tensor.clone());
        let mut read = read_values(tensors).await?.into_iter();
        let mut series = StepSeries::default();
        for UnreadStep { step, series: names } in unread {
            // The values come in the order of the tensors above.
            let values: Vec<(&'static str, f32)> =
                names.into_iter().zip(&mut read).map(|((name, _), values)| (name, mean(&values))).collect();
            if let Some(&(name, value)) = values.iter().find(|(_, value)| !value.is_finite()) {
                return Err(RunError::Diverged { step, name: name.to_owned(), value });
            }
            series.push(step, values);
        }
        self.history.append(&series);
        self.history.keep_last(HISTORY_MAX);
        self.clock.mark(self.trainer.nimg);
        let progress = self.progress();
        let Progress { step, nimg, .. } = progress;
        let values = self.occasional(&progress);
        self.pending.push_back(Event::Tick { progress, series });
        self.pending.push_back(Event::Values { step, nimg, values });
        self.diagnose();
        Ok(())
    }

    /// What is reported once a tick, by the name of its series.
    fn occasional(&self, progress: &Progress) -> BTreeMap<String, f64> {
        let memory_bytes = progress.memory_bytes.map(|bytes| (series::MEMORY_BYTES, bytes as f64));
        let of_the_run = [(series::IMAGES_PER_SEC, progress.images_per_sec), (series::NIMG, progress.nimg as f64)];
        let values = of_the_run.into_iter().chain(memory_bytes).chain(self.trainer.scheduled());
        values.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Draws the grid of fixed latents, which shows progress.
    async fn sample_fixed(&mut self, epoch: Option<u64>) -> Result<(), RunError> {
        self.last_sample = Mark { step: self.trainer.step, secs: self.clock.elapsed_secs() };
        self.sample(Draw::new(self.config.seed, self.config.output.grid), epoch).await
    }

    async fn sample(&mut self, what: Draw, epoch: Option<u64>) -> Result<(), RunError> {
        let grid = self.sampler().draw(what, &self.device.device).await?.grid();
        let Trainer { step, nimg, .. } = self.trainer;
        self.pending.push_back(Event::Samples { step, nimg, seed: what.seed, grid, epoch, path: None });
        Ok(())
    }

    /// What draws the pictures that people see.
    fn sampler(&self) -> Sampler {
        let generator = self.trainer.generator_ema.module().clone();
        Sampler::new(generator, &self.config, self.data.summary().kind())
    }

    async fn save(&mut self, reason: CheckpointReason) -> Result<(), RunError> {
        // The losses first: a run that has diverged ends by what diverged first.
        self.tick().await?;
        let began = Instant::now();
        let Trainer { step, nimg, .. } = self.trainer;
        let meta = self.meta().await?;
        let checkpoint = checkpoint::capture(&self.trainer, meta).await?;
        // Losses are taken before a step's updates, so they don't tell whether the last ones left numbers.
        if let Some((name, value)) = checkpoint.not_finite() {
            return Err(RunError::Diverged { step, name: name.to_owned(), value });
        }
        let bytes = checkpoint.to_bytes();
        // After the last one there is nothing to go back for. Numbers that grow out of bounds are gone back to if there are no others.
        let is_growing = matches!(self.diagnosis, Some(Diagnosis::NearInfinity { .. }));
        if reason != CheckpointReason::Last && !(is_growing && self.rollback.has_any()) {
            self.rollback.keep(&self.config, checkpoint);
        }
        self.save_secs = began.elapsed().as_secs_f64();
        self.last_checkpoint = Mark { step, secs: self.clock.elapsed_secs() };
        self.pending.push_back(Event::Checkpoint { step, nimg, reason, bytes, path: None });
        Ok(())
    }

    /// What a checkpoint says of the run as it is.
    async fn meta(&self) -> Result<Meta, RunError> {
        Ok(Meta {
            format: FORMAT,
            config: self.config.clone().into_inner(),
            progress: self.progress(),
            random: RandomState::at(self.config.seed, self.trainer.nimg),
            data: DataOrigin::from(self.data.summary()),
            history: self.history.clone(),
            adaptive: self.adaptive_state().await?,
            backbone: self.backbone.clone(),
            scored: self.judge.as_ref().map_or_else(|| self.scored.clone(), Judge::scored),
        })
    }

    async fn adaptive_state(&self) -> Result<Option<AdaptiveState>, RunError> {
        if !self.config.augment.adaptive {
            return Ok(None);
        }
        let mean_signs = read_numbers(self.trainer.adaptive.mean_signs.clone()).await?;
        let p = self.trainer.adaptive.p;
        Ok(Some(AdaptiveState { p, p_bits: Some(p.to_bits()), mean_signs }))
    }

    async fn finish(&mut self, reason: FinishReason) -> Result<(), RunError> {
        self.tick().await?;
        if reason == FinishReason::Completed {
            // The steps are done, and a score is not worth their checkpoint.
            match self.score_last().await {
                Err(RunError::Pictures(lost)) => {
                    let message = format!("the last pictures are not scored. {lost}");
                    self.pending.push_back(Event::Warning { message });
                }
                scored => scored?,
            }
        }
        self.clock.stop();
        if self.last_sample.step != self.trainer.step {
            self.sample_fixed(None).await?;
        }
        self.save(CheckpointReason::Last).await?;
        self.phase = Phase::Ended;
        self.pending.push_back(Event::Finished { reason, progress: self.progress() });
        Ok(())
    }
}

/// Whether a checkpoint's networks can be trained on these pictures.
fn check_pictures(origin: &DataOrigin, config: &ValidConfig, data: &Dataset) -> Result<(), RunError> {
    if origin.channels != data.channels() {
        let (of, found) = (origin.channels, data.channels());
        let reason = format!(
            "the checkpoint was trained on pictures with {of} channels, and these have {found}; use other pictures"
        );
        return Err(RunError::Data { reason });
    }
    if config.model.conditional && origin.classes != data.summary().classes {
        let reason = format!(
            "the checkpoint was trained on the classes {}, these pictures have {}; use pictures with the same classes",
            listed(&origin.classes),
            listed(&data.summary().classes)
        );
        return Err(RunError::Data { reason });
    }
    Ok(())
}

/// Reads back tensors of one number each.
async fn read_numbers(tensors: impl IntoIterator<Item = Tensor<1>>) -> Result<Vec<f32>, DeviceError> {
    Ok(read_values(tensors).await?.into_iter().flatten().collect())
}

/// In float64, so that the mean of one number is that number.
fn mean(values: &[f32]) -> f32 {
    (values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64) as f32
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names {
        [] => "none".to_owned(),
        few if few.len() <= SHOWN => few.join(", "),
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}

#[cfg(feature = "devices")]
mod devices;
#[cfg(test)]
mod tests;
