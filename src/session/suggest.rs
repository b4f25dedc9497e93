//! Settings that suit a device, before anyone chooses.

use super::DeviceInfo;
use crate::config::{Length, OutputConfig, RunConfig};
use crate::data::{PictureKind, Speed};
use crate::device::OpenDevice;
use crate::features::Pretrained;
use crate::recipes;
use crate::recipes::Recipe;
use crate::recipes::r3gan::{R3GAN, SIZES, Size};
use crate::run::{Calibration, RunError, calibrate};

/// The kind of pictures that is assumed until there are some: RGB, no classes.
const KIND: PictureKind = PictureKind { channels: 3, classes: 0 };

/// Settings, and a sentence on why the networks have this size.
#[derive(Debug)]
pub struct Suggestion {
    pub config: RunConfig,
    pub reason: Option<String>,
    /// How fast the device is.
    pub speed: Speed,
}

/// What suits a device that is not measured.
pub fn unmeasured(pace: Pace) -> Suggestion {
    match pace {
        Pace::Fast => Suggestion { config: config(&recipes::DEFAULT, None), reason: None, speed: Speed::Unknown },
        Pace::Processor => Suggestion { config: config(&recipes::DEFAULT, None), reason: None, speed: Speed::Slow },
        Pace::Emulated => {
            // Its frozen network has too many small layers for that: a step takes ten seconds and more.
            let size = SIZES[0];
            let Size { width, batch } = size;
            let reason = format!(
                "Picked the recipe {} in its smallest size, width {width} and batch size {batch}, because a processor \
                 emulates this graphics device.",
                R3GAN.name
            );
            Suggestion { config: config(&R3GAN, Some(size)), reason: Some(reason), speed: Speed::Slow }
        }
    }
}

/// How fast a device is, as far as that is known without measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// A graphics device.
    Fast,
    /// The CPU.
    Processor,
    /// A graphics device that a CPU emulates.
    Emulated,
}

impl Pace {
    /// That of a session's device.
    pub fn of(device: &DeviceInfo) -> Self {
        match (device.is_slow, device.backend.as_str()) {
            (false, _) => Self::Fast,
            (true, DeviceInfo::CPU) => Self::Processor,
            (true, _) => Self::Emulated,
        }
    }
}

/// The largest networks that the device trains fast enough. Measures that on the device.
///
/// # Errors
/// Those of [`calibrate`].
pub async fn measured(backbone: Option<&Pretrained>, device: &OpenDevice) -> Result<Suggestion, RunError> {
    let Calibration { size, reason, speed, .. } =
        calibrate(&config(&recipes::DEFAULT, None), KIND, backbone, device).await?;
    Ok(Suggestion { config: config(&recipes::DEFAULT, Some(size)), reason: Some(sentence(&reason)), speed })
}

/// A recipe in this size, without an end.
fn config(recipe: &Recipe, size: Option<Size>) -> RunConfig {
    let mut config = recipe.config();
    if let Some(size) = size {
        size.apply(&mut config);
    }
    config.train.length = Length::Unlimited;
    config.output = OutputConfig {
        sample_steps: None,
        sample_secs: Some(2.0),
        // The session saves by itself.
        checkpoint_steps: None,
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
    fn every_suggestion_is_valid_and_an_emulated_device_gets_the_smallest() {
        let emulated = unmeasured(Pace::Emulated);
        let Size { width, batch } = SIZES[0];
        assert_eq!((emulated.config.model.generator_width, emulated.config.train.batch), (width, batch));
        assert_eq!(emulated.config.recipe, R3GAN.name);
        assert!(
            emulated
                .reason
                .is_some_and(|reason| reason.ends_with("because a processor emulates this graphics device."))
        );
        emulated.config.validate().unwrap();
        for (pace, speed) in [(Pace::Fast, Speed::Unknown), (Pace::Processor, Speed::Slow)] {
            let suggestion = unmeasured(pace);
            assert_eq!(suggestion.config.model, recipes::DEFAULT.config().model);
            assert_eq!((suggestion.reason, suggestion.speed), (None, speed));
            suggestion.config.validate().unwrap();
        }
    }

    #[test]
    fn a_device_tells_its_pace() {
        let device =
            |backend: &str, is_slow| DeviceInfo { name: "x".into(), backend: backend.into(), is_slow, reason: None };
        assert_eq!(Pace::of(&device("CPU", true)), Pace::Processor);
        assert_eq!(Pace::of(&device("WebGPU", true)), Pace::Emulated);
        assert_eq!(Pace::of(&device("WebGPU", false)), Pace::Fast);
    }

    #[test]
    fn a_clause_becomes_a_sentence() {
        assert_eq!(sentence("picked width 8"), "Picked width 8.");
        assert_eq!(sentence(""), "");
    }
}
