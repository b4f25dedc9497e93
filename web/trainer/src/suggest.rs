//! Settings that suit a device, before anyone chooses.

use whelp::config::{Length, OutputConfig, RunConfig};
use whelp::data::PictureKind;
use whelp::device::{DeviceError, OpenDevice};
use whelp::recipes::r3gan::{SIZES, Size};
use whelp::recipes::{self, Recipe};
use whelp::run::{Calibration, calibrate};

use super::faults;

/// The recipe of whoever does not choose one.
const RECIPE: Recipe = recipes::DEFAULT;

/// What the pictures have while nobody has brought any: colours, no classes.
const KIND: PictureKind = PictureKind { channels: 3, classes: 0 };

/// Seconds between two automatic checkpoints: the most that a crash can cost.
const CHECKPOINT_SECS: f64 = 60.0;

/// Settings, and a sentence on why they are of that size.
pub struct Suggestion {
    pub config: RunConfig,
    pub reason: Option<String>,
}

/// The smallest networks for a processor, or a graphics device that one imitates; else the recipe's own.
pub fn unmeasured(is_slow: bool) -> Suggestion {
    if !is_slow {
        return Suggestion { config: config(None), reason: None };
    }
    let size = SIZES[0];
    let Size { width, batch } = size;
    let reason = format!("Picked the smallest size, width {width} and batch {batch}, as this device is slow.");
    Suggestion { config: config(Some(size)), reason: Some(reason) }
}

/// The largest networks that the device trains fast enough, tried out on it.
///
/// # Errors
/// Those of [`calibrate`].
pub async fn measured(device: &OpenDevice) -> Result<Suggestion, DeviceError> {
    let Calibration { size, reason, .. } = calibrate(&config(None), KIND, device).await?;
    if let Some(fault) = faults::take_graphics_fault() {
        return Err(DeviceError::Lost { reason: fault });
    }
    Ok(Suggestion { config: config(Some(size)), reason: Some(sentence(&reason)) })
}

/// The default recipe without an end, in that size.
fn config(size: Option<Size>) -> RunConfig {
    let mut config = RECIPE.config();
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

/// Words as a sentence has them.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
