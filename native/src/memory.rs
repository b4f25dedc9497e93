//! The allocator, and how much memory there is: what is freed stays for the next step, and a run that needs more than there is ends
//! with a sentence.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;
use whelp::config::RunConfig;
use whelp::data::PictureKind;
use whelp::train::step_bytes;

use crate::failure::Failure;

/// The option for how many milliseconds the allocator waits before it returns freed memory to the system; -1: for ever.
/// The bindings lack this entry of `mi_option_t` in mimalloc.h.
const PURGE_DELAY: mi_option_t = 15;

/// Makes the allocator keep what a step frees: the next step needs as much, and the system would have to clear every page
/// again. Call it before there are other threads. The variable `MIMALLOC_PURGE_DELAY` overrides it.
pub fn keep() {
    // SAFETY: it sets an option of the allocator that is linked here, which no other thread reads yet.
    unsafe { mi_option_set_default(PURGE_DELAY, -1) };
}

/// mimalloc, which remembers what the system refused.
pub struct Allocator;

/// Bytes that were asked for and refused last; 0 if none were.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// Whether a run has made its first steps.
static HAS_TRAINED: AtomicBool = AtomicBool::new(false);

fn remember(pointer: *mut u8, bytes: usize) -> *mut u8 {
    if pointer.is_null() {
        REFUSED.store(bytes, Ordering::SeqCst);
    }
    pointer
}

// SAFETY: mimalloc does everything.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that mimalloc needs.
        remember(unsafe { MiMalloc.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        remember(unsafe { MiMalloc.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        remember(unsafe { MiMalloc.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }
}

/// From now on memory that runs out is no longer a matter of what was asked for at the start.
pub fn has_trained() {
    HAS_TRAINED.store(true, Ordering::SeqCst);
}

/// Ends a program without memory with a sentence. Rust can only abort it: nothing can be returned any more. To be called once.
///
/// # Errors
/// If the system refuses.
pub fn explain_exhaustion() -> Result<(), Failure> {
    system::on_abort(|| {
        let bytes = REFUSED.load(Ordering::SeqCst);
        (bytes > 0).then(|| (bytes, HAS_TRAINED.load(Ordering::SeqCst)))
    })
}

/// Refuses settings whose steps need more memory than this process can have, and says how large a batch may be. `devices`: how
/// many times the processor was named; each has networks of its own and its part of the batch.
///
/// # Errors
/// With a sentence.
pub fn check_fit(config: &RunConfig, kind: PictureKind, devices: usize) -> Result<(), Failure> {
    match available() {
        Some(available) => check_fit_in(config, kind, devices, available),
        None => Ok(()),
    }
}

fn check_fit_in(config: &RunConfig, kind: PictureKind, devices: usize, available: Available) -> Result<(), Failure> {
    let with_batch = |batch: usize| {
        let mut config = config.clone();
        config.train.batch = batch.div_ceil(devices);
        (devices * step_bytes(&config, kind)) as u64
    };
    let (batch, Available { bytes, limit }) = (config.train.batch, available);
    let needed = with_batch(batch);
    if needed <= bytes {
        return Ok(());
    }
    // The estimate may be too low by a third.
    let fits = |batch: usize| with_batch(batch) / 3 * 4 <= bytes;
    let (mut largest, mut too_large) = (0, batch);
    while too_large - largest > 1 {
        let middle = largest.midpoint(too_large);
        if fits(middle) { largest = middle } else { too_large = middle }
    }
    let advice = match largest / devices * devices {
        0 | 1 => {
            "Not even a batch of 2 fits: choose smaller networks, such as with --set model.generator_width".to_owned()
        }
        largest => format!("--batch {largest} fits"),
    };
    Err(Failure::Input(format!(
        "{} with a batch of {batch} needs about {} of memory, and there are {} ({limit}). {advice}",
        config.recipe,
        gigabytes(needed),
        gigabytes(bytes)
    )))
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// How much memory this process can still have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    pub bytes: u64,
    /// What sets the limit, in words.
    pub limit: &'static str,
}

/// What there is by the tightest of the limits that the system tells: free memory, that of a container or a job, `ulimit -v`.
pub fn available() -> Option<Available> {
    let free = meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let all = [
        Some(Available { bytes: free, limit: "free on this machine" }),
        control_group().map(|bytes| Available { bytes, limit: "left to this container or job" }),
        system::address_space().map(|bytes| Available { bytes, limit: "left by ulimit -v" }),
    ];
    all.into_iter().flatten().min_by_key(|available| available.bytes)
}

fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// What the control group of this process and those around it allow (cgroup v2, <https://docs.kernel.org/admin-guide/cgroup-v2.html>).
fn control_group() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = std::path::Path::new("/sys/fs/cgroup");
    let left = |folder: &std::path::Path| {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let most: u64 = read("memory.max")?.trim().parse().ok()?;
        let used: u64 = read("memory.current")?.trim().parse().ok()?;
        // Files that are only kept in case somebody reads them again.
        let files =
            read("memory.stat")?.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse::<u64>().ok())?;
        Some(most.saturating_sub(used.saturating_sub(files)))
    };
    root.join(own).ancestors().take_while(|folder| folder.starts_with(root)).filter_map(left).min()
}

#[cfg(unix)]
mod system {
    use nix::sys::resource::{Resource, getrlimit};
    use signal_hook::consts::SIGABRT;

    use super::Failure;

    pub fn address_space() -> Option<u64> {
        let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok()?;
        // In pages, the first of several numbers.
        let pages = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').next()?.parse::<u64>().ok()?;
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
        let used = pages * u64::try_from(page).ok()?;
        (limit != nix::sys::resource::RLIM_INFINITY).then(|| limit.saturating_sub(used))
    }

    /// `refused`: what was refused, and whether a run had begun; none if the abort has another reason.
    pub fn on_abort(refused: impl Fn() -> Option<(usize, bool)> + Sync + Send + 'static) -> Result<(), Failure> {
        let explain = move || {
            let Some((bytes, has_trained)) = refused() else { return };
            let mut digits = [b'0'; 20];
            let (mut rest, mut first) = (bytes.div_ceil(1_000_000), digits.len());
            while rest > 0 || first == digits.len() {
                first -= 1;
                digits[first] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            let (advice, status): (&[u8], _) = if has_trained {
                (b" MB more were refused. The checkpoints that were saved stay valid; go on with a smaller --batch\n", 1)
            } else {
                (b" MB more were refused. Lower --batch, or choose smaller networks\n", 2)
            };
            crate::display::uncover_at_abort();
            for part in [b"whelp: out of memory: ", &digits[first..], advice] {
                let _ = nix::unistd::write(std::io::stderr(), part);
            }
            signal_hook::low_level::exit(status);
        };
        // SAFETY: it reads numbers that other threads set whole, writes to a descriptor and ends the process: all of it is allowed
        // in a signal's handler, and it allocates nothing.
        unsafe { signal_hook::low_level::register(SIGABRT, explain) }.map(drop).map_err(Failure::fault)
    }
}

#[cfg(not(unix))]
mod system {
    use super::Failure;

    pub fn address_space() -> Option<u64> {
        None
    }

    pub fn on_abort(_refused: impl Fn() -> Option<(usize, bool)> + Sync + Send + 'static) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    /// Of all options near it, only this one is 1,000 in mimalloc 3's options.c.
    #[test]
    fn the_option_is_that_of_the_delay() {
        // SAFETY: it reads an option of the allocator that is linked here.
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, 1000);
    }

    #[test]
    fn a_batch_that_does_not_fit_is_refused_with_one_that_does() {
        let config = whelp::recipes::find("dcgan64").unwrap().config();
        let kind = PictureKind { channels: 3, classes: 0 };
        let mut large = config.clone();
        large.train.batch = 4096;
        let available = |bytes| Available { bytes, limit: "left by ulimit -v" };
        check_fit_in(&config, kind, 1, available(4_000_000_000)).unwrap();
        let message = check_fit_in(&large, kind, 1, available(4_000_000_000)).unwrap_err().to_string();
        let batch: usize = message.split("--batch ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let needed = |batch| {
            let mut config = config.clone();
            config.train.batch = batch;
            step_bytes(&config, kind) / 3 * 4
        };
        assert!(needed(batch) <= 4_000_000_000 && needed(batch + 1) > 4_000_000_000, "{message}");
        assert!(message.starts_with("dcgan64 with a batch of 4096 needs about "), "{message}");
        assert!(message.contains("there are 4.0 GB (left by ulimit -v)"), "{message}");
        let message = check_fit_in(&large, kind, 1, available(1_000_000)).unwrap_err().to_string();
        assert!(message.contains("Not even a batch of 2 fits"), "{message}");
        let message = check_fit_in(&large, kind, 3, available(4_000_000_000)).unwrap_err().to_string();
        let shared: usize = message.split("--batch ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(shared.is_multiple_of(3) && shared < batch, "three times the networks leave less: {message}");
    }

    /// It needs a process of its own: this test starts itself.
    #[cfg(unix)]
    #[test]
    fn memory_that_runs_out_ends_the_program_with_a_sentence() {
        const CHILD: &str = "WHELP_TEST_EXHAUSTION";
        if let Ok(moment) = std::env::var(CHILD) {
            explain_exhaustion().unwrap();
            if moment == "later" {
                has_trained();
            }
            // More than any machine can address.
            drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 62)));
            return;
        }
        for (moment, status, advice) in [("at the start", 2, "Lower --batch"), ("later", 1, "stay valid")] {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let name = "memory::tests::memory_that_runs_out_ends_the_program_with_a_sentence";
            let output = child.args(["--exact", name, "--nocapture"]).env(CHILD, moment).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(status), "{said}");
            assert!(said.contains("whelp: out of memory: 4611686018428 MB more were refused"), "{said}");
            assert!(said.contains(advice), "{said}");
        }
    }

    #[test]
    fn free_memory_is_read_as_the_kernel_tells_it() {
        assert_eq!(meminfo("MemTotal:  9 kB\nMemFree: 1 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(meminfo("MemTotal:  9 kB\n"), None);
    }
}
