//! The pictures that a run has drawn on its way, in bounded memory: when there are too many, every second one goes.

use super::store::Samples;

/// More of them are not told apart on a slider.
const MOST: usize = 256;

/// A grid of 64 pictures of 64 pixels has 0.8 MB.
const MOST_BYTES: usize = 64_000_000;

/// Evenly spaced samples of a run, and its newest ones.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    /// Each with its number.
    kept: Vec<(u64, Samples)>,
    /// The number of the next one.
    next: u64,
    /// The logarithm of the distance of those that are kept.
    halvings: u32,
}

impl Snapshots {
    /// Adds the newest samples, in place of those at the same step or after it: a run may go back to a checkpoint.
    pub fn push(&mut self, samples: Samples) {
        self.truncate_after(samples.step.saturating_sub(1));
        // The newest one is kept in any case, until there is a newer one.
        if self.kept.last().is_some_and(|(number, _)| !self.is_even(*number)) {
            self.kept.pop();
        }
        self.kept.push((self.next, samples));
        self.next += 1;
        while self.kept.len() > 2 && (self.kept.len() > MOST || self.bytes() > MOST_BYTES) {
            self.halvings += 1;
            let halvings = self.halvings;
            let newest = self.next - 1;
            self.kept.retain(|(number, _)| *number == newest || number.trailing_zeros() >= halvings);
        }
    }

    fn is_even(&self, number: u64) -> bool {
        // Zero has as many zeros as there can be.
        number.trailing_zeros() >= self.halvings
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(|(_, samples)| samples.grid.pixels.len()).sum()
    }

    /// Forgets the samples after `step`.
    pub fn truncate_after(&mut self, step: u64) {
        self.kept.retain(|(_, samples)| samples.step <= step);
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// In the order in which they were drawn.
    pub fn get(&self, index: usize) -> Option<&Samples> {
        self.kept.get(index).map(|(_, samples)| samples)
    }

    /// At most `count` of them, evenly spaced, of the size of the newest one.
    pub fn film(&self, count: usize) -> Vec<&Samples> {
        let Some((_, newest)) = self.kept.last() else { return Vec::new() };
        let alike = |samples: &&Samples| samples.grid.pixels.len() == newest.grid.pixels.len();
        let all: Vec<&Samples> = self.kept.iter().map(|(_, samples)| samples).filter(alike).collect();
        let count = count.min(all.len());
        // The first and the last are among them.
        (0..count).map(|index| all[index * (all.len() - 1) / (count - 1).max(1)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Origin;
    use whelp::data::Grid;

    fn samples(step: u64, side: usize) -> Samples {
        let grid = Grid { tile: side, columns: 1, count: 1, channels: 1, pixels: vec![step as u8; side * side] };
        Samples { step, nimg: 4 * step, grid, origin: Origin::Run }
    }

    fn steps(snapshots: &Snapshots) -> Vec<u64> {
        (0..snapshots.len()).filter_map(|index| snapshots.get(index)).map(|samples| samples.step).collect()
    }

    #[test]
    fn a_long_run_is_thinned_evenly_and_ends_with_its_newest_pictures() {
        let mut snapshots = Snapshots::default();
        for step in 0..10_000 {
            snapshots.push(samples(step, 1));
            assert!(snapshots.len() <= MOST);
            assert_eq!(steps(&snapshots).last(), Some(&step));
        }
        let steps = steps(&snapshots);
        assert!(steps.len() > MOST / 2 - 2, "{}", steps.len());
        let distances: Vec<u64> = steps[..steps.len() - 1].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(distances.iter().all(|distance| *distance == 64), "{distances:?}");
        assert_eq!(steps[0], 0);
    }

    #[test]
    fn large_pictures_are_fewer() {
        let mut snapshots = Snapshots::default();
        (0..20).for_each(|step| snapshots.push(samples(step, 3000)));
        assert!(snapshots.bytes() <= MOST_BYTES && snapshots.len() > 3, "{}", snapshots.len());
    }

    #[test]
    fn a_run_that_goes_back_replaces_what_came_after() {
        let mut snapshots = Snapshots::default();
        [0, 10, 20, 30].into_iter().for_each(|step| snapshots.push(samples(step, 1)));
        snapshots.push(samples(20, 1));
        assert_eq!(steps(&snapshots), [0, 10, 20]);
        snapshots.truncate_after(10);
        assert_eq!(steps(&snapshots), [0, 10]);
    }

    #[test]
    fn a_film_has_the_first_and_the_last_pictures_and_one_size() {
        let mut snapshots = Snapshots::default();
        assert!(snapshots.film(5).is_empty());
        snapshots.push(samples(1, 2));
        (2..40).for_each(|step| snapshots.push(samples(step, 1)));
        let film: Vec<u64> = snapshots.film(5).iter().map(|samples| samples.step).collect();
        assert_eq!(film, [2, 11, 20, 29, 39]);
        assert_eq!(snapshots.film(1).len(), 1);
    }
}
