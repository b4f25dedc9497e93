//! Weights of frozen networks, kept in the browser's private file system: its cache of pages may forget them at any time.

use std::io::Read;

use whelp::features::{Cifar10, WeightFile, lite0};
use whelp::storage::Storage;

use super::data;
use super::storage::PrivateStorage;

/// In the private file system.
const FOLDER: &str = "weights";

/// A file that comes with the page: kept weights if they are the right ones, else what the page's host has.
///
/// # Errors
/// Why the page's host does not give it.
pub async fn fetch(name: &str, progress: &dyn Fn(u64)) -> Result<Vec<u8>, String> {
    let Some(file) = lite0::FILES.iter().chain([&Cifar10::FILE]).find(|file| file.name == name) else {
        return data::fetch(name, progress).await;
    };
    let storage = PrivateStorage::open().await;
    if let Some(content) = kept(file, storage.as_ref()).await {
        return Ok(content);
    }
    let content = data::fetch(name, progress).await?;
    if let Some(storage) = storage
        && file.is_whole(&content)
    {
        // What can't be kept is fetched again the next time, and that is all.
        let _ = storage.put(&place(file), |out| out.write_all(&content)).await;
    }
    Ok(content)
}

/// What is kept of a file, if it is what it should be. Weights of another version of the page are not.
async fn kept(file: &WeightFile, storage: Option<&PrivateStorage>) -> Option<Vec<u8>> {
    let read = |stored: &mut dyn Read, _| {
        let mut content = Vec::new();
        stored.read_to_end(&mut content).ok().map(|_| content)
    };
    let content = storage?.get(&place(file), read).await.ok().flatten().flatten()?;
    file.is_whole(&content).then_some(content)
}

fn place(file: &WeightFile) -> String {
    format!("{FOLDER}/{}", file.name)
}
