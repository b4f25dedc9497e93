//! The other side of the page: a worker that computes, or a program whose run is watched.

use js_sys::{Array, ArrayBuffer};
use wasm_bindgen::JsValue;
use whelp::session::{DevicePreference, Reply, Request};

use super::socket::Socket;
use super::worker::Worker;

/// Takes requests, until it is dropped.
pub enum Client {
    Worker(Worker),
    Socket(Socket),
}

impl Client {
    /// Starts a worker: see [`Worker::start`].
    ///
    /// # Errors
    /// The browser's error if it has no workers.
    pub fn start(
        device: &DevicePreference,
        on_reply: impl Fn(Reply, Option<ArrayBuffer>) + 'static,
        on_crash: impl Fn(String) + Clone + 'static,
    ) -> Result<Self, JsValue> {
        Worker::start(device, on_reply, on_crash).map(Self::Worker)
    }

    /// Sends a request. `bytes` is transferred and is empty here afterwards.
    ///
    /// # Errors
    /// The browser's error if something can't be sent.
    pub fn post(&self, request: &Request, bytes: Option<&ArrayBuffer>, files: Option<&Array>) -> Result<(), JsValue> {
        match self {
            Self::Worker(worker) => worker.post(request, bytes, files),
            Self::Socket(socket) => socket.post(request),
        }
    }

    /// Ends it at once.
    pub fn terminate(&self) {
        match self {
            Self::Worker(worker) => worker.terminate(),
            Self::Socket(socket) => socket.close(),
        }
    }
}
