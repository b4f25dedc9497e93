//! The native side.

use std::future::poll_fn;
use std::task::Poll;

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

/// Resident memory of this process in bytes, or `None` where the system has no cheap way to tell (it has one on Linux).
pub fn memory_bytes() -> Option<u64> {
    /// The place of the resident pages among the numbers of `statm`.
    const RESIDENT: usize = 1;
    const PAGE_BYTES: u64 = 4096;
    #[allow(clippy::disallowed_methods)] // the one place where the library asks the system
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident_pages: u64 = statm.split_whitespace().nth(RESIDENT)?.parse().ok()?;
    Some(resident_pages * PAGE_BYTES)
}

/// Does nothing: the system has run them already.
pub fn run_constructors() {}

/// Does nothing: natively a device has what its adapter has.
pub fn complete_webgpu() {}

/// Does nothing: natively there is no other way to open a device.
pub fn use_basic_webgpu() {}

/// Does nothing: natively the processor itself says which instructions it has.
pub fn use_relaxed_simd() {}
