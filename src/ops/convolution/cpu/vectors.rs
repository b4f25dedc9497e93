//! Runs of [`LANES`] floats, in vectors of whatever size the processor has.

use pulp::Simd;

/// Floats of a run: one vector with AVX-512, two with AVX, four with NEON and in WebAssembly.
pub const LANES: usize = 16;

/// A run in `V` vectors.
pub type Run<S, const V: usize> = [<S as Simd>::f32s; V];

/// Reads a run.
///
/// # Safety
/// `V` vectors of floats can be read at `from`.
#[inline(always)]
pub unsafe fn load<S: Simd, const V: usize>(from: *const f32) -> Run<S, V> {
    // SAFETY: vectors of floats are plain data, and the caller guarantees that these can be read.
    unsafe { from.cast::<Run<S, V>>().read_unaligned() }
}

/// Writes a run.
///
/// # Safety
/// `V` vectors of floats can be written at `to`.
#[inline(always)]
pub unsafe fn store<S: Simd, const V: usize>(to: *mut f32, run: Run<S, V>) {
    // SAFETY: as in `load`.
    unsafe { to.cast::<Run<S, V>>().write_unaligned(run) }
}
