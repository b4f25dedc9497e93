//! What the program prints. `println!` and `eprintln!` panic when a terminal is gone or a pipe has no reader; nothing here does.

use std::fmt;
use std::io::{self, ErrorKind, Write};

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
    let text = words.to_string();
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        drop(out);
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
    let _ = writeln!(io::stderr().lock(), "{words}");
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
