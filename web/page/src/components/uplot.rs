//! Bindings to the charting library uPlot (npm `uplot`), which index.html loads: only what the loss chart uses.

use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = uPlot)]
    pub type UPlot;

    /// Fails where the script has not been loaded.
    #[wasm_bindgen(constructor, catch, js_class = "uPlot")]
    pub fn new(options: &Object, data: &Array, target: &HtmlElement) -> Result<UPlot, JsValue>;

    #[wasm_bindgen(method, js_name = setData)]
    pub fn set_data(this: &UPlot, data: &Array);

    #[wasm_bindgen(method, js_name = setSize)]
    pub fn set_size(this: &UPlot, size: &Object);

    #[wasm_bindgen(method)]
    pub fn destroy(this: &UPlot);
}
