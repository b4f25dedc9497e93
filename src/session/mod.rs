//! A session: a device, a data set, an open checkpoint and at most one run. It serves requests of a front end through a
//! [`Transport`], which the page's worker implements with messages between threads.

#[cfg(feature = "engine")]
mod compare;
#[cfg(feature = "engine")]
mod course;
#[cfg(feature = "engine")]
mod keep;
mod messages;
mod names;
#[cfg(feature = "engine")]
mod opened;
#[cfg(feature = "engine")]
mod serve;
#[cfg(feature = "engine")]
mod share;
#[cfg(feature = "engine")]
mod starter;
#[cfg(feature = "engine")]
mod starting;
#[cfg(feature = "engine")]
mod suggest;
#[cfg(all(test, feature = "flex"))]
mod tests;
#[cfg(feature = "engine")]
mod transport;

pub use messages::{
    About, DataSource, DeviceInfo, DevicePreference, Kept, KeptOutcome, Problem, Refusal, Reply, Request, RunAccess,
    SharedForm, StartFrom,
};
pub use names::file_stem;
#[cfg(feature = "engine")]
pub use serve::serve;
#[cfg(feature = "engine")]
pub use starter::{RUNS, TrainedRun, run_for};
#[cfg(feature = "engine")]
pub use transport::{Incoming, ReadPictures, RunStorage, Transport, Watch};
