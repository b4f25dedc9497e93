//! Prepared data sets that are kept, so that the next start on the same pictures is immediate.
//!
//! Nothing here ever fails a training. Where there is no storage or no room, pictures are prepared each time.

use std::io::{self, BufWriter, Write};

use super::{Dataset, InputFile, Reading, StoredError, read_stored, write_stored};
use crate::storage::{Storage, StoredFile};

/// The folder in a browser's storage.
pub const PREPARED: &str = "prepared pictures";

/// Ending of the files' names.
const ENDING: &str = ".pictures";

/// Digits of a key: see [`SourceKey`](super::SourceKey).
const KEY_DIGITS: usize = 32;

/// Bytes that are written at once: in a browser every access costs a call.
const BUFFER_BYTES: usize = 1 << 20;

/// Prepared data sets in one folder of a [`Storage`], each under the [`SourceKey`](super::SourceKey) of its source.
#[derive(Debug)]
pub struct KeptPictures<S> {
    storage: S,
    folder: &'static str,
    max_bytes: u64,
    most_in_memory: u64,
    /// Keys of data sets that are removed last.
    needed: Vec<String>,
}

impl<S: Storage> KeptPictures<S> {
    /// Keeps at most `max_bytes` in `folder`, and one data set in any case. Those that were not used for the longest
    /// time are removed first.
    pub fn new(storage: S, folder: &'static str, max_bytes: u64) -> Self {
        Self { storage, folder, max_bytes, most_in_memory: u64::MAX, needed: Vec::new() }
    }

    /// Leaves pictures in their file if their pixels are more than so many bytes.
    pub fn holding(mut self, most_in_memory: u64) -> Self {
        self.most_in_memory = most_in_memory;
        self
    }

    /// Removes the data sets with these keys last: runs that are kept need them to go on.
    pub fn needing(mut self, keys: Vec<String>) -> Self {
        self.needed = keys;
        self
    }

    /// Where the files are.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// The data set that is kept under `key`, if there is one.
    ///
    /// # Errors
    /// [`StoredError`] if there is one that cannot be used. It has been removed: prepare the pictures again.
    pub async fn read(&self, key: &str) -> Result<Option<Dataset>, StoredError> {
        let name = self.name(key);
        // The ones in use are removed last. If this fails, as while another tab has the file open, the order is merely less fair.
        let _ = self.storage.touch(&name).await;
        let opened = self.storage.open(&name).await;
        match opened.map(|file| file.map(|(file, bytes)| read_stored(key, file, bytes, self.most_in_memory))) {
            // What cannot be opened may be in use; it stays for the next time.
            Ok(None) | Err(_) => Ok(None),
            Ok(Some(Ok(data))) => Ok(Some(data)),
            Ok(Some(Err(reason))) => {
                let _ = self.storage.delete(&name).await;
                Err(reason)
            }
        }
    }

    /// Keeps a data set under `key` if there is room, unless the same files may give another one the next time.
    ///
    /// # Errors
    /// Why it can't be written. Then it is not kept, and that is all.
    pub async fn write(&self, key: &str, data: &Dataset) -> io::Result<()> {
        if !data.report().is_lasting() {
            return Ok(());
        }
        let name = self.name(key);
        let write = |file: &mut dyn Write| {
            let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
            write_stored(data, key, &mut file)?;
            file.flush()
        };
        let mut written = self.storage.put(&name, write).await;
        while let Err(error) = &written
            && error.kind() == io::ErrorKind::StorageFull
            && remove_unneeded(&self.storage, self.folder, |other| self.is_needed(other) || other == name).await
        {
            written = self.storage.put(&name, write).await;
        }
        self.remove_oldest(&name).await;
        written
    }

    fn is_needed(&self, name: &str) -> bool {
        self.needed.iter().any(|key| self.name(key) == name)
    }

    /// Keeps `data` under `key` as [`KeptPictures::write`] does, and tells why if it can't be written. Pictures in a file come back in
    /// the one that they are kept in, so that the disk has them once.
    pub async fn keep(&self, key: &str, data: Dataset) -> (Dataset, io::Result<()>) {
        let written = self.write(key, &data).await;
        if data.is_in_memory() || written.is_err() {
            return (data, written);
        }
        let again = self.read(key).await.ok().flatten();
        (again.unwrap_or(data), written)
    }

    /// Has a reading put its pixels into a file, once they are more than memory is to hold. To be called before its first step and
    /// after each one.
    pub async fn make_room<F: InputFile>(&self, reading: &mut Reading<F>) {
        // Without such a file memory has to do.
        if reading.expected_bytes() > self.most_in_memory
            && let Ok(file) = self.storage.scratch().await
        {
            reading.put_pixels_into(file);
        }
    }

    /// The kept data sets, the last used one first.
    pub async fn list(&self) -> Vec<StoredFile> {
        let mut files = self.storage.list(self.folder).await.unwrap_or_default();
        files.retain(|file| is_ours(&file.name));
        files
    }

    /// Removes all kept data sets.
    ///
    /// # Errors
    /// That of the first one that cannot be removed; the others are removed all the same.
    pub async fn clear(&self) -> io::Result<()> {
        let mut result = Ok(());
        for file in self.list().await {
            result = result.and(self.storage.delete(&file.name).await);
        }
        result
    }

    fn name(&self, key: &str) -> String {
        name_in(self.folder, key)
    }

    /// Removes what was not used for the longest time beyond `max_bytes`, but not `newest`.
    async fn remove_oldest(&self, newest: &str) {
        let mut bytes = 0;
        let mut files = self.list().await;
        files.sort_by_key(|file| (file.name != newest, !self.is_needed(&file.name)));
        for file in files {
            bytes += file.bytes;
            if bytes > self.max_bytes && file.name != newest {
                let _ = self.storage.delete(&file.name).await;
            }
        }
    }
}

fn name_in(folder: &str, key: &str) -> String {
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{key}{ENDING}")
}

/// Removes the data set in `folder` that was not used for the longest time and is not `needed`: it can be prepared again. False if
/// there is none, or those are in use.
async fn remove_unneeded<S: Storage>(storage: &S, folder: &'static str, needed: impl Fn(&str) -> bool) -> bool {
    let files = storage.list(folder).await.unwrap_or_default();
    for file in files.iter().rev().filter(|file| is_ours(&file.name) && !needed(&file.name)) {
        if storage.delete(&file.name).await.is_ok() {
            return true;
        }
    }
    false
}

/// The same in a browser, for something that can't be made again; `keys` are those of the needed ones.
pub(crate) async fn remove_unneeded_but<S: Storage>(storage: &S, keys: &[String]) -> bool {
    let needed: Vec<String> = keys.iter().map(|key| name_in(PREPARED, key)).collect();
    remove_unneeded(storage, PREPARED, |name| needed.iter().any(|needed| needed == name)).await
}

/// Whether a file is a kept data set: the folder may be one that the user named, with other files in it. In browsers
/// the names of the first versions had no ending.
fn is_ours(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    let key = name.strip_suffix(ENDING).unwrap_or(name);
    key.len() == KEY_DIGITS && key.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::config::Channels;
    use crate::data::{DatasetBuilder, DecodeError, Preparation, SourceKey};
    use crate::storage::memory::MemoryStorage;

    fn data() -> Dataset {
        let mut builder = DatasetBuilder::new("numbers", 2);
        (0..3).for_each(|value| builder.push("x", Ok(vec![value; 12])));
        builder.finish().unwrap()
    }

    fn key(name: &str) -> String {
        SourceKey::new(name, Preparation::plain(2)).finish()
    }

    fn kept(max_bytes: u64) -> KeptPictures<MemoryStorage> {
        KeptPictures::new(MemoryStorage::default(), "data", max_bytes)
    }

    /// Length of a stored [`data`].
    fn length() -> u64 {
        let kept = kept(u64::MAX);
        block_on(kept.write(&key("a"), &data())).unwrap();
        block_on(kept.list())[0].bytes
    }

    fn is_kept(kept: &KeptPictures<MemoryStorage>, name: &str) -> bool {
        block_on(kept.list()).iter().any(|file| file.name.contains(&key(name)))
    }

    #[test]
    fn a_data_set_comes_back_and_another_key_finds_nothing() {
        let kept = kept(u64::MAX);
        assert!(block_on(kept.read(&key("a"))).unwrap().is_none());
        block_on(kept.write(&key("a"), &data())).unwrap();
        assert_eq!(block_on(kept.read(&key("a"))).unwrap().unwrap().summary(), data().summary());
        assert!(block_on(kept.read(&key("b"))).unwrap().is_none());
        assert_eq!(kept.storage().files.borrow()[0].0, format!("data/{}.pictures", key("a")));
    }

    #[test]
    fn what_memory_does_not_hold_is_collected_kept_and_read_in_files() {
        // An idx file of three pictures of 8 x 8 pixels in grey.
        let file = [&[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 8][..], &(0..192).collect::<Vec<u8>>()].concat();
        let preparation = Preparation { channels: Channels::Grey, ..Preparation::plain(8) };
        let read = |most_in_memory: u64| {
            let kept = kept(u64::MAX).holding(most_in_memory);
            let files = vec![("digits-images-idx3-ubyte".to_owned(), file.clone())];
            let mut reading = Reading::new("digits", files, preparation).unwrap();
            block_on(kept.make_room(&mut reading));
            while reading.step().unwrap().is_some() {
                block_on(kept.make_room(&mut reading));
            }
            let (data, written) = block_on(kept.keep(&key("a"), reading.finish().unwrap()));
            written.unwrap();
            (data, block_on(kept.read(&key("a"))).unwrap().unwrap())
        };
        let (in_memory, _) = read(192);
        assert!(in_memory.is_in_memory());
        let (kept, again) = read(191);
        for found in [&kept, &again] {
            assert!(!found.is_in_memory());
            assert_eq!(found.summary(), in_memory.summary(), "the same set as in memory");
            assert_eq!((found.pixels(2), found.check()), (in_memory.pixels(2), Ok(())));
        }
    }

    #[test]
    fn a_damaged_one_is_removed_with_its_reason() {
        let kept = kept(u64::MAX);
        block_on(kept.write(&key("a"), &data())).unwrap();
        let middle = length() as usize / 2;
        kept.storage().files.borrow_mut()[0].1[middle] ^= 1;
        assert!(block_on(kept.read(&key("a"))).is_err());
        assert!(block_on(kept.list()).is_empty());
        assert!(block_on(kept.read(&key("a"))).unwrap().is_none(), "the next time there is none");
    }

    #[test]
    fn the_one_that_was_not_used_for_the_longest_time_goes_first() {
        let kept = kept(2 * length());
        block_on(kept.write(&key("a"), &data())).unwrap();
        block_on(kept.write(&key("b"), &data())).unwrap();
        block_on(kept.read(&key("a"))).unwrap();
        block_on(kept.write(&key("c"), &data())).unwrap();
        assert_eq!(["a", "b", "c"].map(|name| is_kept(&kept, name)), [true, false, true]);
    }

    #[test]
    fn those_that_a_run_needs_go_last() {
        let kept = kept(2 * length()).needing(vec![key("a")]);
        for name in ["a", "b", "c"] {
            block_on(kept.write(&key(name), &data())).unwrap();
        }
        assert_eq!(["a", "b", "c"].map(|name| is_kept(&kept, name)), [true, false, true]);
        let kept = kept.needing(vec![key("a"), key("c")]);
        block_on(kept.write(&key("d"), &data())).unwrap();
        assert_eq!(["a", "c", "d"].map(|name| is_kept(&kept, name)), [false, true, true], "needed, but too much");
    }

    #[test]
    fn the_newest_stays_even_if_it_is_too_large_alone() {
        let kept = kept(length() - 1);
        block_on(kept.write(&key("a"), &data())).unwrap();
        block_on(kept.write(&key("b"), &data())).unwrap();
        assert_eq!(["a", "b"].map(|name| is_kept(&kept, name)), [false, true]);
    }

    #[test]
    fn the_one_that_was_not_used_for_the_longest_time_makes_room_unless_a_run_needs_it() {
        let room = 5 * length() as usize / 2;
        let storage = MemoryStorage { room: Some(room).into(), ..MemoryStorage::default() };
        let kept = KeptPictures::new(storage, "", u64::MAX).needing(vec![key("a")]);
        for name in ["a", "b", "c"] {
            block_on(kept.write(&key(name), &data())).unwrap();
        }
        assert_eq!(["a", "b", "c"].map(|name| is_kept(&kept, name)), [true, false, true]);
        let kept = kept.needing(vec![key("a"), key("c")]);
        assert_eq!(block_on(kept.write(&key("d"), &data())).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(["a", "c", "d"].map(|name| is_kept(&kept, name)), [true, true, false]);
    }

    #[test]
    fn what_may_change_is_not_kept() {
        let mut builder = DatasetBuilder::new("numbers", 2);
        builder.push("x", Ok(vec![1; 12]));
        builder.push("y", Err(DecodeError::Unreadable { reason: "no permission".to_owned() }));
        let kept = kept(u64::MAX);
        block_on(kept.write(&key("a"), &builder.finish().unwrap())).unwrap();
        assert!(block_on(kept.list()).is_empty());
    }

    #[test]
    fn without_room_nothing_is_kept_and_nothing_fails() {
        let storage = MemoryStorage { room: Some(10).into(), ..MemoryStorage::default() };
        let kept = KeptPictures::new(storage, "", u64::MAX);
        assert_eq!(block_on(kept.write(&key("a"), &data())).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(block_on(kept.read(&key("a"))).unwrap().is_none());
    }

    #[test]
    fn only_data_sets_are_listed_and_cleared() {
        let kept = KeptPictures::new(MemoryStorage::default(), "", 0);
        let others = ["holiday.pictures", "notes.txt", "runs/1.safetensors"];
        for name in others {
            block_on(kept.storage().put(name, |file| file.write_all(b"mine"))).unwrap();
        }
        // As the first versions named it in browsers.
        block_on(kept.storage().put(&key("old"), |file| file.write_all(b"old"))).unwrap();
        block_on(kept.write(&key("a"), &data())).unwrap();
        assert_eq!(block_on(kept.list()).len(), 1, "the old one went when there was too much");
        block_on(kept.clear()).unwrap();
        let left: Vec<_> = kept.storage().files.borrow().iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(left, ["runs/1.safetensors", "notes.txt", "holiday.pictures"]);
    }
}
