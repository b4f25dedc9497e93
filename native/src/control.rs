//! `whelp ctl`: asks a run that another process trains to save, pause, go on, stop or draw.
//!
//! A request is a file in the run's folder, `control/ID.request`, and so is its answer. Unlike a socket that works wherever the
//! folder can be seen: on another computer of a cluster, in another container, and under a path of any length.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_channel::Sender;
use serde::{Deserialize, Serialize};
use whelp::config::RunConfig;
use whelp::protocol::{CheckpointReason, Command, Event, FinishReason};
use whelp::watch::Wish;

use crate::cli::{ControlArguments, ControlWord};
use crate::failure::{Failure, Outcome};
use crate::lock::{self, Liveness, RunLock};
use crate::output::{note, say};
use crate::run_folder::{RunFolder, write_whole};

/// How often a run looks for requests, and a request for its answer.
const RHYTHM: Duration = Duration::from_millis(250);

/// When whoever waits is told why it takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

const REQUEST: &str = "request";
const ANSWER: &str = "answer";

/// The run's side.
#[derive(Debug)]
pub struct Control {
    folder: PathBuf,
    /// What `sample` asks for.
    sample: Command,
    looked: Mutex<Instant>,
    /// What was asked and not answered yet, oldest first.
    waiting: Mutex<VecDeque<Request>>,
    /// Whether somebody has told the run to stop.
    is_to_stop: AtomicBool,
}

#[derive(Debug)]
struct Request {
    id: String,
    word: ControlWord,
}

/// What became of a request.
#[derive(Debug, Deserialize, Serialize)]
pub struct Answer {
    /// Whether it was done.
    pub done: bool,
    /// A sentence without a capital and without a full stop.
    pub message: String,
}

impl Control {
    /// Forgets requests to an earlier process of the run in `root`, which this process has just locked.
    pub fn forget_requests(root: &Path) {
        for path in files(&folder(root)) {
            let _ = fs::remove_file(path);
        }
    }

    /// For the run in `root`, which this process has locked.
    pub fn new(root: &Path, config: &RunConfig) -> Self {
        let folder = folder(root);
        let sample = Command::Sample { count: config.output.grid, seed: config.seed, class: None, truncation_psi: 1.0 };
        Self {
            folder,
            sample,
            looked: Mutex::new(Instant::now()),
            waiting: Mutex::default(),
            is_to_stop: AtomicBool::new(false),
        }
    }

    /// Passes new requests on to the run.
    pub fn look(&self, commands: &Sender<Command>) {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.elapsed() < RHYTHM {
                return;
            }
            *looked = Instant::now();
        }
        for path in files(&self.folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == REQUEST)) {
            let word = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<ControlWord>(&text).ok());
            // What can't be removed would be obeyed for ever.
            let is_taken = fs::remove_file(&path).is_ok();
            let id = path.file_stem().and_then(|stem| stem.to_str());
            let (true, Some(word), Some(id)) = (is_taken, word, id) else { continue };
            self.lock().push_back(Request { id: id.to_owned(), word });
            let _ = commands.try_send(self.command(word));
        }
    }

    /// Whether somebody has told the run to stop.
    pub fn is_to_stop(&self) -> bool {
        self.is_to_stop.load(Ordering::Relaxed)
    }

    /// What the run is told for a word.
    pub fn command(&self, word: ControlWord) -> Command {
        if word == ControlWord::Stop {
            self.is_to_stop.store(true, Ordering::Relaxed);
        }
        match word {
            ControlWord::Save => Command::Save,
            ControlWord::Pause => Command::Pause,
            ControlWord::Resume => Command::Resume,
            ControlWord::Stop => Command::Stop,
            ControlWord::Sample => self.sample.clone(),
        }
    }

    /// Answers what `event` answers.
    pub fn answer(&self, event: &Event) {
        match event {
            Event::Checkpoint { reason: CheckpointReason::Requested, step, path, .. } => {
                let path = path.as_deref().unwrap_or("not written");
                self.answer_first(ControlWord::Save, &format!("saved step {step}: {path}"));
            }
            Event::Paused { progress } => {
                self.answer_first(ControlWord::Pause, &format!("paused after step {}", progress.step));
            }
            Event::Resumed { progress } => {
                self.answer_first(ControlWord::Resume, &format!("goes on after step {}", progress.step));
            }
            Event::Samples { step, path, .. } => {
                let path = path.as_deref().unwrap_or("not written");
                self.answer_first(ControlWord::Sample, &format!("drew step {step}: {path}"));
            }
            Event::Finished { reason, progress } => {
                let how = match reason {
                    FinishReason::Completed => "is complete",
                    FinishReason::Stopped => "stopped, and a checkpoint was saved,",
                    FinishReason::Stalled => "ended because its scores got no better,",
                };
                let message = format!("the run {how} after step {}", progress.step);
                self.answer_all(|word| Answer { done: word == ControlWord::Stop, message: message.clone() });
            }
            Event::Failed { message, .. } => {
                self.answer_all(|_| Answer { done: false, message: format!("the run failed: {message}") });
            }
            Event::Started { .. }
            | Event::Tick { .. }
            | Event::Values { .. }
            | Event::Drawn { .. }
            | Event::Best { .. }
            | Event::Diagnosis { .. }
            | Event::Warning { .. }
            | Event::Checkpoint { reason: CheckpointReason::Automatic | CheckpointReason::Last, .. } => {}
        }
    }

    fn answer_first(&self, word: ControlWord, message: &str) {
        let request = {
            let mut waiting = self.lock();
            let place = waiting.iter().position(|request| request.word == word);
            place.and_then(|place| waiting.remove(place))
        };
        if let Some(request) = request {
            self.write(&request, &Answer { done: true, message: message.to_owned() });
        }
    }

    fn answer_all(&self, answer: impl Fn(ControlWord) -> Answer) {
        let waiting = std::mem::take(&mut *self.lock());
        waiting.iter().for_each(|request| self.write(request, &answer(request.word)));
    }

    fn write(&self, request: &Request, answer: &Answer) {
        // Whoever asked may be gone, or the disk full: neither is worth an end of the run.
        let text = serde_json::to_string(answer).unwrap_or_default();
        let _ = write_whole(&self.folder.join(format!("{}.{ANSWER}", request.id)), text.as_bytes());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Request>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Wish> for ControlWord {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Save => Self::Save,
            Wish::Pause => Self::Pause,
            Wish::Resume => Self::Resume,
            Wish::Stop => Self::Stop,
            Wish::Sample => Self::Sample,
        }
    }
}

/// `whelp ctl`.
pub fn control(arguments: &ControlArguments) -> Result<Outcome, Failure> {
    let (root, word) = (&arguments.run, arguments.word);
    if !RunFolder::is_used(root) {
        return Err(Failure::Input(format!("{} is not the folder of a run", root.display())));
    }
    match RunLock::liveness(root) {
        Liveness::Over => {
            return Err(Failure::Input(format!(
                "{0} is not being trained, so there is nobody to ask. `whelp train --out {0}` goes on with it",
                root.display()
            )));
        }
        Liveness::Held => {}
        believed @ Liveness::Believed(..) => {
            note!("note        the file system of {} has no locks; by its record {believed}", root.display());
        }
    }
    let asked = Asked::of(root, word)?;
    match wait(root, &asked) {
        Some(Answer { done: true, message }) => {
            say!("{message}");
            Ok(Outcome::Done)
        }
        Some(Answer { done: false, message }) => Err(Failure::fault(format!("{}: {message}", root.display()))),
        None if word == ControlWord::Stop => {
            say!("the run has ended");
            Ok(Outcome::Done)
        }
        None => {
            asked.withdraw();
            Err(Failure::fault(format!("{}: the run ended before it answered", root.display())))
        }
    }
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    request: PathBuf,
    answer: PathBuf,
}

impl Asked {
    /// Asks the run in `root`.
    ///
    /// # Errors
    /// If the folder can't be written to.
    pub fn of(root: &Path, word: ControlWord) -> Result<Self, Failure> {
        let folder = folder(root);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = format!("{:020}-{}-{}", since_epoch.as_nanos(), lock::host(), std::process::id());
        let request = folder.join(format!("{id}.{REQUEST}"));
        let text = serde_json::to_string(&word).map_err(Failure::fault)?;
        fs::create_dir_all(&folder)
            .and_then(|()| write_whole(&request, text.as_bytes()))
            .map_err(|error| Failure::file(&request, "written", &error))?;
        Ok(Self { request, answer: folder.join(format!("{id}.{ANSWER}")) })
    }

    /// The answer, once it is there.
    pub fn take(&self) -> Option<Answer> {
        let answer = serde_json::from_slice(&fs::read(&self.answer).ok()?).ok();
        let _ = fs::remove_file(&self.answer);
        answer
    }

    /// Nobody answers any more.
    pub fn withdraw(self) {
        let _ = fs::remove_file(self.request);
    }
}

/// The answer; none if the run ends without one.
fn wait(root: &Path, asked: &Asked) -> Option<Answer> {
    let started = Instant::now();
    let mut was_told = false;
    loop {
        thread::sleep(RHYTHM / 5);
        if let Some(answer) = asked.take() {
            return Some(answer);
        }
        if !RunLock::is_held(root) {
            // It may have answered last of all.
            return asked.take();
        }
        if started.elapsed() > PATIENCE && !was_told {
            was_told = true;
            let holder = lock::holder(root).map_or_else(|| "the run".to_owned(), |holder| holder.to_string());
            note!("waiting for {holder}, which answers between two steps (Ctrl-C ends the wait, not the run)");
        }
    }
}

fn folder(root: &Path) -> PathBuf {
    root.join("control")
}

/// In the order of their names, which is that in which they were asked.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}
