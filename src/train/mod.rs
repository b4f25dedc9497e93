//! One training step: batches in, updated networks out.

mod adam;
pub mod augment;
mod batches;
mod ema;
mod memory;
mod projected;
mod schedule;
#[cfg(feature = "devices")]
mod team;
mod trainer;

pub use adam::{Adam, AdamConfig};
pub use batches::{Batch, Batches};
pub use ema::{Ema, ema_beta};
pub use memory::step_bytes;
pub use schedule::Schedule;
#[cfg(feature = "devices")]
pub use team::Team;
pub use trainer::{Adaptive, NETWORKS, StepStats, Trainer};
