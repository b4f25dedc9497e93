//! The inner loops over channels in blocks.
//!
//! A tile of output pixels stays in registers, a vector of output channels for each, while the products of one input
//! channel after the other are added to it (Georganas et al. 2018, "Anatomy of High-Performance Deep Learning
//! Convolutions on SIMD Architectures", arXiv:1808.05567, section II).

use pulp::{Arch, Simd, WithSimd};

use crate::ops::convolution::cpu::vectors::{LANES, load, store};

/// The sums for a plane of one block of output channels, and where their inputs lie.
#[derive(Clone, Copy, Debug)]
pub struct Sum<'a> {
    /// Height and width of the output.
    pub size: [usize; 2],
    /// Channels of the input.
    pub depth: usize,
    /// Values from one block of input channels to the next.
    pub plane: usize,
    /// The place of each tap's input, in values from the first.
    pub taps: &'a [usize],
    /// `[block of input channels][tap][input channel of the block][LANES output channels]`
    pub weights: &'a [f32],
    /// Values from the inputs of an output pixel to those of the one below.
    pub row: usize,
    /// Pixels from the inputs of an output pixel to those of the one to its right.
    pub stride: usize,
    /// Values of the output from a pixel to the one below, and to the one to its right.
    pub step: [usize; 2],
}

impl Sum<'_> {
    /// `output[y][x] = Σ_tap Σ_channel weights · input[y row + x stride + tap]`
    ///
    /// # Panics
    /// If the sums would read or write outside of the slices.
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        let [height, width] = self.size;
        if height == 0 || width == 0 {
            return;
        }
        let (Some(tap), true) = (self.taps.iter().max(), self.depth > 0) else {
            return self.clear(output);
        };
        let pixel = (height - 1) * self.row + (width - 1) * self.stride * LANES;
        let blocks = self.depth.div_ceil(LANES);
        assert!((blocks - 1) * self.plane + tap + pixel + LANES <= input.len());
        assert!((height - 1) * self.step[0] + (width - 1) * self.step[1] + LANES <= output.len());
        assert_eq!(self.weights.len(), self.depth * self.taps.len() * LANES);
        Arch::new().dispatch(Run { sum: self, input, output });
    }

    /// Writes zeros: no tap or channel contributes to these pixels.
    fn clear(&self, output: &mut [f32]) {
        for y in 0..self.size[0] {
            for x in 0..self.size[1] {
                output[y * self.step[0] + x * self.step[1]..][..LANES].fill(0.0);
            }
        }
    }
}

struct Run<'a> {
    sum: &'a Sum<'a>,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `Sum::run` has checked all that is read and written. V vectors hold LANES values.
        unsafe {
            match S::F32_LANES {
                16 => self.with_vectors::<S, 1, 16>(simd),
                8 => self.with_vectors::<S, 2, 4>(simd),
                4 => self.with_vectors::<S, 4, 2>(simd),
                _ => self.with_vectors::<S, LANES, 1>(simd),
            }
        }
    }
}

impl Run<'_> {
    /// `TILE`: output pixels whose sums fit into the registers.
    ///
    /// # Safety
    /// As for [`tile`], for every pixel.
    #[inline(always)]
    unsafe fn with_vectors<S: Simd, const V: usize, const TILE: usize>(self, simd: S) {
        // SAFETY: the caller's guarantee.
        unsafe {
            match self.sum.stride {
                1 => self.all_tiles::<S, V, TILE, 1>(simd),
                2 => self.all_tiles::<S, V, TILE, 2>(simd),
                _ => self.all_tiles::<S, V, TILE, 0>(simd),
            }
        }
    }

    /// # Safety
    /// As for [`tile`], for every pixel.
    #[inline(always)]
    unsafe fn all_tiles<S: Simd, const V: usize, const TILE: usize, const STRIDE: usize>(self, simd: S) {
        let sum = self.sum;
        let [height, width] = sum.size;
        let (input, output) = (self.input.as_ptr(), self.output.as_mut_ptr());
        let mut y = 0;
        while y < height {
            let rows = match height - y {
                4.. if TILE >= 16 && width < 8 => 4,
                2.. if TILE >= 16 && width < 16 => 2,
                _ => 1,
            };
            let mut x = 0;
            while x < width {
                macro_rules! tile {
                    ($rows:literal, $columns:literal) => {{
                        // SAFETY: these pixels lie within the sum's size.
                        unsafe {
                            let input = input.add(y * sum.row + x * sum.stride * LANES);
                            let output = output.add(y * sum.step[0] + x * sum.step[1]);
                            tile::<S, V, $rows, $columns, STRIDE>(simd, sum, input, output);
                        }
                        $columns
                    }};
                }
                x += match (rows, width - x) {
                    (4, 4..) if TILE >= 16 => tile!(4, 4),
                    (4, _) if TILE >= 16 => tile!(4, 1),
                    (2, 8..) if TILE >= 16 => tile!(2, 8),
                    (2, 4..) if TILE >= 16 => tile!(2, 4),
                    (2, _) if TILE >= 16 => tile!(2, 1),
                    (_, 16..) if TILE >= 16 => tile!(1, 16),
                    (_, 8..) if TILE >= 16 => tile!(1, 8),
                    (_, 4..) if TILE >= 4 => tile!(1, 4),
                    (_, 2..) if TILE >= 2 => tile!(1, 2),
                    _ => tile!(1, 1),
                };
            }
            y += rows;
        }
    }
}

/// Computes `ROWS` x `COLUMNS` output pixels. `STRIDE` is that of the sum if it is known when compiled, else 0.
///
/// # Safety
/// The inputs of all taps of all these pixels can be read at `input`, and the pixels written at `output`.
#[inline(always)]
unsafe fn tile<S: Simd, const V: usize, const ROWS: usize, const COLUMNS: usize, const STRIDE: usize>(
    simd: S,
    sum: &Sum<'_>,
    input: *const f32,
    output: *mut f32,
) {
    let stride = if STRIDE == 0 { sum.stride } else { STRIDE };
    let mut sums = [[[simd.splat_f32s(0.0); V]; COLUMNS]; ROWS];
    let mut weights = sum.weights.as_ptr();
    let mut block = input;
    let mut left = sum.depth;
    // SAFETY: the loops visit each tap of each channel once, and so do `weights`. The caller guarantees the rest.
    unsafe {
        loop {
            let depth = left.min(LANES);
            for &tap in sum.taps {
                let mut pixel = block.add(tap);
                for _ in 0..depth {
                    let weight = load::<S, V>(weights);
                    for (y, sums) in sums.iter_mut().enumerate() {
                        let row = pixel.add(y * sum.row);
                        for (x, sums) in sums.iter_mut().enumerate() {
                            let value = simd.splat_f32s(*row.add(x * stride * LANES));
                            for (sum, weight) in sums.iter_mut().zip(weight) {
                                *sum = simd.mul_add_e_f32s(value, weight, *sum);
                            }
                        }
                    }
                    weights = weights.add(LANES);
                    pixel = pixel.add(1);
                }
            }
            left -= depth;
            if left == 0 {
                break;
            }
            block = block.add(sum.plane);
        }
        for (y, sums) in sums.into_iter().enumerate() {
            for (x, pixel) in sums.into_iter().enumerate() {
                store::<S, V>(output.add(y * sum.step[0] + x * sum.step[1]), pixel);
            }
        }
    }
}

/// The sums of a weight's gradient for one tap, one block of input channels and one block of output channels.
#[derive(Clone, Copy, Debug)]
pub struct Products {
    /// Height and width of the output.
    pub size: [usize; 2],
    /// Channels of the block of inputs.
    pub depth: usize,
    /// Values of the input from a pixel to the one below, and to the one to its right.
    pub step: [usize; 2],
}

impl Products {
    /// `sums[channel] += Σ_y Σ_x input[y][x][channel] · gradient[y][x]`
    ///
    /// # Shapes
    /// - `gradient`: `[height, width, LANES]`
    /// - `sums`: `[LANES, LANES]`, of which `depth` rows are used
    ///
    /// # Panics
    /// If the sums would read or write outside of the slices.
    pub fn add(&self, input: &[f32], gradient: &[f32], sums: &mut [f32]) {
        let [height, width] = self.size;
        if height == 0 || width == 0 {
            return;
        }
        assert!((height - 1) * self.step[0] + (width - 1) * self.step[1] + LANES <= input.len());
        assert!(height * width * LANES <= gradient.len());
        assert!(self.depth <= LANES && LANES * LANES <= sums.len());
        Arch::new().dispatch(Add { products: self, input, gradient, sums });
    }
}

struct Add<'a> {
    products: &'a Products,
    input: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `Products::add` has checked all that is read and written. V vectors hold LANES values.
        unsafe {
            match S::F32_LANES {
                16 => self.all_rows::<S, 1, 16>(simd),
                8 => self.all_rows::<S, 2, 4>(simd),
                4 => self.all_rows::<S, 4, 2>(simd),
                _ => self.all_rows::<S, LANES, 1>(simd),
            }
        }
    }
}

impl Add<'_> {
    /// `TILE`: input channels whose sums fit into the registers.
    ///
    /// # Safety
    /// As for [`rows`], for every channel.
    #[inline(always)]
    unsafe fn all_rows<S: Simd, const V: usize, const TILE: usize>(self, simd: S) {
        let mut channel = 0;
        while channel < self.products.depth {
            macro_rules! rows {
                ($rows:literal) => {{
                    // SAFETY: these channels are among the block's.
                    unsafe {
                        let input = self.input.as_ptr().add(channel);
                        let sums = self.sums.as_mut_ptr().add(channel * LANES);
                        rows::<S, V, $rows>(simd, self.products, input, self.gradient.as_ptr(), sums);
                    }
                    $rows
                }};
            }
            channel += match self.products.depth - channel {
                16.. if TILE >= 16 => rows!(16),
                8.. if TILE >= 16 => rows!(8),
                4.. if TILE >= 4 => rows!(4),
                2.. if TILE >= 2 => rows!(2),
                _ => rows!(1),
            };
        }
    }
}

/// Adds up the products of `ROWS` neighbouring input channels.
///
/// # Safety
/// `ROWS` values of every pixel can be read at `input`, every pixel at `gradient`, and `ROWS` vectors written at `to`.
#[inline(always)]
unsafe fn rows<S: Simd, const V: usize, const ROWS: usize>(
    simd: S,
    products: &Products,
    input: *const f32,
    mut gradient: *const f32,
    to: *mut f32,
) {
    let Products { size: [height, width], step, .. } = *products;
    // SAFETY: the caller's guarantee.
    unsafe {
        let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
        for y in 0..height {
            let mut pixel = input.add(y * step[0]);
            for x in 0..width {
                let gradients = load::<S, V>(gradient);
                for (channel, sums) in sums.iter_mut().enumerate() {
                    let value = simd.splat_f32s(*pixel.add(channel));
                    for (sum, gradient) in sums.iter_mut().zip(gradients) {
                        *sum = simd.mul_add_e_f32s(value, gradient, *sum);
                    }
                }
                gradient = gradient.add(LANES);
                // One step past the last pixel could leave the slice.
                if x + 1 < width {
                    pixel = pixel.add(step[1]);
                }
            }
        }
        for (channel, sums) in sums.into_iter().enumerate() {
            let to = to.add(channel * LANES);
            let mut total = load::<S, V>(to);
            for (total, sum) in total.iter_mut().zip(sums) {
                *total = simd.add_f32s(*total, sum);
            }
            store::<S, V>(to, total);
        }
    }
}
