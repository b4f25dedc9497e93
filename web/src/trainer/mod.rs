//! The Web Worker's side: a device, a data set, an opened checkpoint and at most one run.

mod data;
mod faults;
mod gpu;
mod port;
mod session;
mod suggest;

use wasm_bindgen_futures::spawn_local;
use whelp_web::messages::Reply;

/// Listens for requests; never returns a value, the worker lives as long as the page keeps it.
pub fn start() {
    faults::install();
    let requests = port::listen();
    // Whatever the page posts before this module runs is lost, so it waits to be told.
    port::post(&Reply::Awake, None);
    spawn_local(session::serve(requests));
}
