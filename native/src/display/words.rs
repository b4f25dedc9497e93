//! What a run tells, in words: a line for each event that people see.

use std::collections::BTreeMap;

use whelp::config::{DataConfig, OnDivergence, RunConfig};
use whelp::data::{DataSummary, held_out};
use whelp::diagnosis::{Diagnosis, Remedy};
use whelp::protocol::{BestScore, CheckpointReason, Event, FinishReason, Progress};
use whelp::series::{self, LOSS_D, LOSS_G};

/// The words of one run. A line's first word is its kind.
#[derive(Debug)]
pub struct Words {
    losses: (f32, f32),
    /// The run's settings.
    config: Option<Box<RunConfig>>,
}

impl Default for Words {
    fn default() -> Self {
        Self { losses: (f32::NAN, f32::NAN), config: None }
    }
}

impl Words {
    /// The lines that tell an event.
    pub fn lines(&mut self, event: &Event) -> Vec<String> {
        let line = match event {
            Event::Started { device, generator_parameters, discriminator_parameters, data, progress, config } => {
                self.config = Some(config.clone());
                let mut lines = vec![
                    format!("device      {device}"),
                    format!("pictures    {}{}", pictures(data), use_words(data.count, &config.data)),
                    format!(
                        "networks    {}: generator {:.2} M, discriminator {:.2} M parameters",
                        config.recipe,
                        *generator_parameters as f64 / 1e6,
                        *discriminator_parameters as f64 / 1e6
                    ),
                ];
                if progress.step > 0 {
                    lines.push(format!("resumed     after {} steps, {} images", progress.step, progress.nimg));
                }
                return lines;
            }
            Event::Tick { series, .. } => {
                if let (Some(d), Some(g)) = (series.last(LOSS_D), series.last(LOSS_G)) {
                    self.losses = (d, g);
                }
                return Vec::new();
            }
            Event::Samples { step, epoch, path, .. } => {
                let when = epoch.map_or_else(|| format!("step {step}"), |epoch| format!("epoch {epoch}"));
                format!("samples     {when}: {}", path.as_deref().unwrap_or("not written"))
            }
            Event::Checkpoint { step, path, reason, .. } => {
                let why = match reason {
                    CheckpointReason::Requested => ", requested",
                    CheckpointReason::Automatic => "",
                    CheckpointReason::Last => ", final",
                };
                let path = path.as_deref().unwrap_or("not written");
                format!("checkpoint  step {step}{why}: {path}  ({})", self.losses_text())
            }
            Event::Best { score, before, path, .. } => {
                let path = path.as_deref().unwrap_or("not written");
                format!("best        {}: {path}", best_in_words(score, before.as_ref()))
            }
            Event::Values { step, values, .. } => match scores_in_words(values) {
                Some(words) => format!("scores      step {step}: {words}"),
                None => return Vec::new(),
            },
            Event::Diagnosis { step, diagnosis, .. } => {
                format!("health      step {step}: {}", self.health(diagnosis))
            }
            Event::Warning { message } => format!("warning     {message}"),
            Event::Paused { .. } => "paused".to_owned(),
            Event::Resumed { .. } => "resumed".to_owned(),
            // Only a page asks for single pictures. A failure is told at the end of the program.
            Event::Drawn { .. } | Event::Failed { .. } => return Vec::new(),
            Event::Finished { reason, progress } => {
                let word = match reason {
                    FinishReason::Completed => "done",
                    FinishReason::Stopped => "stopped",
                    FinishReason::Stalled => "stalled",
                };
                format!("{word:<12}{}", self.status(progress))
            }
        };
        vec![line]
    }

    /// How far the run is.
    pub fn status(&self, progress: &Progress) -> String {
        let left = progress.remaining_secs.map_or(String::new(), |secs| format!(", {} left", time(secs)));
        format!(
            "step {}, {:.1} kimg, epoch {:.2}, {:.1} img/s, {}{left}, {}",
            progress.step,
            progress.nimg as f64 / 1000.0,
            progress.epoch,
            progress.images_per_sec,
            time(progress.elapsed_secs),
            self.losses_text()
        )
    }

    /// How the run goes, and what may help.
    pub fn health(&self, diagnosis: &Diagnosis) -> String {
        let advice = self.config.as_ref().and_then(|config| advice(diagnosis, config)).unwrap_or_default();
        format!("{diagnosis}{advice}")
    }

    fn losses_text(&self) -> String {
        let (d, g) = self.losses;
        format!("{LOSS_D} {d:.3}, {LOSS_G} {g:.3}")
    }
}

/// What may help a run with these settings.
fn advice(diagnosis: &Diagnosis, config: &RunConfig) -> Option<String> {
    let is_collapse = matches!(diagnosis, Diagnosis::Collapsed { .. });
    if is_collapse && config.train.on_divergence == OnDivergence::Rollback {
        // The run goes back by itself, where there is anything to go back to, and says so.
        return None;
    }
    let in_words = |remedy: Remedy| {
        let settings: Vec<String> =
            config.changes_to(&remedy.apply(config)).iter().map(|setting| format!("--set {setting}")).collect();
        let settings = settings.join(" ");
        match remedy {
            Remedy::Augment | Remedy::LowerLearningRates => {
                format!("stop the run and go on from its last checkpoint with {settings}")
            }
            Remedy::GoBackToBest => format!("stop the run and go on from checkpoints/best.safetensors with {settings}"),
            Remedy::LargerPictures => {
                format!(
                    "begin another run with --from RUN, the same --data and {settings}, which is slower and learns shapes better"
                )
            }
        }
    };
    let ways: Vec<String> = diagnosis.remedies(config).into_iter().map(in_words).collect();
    (!ways.is_empty()).then(|| format!(" It may help to {}", ways.join(", or to ")))
}

/// The scores among the values of series, with their standard errors; none if there are none.
fn scores_in_words(values: &BTreeMap<String, f64>) -> Option<String> {
    let scores: Vec<String> = values
        .iter()
        .filter_map(|(series, value)| {
            let name = series::score_of(series)?;
            let error = values.get(&series::of_standard_error(name)).copied();
            Some(format!("{name} {}", with_error(*value, error)))
        })
        .collect();
    let secs = values.get(series::SCORING_SECS).map_or_else(String::new, |secs| format!(" (took {secs:.1} s)"));
    (!scores.is_empty()).then(|| scores.join(", ") + &secs)
}

/// Why a checkpoint is the best.
fn best_in_words(score: &BestScore, before: Option<&BestScore>) -> String {
    let BestScore { name, value, standard_error, step } = score;
    let found = format!("step {step}, {name} {}", with_error(*value, *standard_error));
    match before {
        Some(before) => {
            let improvement = before.value - value;
            let noise = standard_error.is_some_and(|error| improvement < 2.0 * error);
            let words = if noise { ", no more than noise" } else { "" };
            format!(
                "{found} instead of {} at step {}{words}",
                with_error(before.value, before.standard_error),
                before.step
            )
        }
        None => format!("{found}, the first score"),
    }
}

/// `0.416 ± 0.021`, with digits enough for small ones.
pub fn with_error(value: f64, error: Option<f64>) -> String {
    let digits = if value.abs() < 0.1 { 5 } else { 3 };
    let error = error.map_or_else(String::new, |error| format!(" ± {error:.digits$}"));
    format!("{value:.digits$}{error}")
}

/// A data set in one line.
pub fn pictures(data: &DataSummary) -> String {
    let grey = if data.channels == 1 { ", grey" } else { "" };
    let classes = match data.classes.len() {
        0 => String::new(),
        classes => format!(", {classes} classes"),
    };
    format!("{}, {} at {} pixels{grey}{classes}", data.name, data.count, data.resolution)
}

/// Which of them are not trained on.
fn use_words(count: usize, config: &DataConfig) -> String {
    let held_out = match held_out(count, config.validation) {
        0 => String::new(),
        count => format!(", {count} of them held out"),
    };
    let typical = match config.keep_typical {
        share if share < 1.0 => format!(", trained on the most typical {} %", percent(share)),
        _ => String::new(),
    };
    format!("{held_out}{typical}")
}

/// A share in percent with at most one decimal: `50`, `12.5`.
fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

/// Seconds as `4s`, `2m 05s` or `1h 02m`.
pub fn time(secs: f64) -> String {
    let secs = secs.round() as u64;
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m {:02}s", secs / 60, secs % 60),
        _ => format!("{}h {:02}m", secs / 3600, secs % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use whelp::diagnosis::NamedScore;
    use whelp::recipes;

    use super::*;

    #[test]
    fn what_is_not_trained_on_is_said() {
        let words = |validation, keep_typical| {
            use_words(200, &DataConfig { validation, keep_typical, ..DataConfig::default() })
        };
        assert_eq!(words(0.0, 1.0), "");
        assert_eq!(words(0.1, 0.125), ", 20 of them held out, trained on the most typical 12.5 %");
    }

    #[test]
    fn scores_are_told_with_their_errors_and_a_best_one_with_the_one_before() {
        let values = BTreeMap::from([
            ("metric/fd_c10_1k_val", 0.41649),
            ("metric_error/fd_c10_1k_val", 0.02111),
            ("metric/kid_c10_1k_val", 0.004204),
            ("scoring/secs", 3.21),
        ]);
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let words = scores_in_words(&values).unwrap();
        assert_eq!(words, "fd_c10_1k_val 0.416 ± 0.021, kid_c10_1k_val 0.00420 (took 3.2 s)");
        assert_eq!(scores_in_words(&BTreeMap::from([("progress/nimg".to_owned(), 3.0)])), None);

        let score = |value, step| BestScore { name: "fd_c10_1k_val".into(), value, standard_error: Some(0.02), step };
        let words = best_in_words(&score(0.416, 20), Some(&score(0.43, 10)));
        assert_eq!(
            words,
            "step 20, fd_c10_1k_val 0.416 ± 0.020 instead of 0.430 ± 0.020 at step 10, no more than noise"
        );
        assert_eq!(best_in_words(&score(0.416, 20), None), "step 20, fd_c10_1k_val 0.416 ± 0.020, the first score");
    }

    #[test]
    fn advice_is_what_can_be_typed() {
        let config = RunConfig::default();
        assert_eq!(advice(&Diagnosis::WarmingUp { nimg: 10 }, &config), None);
        let words = advice(&Diagnosis::KnowsByHeart { by_heart: 0.9 }, &config).unwrap();
        assert!(
            words.starts_with(" It may help to stop the run and go on from its last checkpoint with --set "),
            "{words}"
        );
        assert!(words.contains("--set augment.adaptive=true"), "{words}");
        let score = NamedScore { name: "fd_c10_1k_val".into(), value: 0.5, best: 0.4 };
        let projected = recipes::find("projected").unwrap().config();
        let words = advice(&Diagnosis::Stalled { score, scores: 6, nimg: 50_000 }, &projected).unwrap();
        let other = ", or to begin another run with --from RUN, the same --data and --set model.network_side=128, which is slower and learns shapes better";
        assert!(words.ends_with(other), "{words}");
        let collapsed = Diagnosis::Collapsed { diversity: 0.1 };
        assert_eq!(advice(&collapsed, &config), None, "it goes back by itself");
        let mut stopping = config;
        stopping.train.on_divergence = OnDivergence::Stop;
        let words = advice(&collapsed, &stopping).unwrap();
        assert!(words.contains("checkpoints/best.safetensors with --set train.generator_lr="), "{words}");
    }

    #[test]
    fn times_are_short() {
        assert_eq!([time(4.4), time(125.0), time(3720.0)], ["4s", "2m 05s", "1h 02m"]);
    }
}
