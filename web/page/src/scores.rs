//! The scores of a run's pictures, as far as the page has seen them.

use std::collections::BTreeMap;

use whelp::kept_runs::Scores;
use whelp::protocol::BestScore;
use whelp::series;

use super::format;

/// All scores of the current run, by step.
#[derive(Clone, Debug, Default)]
pub struct ScoreHistory {
    /// A step, and the values by the name of their series.
    scores: BTreeMap<u64, BTreeMap<String, f64>>,
}

impl ScoreHistory {
    /// Scores that were kept.
    pub fn of(scores: Vec<Scores>) -> Self {
        let with_images = |Scores { step, nimg, mut values }: Scores| {
            values.insert(series::NIMG.to_owned(), nimg as f64);
            (step, values)
        };
        Self { scores: scores.into_iter().map(with_images).collect() }
    }

    /// Notes the scores among the values of a step. Other values are left out.
    pub fn add(&mut self, step: u64, values: BTreeMap<String, f64>) {
        if values.keys().any(|name| series::score_of(name).is_some()) {
            self.scores.insert(step, values);
        }
    }

    /// Forgets the steps after `step`.
    pub fn truncate_after(&mut self, step: u64) {
        self.scores.retain(|known, _| *known <= step);
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The name of the Fréchet distance, which is shown as a line.
    pub fn leading_name(&self) -> Option<&str> {
        self.name_of("fd_")
    }

    /// The score that is meant where a line is of those whose names begin with `prefix`: where there are several, the one of the
    /// newest step that comes first by name, that of the network that leads.
    pub fn name_of(&self, prefix: &str) -> Option<&str> {
        let meant = |name: &String| series::score_of(name).is_some_and(|name| name.starts_with(prefix));
        let series = self.scores.values().rev().find_map(|values| values.keys().find(|name| meant(name)));
        series.and_then(|series| series::score_of(series))
    }

    /// The steps, and the Fréchet distance at each.
    pub fn leading(&self) -> [Vec<f64>; 2] {
        [self.steps(), self.line("fd_")]
    }

    /// The Fréchet distance by images seen, where those are known.
    pub fn leading_by_images(&self) -> (Vec<f64>, Vec<f64>) {
        (self.values_of(|values| values.get(series::NIMG).copied()), self.line("fd_"))
    }

    pub fn steps(&self) -> Vec<f64> {
        self.scores.keys().map(|step| *step as f64).collect()
    }

    /// At each step the score that [`name_of`](Self::name_of) says, NaN where there is none.
    pub fn line(&self, prefix: &str) -> Vec<f64> {
        let series = self.name_of(prefix).map(series::of_score);
        self.values_of(|values| series.as_ref().and_then(|series| values.get(series)).copied())
    }

    /// A value of each step, NaN where there is none.
    pub fn values_of(&self, pick: impl Fn(&BTreeMap<String, f64>) -> Option<f64>) -> Vec<f64> {
        self.scores.values().map(|values| pick(values).unwrap_or(f64::NAN)).collect()
    }

    /// Each score of the newest step with its standard error.
    pub fn newest_in_words(&self) -> Vec<String> {
        let Some((step, values)) = self.scores.last_key_value() else { return Vec::new() };
        let words = |(series, value): (&String, &f64)| {
            let name = series::score_of(series)?;
            let error = values.get(&series::of_standard_error(name));
            Some(format!("{name}: {}", with_error(*value, error.copied())))
        };
        let secs = values.get(series::SCORING_SECS).map(|secs| format!("at step {step}, in {secs:.0} s"));
        values.iter().filter_map(words).chain(secs).collect()
    }
}

/// `0.416 ± 0.021`, with digits enough for small ones.
pub fn with_error(value: f64, error: Option<f64>) -> String {
    let digits = if value.abs() < 0.1 { 5 } else { 3 };
    let error = error.map_or_else(String::new, |error| format!(" ± {error:.digits$}"));
    format!("{value:.digits$}{error}")
}

/// Which checkpoint is the best, in a sentence.
pub fn best_in_words(nimg: u64, score: &BestScore) -> String {
    let BestScore { name, value, standard_error, step } = score;
    let value = with_error(*value, *standard_error);
    format!("The best checkpoint is from after {} pictures (step {step}): {name} {value}.", format::short(nimg))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(fd: f64) -> BTreeMap<String, f64> {
        let values = [
            (series::of_score("fd_c10_1k_val"), fd),
            (series::of_standard_error("fd_c10_1k_val"), 0.125),
            (series::of_score("kid_c10_1k_val"), 0.0123),
            (series::SCORING_SECS.to_owned(), 12.4),
        ];
        BTreeMap::from(values)
    }

    #[test]
    fn the_newest_scores_are_told_with_their_errors_and_the_distance_is_a_line() {
        let mut history = ScoreHistory::default();
        history.add(5, BTreeMap::from([("progress/nimg".to_owned(), 20.0)]));
        assert!(history.is_empty());
        history.add(10, values(3.0));
        history.add(20, values(2.0));
        assert_eq!(history.leading(), [vec![10.0, 20.0], vec![3.0, 2.0]]);
        let words = ["fd_c10_1k_val: 2.000 ± 0.125", "kid_c10_1k_val: 0.01230", "at step 20, in 12 s"];
        assert_eq!(history.newest_in_words(), words);
        history.truncate_after(10);
        assert_eq!(history.leading(), [vec![10.0], vec![3.0]]);
        let kept = [(10, 40), (20, 120)].map(|(step, nimg)| Scores { step, nimg, values: values(step as f64) });
        let history = ScoreHistory::of(kept.to_vec());
        assert_eq!(history.leading_by_images(), (vec![40.0, 120.0], vec![10.0, 20.0]));
        assert!(!history.newest_in_words().iter().any(|words| words.contains("nimg")));
    }
}
