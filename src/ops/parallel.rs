//! All threads there are, where there are any: natively, and in pages that may have them. What comes out does not depend on
//! how many. Loops over floats are compiled for each kind of vectors that a processor may have.

use std::mem::MaybeUninit;

use pulp::Arch;

/// Values that are worth a thread's while.
pub const CHUNK: usize = 16 * 1024;

/// Does it with the widest vectors that the processor has: what `work` calls is compiled for them only where it is inlined.
#[inline(always)]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// Works on parts of `values` of `size` each, the last one perhaps smaller.
#[cfg(feature = "threads")]
pub fn for_each_chunk<T: Send>(values: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Send + Sync) {
    use rayon::prelude::*;
    // Waking a thread takes longer than most of what is as small.
    if values.len() <= size {
        return values.chunks_mut(size).for_each(|chunk| work(0, chunk));
    }
    values.par_chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk));
}

/// Works on parts of `values` of `size` each, the last one perhaps smaller.
#[cfg(not(feature = "threads"))]
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
pub fn zip<const N: usize>(values: [&[f32]; N], f: impl Fn([f32; N]) -> f32 + Copy + Send + Sync) -> Vec<f32> {
    zip_maps(values, CHUNK, |_| f)
}

/// A value for each place of maps of `area` values; `of_map` makes the function for one of them.
pub fn zip_maps<const N: usize, F: Fn([f32; N]) -> f32 + Copy>(
    values: [&[f32]; N],
    area: usize,
    of_map: impl Fn(usize) -> F + Send + Sync,
) -> Vec<f32> {
    let maps = (CHUNK / area).max(1);
    // SAFETY: every place of every map is written.
    unsafe {
        collect_chunks(values[0].len(), maps * area, |index, part| {
            for (map, target) in part.chunks_mut(area).enumerate() {
                let map = index * maps + map;
                let values = values.map(|values| &values[map * area..][..target.len()]);
                // A copy of what it holds: what lies behind a reference could change with every value written.
                let f = of_map(map);
                vectorized(move || {
                    for (at, target) in target.iter_mut().enumerate() {
                        target.write(f(values.map(|values| values[at])));
                    }
                });
            }
        })
    }
}

/// The sums of what `f` makes of the values at each place of slices that are all as long. In lanes, as a sum in order could
/// not be vectorised.
pub fn sums<const N: usize, const K: usize>(values: [&[f32]; N], f: impl Fn([f32; N]) -> [f32; K] + Copy) -> [f32; K] {
    const LANES: usize = 16;
    vectorized(move || {
        let mut sums = [[0.0; LANES]; K];
        let chunks = values.map(|values| values.as_chunks::<LANES>().0);
        for chunk in 0..chunks[0].len() {
            let chunk = chunks.map(|chunks| chunks[chunk]);
            for lane in 0..LANES {
                let parts = f(chunk.map(|values| values[lane]));
                for (sums, part) in sums.iter_mut().zip(parts) {
                    sums[lane] += part;
                }
            }
        }
        let rest = values.map(|values| values.as_chunks::<LANES>().1);
        let mut totals = sums.map(|sums| sums.iter().sum());
        for at in 0..rest[0].len() {
            for (total, part) in totals.iter_mut().zip(f(rest.map(|rest| rest[at]))) {
                *total += part;
            }
        }
        totals
    })
}

/// How many parts are worked on at the same time.
pub fn threads() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    1
}
