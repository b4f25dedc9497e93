//! Golden files against WebGPU, called by the browser tests.

#[path = "../../../library/golden/checks/mod.rs"]
mod checks;

use checks::file::Golden;
use checks::{convolutions, penalties};
use wasm_bindgen::prelude::*;
use whelp::device::{self, DeviceChoice};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn print_error(text: &str);
}

fn main() {
    whelp::platform::run_constructors();
    std::panic::set_hook(Box::new(|panic| print_error(&panic.to_string())));
}

/// Computes what is in a golden file on the device of that name and compares; returns the name of what computed.
///
/// # Panics
/// With the first number that is off.
#[wasm_bindgen]
pub async fn check(device: String, name: String, bytes: Vec<u8>) -> Result<String, JsError> {
    let choice: DeviceChoice = device.parse()?;
    let opened = device::open(choice).await?;
    let golden = Golden::new(&name, bytes);
    let device = &opened.device;
    match name.as_str() {
        name if name.starts_with("conv2d_") => convolutions::conv2d(&golden, device).await,
        name if name.starts_with("conv_transpose2d_") => convolutions::conv_transposed2d(&golden, device).await,
        name if name.starts_with("r1_r2") => penalties::r1_r2(&golden, device).await,
        name if name.starts_with("r1_dcgan_nobn") => penalties::r1_dcgan_nobn(&golden, device).await,
        other => return Err(JsError::new(&format!("{other}: nothing checks this golden file here"))),
    }
    Ok(opened.description)
}
