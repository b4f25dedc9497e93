//! Evenly spaced snapshots of a run in bounded number and size: when there are too many, every second one goes.

/// More of them are not told apart on a slider.
const MOST: usize = 256;

/// A grid of 64 pictures of 64 pixels has 0.8 MB.
const MOST_BYTES: usize = 64_000_000;

/// What is kept of a moment of a run.
pub trait Moment {
    /// The run's step.
    fn step(&self) -> u64;

    /// What counts towards the limit.
    fn bytes(&self) -> usize;
}

/// Evenly spaced moments of a run, and its newest one: at most 256 and 64 MB.
#[derive(Clone, Debug)]
pub struct Thinned<T> {
    /// Each with its number.
    kept: Vec<(u64, T)>,
    /// The number of the next one.
    next: u64,
    /// The logarithm of the distance of those that are kept.
    halvings: u32,
}

impl<T> Default for Thinned<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), next: 0, halvings: 0 }
    }
}

impl<T: Moment> Thinned<T> {
    /// Adds the newest moment, in place of those at the same step or after it: a run may go back to a checkpoint.
    pub fn push(&mut self, moment: T) {
        self.truncate_after(moment.step());
        if let Some((_, last)) = self.kept.last_mut()
            && last.step() == moment.step()
        {
            *last = moment;
            return;
        }
        // The newest one is kept in any case, until there is a newer one.
        if self.kept.last().is_some_and(|(number, _)| !self.is_even(*number)) {
            self.kept.pop();
        }
        self.kept.push((self.next, moment));
        self.next += 1;
        while self.kept.len() > 2 && (self.kept.len() > MOST || self.bytes() > MOST_BYTES) {
            self.halvings += 1;
            let halvings = self.halvings;
            let newest = self.next - 1;
            self.kept.retain(|(number, _)| *number == newest || number.trailing_zeros() >= halvings);
        }
    }

    /// Adds a moment that was kept before, with the number that it had then. They come in the order of their numbers and steps;
    /// others are left out.
    pub fn restore(&mut self, number: u64, moment: T) {
        if self.kept.last().is_some_and(|(last, newest)| *last >= number || newest.step() >= moment.step()) {
            return;
        }
        self.kept.push((number, moment));
        self.next = number + 1;
        let evens = self.kept.iter().rev().skip(1).filter(|(number, _)| *number > 0);
        self.halvings = evens.map(|(number, _)| number.trailing_zeros()).min().unwrap_or(0);
    }

    fn is_even(&self, number: u64) -> bool {
        // Zero has as many zeros as there can be.
        number.trailing_zeros() >= self.halvings
    }

    /// The size of all.
    pub fn bytes(&self) -> usize {
        self.kept.iter().map(|(_, moment)| moment.bytes()).sum()
    }

    /// Forgets the moments after `step`.
    pub fn truncate_after(&mut self, step: u64) {
        self.kept.retain(|(_, moment)| moment.step() <= step);
    }

    /// Forgets all for which `stays` is false.
    pub fn retain(&mut self, mut stays: impl FnMut(u64, &T) -> bool) {
        self.kept.retain(|(number, moment)| stays(*number, moment));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// In the order of their steps.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.kept.get(index).map(|(_, moment)| moment)
    }

    /// All in the order of their steps, each with its number.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        self.kept.iter().map(|(number, moment)| (*number, moment))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        self.kept.iter_mut().map(|(number, moment)| (*number, moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Sized {
        step: u64,
        bytes: usize,
    }

    impl Moment for Sized {
        fn step(&self) -> u64 {
            self.step
        }

        fn bytes(&self) -> usize {
            self.bytes
        }
    }

    fn moment(step: u64, bytes: usize) -> Sized {
        Sized { step, bytes }
    }

    fn steps(thinned: &Thinned<Sized>) -> Vec<u64> {
        thinned.iter().map(|(_, moment)| moment.step).collect()
    }

    #[test]
    fn a_long_run_is_thinned_evenly_and_ends_with_its_newest_moment() {
        let mut thinned = Thinned::default();
        for step in 0..10_000 {
            thinned.push(moment(step, 1));
            assert!(thinned.len() <= MOST);
            assert_eq!(steps(&thinned).last(), Some(&step));
        }
        let steps = steps(&thinned);
        assert!(steps.len() > MOST / 2 - 2, "{}", steps.len());
        let distances: Vec<u64> = steps[..steps.len() - 1].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(distances.iter().all(|distance| *distance == 64), "{distances:?}");
        assert_eq!(steps[0], 0);
    }

    #[test]
    fn large_moments_are_fewer() {
        let mut thinned = Thinned::default();
        (0..20).for_each(|step| thinned.push(moment(step, 9_000_000)));
        assert!(thinned.bytes() <= MOST_BYTES && thinned.len() > 3, "{}", thinned.len());
    }

    #[test]
    fn a_run_that_goes_back_replaces_what_came_after() {
        let mut thinned = Thinned::default();
        [0, 10, 20, 30].into_iter().for_each(|step| thinned.push(moment(step, 1)));
        thinned.push(moment(20, 2));
        assert_eq!(steps(&thinned), [0, 10, 20]);
        assert_eq!(thinned.get(2).unwrap().bytes, 2);
        thinned.truncate_after(10);
        assert_eq!(steps(&thinned), [0, 10]);
    }

    #[test]
    fn what_is_restored_goes_on_as_it_would_have() {
        for before in [1, 2, 3, 256, 257, 300, 1000] {
            let mut whole = Thinned::default();
            (0..before).for_each(|step| whole.push(moment(step, 1)));
            let mut restored = Thinned::default();
            for (number, moment) in whole.iter() {
                restored.restore(number, moment.clone());
            }
            for step in before..3000 {
                whole.push(moment(step, 1));
                restored.push(moment(step, 1));
            }
            assert_eq!(steps(&restored), steps(&whole), "after {before}");
        }
    }
}
