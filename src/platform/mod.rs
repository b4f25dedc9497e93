//! What differs between a browser and a computer: the library's only `cfg(target_family)`.

#[cfg(target_family = "wasm")]
mod constructors;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod web;

#[cfg(target_family = "wasm")]
pub use constructors::run_constructors;
#[cfg(not(target_family = "wasm"))]
pub use native::{ask_for_subgroups, memory_bytes, run_constructors, use_relaxed_simd, yield_now};
#[cfg(target_family = "wasm")]
pub use web::{ask_for_subgroups, memory_bytes, use_relaxed_simd, yield_now};

/// A point in time; `std`'s clock panics in a browser.
pub use web_time::Instant;
