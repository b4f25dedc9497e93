//! The page's Web Worker: everything that computes. A device, a data set, an opened checkpoint and at most one run.
//!
//! There are three programs of it, by features: `graphics` holds the kernels for WebGPU, `processor` those for the CPU, and
//! `threads` those for the CPU again, where workers may share memory. `web/assets/trainer.js` picks the one that the visitor's
//! device needs and can run.

mod cache;
mod data;
mod faults;
mod gpu;
mod port;
mod session;
mod starter;
mod storage;
mod suggest;

use wasm_bindgen_futures::spawn_local;
use whelp::platform;
use whelp_messages::Reply;

/// Listens for requests, as long as the page keeps the worker.
pub fn start() {
    platform::run_constructors();
    faults::install();
    let requests = port::listen();
    // Whatever the page posts before this module runs is lost, so it waits to be told.
    port::post(&Reply::Awake, None);
    spawn_local(session::serve(requests));
}
