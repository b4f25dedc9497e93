//! The native side.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

#[cfg(feature = "wgpu")]
use burn::tensor::wgpu::wgpu;

/// Lets other tasks of this thread run before it continues.
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits so long. The thread sleeps: it is a run's own.
#[allow(clippy::disallowed_methods)] // it panics in a browser, for which there is another one
pub async fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// Resident memory of this process in bytes, or `None` where the system has no cheap way to tell (it has one on Linux).
pub fn memory_bytes() -> Option<u64> {
    #[allow(clippy::disallowed_methods)] // the one place where the library asks the system
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    // In units of 1024 bytes, whatever pages the system has.
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = resident.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Does nothing: the system has run them already.
pub fn run_constructors() {}

/// Does nothing: natively a device has what its adapter has.
pub fn complete_webgpu() {}

/// Does nothing: natively there is no other way to open a device.
pub fn use_basic_webgpu() {}

/// Does nothing: natively the processor itself says which instructions it has.
pub fn use_relaxed_simd() {}

/// The graphics adapters that a graphics API lists.
#[cfg(feature = "wgpu")]
pub async fn graphics_adapters(api: wgpu::Backend) -> Vec<wgpu::Adapter> {
    let backends = wgpu::Backends::from(api);
    let description = wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
    wgpu::Instance::new(description).enumerate_adapters(backends).await
}

/// Memory of the adapter's own, in bytes, where Vulkan tells it.
#[cfg(all(feature = "wgpu", any(target_os = "linux", target_os = "windows")))]
pub fn graphics_memory_bytes(adapter: &wgpu::Adapter) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: the handle is only asked, while `adapter` keeps it alive.
    let vulkan = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let device = vulkan.raw_physical_device();
    // SAFETY: the device is one of this instance's.
    let memory = unsafe { vulkan.shared_instance().raw_instance().get_physical_device_memory_properties(device) };
    let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

/// Memory of the adapter's own, in bytes: not told here.
#[cfg(all(feature = "wgpu", not(any(target_os = "linux", target_os = "windows"))))]
pub fn graphics_memory_bytes(_adapter: &wgpu::Adapter) -> Option<u64> {
    None
}
