//! A run's folder: `run.json`, `events.jsonl`, `tensorboard/`, `samples/`, `checkpoints/{step_*,latest,best}.safetensors`,
//! the samples saved under `output.epoch_file`, `branches/` with what the run went back from, and `control/` for `whelp ctl`.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use whelp::checkpoint::{Checkpoint, CheckpointError};
use whelp::config::RunConfig;
use whelp::diagnosis::Diagnosis;
use whelp::protocol::Event;

use crate::append::AppendFile;
use crate::branches::{numbered, set_aside};
use crate::failure::Failure;
use crate::follow::is_full;
use crate::lock::RunLock;
use crate::output::note;
use crate::png;
use crate::storage::{link_as, remove_unfinished, replace_file, replace_verified};
use crate::tensorboard::TensorBoard;

/// How many of the `step_*` checkpoints are kept; older ones are deleted. `latest` is always the newest.
const CHECKPOINTS_KEPT: usize = 3;

const CHECKPOINT: &str = ".safetensors";

/// What a run has told, an event a line, in the run's folder.
pub const EVENTS: &str = "events.jsonl";

/// The run's settings, in its folder.
pub const SETTINGS: &str = "run.json";

/// The checkpoint with the best score, in the run's folder.
pub const BEST: &str = "checkpoints/best.safetensors";

/// The folder of one run, open for writing.
#[derive(Debug)]
pub struct RunFolder {
    root: PathBuf,
    _lock: RunLock,
    /// The step of the checkpoint that the run began with, if that is of this folder: it is not deleted.
    origin: Option<u64>,
    /// Once the run has started.
    open: Option<OpenFiles>,
    /// What of the present event is written already.
    written: Written,
    /// Whether its numbers grow out of bounds: then the checkpoints from before are kept.
    is_growing: bool,
}

/// Files that grow with the run.
#[derive(Debug)]
struct OpenFiles {
    events: AppendFile,
    /// Steps up to this one are told there already.
    known_through: u64,
    tensorboard: TensorBoard,
    /// `output.epoch_file`
    epoch_file: String,
}

/// The parts of an event's record, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Written {
    Nothing,
    Files,
    TensorBoard,
}

/// A file of the run that could not be written. Whatever was written before is whole.
#[derive(Debug)]
pub struct WriteError {
    path: PathBuf,
    error: io::Error,
}

impl WriteError {
    /// Whether there is no space, or no more is allowed.
    pub fn is_full(&self) -> bool {
        is_full(&self.error)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be written to: {}", self.path.display(), self.error)
    }
}

impl RunFolder {
    /// Creates the folder, or opens an existing one to go on in it. `lock` is that of an existing one; `origin` the step of
    /// the checkpoint of this folder that the run begins with.
    ///
    /// # Errors
    /// If it can't be written to, or if another process has begun a run there.
    pub fn open(root: &Path, lock: Option<RunLock>, origin: Option<u64>) -> Result<Self, Failure> {
        let failed = |path: &Path, error: io::Error| Failure::file(path, "written to", &error);
        fs::create_dir_all(root).map_err(|error| failed(root, error))?;
        let lock = match lock {
            Some(lock) => lock,
            None => {
                let lock = RunLock::take(root)?;
                if Self::is_used(root) {
                    return Err(Failure::Input(format!(
                        "another process has begun a run in {} meanwhile; give the command again to go on with that run",
                        root.display()
                    )));
                }
                lock
            }
        };
        for part in ["samples", "checkpoints"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(|error| failed(&path, error))?;
        }
        // An event file that a killed process was writing would be read by TensorBoard, too.
        for part in ["", "samples", "checkpoints", "tensorboard"] {
            remove_unfinished(&root.join(part));
        }
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
            origin,
            open: None,
            written: Written::Nothing,
            is_growing: false,
        })
    }

    /// Whether `root` contains a run already, which a new one would mix with.
    pub fn is_used(root: &Path) -> bool {
        ["events.jsonl", "run.json", BEST].iter().any(|file| root.join(file).exists())
            || !Self::checkpoints(root).is_empty()
    }

    /// Creates a new folder `runs/NNN-recipe-Npx` with the next free number.
    ///
    /// # Errors
    /// If it can't be created.
    pub fn create_next(config: &RunConfig) -> Result<PathBuf, Failure> {
        let runs = Path::new("runs");
        let failed = |path: &Path, error: io::Error| Failure::file(path, "created", &error);
        fs::create_dir_all(runs).map_err(|error| failed(runs, error))?;
        loop {
            let used = fs::read_dir(runs).into_iter().flatten().flatten().filter_map(|entry| {
                entry.file_name().to_str().and_then(|name| name.split('-').next()?.parse::<u32>().ok())
            });
            let number = used.max().map_or(1, |last| last + 1);
            let root = runs.join(format!("{number:03}-{}-{}px", config.recipe, config.data.resolution));
            match fs::create_dir(&root) {
                Ok(()) => return Ok(root),
                // Of a run that begins at the same moment.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&root, error)),
            }
        }
    }

    /// The numbered checkpoints and the latest one, the newest first.
    fn checkpoints(root: &Path) -> Vec<PathBuf> {
        let folder = root.join("checkpoints");
        let names = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut steps: Vec<(u64, PathBuf)> =
            names.filter_map(|path| Some((numbered(&path, CHECKPOINT)?, path))).collect();
        steps.sort();
        let mut files: Vec<PathBuf> = steps.into_iter().rev().map(|(_, path)| path).collect();
        // Where it is a file of its own.
        files.extend(Some(folder.join("latest.safetensors")).filter(|latest| latest.exists()));
        files
    }

    /// All checkpoints that a run can go on from, the newest first and the best one last: it is older, and there if all others are damaged
    /// or lost.
    fn candidates(root: &Path) -> Vec<PathBuf> {
        let (steps, latest): (Vec<_>, Vec<_>) =
            Self::checkpoints(root).into_iter().partition(|path| numbered(path, CHECKPOINT).is_some());
        let is_own = |path: &PathBuf| !steps.iter().any(|step| is_same(step, path));
        let latest: Vec<_> = latest.into_iter().filter(is_own).collect();
        let best = Self::best_of(root).filter(is_own);
        let step = |path: &PathBuf| numbered(path, CHECKPOINT).or_else(|| step_of(path)).unwrap_or_default();
        let mut all: Vec<(u64, PathBuf)> = steps.iter().chain(&latest).map(|path| (step(path), path.clone())).collect();
        all.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
        all.into_iter().map(|(_, path)| path).chain(best).collect()
    }

    /// The newest checkpoint that is whole. Newer ones that are damaged, or hold only a part, are named on stderr. None if there never
    /// was one.
    ///
    /// # Errors
    /// If none of them is whole, or if a newer Whelp wrote one.
    pub fn newest(root: &Path) -> Result<Option<Checkpoint>, Failure> {
        let (mut damaged, mut partial) = (None, None);
        for file in Self::candidates(root) {
            let reason = match fs::read(&file).map(|bytes| Checkpoint::from_bytes(&bytes)) {
                Ok(Ok(checkpoint)) => {
                    if let Err(error) = checkpoint.check_complete() {
                        note!("note        {}: {error}", file.display());
                        partial.get_or_insert(checkpoint);
                        continue;
                    }
                    if damaged.is_some() {
                        note!("note        taking {} instead, the newest that is whole", file.display());
                    }
                    return Ok(Some(checkpoint));
                }
                Ok(Err(error @ (CheckpointError::Newer { .. } | CheckpointError::Unknown { .. }))) => {
                    return Err(Failure::Input(format!("{}: {error}", file.display())));
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            let reason = format!("{}: {reason}", file.display());
            note!("note        {reason}");
            damaged.get_or_insert(reason);
        }
        // Enough to draw with.
        if partial.is_some() {
            return Ok(partial);
        }
        damaged.map_or(Ok(None), |newest| {
            Err(Failure::Input(format!(
                "none of the checkpoints in {} can be used. The newest is {newest}. Start a new run with another --out",
                root.join("checkpoints").display()
            )))
        })
    }

    /// The best checkpoint of a run's folder, if `path` is one and has one.
    pub fn best_of(path: &Path) -> Option<PathBuf> {
        Some(path.join(BEST)).filter(|best| best.is_file())
    }

    /// The run's folder that contains a checkpoint, if one does.
    pub fn of_checkpoint(file: &Path) -> Option<PathBuf> {
        Self::around(file).or_else(|| Self::around(&std::path::absolute(file).ok()?))
    }

    fn around(file: &Path) -> Option<PathBuf> {
        let checkpoints = file.parent()?;
        let root = (checkpoints.file_name()? == "checkpoints").then(|| checkpoints.parent())??;
        Some(if root.as_os_str().is_empty() { PathBuf::from(".") } else { root.to_owned() })
    }

    /// The folder's path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes an event and the pictures or checkpoint that it carries, and fills in their paths.
    ///
    /// # Errors
    /// If a file can't be written. Then the same call goes on where this one failed.
    pub fn record(&mut self, event: &mut Event) -> Result<(), WriteError> {
        let samples_png = match event {
            Event::Samples { grid, .. } => Some(self.named("samples", png::encode(grid))?),
            _ => None,
        };
        if self.written < Written::Files {
            self.write_files(event, samples_png.as_deref())?;
            self.written = Written::Files;
        }
        let root = self.root.clone();
        let named = |name: &str, error: io::Error| WriteError { path: root.join(name), error };
        let files = self.open.as_mut().expect("the first event of a run says that it has started");
        if self.written < Written::TensorBoard {
            let written = files.tensorboard.record(event, samples_png.as_deref());
            written.map_err(|error| named("tensorboard", error))?;
            self.written = Written::TensorBoard;
        }
        if let Some(mut line) = files.line(event) {
            line.push('\n');
            files.events.append(line.as_bytes()).map_err(|error| named("events.jsonl", error))?;
        }
        self.written = Written::Nothing;
        Ok(())
    }

    fn write_files(&mut self, event: &mut Event, samples_png: Option<&[u8]>) -> Result<(), WriteError> {
        match event {
            Event::Started { config, progress, .. } => {
                // A run that begins anew in this folder has nothing to do with what a killed one left.
                let goes_on = self.origin.is_some() || self.open.is_some() || progress.step > 0;
                let known_through = set_aside(&self.root, goes_on.then_some(progress.step));
                let known_through = self.named("events.jsonl", known_through)?;
                let newest = self.root.join(format!("checkpoints/step_{:08}{CHECKPOINT}", progress.step));
                // A run that goes on from its best one, which lies beside the numbered ones.
                let best =
                    Self::best_of(&self.root).filter(|best| !newest.exists() && step_of(best) == Some(progress.step));
                if let Some(best) = best {
                    self.named("checkpoints", link_as(&best, &newest))?;
                }
                if newest.exists() {
                    let latest = "checkpoints/latest.safetensors";
                    self.named(latest, link_as(&newest, &self.root.join(latest)))?;
                }
                let json = serde_json::to_string_pretty(config).expect("plain structs always serialise");
                self.named("run.json", write_whole(&self.root.join("run.json"), json.as_bytes()))?;
                let events = self.named("events.jsonl", AppendFile::open(&self.root.join("events.jsonl")))?;
                let tensorboard = self.named("tensorboard", TensorBoard::create(&self.root.join("tensorboard")))?;
                let epoch_file = config.output.epoch_file.clone();
                self.open = Some(OpenFiles { events, known_through, tensorboard, epoch_file });
                Ok(())
            }
            Event::Samples { step, epoch, path, .. } => {
                let mut names = vec![samples_name(*step)];
                let epoch_file = self.open.as_ref().map_or("", |files| &files.epoch_file);
                names.extend(epoch.map(|n| epoch_file.replace("{n}", &n.to_string())));
                for name in &names {
                    let file = self.root.join(name);
                    self.named(name, write_with_folder(&file, samples_png.unwrap_or_default()))?;
                    *path = Some(file.display().to_string());
                }
                Ok(())
            }
            Event::Checkpoint { step, bytes, path, .. } => {
                let name = format!("checkpoints/step_{step:08}{CHECKPOINT}");
                let file = self.root.join(&name);
                self.named(&name, replace_verified(&file, bytes))?;
                self.named("checkpoints", self.keep_latest(&file))?;
                *path = Some(file.display().to_string());
                Ok(())
            }
            Event::Best { bytes, path, .. } => {
                let file = self.root.join(BEST);
                self.named(BEST, replace_verified(&file, bytes))?;
                *path = Some(file.display().to_string());
                Ok(())
            }
            Event::Diagnosis { diagnosis, .. } => {
                self.is_growing = matches!(diagnosis, Diagnosis::NearInfinity { .. });
                Ok(())
            }
            Event::Tick { .. }
            | Event::Values { .. }
            | Event::Warning { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Drawn { .. }
            | Event::Failed { .. }
            | Event::Finished { .. } => Ok(()),
        }
    }

    fn named<T>(&self, name: &str, result: io::Result<T>) -> Result<T, WriteError> {
        result.map_err(|error| WriteError { path: self.root.join(name), error })
    }

    /// Points `latest` at `file` and deletes the oldest step checkpoints.
    fn keep_latest(&self, file: &Path) -> io::Result<()> {
        link_as(file, &self.root.join("checkpoints/latest.safetensors"))?;
        if self.is_growing {
            return Ok(());
        }
        let mut steps = Self::checkpoints(&self.root);
        steps.retain(|path| numbered(path, CHECKPOINT).is_some());
        let is_kept = |path: &PathBuf| self.origin.is_some() && numbered(path, CHECKPOINT) == self.origin;
        for old in steps.into_iter().skip(CHECKPOINTS_KEPT).filter(|path| !is_kept(path)) {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

impl OpenFiles {
    /// The line of an event; none if it tells nothing new.
    fn line(&self, event: &Event) -> Option<String> {
        let json = |event: &Event| serde_json::to_string(event).expect("events always serialise");
        match event {
            // The history that a run goes on from is in this file already.
            Event::Tick { series, progress }
                if series.steps().first().is_some_and(|step| *step <= self.known_through) =>
            {
                let mut new = series.clone();
                new.keep_after(self.known_through);
                (!new.is_empty()).then(|| json(&Event::Tick { progress: progress.clone(), series: new }))
            }
            _ => Some(json(event)),
        }
    }
}

/// The file of the samples of a step, in the run's folder.
pub fn samples_name(step: u64) -> String {
    format!("samples/step_{step:08}.png")
}

/// Like [`write_whole`], and creates the folder if needed.
fn write_with_folder(path: &Path, bytes: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    write_whole(path, bytes)
}

/// Writes a file completely or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_file(path, |file| file.write_all(bytes))
}

/// Checks that a command may write to `file`, before it does the work: not onto what it reads, nor onto a run's checkpoint. The folder is
/// made if it is missing.
///
/// # Errors
/// A sentence on the file.
pub fn check_output(file: &Path, read: &Path) -> Result<(), Failure> {
    let is_checkpoint = RunFolder::of_checkpoint(file).is_some_and(|run| run.join(SETTINGS).exists());
    if file.exists() && (is_checkpoint || is_same(file, read)) {
        return Err(Failure::Input(format!(
            "{} would be written over, and a run or this command needs it. Name another file",
            file.display()
        )));
    }
    if file.is_dir() {
        return Err(Failure::Input(format!(
            "{} cannot be written to: it is a folder. Name a file in it",
            file.display()
        )));
    }
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::create_dir_all(folder).map_err(|error| Failure::file(folder, "created", &error)),
        None => Ok(()),
    }
}

/// Whether two paths lead to one file, also by hard links.
pub fn is_same(a: &Path, b: &Path) -> bool {
    same_file::is_same_file(a, b).unwrap_or(false)
}

/// The step that a checkpoint's file was made at, if it can be read.
pub fn step_of(file: &Path) -> Option<u64> {
    Some(Checkpoint::from_bytes(&fs::read(file).ok()?).ok()?.meta.progress.step)
}
