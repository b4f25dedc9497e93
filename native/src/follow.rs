//! What a run tells becomes files and lines.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Sender;
use futures_lite::future::block_on;
use whelp::protocol::{Command, Event};
use whelp::run::Run;

use crate::control::Control;
use crate::display::{Display, Subject};
use crate::failure::{Failure, Outcome};
use crate::memory;
use crate::output::{Lines, note};
use crate::run_folder::{RunFolder, WriteError};
use crate::signals::Signals;

/// The first wait for a file that can't be written, and the longest.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(15)];

/// How long a run waits for a file that can't be written for another reason than that there is no space: long enough for a file
/// server to come back.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where a run's events go.
pub struct FrontEnd<'a> {
    pub folder: RunFolder,
    /// Who reads the events.
    pub readers: Readers,
    /// Where the run is watched in the page.
    pub link: Option<String>,
    pub commands: Sender<Command>,
    pub control: &'a Arc<Control>,
    pub signals: &'a Signals,
}

/// Who reads what a run tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// People, on a screen where the terminal can have one.
    People,
    /// People who want lines.
    PeopleOfLines,
    /// Programs.
    Programs,
}

impl FrontEnd<'_> {
    /// Polls the run to its end, writing and showing every event. A run that is not polled is paused, so it waits for files that
    /// can't be written.
    ///
    /// # Errors
    /// If the run fails, or if a file can't be written for good.
    pub fn follow(mut self, mut run: Run) -> Result<Outcome, Failure> {
        let mut shown = self.shown();
        let mut outcome = Outcome::Done;
        while let Some(mut event) = block_on(run.next()) {
            let waited = persist(self.signals, WriteError::is_full, || false, || self.folder.record(&mut event))?;
            run.was_held(waited.as_secs_f64());
            if matches!(event, Event::Tick { .. }) {
                memory::has_trained();
            }
            self.control.answer(&event);
            match &mut shown {
                Shown::Display(display) => display.show(&event),
                Shown::Lines(lines) => match print(lines, &event, self.signals)? {
                    Ok(()) => {}
                    Err(error) => {
                        shown = Shown::Nothing;
                        if error.kind() == ErrorKind::BrokenPipe {
                            outcome = Outcome::ReaderLeft;
                            // A run that ends at this moment need not be told.
                            let _ = self.commands.try_send(Command::Stop);
                        } else {
                            note!(
                                "note        nothing can be printed any more ({error}); the run goes on in its folder"
                            );
                        }
                    }
                },
                Shown::Nothing => {}
            }
            if let Event::Failed { kind, message } = event {
                return Err(Failure::run(kind, &message));
            }
        }
        Ok(self.signals.outcome().unwrap_or(outcome))
    }

    fn shown(&self) -> Shown {
        let root = self.folder.root().display().to_string();
        if self.readers == Readers::Programs {
            return Shown::Lines(Lines::default());
        }
        note!("run         {root}");
        Shown::Display(if self.readers == Readers::PeopleOfLines {
            Display::lines()
        } else {
            let (commands, control) = (self.commands.clone(), self.control.clone());
            let ask = move |word| drop(commands.try_send(control.command(word)));
            Display::of(Subject { root, link: self.link.clone() }, ask)
        })
    }
}

/// Who sees the events.
enum Shown {
    /// People.
    Display(Display),
    /// A program.
    Lines(Lines),
    /// Nobody any more.
    Nothing,
}

/// Prints an event as a line. A full disk is waited for, unless the run is to end: its last checkpoint may have another one. The inner
/// result tells why stdout can't be written.
fn print(lines: &mut Lines, event: &Event, signals: &Signals) -> Result<io::Result<()>, Failure> {
    let line = serde_json::to_string(event).map_err(Failure::fault)?;
    let mut printed = Ok(());
    let write = || {
        printed = lines.write(&line);
        match &printed {
            Err(error) if is_full(error) => Err(format!("the output cannot be written: {error}")),
            _ => Ok(()),
        }
    };
    persist(signals, |_| true, || signals.outcome().is_some(), write)?;
    Ok(printed)
}

/// Whether there is no space, or no more is allowed.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// Tries until something is written. `lasts`: whether to try for ever. `gives_up`: whether to go on without. Returns how long that was
/// waited for.
///
/// # Errors
/// If it can't be written for [`PATIENCE`], or if a second signal asks for an end meanwhile.
fn persist<E: fmt::Display>(
    signals: &Signals,
    lasts: impl Fn(&E) -> bool,
    gives_up: impl Fn() -> bool,
    mut write: impl FnMut() -> Result<(), E>,
) -> Result<Duration, Failure> {
    let (started, [mut wait, longest]) = (Instant::now(), WAITS);
    let (mut was_told, mut asked) = (false, None);
    loop {
        let error = match write() {
            Ok(()) => {
                if was_told {
                    note!("resumed     it could be written, and the run goes on");
                }
                return Ok(if was_told { started.elapsed() } else { Duration::ZERO });
            }
            Err(_) if gives_up() => return Ok(started.elapsed()),
            Err(error) => error,
        };
        if !lasts(&error) && started.elapsed() > PATIENCE {
            return Err(Failure::fault(format!("{error}. The checkpoints that were saved before stay valid")));
        }
        if !was_told {
            was_told = true;
            note!("paused      {error}. Training waits, and tries again until it can be written");
        }
        match (asked, signals.outcome()) {
            (Some(before), Some(outcome)) if signals.count() > before => {
                let message =
                    format!("{error}. The run ended without its last checkpoint; the one before it stays valid");
                return Err(Failure::Unsaved { outcome, message });
            }
            (None, Some(_)) => {
                asked = Some(signals.count());
                note!("paused      nothing can be saved yet; one more signal ends the run without its last checkpoint");
            }
            _ => {}
        }
        signals.wait(wait);
        wait = (2 * wait).min(longest);
    }
}
