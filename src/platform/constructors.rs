//! Static constructors, run once instead of at every call.
//!
//! burn's kernel compiler registers its parts in static constructors (crate `inventory`). If a module does not call the
//! constructors itself, the linker assumes that each exported function is a program of its own, and makes it run them
//! all first (`createCommandExportWrappers` in lld's wasm/Writer.cpp). JavaScript calls an exported function for every
//! object that it hands over, so a training step on WebGPU spent 97 % of its time in constructors.

unsafe extern "C" {
    /// Made by the linker. Referring to it turns the wrappers off.
    safe fn __wasm_call_ctors();
}

/// Every program that a browser runs calls this once, before anything else.
pub fn run_constructors() {
    __wasm_call_ctors();
}
