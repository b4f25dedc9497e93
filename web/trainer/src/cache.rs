//! Prepared pictures in the browser's private file system.

use whelp::data::{Dataset, KeptPictures};
use whelp::session::Kept;

use super::storage::PrivateStorage;

/// In the private file system.
const FOLDER: &str = "prepared pictures";

/// The most that is kept, in bytes: browsers give a page a share of the disk.
const MAX_BYTES: u64 = 2_000_000_000;

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
    if let Some(cache) = cache().await {
        cache.write(key, data).await;
    }
}

/// What is kept.
pub async fn kept() -> Kept {
    let Some(cache) = cache().await else { return Kept::default() };
    let files = cache.list().await;
    Kept { count: files.len(), bytes: files.iter().map(|file| file.bytes).sum() }
}

/// Removes all of it. What another tab is reading stays for the next time.
pub async fn clear() {
    if let Some(cache) = cache().await
        && let Err(reason) = cache.clear().await
    {
        log::info!("some prepared pictures were not removed: {reason}");
    }
}
