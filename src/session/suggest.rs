//! Settings that suit a device, before anyone chooses.

use crate::config::{Length, OutputConfig, RunConfig};
use crate::data::{PictureKind, Speed};
use crate::device::OpenDevice;
use crate::features::Pretrained;
use crate::recipes;
use crate::recipes::r3gan::{SIZES, Size};
use crate::run::{Calibration, RunError, calibrate};

/// The kind of pictures that is assumed until there are some: RGB, no classes.
const KIND: PictureKind = PictureKind { channels: 3, classes: 0 };

/// Seconds between two automatic checkpoints: the most training that a crash can cost.
const CHECKPOINT_SECS: f64 = 60.0;

/// Settings, and a sentence on why the networks have this size.
#[derive(Debug)]
pub struct Suggestion {
    pub config: RunConfig,
    pub reason: Option<String>,
    /// How fast the device is.
    pub speed: Speed,
}

/// The smallest networks for a slow device, the recipe's own for any other.
pub fn unmeasured(is_slow: bool) -> Suggestion {
    if !is_slow {
        return Suggestion { config: config(None), reason: None, speed: Speed::Unknown };
    }
    let size = SIZES[0];
    let Size { width, batch } = size;
    let reason =
        format!("Picked the smallest size, width {width} and batch size {batch}, because this device is slow.");
    Suggestion { config: config(Some(size)), reason: Some(reason), speed: Speed::Slow }
}

/// The largest networks that the device trains fast enough. Measures that on the device.
///
/// # Errors
/// Those of [`calibrate`].
pub async fn measured(backbone: Option<&Pretrained>, device: &OpenDevice) -> Result<Suggestion, RunError> {
    let Calibration { size, reason, speed, .. } = calibrate(&config(None), KIND, backbone, device).await?;
    Ok(Suggestion { config: config(Some(size)), reason: Some(sentence(&reason)), speed })
}

/// The default recipe in this size, without an end.
fn config(size: Option<Size>) -> RunConfig {
    let mut config = recipes::DEFAULT.config();
    if let Some(size) = size {
        size.apply(&mut config);
    }
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

/// A clause as a sentence: with a capital and a full stop.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suggestion_is_valid_and_a_slow_device_gets_the_smallest() {
        let slow = unmeasured(true);
        assert_eq!((slow.config.model.generator_width, slow.config.train.batch), (SIZES[0].width, SIZES[0].batch));
        assert!(slow.reason.is_some_and(|reason| reason.contains("because this device is slow")));
        slow.config.validate().unwrap();
        let fast = unmeasured(false);
        assert_eq!(fast.config.model, recipes::DEFAULT.config().model);
        assert_eq!(fast.reason, None);
        assert_eq!((slow.speed, fast.speed), (Speed::Slow, Speed::Unknown));
        fast.config.validate().unwrap();
    }

    #[test]
    fn a_clause_becomes_a_sentence() {
        assert_eq!(sentence("picked width 8"), "Picked width 8.");
        assert_eq!(sentence(""), "");
    }
}
