//! The files of kept runs.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use super::snapshots::{COURSE_ENDING, COURSES};
use super::{KeptRun, MOST_FAVOURITES};
use crate::data::remove_unneeded_but;
use crate::latent::PictureSpec;
use crate::people::{MOST_ROUNDS, Round};
use crate::platform::sleep;
use crate::storage::{Storage, StoredFile};

/// What is told of each run: a file each.
pub(super) const RUNS: &str = "runs";
const RUN_ENDING: &str = ".run";

/// Named by run and step.
pub(super) const CHECKPOINTS: &str = "run checkpoints";
const CHECKPOINT_ENDING: &str = ".safetensors";

/// The checkpoint with the best score, one of a run at most.
const BESTS: &str = "run bests";

/// The most that all checkpoints may have before those in between go, in bytes.
const MAX_BYTES: u64 = 2_000_000_000;

/// Checkpoints of a run before its newest one, to fall back on.
const IN_BETWEEN: usize = 3;

/// A browser lets one at a time have a file open. So long is waited, and so often, for who writes or reads it just now.
const BUSY_WAIT: Duration = Duration::from_millis(25);
const BUSY_WAITS: usize = 20;

/// Kept runs in a few folders of a [`Storage`].
///
/// The newest checkpoint of a run is removed with the run alone. Those before it, the ones in between, are the first to go: of
/// a run that has more than three, of all runs when all have more than 2 GB, and where there is no room. Where there is none, prepared
/// pictures that no run needs go before them, as they can be made again; after them go the snapshots in between, those of the run first that was saved longest ago, and then the best checkpoints, the oldest first.
#[derive(Debug)]
pub struct KeptRuns<S> {
    pub(super) storage: S,
    pub(super) max_bytes: u64,
    /// The key of prepared pictures that are in use, though perhaps no kept run needs them yet.
    pub(super) in_use: Option<String>,
}

/// Whether there was room for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There was.
    Enough,
    /// There was once checkpoints or snapshots in between had been removed.
    Made,
}

impl Room {
    fn or(self, other: Self) -> Self {
        if self == Self::Made { self } else { other }
    }
}

impl<S: Storage> KeptRuns<S> {
    /// Those in `storage`.
    pub fn new(storage: S) -> Self {
        Self { storage, max_bytes: MAX_BYTES, in_use: None }
    }

    /// Spares the prepared pictures with this key: those that are loaded, for the next run.
    pub fn sparing(mut self, key: Option<&str>) -> Self {
        self.in_use = key.map(str::to_owned);
        self
    }

    /// An id that no run has, made of the time in milliseconds since 1970.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub async fn new_id(&self, now_ms: u64) -> io::Result<String> {
        let mut files = Vec::new();
        for folder in [RUNS, CHECKPOINTS, COURSES] {
            files.extend(self.storage.list(folder).await?);
        }
        let is_taken = |id: &str| files.iter().any(|file| id_of(&file.name) == Some(id));
        let mut ids = (now_ms..).map(|ms| format!("{ms:012x}"));
        Ok(ids.find(|id| !is_taken(id)).expect("there are more milliseconds than files"))
    }

    /// `name`, or with a number behind it if a run has that name already.
    pub async fn new_name(&self, name: &str) -> String {
        let runs = self.list().await;
        let is_taken = |name: &str| runs.iter().any(|run| run.name == name);
        let numbered = (2..).map(|number| format!("{name} {number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
    }

    /// All runs that have a checkpoint, the latest saved first.
    pub async fn list(&self) -> Vec<KeptRun> {
        let checkpoints = self.storage.list(CHECKPOINTS).await.unwrap_or_default();
        let bests = self.storage.list(BESTS).await.unwrap_or_default();
        let mut runs = Vec::new();
        for file in self.storage.list(RUNS).await.unwrap_or_default() {
            let Some(mut run) = self.read(&file.name).await else { continue };
            let of_checkpoints: u64 = of_run(&checkpoints, &run.id).map(|file| file.bytes).sum();
            if of_checkpoints > 0 {
                run.has_best = of_run(&bests, &run.id).next().is_some();
                let of_best: u64 = of_run(&bests, &run.id).map(|file| file.bytes).sum();
                run.bytes = of_checkpoints + of_best + run.course_bytes;
                runs.push(run);
            }
        }
        runs.sort_by(|a, b| b.saved_ms.cmp(&a.saved_ms).then_with(|| b.id.cmp(&a.id)));
        runs
    }

    /// One run, if it is kept.
    pub async fn get(&self, id: &str) -> Option<KeptRun> {
        self.find(id).await.ok().flatten()
    }

    /// Keeps a run and its newest checkpoint. Its name, its favourites and its rounds stay what they are if it is kept already: its
    /// owner may have changed them meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::StorageFull`] if there is no room although no checkpoint and no snapshot in between is left, and others of the
    /// storage. What was kept of the run before stays.
    pub async fn save(&self, run: &KeptRun, checkpoint: &[u8]) -> io::Result<Room> {
        let name = checkpoint_file(&run.id, run.progress.step);
        let mut room = Room::Enough;
        while let Err(error) = self.storage.put(&name, |file| file.write_all(checkpoint)).await {
            room = room.or(self.make_room(error, run.pictures.key()).await?);
        }
        // Where it can't be read, somebody else is at it. The next save writes it.
        if let Ok(kept) = self.find(&run.id).await {
            let run = kept.map_or_else(|| run.clone(), |kept| run.clone().owned_as(kept));
            while let Err(error) = self.write(&run).await {
                if error.kind() == ErrorKind::ResourceBusy {
                    break;
                }
                room = room.or(self.make_room(error, run.pictures.key()).await?);
            }
        }
        self.thin(&run.id).await;
        while self.all_bytes().await > self.max_bytes {
            if !self.remove_oldest_in_between().await {
                break;
            }
        }
        Ok(room)
    }

    /// Keeps the checkpoint of a kept run that has the best score, in place of the one before.
    ///
    /// # Errors
    /// [`ErrorKind::StorageFull`] if there is no room although no checkpoint in between is left, and others of the storage. The best one
    /// before stays.
    pub async fn save_best(&self, id: &str, checkpoint: &[u8]) -> io::Result<()> {
        while let Err(error) = self.storage.put(&best_file(id), |file| file.write_all(checkpoint)).await {
            let helps = error.kind() == ErrorKind::StorageFull
                && (self.remove_pictures(None).await || self.remove_oldest_in_between().await);
            if !helps {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The file of the checkpoint with the best score, for [`KeptRuns::checkpoint`], if it is kept.
    pub async fn best(&self, id: &str) -> Option<StoredFile> {
        let files = self.storage.list(BESTS).await.unwrap_or_default();
        of_run(&files, id).next().cloned()
    }

    /// How many bytes a run's checkpoints have.
    pub async fn bytes_of(&self, id: &str) -> u64 {
        self.checkpoints(id).await.iter().chain(&self.best(id).await).map(|file| file.bytes).sum()
    }

    async fn all_bytes(&self) -> u64 {
        let (checkpoints, bests) = (self.storage.list(CHECKPOINTS).await, self.storage.list(BESTS).await);
        checkpoints.unwrap_or_default().iter().chain(&bests.unwrap_or_default()).map(|file| file.bytes).sum()
    }

    /// Notes the size of a run's course, for the list.
    ///
    /// # Errors
    /// If the run is not kept, or the storage fails.
    pub async fn note_course(&self, id: &str, bytes: u64) -> io::Result<()> {
        let mut run = self.get(id).await.ok_or(ErrorKind::NotFound)?;
        run.course_bytes = bytes;
        self.write(&run).await
    }

    /// The files of a run's checkpoints, the newest first, for [`KeptRuns::checkpoint`].
    pub async fn checkpoints(&self, id: &str) -> Vec<StoredFile> {
        let files = self.storage.list(CHECKPOINTS).await.unwrap_or_default();
        of_run(&files, id).cloned().collect()
    }

    /// A checkpoint's bytes.
    ///
    /// # Errors
    /// If it cannot be read, or is no longer there.
    pub async fn checkpoint(&self, file: &StoredFile) -> io::Result<Vec<u8>> {
        self.bytes(&file.name).await?.ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Gives a run another name. A name of which [`KeptRun::plain_name`] leaves nothing changes nothing.
    ///
    /// # Errors
    /// If the run is not kept, or the storage fails.
    pub async fn rename(&self, id: &str, name: &str) -> io::Result<()> {
        let mut run = self.get(id).await.ok_or(ErrorKind::NotFound)?;
        let Some(name) = KeptRun::plain_name(name) else { return Ok(()) };
        run.name = name;
        self.write(&run).await
    }

    /// Gives a run these favourites: the first [`MOST_FAVOURITES`] of them that can be drawn.
    ///
    /// # Errors
    /// If the run is not kept, or the storage fails.
    pub async fn favour(&self, id: &str, favourites: Vec<PictureSpec>) -> io::Result<()> {
        let mut run = self.get(id).await.ok_or(ErrorKind::NotFound)?;
        run.favourites = favourites.into_iter().filter(PictureSpec::is_drawable).take(MOST_FAVOURITES).collect();
        self.write(&run).await
    }

    /// Adds what somebody took for real. A round whose numbers don't fit together changes nothing.
    ///
    /// # Errors
    /// If the run is not kept, or the storage fails.
    pub async fn add_round(&self, id: &str, round: Round) -> io::Result<()> {
        let mut run = self.get(id).await.ok_or(ErrorKind::NotFound)?;
        if !round.is_whole() {
            return Ok(());
        }
        run.rounds.push(round);
        run.rounds.drain(..run.rounds.len().saturating_sub(MOST_ROUNDS));
        self.write(&run).await
    }

    /// Removes a run, its checkpoints and its course. It is no error if there is none.
    ///
    /// # Errors
    /// That of the first file that cannot be removed; the others are removed all the same.
    pub async fn delete(&self, id: &str) -> io::Result<()> {
        let mut result = self.storage.delete(&run_file(id)).await;
        for file in self.checkpoints(id).await.iter().chain(&self.best(id).await) {
            result = result.and(self.storage.delete(&file.name).await);
        }
        result.and(self.delete_course(id).await)
    }

    /// Removes all runs but `spared`, also what is left of damaged ones.
    ///
    /// # Errors
    /// As for [`KeptRuns::delete`].
    pub async fn clear(&self, spared: Option<&str>) -> io::Result<()> {
        let mut result = Ok(());
        let mut ids = BTreeSet::new();
        for folder in [RUNS, CHECKPOINTS, BESTS, COURSES] {
            for file in self.storage.list(folder).await? {
                let id = id_of(&file.name);
                if id.is_none_or(|id| Some(id) != spared) {
                    ids.extend(id.map(str::to_owned));
                    result = result.and(self.storage.delete(&file.name).await);
                }
            }
        }
        for id in ids {
            result = result.and(self.delete_course(&id).await);
        }
        result
    }

    /// Keys of the prepared pictures that the runs need to go on: see [`KeptPictures`](crate::data::KeptPictures).
    pub async fn needed_pictures(&self) -> Vec<String> {
        self.list().await.iter().filter_map(|run| run.pictures.key()).map(str::to_owned).collect()
    }

    async fn write(&self, run: &KeptRun) -> io::Result<()> {
        self.storage.put(&run_file(&run.id), |file| run.write(file)).await
    }

    async fn read(&self, name: &str) -> Option<KeptRun> {
        let run = KeptRun::read(&self.bytes(name).await.ok()??)?;
        // A file under another name than its own could not be removed again.
        (run_file(&run.id) == name).then_some(run)
    }

    /// The same, with the reason why it can't be read. A damaged file is none.
    async fn find(&self, id: &str) -> io::Result<Option<KeptRun>> {
        let file = self.bytes(&run_file(id)).await?;
        Ok(file.and_then(|file| KeptRun::read(&file)).filter(|run| run.id == id))
    }

    pub(super) async fn bytes(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let read = |file: &mut dyn Read, length: u64| {
            let mut bytes = Vec::with_capacity(length as usize);
            file.read_to_end(&mut bytes).map(|_| bytes)
        };
        for _ in 0..BUSY_WAITS {
            match self.storage.get(name, read).await {
                Err(error) if error.kind() == ErrorKind::ResourceBusy => sleep(BUSY_WAIT).await,
                got => return got?.transpose(),
            }
        }
        self.storage.get(name, read).await?.transpose()
    }

    /// Removes what can be spared if that may help against `error`, else returns it: prepared pictures that no run needs, a checkpoint or a
    /// snapshot in between, or a best checkpoint. `pictures`: the key of those of the run that needs the room.
    async fn make_room(&self, error: io::Error, pictures: Option<&str>) -> io::Result<Room> {
        if error.kind() != ErrorKind::StorageFull {
            return Err(error);
        }
        if self.remove_pictures(pictures).await {
            return Ok(Room::Enough);
        }
        let helps = self.remove_oldest_in_between().await
            || self.remove_oldest_snapshot().await
            || self.remove_oldest_best().await;
        if helps { Ok(Room::Made) } else { Err(error) }
    }

    /// Removes the prepared pictures that were not used for the longest time and that no run needs. False if there are none.
    async fn remove_pictures(&self, needed: Option<&str>) -> bool {
        let mut keys = self.needed_pictures().await;
        keys.extend(needed.map(str::to_owned));
        keys.extend(self.in_use.clone());
        remove_unneeded_but(&self.storage, &keys).await
    }

    /// Removes the oldest checkpoint that is not the newest of its run. False if there is none.
    async fn remove_oldest_in_between(&self) -> bool {
        let files = self.storage.list(CHECKPOINTS).await.unwrap_or_default();
        let is_in_between = |index: &usize| {
            let id = id_of(&files[*index].name);
            files[..*index].iter().any(|newer| id_of(&newer.name) == id)
        };
        match (0..files.len()).rfind(is_in_between) {
            Some(oldest) => self.storage.delete(&files[oldest].name).await.is_ok(),
            None => false,
        }
    }

    /// False if there is none.
    async fn remove_oldest_best(&self) -> bool {
        match self.storage.list(BESTS).await.unwrap_or_default().last() {
            Some(oldest) => self.storage.delete(&oldest.name).await.is_ok(),
            None => false,
        }
    }

    /// Leaves a run its newest checkpoint and a few before it: close together near the newest one, farther apart before that.
    async fn thin(&self, id: &str) {
        let mut files = self.checkpoints(id).await;
        while files.len() > 1 + IN_BETWEEN {
            let steps: Vec<u64> = files.iter().map(|file| step_of(&file.name).unwrap_or_default()).collect();
            let removed = files.remove(superfluous(&steps));
            let _ = self.storage.delete(&removed.name).await;
        }
    }
}

/// Which of these steps, of which the first is the newest and stays, is the least loss: the one between whose neighbours the
/// distance from the newest grows least. At least three.
fn superfluous(steps: &[u64]) -> usize {
    let distance = |index: usize| match steps.get(index) {
        Some(step) => steps[0].saturating_sub(*step) as f64,
        // Before the oldest is the beginning.
        None => steps[0] as f64,
    };
    let growth = |index: &usize| (distance(index + 1) + 1.0) / (distance(index - 1) + 1.0);
    (1..steps.len()).min_by(|a, b| growth(a).total_cmp(&growth(b))).unwrap_or_default()
}

fn run_file(id: &str) -> String {
    format!("{RUNS}/{id}{RUN_ENDING}")
}

fn checkpoint_file(id: &str, step: u64) -> String {
    format!("{CHECKPOINTS}/{id}-{step}{CHECKPOINT_ENDING}")
}

fn best_file(id: &str) -> String {
    format!("{BESTS}/{id}-best{CHECKPOINT_ENDING}")
}

/// The run that a file belongs to.
pub(super) fn id_of(file: &str) -> Option<&str> {
    let name = file.rsplit('/').next()?;
    match name.strip_suffix(RUN_ENDING).or_else(|| name.strip_suffix(COURSE_ENDING)) {
        Some(id) => Some(id),
        None => name.strip_suffix(CHECKPOINT_ENDING)?.rsplit_once('-').map(|(id, _)| id),
    }
}

fn step_of(checkpoint: &str) -> Option<u64> {
    checkpoint.strip_suffix(CHECKPOINT_ENDING)?.rsplit_once('-')?.1.parse().ok()
}

/// Those of a run, in the same order.
fn of_run<'a>(checkpoints: &'a [StoredFile], id: &'a str) -> impl Iterator<Item = &'a StoredFile> {
    checkpoints.iter().filter(move |file| id_of(&file.name) == Some(id))
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::super::record::tests::run;
    use super::*;
    use crate::data::PREPARED;
    use crate::storage::memory::MemoryStorage;

    fn runs(max_bytes: u64) -> KeptRuns<MemoryStorage> {
        KeptRuns { max_bytes, ..KeptRuns::new(MemoryStorage::default()) }
    }

    /// Saves a run with a checkpoint of 10,000 bytes.
    fn save(runs: &KeptRuns<MemoryStorage>, id: &str, step: u64) -> io::Result<Room> {
        block_on(runs.save(&run(id, step), &[step as u8; 10_000]))
    }

    /// Steps of the checkpoints of a run, the newest first.
    fn steps(runs: &KeptRuns<MemoryStorage>, id: &str) -> Vec<u64> {
        block_on(runs.checkpoints(id)).iter().map(|file| step_of(&file.name).unwrap()).collect()
    }

    fn ids(runs: &KeptRuns<MemoryStorage>) -> Vec<String> {
        block_on(runs.list()).into_iter().map(|run| run.id).collect()
    }

    #[test]
    fn favourites_are_kept_with_their_run_as_many_as_there_may_be() {
        let runs = runs(u64::MAX);
        save(&runs, "a", 10).unwrap();
        let spec = |index| PictureSpec::of_seed(3, index);
        let mut wanted: Vec<PictureSpec> = (0..MOST_FAVOURITES as u64 + 5).map(spec).collect();
        wanted[1].truncation_psi = f64::NAN;
        block_on(runs.favour("a", wanted)).unwrap();
        let kept = block_on(runs.get("a")).unwrap().favourites;
        assert_eq!(kept.len(), MOST_FAVOURITES);
        assert_eq!(kept[..2], [spec(0), spec(2)]);
        let missing = block_on(runs.favour("b", vec![spec(0)])).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn the_best_is_kept_beside_the_newest_until_there_is_no_room() {
        let runs = runs(u64::MAX);
        save(&runs, "a", 10).unwrap();
        assert_eq!(block_on(runs.best("a")), None);
        block_on(runs.save_best("a", &[1; 500])).unwrap();
        block_on(runs.save_best("a", &[2; 400])).unwrap();
        let best = block_on(runs.best("a")).unwrap();
        assert_eq!(block_on(runs.checkpoint(&best)).unwrap(), [2; 400]);
        assert_eq!(steps(&runs, "a"), [10], "it is none of those to go on from");
        let listed = block_on(runs.list()).remove(0);
        assert_eq!((listed.has_best, listed.bytes, block_on(runs.bytes_of("a"))), (true, 10_400, 10_400));
        save(&runs, "b", 5).unwrap();
        block_on(runs.save_best("b", &[3; 400])).unwrap();
        let full = || io::Error::from(ErrorKind::StorageFull);
        assert_eq!(block_on(runs.make_room(full(), None)).unwrap(), Room::Made);
        assert!(block_on(runs.best("a")).is_none() && block_on(runs.best("b")).is_some(), "the oldest goes first");
        block_on(runs.delete("b")).unwrap();
        assert_eq!(block_on(runs.best("b")), None);
        assert!(block_on(runs.make_room(full(), None)).is_err(), "the newest checkpoint stays");
    }

    #[test]
    fn prepared_pictures_that_no_run_needs_make_room_first() {
        let digits = |digit: char| digit.to_string().repeat(32);
        let keys = ['1', '2', '3', '4'].map(digits);
        let runs = runs(u64::MAX).sparing(Some(&keys[3]));
        save(&runs, "a", 10).unwrap();
        save(&runs, "a", 20).unwrap();
        let prepared = |key: &str| format!("{PREPARED}/{key}.pictures");
        for key in &keys {
            block_on(runs.storage.put(&prepared(key), |file| file.write_all(&[0; 9]))).unwrap();
        }
        let is_there = || keys.each_ref().map(|key| block_on(runs.bytes(&prepared(key))).unwrap().is_some());
        let full = || io::Error::from(ErrorKind::StorageFull);
        let make_room = || block_on(runs.make_room(full(), Some(&keys[0]))).unwrap();
        assert_eq!((make_room(), is_there()), (Room::Enough, [true, false, true, true]));
        assert_eq!((make_room(), is_there()), (Room::Enough, [true, false, false, true]));
        assert_eq!(steps(&runs, "a"), [20, 10]);
        assert_eq!((make_room(), is_there()), (Room::Made, [true, false, false, true]), "they are needed");
        assert_eq!(steps(&runs, "a"), [20]);
    }

    #[test]
    fn rounds_are_kept_with_their_run_the_newest_of_them() {
        let runs = runs(u64::MAX);
        save(&runs, "a", 10).unwrap();
        let (drawn, real) = (10, 10);
        let round =
            Round { ended_ms: 0, nimg: 9, exposure_ms: None, held_out: false, drawn, fooled: 3, real, doubted: 1 };
        block_on(runs.add_round("a", Round { fooled: 11, ..round.clone() })).unwrap();
        for ended_ms in 1..=MOST_ROUNDS as u64 + 2 {
            block_on(runs.add_round("a", Round { ended_ms, ..round.clone() })).unwrap();
        }
        let kept = block_on(runs.get("a")).unwrap().rounds;
        assert_eq!((kept.len(), kept[0].ended_ms), (MOST_ROUNDS, 3));
        assert_eq!(block_on(runs.add_round("b", round)).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_run_comes_back_with_its_newest_checkpoint() {
        let runs = runs(u64::MAX);
        assert!(block_on(runs.list()).is_empty());
        save(&runs, "a", 10).unwrap();
        save(&runs, "b", 30).unwrap();
        save(&runs, "a", 20).unwrap();
        assert_eq!(ids(&runs), ["b", "a"], "the latest saved first");
        assert_eq!(block_on(runs.list())[1], KeptRun { bytes: 20_000, ..run("a", 20) });
        let newest = block_on(runs.checkpoints("a"))[0].clone();
        assert_eq!(block_on(runs.checkpoint(&newest)).unwrap(), [20; 10_000]);
        assert_eq!(block_on(runs.needed_pictures()), ["key of b", "key of a"]);
    }

    #[test]
    fn a_few_checkpoints_stay_farther_apart_the_older_they_are() {
        let runs = runs(u64::MAX);
        for step in (100..=10_000).step_by(100) {
            save(&runs, "a", step).unwrap();
            assert!(steps(&runs, "a").len() <= 1 + IN_BETWEEN);
        }
        let steps = steps(&runs, "a");
        assert_eq!((steps.len(), steps[0]), (1 + IN_BETWEEN, 10_000));
        let distances: Vec<u64> = steps[1..].iter().map(|step| steps[0] - step).collect();
        assert!(distances.windows(2).all(|pair| pair[1] >= 2 * pair[0]), "{steps:?}");
        assert!(*distances.last().unwrap() >= 1_000, "{steps:?}");
    }

    #[test]
    fn the_oldest_checkpoints_in_between_go_first_and_the_newest_of_a_run_never() {
        let runs = runs(40_000);
        for (id, step) in [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1)] {
            assert_eq!(save(&runs, id, step).unwrap(), Room::Enough);
        }
        assert_eq!([steps(&runs, "a"), steps(&runs, "b"), steps(&runs, "c")], [vec![2], vec![2, 1], vec![1]]);
        for id in ["d", "e", "f"] {
            save(&runs, id, 1).unwrap();
        }
        assert_eq!(ids(&runs).len(), 6, "more than the limit, but the last ones of their runs");
        assert_eq!(steps(&runs, "b"), [2]);
    }

    #[test]
    fn where_there_is_no_room_it_is_made_by_what_is_in_between() {
        let runs = runs(u64::MAX);
        for step in 1..=3 {
            save(&runs, "a", step).unwrap();
        }
        let stored: usize = runs.storage.files.borrow().iter().map(|(_, bytes)| bytes.len()).sum();
        runs.storage.room.set(Some(stored + 5000));
        assert_eq!(save(&runs, "a", 4).unwrap(), Room::Made);
        assert_eq!(steps(&runs, "a"), [4, 3, 2]);

        runs.storage.room.set(Some(1));
        assert_eq!(save(&runs, "a", 5).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(steps(&runs, "a"), [4], "what was kept before stays");
        assert_eq!(ids(&runs), ["a"]);
    }

    #[test]
    fn runs_are_renamed_and_removed_one_by_one_and_all_together() {
        let runs = runs(u64::MAX);
        for id in ["a", "b", "c"] {
            save(&runs, id, 1).unwrap();
        }
        block_on(runs.rename("a", " my  dogs ")).unwrap();
        block_on(runs.rename("b", "  ")).unwrap();
        assert_eq!(block_on(runs.rename("x", "y")).unwrap_err().kind(), ErrorKind::NotFound);
        let name = |id: &str| block_on(runs.get(id)).unwrap().name;
        assert_eq!((name("a"), name("b")), ("my dogs".to_owned(), "run b".to_owned()));
        assert_eq!(block_on(runs.new_name("my dogs")), "my dogs 2");
        assert_eq!(block_on(runs.new_name("cats")), "cats");

        block_on(runs.delete("a")).unwrap();
        assert_eq!(ids(&runs), ["c", "b"]);
        block_on(runs.clear(Some("b"))).unwrap();
        assert_eq!(ids(&runs), ["b"]);
        block_on(runs.clear(None)).unwrap();
        assert!(runs.storage.files.borrow().is_empty());
    }

    #[test]
    fn what_is_damaged_is_not_listed_and_removed_with_all() {
        let runs = runs(u64::MAX);
        save(&runs, "a", 1).unwrap();
        save(&runs, "b", 1).unwrap();
        for (name, bytes) in runs.storage.files.borrow_mut().iter_mut() {
            if *name == "runs/a.run" {
                bytes.truncate(40);
            }
        }
        // A run without a checkpoint can't go on.
        block_on(runs.write(&run("c", 1))).unwrap();
        assert_eq!(ids(&runs), ["b"]);
        block_on(runs.clear(None)).unwrap();
        assert!(runs.storage.files.borrow().is_empty());
    }

    #[test]
    fn an_id_is_taken_once() {
        let runs = runs(u64::MAX);
        let first = block_on(runs.new_id(0x0123_4567_89ab)).unwrap();
        assert_eq!(first, "0123456789ab");
        save(&runs, &first, 1).unwrap();
        assert_eq!(block_on(runs.new_id(0x0123_4567_89ab)).unwrap(), "0123456789ac");
    }
}
