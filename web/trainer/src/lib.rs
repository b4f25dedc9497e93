//! The page's Web Worker. It runs a [`whelp::session`], which does all computing, with what a browser offers.
//!
//! There are three programs of it, by feature: `graphics` for WebGPU, `processor` for the CPU, and `threads` for the CPU where
//! workers may share memory. `web/assets/trainer.js` starts the one that the visitor's device needs and can run.

mod cache;
mod data;
mod faults;
mod gpu;
mod picture;
mod port;
mod runs;
mod storage;
mod transport;
mod weights;

use wasm_bindgen_futures::spawn_local;
use whelp::platform;
use whelp::session::{self, Reply};

/// Serves requests as long as the page keeps the worker.
pub fn start() {
    platform::run_constructors();
    faults::install();
    let requests = port::listen();
    // What the page posts before this module runs is lost, so the page waits for this message.
    port::post(&Reply::Awake, None);
    spawn_local(storage::forget_scratch());
    spawn_local(session::serve(transport::Worker, requests));
}
