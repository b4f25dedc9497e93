//! The files of a run's course.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use super::course::{Course, Snapshot};
use super::store::{KeptRuns, RUNS, Room, id_of};
use super::thinned::{Moment, Thinned};
use crate::data::Grid;
use crate::storage::{Storage, StoredFile};

/// What runs measured: a file each.
pub(super) const COURSES: &str = "run courses";
pub(super) const COURSE_ENDING: &str = ".course";

/// A folder for each run. Files are named by number and step.
const SNAPSHOTS: &str = "run snapshots";
const SNAPSHOT_ENDING: &str = ".snapshot";

/// More than a file has before its pixels, in bytes.
const HEADER: usize = 200;

/// The most that the snapshots of all runs may have before those in between go, in bytes.
const MOST_BYTES: u64 = 500_000_000;

/// A snapshot's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Its number in a [`Thinned`].
    pub number: u64,
    /// When it was drawn.
    pub step: u64,
    /// Its file.
    pub file: StoredFile,
}

impl StoredSnapshot {
    fn of(file: StoredFile) -> Option<Self> {
        let name = file.name.rsplit('/').next()?.strip_suffix(SNAPSHOT_ENDING)?;
        let (number, step) = name.split_once('-')?;
        Some(Self { number: number.parse().ok()?, step: step.parse().ok()?, file })
    }
}

/// The snapshots of a run under way, and which of them are stored: looking into the storage at every save would take longer than all
/// else of it.
#[derive(Debug, Default)]
pub struct Timeline {
    taken: Thinned<Taken>,
    /// Number and step of each file.
    stored: BTreeSet<(u64, u64)>,
}

/// A snapshot with its pixels, until they are stored.
#[derive(Debug)]
struct Taken {
    snapshot: Snapshot,
    is_stored: bool,
    /// Of its pixels.
    bytes: usize,
}

impl Moment for Taken {
    fn step(&self) -> u64 {
        self.snapshot.step
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Timeline {
    /// Takes what a run has drawn.
    pub fn push(&mut self, step: u64, nimg: u64, grid: &Grid) {
        let snapshot = Snapshot { step, nimg, grid: grid.clone() };
        self.taken.push(Taken { snapshot, is_stored: false, bytes: grid.pixels.len() });
    }

    /// Takes a snapshot that is stored. They come in the order in which they were drawn.
    pub fn restore(&mut self, stored: &StoredSnapshot) {
        let snapshot = Snapshot { step: stored.step, nimg: 0, grid: Grid::default() };
        let taken = Taken { snapshot, is_stored: true, bytes: stored.file.bytes as usize };
        self.taken.restore(stored.number, taken);
        self.stored.insert((stored.number, stored.step));
    }

    /// Forgets the snapshots after `step`. Their files go at the next save.
    pub fn truncate_after(&mut self, step: u64) {
        self.taken.truncate_after(step);
    }
}

/// What became of a course that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedCourse {
    /// Whether there was room.
    pub room: Room,
    /// Size of all that is stored of it.
    pub bytes: u64,
    /// Bytes that were written.
    pub written: usize,
}

impl<S: Storage> KeptRuns<S> {
    /// What a run measured; none if that is not kept.
    pub async fn course(&self, id: &str) -> Option<Course> {
        serde_json::from_slice(&self.bytes(&course_file(id)).await.ok()??).ok()
    }

    /// The snapshots of a run, in the order in which they were drawn.
    pub async fn snapshots(&self, id: &str) -> Vec<StoredSnapshot> {
        let files = self.storage.list(&folder(id)).await.unwrap_or_default();
        let mut snapshots: Vec<_> = files.into_iter().filter_map(StoredSnapshot::of).collect();
        snapshots.sort_by_key(|snapshot| (snapshot.number, snapshot.step));
        snapshots
    }

    /// Reads a snapshot; none if it is gone or damaged.
    pub async fn snapshot(&self, stored: &StoredSnapshot) -> Option<Snapshot> {
        Snapshot::read(&self.bytes(&stored.file.name).await.ok()??)
    }

    /// Keeps the course of a run as it is now: writes what is not stored yet and removes the snapshots that are no longer in its
    /// timeline. What there is no room for is left out of it; a run does without.
    pub async fn save_course(&self, id: &str, course: &Course, timeline: &mut Timeline) -> SavedCourse {
        let Timeline { taken, stored } = timeline;
        let wanted: BTreeSet<(u64, u64)> = taken.iter().map(|(number, taken)| (number, taken.snapshot.step)).collect();
        // First, because it makes room.
        for place in stored.extract_if(.., |place| !wanted.contains(place)) {
            let _ = self.storage.delete(&snapshot_file(id, place)).await;
        }
        let (mut room, mut written) = (Room::Enough, 0);
        let mut lost = Vec::new();
        for (number, taken) in taken.iter_mut().filter(|(_, taken)| !taken.is_stored) {
            let place = (number, taken.snapshot.step);
            let mut file = Vec::with_capacity(taken.bytes + HEADER);
            let made = taken.snapshot.write(&mut file);
            match made.and(self.put_or_make_room(&snapshot_file(id, place), &file, &mut room).await) {
                Ok(()) => {
                    taken.is_stored = true;
                    taken.snapshot.grid.pixels = Vec::new();
                    stored.insert(place);
                    written += file.len();
                }
                Err(_) => lost.push(number),
            }
        }
        let file = serde_json::to_vec(course).unwrap_or_default();
        // Without it the run goes on from what its checkpoint knows.
        let _ = self.put_or_make_room(&course_file(id), &file, &mut room).await;
        if room == Room::Made {
            // Some may have gone for others.
            *stored = self.snapshots(id).await.iter().map(|stored| (stored.number, stored.step)).collect();
        }
        taken.retain(|number, taken| !lost.contains(&number) && stored.contains(&(number, taken.snapshot.step)));
        SavedCourse { room, bytes: (file.len() + taken.bytes()) as u64, written: written + file.len() }
    }

    /// Removes snapshots in between until those of all runs have at most 500 MB.
    pub async fn bound_snapshots(&self) {
        self.bound_snapshots_to(MOST_BYTES).await;
    }

    async fn bound_snapshots_to(&self, most: u64) {
        let mut total = 0;
        for file in self.storage.list(RUNS).await.unwrap_or_default() {
            if let Some(id) = id_of(&file.name) {
                total += size(&self.snapshots(id).await);
            }
        }
        while total > most {
            match self.oldest_snapshot().await {
                Some(oldest) if self.storage.delete(&oldest.name).await.is_ok() => total -= oldest.bytes.min(total),
                _ => return,
            }
        }
    }

    /// Removes the oldest snapshot in between of the run that was saved longest ago. False if there is none.
    pub(super) async fn remove_oldest_snapshot(&self) -> bool {
        match self.oldest_snapshot().await {
            Some(oldest) => self.storage.delete(&oldest.name).await.is_ok(),
            None => false,
        }
    }

    /// The first and the last of a run stay.
    async fn oldest_snapshot(&self) -> Option<StoredFile> {
        for file in self.storage.list(RUNS).await.ok()?.iter().rev() {
            let Some(id) = id_of(&file.name) else { continue };
            let mut stored = self.snapshots(id).await;
            if stored.len() > 2 {
                return Some(stored.remove(1).file);
            }
        }
        None
    }

    async fn put_or_make_room(&self, name: &str, bytes: &[u8], room: &mut Room) -> io::Result<()> {
        while let Err(error) = self.storage.put(name, |file| file.write_all(bytes)).await {
            if error.kind() != ErrorKind::StorageFull || !self.remove_oldest_snapshot().await {
                return Err(error);
            }
            *room = Room::Made;
        }
        Ok(())
    }

    /// Removes the course of a run. It is no error if there is none.
    pub(super) async fn delete_course(&self, id: &str) -> io::Result<()> {
        let mut result = self.storage.delete(&course_file(id)).await;
        for file in self.storage.list(&folder(id)).await? {
            result = result.and(self.storage.delete(&file.name).await);
        }
        result
    }
}

fn size(snapshots: &[StoredSnapshot]) -> u64 {
    snapshots.iter().map(|snapshot| snapshot.file.bytes).sum()
}

fn folder(id: &str) -> String {
    format!("{SNAPSHOTS}/{id}")
}

fn snapshot_file(id: &str, (number, step): (u64, u64)) -> String {
    format!("{}/{number}-{step}{SNAPSHOT_ENDING}", folder(id))
}

fn course_file(id: &str) -> String {
    format!("{COURSES}/{id}{COURSE_ENDING}")
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::super::record::tests::run;
    use super::*;
    use crate::data::Grid;
    use crate::storage::memory::MemoryStorage;

    /// Bytes of the pixels of a snapshot.
    const PIXELS: usize = 10_000;

    fn runs() -> KeptRuns<MemoryStorage> {
        KeptRuns::new(MemoryStorage::default())
    }

    fn push(timeline: &mut Timeline, step: u64) {
        let grid = Grid { tile: 100.into(), columns: 1, count: 1, channels: 1, pixels: vec![step as u8; PIXELS] };
        timeline.push(step, 4 * step, &grid);
    }

    fn save_course(runs: &KeptRuns<MemoryStorage>, id: &str, timeline: &mut Timeline) -> SavedCourse {
        block_on(runs.save_course(id, &Course::default(), timeline))
    }

    /// Saves a run with snapshots at these steps.
    fn save(runs: &KeptRuns<MemoryStorage>, id: &str, steps: std::ops::Range<u64>) -> Timeline {
        let mut timeline = Timeline::default();
        steps.clone().for_each(|step| push(&mut timeline, step));
        block_on(runs.save(&run(id, steps.end), &[1; 100])).unwrap();
        let saved = save_course(runs, id, &mut timeline);
        assert_eq!(saved.room, Room::Enough);
        assert!(saved.bytes >= (timeline.taken.len() * PIXELS) as u64 && saved.written as u64 >= saved.bytes);
        timeline
    }

    /// The steps of the snapshots that are stored; those of `timeline` are the same.
    fn steps(runs: &KeptRuns<MemoryStorage>, id: &str) -> Vec<u64> {
        block_on(runs.snapshots(id)).iter().map(|stored| stored.step).collect()
    }

    fn known(timeline: &Timeline) -> Vec<u64> {
        timeline.taken.iter().map(|(_, taken)| taken.snapshot.step).collect()
    }

    #[test]
    fn a_course_comes_back_thinned_as_in_memory_and_goes_on() {
        let runs = runs();
        let mut timeline = save(&runs, "a", 0..300);
        assert!(timeline.taken.iter().all(|(_, taken)| taken.is_stored && taken.snapshot.grid.pixels.is_empty()));
        let evens: Vec<u64> = (0..300).step_by(2).chain([299]).collect();
        assert_eq!(steps(&runs, "a"), evens);
        let first = &block_on(runs.snapshots("a"))[1];
        let snapshot = block_on(runs.snapshot(first)).unwrap();
        assert_eq!((snapshot.step, snapshot.nimg, snapshot.grid.pixels), (2, 8, vec![2; PIXELS]));

        let mut restored = Timeline::default();
        block_on(runs.snapshots("a")).iter().for_each(|stored| restored.restore(stored));
        for step in 300..600 {
            [&mut timeline, &mut restored].into_iter().for_each(|timeline| push(timeline, step));
        }
        let SavedCourse { written, .. } = save_course(&runs, "a", &mut restored);
        assert!(written < 160 * (PIXELS + HEADER), "only what is new and stays: {written}");
        assert_eq!([steps(&runs, "a"), known(&restored)], [known(&timeline), known(&timeline)]);

        // A run that goes back takes them anew.
        restored.truncate_after(100);
        push(&mut restored, 101);
        save_course(&runs, "a", &mut restored);
        assert_eq!(steps(&runs, "a"), known(&restored));
        assert_eq!(steps(&runs, "a").last(), Some(&101));
    }

    #[test]
    fn a_course_goes_with_its_run() {
        let runs = runs();
        for id in ["a", "b", "c"] {
            save(&runs, id, 0..5);
        }
        assert!(block_on(runs.course("a")).is_some());
        block_on(runs.delete("a")).unwrap();
        assert!(block_on(runs.course("a")).is_none());
        assert_eq!((steps(&runs, "a").len(), steps(&runs, "b").len()), (0, 5));
        block_on(runs.clear(Some("b"))).unwrap();
        assert_eq!((steps(&runs, "b").len(), steps(&runs, "c").len()), (5, 0));
        block_on(runs.clear(None)).unwrap();
        assert!(runs.storage.files.borrow().is_empty());
    }

    #[test]
    fn where_there_is_no_room_the_oldest_in_between_go_and_those_of_the_oldest_run_first() {
        let runs = runs();
        save(&runs, "old", 0..5);
        let mut timeline = save(&runs, "new", 0..5);
        let stored: usize = runs.storage.files.borrow().iter().map(|(_, bytes)| bytes.len()).sum();
        // A course file is replaced only when the new one is there.
        runs.storage.room.set(Some(stored + 1000));
        (5..8).for_each(|step| push(&mut timeline, step));
        assert_eq!(save_course(&runs, "new", &mut timeline).room, Room::Made);
        assert_eq!([steps(&runs, "old"), steps(&runs, "new")], [vec![0, 4], (0..8).collect()]);
        // The next ones take the place of this run's own.
        push(&mut timeline, 8);
        save_course(&runs, "new", &mut timeline);
        assert_eq!(steps(&runs, "new"), [0, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(known(&timeline), steps(&runs, "new"), "the one that went is forgotten");

        // For a checkpoint all of them may go, but the first and the last.
        let big = vec![2; 40_000];
        assert_eq!(block_on(runs.save(&run("new", 99), &big)).unwrap(), Room::Made);
        let left = steps(&runs, "new");
        assert_eq!((left[0], left.last(), left.len() < 5), (0, Some(&8), true), "{left:?}");

        runs.storage.room.set(Some(1));
        push(&mut timeline, 9);
        assert_eq!(save_course(&runs, "new", &mut timeline).room, Room::Made);
        assert_eq!((steps(&runs, "new"), known(&timeline)), (vec![0, 8], vec![0, 8]), "what can't be kept is left out");
    }

    #[test]
    fn all_snapshots_together_are_bounded() {
        let runs = runs();
        for id in ["a", "b", "c"] {
            save(&runs, id, 0..10);
        }
        block_on(runs.bound_snapshots_to(20 * (PIXELS + HEADER) as u64));
        assert_eq!(["a", "b", "c"].map(|id| steps(&runs, id).len()), [2, 8, 10]);
    }
}
