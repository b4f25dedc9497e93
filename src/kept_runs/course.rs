//! The course of a run: its measurements and its scores, in bounded size, and the pictures that it drew on its way.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::data::Grid;
use crate::history::History;
use crate::protocol::Progress;
use crate::series::{NIMG, StepSeries, score_of};

const MAGIC: &[u8] = b"whelp snapshot 1\n";

/// The most steps of which the scores are kept.
const MOST_SCORES: usize = 512;

/// What a run measured from its first step on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The series of all steps, and images seen as the series [`NIMG`].
    pub history: History,
    /// By step.
    pub scores: Vec<Scores>,
}

/// The scores of a run's pictures at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// When the pictures were drawn.
    pub step: u64,
    /// Images seen by then.
    pub nimg: u64,
    /// By the name of their series.
    pub values: BTreeMap<String, f64>,
}

impl Course {
    /// Adds the steps of a tick that ends at `progress`, in a run with batches of `batch` pictures. Steps that are known stay as
    /// they are: a run that goes on tells its history again, and its batches may have been others then.
    pub fn extend(&mut self, series: &StepSeries, progress: &Progress, batch: usize) {
        let mut counted = StepSeries::default();
        for (step, values) in series.rows() {
            let since = progress.step.saturating_sub(step) * batch as u64;
            let nimg = progress.nimg.saturating_sub(since);
            counted.push(step, values.into_iter().chain([(NIMG, nimg as f32)]));
        }
        self.history.extend(&counted);
    }

    /// Notes the scores among the values of a step. Other values are left out.
    pub fn score(&mut self, step: u64, nimg: u64, values: &BTreeMap<String, f64>) {
        if !values.keys().any(|name| score_of(name).is_some()) {
            return;
        }
        self.scores.retain(|known| known.step < step);
        // JSON has no word for the others.
        let values = values.iter().filter(|(_, value)| value.is_finite());
        let values = values.map(|(name, value)| (name.clone(), *value)).collect();
        self.scores.push(Scores { step, nimg, values });
        if self.scores.len() > MOST_SCORES {
            let mut is_even = false;
            self.scores.retain(|known| {
                is_even = !is_even;
                is_even || known.step == step
            });
        }
    }

    /// Forgets the steps after `step`.
    pub fn truncate_after(&mut self, step: u64) {
        self.history.truncate_after(step);
        self.scores.retain(|known| known.step <= step);
    }
}

/// Pictures of fixed latents that a run drew on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it drew them.
    pub step: u64,
    /// Images seen by then.
    pub nimg: u64,
    /// The pictures.
    pub grid: Grid,
}

impl Snapshot {
    /// Writes its file: a line that says what it is, JSON, the pixels.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&[MAGIC, &serde_json::to_vec(self)?, b"\n"].concat())?;
        out.write_all(&self.grid.pixels)
    }

    /// Reads a file; none if it is damaged or of another version.
    pub(super) fn read(file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(MAGIC)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let mut snapshot: Self = serde_json::from_slice(&rest[..end]).ok()?;
        let pixels = &rest[end + 1..];
        (Some(pixels.len()) == snapshot.grid.bytes()).then(|| snapshot.grid.pixels = pixels.to_vec())?;
        Some(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{LOSS_D, of_score};

    fn tick(steps: std::ops::RangeInclusive<u64>) -> StepSeries {
        let mut series = StepSeries::default();
        steps.for_each(|step| series.push(step, [(LOSS_D, step as f32)]));
        series
    }

    #[test]
    fn every_step_has_its_number_of_images_also_if_the_batch_changes() {
        let mut course = Course::default();
        course.extend(&tick(1..=3), &Progress { step: 3, nimg: 12, ..Progress::default() }, 4);
        // It goes on, tells its history again, and has other batches.
        course.extend(&tick(1..=3), &Progress { step: 3, nimg: 12, ..Progress::default() }, 8);
        course.extend(&tick(4..=5), &Progress { step: 5, nimg: 28, ..Progress::default() }, 8);
        let (steps, [nimg, losses]) = course.history.columns([NIMG, LOSS_D]);
        assert_eq!(steps, losses);
        assert_eq!(nimg, [4.0, 8.0, 12.0, 20.0, 28.0]);
        course.truncate_after(2);
        assert_eq!(course.history.columns([]).0, [1.0, 2.0]);
    }

    #[test]
    fn scores_are_kept_in_bounded_number_with_the_newest() {
        let mut course = Course::default();
        course.score(1, 4, &BTreeMap::from([("scoring/secs".to_owned(), 1.0)]));
        assert!(course.scores.is_empty());
        for step in 1..=5000 {
            course.score(step, 4 * step, &BTreeMap::from([(of_score("fd"), step as f64)]));
            assert!(course.scores.len() <= MOST_SCORES);
        }
        let Scores { step, nimg, values } = course.scores.last().unwrap();
        assert_eq!((*step, *nimg, values[&of_score("fd")]), (5000, 20_000, 5000.0));
        assert!(course.scores.is_sorted_by_key(|scores| scores.step));
        assert!(course.scores.len() > MOST_SCORES / 3);
        let json = serde_json::to_string(&course).unwrap();
        assert_eq!(serde_json::from_str::<Course>(&json).unwrap(), course);
    }

    #[test]
    fn a_snapshot_comes_back_from_its_file_and_a_damaged_one_does_not() {
        let grid = Grid { tile: 1.into(), columns: 2, count: 2, channels: 3, pixels: vec![1, 2, 3, 4, 5, b'\n'] };
        let snapshot = Snapshot { step: 7, nimg: 28, grid };
        let mut file = Vec::new();
        snapshot.write(&mut file).unwrap();
        assert_eq!(Snapshot::read(&file), Some(snapshot));
        for length in 0..file.len() {
            assert_eq!(Snapshot::read(&file[..length]), None, "{length} bytes");
        }
    }
}
