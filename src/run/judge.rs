//! Scores the pictures of a run while it trains.
//!
//! The work is done in pieces between steps, and only while it has had less than its share of the time. A score is that of the
//! generator at one step: its weights, and all else that a checkpoint needs, are held until the score is known. Nothing here
//! changes the training: its random numbers are a stream of their own, and it only holds on to tensors.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Device;

use super::checkup::{Asked, Colors, Opinion, mean_distance};
use crate::checkpoint::{Scored, Snapshot};
use crate::config::{BestBy, MetricsConfig};
use crate::data::{Dataset, Split};
use crate::diagnosis::ScoreSigns;
use crate::features::{FeatureNetwork, LookError, Seen};
use crate::metrics::{Estimate, LeftOut, Matrix, RealSplit, Score, Scores, Scoring, is_frechet_biased, score_name};
use crate::platform::Instant;
use crate::protocol::BestScore;
use crate::random::{Random, Stream};
use crate::sample::{Draw, Pictures, Sampler};
use crate::series;
use crate::validate::ValidConfig;

/// Position in the random stream of scores: which real pictures are compared with.
const REAL: u64 = 1003;

/// Looks at a run's pictures and at real ones.
#[derive(Debug)]
pub struct Judge {
    network: FeatureNetwork,
    data: Arc<Dataset>,
    split: RealSplit,
    seed: u64,
    /// The real pictures, and what has been seen of them.
    real: Vec<u32>,
    /// Their classes, which are drawn for a generator with classes; empty if there are none.
    classes: Vec<u32>,
    seen: Seen,
    colors: Colors,
    /// Mean distance of two real pictures' features; none before it is needed.
    real_distance: Option<f64>,
    /// What the discriminator is asked about at each score.
    asked: Asked,
    /// The largest diversity so far.
    most_diverse: f64,
    job: Option<Job>,
    /// What was scored so far, as a checkpoint keeps it.
    scored: Option<Scored>,
    /// When a score was last begun: pictures shown, and seconds of training.
    last: (u64, f64),
    /// Seconds of training when this session began, and those that scores have taken since.
    began_secs: f64,
    spent_secs: f64,
    /// Seconds that the last score took; none before the first one.
    cost_secs: Option<f64>,
}

/// A run at one step, until its score is known.
#[derive(Debug)]
struct Job {
    snapshot: Snapshot,
    sampler: Sampler,
    stage: Stage,
    opinion: Opinion,
    colors: Colors,
    /// Of the generated pictures, by that of the real ones; 0 until they are drawn.
    diversity: f64,
    count: usize,
    secs: f64,
}

#[derive(Debug)]
enum Stage {
    Drawing(Seen),
    Computing(Box<Scoring>),
}

/// What a finished score says.
#[derive(Debug)]
pub struct Verdict {
    /// The run as it was.
    pub snapshot: Snapshot,
    /// By the name of its series.
    pub values: BTreeMap<String, f64>,
    /// The best score, if that is this one, and the one before.
    pub best: Option<(BestScore, Option<BestScore>)>,
    /// Scores in a row that were no better.
    pub stalled: u64,
    /// What else was found.
    pub signs: ScoreSigns,
}

impl Judge {
    /// The judge of a run that has shown `nimg` pictures in `elapsed_secs`; none if there are too few pictures to compare with.
    ///
    /// It compares with pictures that are held out, or, where there are too few of those, with the training's.
    pub fn new(
        network: FeatureNetwork,
        data: Arc<Dataset>,
        config: &ValidConfig,
        scored: Option<Scored>,
        (nimg, elapsed_secs): (u64, f64),
    ) -> Option<Self> {
        let Split { training, validation } = Split::of(&data, &config.data, config.seed);
        let (split, from) = match validation.len() >= Scores::MIN_PICTURES {
            true => (RealSplit::Validation, validation),
            false => (RealSplit::Training, training),
        };
        if from.len() < Scores::MIN_PICTURES {
            return None;
        }
        let order = Random::new(config.seed, Stream::Scores, REAL).permutation(from.len());
        let real: Vec<u32> = order.iter().take(config.metrics.count).map(|place| from[*place as usize]).collect();
        Some(Self {
            network,
            asked: Asked::new(&data, &config.data, config.seed),
            classes: real.iter().filter_map(|index| data.label(*index as usize)).collect(),
            data,
            split,
            seed: config.seed,
            real,
            seen: Seen::default(),
            colors: Colors::default(),
            real_distance: None,
            most_diverse: 0.0,
            job: None,
            scored,
            last: (nimg, elapsed_secs),
            began_secs: elapsed_secs,
            spent_secs: 0.0,
            cost_secs: None,
        })
    }

    /// What a checkpoint keeps of the scores.
    pub fn scored(&self) -> Option<Scored> {
        self.scored.clone()
    }

    /// Whether a score is under way.
    pub fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// Whether scores have had less than their share of the time, so that they may go on.
    pub fn may_work(&self, config: &MetricsConfig, elapsed_secs: f64) -> bool {
        self.spent_secs <= config.budget * (elapsed_secs - self.began_secs)
    }

    /// Whether a whole score is likely to fit into the share of the time.
    pub fn is_affordable(&self, config: &MetricsConfig, elapsed_secs: f64) -> bool {
        let share = config.budget * (elapsed_secs - self.began_secs);
        self.cost_secs.is_some_and(|cost| self.spent_secs + cost <= share)
    }

    /// Whether a new score is due, and no other under way.
    pub fn is_due(&self, config: &MetricsConfig, nimg: u64, elapsed_secs: f64) -> bool {
        let (last_nimg, last_secs) = self.last;
        let by_images = config.every_kimg.is_some_and(|kimg| (nimg - last_nimg.min(nimg)) as f64 >= 1000.0 * kimg);
        let by_time = config.every_minutes.is_some_and(|minutes| elapsed_secs - last_secs >= 60.0 * minutes);
        self.job.is_none() && (by_images || by_time)
    }

    /// The real pictures that an [`Opinion`] is about.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Begins a score of the run as it is.
    pub fn begin(&mut self, snapshot: Snapshot, sampler: Sampler, opinion: Opinion) {
        let meta = &snapshot.meta;
        self.last = (meta.progress.nimg, meta.progress.elapsed_secs);
        let count = meta.config.metrics.count;
        let (stage, colors) = (Stage::Drawing(Seen::default()), Colors::default());
        self.job = Some(Job { snapshot, sampler, stage, opinion, colors, diversity: 0.0, count, secs: 0.0 });
    }

    /// The run went back to `step`, and goes on there at `at`: pictures shown, and seconds of training. `scored` is what was known then.
    /// What was scored of later steps is of another course.
    pub fn go_back(&mut self, step: u64, at: (u64, f64), scored: Option<&Scored>) {
        self.forget_after(step);
        self.scored = match self.scored.take().filter(|own| own.best.step <= step) {
            // That score came after the checkpoint was made.
            Some(own) if scored.is_none_or(|then| then.best.step < own.best.step) => {
                Some(Scored { stalled: 0, stalled_at: own.best.value, stalled_nimg: Some(at.0), ..own })
            }
            _ => scored.cloned(),
        };
        self.last = at;
        self.most_diverse = 0.0;
    }

    /// Forgets the newest score: what was scored had broken down. `scored` is what was known before.
    pub fn take_back(&mut self, scored: Option<Scored>) {
        self.scored = scored;
    }

    /// Forgets what is under way of a step after this one.
    pub fn forget_after(&mut self, step: u64) {
        if self.job.as_ref().is_some_and(|job| job.snapshot.meta.progress.step > step) {
            self.job = None;
        }
    }

    /// Does a piece of what is under way, at most a second or so. Returns what was found, once that is known.
    ///
    /// # Errors
    /// [`LookError`] if a real picture can't be read any more, or the device failed.
    pub async fn work(&mut self, device: &Device, elapsed_secs: f64) -> Result<Option<Verdict>, LookError> {
        let Some(mut job) = self.job.take() else { return Ok(None) };
        let began = Instant::now();
        let batch = self.network.batch();
        let mut scores = None;
        if self.seen.len() < self.real.len() {
            let chunk = &self.real[self.seen.len()..self.real.len().min(self.seen.len() + batch)];
            let pictures = Pictures::from_dataset(&self.data, chunk)?;
            self.colors.add(&pictures);
            self.seen.append(self.network.look_at(&pictures, device).await?);
        } else {
            job.stage = match job.stage {
                Stage::Drawing(mut seen) => {
                    let count = batch.min(job.count - seen.len());
                    let specs = Draw { first: seen.len(), ..Draw::new(self.seed, count) }.with_classes(&self.classes);
                    let pictures = job.sampler.draw_each(&specs, device).await?;
                    seen.append(self.network.look_at(&pictures, device).await?);
                    job.colors.add(&pictures);
                    let classes = job.sampler.classes_drawn(&specs, device);
                    job.opinion.ask(&pictures, classes, &self.data, device).await?;
                    if seen.len() < job.count {
                        Stage::Drawing(seen)
                    } else {
                        let (real, pictures) = (self.seen.matrix(), seen.matrix());
                        let real_distance = *self.real_distance.get_or_insert_with(|| mean_distance(&real));
                        // Real pictures that are all the same have no diversity to lose.
                        job.diversity =
                            if real_distance > 0.0 { mean_distance(&pictures) / real_distance } else { 1.0 };
                        Stage::Computing(Box::new(self.scoring(real, pictures)))
                    }
                }
                Stage::Computing(scoring) => match scoring.next() {
                    Ok(found) => {
                        scores = Some(found);
                        Stage::Drawing(Seen::default())
                    }
                    Err(rest) => Stage::Computing(Box::new(rest)),
                },
            };
        }
        let secs = began.elapsed().as_secs_f64();
        job.secs += secs;
        self.spent_secs += secs;
        match scores {
            Some(scores) => Ok(Some(self.verdict(job, &scores, elapsed_secs))),
            None => {
                self.job = Some(job);
                Ok(None)
            }
        }
    }

    fn scoring(&self, real: Matrix, pictures: Matrix) -> Scoring {
        let left_out = LeftOut::random(real.rows(), pictures.rows(), self.seed);
        Scoring::new(real, pictures, left_out)
    }

    fn verdict(&mut self, job: Job, scores: &Scores, elapsed_secs: f64) -> Verdict {
        self.cost_secs = Some(job.secs);
        let name = |score| score_name(score, self.network.short(), job.count, self.split);
        let share = self.spent_secs / (elapsed_secs - self.began_secs).max(self.spent_secs);
        let mut values =
            BTreeMap::from([(series::SCORING_SECS.to_owned(), job.secs), (series::SCORING_SHARE.to_owned(), share)]);
        for (score, estimate) in scores.iter() {
            values.insert(series::of_score(&name(score)), estimate.value);
            let error = estimate.standard_error();
            values.extend(error.map(|error| (series::of_standard_error(&name(score)), error)));
        }
        let is_biased = is_frechet_biased(self.real.len(), job.count, self.network.features());
        let by = match job.snapshot.meta.config.metrics.best {
            BestBy::Fd if !is_biased => Score::Fd,
            BestBy::Fd | BestBy::Kid => Score::Kid,
        };
        let estimate = scores.get(by).expect("all are computed");
        let leading = name(by);
        let progress = &job.snapshot.meta.progress;
        let best = self.rank(leading.clone(), estimate, (progress.step, progress.nimg));
        let stalled = self.scored.as_ref().map_or(0, |scored| scored.stalled);
        self.most_diverse = self.most_diverse.max(job.diversity);
        let meta = &job.snapshot.meta;
        let signs = ScoreSigns {
            name: leading,
            value: estimate.value,
            best: self.scored.as_ref().map_or(estimate.value, |scored| scored.best.value),
            stalled,
            stalled_nimg: self.scored.as_ref().map_or(0, |scored| {
                let of_steps = |step: u64| step * meta.config.train.batch as u64;
                let since = scored.stalled_nimg.unwrap_or_else(|| of_steps(scored.best.step));
                meta.progress.nimg.saturating_sub(since)
            }),
            diversity: job.diversity,
            most_diverse: self.most_diverse,
            color_shift: job.colors.shift_from(&self.colors),
            by_heart: job.opinion.by_heart(),
        };
        let found = [
            (series::DIVERSITY, Some(signs.diversity)),
            (series::COLOR_SHIFT, Some(signs.color_shift)),
            (series::BY_HEART, signs.by_heart),
        ];
        values.extend(found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Verdict { snapshot: job.snapshot, values, best, stalled, signs }
    }

    /// Notes a score, by which less is better. If it is the best, returns it and the one before.
    fn rank(
        &mut self,
        name: String,
        estimate: &Estimate,
        (step, nimg): (u64, u64),
    ) -> Option<(BestScore, Option<BestScore>)> {
        let (value, standard_error) = (estimate.value, estimate.standard_error());
        let new = BestScore { name, value, standard_error, step };
        // Scores of another name, after the settings were changed, say nothing about this one.
        match self.scored.as_mut().filter(|scored| scored.best.name == new.name) {
            Some(scored) => {
                let is_progress = value < scored.stalled_at - standard_error.unwrap_or(0.0);
                scored.stalled += 1;
                if is_progress {
                    (scored.stalled, scored.stalled_at, scored.stalled_nimg) = (0, value, Some(nimg));
                }
                let is_best = value < scored.best.value;
                is_best.then(|| (new.clone(), Some(std::mem::replace(&mut scored.best, new))))
            }
            None => {
                self.scored =
                    Some(Scored { best: new.clone(), stalled: 0, stalled_at: value, stalled_nimg: Some(nimg) });
                Some((new, None))
            }
        }
    }
}
