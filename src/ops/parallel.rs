//! All threads there are, where there are any: natively. What comes out does not depend on how many.

use std::mem::MaybeUninit;

/// Values that are worth a thread's while.
pub const CHUNK: usize = 16 * 1024;

/// Works on parts of `values` of `size` each, the last one perhaps smaller.
#[cfg(feature = "flex-native")]
pub fn for_each_chunk<T: Send>(values: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Send + Sync) {
    use rayon::prelude::*;
    values.par_chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk));
}

/// Works on parts of `values` of `size` each, the last one perhaps smaller.
#[cfg(not(feature = "flex-native"))]
pub fn for_each_chunk<T>(values: &mut [T], size: usize, work: impl Fn(usize, &mut [T])) {
    values.chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk));
}

/// `length` values made in parts of `size`, without the pass over memory that zeroing it first takes.
///
/// # Safety
/// `work` writes every value of its part.
pub unsafe fn collect_chunks(
    length: usize,
    size: usize,
    work: impl Fn(usize, &mut [MaybeUninit<f32>]) + Send + Sync,
) -> Vec<f32> {
    let mut values = Vec::with_capacity(length);
    for_each_chunk(&mut values.spare_capacity_mut()[..length], size, work);
    // SAFETY: there is room for them, and the caller vouches that all are written.
    unsafe { values.set_len(length) };
    values
}

/// `f` of the values at each place of slices that are all as long.
pub fn zip<const N: usize>(values: [&[f32]; N], f: impl Fn([f32; N]) -> f32 + Send + Sync) -> Vec<f32> {
    let part = |index: usize, part: &mut [MaybeUninit<f32>]| {
        let values = values.map(|values| &values[index * CHUNK..][..part.len()]);
        for (at, result) in part.iter_mut().enumerate() {
            result.write(f(values.map(|values| values[at])));
        }
    };
    // SAFETY: every value of a part is written.
    unsafe { collect_chunks(values[0].len(), CHUNK, part) }
}

/// How many parts are worked on at the same time.
pub fn threads() -> usize {
    #[cfg(feature = "flex-native")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "flex-native"))]
    1
}
