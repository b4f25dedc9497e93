//! The pictures that a run has drawn on its way, in bounded memory.

use whelp::kept_runs::{Moment, Thinned};

use super::store::Samples;

/// Evenly spaced samples of a run, and its newest ones.
pub type Snapshots = Thinned<Samples>;

impl Moment for Samples {
    fn step(&self) -> u64 {
        self.step
    }

    fn bytes(&self) -> usize {
        self.grid.pixels.len()
    }
}

/// At most `count` of them, evenly spaced, of the size of the newest one.
pub fn film(snapshots: &Snapshots, count: usize) -> Vec<&Samples> {
    let Some((_, newest)) = snapshots.iter().next_back() else { return Vec::new() };
    let alike = |samples: &&Samples| samples.grid.pixels.len() == newest.grid.pixels.len();
    let all: Vec<&Samples> = snapshots.iter().map(|(_, samples)| samples).filter(alike).collect();
    let count = count.min(all.len());
    // The first and the last are among them.
    (0..count).map(|index| all[index * (all.len() - 1) / (count - 1).max(1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Origin;
    use whelp::data::Grid;

    fn samples(step: u64, side: usize) -> Samples {
        let grid = Grid { tile: side.into(), columns: 1, count: 1, channels: 1, pixels: vec![step as u8; side * side] };
        Samples { step, nimg: 4 * step, grid, origin: Origin::Run }
    }

    #[test]
    fn a_film_has_the_first_and_the_last_pictures_and_one_size() {
        let mut snapshots = Snapshots::default();
        assert!(film(&snapshots, 5).is_empty());
        snapshots.push(samples(1, 2));
        (2..40).for_each(|step| snapshots.push(samples(step, 1)));
        let steps: Vec<u64> = film(&snapshots, 5).iter().map(|samples| samples.step).collect();
        assert_eq!(steps, [2, 11, 20, 29, 39]);
        assert_eq!(film(&snapshots, 1).len(), 1);
    }
}
