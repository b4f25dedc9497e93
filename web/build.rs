//! Leaves the names of functions out of the page's wasm: two thirds of the file, and wasm-bindgen would carry them along.
//! An argument of the linker and not `strip` in the profile, which would go to every crate and compile burn anew.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family.contains("wasm")) {
        println!("cargo::rustc-link-arg-bins=--strip-all");
        // It tells wasm-bindgen what the browser has to be able to do.
        println!("cargo::rustc-link-arg-bins=--keep-section=target_features");
    }
    println!("cargo::rerun-if-changed=../build.rs");
}
