//! What a run measures, by the name of its series.
//!
//! Names are paths, as TensorBoard groups them: `loss/d`, `score/real`, `speed/images_per_sec`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The discriminator's loss, its penalties included.
pub const LOSS_D: &str = "loss/d";
/// The generator's loss, after the discriminator's update.
pub const LOSS_G: &str = "loss/g";
/// The part of `loss/d` that is the penalty on real pictures, `γ/2 R1`, where there is one.
pub const LOSS_R1: &str = "loss/r1";
/// The part of `loss/d` that is the penalty on generated pictures, `γ/2 R2`, where there is one.
pub const LOSS_R2: &str = "loss/r2";
/// The discriminator's mean logit of real pictures, before its update.
pub const SCORE_REAL: &str = "score/real";
/// The discriminator's mean logit of generated pictures, before its update.
pub const SCORE_FAKE: &str = "score/fake";

/// The generator's learning rate.
pub const LEARNING_RATE_G: &str = "learning_rate/g";
/// The discriminator's learning rate.
pub const LEARNING_RATE_D: &str = "learning_rate/d";
/// Chance of each augmentation, where any is on.
pub const AUGMENT_P: &str = "augment/p";
/// Real images that the discriminator sees in a second, over the last few ticks.
pub const IMAGES_PER_SEC: &str = "speed/images_per_sec";
/// Real images shown since the very first step.
pub const NIMG: &str = "progress/nimg";
/// Memory of the process or worker in bytes, where it can be told.
pub const MEMORY_BYTES: &str = "memory/bytes";
/// Seconds that the last scores took, to look at the pictures and to compute.
pub const SCORING_SECS: &str = "scoring/secs";
/// Share of the session's time that scores have taken.
pub const SCORING_SHARE: &str = "scoring/share";

/// Mean distance of two generated pictures' features, by that of two real ones'.
pub const DIVERSITY: &str = "health/diversity";
/// The largest distance of a channel's mean from that of the real pictures, in deviations of that channel.
pub const COLOR_SHIFT: &str = "health/color_shift";
/// How much the discriminator knows the training pictures by heart, where some are held out: see
/// [`ScoreSigns::by_heart`](crate::diagnosis::ScoreSigns).
pub const BY_HEART: &str = "health/by_heart";

/// What a score's series is called: `metric/fd_c10_1k_val`.
pub fn of_score(name: &str) -> String {
    format!("{METRIC}{name}")
}

/// What the series of a score's standard error is called: `metric_error/fd_c10_1k_val`.
pub fn of_standard_error(name: &str) -> String {
    format!("{METRIC_ERROR}{name}")
}

/// The name of the score that a series has the values of.
pub fn score_of(series: &str) -> Option<&str> {
    series.strip_prefix(METRIC)
}

/// Whether what is told under this name once a tick belongs to a run's history: its scores are kept by themselves, and images seen
/// are what others are drawn over.
pub fn of_history(series: &str) -> bool {
    !(series.starts_with(METRIC) || series.starts_with(METRIC_ERROR) || series == NIMG)
}

const METRIC: &str = "metric/";
const METRIC_ERROR: &str = "metric_error/";

/// Named series over the same steps: a table with a row for each step and a column for each series.
///
/// As JSON it has every name once: `{"steps":[1,2],"values":{"loss/d":[1.5,1.25],"loss/r1":[null,0.5]}}`. Checkpoints of
/// format 1 hold a list of `{"step": 1, "d": 1.5, "g": 0.7, "r1": 0.5, "r2": 0.5}` instead, which is read too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct StepSeries {
    /// Counted from 1, in the order in which they were taken.
    steps: Vec<u64>,
    /// By series, a value for each of `steps`; none where the series has none at that step.
    values: BTreeMap<String, Vec<Option<f32>>>,
}

impl StepSeries {
    /// Adds a step after all others.
    pub fn push<'a>(&mut self, step: u64, values: impl IntoIterator<Item = (&'a str, f32)>) {
        let row = self.steps.len();
        self.steps.push(step);
        for (name, value) in values {
            let column = match self.values.get_mut(name) {
                Some(column) => column,
                None => self.values.entry(name.to_owned()).or_default(),
            };
            column.resize(row, None);
            column.push(Some(value));
        }
        self.values.values_mut().for_each(|column| column.resize(row + 1, None));
    }

    /// Adds the steps of `later` after all others.
    pub fn append(&mut self, later: &Self) {
        later.rows().for_each(|(step, values)| self.push(step, values));
    }

    /// Forgets all but the newest `count` steps.
    pub fn keep_last(&mut self, count: usize) {
        let excess = self.steps.len().saturating_sub(count);
        self.steps.drain(..excess);
        self.values.retain(|_, column| {
            column.drain(..excess);
            column.iter().any(Option::is_some)
        });
    }

    /// Forgets the steps up to and including `step`.
    pub fn keep_after(&mut self, step: u64) {
        let known = self.steps.iter().take_while(|known| **known <= step).count();
        self.keep_last(self.steps.len() - known);
    }

    /// Steps, in the order in which they were taken.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Each step with the values that it has.
    pub fn rows(&self) -> impl Iterator<Item = (u64, Vec<(&str, f32)>)> {
        self.steps.iter().enumerate().map(|(row, step)| {
            let values = self.values.iter().filter_map(|(name, column)| Some((name.as_str(), column[row]?)));
            (*step, values.collect())
        })
    }

    /// The values of one series, with their steps.
    pub fn get(&self, name: &str) -> impl DoubleEndedIterator<Item = (u64, f32)> {
        let column = self.values.get(name).map(Vec::as_slice).unwrap_or_default();
        self.steps.iter().zip(column).filter_map(|(step, value)| Some((*step, (*value)?)))
    }

    /// The newest value of one series.
    pub fn last(&self, name: &str) -> Option<f32> {
        self.values.get(name)?.iter().rev().find_map(|value| *value)
    }
}

/// What [`StepSeries`] is read from.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Table { steps: Vec<u64>, values: BTreeMap<String, Vec<Option<f32>>> },
    Rows(Vec<Losses>),
}

/// A step in files of format 1.
#[derive(Deserialize)]
struct Losses {
    step: u64,
    d: Option<f32>,
    g: Option<f32>,
    r1: Option<f32>,
    r2: Option<f32>,
}

/// Why a table is none.
#[derive(Debug, Error)]
#[error("series {name} has {found} values for {expected} steps")]
struct UnequalColumns {
    name: String,
    found: usize,
    expected: usize,
}

impl TryFrom<Stored> for StepSeries {
    type Error = UnequalColumns;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        match stored {
            Stored::Table { steps, values } => {
                let expected = steps.len();
                match values.iter().find(|(_, column)| column.len() != expected) {
                    Some((name, column)) => Err(UnequalColumns { name: name.clone(), found: column.len(), expected }),
                    None => Ok(Self { steps, values }),
                }
            }
            Stored::Rows(rows) => {
                let mut series = Self::default();
                for Losses { step, d, g, r1, r2 } in rows {
                    let values = [(LOSS_D, d), (LOSS_G, g), (LOSS_R1, r1), (LOSS_R2, r2)];
                    series.push(step, values.into_iter().filter_map(|(name, value)| Some((name, value?))));
                }
                Ok(series)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> StepSeries {
        let mut series = StepSeries::default();
        series.push(1, [(LOSS_D, 1.5), (LOSS_G, 0.1)]);
        series.push(2, [(LOSS_D, 1.25), (LOSS_G, 0.2), (LOSS_R1, 0.5)]);
        series.push(3, [(LOSS_D, 1.0), (LOSS_G, 0.3)]);
        series
    }

    #[test]
    fn a_series_has_values_only_at_its_own_steps() {
        let series = series();
        assert_eq!(series.get(LOSS_R1).collect::<Vec<_>>(), [(2, 0.5)]);
        assert_eq!(series.get("score/real").count(), 0);
        assert_eq!((series.last(LOSS_R1), series.last(LOSS_D), series.last(LOSS_R2)), (Some(0.5), Some(1.0), None));
        assert_eq!(series.rows().nth(2), Some((3, vec![(LOSS_D, 1.0), (LOSS_G, 0.3)])));
    }

    #[test]
    fn the_newest_steps_are_kept_and_series_without_values_go() {
        let mut kept = series();
        kept.keep_last(1);
        assert_eq!(kept.rows().collect::<Vec<_>>(), [(3, vec![(LOSS_D, 1.0), (LOSS_G, 0.3)])]);
        let mut whole = StepSeries::default();
        whole.append(&series());
        assert_eq!(whole, series());
        whole.append(&kept);
        assert_eq!(whole.steps(), [1, 2, 3, 3]);
    }

    #[test]
    fn json_has_every_name_once() {
        let json =
            r#"{"steps":[1,2,3],"values":{"loss/d":[1.5,1.25,1.0],"loss/g":[0.1,0.2,0.3],"loss/r1":[null,0.5,null]}}"#;
        assert_eq!(serde_json::to_string(&series()).unwrap(), json);
    }

    #[test]
    fn a_table_survives_json_to_the_bit() {
        let mut written = series();
        written.push(4, [(LOSS_D, f32::MIN_POSITIVE), (LOSS_G, 0.1 + 0.2)]);
        let json = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<StepSeries>(&json).unwrap(), written);
    }

    #[test]
    fn losses_of_format_1_are_read() {
        let json = r#"[{"step":7,"d":1.5,"g":0.25},{"step":8,"d":1.25,"g":0.5,"r1":0.125,"r2":0.0625}]"#;
        let series: StepSeries = serde_json::from_str(json).unwrap();
        assert_eq!(series.get(LOSS_D).collect::<Vec<_>>(), [(7, 1.5), (8, 1.25)]);
        assert_eq!(series.get(LOSS_G).collect::<Vec<_>>(), [(7, 0.25), (8, 0.5)]);
        assert_eq!(series.get(LOSS_R1).chain(series.get(LOSS_R2)).collect::<Vec<_>>(), [(8, 0.125), (8, 0.0625)]);
        assert_eq!(serde_json::from_str::<StepSeries>("[]").unwrap(), StepSeries::default());
    }

    #[test]
    fn columns_of_other_lengths_are_refused() {
        let json = r#"{"steps":[1,2],"values":{"loss/d":[1.0]}}"#;
        let error = serde_json::from_str::<StepSeries>(json).unwrap_err().to_string();
        assert!(error.contains("series loss/d has 1 values for 2 steps"), "{error}");
    }
}
