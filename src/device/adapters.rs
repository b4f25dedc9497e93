//! The graphics adapters of this machine, and how one of them is chosen.

use std::fmt;

use burn::tensor::DeviceKind;
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::wgpu::wgpu::{self, Backend, DeviceType, Features};

use super::{AdapterChoice, DeviceError, Pick};
use crate::platform;

/// A graphics adapter under one graphics API. A browser tells of none.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// As its driver calls it.
    pub name: String,
    /// The graphics API, in lower case.
    pub api: &'static str,
    /// How it is built in, in words.
    pub kind: &'static str,
    /// Name and version of its driver; empty where it isn't told.
    pub driver: String,
    /// Memory of its own in bytes, where the API tells it.
    pub memory_bytes: Option<u64>,
    /// The largest buffer, in bytes: no tensor can be larger.
    pub max_buffer_bytes: u64,
    /// Whether lanes can exchange values, which some kernels here are faster with.
    pub has_subgroups: bool,
    /// Whether shaders may compute with 16-bit floats, which convolutions are faster with on many devices.
    pub has_half_floats: bool,
    /// How burn finds it.
    place: (WgpuBackend, DeviceKind),
}

impl Adapter {
    /// Whether the processor does its work.
    pub fn is_emulated(&self) -> bool {
        matches!(self.place.1, DeviceKind::Cpu)
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.api)
    }
}

/// All adapters, in an order that stays the same as long as the machine does: by graphics API, then as its drivers list them.
pub async fn adapters() -> Vec<Adapter> {
    let mut found = Vec::new();
    for (backend, api) in [(Backend::Vulkan, "vulkan"), (Backend::Metal, "metal"), (Backend::Dx12, "dx12")] {
        let mut counts = [0; 4];
        for adapter in platform::graphics_adapters(backend).await {
            found.extend(describe(&adapter, api, &mut counts));
        }
    }
    found
}

/// `counts`: adapters of each type so far, because burn counts each type on its own. None of an adapter that burn has no name for.
fn describe(adapter: &wgpu::Adapter, api: &'static str, counts: &mut [usize; 4]) -> Option<Adapter> {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let of_type: fn(usize) -> DeviceKind;
    let (kind, column) = match info.device_type {
        DeviceType::DiscreteGpu => {
            of_type = DeviceKind::DiscreteGpu;
            ("a card of its own", 0)
        }
        DeviceType::IntegratedGpu => {
            of_type = DeviceKind::IntegratedGpu;
            ("part of the processor", 1)
        }
        DeviceType::VirtualGpu => {
            of_type = DeviceKind::VirtualGpu;
            ("of a virtual machine", 2)
        }
        DeviceType::Cpu => {
            of_type = |_| DeviceKind::Cpu;
            ("emulated by the processor", 3)
        }
        DeviceType::Other => return None,
    };
    let index = counts[column];
    counts[column] += 1;
    if info.device_type == DeviceType::Cpu && index > 0 {
        return None;
    }
    let backend = match info.backend {
        Backend::Vulkan => WgpuBackend::Vulkan,
        Backend::Metal => WgpuBackend::Metal,
        Backend::Dx12 => WgpuBackend::Dx12,
        _ => return None,
    };
    Some(Adapter {
        name: info.name,
        api,
        kind,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        memory_bytes: platform::graphics_memory_bytes(adapter),
        // A tensor is bound whole.
        max_buffer_bytes: limits.max_buffer_size.min(limits.max_storage_buffer_binding_size),
        has_subgroups: features.contains(Features::SUBGROUP),
        has_half_floats: features.contains(Features::SHADER_F16),
        place: (backend, of_type(index)),
    })
}

/// How burn finds the adapter that was asked for.
///
/// # Errors
/// [`DeviceError::Unavailable`] if there is none, or if the name fits several, with those that there are.
pub(super) async fn find(choice: &AdapterChoice) -> Result<(WgpuBackend, DeviceKind), DeviceError> {
    let candidates: Vec<Adapter> =
        adapters().await.into_iter().filter(|adapter| !choice.is_vulkan || adapter.api == "vulkan").collect();
    let named = |part: &str| {
        let part = part.to_lowercase();
        let has_part = move |adapter: &&Adapter| adapter.name.to_lowercase().contains(&part);
        candidates.iter().filter(has_part).collect::<Vec<_>>()
    };
    let found = match &choice.pick {
        Pick::Index(index) => candidates.get(*index).into_iter().collect(),
        Pick::Name(part) => named(part),
    };
    if let [adapter] = found[..] {
        return Ok(adapter.place.clone());
    }
    let listed = |adapters: &mut dyn Iterator<Item = String>| adapters.collect::<Vec<_>>().join(", ");
    let reason = match (&found[..], &candidates[..]) {
        ([], []) => "there is no graphics adapter".to_owned(),
        ([], all) => {
            let all = listed(&mut all.iter().enumerate().map(|(index, adapter)| format!("{index} is {adapter}")));
            format!("there is no such adapter; {all}")
        }
        (several, _) => format!("this fits {}", listed(&mut several.iter().map(ToString::to_string))),
    };
    Err(DeviceError::Unavailable { name: choice.to_string(), reason })
}
