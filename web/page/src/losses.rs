//! Both losses of a whole run in bounded memory: when the points are used up, neighbours are averaged.

use whelp::protocol::StepLosses;

/// More points than a chart has pixels show nothing more.
const CAPACITY: usize = 2048;

/// Averages over equally many steps each.
#[derive(Clone, Debug)]
pub struct LossSeries {
    points: Vec<Point>,
    /// Steps that one point stands for; doubles whenever the points are used up.
    stride: u32,
}

/// Mean losses of the steps up to `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    step: u64,
    d: f64,
    g: f64,
    steps: u32,
}

impl Default for LossSeries {
    fn default() -> Self {
        Self { points: Vec::new(), stride: 1 }
    }
}

impl LossSeries {
    /// Adds the steps of a tick, in place of what was told of them before: a run that goes on begins with its history.
    /// Losses that are not finite are left out: a chart has no place for them, and the run says so itself.
    pub fn extend(&mut self, losses: &[StepLosses]) {
        if let Some(first) = losses.first() {
            self.truncate_after(first.step.saturating_sub(1));
        }
        for loss in losses.iter().filter(|loss| loss.d.is_finite() && loss.g.is_finite()) {
            self.push(Point { step: loss.step, d: f64::from(loss.d), g: f64::from(loss.g), steps: 1 });
        }
    }

    /// Forgets the steps after `step`: a run that starts again from a checkpoint takes them anew.
    pub fn truncate_after(&mut self, step: u64) {
        self.points.retain(|point| point.step <= step);
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The newest point: its step, the discriminator's loss and the generator's.
    pub fn newest(&self) -> Option<(u64, f64, f64)> {
        self.points.last().map(|point| (point.step, point.d, point.g))
    }

    /// Steps, discriminator losses and generator losses, equally long.
    pub fn columns(&self) -> [Vec<f64>; 3] {
        [
            self.points.iter().map(|point| point.step as f64).collect(),
            self.points.iter().map(|point| point.d).collect(),
            self.points.iter().map(|point| point.g).collect(),
        ]
    }

    fn push(&mut self, new: Point) {
        match self.points.last_mut() {
            Some(last) if last.steps < self.stride => *last = last.merged(new),
            _ => self.points.push(new),
        }
        if self.points.len() > CAPACITY {
            self.points = self
                .points
                .chunks(2)
                .map(|pair| pair.iter().copied().reduce(Point::merged))
                .collect::<Option<_>>()
                .unwrap_or_default();
            self.stride *= 2;
        }
    }
}

impl Point {
    fn merged(self, later: Point) -> Point {
        let steps = self.steps + later.steps;
        let mean = |a: f64, b: f64| (a * f64::from(self.steps) + b * f64::from(later.steps)) / f64::from(steps);
        Point { step: later.step, d: mean(self.d, later.d), g: mean(self.g, later.g), steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(step: u64, d: f32, g: f32) -> StepLosses {
        StepLosses { step, d, g, r1: None, r2: None }
    }

    fn ramp(steps: std::ops::RangeInclusive<u64>) -> Vec<StepLosses> {
        steps.map(|step| losses(step, step as f32, 2.0 * step as f32)).collect()
    }

    #[test]
    fn a_short_run_is_kept_step_by_step() {
        let mut series = LossSeries::default();
        series.extend(&ramp(1..=3));
        assert_eq!(series.columns(), [vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]]);
    }

    #[test]
    fn a_long_run_stays_bounded_and_keeps_its_mean_and_its_ends() {
        let mut series = LossSeries::default();
        let n = 100_000;
        series.extend(&ramp(1..=n));
        let [steps, d, g] = series.columns();
        assert!(steps.len() <= CAPACITY && steps.len() >= CAPACITY / 2 - 1, "{}", steps.len());
        assert_eq!(*steps.last().unwrap(), n as f64);
        assert!(steps.is_sorted());
        let total: f64 = series.points.iter().map(|point| point.d * f64::from(point.steps)).sum();
        assert!((total / n as f64 - (n + 1) as f64 / 2.0).abs() < 1e-6);
        assert!(d.iter().zip(&g).all(|(d, g)| (g - 2.0 * d).abs() < 1e-6));
    }

    #[test]
    fn going_back_to_a_checkpoint_forgets_what_came_after() {
        let mut series = LossSeries::default();
        series.extend(&ramp(1..=10));
        series.truncate_after(4);
        series.extend(&ramp(5..=6));
        assert_eq!(series.columns()[0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_history_that_is_told_again_is_not_drawn_twice() {
        let mut series = LossSeries::default();
        series.extend(&ramp(1..=8));
        series.extend(&ramp(3..=8));
        series.extend(&ramp(9..=10));
        assert_eq!(series.columns()[0], ramp(1..=10).iter().map(|loss| loss.step as f64).collect::<Vec<_>>());
    }

    #[test]
    fn losses_that_are_not_finite_are_left_out() {
        let mut series = LossSeries::default();
        series.extend(&[losses(1, f32::NAN, 1.0)]);
        assert!(series.is_empty());
    }
}
