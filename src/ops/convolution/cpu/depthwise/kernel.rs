//! The inner loops of depthwise convolutions.

use pulp::{Arch, Simd, WithSimd};

use crate::ops::convolution::cpu::vectors::{LANES, load, store};

/// The sums of one phase over a padded map. A vector holds neighbouring pixels.
pub struct Filter {
    /// Height and width of the phase.
    pub size: [usize; 2],
    /// Values of a row of sums: whole runs of [`LANES`].
    pub row: usize,
    /// The place of each tap's input for the first pixel, and the tap's position in the kernel.
    taps: Vec<(usize, usize)>,
    /// Values from the input of a pixel to that of the pixel below. The one to its right is the next value.
    step: usize,
}

impl Filter {
    pub fn new(size: [usize; 2], taps: Vec<(usize, usize)>, step: usize) -> Self {
        Self { size, row: size[1].next_multiple_of(LANES), taps, step }
    }

    /// Values of the sums.
    pub fn values(&self) -> usize {
        self.size[0] * self.row
    }

    /// `sums[y][x] = Σ_tap kernel[tap] · plane[y step + x + tap]`
    ///
    /// # Panics
    /// If the sums would read or write outside of the slices.
    #[inline(always)]
    pub fn run<S: Simd>(&self, simd: S, kernel: &[f32], plane: &[f32], sums: &mut [f32]) {
        let [height, width] = self.size;
        if height == 0 || width == 0 {
            return;
        }
        let reach = (height - 1) * self.step + self.row;
        assert!(self.taps.iter().all(|(place, position)| place + reach <= plane.len() && *position < kernel.len()));
        assert_eq!(sums.len(), self.values());
        let (kernel, plane, sums) = (kernel.as_ptr(), plane.as_ptr(), sums.as_mut_ptr());
        for x in (0..width).step_by(S::F32_LANES) {
            let mut y = 0;
            while y < height {
                macro_rules! tile {
                    ($rows:literal) => {{
                        // SAFETY: the assertions above cover all rows and whole vectors.
                        unsafe {
                            self.tile::<S, $rows>(
                                simd,
                                kernel,
                                plane.add(y * self.step + x),
                                sums.add(y * self.row + x),
                            );
                        }
                        $rows
                    }};
                }
                y += match height - y {
                    8.. => tile!(8),
                    4.. => tile!(4),
                    2.. => tile!(2),
                    _ => tile!(1),
                };
            }
        }
    }

    /// One vector of each of `ROWS` rows.
    ///
    /// # Safety
    /// All taps can be read at `kernel` and, for all rows, at `input`, and the rows written at `output`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        kernel: *const f32,
        input: *const f32,
        output: *mut f32,
    ) {
        let mut sums = [simd.splat_f32s(0.0); ROWS];
        // SAFETY: the caller's guarantee.
        unsafe {
            for &(place, position) in &self.taps {
                let weight = simd.splat_f32s(*kernel.add(position));
                let input = input.add(place);
                for (y, sum) in sums.iter_mut().enumerate() {
                    let [value] = load::<S, 1>(input.add(y * self.step));
                    *sum = simd.mul_add_e_f32s(value, weight, *sum);
                }
            }
            for (y, sum) in sums.into_iter().enumerate() {
                store::<S, 1>(output.add(y * self.row), [sum]);
            }
        }
    }
}

/// The sums of one phase over a block of [`LANES`] channels. A vector holds channels.
pub struct BlockFilter {
    /// Height and width of the phase.
    pub size: [usize; 2],
    /// The place of each tap's input for the first pixel.
    pub places: Vec<usize>,
    /// Values of the input from the one of a pixel to that of the pixel below, and to that of the one to its right.
    pub input: [usize; 2],
    /// Values of the output from a pixel to the one below, and to the one to its right.
    pub output: [usize; 2],
}

impl BlockFilter {
    /// `output[y][x] = Σ_tap weights[tap] · input[y][x][tap]`, lane by lane.
    ///
    /// # Shapes
    /// - `weights`: `[taps, LANES]`
    ///
    /// # Panics
    /// If the sums would read or write outside of the slices.
    pub fn run(&self, weights: &[f32], input: &[f32], output: &mut [f32]) {
        let [height, width] = self.size;
        if height == 0 || width == 0 {
            return;
        }
        let last = |[down, right]: [usize; 2]| (height - 1) * down + (width - 1) * right + LANES;
        assert!(self.places.iter().all(|place| place + last(self.input) <= input.len()));
        assert!(last(self.output) <= output.len());
        assert_eq!(weights.len(), self.places.len() * LANES);
        Arch::new().dispatch(Run { filter: self, weights, input, output });
    }

    /// `sums[tap] += Σ_y Σ_x input[y][x][tap] · gradient[y][x]`, lane by lane.
    ///
    /// # Shapes
    /// - `gradient`: `[height, width, LANES]`
    /// - `sums`: `[taps, LANES]`
    ///
    /// # Panics
    /// If the sums would read or write outside of the slices.
    pub fn add_products(&self, input: &[f32], gradient: &[f32], sums: &mut [f32]) {
        let [height, width] = self.size;
        if height == 0 || width == 0 {
            return;
        }
        let last = (height - 1) * self.input[0] + (width - 1) * self.input[1] + LANES;
        assert!(self.places.iter().all(|place| place + last <= input.len()));
        assert_eq!(gradient.len(), height * width * LANES);
        assert_eq!(sums.len(), self.places.len() * LANES);
        Arch::new().dispatch(AddProducts { filter: self, input, gradient, sums });
    }
}

struct Run<'a> {
    filter: &'a BlockFilter,
    weights: &'a [f32],
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `BlockFilter::run` has checked all that is read and written. V vectors hold LANES values.
        unsafe {
            match S::F32_LANES {
                16 => self.all_tiles::<S, 1, 4>(simd),
                8 => self.all_tiles::<S, 2, 4>(simd),
                4 => self.all_tiles::<S, 4, 2>(simd),
                _ => self.all_tiles::<S, LANES, 1>(simd),
            }
        }
    }
}

impl Run<'_> {
    /// `TILE`: pixels whose sums fit into the registers.
    ///
    /// # Safety
    /// As for [`Run::tile`], for every pixel.
    #[inline(always)]
    unsafe fn all_tiles<S: Simd, const V: usize, const TILE: usize>(mut self, simd: S) {
        let [height, width] = self.filter.size;
        let mut y = 0;
        while y < height {
            // Two rows at once if one does not fill a tile.
            let rows = if TILE >= 4 && width < 4 && height - y >= 2 { 2 } else { 1 };
            let mut x = 0;
            while x < width {
                macro_rules! tile {
                    ($rows:literal, $columns:literal) => {{
                        // SAFETY: these pixels lie within the phase's size.
                        unsafe { self.tile::<S, V, $rows, $columns>(simd, [y, x]) };
                        $columns
                    }};
                }
                x += match (rows, width - x) {
                    (2, 2..) => tile!(2, 2),
                    (2, _) => tile!(2, 1),
                    (_, 4..) if TILE >= 4 => tile!(1, 4),
                    (_, 2..) if TILE >= 2 => tile!(1, 2),
                    _ => tile!(1, 1),
                };
            }
            y += rows;
        }
    }

    /// Computes `ROWS` x `COLUMNS` pixels, from row y and column x on.
    ///
    /// # Safety
    /// The inputs of all taps of all these pixels can be read, and the pixels written.
    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        simd: S,
        [y, x]: [usize; 2],
    ) {
        let BlockFilter { places, input: step_in, output: step_out, .. } = self.filter;
        let mut sums = [[[simd.splat_f32s(0.0); V]; COLUMNS]; ROWS];
        // SAFETY: the caller's guarantee.
        unsafe {
            let input = self.input.as_ptr().add(y * step_in[0] + x * step_in[1]);
            let output = self.output.as_mut_ptr().add(y * step_out[0] + x * step_out[1]);
            let mut weights = self.weights.as_ptr();
            for place in places {
                let weight = load::<S, V>(weights);
                for (y, sums) in sums.iter_mut().enumerate() {
                    for (x, sums) in sums.iter_mut().enumerate() {
                        let values = load::<S, V>(input.add(place + y * step_in[0] + x * step_in[1]));
                        for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weight) {
                            *sum = simd.mul_add_e_f32s(value, weight, *sum);
                        }
                    }
                }
                weights = weights.add(LANES);
            }
            for (y, sums) in sums.into_iter().enumerate() {
                for (x, sums) in sums.into_iter().enumerate() {
                    store::<S, V>(output.add(y * step_out[0] + x * step_out[1]), sums);
                }
            }
        }
    }
}

struct AddProducts<'a> {
    filter: &'a BlockFilter,
    input: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `BlockFilter::add_products` has checked all that is read and written. V vectors hold LANES values.
        unsafe {
            match S::F32_LANES {
                16 => self.all_taps::<S, 1>(simd),
                8 => self.all_taps::<S, 2>(simd),
                4 => self.all_taps::<S, 4>(simd),
                _ => self.all_taps::<S, LANES>(simd),
            }
        }
    }
}

impl AddProducts<'_> {
    /// # Safety
    /// As for [`AddProducts::taps`], for all taps.
    #[inline(always)]
    unsafe fn all_taps<S: Simd, const V: usize>(mut self, simd: S) {
        let (fours, others) = self.filter.places.as_chunks::<4>();
        for (index, places) in fours.iter().enumerate() {
            // SAFETY: these are the filter's taps.
            unsafe { self.taps::<S, V, 4>(simd, index * 4, *places) };
        }
        for (index, place) in others.iter().enumerate() {
            // SAFETY: as above.
            unsafe { self.taps::<S, V, 1>(simd, fours.len() * 4 + index, [*place]) };
        }
    }

    /// Adds up the products of `TAPS` taps, from the tap `first` on.
    ///
    /// # Safety
    /// The inputs of these taps can be read for all pixels, and their sums written.
    #[inline(always)]
    unsafe fn taps<S: Simd, const V: usize, const TAPS: usize>(
        &mut self,
        simd: S,
        first: usize,
        places: [usize; TAPS],
    ) {
        let BlockFilter { size: [height, width], input: step, .. } = *self.filter;
        let mut sums = [[simd.splat_f32s(0.0); V]; TAPS];
        // SAFETY: the caller's guarantee.
        unsafe {
            let mut gradient = self.gradient.as_ptr();
            for y in 0..height {
                for x in 0..width {
                    let factor = load::<S, V>(gradient);
                    let input = self.input.as_ptr().add(y * step[0] + x * step[1]);
                    for (sums, place) in sums.iter_mut().zip(places) {
                        let values = load::<S, V>(input.add(place));
                        for ((sum, value), factor) in sums.iter_mut().zip(values).zip(factor) {
                            *sum = simd.mul_add_e_f32s(value, factor, *sum);
                        }
                    }
                    gradient = gradient.add(LANES);
                }
            }
            for (tap, sums) in sums.into_iter().enumerate() {
                let to = self.sums.as_mut_ptr().add((first + tap) * LANES);
                let mut totals = load::<S, V>(to);
                for (total, sum) in totals.iter_mut().zip(sums) {
                    *total = simd.add_f32s(*total, sum);
                }
                store::<S, V>(to, totals);
            }
        }
    }
}
