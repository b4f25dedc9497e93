//! Channels in blocks: `[block][y][x][LANES]` instead of `[channel][y][x]`. A vector holds [`LANES`] channels of one
//! pixel.

use std::array::from_fn;
use std::mem::MaybeUninit;

use crate::ops::convolution::cpu::vectors::LANES;

/// Blocks for `channels`. The last one may not be full.
pub fn count(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// A map inside a plane that pads it with zeros.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Height and width of the map.
    pub size: [usize; 2],
    /// Zeros above and on the left.
    pub before: [usize; 2],
    /// Height and width of the plane. A map that does not fit is cut off.
    pub padded: [usize; 2],
}

impl Frame {
    /// A plane without padding.
    pub fn bare(size: [usize; 2]) -> Self {
        Self { size, before: [0, 0], padded: size }
    }

    /// Whether the plane has no padding. Then copying [`LANES`] channels in fills it.
    pub fn is_bare(&self) -> bool {
        self.padded == self.size && self.before == [0, 0]
    }

    /// Where a pixel of the plane begins.
    pub fn place(&self, [y, x]: [usize; 2]) -> usize {
        (y * self.padded[1] + x) * LANES
    }

    /// Values of the plane of one block.
    pub fn plane(&self) -> usize {
        self.padded[0] * self.padded[1] * LANES
    }

    /// Copies the maps of at most [`LANES`] channels into a plane. Padding is left as it is: it must be 0 already.
    pub fn copy_in(&self, channels: &[f32], plane: &mut [f32]) {
        let [height, width] = self.size;
        let rows = height.min(self.padded[0].saturating_sub(self.before[0]));
        let columns = width.min(self.padded[1].saturating_sub(self.before[1]));
        if columns == 0 {
            return;
        }
        let is_whole = [rows, columns] == self.size && channels.len() == LANES * height * width;
        if is_whole && width < LANES && (height * width).is_multiple_of(FOUR) {
            return self.copy_narrow_in(channels, plane);
        }
        for y in 0..rows {
            let start = self.place([y + self.before[0], self.before[1]]);
            let row = &mut plane[start..][..columns * LANES];
            for (index, pixels) in row.chunks_mut(LANES * LANES).enumerate() {
                transpose_in(&channels[y * width + index * LANES..], height * width, pixels);
            }
        }
    }
    /// Copies [`LANES`] maps whose rows may be shorter than [`FOUR`] pixels.
    fn copy_narrow_in(&self, channels: &[f32], plane: &mut [f32]) {
        let [height, width] = self.size;
        let area = height * width;
        let [mut y, mut x] = self.before;
        for first in (0..area).step_by(FOUR) {
            let mut pixels = [[0.0; LANES]; FOUR];
            for lane in (0..LANES).step_by(FOUR) {
                let part = from_fn(|i| from_fn(|j| channels[(lane + i) * area + first + j]));
                for (pixel, values) in pixels.iter_mut().zip(transposed(part)) {
                    pixel[lane..lane + FOUR].copy_from_slice(&values);
                }
            }
            for pixel in pixels {
                plane[self.place([y, x])..][..LANES].copy_from_slice(&pixel);
                x += 1;
                if x == self.before[1] + width {
                    (y, x) = (y + 1, self.before[1]);
                }
            }
        }
    }
}

/// Pixels that are copied at once where there are fewer than [`LANES`].
const FOUR: usize = 4;

/// Gathers neighbouring pixels of channels whose maps lie `area` values apart.
fn transpose_in(channels: &[f32], area: usize, pixels: &mut [f32]) {
    let lanes = channels.len().div_ceil(area);
    match pixels.as_chunks_mut::<LANES>().0.as_chunks_mut::<LANES>() {
        ([pixels], []) if lanes == LANES => {
            transpose(|lane| channels[lane * area..].first_chunk().expect("as many pixels"), pixels);
        }
        _ => {
            for (x, pixel) in pixels.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                for (value, channel) in pixel.iter_mut().zip(channels.chunks(area)) {
                    *value = channel[x];
                }
            }
        }
    }
}

/// Copies a plane without padding into the maps of at most [`LANES`] channels, of `area` values each.
pub fn copy_out(plane: &[f32], area: usize, channels: &mut [MaybeUninit<f32>]) {
    let lanes = channels.len() / area;
    for (index, pixels) in plane.chunks(LANES * LANES).enumerate() {
        let start = index * LANES;
        match pixels.as_chunks::<LANES>().0.as_chunks::<LANES>() {
            ([pixels], []) if lanes == LANES => {
                let mut rows = [[0.0; LANES]; LANES];
                transpose(|x| &pixels[x], &mut rows);
                for (channel, row) in channels.chunks_mut(area).zip(&rows) {
                    *channel[start..].first_chunk_mut().expect("as many pixels") = row.map(MaybeUninit::new);
                }
            }
            (_, pixels) if lanes == LANES && pixels.len().is_multiple_of(FOUR) => {
                for (index, four) in pixels.as_chunks::<FOUR>().0.iter().enumerate() {
                    let start = start + index * FOUR;
                    for lane in (0..LANES).step_by(FOUR) {
                        let part = from_fn(|i| from_fn(|j| four[i][lane + j]));
                        let channels = channels[lane * area..].chunks_mut(area);
                        for (channel, values) in channels.zip(transposed(part)) {
                            *channel[start..].first_chunk_mut().expect("as many pixels") = values.map(MaybeUninit::new);
                        }
                    }
                }
            }
            _ => {
                for (x, pixel) in pixels.as_chunks::<LANES>().0.iter().enumerate() {
                    for (channel, value) in channels.chunks_mut(area).zip(pixel) {
                        channel[start + x].write(*value);
                    }
                }
            }
        }
    }
}

/// Transposes, four by four.
///
/// The rows are copied first. Those of maps often lie a power of two apart, so they would evict each other from the
/// cache.
#[inline(always)]
fn transpose<'a>(row: impl Fn(usize) -> &'a [f32; LANES], columns: &mut [[f32; LANES]; LANES]) {
    const STEP: usize = 4;
    let rows: [[f32; LANES]; LANES] = from_fn(|y| *row(y));
    for y in (0..LANES).step_by(STEP) {
        for x in (0..LANES).step_by(STEP) {
            let part = from_fn(|i| from_fn(|j| rows[y + i][x + j]));
            for (i, column) in transposed(part).into_iter().enumerate() {
                columns[x + i][y..y + STEP].copy_from_slice(&column);
            }
        }
    }
}

/// Transposes with shuffles, which compilers do not find by themselves.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn transposed(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    use std::arch::x86_64::{__m128, _mm_movehl_ps, _mm_movelh_ps, _mm_unpackhi_ps, _mm_unpacklo_ps};
    use std::mem::transmute;
    // SAFETY: every x86_64 has SSE, whose vectors are four floats and nothing else.
    unsafe {
        let [a, b, c, d]: [__m128; 4] = transmute(rows);
        let (low, lower) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
        let (high, higher) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
        transmute([
            _mm_movelh_ps(low, lower),
            _mm_movehl_ps(lower, low),
            _mm_movelh_ps(high, higher),
            _mm_movehl_ps(higher, high),
        ])
    }
}

/// Transposes.
#[cfg(not(target_arch = "x86_64"))]
fn transposed(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    from_fn(|x| from_fn(|y| rows[y][x]))
}
