//! Runs a training: commands in, events out. The page's worker and the terminal use the same code.

mod calibrate;
mod checkup;
mod clock;
mod engine;
mod judge;
mod profile;
mod rollback;
mod trial;

pub use calibrate::{Calibration, calibrate};
pub use engine::{Run, RunError};
pub use profile::{ConvolutionSpeed, Profile, profile, profile_convolutions};
