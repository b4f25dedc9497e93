use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

/// Lets the worker's message handlers run before it goes on.
///
/// A resolved promise would not do (microtasks run before any message), and timers are clamped to 4 ms and throttled in
/// background tabs; a message to oneself is neither.
pub async fn yield_now() {
    let Ok(channel) = MessageChannel::new() else { return };
    let received = Promise::new(&mut |resolve, _| channel.port1().set_onmessage(Some(&resolve)));
    if channel.port2().post_message(&JsValue::NULL).is_ok() {
        // Resolving cannot fail: nothing rejects this promise.
        let _ = JsFuture::from(received).await;
    }
    channel.port1().close();
}

/// Size of this module's linear memory, which never shrinks.
pub fn memory_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 65536;
    Some(core::arch::wasm32::memory_size(0) as u64 * PAGE_BYTES)
}
