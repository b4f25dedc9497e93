//! The session's transport in a browser: messages to the page, WebGPU, `File` objects, the private file system.

use wasm_bindgen_futures::spawn_local;
use web_sys::File;
use whelp::data::Preparation;
use whelp::device::{DeviceError, OpenDevice};
use whelp::session::{
    DataSource, DeviceInfo, DevicePreference, Kept, ReadPictures, Refusal, Reply, RunStorage, Transport, Watch,
};

use super::storage::PrivateStorage;
use super::{cache, data, faults, gpu, port, runs, weights};

/// This worker.
pub struct Worker;

impl Transport for Worker {
    /// Dropped files with their paths below the drop; not read yet.
    type Files = Vec<(String, File)>;

    type Storage = PrivateStorage;

    fn post(&self, reply: &Reply, payload: Option<Vec<u8>>) {
        port::post(reply, payload.as_deref());
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spawn_local(task);
    }

    async fn open_device(&self, preference: DevicePreference) -> Result<(OpenDevice, DeviceInfo), Refusal> {
        gpu::open(preference).await
    }

    async fn read_pictures(
        &self,
        source: DataSource,
        files: Self::Files,
        preparation: Preparation,
        watch: &impl Watch,
    ) -> Result<Option<ReadPictures>, String> {
        data::load(source, files, preparation, watch).await
    }

    async fn runs(&self) -> RunStorage<PrivateStorage> {
        runs::storage().await
    }

    async fn kept(&self) -> Kept {
        cache::kept().await
    }

    async fn clear_kept(&self) {
        cache::clear().await;
    }

    async fn fetch(&self, name: &str, progress: &dyn Fn(u64)) -> Result<Vec<u8>, String> {
        weights::fetch(name, progress).await
    }

    fn take_fault(&self) -> Option<DeviceError> {
        faults::take_graphics_fault()
    }
}
