//! Files in the browser's private file system (OPFS), which no other site and no other program sees.

use std::cell::Cell;
use std::fmt::{self, Debug, Formatter};
use std::io::{self, Read, Write};

use js_sys::{AsyncIterator, Date, Function, Object, Promise, Reflect};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    DomException, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};
use whelp::storage::{RandomAccess, Storage, StoredFile, parts};

use super::port::scope;

/// The page's private file system.
pub struct PrivateStorage {
    root: FileSystemDirectoryHandle,
}

/// Ending of a file that is being written.
const UNFINISHED: &str = ".unfinished";

/// The folder of files that are removed when they are closed.
const SCRATCH: &str = "scratch";

/// Milliseconds after which nobody is writing an unfinished file any more.
const ABANDONED_MS: f64 = 3_600_000.0;

impl PrivateStorage {
    /// None in private windows of some browsers and on pages that are not secure.
    pub async fn open() -> Option<Self> {
        // Not there at all on a page that is not secure, and some browsers refuse it to look at already.
        let storage = Reflect::get(&scope().navigator(), &"storage".into()).ok()?;
        Some(Self { root: awaited(ask(&storage, "getDirectory").ok()?).await.ok()? })
    }

    /// The folder of these parts.
    async fn folder(&self, parts: &[&str], create: bool) -> io::Result<FileSystemDirectoryHandle> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(create);
        let mut folder = self.root.clone();
        for part in parts {
            folder = awaited(folder.get_directory_handle_with_options(part, &options)).await?;
        }
        Ok(folder)
    }

    /// The folder of a file, and the file's name in it.
    async fn place<'a>(&self, name: &'a str, create: bool) -> io::Result<(FileSystemDirectoryHandle, &'a str)> {
        let parts = parts(name)?;
        let (file, folders) = parts.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.folder(folders, create).await?, file))
    }
}

impl Storage for PrivateStorage {
    async fn get<T>(&self, name: &str, read: impl FnOnce(&mut dyn Read, u64) -> T) -> io::Result<Option<T>> {
        let opened = async {
            let (folder, file) = self.place(name, false).await?;
            OpenFile::new(&handle(&folder, file, false).await?).await
        };
        let Some(mut file) = unless_missing(opened.await)? else { return Ok(None) };
        let bytes = file.length()?;
        Ok(Some(read(&mut file, bytes)))
    }

    async fn put(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let (folder, file) = self.place(name, true).await?;
        let unfinished = format!("{file}{UNFINISHED}");
        let temporary = handle(&folder, &unfinished, true).await?;
        // Another tab that writes the same file has it open, and this fails.
        let mut open = OpenFile::new(&temporary).await?;
        let written = open.clear().and_then(|()| write(&mut open)).and_then(|()| open.flush());
        drop(open); // a file is renamed only when it is closed
        let written = match written {
            Ok(()) => rename(&folder, &temporary, file).await,
            Err(error) => Err(error),
        };
        if written.is_err() {
            let _ = remove(&folder, &unfinished).await;
        }
        written
    }

    async fn open(&self, name: &str) -> io::Result<Option<(Box<dyn RandomAccess>, u64)>> {
        let opened = async {
            let (folder, file) = self.place(name, false).await?;
            OpenFile::shared(&handle(&folder, file, false).await?).await
        };
        let Some(file) = unless_missing(opened.await)? else { return Ok(None) };
        let bytes = file.length()?;
        Ok(Some((Box::new(AnywhereIn { file: SendWrapper::new(file), scratch: None }), bytes)))
    }

    async fn scratch(&self) -> io::Result<Box<dyn RandomAccess>> {
        let folder = self.folder(&[SCRATCH], true).await?;
        let name = format!("{}-{}", Date::now(), js_sys::Math::random().to_bits());
        let file = SendWrapper::new(OpenFile::new(&handle(&folder, &name, true).await?).await?);
        Ok(Box::new(AnywhereIn { file, scratch: Some(SendWrapper::new((folder, name))) }))
    }

    async fn list(&self, folder: &str) -> io::Result<Vec<StoredFile>> {
        let Some(handle_of_folder) = unless_missing(self.folder(&parts(folder)?, false).await)? else {
            return Ok(Vec::new());
        };
        let slash = if folder.is_empty() { "" } else { "/" };
        let mut files = Vec::new();
        let names: AsyncIterator = handle_of_folder.keys();
        while let Ok(next) = names.next() {
            let next = JsFuture::from(next).await.map_err(browser_error)?;
            let Some(name) = Reflect::get(&next, &"value".into()).ok().and_then(|name| name.as_string()) else { break };
            // Folders have no file handle, and another tab may just have removed a file.
            let Ok(handle) = handle(&handle_of_folder, &name, false).await else { continue };
            let Ok(file) = awaited::<File>(handle.get_file()).await else { continue };
            let stored = StoredFile { name: format!("{folder}{slash}{name}"), bytes: file.size() as u64 };
            if name.ends_with(UNFINISHED) {
                // What a tab that was closed left behind; a younger one may be about to be written or renamed.
                if Date::now() - file.last_modified() > ABANDONED_MS {
                    let _ = remove(&handle_of_folder, &name).await;
                }
            } else if parts(&stored.name).is_ok() {
                files.push((file.last_modified(), stored));
            }
        }
        files.sort_by(|(a, file_a), (b, file_b)| b.total_cmp(a).then_with(|| file_a.name.cmp(&file_b.name)));
        Ok(files.into_iter().map(|(_, file)| file).collect())
    }

    async fn delete(&self, name: &str) -> io::Result<()> {
        let removed = async {
            let (folder, file) = self.place(name, false).await?;
            remove(&folder, file).await
        };
        unless_missing(removed.await).map(|_| ())
    }

    async fn touch(&self, name: &str) -> io::Result<()> {
        let (folder, file) = self.place(name, false).await?;
        let mut file = OpenFile::new(&handle(&folder, file, false).await?).await?;
        // The browser sets the time when bytes are written: the first one over itself.
        let mut first = [0];
        file.read_exact(&mut first)?;
        file.position.set(0.0);
        file.write_all(&first)?;
        file.flush()
    }
}

/// Removes what workers left that ended without closing it. Files that are open can't be removed.
pub async fn forget_scratch() {
    let Some(storage) = PrivateStorage::open().await else { return };
    for left in storage.list(SCRATCH).await.unwrap_or_default() {
        let _ = storage.delete(&left.name).await;
    }
}

async fn handle(folder: &FileSystemDirectoryHandle, name: &str, create: bool) -> io::Result<FileSystemFileHandle> {
    let options = FileSystemGetFileOptions::new();
    options.set_create(create);
    awaited(folder.get_file_handle_with_options(name, &options)).await
}

async fn remove(folder: &FileSystemDirectoryHandle, name: &str) -> io::Result<()> {
    JsFuture::from(folder.remove_entry(name)).await.map(|_| ()).map_err(browser_error)
}

/// Gives a file another name; a file that has it is replaced.
async fn rename(folder: &FileSystemDirectoryHandle, file: &FileSystemFileHandle, name: &str) -> io::Result<()> {
    // web-sys does not know `FileSystemFileHandle.move`, and neither do browsers of before 2023.
    let function = Reflect::get(file, &"move".into()).and_then(JsCast::dyn_into::<Function>).map_err(browser_error)?;
    let moved = async || {
        let promise =
            function.call1(file, &name.into()).and_then(JsCast::dyn_into::<Promise>).map_err(browser_error)?;
        JsFuture::from(promise).await.map(|_| ()).map_err(browser_error)
    };
    match moved().await {
        // Without the new file the old one has to stay.
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ResourceBusy) => {
            // Some browsers do not replace a file. Then the old one is gone for the moment between these two.
            let _ = remove(folder, name).await;
            moved().await
        }
        moved => moved,
    }
}

/// None if there is no such file or folder.
fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Calls a method that a browser may lack, or refuse at once.
fn ask(object: &JsValue, method: &str) -> io::Result<Promise> {
    let method: Function = Reflect::get(object, &method.into()).and_then(JsCast::dyn_into).map_err(browser_error)?;
    method.call0(object).and_then(JsCast::dyn_into).map_err(browser_error)
}

async fn awaited<T: JsCast>(promise: Promise) -> io::Result<T> {
    let value = JsFuture::from(promise).await.map_err(browser_error)?;
    value.dyn_into().map_err(|_| io::Error::other("the browser answered something else"))
}

fn browser_error(error: JsValue) -> io::Error {
    let Some(exception) = error.dyn_ref::<DomException>() else { return io::Error::other("the browser refused") };
    let kind = match exception.name().as_str() {
        "NotFoundError" => io::ErrorKind::NotFound,
        "QuotaExceededError" => io::ErrorKind::StorageFull,
        "NoModificationAllowedError" => io::ErrorKind::ResourceBusy,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, exception.message())
}

/// A file that is open, and locked, as long as this lives; read and written from its beginning.
struct OpenFile {
    handle: FileSystemSyncAccessHandle,
    position: Cell<f64>,
}

impl OpenFile {
    async fn new(handle: &FileSystemFileHandle) -> io::Result<Self> {
        let handle = awaited(ask(handle, "createSyncAccessHandle")?).await?;
        Ok(Self { handle, position: Cell::new(0.0) })
    }

    /// To be read only, by others at the same time where the browser knows that.
    async fn shared(handle: &FileSystemFileHandle) -> io::Result<Self> {
        let options = Object::new();
        let method: Function =
            Reflect::get(handle, &"createSyncAccessHandle".into()).and_then(JsCast::dyn_into).map_err(browser_error)?;
        let opened = Reflect::set(&options, &"mode".into(), &"read-only".into())
            .and_then(|_| method.call1(handle, &options))
            .and_then(JsCast::dyn_into)
            .map_err(browser_error)?;
        Ok(Self { handle: awaited(opened).await?, position: Cell::new(0.0) })
    }

    fn length(&self) -> io::Result<u64> {
        self.handle.get_size().map(|bytes| bytes as u64).map_err(browser_error)
    }

    /// Removes what an earlier attempt to write left.
    fn clear(&self) -> io::Result<()> {
        self.handle.truncate_with_f64(0.0).map_err(browser_error)
    }

    fn here(&self) -> FileSystemReadWriteOptions {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(self.position.get());
        options
    }

    fn read_some(&self, out: &mut [u8]) -> io::Result<usize> {
        self.advance(self.handle.read_with_u8_array_and_options(out, &self.here()))
    }

    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.handle.write_with_u8_array_and_options(bytes, &self.here()) {
            // Where there is no room Chromium 156 does not throw, as the standard says, but returns the code of its
            // error, a small negative number, as an unsigned one. Writing on after it would be out of bounds.
            Ok(count) if !bytes.is_empty() && !(1.0..=bytes.len() as f64).contains(&count) => {
                Err(io::Error::new(io::ErrorKind::StorageFull, "the browser has no room for it"))
            }
            count => self.advance(count),
        }
    }

    fn advance(&self, count: Result<f64, JsValue>) -> io::Result<usize> {
        let count = count.map_err(browser_error)?;
        self.position.set(self.position.get() + count);
        Ok(count as usize)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// A file that is read and written anywhere, by the thread that opened it.
struct AnywhereIn {
    file: SendWrapper<OpenFile>,
    /// Where it is, if it is to be removed.
    scratch: Option<SendWrapper<(FileSystemDirectoryHandle, String)>>,
}

impl Debug for AnywhereIn {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AnywhereIn").finish_non_exhaustive()
    }
}

impl RandomAccess for AnywhereIn {
    fn read_at(&self, at: u64, mut out: &mut [u8]) -> io::Result<()> {
        self.file.position.set(at as f64);
        while !out.is_empty() {
            match self.file.read_some(out)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => out = &mut out[count..],
            }
        }
        Ok(())
    }

    fn write_at(&self, at: u64, mut bytes: &[u8]) -> io::Result<()> {
        self.file.position.set(at as f64);
        while !bytes.is_empty() {
            bytes = &bytes[self.file.write_some(bytes)?..];
        }
        Ok(())
    }
}

impl Drop for AnywhereIn {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.file.handle.close();
            let (folder, name) = scratch.take();
            spawn_local(async move {
                let _ = remove(&folder, &name).await;
            });
        }
    }
}

impl Read for OpenFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_some(out)
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.handle.flush().map_err(browser_error)
    }
}
