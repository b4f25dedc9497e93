//! Time spent training, and the speed over the last few ticks.

use std::collections::VecDeque;

use crate::config::{Counts, Length};
use crate::platform::Instant;
use crate::protocol::Progress;

/// Ticks that the speed is averaged over: enough to be steady, few enough to react to changes.
const WINDOW: usize = 8;

/// A stopwatch that does not count pauses.
#[derive(Debug)]
pub struct Clock {
    before_secs: f64,
    running_since: Option<Instant>,
    /// (elapsed seconds, nimg) at the last ticks.
    marks: VecDeque<(f64, u64)>,
}

impl Clock {
    /// Stopped, after `before_secs` of training and `nimg` images in earlier sessions.
    pub fn new(before_secs: f64, nimg: u64) -> Self {
        Self { before_secs, running_since: None, marks: VecDeque::from([(before_secs, nimg)]) }
    }

    pub fn start(&mut self) {
        self.running_since.get_or_insert_with(Instant::now);
    }

    pub fn stop(&mut self) {
        self.before_secs = self.elapsed_secs();
        self.running_since = None;
    }

    /// Seconds that have passed and were no training. A stopped clock has not counted them.
    pub fn forget(&mut self, secs: f64) {
        if self.running_since.is_some() {
            self.before_secs -= secs;
        }
    }

    pub fn elapsed_secs(&self) -> f64 {
        self.before_secs + self.running_since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }

    /// Notes that the device has finished all work up to `nimg`.
    pub fn mark(&mut self, nimg: u64) {
        self.marks.push_back((self.elapsed_secs(), nimg));
        if self.marks.len() > WINDOW {
            self.marks.pop_front();
        }
    }

    /// The run went back to `nimg` images. The time that was spent stays spent.
    pub fn rewind(&mut self, nimg: u64) {
        self.marks = VecDeque::from([(self.elapsed_secs(), nimg)]);
    }

    /// 0 before the first mark.
    pub fn images_per_sec(&self) -> f64 {
        match (self.marks.front(), self.marks.back()) {
            (Some((start, first)), Some((end, last))) if end > start => (last - first) as f64 / (end - start),
            _ => 0.0,
        }
    }

    /// How far a run over `count` pictures is.
    pub fn counts(&self, step: u64, nimg: u64, count: usize) -> Counts {
        Counts { step, nimg, epoch: nimg as f64 / count as f64, elapsed_secs: self.elapsed_secs() }
    }

    /// Progress of a run of `length` over `count` pictures.
    pub fn progress(&self, step: u64, nimg: u64, count: usize, length: Length) -> Progress {
        let images_per_sec = self.images_per_sec();
        let counts @ Counts { epoch, elapsed_secs, .. } = self.counts(step, nimg, count);
        Progress {
            step,
            nimg,
            epoch,
            elapsed_secs,
            images_per_sec,
            fraction: length.fraction(&counts),
            remaining_secs: length.remaining_secs(&counts, images_per_sec),
            memory_bytes: crate::platform::memory_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_in_epochs_counts_pictures() {
        let clock = Clock { before_secs: 10.0, running_since: None, marks: VecDeque::from([(0.0, 0), (10.0, 500)]) };
        let progress = clock.progress(5, 500, 1000, Length::Epochs(2));
        assert_eq!((progress.epoch, progress.fraction), (0.5, Some(0.25)));
        assert_eq!((progress.images_per_sec, progress.remaining_secs), (50.0, Some(30.0)));
    }

    #[test]
    fn a_run_without_end_has_no_remaining_time() {
        let clock = Clock::new(0.0, 0);
        let progress = clock.progress(0, 0, 10, Length::Unlimited);
        assert_eq!((progress.fraction, progress.remaining_secs, progress.images_per_sec), (None, None, 0.0));
    }

    #[test]
    fn pauses_do_not_count() {
        let mut clock = Clock::new(5.0, 0);
        clock.start();
        clock.stop();
        let stopped = clock.elapsed_secs();
        // Long enough for the clock to move.
        let waited = Instant::now();
        while waited.elapsed().as_millis() < 2 {}
        assert_eq!(clock.elapsed_secs(), stopped);
        assert!(stopped >= 5.0);
        clock.forget(100.0);
        assert_eq!(clock.elapsed_secs(), stopped, "it did not count them");
        clock.start();
        clock.forget(2.0);
        assert!(clock.elapsed_secs() < stopped - 1.0);
    }
}
