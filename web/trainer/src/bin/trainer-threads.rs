//! The worker's program for the CPU where a page may have threads and the browser knows relaxed SIMD.

/// For `web/assets/trainer.js`, which starts the threads before the program, and for the threads.
pub use whelp::platform::{init_thread_pool, run_thread};

/// Every thread runs it.
fn main() {}

/// What the other programs do when they are loaded.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn start() {
    whelp_trainer::start();
}
