//! Adversarial losses, by name.

mod bce;

pub use bce::{bce_with_logits, discriminator_bce, generator_bce};
