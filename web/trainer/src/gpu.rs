//! Opens the device. The browser is asked for a WebGPU adapter first: the processor's program asks too, to say why it was
//! started.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use whelp::device::{self, DeviceChoice, OpenDevice};
use whelp::platform;
use whelp::session::{DeviceInfo, DevicePreference, Refusal};

use super::port::scope;

/// A graphics adapter, as the browser describes it.
#[derive(Debug, PartialEq)]
struct Adapter {
    name: String,
    is_software: bool,
}

/// Opens the device that this program is for.
///
/// # Errors
/// Why WebGPU is not used. The processor is always there.
pub async fn open(preference: DevicePreference) -> Result<(OpenDevice, DeviceInfo), Refusal> {
    if cfg!(feature = "graphics") {
        return open_webgpu(preference).await;
    }
    let reason = match preference {
        DevicePreference::Cpu { reason } => reason,
        DevicePreference::Basic { reason } => Some(reason),
        DevicePreference::Auto => match probe().await {
            Err(reason) => Some(reason),
            Ok(_) => is_missing("graphics").then(|| {
                "The program for WebGPU is still being compiled, so the processor trains, which is slower. Reload the page \
                 when it is ready."
                    .to_owned()
            }),
        },
    };
    let threads = get(&scope(), "threadsFailure").as_string().map(|error| {
        let error = error.trim_end_matches('.');
        format!("The processor's threads could not be started ({error}), so it trains on one, which is slower.")
    });
    let reason = [reason, threads].into_iter().flatten().reduce(|one, other| format!("{one} {other}"));
    let mut cpu = device::open(DeviceChoice::Cpu).await.map_err(|error| Refusal::of_failure(&error.to_string()))?;
    cpu.reason.clone_from(&reason);
    let name = match device::cpu_threads() {
        1 => "this computer's processor".to_owned(),
        threads => format!("this computer's processor, {threads} threads"),
    };
    let info = DeviceInfo { name, backend: DeviceInfo::CPU.into(), is_slow: true, reason };
    Ok((cpu, info))
}

/// Whether `web/assets/trainer.js` wanted the program for that device and the page did not have it.
fn is_missing(device: &str) -> bool {
    let missing = get(&scope(), "missingPrograms");
    missing
        .dyn_into::<Array>()
        .is_ok_and(|missing| missing.iter().any(|program| program.as_string().as_deref() == Some(device)))
}

async fn open_webgpu(preference: DevicePreference) -> Result<(OpenDevice, DeviceInfo), Refusal> {
    let adapter = probe().await.map_err(|reason| Refusal { reason, is_absent: true })?;
    let reason = match preference {
        DevicePreference::Basic { reason } => {
            platform::use_basic_webgpu();
            Some(format!("{reason} It now works without its optional features, which can be slower."))
        }
        DevicePreference::Auto | DevicePreference::Cpu { .. } => None,
    };
    let mut opened = device::open(DeviceChoice::Wgpu).await.map_err(|error| Refusal::of_failure(&error.to_string()))?;
    opened.description = format!("{} (WebGPU)", adapter.name);
    opened.is_software = adapter.is_software;
    let info = DeviceInfo { name: adapter.name, backend: "WebGPU".into(), is_slow: adapter.is_software, reason };
    Ok((opened, info))
}

/// Asks for an adapter in the same way as burn will.
async fn probe() -> Result<Adapter, String> {
    let gpu = get(&scope().navigator(), "gpu");
    if gpu.is_undefined() || gpu.is_null() {
        return Err(without_webgpu(scope().is_secure_context(), &scope().location().origin()));
    }
    let options = Object::new();
    let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
    let request: Function = get(&gpu, "requestAdapter").unchecked_into();
    let promise = request.call1(&gpu, &options).map_err(|error| blocked(&error))?;
    let adapter = JsFuture::from(promise.unchecked_into::<Promise>()).await.map_err(|error| blocked(&error))?;
    if adapter.is_null() || adapter.is_undefined() {
        return Err(
            "WebGPU found no graphics device that it can use, so the processor trains, which is slower. Update the \
             graphics driver, or turn on hardware acceleration in the browser's settings."
                .into(),
        );
    }
    Ok(describe(&adapter))
}

/// Why there is no WebGPU. Browsers offer it, and memory that threads share, on secure pages only.
fn without_webgpu(is_secure: bool, origin: &str) -> String {
    if is_secure {
        return "This browser does not offer WebGPU, so the processor trains, which is slower. Current versions of Chrome, \
                Edge, Firefox and Safari offer it."
            .to_owned();
    }
    format!(
        "This page's address, {origin}, is not secure. At such an address browsers allow neither WebGPU nor threads, so the \
         processor trains on one thread, which is slow. Open the page at an address that begins with https, or at \
         http://localhost on the computer that serves it. To serve it over https, put `whelp serve` behind a proxy that does."
    )
}

fn blocked(error: &JsValue) -> String {
    format!("WebGPU is blocked here ({error:?}), so the processor trains, which is slower.")
}

fn describe(adapter: &JsValue) -> Adapter {
    let info = get(adapter, "info");
    let text = |key: &str| get(&info, key).as_string().unwrap_or_default();
    let [vendor, architecture, device, description] = ["vendor", "architecture", "device", "description"].map(text);
    let is_fallback = [adapter, &info].into_iter().any(|of| get(of, "isFallbackAdapter").is_truthy());
    Adapter {
        name: adapter_name(&vendor, &architecture, &device, &description),
        is_software: is_fallback || architecture == SWIFTSHADER || description.contains("llvmpipe"),
    }
}

/// Chromium's software graphics device.
const SWIFTSHADER: &str = "swiftshader";

/// The most telling of what the browser says. To prevent fingerprinting, browsers say little.
fn adapter_name(vendor: &str, architecture: &str, device: &str, description: &str) -> String {
    if architecture == SWIFTSHADER {
        return "SwiftShader, a graphics device emulated by the processor".to_owned();
    }
    let words = [capitalised(vendor), architecture.to_owned()].join(" ");
    let names = [description, device, words.trim(), "graphics device"];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned()
}

fn capitalised(word: &str) -> String {
    match word {
        "amd" => "AMD".to_owned(),
        "nvidia" => "NVIDIA".to_owned(),
        _ => {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
        }
    }
}

fn get(of: &JsValue, key: &str) -> JsValue {
    Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_has_the_most_telling_name_that_the_browser_gives() {
        assert_eq!(adapter_name("nvidia", "ampere", "0x2204", "NVIDIA GeForce RTX 3090"), "NVIDIA GeForce RTX 3090");
        assert_eq!(adapter_name("nvidia", "ampere", "RTX", ""), "RTX");
        assert_eq!(adapter_name("nvidia", "ampere", "", ""), "NVIDIA ampere");
        assert_eq!(adapter_name("intel", "gen-12lp", "", ""), "Intel gen-12lp");
        assert_eq!(adapter_name("apple", "", "", ""), "Apple");
        assert_eq!(adapter_name("", "", "", ""), "graphics device");
        assert!(adapter_name("google", "swiftshader", "", "SwiftShader Device").contains("emulated by the processor"));
    }

    #[test]
    fn an_insecure_address_is_named_as_the_reason_and_a_browser_without_webgpu_at_a_secure_one() {
        let insecure = without_webgpu(false, "http://192.168.1.7:8080");
        for part in ["address, http://192.168.1.7:8080, is not secure", "http://localhost", "https", "`whelp serve`"] {
            assert!(insecure.contains(part), "{insecure}");
        }
        assert!(!insecure.contains("does not offer"), "{insecure}");
        assert!(without_webgpu(true, "https://whelp.example").starts_with("This browser does not offer WebGPU"));
    }

    #[test]
    fn a_vendor_outside_of_ascii_is_capitalised_too() {
        assert_eq!(["éclair", "", "x"].map(capitalised), ["Éclair", "", "X"]);
    }
}
