//! How large a network this device trains in reasonable time: measured, not guessed from its name.

use super::RunError;
use super::trial::Trial;
use crate::config::RunConfig;
use crate::data::{PictureKind, Speed};
use crate::device::{DeviceError, OpenDevice};
use crate::features::Pretrained;
use crate::platform::Instant;
use crate::recipes::r3gan::{Size, sizes};

/// The lowest speed worth waiting for: a million images in less than six hours.
const IMAGES_PER_SEC: f64 = 50.0;

/// Measuring stops before the next size would take the total beyond this.
const BUDGET_SECS: f64 = 12.0;

/// Measuring the next larger size is expected to take this many times as long.
const GROWTH: f64 = 3.0;

/// Timed steps per size, after one that compiles kernels.
const STEPS: usize = 2;

/// The size that suits a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Width and batch size.
    pub size: Size,
    /// Its speed on this device, in images per second.
    pub images_per_sec: f64,
    /// Why this size: a clause without a capital or a full stop.
    pub reason: String,
    /// Whether the device trains pictures of 128 pixels in reasonable time.
    pub speed: Speed,
}

/// The work of a picture, about: the square of the width times the pixels.
fn work(width: usize, pixels: usize) -> f64 {
    (width.pow(2) * pixels) as f64
}

/// Whether a device that trains networks of this width with so many images of so many pixels per second would train those of the second
/// of the [`sizes`] at 128 pixels with 50 images per second.
fn is_fast(sizes: &[Size], width: usize, pixels: usize, images_per_sec: f64) -> bool {
    images_per_sec >= IMAGES_PER_SEC
        && images_per_sec * work(width, pixels) >= IMAGES_PER_SEC * work(sizes[1].width, 128 * 128)
}

/// Times training steps on random pictures at each of the [`sizes`], from the smallest on, and picks the largest that trains
/// at 50 images per second, or the smallest if none does. `backbone` has the weights of
/// [`files_needed`](crate::features::files_needed).
///
/// # Errors
/// [`RunError::Device`] if the device failed, [`RunError::Features`] if `backbone` is not what the settings need.
pub async fn calibrate(
    config: &RunConfig,
    kind: PictureKind,
    backbone: Option<&Pretrained>,
    device: &OpenDevice,
) -> Result<Calibration, RunError> {
    let started = Instant::now();
    let mut picked: Option<(Size, f64)> = None;
    let (mut out_of_time, mut is_too_large) = (false, false);
    let sizes = sizes(config.model.architecture);
    for size in sizes.iter().copied() {
        let before = started.elapsed().as_secs_f64();
        let speed = match speed(config, kind, size, backbone, device).await {
            // Nobody asked for that size.
            Err(RunError::Device(error)) if picked.is_some() && !matches!(error, DeviceError::Lost { .. }) => {
                is_too_large = true;
                break;
            }
            speed => speed?,
        };
        if speed < IMAGES_PER_SEC && picked.is_some() {
            break;
        }
        picked = Some((size, speed));
        let now = started.elapsed().as_secs_f64();
        out_of_time = now + GROWTH * (now - before) > BUDGET_SECS;
        if speed < IMAGES_PER_SEC || out_of_time {
            break;
        }
    }
    let (size, images_per_sec) = picked.expect("there is a smallest size");
    let Size { width, batch } = size;
    let why = if images_per_sec < IMAGES_PER_SEC {
        "the smallest, because this device is slow"
    } else if is_too_large {
        "the next larger one is more than this device can hold"
    } else if sizes.last() == Some(&size) {
        "the largest on offer"
    } else if out_of_time {
        "larger ones would have taken too long to measure"
    } else {
        "the next larger one is too slow here"
    };
    let reason = format!(
        "picked width {width} and batch size {batch}: {images_per_sec:.0} images per second on this device, {why}"
    );
    let is_fast = is_fast(sizes, width, config.data.resolution.pixels(), images_per_sec);
    let speed = if is_fast { Speed::Fast } else { Speed::Slow };
    Ok(Calibration { size, images_per_sec, reason, speed })
}

/// Images per second.
async fn speed(
    config: &RunConfig,
    kind: PictureKind,
    size: Size,
    backbone: Option<&Pretrained>,
    device: &OpenDevice,
) -> Result<f64, RunError> {
    let mut config = config.clone();
    size.apply(&mut config);
    let mut trial = Trial::new(&config, kind, backbone, &device.device)?;
    trial.step().await?;
    let started = Instant::now();
    for _ in 0..STEPS {
        trial.step().await?;
    }
    Ok((STEPS * size.batch) as f64 / started.elapsed().as_secs_f64().max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes;

    /// The page measures at 32 pixels, the terminal at 64.
    #[test]
    fn a_quick_device_is_fast_at_whatever_size_it_was_measured() {
        let sizes = sizes(recipes::DEFAULT.config().model.architecture);
        let (width, largest) = (sizes[1].width, sizes[sizes.len() - 1].width);
        assert!(is_fast(sizes, width, 128 * 128, 50.0) && !is_fast(sizes, width, 128 * 128, 49.0));
        assert!(is_fast(sizes, width, 64 * 64, 200.0) && !is_fast(sizes, width, 64 * 64, 199.0));
        assert!(is_fast(sizes, largest, 32 * 32, 800.0), "so the largest size at 32 pixels can tell it");
        assert!(!is_fast(sizes, largest, 256 * 256, 49.0), "it has to train what was picked, too");
    }
}
