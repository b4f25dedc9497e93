//! Prepared pictures in the browser's private file system, so that the next start on the same ones is immediate.
//!
//! Nothing here ever fails a training: where there is no such file system or no room, pictures are prepared each time.

use std::io::{self, BufReader, BufWriter, Read, Write};

use js_sys::{AsyncIterator, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};
use whelp::data::{Dataset, Preparation, SourceKey, read_stored, write_stored};
use whelp_messages::Kept;

use super::port::scope;

/// Of the file system's root.
const FOLDER: &str = "prepared pictures";

/// The most that is kept, in bytes; what was written first goes first.
const MAX_BYTES: f64 = 2e9;

/// Tells what is dropped again from what is new.
pub fn key(name: &str, files: &[(String, File)], preparation: Preparation) -> String {
    let mut key = SourceKey::new(name, preparation);
    for (path, file) in files {
        key.file(path, file.size() as u64, file.last_modified() as u128);
    }
    key.finish()
}

/// What was prepared under `key`. What cannot be used is removed.
pub async fn read(key: &str) -> Option<Dataset> {
    let folder = folder().await?;
    let handle: FileSystemFileHandle = awaited(folder.get_file_handle(key)).await.ok()?;
    let file = OpenFile::new(&handle).await.ok()?;
    let length = file.handle.get_size().ok()?;
    let data = read_stored(key, BufReader::with_capacity(1 << 20, &file), length as u64);
    drop(file);
    match data {
        Ok(data) => Some(data),
        Err(reason) => {
            log::info!("prepared pictures are prepared again: {reason}");
            remove(&folder, key).await;
            None
        }
    }
}

/// Keeps what was prepared under `key`, if there is room.
pub async fn write(key: &str, data: &Dataset) {
    let Some(folder) = folder().await else { return };
    let options = FileSystemGetFileOptions::new();
    options.set_create(true);
    let Ok(handle) = awaited::<FileSystemFileHandle>(folder.get_file_handle_with_options(key, &options)).await else {
        return;
    };
    let written = match OpenFile::new(&handle).await {
        Ok(file) => write_stored(data, key, BufWriter::with_capacity(1 << 20, &file)).is_ok(),
        Err(_) => false,
    };
    if !written {
        return remove(&folder, key).await;
    }
    let mut bytes = 0.0;
    for (name, file) in files(&folder).await {
        bytes += file.size();
        if bytes > MAX_BYTES && name != key {
            remove(&folder, &name).await;
        }
    }
}

/// What there is.
pub async fn kept() -> Kept {
    let Some(folder) = folder().await else { return Kept::default() };
    let files = files(&folder).await;
    Kept { count: files.len(), bytes: files.iter().map(|(_, file)| file.size()).sum::<f64>() as u64 }
}

/// Removes all of it.
pub async fn clear() {
    let Some(folder) = folder().await else { return };
    for (name, _) in files(&folder).await {
        remove(&folder, &name).await;
    }
}

/// None in private windows of some browsers and on pages that are not secure.
async fn folder() -> Option<FileSystemDirectoryHandle> {
    let navigator = scope().navigator();
    // Not there at all on a page that is not secure.
    if !Reflect::get(&navigator, &"storage".into()).is_ok_and(|storage| storage.is_object()) {
        return None;
    }
    let root: FileSystemDirectoryHandle = awaited(navigator.storage().get_directory()).await.ok()?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    awaited(root.get_directory_handle_with_options(FOLDER, &options)).await.ok()
}

/// The newest first.
async fn files(folder: &FileSystemDirectoryHandle) -> Vec<(String, File)> {
    let mut files = Vec::new();
    let names: AsyncIterator = folder.keys();
    while let Ok(next) = names.next() {
        let Ok(next) = JsFuture::from(next).await else { break };
        let Some(name) = Reflect::get(&next, &"value".into()).ok().and_then(|name| name.as_string()) else { break };
        let Ok(handle) = awaited::<FileSystemFileHandle>(folder.get_file_handle(&name)).await else { continue };
        if let Ok(file) = awaited::<File>(handle.get_file()).await {
            files.push((name, file));
        }
    }
    files.sort_by(|(_, a), (_, b)| b.last_modified().total_cmp(&a.last_modified()));
    files
}

async fn remove(folder: &FileSystemDirectoryHandle, name: &str) {
    // Another tab may be reading it; then it stays for the next time.
    let _ = JsFuture::from(folder.remove_entry(name)).await;
}

async fn awaited<T: JsCast>(promise: Promise) -> Result<T, JsValue> {
    JsFuture::from(promise).await?.dyn_into()
}

/// A file that is open as long as this lives, read and written from its beginning.
struct OpenFile {
    handle: FileSystemSyncAccessHandle,
    position: std::cell::Cell<f64>,
}

impl OpenFile {
    async fn new(handle: &FileSystemFileHandle) -> Result<Self, JsValue> {
        let handle = awaited(handle.create_sync_access_handle()).await?;
        Ok(Self { handle, position: std::cell::Cell::new(0.0) })
    }

    fn here(&self) -> FileSystemReadWriteOptions {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(self.position.get());
        options
    }

    fn advance(&self, count: Result<f64, JsValue>) -> io::Result<usize> {
        let count = count.map_err(|_| io::Error::other("the browser refused"))?;
        self.position.set(self.position.get() + count);
        Ok(count as usize)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl Read for &OpenFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.advance(self.handle.read_with_u8_array_and_options(out, &self.here()))
    }
}

impl Write for &OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.advance(self.handle.write_with_u8_array_and_options(bytes, &self.here()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.handle.flush().map_err(|_| io::Error::other("the browser refused"))
    }
}
