//! Settings that suit a device, before anyone chooses.

use whelp::config::{Length, OutputConfig, RunConfig};

/// Seconds between two automatic checkpoints: the most that a crash can cost.
const CHECKPOINT_SECS: f64 = 60.0;

/// `dcgan32` without an end, with networks small enough for a processor where one computes.
pub fn config(is_slow: bool) -> RunConfig {
    let mut config = RunConfig::default();
    // Seen on two processor cores: width 16 and batch 16 make a step of about a second or less, width 64 minutes of
    // nothing to see.
    let (width, batch) = if is_slow { (16, 16) } else { (64, 64) };
    config.model.generator_width = width;
    config.model.discriminator_width = width;
    config.train.batch = batch;
    // StyleGAN2-ADA's rule: batch * 10 / 32 kimg.
    config.train.ema_half_life_kimg = batch as f64 * 10.0 / 32.0;
    config.train.length = Length::Unlimited;
    config.output = OutputConfig {
        sample_steps: None,
        sample_secs: Some(2.0),
        checkpoint_steps: None,
        checkpoint_secs: Some(CHECKPOINT_SECS),
        ..OutputConfig::default()
    };
    config
}
