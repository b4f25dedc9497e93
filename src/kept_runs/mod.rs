//! Runs that are kept, so that a training outlives the program that it ran in: which of their files there are, under which
//! names, how often one is saved, and what goes first where there is no room.
//!
//! A run is a [`KeptRun`], which a list of runs shows, and a few checkpoints. [`KeptRuns`] keeps them in a
//! [`Storage`](crate::storage::Storage).

mod record;
mod schedule;
mod store;
mod thumbnail;

pub use record::{KeptRun, MOST_FAVOURITES, RunPictures};
pub use schedule::{LEAST_SECS, interval_secs};
pub use store::{KeptRuns, Room};
pub use thumbnail::thumbnail;
