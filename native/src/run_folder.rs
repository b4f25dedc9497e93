//! A run's folder: `run.json`, `events.jsonl`, `tensorboard/`, `samples/`, `checkpoints/{step_*,latest,best}.safetensors`,
//! and the samples saved under `output.epoch_file`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use whelp::config::RunConfig;
use whelp::protocol::Event;

use crate::failure::Failure;
use crate::png;
use crate::storage::replace_file;
use crate::tensorboard::TensorBoard;

/// How many of the `step_*` checkpoints are kept; older ones are deleted. `latest` is always the newest.
const CHECKPOINTS_KEPT: usize = 3;

/// The checkpoint with the best score, in the run's folder.
const BEST: &str = "checkpoints/best.safetensors";

/// The folder of one run, open for writing.
#[derive(Debug)]
pub struct RunFolder {
    root: PathBuf,
    events: File,
    tensorboard: TensorBoard,
    /// `output.epoch_file`, once the run has started.
    epoch_file: String,
}

impl RunFolder {
    /// Creates the folder, or opens an existing one to append to it.
    pub fn open(root: &Path) -> Result<Self, Failure> {
        let failed = |path: &Path, error: io::Error| Failure::file(path, "written to", &error);
        for part in ["samples", "checkpoints"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(|error| failed(&path, error))?;
        }
        let path = root.join("events.jsonl");
        let events = OpenOptions::new().create(true).append(true).open(&path).map_err(|error| failed(&path, error))?;
        let path = root.join("tensorboard");
        let tensorboard = TensorBoard::create(&path).map_err(|error| failed(&path, error))?;
        Ok(Self { root: root.to_owned(), events, tensorboard, epoch_file: String::new() })
    }

    /// Whether `root` contains a run already, which a new one would mix with.
    pub fn is_used(root: &Path) -> bool {
        root.join("events.jsonl").exists() || root.join("checkpoints/latest.safetensors").exists()
    }

    /// A new folder `runs/NNN-recipe-Npx` with the next free number.
    pub fn next_free(config: &RunConfig) -> PathBuf {
        let runs = Path::new("runs");
        let used = fs::read_dir(runs).into_iter().flatten().flatten().filter_map(|entry| {
            entry.file_name().to_str().and_then(|name| name.split('-').next()?.parse::<u32>().ok())
        });
        let number = used.max().map_or(1, |last| last + 1);
        runs.join(format!("{number:03}-{}-{}px", config.recipe, config.data.resolution))
    }

    /// The checkpoint that `path` stands for: the file itself, or the latest checkpoint of a run's folder.
    pub fn checkpoint_of(path: &Path) -> PathBuf {
        if path.is_dir() { path.join("checkpoints/latest.safetensors") } else { path.to_owned() }
    }

    /// The best checkpoint of a run's folder, if `path` is one and has one.
    pub fn best_of(path: &Path) -> Option<PathBuf> {
        Some(path.join(BEST)).filter(|best| best.is_file())
    }

    /// The run's folder that contains a checkpoint, if one does.
    pub fn of_checkpoint(file: &Path) -> Option<PathBuf> {
        let checkpoints = file.parent()?;
        (checkpoints.file_name()? == "checkpoints").then(|| checkpoints.parent().map(Path::to_owned))?
    }

    /// The folder's path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes an event and the pictures or checkpoint that it carries, and returns it with their paths filled in.
    pub fn record(&mut self, mut event: Event) -> Result<Event, Failure> {
        let mut samples_png = None;
        let written = match &mut event {
            Event::Started { config, .. } => {
                self.epoch_file.clone_from(&config.output.epoch_file);
                let json = serde_json::to_string_pretty(config).map_err(Failure::fault)?;
                write_whole(&self.root.join("run.json"), json.as_bytes())
            }
            Event::Samples { step, grid, epoch, path, .. } => {
                let mut files = vec![self.root.join(format!("samples/step_{step:08}.png"))];
                files.extend(epoch.map(|n| self.root.join(self.epoch_file.replace("{n}", &n.to_string()))));
                *path = files.last().map(|file| file.display().to_string());
                png::encode(grid).and_then(|bytes| {
                    files.iter().try_for_each(|file| write_with_folder(file, &bytes))?;
                    samples_png = Some(bytes);
                    Ok(())
                })
            }
            Event::Checkpoint { step, bytes, path, .. } => {
                let file = self.root.join(format!("checkpoints/step_{step:08}.safetensors"));
                *path = Some(file.display().to_string());
                write_whole(&file, bytes).and_then(|()| self.keep_latest(&file))
            }
            Event::Best { bytes, path, .. } => {
                let file = self.root.join(BEST);
                *path = Some(file.display().to_string());
                write_whole(&file, bytes)
            }
            Event::Tick { .. }
            | Event::Values { .. }
            | Event::Warning { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Failed { .. }
            | Event::Finished { .. } => Ok(()),
        };
        let written = written.and_then(|()| self.tensorboard.record(&event, samples_png.as_deref()));
        written.map_err(|error| Failure::file(&self.root, "written to", &error))?;
        let mut line = serde_json::to_string(&event).map_err(Failure::fault)?;
        line.push('\n');
        self.events
            .write_all(line.as_bytes())
            .map_err(|error| Failure::file(&self.root.join("events.jsonl"), "written to", &error))?;
        Ok(event)
    }

    /// Points `latest` at `file` and deletes the oldest step checkpoints.
    fn keep_latest(&self, file: &Path) -> io::Result<()> {
        let folder = self.root.join("checkpoints");
        let latest = folder.join("latest.safetensors");
        let link = folder.join("latest.tmp");
        let _ = fs::remove_file(&link);
        // A hard link, or a copy where the file system has none.
        fs::hard_link(file, &link).or_else(|_| fs::copy(file, &link).map(drop))?;
        fs::rename(&link, &latest)?;
        let names = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let is_step = |path: &PathBuf| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("step_") && name.ends_with(".safetensors"))
        };
        let mut steps: Vec<PathBuf> = names.filter(is_step).collect();
        steps.sort();
        for old in steps.iter().rev().skip(CHECKPOINTS_KEPT) {
            fs::remove_file(old)?;
        }
        Ok(())
    }
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
