//! One `.safetensors` file that holds a whole run: see [`Checkpoint`].

mod error;
mod file;
mod state;

pub use error::CheckpointError;
pub use file::{AdaptiveState, Checkpoint, DataOrigin, FORMAT, HISTORY_MAX, Meta, RandomState};
pub use state::{capture, restore_sampler, restore_trainer};
