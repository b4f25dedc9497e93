//! Drives a run: commands in, events out; the same in the worker and in the terminal.

mod clock;
mod engine;

pub use engine::{Run, RunError};
