//! The browser's side.

use std::time::Duration;

#[cfg(feature = "wgpu")]
use burn::tensor::wgpu::wgpu;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

/// Lets the worker's message handlers run, then goes on.
///
/// It waits for a message to itself. A resolved promise would not do, as microtasks run before any message; a timer
/// takes at least 4 ms, and is throttled in background tabs.
pub async fn yield_now() {
    let Ok(channel) = MessageChannel::new() else { return };
    let received = Promise::new(&mut |resolve, _| channel.port1().set_onmessage(Some(&resolve)));
    if channel.port2().post_message(&JsValue::NULL).is_ok() {
        // Resolving cannot fail: nothing rejects this promise.
        let _ = JsFuture::from(received).await;
    }
    channel.port1().close();
}

/// Waits so long while the worker's message handlers run.
pub async fn sleep(time: Duration) {
    let waited = Promise::new(&mut |resolve, _| {
        let global = js_sys::global();
        let timer = Reflect::get(&global, &"setTimeout".into()).and_then(JsCast::dyn_into::<Function>);
        let millis = JsValue::from_f64(time.as_secs_f64() * 1e3);
        // Without timers nothing is waited for.
        if timer.and_then(|timer| timer.call2(&global, &resolve, &millis)).is_err() {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = JsFuture::from(waited).await;
}

/// Size of this module's linear memory in bytes. It never shrinks.
pub fn memory_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 65536;
    Some(core::arch::wasm32::memory_size(0) as u64 * PAGE_BYTES)
}

/// Has graphics adapters tell what their devices have from now on, and devices opened with all that can be used.
pub fn complete_webgpu() {
    #[cfg(feature = "wgpu")]
    webgpu::complete_adapters();
}

/// Has graphics devices opened without optional features from now on, and kernels keep to small limits. For a device that
/// is refused otherwise.
pub fn use_basic_webgpu() {
    #[cfg(feature = "wgpu")]
    webgpu::use_basic_devices();
}

/// Lets vectors multiply and add in one instruction from now on, in a program that was compiled for it (the feature
/// `relaxed-simd`). Whoever loads that program must check that the browser has the instruction.
pub fn use_relaxed_simd() {
    #[cfg(feature = "relaxed-simd")]
    pulp_wasm_simd_flag::enable_relaxed_simd();
}

/// None: a browser picks the adapter itself.
#[cfg(feature = "wgpu")]
pub async fn graphics_adapters(_api: wgpu::Backend) -> Vec<wgpu::Adapter> {
    Vec::new()
}

/// A browser does not tell.
#[cfg(feature = "wgpu")]
pub fn graphics_memory_bytes(_adapter: &wgpu::Adapter) -> Option<u64> {
    None
}

#[cfg(feature = "wgpu")]
mod webgpu {
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen(module = "/src/platform/webgpu.js")]
    extern "C" {
        #[wasm_bindgen(js_name = completeAdapters)]
        pub fn complete_adapters();
        #[wasm_bindgen(js_name = useBasicDevices)]
        pub fn use_basic_devices();
    }
}
