//! The runs of a folder, in a list.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use whelp::config::Resolution;
use whelp::protocol::{Event, Progress};
use whelp::watch::{RunState, WatchedRun};

use crate::failure::Failure;
use crate::lock::{Liveness, RunLock};
use crate::output::note;
use crate::run_folder::{EVENTS, RunFolder, SETTINGS};

/// As many runs are listed, the latest changed ones.
const MOST_LISTED: usize = 200;

/// As much of the end of a run's events is read to tell how far it is. A tick takes some kilobytes.
const END_BYTES: u64 = 256 << 10;

/// The runs below a folder.
#[derive(Debug)]
pub struct Runs {
    root: PathBuf,
    /// Whether the folder is itself a run.
    is_run: bool,
    /// Where the listed runs lie, by their ids.
    paths: HashMap<String, PathBuf>,
    /// What was read of a run, and when its events had last changed by then.
    known: HashMap<PathBuf, (Changed, End)>,
    /// Whether it was said that there are no locks.
    has_said: bool,
}

/// When a file changed, and its length.
type Changed = (Option<SystemTime>, u64);

/// What the end of a run's events tells.
#[derive(Clone, Debug, Default)]
struct End {
    recipe: String,
    resolution: Resolution,
    progress: Progress,
    /// The last event that says what the run is doing.
    state: Last,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Steps,
    Pause,
    End,
    Failure,
}

impl Runs {
    /// The one in `root`.
    pub fn only(root: &Path) -> Self {
        let mut runs =
            Self { root: root.to_owned(), is_run: true, paths: HashMap::new(), known: HashMap::new(), has_said: false };
        runs.find();
        runs
    }

    /// The one in `root`, or those in the folders in it.
    ///
    /// # Errors
    /// If there is none.
    pub fn below(root: &Path) -> Result<Self, Failure> {
        let mut runs = Self { is_run: RunFolder::is_used(root), ..Self::only(root) };
        runs.find();
        if runs.paths.is_empty() {
            let shown = root.display();
            return Err(Failure::Input(if root.is_dir() {
                format!("{shown} is neither the folder of a run nor a folder of runs")
            } else {
                format!("{shown} is no folder. Name that of a run, or a folder of runs")
            }));
        }
        Ok(runs)
    }

    /// Where the listed runs lie, by their ids.
    pub fn paths(&self) -> &HashMap<String, PathBuf> {
        &self.paths
    }

    /// The runs as they are now, the latest changed first.
    pub fn list(&mut self) -> Vec<WatchedRun> {
        self.find();
        let paths: Vec<_> = self.paths.iter().map(|(id, path)| (id.clone(), path.clone())).collect();
        let mut runs: Vec<_> = paths.into_iter().map(|(id, path)| self.describe(id, path)).collect();
        runs.sort_by(|a, b| b.changed_ms.cmp(&a.changed_ms).then_with(|| a.id.cmp(&b.id)));
        runs.truncate(MOST_LISTED);
        runs
    }

    fn find(&mut self) {
        let folders = if self.is_run {
            vec![(id_of(&self.root), self.root.clone())]
        } else {
            let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
            let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
            let mut runs: Vec<_> = named.filter(|(_, path)| path.is_dir() && RunFolder::is_used(path)).collect();
            // A link to a run that is listed already, such as `latest`, is no other run.
            runs.sort_by_cached_key(|(id, path)| (path.is_symlink(), id.clone()));
            let mut seen = HashSet::new();
            runs.retain(|(_, path)| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
            runs
        };
        self.paths = folders.into_iter().collect();
        self.known.retain(|path, _| self.paths.values().any(|known| known == path));
    }

    /// Whether a process trains a run. Says once if that can only be believed.
    fn is_live(&mut self, path: &Path) -> bool {
        let liveness = RunLock::liveness(path);
        if let (Liveness::Believed(..), false) = (&liveness, self.has_said) {
            self.has_said = true;
            note!("note        the file system of {} has no locks; by its record {liveness}", path.display());
        }
        liveness != Liveness::Over
    }

    fn describe(&mut self, id: String, path: PathBuf) -> WatchedRun {
        let metadata = fs::metadata(path.join(EVENTS)).ok();
        let changed: Changed = metadata.map_or((None, 0), |data| (data.modified().ok(), data.len()));
        let known = self.known.get(&path).filter(|(before, _)| *before == changed).map(|(_, end)| end.clone());
        let end = known.unwrap_or_else(|| {
            let end = End::of(&path);
            self.known.insert(path.clone(), (changed, end.clone()));
            end
        });
        let End { recipe, resolution, progress, state } = end;
        let state = match (state, self.is_live(&path)) {
            (Last::End, _) => RunState::Ended,
            (Last::Failure, false) => RunState::Failed,
            (Last::Pause, true) => RunState::Paused,
            (Last::Steps | Last::Failure, true) => RunState::Training,
            (Last::Steps | Last::Pause, false) => RunState::Interrupted,
        };
        let since_epoch = changed.0.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let changed_ms = u64::try_from(since_epoch.as_millis()).unwrap_or_default();
        WatchedRun { id, recipe, resolution, progress, state, changed_ms }
    }
}

/// The name of a run's folder, also where it was named `.`.
fn id_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned()
}

impl End {
    fn of(root: &Path) -> Self {
        // Of any version: the settings of a run of long ago need not be valid ones today.
        let settings: Value =
            fs::read(root.join(SETTINGS)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let recipe = settings.pointer("/recipe").and_then(Value::as_str).unwrap_or_default().to_owned();
        let resolution = settings.pointer("/data/resolution").and_then(|value| Resolution::deserialize(value).ok());
        let resolution = resolution.unwrap_or_default();
        let mut end = Self { recipe, resolution, ..Self::default() };
        let lines = last_lines(&root.join(EVENTS)).unwrap_or_default();
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|event| end.hear(event));
        end
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Started { progress, .. } | Event::Tick { progress, .. } | Event::Resumed { progress } => {
                (self.progress, self.state) = (progress, Last::Steps);
            }
            Event::Paused { progress } => (self.progress, self.state) = (progress, Last::Pause),
            Event::Finished { progress, .. } => (self.progress, self.state) = (progress, Last::End),
            Event::Failed { .. } => self.state = Last::Failure,
            Event::Values { .. }
            | Event::Diagnosis { .. }
            | Event::Samples { .. }
            | Event::Drawn { .. }
            | Event::Warning { .. }
            | Event::Checkpoint { .. }
            | Event::Best { .. } => {}
        }
    }
}

/// Whole lines at the end of a file.
fn last_lines(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(END_BYTES).read_to_end(&mut bytes)?;
    // What is cut off at the front is no event, and is left out with everything else that is none.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn runs_that_are_linked_into_a_folder_have_their_names_there() {
        let place = TempDir::new().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["job1/run", "job2/run", "runs/003"] {
            fs::create_dir_all(at(name)).unwrap();
            fs::write(at(name).join(EVENTS), b"").unwrap();
        }
        symlink(at("job1/run"), at("runs/lr-high")).unwrap();
        symlink(at("job2/run"), at("runs/lr-low")).unwrap();
        symlink(at("runs/003"), at("runs/latest")).unwrap();
        let runs = Runs::below(&at("runs")).unwrap_or_else(|_| panic!("there are three"));
        let mut names: Vec<&String> = runs.paths().keys().collect();
        names.sort();
        assert_eq!(names, ["003", "lr-high", "lr-low"]);
        assert_eq!(runs.paths()["lr-low"].canonicalize().unwrap(), at("job2/run").canonicalize().unwrap());
        let one = Runs::below(&at("runs/lr-high")).unwrap_or_else(|_| panic!("there is one"));
        assert_eq!(one.paths().keys().collect::<Vec<_>>(), ["run"]);
    }
}
