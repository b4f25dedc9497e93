//! Golden files against the devices that a page has, called by the browser tests.

#[path = "../../../library/golden/checks/mod.rs"]
mod checks;

use std::cell::RefCell;

use checks::file::Golden;
use checks::{convolutions, penalties, projected, r3gan};
use wasm_bindgen::prelude::*;
use whelp::device::{self, DeviceChoice, DeviceError, OpenDevice};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn print_error(text: &str);
}

#[cfg(feature = "threads")]
pub use whelp::platform::{init_thread_pool, run_thread};

/// Every thread runs it.
fn main() {}

/// The page calls it once, before the first check.
#[wasm_bindgen]
pub fn start() {
    whelp::platform::run_constructors();
    std::panic::set_hook(Box::new(|panic| print_error(&panic.to_string())));
}

thread_local! {
    /// The open device: a page can open its GPU only once.
    static OPENED: RefCell<Option<(DeviceChoice, OpenDevice)>> = const { RefCell::new(None) };
}

async fn open(choice: DeviceChoice) -> Result<OpenDevice, DeviceError> {
    if let Some((known, opened)) = OPENED.with_borrow(Clone::clone)
        && known == choice
    {
        return Ok(opened);
    }
    let opened = device::open(choice.clone()).await?;
    OPENED.set(Some((choice, opened.clone())));
    Ok(opened)
}

/// Computes a golden file's outputs on a device (`wgpu` or `cpu`) and compares them; returns the device's description.
/// `weights` are those of EfficientNet-Lite0 as float32, for the files that need it.
///
/// # Panics
/// At the first number that is off.
#[wasm_bindgen]
pub async fn check(device: String, name: String, bytes: Vec<u8>, weights: Vec<u8>) -> Result<String, JsError> {
    let opened = open(device.parse()?).await?;
    let golden = Golden::new(&name, bytes);
    let device = &opened.device;
    match name.as_str() {
        name if name.starts_with("conv2d_") => convolutions::conv2d(&golden, device).await,
        name if name.starts_with("conv_transpose2d_") => convolutions::conv_transposed2d(&golden, device).await,
        name if name.starts_with("r1_r2") => penalties::r1_r2(&golden, device).await,
        name if name.starts_with("r1_dcgan_nobn") => penalties::r1_dcgan_nobn(&golden, device).await,
        name if name.starts_with("r3gan_step") => r3gan::steps(&golden, device).await,
        name if name.starts_with("lite0_taps") => projected::taps(&golden, &weights, device).await,
        name if name.starts_with("projected_mix") => projected::mixing(&golden, device).await,
        name if name.starts_with("projected_heads") => projected::heads(&golden, device).await,
        name if name.starts_with("projected_step") => projected::steps(&golden, &weights, device).await,
        other => return Err(JsError::new(&format!("{other}: nothing checks this golden file here"))),
    }
    Ok(opened.description)
}
