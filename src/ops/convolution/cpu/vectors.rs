//! Runs of floats in whatever vectors a processor has.

use pulp::Simd;

/// Floats of a run: one vector of AVX-512, two of AVX, four of NEON and of WebAssembly.
pub const LANES: usize = 16;

/// `V` vectors that hold a run.
pub type Run<S, const V: usize> = [<S as Simd>::f32s; V];

/// # Safety
/// `V` vectors of floats can be read from `from` on.
#[inline(always)]
pub unsafe fn load<S: Simd, const V: usize>(from: *const f32) -> Run<S, V> {
    // SAFETY: vectors of floats are plain data; the caller vouches for their number.
    unsafe { from.cast::<Run<S, V>>().read_unaligned() }
}

/// # Safety
/// `V` vectors of floats can be written from `to` on.
#[inline(always)]
pub unsafe fn store<S: Simd, const V: usize>(to: *mut f32, run: Run<S, V>) {
    // SAFETY: as in `load`.
    unsafe { to.cast::<Run<S, V>>().write_unaligned(run) }
}
