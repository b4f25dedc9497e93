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

/// A depthwise convolution or a transposed one, with its weights.
pub enum Pass {
    Rows(rows::Pass),
    Blocks(blocks::Pass),
}

impl Pass {
    /// For a convolution.
    pub fn forward(geometry: &Geometry, weight: &[f32]) -> Self {
        Self::new(&Phases::forward(geometry), geometry.channels[0], weight)
    }

    /// For the gradient of a convolution's input.
    pub fn transposed(geometry: &Geometry, weight: &[f32]) -> Self {
        Self::new(&Phases::transposed(geometry), geometry.channels[0], weight)
    }

    fn new(phases: &Phases, channels: usize, weight: &[f32]) -> Self {
        if phases.phases.iter().any(|phase| phase.size[1] >= WIDE) {
            Self::Rows(rows::Pass::new(phases, channels, weight))
        } else {
            Self::Blocks(blocks::Pass::new(phases, channels, weight))
        }
    }

    /// Computes the result.
    ///
    /// # Shapes
    /// - `source`: `[batch, channels, height, width]`
    /// - returns: `[batch, channels, height, width]`, with the size of the result
    pub fn run(&self, source: &[f32]) -> Vec<f32> {
        match self {
            Self::Rows(rows) => rows.run(source),
            Self::Blocks(blocks) => blocks.run(source),
        }
    }
}
