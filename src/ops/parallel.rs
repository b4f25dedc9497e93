//! Loops over floats on all threads, natively and in pages that may have threads. The results do not depend on the
//! number of threads. The loops are compiled for each vector instruction set that a processor may have.

use std::mem::MaybeUninit;

use pulp::Arch;

/// Values of a part of the work that is worth handing to a thread.
pub const CHUNK: usize = 16 * 1024;

/// Runs `work` compiled for the widest vectors that the processor has. Functions that it calls are compiled for them
/// only if they are inlined.
#[inline(always)]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

#[cfg(feature = "threads")]
thread_local! {
    /// Whether this thread computes a part of a loop.
    static IS_PART: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `work` with the number of each part and the part itself. Parts are `size` long; the last one may be shorter.
/// Loops inside of `work` stay on its thread, so that what they share stays in its cache.
#[cfg(feature = "threads")]
pub fn for_each_chunk<T: Send>(values: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Send + Sync) {
    use rayon::prelude::*;
    /// Ends a part, also when its work panics.
    struct Part;
    impl Drop for Part {
        fn drop(&mut self) {
            IS_PART.set(false);
        }
    }
    // Waking a thread takes longer than most work on a single part.
    if values.len() <= size || IS_PART.get() {
        return values.chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk));
    }
    values.par_chunks_mut(size).enumerate().for_each(|(index, chunk)| {
        IS_PART.set(true);
        let _part = Part;
        work(index, chunk);
    });
}

/// Runs `work` with the number of each part and the part itself. Parts are `size` long; the last one may be shorter.
#[cfg(not(feature = "threads"))]
pub fn for_each_chunk<T>(values: &mut [T], size: usize, work: impl Fn(usize, &mut [T])) {
    values.chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk));
}

/// `length` values, made in parts of `size`. Saves the pass over memory that zeroes a vector first.
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
    // SAFETY: the vector has room for them, and the caller guarantees that all are written.
    unsafe { values.set_len(length) };
    values
}

/// Makes a map of `to` values from each map of `from` values. `work` is also given `scratch` values: zeros for the
/// first map, and for each later one what `work` left there.
///
/// # Safety
/// `work` writes every value of its map.
pub unsafe fn map_by_map(
    source: &[f32],
    from: usize,
    to: usize,
    scratch: usize,
    work: impl Fn(&[f32], &mut [MaybeUninit<f32>], &mut [f32]) + Send + Sync,
) -> Vec<f32> {
    let maps = (CHUNK / to.max(from)).max(1);
    // SAFETY: passed on.
    unsafe {
        collect_chunks(source.len() / from * to, maps * to, |index, target| {
            let mut scratch = vec![0.0; scratch];
            for (source, target) in source[index * maps * from..].chunks(from).zip(target.chunks_mut(to)) {
                work(source, target, &mut scratch);
            }
        })
    }
}

/// `f` of the values at each place of slices of one length.
pub fn zip<const N: usize>(values: [&[f32]; N], f: impl Fn([f32; N]) -> f32 + Copy + Send + Sync) -> Vec<f32> {
    zip_maps(values, CHUNK, |_| f)
}

/// As [`zip`], for slices of maps of `area` values. `of_map` makes the function for each map.
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
                // A copy, because the compiler must assume that every write changes what a reference points to.
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

/// The sums of `f` over all places of slices of one length. Summed in lanes: a sum in order could not be vectorised.
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

/// How many parts are computed at the same time.
pub fn threads() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    1
}
