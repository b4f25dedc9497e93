//! What is left to a visitor when this program breaks.
//!
//! It is compiled to stop at once where it would panic, without the code that makes a message. The browser reports that as an
//! error of WebAssembly, as it does exhausted memory and an overflowing stack, of which a panic's hook would not learn. `boot.js`,
//! which goes on when this program cannot, shows the notice.

use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Blob;

#[wasm_bindgen]
extern "C" {
    /// Remembers a checkpoint and its file name, to offer it for download then.
    #[wasm_bindgen(js_namespace = whelpRescue)]
    pub fn keep(checkpoint: &Blob, name: &str);
}
