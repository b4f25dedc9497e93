//! What the program prints. `println!` and `eprintln!` panic when a terminal is gone or a pipe has no reader; nothing here does.
//!
//! While a [`Screen`] covers the terminal, lines go to it; it prints them when it ends.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// Prints a line on stdout: what a command was asked for.
///
/// When nobody reads it any more, as after `| head`, the program ends quietly; when it can't be written, with a sentence.
macro_rules! say {
    ($($words:tt)*) => { $crate::output::to_stdout(format_args!("{}\n", format_args!($($words)*))) };
}

/// Prints a line on stderr, where somebody may see it. If nobody can, the program goes on.
macro_rules! note {
    ($($words:tt)*) => { $crate::output::to_stderr(format_args!($($words)*)) };
}

pub(crate) use {note, say};

/// See [`say!`].
pub fn to_stdout(words: fmt::Arguments<'_>) {
    // In one piece: a reader that takes a part has the whole line, or none of it.
    let text = visible(&words.to_string());
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        drop(out);
        end_screen();
        std::process::exit(i32::from(match error.kind() {
            ErrorKind::BrokenPipe => Outcome::ReaderLeft.status(),
            _ => {
                let failure = unwritable(&error);
                note!("whelp: {failure}");
                failure.status()
            }
        }));
    }
}

/// See [`note!`].
pub fn to_stderr(words: fmt::Arguments<'_>) {
    let text = visible(&words.to_string());
    match &*screen() {
        Some(screen) => screen.take(&text),
        None => drop(writeln!(io::stderr().lock(), "{text}")),
    }
}

/// Without the letters by which a file's name, perhaps one out of a download, would command the terminal.
fn visible(text: &str) -> String {
    let is_command = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    text.replace(is_command, "\u{fffd}")
}

/// What covers the terminal, so that lines printed on it would spoil it and be lost.
pub trait Screen: Send + Sync {
    /// Takes a line in place of the terminal. Must not wait, and must not print.
    fn take(&self, line: &str);

    /// Uncovers the terminal, and prints there what was taken.
    fn leave(&self);
}

/// What covers the terminal now.
static SCREEN: Mutex<Option<Arc<dyn Screen>>> = Mutex::new(None);

fn screen() -> MutexGuard<'static, Option<Arc<dyn Screen>>> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether nothing may cover the terminal any more.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// From now on lines go to `cover`, which covers the terminal. False if nothing may any more.
pub fn begin_screen(cover: Arc<dyn Screen>) -> bool {
    let mut held = screen();
    let may_cover = !IS_OVER.load(Ordering::SeqCst);
    if may_cover {
        *held = Some(cover);
    }
    may_cover
}

/// Uncovers the terminal, if anything covers it, and prints there what was taken meanwhile.
pub fn pause_screen() {
    leave(&mut screen());
}

/// The same for good.
pub fn end_screen() {
    IS_OVER.store(true, Ordering::SeqCst);
    pause_screen();
}

/// The same after a panic, which may have come while a line was taken.
pub fn end_screen_after_panic() {
    IS_OVER.store(true, Ordering::SeqCst);
    for _ in 0..100 {
        match SCREEN.try_lock() {
            Ok(mut held) => return leave(&mut held),
            Err(TryLockError::Poisoned(held)) => return leave(&mut held.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// With the lock held, so that no line of another thread comes between.
fn leave(held: &mut Option<Arc<dyn Screen>>) {
    if let Some(screen) = held.take() {
        screen.leave();
    }
}

/// A failure of stdout.
pub fn unwritable(error: &io::Error) -> Failure {
    Failure::fault(format!("the output cannot be written: {error}"))
}

/// Stdout as a place for lines while something more important goes on.
#[derive(Debug, Default)]
pub struct Lines {
    /// What of a line was not written yet.
    rest: Vec<u8>,
}

impl Lines {
    /// Writes a line, or what is left of it after an error: call it with the same line again.
    ///
    /// # Errors
    /// Those of the system.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        if self.rest.is_empty() {
            self.rest = format!("{line}\n").into_bytes();
        }
        let mut out = io::stdout().lock();
        while !self.rest.is_empty() {
            match out.write(&self.rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.rest.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        out.flush()
    }
}
