//! Rayon's threads in a page. Threads can't be started while rayon waits for them, because a worker starts only after its
//! parent has returned to the browser. So workers are started first, and each takes a thread to run from a queue.
//!
//! wasm-bindgen-rayon does the same. Without a bundler its workers (1.3.0) pass the memory in a way that wasm-bindgen has
//! deprecated, so that each writes a warning to the console.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use js_sys::{JsString, Promise};
use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/src/platform/threads.js")]
extern "C" {
    #[wasm_bindgen(js_name = startThreads)]
    fn start_threads(module: JsValue, memory: JsValue, script: JsValue, count: usize) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// The address of the script that wasm-bindgen has made of this program.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static SCRIPT: JsString;
}

/// Threads that wait for a worker.
static QUEUE: OnceLock<Mutex<Receiver<ThreadBuilder>>> = OnceLock::new();

/// Gives rayon so many threads. Has to be called once, before anything computes.
///
/// # Errors
/// The browser's error if a worker does not start, or rayon's.
#[wasm_bindgen(js_name = initThreadPool)]
pub async fn init_thread_pool(count: usize) -> Result<(), JsValue> {
    let (sender, receiver) = sync_channel(count);
    QUEUE.set(Mutex::new(receiver)).map_err(|_| "the threads have been started before")?;
    let script = SCRIPT.with(|script| JsValue::from(script.clone()));
    JsFuture::from(start_threads(wasm_bindgen::module(), wasm_bindgen::memory(), script, count)).await?;
    let give = move |thread| sender.send(thread).map_err(|_| io::Error::other("no worker takes the thread"));
    let pool = ThreadPoolBuilder::new().num_threads(count).spawn_handler(give);
    pool.build_global().map_err(|error| error.to_string().into())
}

/// Runs one of rayon's threads until the program ends. Called by each worker.
#[wasm_bindgen(js_name = runThread)]
pub fn run_thread() {
    let next = || QUEUE.get()?.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    if let Some(thread) = next() {
        thread.run();
    }
}
