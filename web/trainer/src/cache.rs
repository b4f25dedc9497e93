//! Prepared pictures in the browser's private file system.

use std::cell::Cell;

use whelp::data::{Dataset, KeptPictures};
use whelp::kept_runs::KeptRuns;
use whelp::session::Kept;

use super::storage::PrivateStorage;

/// In the private file system.
const FOLDER: &str = "prepared pictures";

/// The most that is kept, in bytes: browsers give a page a share of the disk.
const MAX_BYTES: u64 = 2_000_000_000;

thread_local! {
    /// Whether the browser refused to keep the pictures that were prepared last.
    static IS_REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// None in private windows of some browsers and on pages that are not secure.
async fn cache() -> Option<KeptPictures<PrivateStorage>> {
    Some(KeptPictures::new(PrivateStorage::open().await?, FOLDER, MAX_BYTES))
}

/// The data set kept under `key`. One that cannot be used is removed.
pub async fn read(key: &str) -> Option<Dataset> {
    cache().await?.read(key).await.unwrap_or_else(|reason| {
        log::info!("prepared pictures are prepared again: {reason}");
        None
    })
}

/// Keeps a data set under `key`, if there is room.
pub async fn write(key: &str, data: &Dataset) {
    let is_refused = match (cache().await, PrivateStorage::open().await) {
        (Some(cache), Some(storage)) => {
            let needed = KeptRuns::new(storage).needed_pictures().await;
            cache.needing(needed).write(key, data).await.is_err()
        }
        _ => true,
    };
    IS_REFUSED.set(is_refused);
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
