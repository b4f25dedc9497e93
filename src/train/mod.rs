//! One training step: batches in, updated networks out.

mod adam;
mod batches;
mod ema;
mod trainer;

pub use adam::{Adam, AdamConfig};
pub use batches::Batches;
pub use ema::{Ema, ema_beta};
pub use trainer::{NETWORKS, StepStats, Trainer};
