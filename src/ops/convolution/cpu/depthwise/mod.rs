//! Depthwise convolutions: every channel has a kernel of its own. A value that is read takes part in few products, so
//! the way into vectors and back costs as much as the sums.
//!
//! There are two implementations: [`rows`], whose vectors hold neighbouring pixels of one map, for maps that are wide
//! enough to fill them, and [`blocks`], whose vectors hold channels, for all others.

mod blocks;
mod kernel;
mod rows;

pub use blocks::weight_gradient;

use super::phases::Phases;
use crate::ops::convolution::geometry::Geometry;

/// Pixels of a row from which on vectors of pixels are faster. Narrower ones leave lanes empty, or have more padding.
const WIDE: usize = 16;

/// `y = w * x`
///
/// # Shapes
/// Those of the geometry.
pub fn convolve(geometry: &Geometry, weight: &[f32], x: &[f32]) -> Vec<f32> {
    run(geometry, &Phases::forward(geometry), weight, x)
}

/// `∂⟨y, w * x⟩ / ∂x`
///
/// # Shapes
/// Those of the geometry.
pub fn convolve_transposed(geometry: &Geometry, weight: &[f32], y: &[f32]) -> Vec<f32> {
    run(geometry, &Phases::transposed(geometry), weight, y)
}

fn run(geometry: &Geometry, phases: &Phases, weight: &[f32], source: &[f32]) -> Vec<f32> {
    let [channels, _] = geometry.channels;
    let is_wide = phases.phases.iter().any(|phase| phase.size[1] >= WIDE);
    let run = if is_wide { rows::run } else { blocks::run };
    run(phases, [geometry.batch, channels], weight, source)
}
