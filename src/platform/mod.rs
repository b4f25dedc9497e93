//! What differs between a browser and a native program, under the same names on both sides. No other module of the
//! library asks which of the two it is compiled for; a test holds it to that.

#[cfg(target_family = "wasm")]
mod constructors;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(all(target_family = "wasm", feature = "threads"))]
mod threads;
#[cfg(target_family = "wasm")]
mod web;

#[cfg(target_family = "wasm")]
pub use constructors::run_constructors;
#[cfg(not(target_family = "wasm"))]
pub use native::{
    complete_webgpu, memory_bytes, run_constructors, sleep, use_basic_webgpu, use_relaxed_simd, yield_now,
};
#[cfg(all(target_family = "wasm", feature = "threads"))]
pub use threads::{init_thread_pool, run_thread};
#[cfg(target_family = "wasm")]
pub use web::{complete_webgpu, memory_bytes, sleep, use_basic_webgpu, use_relaxed_simd, yield_now};

#[cfg(all(feature = "wgpu", not(target_family = "wasm")))]
pub use native::{graphics_adapters, graphics_memory_bytes};
#[cfg(all(feature = "wgpu", target_family = "wasm"))]
pub use web::{graphics_adapters, graphics_memory_bytes};

/// A point in time. The standard library's clock panics in a browser.
pub use web_time::Instant;

/// Milliseconds since 1970, by the system's clock.
#[allow(clippy::disallowed_methods)] // natively, where this is the standard one, it does not panic
pub fn now_ms() -> u64 {
    web_time::SystemTime::now().duration_since(web_time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
