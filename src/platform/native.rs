/// Lets nobody in: commands come from other threads.
pub async fn yield_now() {}

/// Resident memory of this process, where the system tells it cheaply (Linux).
pub fn memory_bytes() -> Option<u64> {
    #[allow(clippy::disallowed_methods)] // a platform seam: the one place that asks the system
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident_pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(resident_pages * 4096)
}

/// The system has run them already.
pub fn run_constructors() {}

/// Nothing: natively wgpu asks for them itself.
pub fn ask_for_subgroups() {}

/// Nothing: natively a processor tells what it has.
pub fn use_relaxed_simd() {}
