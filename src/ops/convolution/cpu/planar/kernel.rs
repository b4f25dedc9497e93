//! The inner loops over maps as they lie in memory: a vector holds neighbouring pixels of one channel.
//!
//! A convolution is the product of the weights and the im2col matrix. A row of that matrix is the input of one channel,
//! shifted by one tap. The matrix is never written to memory: a row is represented by the place of its first value.
//! (Chetlur et al. 2014, "cuDNN: Efficient Primitives for Deep Learning", arXiv:1410.0759, section 3, for the product;
//! Dukhan 2019, "The Indirect Convolution Algorithm", arXiv:1907.02129, for the rows.)

use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use crate::ops::convolution::cpu::vectors::{LANES, load, store};

/// Output channels whose weights lie next to each other.
pub const TILE: usize = 24;

/// The rows of the im2col matrix.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Height and width of the output. The width is a multiple of [`LANES`].
    pub size: [usize; 2],
    /// The place of each row's value for the first output pixel.
    pub places: &'a [usize],
    /// Values from the input of an output pixel to that of the one below. The one to its right is the next value.
    pub step: usize,
}

impl Rows<'_> {
    fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// The place of the input of a run of output pixels.
    #[inline(always)]
    fn start(&self, run: usize) -> usize {
        let runs = self.size[1] / LANES;
        run / runs * self.step + run % runs * LANES
    }

    /// # Panics
    /// If `input` lacks a value for one of the pixels.
    fn check(&self, input: &[f32]) {
        let [height, width] = self.size;
        assert!(self.area() > 0 && width.is_multiple_of(LANES), "{height} x {width} pixels are runs of {LANES}");
        let last = self.places.iter().max().map_or(0, |place| place + (height - 1) * self.step + width);
        assert!(last <= input.len());
    }

    /// `output[channel][pixel] = Σ_row weights[channel][row] · input[row][pixel]`
    ///
    /// # Shapes
    /// - `weights`: `[channels / TILE, rows, TILE]`, rounded up
    /// - `output`: `[channels, height, width]`
    ///
    /// # Panics
    /// If the sums would read or write outside of the slices.
    pub fn multiply(&self, weights: &[f32], input: &[f32], output: &mut [MaybeUninit<f32>]) {
        self.check(input);
        let channels = output.len() / self.area();
        assert!(output.len().is_multiple_of(self.area()));
        assert!(channels.div_ceil(TILE) * self.places.len() * TILE <= weights.len());
        Arch::new().dispatch(Multiply { rows: self, channels, weights, input, output });
    }

    /// `sums[channel][row] += Σ_pixel gradient[channel][pixel] · input[row][pixel]`
    ///
    /// # Shapes
    /// - `gradient`: `[channels, height, width]`
    /// - `sums`: `[channels, rows]`
    ///
    /// # Panics
    /// If the sums would read or write outside of the slices.
    pub fn add_products(&self, input: &[f32], gradient: &[f32], sums: &mut [f32]) {
        self.check(input);
        let channels = gradient.len() / self.area();
        assert!(gradient.len().is_multiple_of(self.area()));
        assert!(channels * self.places.len() <= sums.len());
        Arch::new().dispatch(AddProducts { rows: self, channels, input, gradient, sums });
    }
}

struct Multiply<'a> {
    rows: &'a Rows<'a>,
    channels: usize,
    weights: &'a [f32],
    input: &'a [f32],
    output: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `Rows::multiply` has checked all that is read and written. V vectors hold a run.
        unsafe {
            match S::F32_LANES {
                16 => self.all_tiles::<S, 1, 8, 2>(simd),
                8 => self.all_tiles::<S, 2, 6, 1>(simd),
                4 => self.all_tiles::<S, 4, 2, 1>(simd),
                _ => self.all_tiles::<S, LANES, 1, 1>(simd),
            }
        }
    }
}

impl Multiply<'_> {
    /// `CHANNELS` and `RUNS`: a tile whose sums fit into the registers.
    ///
    /// # Safety
    /// As for [`multiply_tile`], for every run.
    #[inline(always)]
    unsafe fn all_tiles<S: Simd, const V: usize, const CHANNELS: usize, const RUNS: usize>(self, simd: S) {
        let Self { rows, channels, weights, input, output } = self;
        let (input, output, area) = (input.as_ptr(), output.as_mut_ptr().cast::<f32>(), rows.area());
        for first in (0..channels).step_by(TILE) {
            let end = channels.min(first + TILE);
            let mut run = 0;
            while run < area / LANES {
                let is_pair = RUNS == 2 && run + 1 < area / LANES;
                let mut channel = first;
                while channel < end {
                    macro_rules! tile {
                        ($channels:literal) => {{
                            // SAFETY: these channels and runs are the output's.
                            unsafe {
                                let weights = weights.as_ptr().add(first * rows.places.len() + channel - first);
                                let output = output.add(channel * area + run * LANES);
                                let here = input.add(rows.start(run));
                                if is_pair {
                                    let inputs = [here, input.add(rows.start(run + 1))];
                                    multiply_tile::<S, V, $channels, 2>(simd, rows, weights, inputs, output);
                                } else {
                                    multiply_tile::<S, V, $channels, 1>(simd, rows, weights, [here], output);
                                }
                            }
                            $channels
                        }};
                    }
                    channel += match end - channel {
                        8.. if CHANNELS >= 8 => tile!(8),
                        6.. if CHANNELS >= 6 => tile!(6),
                        4.. if CHANNELS >= 4 => tile!(4),
                        2.. if CHANNELS >= 2 => tile!(2),
                        _ => tile!(1),
                    };
                }
                run += if is_pair { 2 } else { 1 };
            }
        }
    }
}

/// Computes `RUNS` neighbouring runs of `CHANNELS` output channels.
///
/// # Safety
/// Every row can be read at each of `inputs` and at `weights`, and the runs written at `output`.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const V: usize, const CHANNELS: usize, const RUNS: usize>(
    simd: S,
    rows: &Rows<'_>,
    mut weights: *const f32,
    inputs: [*const f32; RUNS],
    output: *mut f32,
) {
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[[zero; V]; RUNS]; CHANNELS];
    // SAFETY: the caller's guarantee.
    unsafe {
        for &place in rows.places {
            let mut values = [[zero; V]; RUNS];
            for (values, input) in values.iter_mut().zip(inputs) {
                *values = load::<S, V>(input.add(place));
            }
            for (channel, sums) in sums.iter_mut().enumerate() {
                let weight = simd.splat_f32s(*weights.add(channel));
                for (sums, values) in sums.iter_mut().zip(values) {
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = simd.mul_add_e_f32s(value, weight, *sum);
                    }
                }
            }
            weights = weights.add(TILE);
        }
        for (channel, sums) in sums.into_iter().enumerate() {
            for (run, sums) in sums.into_iter().enumerate() {
                store::<S, V>(output.add(channel * rows.area() + run * LANES), sums);
            }
        }
    }
}

struct AddProducts<'a> {
    rows: &'a Rows<'a>,
    channels: usize,
    input: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `Rows::add_products` has checked all that is read and written.
        unsafe {
            match S::F32_LANES {
                16 => self.all_tiles::<S, 24>(simd),
                8 | 4 => self.all_tiles::<S, 8>(simd),
                _ => self.all_tiles::<S, 4>(simd),
            }
        }
    }
}

impl AddProducts<'_> {
    /// `SUMS`: sums that fit into the registers.
    ///
    /// # Safety
    /// As for [`products_tile`], for every channel and row.
    #[inline(always)]
    unsafe fn all_tiles<S: Simd, const SUMS: usize>(self, simd: S) {
        let Self { rows, channels, input, gradient, sums } = self;
        let count = rows.places.len();
        let mut channel = 0;
        while channel < channels {
            let step = match channels - channel {
                // Three neighbouring rows are those of a 3x3 kernel. They are seldom aligned to vectors, so reading a
                // channel costs less than reading a row.
                8.. if SUMS >= 24 && count.is_multiple_of(3) => 8,
                4.. => 4,
                _ => 1,
            };
            let mut row = 0;
            while row < count {
                macro_rules! tile {
                    ($channels:literal, $rows:literal) => {{
                        // SAFETY: these channels and rows are among those there are.
                        unsafe {
                            let gradient = gradient.as_ptr().add(channel * rows.area());
                            let sums = sums.as_mut_ptr().add(channel * count + row);
                            let places = rows.places[row..].first_chunk().expect("as many rows");
                            products_tile::<S, $channels, $rows>(simd, rows, places, input.as_ptr(), gradient, sums);
                        }
                        $rows
                    }};
                }
                row += match (step, count - row) {
                    (8, _) if SUMS >= 24 => tile!(8, 3),
                    (4, 4..) if SUMS >= 16 => tile!(4, 4),
                    (4, 2..) if SUMS >= 8 => tile!(4, 2),
                    (4, _) => tile!(4, 1),
                    (_, 4..) => tile!(1, 4),
                    _ => tile!(1, 1),
                };
            }
            channel += step;
        }
    }
}

/// Adds up the products of `CHANNELS` channels with `ROWS` rows.
///
/// # Safety
/// The rows of all pixels can be read at `input`, the channels at `gradient`, and the sums written at `to`.
#[inline(always)]
unsafe fn products_tile<S: Simd, const CHANNELS: usize, const ROWS: usize>(
    simd: S,
    rows: &Rows<'_>,
    places: &[usize; ROWS],
    input: *const f32,
    gradient: *const f32,
    to: *mut f32,
) {
    let [height, width] = rows.size;
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[zero; ROWS]; CHANNELS];
    // SAFETY: the caller's guarantee.
    unsafe {
        for y in 0..height {
            for x in (0..width).step_by(S::F32_LANES) {
                let mut values = [zero; ROWS];
                for (value, place) in values.iter_mut().zip(places) {
                    [*value] = load::<S, 1>(input.add(place + y * rows.step + x));
                }
                for (channel, sums) in sums.iter_mut().enumerate() {
                    let [gradient] = load::<S, 1>(gradient.add(channel * rows.area() + y * width + x));
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = simd.mul_add_e_f32s(value, gradient, *sum);
                    }
                }
            }
        }
        for (channel, sums) in sums.into_iter().enumerate() {
            for (row, sum) in sums.into_iter().enumerate() {
                *to.add(channel * rows.places.len() + row) += simd.reduce_sum_f32s(sum);
            }
        }
    }
}
