//! The worker's program for the CPU where a page may have threads and the browser knows relaxed SIMD.

/// For `web/assets/trainer.js`, which starts the threads before the program.
pub use wasm_bindgen_rayon::init_thread_pool;

/// Every thread runs it.
fn main() {}

/// What the other programs do when they are loaded.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn start() {
    whelp_trainer::start();
}
