//! Adversarial losses by name, and penalties on the discriminator's gradient.

mod adversarial;
mod penalty;

pub use adversarial::{bce_with_logits, discriminator_loss, generator_loss, generator_loss_needs_real};
pub use penalty::{input_gradient, penalty, squared_norms};
