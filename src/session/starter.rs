//! The starter: the network that comes with Whelp, so that there are pictures before anyone has trained.

use super::opened::Opened;
use crate::checkpoint::{Checkpoint, restore_sampler};
use crate::config::Resolution;
use crate::data::Grid;
use crate::device::OpenDevice;
use crate::platform::yield_now;
use crate::sample::{Draw, Pictures};

/// Its file: the averaged generator, which is enough to draw.
pub const FILE: &str = "starter.safetensors";

/// What a training that comes with Whelp has learnt: both networks and the average, without the optimizers. It is nearly three times
/// as large as what drawing needs, and only needed to train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainedRun {
    /// Its file.
    pub name: &'static str,
    /// Length of the file.
    pub bytes: u64,
    /// Height and width of its pictures.
    pub resolution: usize,
}

/// That of the starter, and one that began with an earlier one, on photographs.
pub const RUNS: [TrainedRun; 2] = [
    TrainedRun { name: "starter-run.safetensors", bytes: 3_755_140, resolution: 32 },
    TrainedRun { name: "starter-64-run.safetensors", bytes: 2_066_964, resolution: 64 },
];

/// The one that a run of this resolution begins with: the largest whose pictures are no larger, else the smallest.
pub fn run_for(resolution: Resolution) -> TrainedRun {
    let fitting = RUNS.into_iter().rfind(|run| run.resolution <= resolution.shorter());
    fitting.unwrap_or(RUNS[0])
}

/// The first seed: the pictures were not selected.
const SEED: u64 = 0;

/// Pictures on show, and how many of them are drawn before requests are answered again.
const COUNT: usize = 64;
const AT_ONCE: usize = 8;

/// Opens the starter in `bytes`.
///
/// # Errors
/// Why it can't be drawn with.
pub fn open(bytes: &[u8], device: &OpenDevice) -> Result<Opened, String> {
    let checkpoint = Checkpoint::from_bytes(bytes).map_err(|error| error.to_string())?;
    let sampler = restore_sampler(&checkpoint, &device.device).map_err(|error| error.to_string())?;
    Ok(Opened { checkpoint, sampler, has_fresh_discriminator: false })
}

/// Draws with the starter. Returns the pictures and how many images it was trained on, or none as soon as `is_wanted` is false.
///
/// # Errors
/// Why the device can't draw.
pub async fn draw(
    Opened { checkpoint, sampler, .. }: &Opened,
    OpenDevice { device, .. }: &OpenDevice,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<(Grid, u64)>, String> {
    let mut drawn: Option<Pictures> = None;
    for first in (0..COUNT).step_by(AT_ONCE) {
        if !is_wanted() {
            return Ok(None);
        }
        let what = Draw { first, ..Draw::new(SEED, AT_ONCE) };
        let pictures = sampler.draw(what, device).await.map_err(|error| error.to_string())?;
        match &mut drawn {
            None => drawn = Some(pictures),
            Some(drawn) => drawn.pixels.extend(pictures.pixels),
        }
        yield_now().await;
    }
    Ok(drawn.map(|pictures| (pictures.grid(), checkpoint.meta.progress.nimg)))
}
