//! How the program ends: 0 done, 2 bad input, 1 a fault of ours, 130 interrupted.

use std::any::Any;
use std::fmt;
use std::path::Path;

/// An end without a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// By Ctrl-C, after a run's checkpoint was saved or half-drawn pictures were removed.
    Interrupted,
}

/// An end with a sentence for the user.
#[derive(Debug)]
pub enum Failure {
    /// Something the user gave cannot be used.
    Input(String),
    /// Something broke that should not have.
    Fault(String),
}

impl Failure {
    pub fn input(message: impl fmt::Display) -> Self {
        Self::Input(message.to_string())
    }

    pub fn fault(message: impl fmt::Display) -> Self {
        Self::Fault(message.to_string())
    }

    /// For a file or folder that the user named.
    pub fn file(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        Self::Input(format!("{} cannot be {doing}: {error}", path.display()))
    }

    pub fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Self::Fault(format!(
            "a fault of ours: {text}. Checkpoints that were saved stay valid (whelp train --resume). Run again with \
             RUST_BACKTRACE=1 for a report"
        ))
    }

    pub fn status(&self) -> u8 {
        match self {
            Self::Input(_) => 2,
            Self::Fault(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(message) | Self::Fault(message) => f.write_str(message),
        }
    }
}
