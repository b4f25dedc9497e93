//! How large a network this device trains in reasonable time: tried out, not guessed from its name.

use super::trial::Trial;
use crate::config::RunConfig;
use crate::data::PictureKind;
use crate::device::{DeviceError, OpenDevice};
use crate::platform::Instant;
use crate::recipes::r3gan::{SIZES, Size};

/// The slowest that is worth waiting for: a million images in less than six hours.
const IMAGES_PER_SEC: f64 = 50.0;

/// Trying out stops before the next try could take the sum of them beyond this.
const BUDGET_SECS: f64 = 12.0;

/// The next larger size is expected to take this many times as long to try.
const GROWTH: f64 = 3.0;

/// Timed steps of each size, after one that compiles kernels.
const STEPS: usize = 2;

/// What was picked, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The size.
    pub size: Size,
    /// Its speed here, images a second.
    pub images_per_sec: f64,
    /// A sentence for people.
    pub reason: String,
}

/// Tries the sizes of [`SIZES`] from the smallest on with training steps on random pictures, and picks the largest that
/// makes 50 images a second; the smallest if none does.
///
/// # Errors
/// [`DeviceError::Lost`] if the device failed.
pub async fn calibrate(config: &RunConfig, kind: PictureKind, device: &OpenDevice) -> Result<Calibration, DeviceError> {
    let started = Instant::now();
    let mut picked: Option<(Size, f64)> = None;
    let mut out_of_time = false;
    for size in SIZES {
        let before = started.elapsed().as_secs_f64();
        let speed = speed(config, kind, size, device).await?;
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
        "the smallest, as this device is slow"
    } else if size == SIZES[SIZES.len() - 1] {
        "the largest on offer"
    } else if out_of_time {
        "larger ones would have taken too long to try"
    } else {
        "the next larger one is too slow here"
    };
    let reason =
        format!("picked width {width} and batch {batch}: {images_per_sec:.0} images a second on this device, {why}");
    Ok(Calibration { size, images_per_sec, reason })
}

/// Images a second.
async fn speed(config: &RunConfig, kind: PictureKind, size: Size, device: &OpenDevice) -> Result<f64, DeviceError> {
    let mut config = config.clone();
    size.apply(&mut config);
    let mut trial = Trial::new(&config, kind, &device.device);
    trial.step().await?;
    let started = Instant::now();
    for _ in 0..STEPS {
        trial.step().await?;
    }
    Ok((STEPS * size.batch) as f64 / started.elapsed().as_secs_f64().max(1e-6))
}
