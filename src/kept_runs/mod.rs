//! Runs that are kept, so that a training outlives the program that it ran in: which of their files there are, under which
//! names, how often one is saved, and what goes first where there is no room.
//!
//! A run is a [`KeptRun`], which a list of runs shows, a few checkpoints, and its [`Course`]: what it measured, and
//! [`Snapshot`]s of its pictures. [`KeptRuns`] keeps them in a [`Storage`](crate::storage::Storage).

mod course;
mod record;
mod schedule;
mod snapshots;
mod store;
mod thinned;
mod thumbnail;

pub use course::{Course, Scores, Snapshot};
pub use record::{KeptRun, MOST_FAVOURITES, RunPictures};
pub use schedule::{LEAST_SECS, interval_secs};
pub use snapshots::{SavedCourse, StoredSnapshot, Timeline};
pub use store::{KeptRuns, Room};
pub use thinned::{Moment, Thinned};
pub use thumbnail::thumbnail;
