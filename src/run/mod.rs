//! Drives a run: commands in, events out; the same in the worker and in the terminal.

mod calibrate;
mod clock;
mod engine;

pub use calibrate::{Calibration, calibrate};
pub use engine::{Run, RunError};
