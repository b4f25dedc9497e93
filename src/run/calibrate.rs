//! How large a network this device trains in reasonable time: measured, not guessed from its name.

use super::RunError;
use super::trial::Trial;
use crate::config::RunConfig;
use crate::data::{PictureKind, Speed};
use crate::device::OpenDevice;
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

/// What a fast device trains at 50 images per second: networks of the second of the [`sizes`] at 128 pixels, as the square of the
/// width times the pixels. The work of a step grows with that, so the size that was picked at a smaller resolution tells it
/// too.
fn fast(sizes: &[Size]) -> usize {
    sizes[1].width.pow(2) * 128 * 128
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
    let mut out_of_time = false;
    let sizes = sizes(config.model.architecture);
    for size in sizes.iter().copied() {
        let before = started.elapsed().as_secs_f64();
        let speed = speed(config, kind, size, backbone, device).await?;
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
    let is_fast = images_per_sec >= IMAGES_PER_SEC && width.pow(2) * config.data.resolution.pixels() >= fast(sizes);
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
