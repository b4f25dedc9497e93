//! The screen of a training: figures, charts and samples that cover the terminal while it lasts.
//!
//! The run's thread only leaves what is new in [`State`]. A thread of the screen's own draws, at most ten times a second, and listens
//! to keys, so a slow terminal holds up no step. Lines that are printed meanwhile are taken (see [`crate::output`]) and printed when
//! the terminal is uncovered: at the end, whatever that is, and while the program is stopped.

mod backend;
mod color;
mod graphics;
mod input;
mod layout;
mod painter;
mod picture;
mod state;
mod terminal;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use whelp::protocol::Event;

use super::Subject;
use super::words::Words;
use crate::cli::ControlWord;
use crate::output::{self, note};
use input::{Input, Inputs};
use painter::Painter;
use state::State;
use terminal::Job;

pub use terminal::{Surroundings, uncover_at_abort};

/// How often the screen is drawn at most, and how often its thread looks around.
const RHYTHM: Duration = Duration::from_millis(100);

/// How long the end of a run waits for a terminal that takes nothing.
const FAREWELL: Duration = Duration::from_secs(2);

/// Passes on to the run what somebody asks by a key.
pub type AskRun = Box<dyn Fn(ControlWord) + Send>;

/// The screen of a run, until it is dropped.
pub struct Screen {
    shared: Arc<Shared>,
    words: Words,
    /// Until the screen begins.
    ask: Option<AskRun>,
    thread: Option<JoinHandle<()>>,
}

/// What the run's thread and the screen's have in common.
pub struct Shared {
    state: Mutex<State>,
    /// Whether the terminal is covered. It is locked while anything is written there.
    is_covered: Mutex<bool>,
    is_ending: AtomicBool,
}

impl Screen {
    /// A screen that begins when the run has started.
    pub fn new(subject: Subject, ask: AskRun) -> Self {
        let (state, is_covered) = (Mutex::new(State::new(subject)), Mutex::new(false));
        let shared = Arc::new(Shared { state, is_covered, is_ending: AtomicBool::new(false) });
        Self { shared, words: Words::default(), ask: Some(ask), thread: None }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        let lines = self.words.lines(event);
        self.shared.state().hear(event, &self.words);
        // To the screen while there is one, else to the terminal.
        for line in lines {
            note!("{line}");
        }
        if let (Event::Started { .. }, Some(ask)) = (event, self.ask.take()) {
            self.begin(ask);
        }
    }

    fn begin(&mut self, ask: AskRun) {
        // Without them the terminal would be left covered when the program is stopped; then lines have to do.
        let Ok(job) = Job::listen() else { return };
        let shared = self.shared.clone();
        let serve = move || {
            let serve = std::panic::AssertUnwindSafe(|| shared.serve(&job, &ask));
            let panicked = std::panic::catch_unwind(serve).is_err();
            if panicked || !shared.is_ending.load(Ordering::SeqCst) {
                output::end_screen();
            }
            if panicked {
                // Those that could not be had while it failed.
                let lines = shared.state().give_back();
                lines.iter().for_each(|line| note!("{line}"));
                note!("note        the screen failed, which is a bug in Whelp; the run goes on, and is told in lines");
            }
        };
        self.thread = thread::Builder::new().name("screen".to_owned()).spawn(serve).ok();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.is_ending.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let started = Instant::now();
            while !thread.is_finished() && started.elapsed() < FAREWELL {
                thread::sleep(Duration::from_millis(2));
            }
            output::end_screen();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws and listens until the run ends or the terminal is gone.
    fn serve(self: &Arc<Self>, job: &Job, ask: &AskRun) {
        let (mut painter, mut inputs) = (Painter::new(), Inputs::default());
        self.begin(&mut painter);
        while !self.is_ending.load(Ordering::SeqCst) {
            if job.is_to_stop() {
                output::pause_screen();
                job.stop();
            }
            // After it was stopped by whatever signal, the shell has changed the terminal's modes.
            if job.has_come_back() || !self.is_covered() {
                if terminal::is_in_foreground() {
                    self.begin(&mut painter);
                } else {
                    output::pause_screen();
                    thread::sleep(RHYTHM);
                    continue;
                }
            }
            match terminal::wait_for_input(RHYTHM) {
                Ok(Some(bytes)) => {
                    inputs.feed(&bytes).into_iter().for_each(|input| self.obey(input, &mut painter, ask))
                }
                Ok(None) => inputs.settle(),
                Err(_) => return,
            }
            if self.paint(&mut painter, job).is_err() {
                return;
            }
        }
    }

    /// Covers the terminal.
    fn begin(self: &Arc<Self>, painter: &mut Painter) {
        // From here on nobody prints there.
        if !output::begin_screen(self.clone()) {
            return;
        }
        let is_covered = {
            let mut is_covered = self.is_covered.lock().unwrap_or_else(PoisonError::into_inner);
            *is_covered = terminal::cover().is_ok();
            *is_covered
        };
        if is_covered {
            painter.begin();
        } else {
            output::pause_screen();
        }
    }

    fn is_covered(&self) -> bool {
        *self.is_covered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn obey(&self, input: Input, painter: &mut Painter, ask: &AskRun) {
        const REDRAW: char = '\u{c}';
        match input {
            Input::Key(REDRAW) => painter.begin(),
            Input::Key(key) => {
                let asked = self.state().asked_by(key);
                if let Some(word) = asked {
                    ask(word);
                }
            }
            Input::Answer(answer) => painter.hear(&answer),
        }
    }

    fn paint(&self, painter: &mut Painter, job: &Job) -> std::io::Result<()> {
        // Drawn into memory while the state is locked; pictures are encoded, and all is written, when it no longer is.
        let drawn = painter.draw(&mut self.state());
        let drawn = drawn.and_then(|drawn| painter.encode(drawn));
        let is_covered = self.is_covered.lock().unwrap_or_else(PoisonError::into_inner);
        match drawn {
            Some(bytes) if *is_covered => {
                terminal::write(&bytes, &|| job.is_to_stop() || self.is_ending.load(Ordering::SeqCst))
            }
            _ => Ok(()),
        }
    }
}

impl output::Screen for Shared {
    fn take(&self, line: &str) {
        self.state().take(line);
    }

    fn leave(&self) {
        // A frame that the terminal does not take is given up, and lines that it does not take.
        let started = Instant::now();
        let gives_up = || started.elapsed() > 2 * FAREWELL;
        if let Some(mut covered) = lock_soon(&self.is_covered) {
            *covered = false;
        }
        terminal::uncover(&gives_up);
        // The thread that panics may hold it.
        let Some(mut state) = lock_soon(&self.state) else { return };
        let lines: String = state.give_back().into_iter().map(|line| line + "\r\n").collect();
        drop(state);
        if terminal::write(lines.as_bytes(), &gives_up).is_err() {
            let _ = std::io::stderr().write_all(lines.as_bytes());
        }
    }
}

/// Locks; none if that takes longer than [`FAREWELL`].
fn lock_soon<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) if started.elapsed() < FAREWELL => thread::sleep(Duration::from_millis(2)),
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}
