//! The network that came with the page: it draws before anyone has trained one.

use whelp::checkpoint::{Checkpoint, restore_sampler};
use whelp::data::Grid;
use whelp::device::OpenDevice;
use whelp::platform::yield_now;
use whelp::sample::{Draw, Pictures};

use super::data::fetch;

const FILE: &str = "starter.safetensors";

/// Chosen for nothing: the first seed.
const SEED: u64 = 0;

/// Pictures on show, and those drawn before requests get their turn.
const COUNT: usize = 64;
const AT_ONCE: usize = 8;

/// What it drew, and how many pictures it has learnt from. None if `is_wanted` ends first.
pub async fn draw(
    OpenDevice { device, .. }: &OpenDevice,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<(Grid, u64)>, String> {
    let bytes = fetch(FILE).await?;
    let checkpoint = Checkpoint::from_bytes(&bytes).map_err(|error| error.to_string())?;
    let sampler = restore_sampler(&checkpoint, device).map_err(|error| error.to_string())?;
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
