//! Static constructors, run once instead of at every call.
//!
//! burn's kernel compiler registers its parts in static constructors (crate `inventory`). In a module that never calls
//! them itself, the linker makes every exported function run all of them first, for a program whose functions are each a
//! program of their own (`createCommandExportWrappers` in lld's wasm/Writer.cpp). JavaScript calls exported functions
//! for every object that it hands over: a training step on WebGPU spent 97 % of its time in constructors.

unsafe extern "C" {
    /// Made by the linker. That we refer to it is what turns the wrappers off.
    safe fn __wasm_call_ctors();
}

/// To be called first of all, and once, by every program that a browser runs.
pub fn run_constructors() {
    __wasm_call_ctors();
}
