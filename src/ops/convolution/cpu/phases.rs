//! Which input pixels each pixel of a result is made of.

use super::layout::Frame;
use crate::ops::convolution::geometry::Geometry;

/// The geometry of a convolution or of a transposed one, for every pair of channels: the padded source, and for each
/// pixel of the result the taps that it is a sum of.
pub struct Phases {
    pub source: Frame,
    /// Height and width of the result.
    pub target: [usize; 2],
    /// Pixels of the source from one pixel of a phase to the next.
    pub stride: usize,
    /// Pixels of the result from one pixel of a phase to the next.
    pub spread: usize,
    /// A convolution has one, a transposed one `stride²`: those of the first row of phases, then those of the next one.
    pub phases: Vec<Phase>,
}

/// The pixels of the result whose sums have the same taps.
pub struct Phase {
    pub taps: Vec<Tap>,
    /// Row and column of the first pixel.
    pub origin: [usize; 2],
    /// Rows and columns of the phase.
    pub size: [usize; 2],
}

/// A position of the kernel and the input that it meets.
#[derive(Clone, Copy, Debug)]
pub struct Tap {
    /// Row and column, in the padded source, of the input of a phase's first pixel.
    pub at: [usize; 2],
    /// The position of the kernel, row-major.
    pub position: usize,
}

/// One phase of a transposed convolution along one axis, and the kernel's positions that meet it.
struct AxisPhase {
    /// The first position; the others follow `stride` apart.
    kernel: usize,
    count: usize,
    /// Where the first position's input is, in pixels from the phase's own.
    shift: usize,
    /// Pixels of the phase.
    length: usize,
}

impl Phases {
    /// Of a convolution.
    pub fn forward(geometry: &Geometry) -> Self {
        let Geometry { stride, padding, kernel, input, output, .. } = *geometry;
        let padded = [0, 1].map(|axis| (output[axis].saturating_sub(1)) * stride + kernel[axis]);
        let taps =
            (0..geometry.area()).map(|position| Tap { at: [position / kernel[1], position % kernel[1]], position });
        Self {
            source: Frame { size: input, before: padding, padded },
            target: output,
            stride,
            spread: 1,
            phases: vec![Phase { taps: taps.collect(), origin: [0, 0], size: output }],
        }
    }

    /// Of the gradient of a convolution's input. Each of the `stride²` phases of the result is a convolution of stride 1
    /// with some of the kernel's positions.
    pub fn transposed(geometry: &Geometry) -> Self {
        let Geometry { stride, padding, kernel, input, output, .. } = *geometry;
        // input i + padding = output o · stride + kernel k
        let axis = |axis: usize| -> Vec<AxisPhase> {
            let phase = |first: usize| {
                let first_kernel = (first + padding[axis]) % stride;
                AxisPhase {
                    kernel: first_kernel,
                    count: kernel[axis].saturating_sub(first_kernel).div_ceil(stride),
                    shift: (first + padding[axis]) / stride,
                    length: input[axis].saturating_sub(first).div_ceil(stride),
                }
            };
            (0..stride).map(phase).collect()
        };
        let axes = [axis(0), axis(1)];
        let most = |axis: usize, of: fn(&AxisPhase) -> usize| axes[axis].iter().map(of).max().unwrap_or(0);
        let before = [0, 1].map(|axis| most(axis, |phase| phase.count.saturating_sub(1 + phase.shift)));
        let padded = [0, 1].map(|axis| before[axis] + most(axis, |phase| phase.length + phase.shift));

        let mut phases = Vec::new();
        for (first_row, rows) in axes[0].iter().enumerate() {
            for (first_column, columns) in axes[1].iter().enumerate() {
                let tap = |y: usize, x: usize| Tap {
                    at: [rows.shift + before[0] - y, columns.shift + before[1] - x],
                    position: (rows.kernel + stride * y) * kernel[1] + columns.kernel + stride * x,
                };
                let taps = (0..rows.count).flat_map(|y| (0..columns.count).map(move |x| tap(y, x)));
                phases.push(Phase {
                    taps: taps.collect(),
                    origin: [first_row, first_column],
                    size: [rows.length, columns.length],
                });
            }
        }
        Self { source: Frame { size: output, before, padded }, target: input, stride: 1, spread: stride, phases }
    }
}
