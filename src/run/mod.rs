//! Drives a run: commands in, events out; the same in the worker and in the terminal.

mod calibrate;
mod clock;
mod engine;
mod profile;
mod trial;

pub use calibrate::{Calibration, calibrate};
pub use engine::{Run, RunError};
pub use profile::{ConvolutionSpeed, Profile, profile, profile_convolutions};
