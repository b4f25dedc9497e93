//! One `.safetensors` file that holds a whole run: see [`Checkpoint`].

mod error;
mod file;
mod import;
mod state;
mod warm;

pub use error::CheckpointError;
pub use file::{
    AdaptiveState, Checkpoint, DataOrigin, FORMAT, FORMAT_OF_HALVES, HISTORY_MAX, Meta, RandomState, Scored,
};
pub use import::{ImportError, Imported, Network, import, import_safetensors, is_network_tensor, read_safetensors};
pub(crate) use state::find;
pub use state::{Snapshot, capture, restore_into, restore_sampler, restore_trainer};
pub use warm::{WarmStart, warm_start};
