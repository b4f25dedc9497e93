//! A Vulkan driver for machines without a GPU: Mesa's lavapipe, on which the native GPU tests run.

use super::{Part, apt};
use crate::paths::Paths;
use anyhow::Result;
use std::path::Path;

pub struct SoftwareVulkan;

impl Part for SoftwareVulkan {
    fn name(&self) -> String {
        "Mesa's software Vulkan, for the tests".to_owned()
    }

    fn is_ready(&self, _: &Paths) -> bool {
        has_loader() && has_driver()
    }

    fn install(&self, _: &Paths) -> Result<()> {
        apt::install(&["mesa-vulkan-drivers", "libvulkan1"], "the GPU tests run on Mesa's software Vulkan")
    }
}

fn has_loader() -> bool {
    ["/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
        .iter()
        .any(|folder| Path::new(folder).join("libvulkan.so.1").exists())
}

/// Driver manifests are named after driver and architecture: `lvp_icd.x86_64.json`.
fn has_driver() -> bool {
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("lvp_icd"))
}
