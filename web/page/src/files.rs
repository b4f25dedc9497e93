//! Files in the browser: dropped, picked, offered for download. The worker reads their contents.

use js_sys::{Array, ArrayBuffer, Promise, Reflect};
use leptos::prelude::{document, set_timeout};
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry,
    HtmlAnchorElement, Url,
};

use super::format;

/// A file and its path within what was dropped or picked.
pub type PathAndFile = (String, File);

/// Files after which a search tells how many it has found.
const TOLD: usize = 100;

/// What was dropped. It must be taken from the event at once, as browsers empty the event when the handler returns.
#[derive(Default)]
pub struct Dropped {
    entries: Vec<FileSystemEntry>,
    files: Vec<PathAndFile>,
}

impl Dropped {
    /// Takes the folders, if the browser supports them, and the files.
    pub fn take(transfer: &DataTransfer) -> Self {
        let mut dropped = Self::default();
        let items = transfer.items();
        for item in (0..items.length()).filter_map(|index| items.get(index)) {
            let entry = item.webkit_get_as_entry().ok().flatten();
            let file = item.get_as_file().ok().flatten();
            match (entry, file) {
                (Some(folder), _) if folder.is_directory() => dropped.entries.push(folder),
                (_, Some(file)) => dropped.files.push((file.name(), file)),
                (Some(entry), None) => dropped.entries.push(entry),
                (None, None) => {}
            }
        }
        dropped
    }

    /// The folder's name, if one folder was dropped and nothing else.
    pub fn folder_name(&self) -> Option<String> {
        match (&self.entries[..], &self.files[..]) {
            ([folder], []) => Some(folder.name()),
            _ => None,
        }
    }

    /// Whether nothing but checkpoints was dropped.
    pub fn has_checkpoints_alone(&self) -> bool {
        self.entries.is_empty() && !self.files.is_empty() && self.files.iter().all(|(path, _)| is_checkpoint(path))
    }

    /// The files that were dropped by themselves.
    pub fn into_files(self) -> Vec<PathAndFile> {
        self.files
    }

    /// Finds every file in every folder. `go_on` is called with the count so far, and ends the search by returning `false`.
    ///
    /// # Errors
    /// What the browser says about a folder that it cannot read.
    pub async fn walk(self, go_on: impl Fn(usize) -> bool) -> Result<Vec<PathAndFile>, JsValue> {
        let mut found = self.files;
        let mut open = self.entries;
        while let Some(entry) = open.pop() {
            if entry.is_directory() {
                open.extend(children(entry.unchecked_ref()).await?);
                if !go_on(found.len()) {
                    break;
                }
            } else {
                let file = file_of(entry.unchecked_ref()).await?;
                found.push((entry.full_path().trim_start_matches('/').to_owned(), file));
                if found.len().is_multiple_of(TOLD) && !go_on(found.len()) {
                    break;
                }
            }
        }
        // Browsers list folders in any order, and the same folder must always be the same data set.
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }
}

/// The entries of a folder. A reader returns some hundred of them at a time, and none at the end.
async fn children(folder: &FileSystemDirectoryEntry) -> Result<Vec<FileSystemEntry>, JsValue> {
    let reader = folder.create_reader();
    let mut children = Vec::new();
    loop {
        let batch = settled(|resolve, reject| reader.read_entries_with_callback_and_callback(resolve, reject)).await?;
        let batch: Array = batch.unchecked_into();
        if batch.length() == 0 {
            return Ok(children);
        }
        children.extend(batch.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
    }
}

async fn file_of(entry: &FileSystemFileEntry) -> Result<File, JsValue> {
    let file = settled(|resolve, reject| {
        entry.file_with_callback_and_callback(resolve, reject);
        Ok(())
    })
    .await?;
    Ok(file.unchecked_into())
}

/// Awaits a function that takes one callback for success and one for failure.
async fn settled(
    call: impl Fn(&js_sys::Function, &js_sys::Function) -> Result<(), JsValue>,
) -> Result<JsValue, JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        if let Err(error) = call(&resolve, &reject) {
            // The function that rejects a promise does not throw.
            let _ = reject.call1(&JsValue::NULL, &error);
        }
    });
    JsFuture::from(promise).await
}

/// Picked files. Those of a picked folder keep their path in it.
pub fn picked(list: &FileList) -> Vec<PathAndFile> {
    let path = |file: &File| {
        let path = Reflect::get(file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name())
    };
    (0..list.length()).filter_map(|index| list.get(index)).map(|file| (path(&file), file)).collect()
}

/// A name for a set of files: that of their folder or of the only file, else their number.
pub fn name_for(files: &[PathAndFile]) -> String {
    let folder = |path: &str| path.split_once('/').map(|(folder, _)| folder.to_owned());
    match files {
        [(path, _)] if folder(path).is_none() => path.clone(),
        [(first, _), rest @ ..] => folder(first)
            .filter(|name| rest.iter().all(|(path, _)| folder(path).as_ref() == Some(name)))
            .unwrap_or_else(|| format!("{} files", format::full(files.len() as u64))),
        [] => "nothing".to_owned(),
    }
}

/// Whether a file is a checkpoint, by its name. The worker checks the contents.
pub fn is_checkpoint(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".safetensors")
}

/// The files as `[[path, File], ...]`, for a message to the worker.
pub fn as_array(files: &[PathAndFile]) -> Array {
    files.iter().map(|(path, file)| Array::of2(&path.as_str().into(), file)).collect()
}

/// Reads the whole content.
///
/// # Errors
/// What the browser says, for example that the file was moved after it was picked.
pub async fn bytes_of(blob: &Blob) -> Result<ArrayBuffer, JsValue> {
    Ok(JsFuture::from(blob.array_buffer()).await?.unchecked_into())
}

/// Makes the browser save `blob` as a file.
///
/// # Errors
/// What the browser says when it cannot make an address for it.
pub fn offer(blob: &Blob, name: &str) -> Result<(), JsValue> {
    /// By then any browser has started to write the file.
    const KEEP_ADDRESS: Duration = Duration::from_secs(60);
    let address = Url::create_object_url_with_blob(blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&address);
    link.set_download(name);
    link.click();
    set_timeout(
        move || {
            // Fails only if the address is revoked already.
            let _ = Url::revoke_object_url(&address);
        },
        KEEP_ADDRESS,
    );
    Ok(())
}
