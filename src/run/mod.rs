//! Runs a training: commands in, events out. The page's worker and the terminal use the same code.

mod calibrate;
mod checkup;
mod clock;
mod engine;
mod judge;
mod precision;
mod profile;
mod rollback;
#[cfg(feature = "devices")]
mod sharing;
mod trial;

pub use calibrate::{Calibration, calibrate};
pub use engine::{Run, RunError};
pub use profile::{ConvolutionSpeed, Profile, profile, profile_convolutions};
#[cfg(feature = "devices")]
pub use sharing::{check_sharing, sharing_note};
