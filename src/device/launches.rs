//! Counts the kernels that are launched on graphics devices. A launch costs some microseconds, however little the
//! kernel computes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(any(feature = "wgpu", feature = "cuda"))]
use burn_cubecl::cubecl::logging::{LaunchObservation, LaunchObserver};

/// Counts the kernels launched on all graphics devices by all threads, until it is dropped. If there are several, only
/// the newest one counts.
#[derive(Debug)]
pub struct Launches {
    counts: Arc<Counts>,
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    _observation: LaunchObservation,
}

#[derive(Debug, Default)]
struct Counts(Mutex<BTreeMap<&'static str, u64>>);

impl Launches {
    /// Starts counting.
    pub fn watch() -> Self {
        let counts = Arc::new(Counts::default());
        Self {
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            _observation: LaunchObservation::new(counts.clone()),
            counts,
        }
    }

    /// The launches of each kernel since the last call, by the kernels' names.
    pub fn take(&self) -> BTreeMap<String, u64> {
        let counts = std::mem::take(&mut *self.counts.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut named = BTreeMap::new();
        for (kernel, count) in counts {
            *named.entry(short_name(kernel)).or_default() += count;
        }
        named
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl LaunchObserver for Counts {
    fn launched(&self, kernel: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kernel).or_default() += 1;
    }
}

/// The last two parts of a type's path, without parameters: `b::Kernel` of `a::b::Kernel<c::D>`.
fn short_name(name: &str) -> String {
    let path = name.split('<').next().unwrap_or(name);
    let mut parts: Vec<&str> = path.rsplit("::").take(2).collect();
    parts.reverse();
    parts.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_short_names() {
        assert_eq!(short_name("whelp::ops::adam::gpu::update::Update<cubecl_wgpu::Runtime>"), "update::Update");
        assert_eq!(short_name("kernel"), "kernel");
    }
}
