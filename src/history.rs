//! Every series of a whole run in bounded memory: when the points are used up, neighbours are averaged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::series::{StepSeries, of_history};

/// More points than a chart has pixels show nothing more.
const CAPACITY: usize = 2048;

/// Averages over equally many steps each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In the order in which they first had a value.
    names: Vec<String>,
    points: Vec<Point>,
    /// Steps that one point stands for; doubles whenever the points are used up.
    stride: u32,
}

/// Means of the steps up to `step`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    step: u64,
    steps: u32,
    /// Of the series by the order of their names; those that came up later may be missing at the end.
    means: Vec<Mean>,
}

/// The mean of the steps at which a series has a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mean {
    value: f64,
    steps: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { names: Vec::new(), points: Vec::new(), stride: 1 }
    }
}

impl History {
    /// Adds the steps of a tick. Steps that are known stay as they are, with what was noted at them: a run that goes on tells its
    /// history again. Values that are not finite are left out: a chart has no place for them, and the run says so itself.
    pub fn extend(&mut self, series: &StepSeries) {
        let known = self.points.last().map_or(0, |point| point.step);
        for (step, values) in series.rows().filter(|(step, _)| *step > known) {
            let mut means = Vec::new();
            for (name, value) in values.into_iter().filter(|(_, value)| value.is_finite()) {
                let column = self.column(name);
                means.resize(means.len().max(column + 1), Mean::default());
                means[column] = Mean { value: f64::from(value), steps: 1 };
            }
            if !means.is_empty() {
                self.push(Point { step, steps: 1, means });
            }
        }
    }

    /// Adds what is told beside the steps, once a tick, at the point that stands for its step; after the newest one, at that. Before
    /// the first step there is no place for it. Scores and images seen are not among the series: see
    /// [`of_history`](crate::series::of_history).
    pub fn note(&mut self, step: u64, values: &BTreeMap<String, f64>) {
        let Some(newest) = self.points.len().checked_sub(1) else { return };
        let place = newest.min(self.points.partition_point(|point| point.step < step));
        for (name, value) in values.iter().filter(|(name, value)| of_history(name) && value.is_finite()) {
            let column = self.column(name);
            let means = &mut self.points[place].means;
            means.resize(means.len().max(column + 1), Mean::default());
            means[column].merge(Mean { value: *value, steps: 1 });
        }
    }

    /// Forgets the steps after `step`: a run that starts again from a checkpoint takes them anew.
    pub fn truncate_after(&mut self, step: u64) {
        self.points.retain(|point| point.step <= step);
        if self.points.is_empty() {
            // What comes is drawn step by step again.
            *self = Self::default();
        }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The newest point: its step, and the means of these series, NaN where one has none.
    pub fn newest<const N: usize>(&self, names: [&str; N]) -> Option<(u64, [f64; N])> {
        self.points.last().map(|point| (point.step, names.map(|name| self.mean(point, name))))
    }

    /// The steps of all points, and the means of these series: equally long, NaN where a series has none.
    pub fn columns<const N: usize>(&self, names: [&str; N]) -> (Vec<f64>, [Vec<f64>; N]) {
        let steps = self.points.iter().map(|point| point.step as f64).collect();
        (steps, names.map(|name| self.points.iter().map(|point| self.mean(point, name)).collect()))
    }

    fn mean(&self, point: &Point, name: &str) -> f64 {
        let column = self.names.iter().position(|known| known == name);
        let mean = column.and_then(|column| point.means.get(column)).filter(|mean| mean.steps > 0);
        mean.map_or(f64::NAN, |mean| mean.value)
    }

    /// Where a series stands in the points.
    fn column(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    fn push(&mut self, new: Point) {
        match self.points.last_mut() {
            Some(last) if last.steps < self.stride => last.merge(&new),
            _ => self.points.push(new),
        }
        if self.points.len() > CAPACITY {
            let merged = self.points.chunks(2).map(|pair| {
                let mut first = pair[0].clone();
                pair[1..].iter().for_each(|second| first.merge(second));
                first
            });
            self.points = merged.collect();
            self.stride *= 2;
        }
    }
}

impl Point {
    fn merge(&mut self, later: &Self) {
        self.step = later.step;
        self.steps += later.steps;
        self.means.resize(self.means.len().max(later.means.len()), Mean::default());
        self.means.iter_mut().zip(&later.means).for_each(|(mean, later)| mean.merge(*later));
    }
}

impl Mean {
    fn merge(&mut self, later: Self) {
        let steps = self.steps + later.steps;
        if steps > 0 {
            let sum = self.value * f64::from(self.steps) + later.value * f64::from(later.steps);
            *self = Self { value: sum / f64::from(steps), steps };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{LOSS_D, LOSS_G, LOSS_R1, MEMORY_BYTES, NIMG, of_score, of_standard_error};

    fn ramp(steps: std::ops::RangeInclusive<u64>) -> StepSeries {
        let mut series = StepSeries::default();
        steps.for_each(|step| series.push(step, [(LOSS_D, step as f32), (LOSS_G, 2.0 * step as f32)]));
        series
    }

    fn steps(series: &History) -> Vec<f64> {
        series.columns([]).0
    }

    #[test]
    fn a_short_run_is_kept_step_by_step() {
        let mut series = History::default();
        series.extend(&ramp(1..=3));
        let columns = series.columns([LOSS_D, LOSS_G]);
        assert_eq!(columns, (vec![1.0, 2.0, 3.0], [vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]]));
        assert_eq!(series.newest([LOSS_G, LOSS_D]), Some((3, [6.0, 3.0])));
    }

    #[test]
    fn a_long_run_stays_bounded_and_keeps_its_mean_and_its_ends() {
        let mut series = History::default();
        let n = 100_000;
        series.extend(&ramp(1..=n));
        let (steps, [d, g]) = series.columns([LOSS_D, LOSS_G]);
        assert!(steps.len() <= CAPACITY && steps.len() >= CAPACITY / 2 - 1, "{}", steps.len());
        assert_eq!(*steps.last().unwrap(), n as f64);
        assert!(steps.is_sorted());
        let total: f64 = series.points.iter().map(|point| point.means[0].value * f64::from(point.steps)).sum();
        assert!((total / n as f64 - (n + 1) as f64 / 2.0).abs() < 1e-6);
        assert!(d.iter().zip(&g).all(|(d, g)| (g - 2.0 * d).abs() < 1e-6));
    }

    #[test]
    fn a_series_is_averaged_over_the_steps_at_which_it_has_a_value() {
        let mut series = History { stride: 4, ..History::default() };
        let mut told = ramp(1..=2);
        told.push(3, [(LOSS_D, 3.0), (LOSS_R1, 5.0)]);
        told.push(4, [(LOSS_D, 4.0), (LOSS_R1, 7.0)]);
        series.extend(&told);
        assert_eq!(series.columns([LOSS_D, LOSS_G, LOSS_R1]), (vec![4.0], [vec![2.5], vec![3.0], vec![6.0]]));
        let (_, [nothing]) = series.columns(["score/real"]);
        assert!(nothing.len() == 1 && nothing[0].is_nan());
    }

    #[test]
    fn what_is_told_beside_the_steps_is_noted_at_the_point_of_its_step() {
        let mut series = History::default();
        let told =
            |value| BTreeMap::from([(MEMORY_BYTES.to_owned(), value), (of_score("fd"), 1.0), (NIMG.to_owned(), 9.0)]);
        series.note(1, &told(3.0));
        assert!(series.is_empty());
        series.extend(&ramp(1..=4));
        series.note(2, &told(5.0));
        series.note(4, &told(f64::NAN));
        series.note(7, &told(8.0));
        let (steps, [memory]) = series.columns([MEMORY_BYTES]);
        assert_eq!(steps, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!((memory[1], memory[3]), (5.0, 8.0));
        assert!(memory[0].is_nan() && memory[2].is_nan());
        assert_eq!(series.names, [LOSS_D, LOSS_G, MEMORY_BYTES]);
        // Points that are averaged keep the mean of what was told in them.
        series.extend(&ramp(5..=CAPACITY as u64 * 2));
        assert_eq!(series.columns([MEMORY_BYTES]).1[0].iter().filter(|value| !value.is_nan()).count(), 2);
        let before = series.clone();
        series.note(1, &BTreeMap::from([(of_standard_error("fd"), 1.0)]));
        assert_eq!(series, before);
    }

    #[test]
    fn going_back_to_a_checkpoint_forgets_what_came_after() {
        let mut series = History::default();
        series.extend(&ramp(1..=10));
        series.truncate_after(4);
        series.extend(&ramp(5..=6));
        assert_eq!(steps(&series), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_run_after_a_long_one_is_kept_step_by_step() {
        let mut series = History::default();
        series.extend(&ramp(1..=100_000));
        series.truncate_after(0);
        series.extend(&ramp(1..=3));
        assert_eq!(steps(&series), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_history_that_is_told_again_is_not_drawn_twice() {
        let mut series = History::default();
        series.extend(&ramp(1..=8));
        series.note(4, &BTreeMap::from([(MEMORY_BYTES.to_owned(), 5.0)]));
        series.extend(&ramp(3..=8));
        series.extend(&ramp(1..=10));
        let (steps, [memory]) = series.columns([MEMORY_BYTES]);
        assert_eq!(steps, (1..=10).map(f64::from).collect::<Vec<_>>());
        assert_eq!(memory[3], 5.0, "what was noted at a step that is told again");
    }

    #[test]
    fn a_history_survives_its_json_and_goes_on_as_it_would_have() {
        let mut series = History::default();
        series.extend(&ramp(1..=5000));
        let json = serde_json::to_string(&series).unwrap();
        let mut read: History = serde_json::from_str(&json).unwrap();
        assert_eq!(read, series);
        for series in [&mut read, &mut series] {
            series.extend(&ramp(5001..=6000));
        }
        assert_eq!(read, series);
    }

    #[test]
    fn values_that_are_not_finite_are_left_out() {
        let mut series = History::default();
        let mut told = StepSeries::default();
        told.push(1, [(LOSS_D, f32::NAN)]);
        series.extend(&told);
        assert!(series.is_empty());
    }
}
