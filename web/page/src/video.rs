//! Films as MP4 or WebM, by the browser's encoder: see `web/assets/film.js`. Where there is none, films are GIFs alone.

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;
use whelp::encode::Shape;

/// Whether this browser has an encoder.
pub fn is_there() -> bool {
    script().is_some()
}

fn script() -> Option<JsValue> {
    let script = Reflect::get(&window(), &"whelpFilm".into()).ok()?;
    Reflect::get(&script, &"isThere".into()).ok()?.is_truthy().then_some(script)
}

/// Makes a film of `pixels`, each `scale` times as large in both directions; each frame is seen for `ms` milliseconds.
///
/// # Errors
/// What the browser says, for example that its encoder takes no pictures of that size.
pub async fn make(shape: Shape, scale: usize, ms: u32, pixels: Uint8Array) -> Result<Blob, JsValue> {
    let script = script().ok_or("this browser has no encoder")?;
    let make: Function = Reflect::get(&script, &"make".into())?.dyn_into()?;
    let Shape { width, height, channels } = shape;
    let numbers = [width, height, channels].map(|number| JsValue::from_f64(number as f64));
    let arguments: Array = numbers.into_iter().chain([pixels.into(), (scale as f64).into(), ms.into()]).collect();
    let promise: Promise = make.apply(&script, &arguments)?.dyn_into()?;
    JsFuture::from(promise).await?.dyn_into()
}

/// The ending of a film's name.
pub fn ending(film: &Blob) -> &'static str {
    if film.type_() == "video/mp4" { "mp4" } else { "webm" }
}
