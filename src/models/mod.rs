//! Generator and discriminator architectures.

mod batch_norm;
mod dcgan;
mod init;

pub use batch_norm::BatchNorm;
pub use dcgan::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
pub use init::initialize;
