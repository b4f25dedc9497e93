//! The course of kept runs: where one goes on, and what a front end is told of it.

use super::keep::{Keeper, no_longer_kept};
use super::serve::Session;
use super::transport::{RunStorage, Transport};
use super::{About, Reply};
use crate::data::Grid;
use crate::kept_runs::{Course, KeptRuns, Snapshot};

impl<T: Transport> Session<T> {
    /// Reads what is kept of a run's course up to where it goes on.
    pub(super) async fn begin_course(&self, keeper: &mut Keeper) {
        let step = keeper.run.progress.step;
        if keeper.course.is_none() {
            let mut course = Course::default();
            if let RunStorage::Ours(storage) = self.transport.runs().await {
                let runs = KeptRuns::new(storage);
                // First: what is restored of the timeline has its files.
                runs.bound_snapshots().await;
                if !keeper.run.id.is_empty() {
                    course = runs.course(&keeper.run.id).await.unwrap_or_default();
                    for stored in runs.snapshots(&keeper.run.id).await {
                        keeper.timeline.restore(&stored);
                    }
                }
            }
            keeper.course = Some(course);
        }
        keeper.course.iter_mut().for_each(|course| course.truncate_after(step));
        keeper.timeline.truncate_after(step);
    }

    /// Sends a kept run's snapshots up to `step`, one by one: all of them together may have 64 MB.
    pub(super) async fn tell_snapshots(&self, runs: &KeptRuns<T::Storage>, id: &str, step: u64) {
        for stored in runs.snapshots(id).await.iter().filter(|stored| stored.step <= step) {
            if let Some(Snapshot { step, nimg, mut grid }) = runs.snapshot(stored).await {
                let pixels = std::mem::take(&mut grid.pixels);
                let reply = Reply::Snapshot { run: id.to_owned(), number: stored.number, step, nimg, grid };
                self.transport.post(&reply, Some(pixels));
            }
        }
    }

    /// Sends what a kept run measured, and its newest pictures.
    pub(super) async fn read_course(&self, id: String) {
        let (RunStorage::Ours(storage) | RunStorage::Theirs(storage)) = self.transport.runs().await else {
            return self.fail(About::KeptRuns, no_longer_kept());
        };
        let runs = KeptRuns::new(storage);
        let Some(run) = runs.get(&id).await else { return self.fail(About::KeptRuns, no_longer_kept()) };
        let mut course = Box::new(runs.course(&id).await.unwrap_or_default());
        // Those of a tab that was closed while it saved may be ahead of the checkpoint.
        let step = run.progress.step;
        course.truncate_after(step);
        let stored = runs.snapshots(&id).await;
        let stored: Vec<_> = stored.into_iter().filter(|stored| stored.step <= step).collect();
        let newest = match stored.last() {
            Some(stored) => runs.snapshot(stored).await,
            None => None,
        };
        // A run of an earlier version has its thumbnail.
        let (nimg, mut grid) =
            newest.map_or((run.progress.nimg, run.thumbnail), |snapshot| (snapshot.nimg, snapshot.grid));
        let pixels = std::mem::take(&mut grid.pixels);
        let moments = stored.iter().map(|stored| stored.step).collect();
        self.transport.post(&Reply::Course { id, course, moments, nimg, grid }, Some(pixels));
    }

    /// Sends what a kept run had drawn at a step.
    pub(super) async fn read_moment(&self, id: String, step: u64) {
        let (RunStorage::Ours(storage) | RunStorage::Theirs(storage)) = self.transport.runs().await else {
            return self.fail(About::KeptRuns, no_longer_kept());
        };
        let runs = KeptRuns::new(storage);
        let kept = match runs.snapshots(&id).await.iter().rfind(|stored| stored.step == step) {
            Some(stored) => runs.snapshot(stored).await,
            None => None,
        };
        let Snapshot { nimg, mut grid, .. } = kept.unwrap_or(Snapshot { step, nimg: 0, grid: Grid::default() });
        let pixels = std::mem::take(&mut grid.pixels);
        self.transport.post(&Reply::Moment { id, step, nimg, grid }, Some(pixels));
    }
}
