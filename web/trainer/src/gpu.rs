//! Opening the device. Whether there is a WebGPU that can be used is asked before burn is started, which panics where a
//! feature is missing; and by the processor's program, to say why it was started.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use whelp::device::{self, DeviceChoice, OpenDevice};
use whelp_messages::{DeviceInfo, DevicePreference};

use super::port::scope;

/// What the browser says of its graphics adapter.
struct Adapter {
    name: String,
    is_software: bool,
}

/// Opens the device that this program is for.
///
/// # Errors
/// A sentence on why WebGPU is not used. The processor is always there.
pub async fn open(preference: DevicePreference) -> Result<(OpenDevice, DeviceInfo), String> {
    if cfg!(feature = "graphics") {
        return open_webgpu().await;
    }
    let reason = match preference {
        DevicePreference::Cpu { reason } => reason,
        DevicePreference::Auto => probe().await.err(),
    };
    let mut cpu = device::open(DeviceChoice::Cpu).await.map_err(|error| error.to_string())?;
    cpu.reason.clone_from(&reason);
    let name = match device::cpu_threads() {
        1 => "this computer's processor".to_owned(),
        threads => format!("this computer's processor, {threads} threads"),
    };
    let info = DeviceInfo { name, backend: "CPU".into(), is_slow: true, reason };
    Ok((cpu, info))
}

async fn open_webgpu() -> Result<(OpenDevice, DeviceInfo), String> {
    let adapter = probe().await?;
    let mut opened = device::open(DeviceChoice::Wgpu)
        .await
        .map_err(|error| format!("The graphics device was tried out and is not used: {error}."))?;
    opened.description = format!("{} (WebGPU)", adapter.name);
    opened.is_software = adapter.is_software;
    let info = DeviceInfo { name: adapter.name, backend: "WebGPU".into(), is_slow: adapter.is_software, reason: None };
    Ok((opened, info))
}

/// Asks for an adapter as burn will.
async fn probe() -> Result<Adapter, String> {
    let gpu = get(&scope().navigator(), "gpu");
    if gpu.is_undefined() || gpu.is_null() {
        return Err(
            "This browser does not offer WebGPU, so the processor trains, which is slower. Current versions of \
                    Chrome, Edge, Firefox and Safari offer it."
                .into(),
        );
    }
    let options = Object::new();
    let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
    let request: Function = get(&gpu, "requestAdapter").unchecked_into();
    let promise = request.call1(&gpu, &options).map_err(|error| blocked(&error))?;
    let adapter = JsFuture::from(promise.unchecked_into::<Promise>()).await.map_err(|error| blocked(&error))?;
    if adapter.is_null() || adapter.is_undefined() {
        return Err(
            "WebGPU found no graphics device it may use, so the processor trains, which is slower. Updating the \
                    graphics driver or switching on hardware acceleration in the browser's settings may help."
                .into(),
        );
    }
    let features = get(&adapter, "features");
    let has: Function = get(&features, "has").unchecked_into();
    // cubecl 0.11 panics without it.
    if has.call1(&features, &"timestamp-query".into()).is_ok_and(|has| has.is_falsy()) {
        return Err("This graphics device lacks WebGPU's timestamp-query, so the processor trains, which is slower. \
                    Another browser or a newer driver may offer it."
            .into());
    }
    Ok(describe(&adapter))
}

fn blocked(error: &JsValue) -> String {
    format!("WebGPU is blocked here ({error:?}), so the processor trains, which is slower.")
}

fn describe(adapter: &JsValue) -> Adapter {
    let info = get(adapter, "info");
    let text = |key: &str| get(&info, key).as_string().unwrap_or_default();
    let (vendor, architecture, device, description) =
        (text("vendor"), text("architecture"), text("device"), text("description"));
    let flag = |of: &JsValue| get(of, "isFallbackAdapter").is_truthy();
    let is_software = flag(adapter) || flag(&info) || architecture == "swiftshader" || description.contains("llvmpipe");
    let name = if architecture == "swiftshader" {
        "SwiftShader, a graphics device imitated by the processor".to_owned()
    } else if !description.is_empty() {
        description
    } else if !device.is_empty() {
        device
    } else {
        // Browsers tell little, against fingerprinting.
        let words = [capitalised(&vendor), architecture].join(" ");
        if words.trim().is_empty() { "graphics device".to_owned() } else { words.trim().to_owned() }
    };
    Adapter { name, is_software }
}

fn capitalised(word: &str) -> String {
    match word {
        "amd" => "AMD".to_owned(),
        "nvidia" => "NVIDIA".to_owned(),
        _ => word[..word.len().min(1)].to_uppercase() + word.get(1..).unwrap_or_default(),
    }
}

fn get(of: &JsValue, key: &str) -> JsValue {
    Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED)
}
