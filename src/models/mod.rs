//! Generator and discriminator architectures, and the wrappers of what is not trained in them.

mod batch_norm;
mod buffer;
pub mod dcgan;
pub mod dense;
mod frozen;
pub(crate) mod growth;
mod init;
pub mod layers;
mod network;
pub mod projected;
pub mod r3gan;
pub(crate) mod widen;

#[cfg(feature = "devices")]
pub use batch_norm::is_running_statistic;
pub use batch_norm::{BatchNorm, EPSILON as BATCH_NORM_EPSILON};
pub use buffer::Buffer;
pub use frozen::Frozen;
pub use init::{Scheme, initialize};
pub use layers::Layer;
pub use network::{Discriminator, Generator, network_layers};

/// Slope of LeakyReLU for negative inputs, in every network here.
const LEAK: f32 = 0.2;
