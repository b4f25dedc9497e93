//! Prepared pictures in the browser's private file system.

use std::cell::Cell;

use whelp::data::{Dataset, InputFile, KeptPictures, PREPARED, Reading};
use whelp::kept_runs::KeptRuns;
use whelp::session::Kept;

use super::storage::PrivateStorage;

/// The most that is kept, in bytes: browsers give a page a share of the disk.
const MAX_BYTES: u64 = 2_000_000_000;

/// Pixels that are held in memory, in bytes: a page has 4 GB at most, and phones much less. 20,000 pictures of 64 pixels are half of it.
const MOST_IN_MEMORY: u64 = 512 << 20;

thread_local! {
    /// Whether the browser refused to keep the pictures that were prepared last.
    static IS_REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// None in private windows of some browsers and on pages that are not secure.
async fn cache() -> Option<KeptPictures<PrivateStorage>> {
    Some(KeptPictures::new(PrivateStorage::open().await?, PREPARED, MAX_BYTES).holding(MOST_IN_MEMORY))
}

/// The data set kept under `key`. One that cannot be used is removed.
pub async fn read(key: &str) -> Option<Dataset> {
    cache().await?.read(key).await.unwrap_or_else(|reason| {
        log::info!("prepared pictures are prepared again: {reason}");
        None
    })
}

/// Has a reading put its pixels into a file once memory is not to hold them, unless nothing can be stored.
pub async fn make_room<F: InputFile>(reading: &mut Reading<F>) {
    if reading.expected_bytes() > MOST_IN_MEMORY
        && let Some(cache) = cache().await
    {
        cache.make_room(reading).await;
    }
}

/// Keeps a data set under `key`, if there is room, and returns it.
pub async fn keep(key: &str, data: Dataset) -> Dataset {
    let (data, is_refused) = match (cache().await, PrivateStorage::open().await) {
        (Some(cache), Some(storage)) => {
            let needed = KeptRuns::new(storage).needed_pictures().await;
            let (data, written) = cache.needing(needed).keep(key, data).await;
            (data, written.is_err())
        }
        _ => (data, true),
    };
    IS_REFUSED.set(is_refused);
    data
}

/// What is kept.
pub async fn kept() -> Kept {
    let Some(cache) = cache().await else { return Kept { is_refused: true, ..Kept::default() } };
    let files = cache.list().await;
    let bytes = files.iter().map(|file| file.bytes).sum();
    Kept { count: files.len(), bytes, is_refused: IS_REFUSED.get() }
}

/// Removes all of it. What another tab is reading stays for the next time.
pub async fn clear() {
    if let Some(cache) = cache().await
        && let Err(reason) = cache.clear().await
    {
        log::info!("some prepared pictures were not removed: {reason}");
    }
}
