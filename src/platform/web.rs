//! The browser's side.

use js_sys::{Array, Function, Object, Promise, Proxy, Reflect, global};
use wasm_bindgen::closure::Closure;
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

/// Size of this module's linear memory in bytes. It never shrinks.
pub fn memory_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 65536;
    Some(core::arch::wasm32::memory_size(0) as u64 * PAGE_BYTES)
}

/// Adds the feature `subgroups` to every WebGPU device that is opened from now on, if the adapter has it.
///
/// wgpu 30 reports the size of subgroups, but cannot ask a browser for the feature. So its request is completed on the
/// way to the browser. Kernels for software devices use subgroups (`ops::gpu::software_plane`).
pub fn ask_for_subgroups() {
    // Without WebGPU there is no request to complete, and opening a device reports that.
    let _ = complete_requests();
}

/// Lets vectors multiply and add in one instruction from now on, in a program that was compiled for it (the feature
/// `relaxed-simd`). Whoever loads that program must check that the browser has the instruction.
pub fn use_relaxed_simd() {
    #[cfg(feature = "relaxed-simd")]
    pulp_wasm_simd_flag::enable_relaxed_simd();
}

/// Puts a proxy around `GPUAdapter.requestDevice`.
fn complete_requests() -> Result<(), JsValue> {
    let adapters = Reflect::get(&Reflect::get(&global(), &"GPUAdapter".into())?, &"prototype".into())?;
    let open: Function = Reflect::get(&adapters, &"requestDevice".into())?.dyn_into()?;
    let complete = |open: Function, adapter: JsValue, arguments: Array| {
        let features = Reflect::get(&adapter, &"features".into())?;
        let has: Function = Reflect::get(&features, &"has".into())?.dyn_into()?;
        if has.call1(&features, &"subgroups".into())?.is_truthy()
            && let Ok(required) = Reflect::get(&arguments.get(0), &"requiredFeatures".into())?.dyn_into::<Array>()
        {
            required.push(&"subgroups".into());
        }
        Reflect::apply(&open, &adapter, &arguments)
    };
    let complete = Closure::<dyn Fn(Function, JsValue, Array) -> Result<JsValue, JsValue>>::new(complete);
    let handler = Object::new();
    Reflect::set(&handler, &"apply".into(), &complete.into_js_value())?;
    Reflect::set(&adapters, &"requestDevice".into(), &Proxy::new(&open, &handler))?;
    Ok(())
}
