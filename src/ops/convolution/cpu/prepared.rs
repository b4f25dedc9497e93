//! The implementation for a geometry.

use super::planar::{self, Pointwise};
use super::{blocked, depthwise};
use crate::ops::convolution::geometry::Geometry;

/// A convolution or a transposed one, with its weights in the order in which they are used. The batch may have any size.
pub enum Prepared {
    Depthwise(depthwise::Pass),
    Planar(planar::Pass),
    Pointwise(Pointwise),
    Blocked(blocked::Pass),
}

impl Prepared {
    /// For a convolution.
    pub fn forward(geometry: &Geometry, weight: &[f32]) -> Self {
        if geometry.is_depthwise() {
            Self::Depthwise(depthwise::Pass::forward(geometry, weight))
        } else if let Some(planar) = planar::Pass::forward(geometry, weight) {
            Self::Planar(planar)
        } else if let Some(pointwise) = Pointwise::forward(geometry, weight) {
            Self::Pointwise(pointwise)
        } else {
            Self::Blocked(blocked::Pass::forward(geometry, weight))
        }
    }

    /// For the gradient of a convolution's input.
    pub fn transposed(geometry: &Geometry, weight: &[f32]) -> Self {
        if geometry.is_depthwise() {
            Self::Depthwise(depthwise::Pass::transposed(geometry, weight))
        } else if let Some(planar) = planar::Pass::transposed(geometry, weight) {
            Self::Planar(planar)
        } else if let Some(pointwise) = Pointwise::transposed(geometry, weight) {
            Self::Pointwise(pointwise)
        } else {
            Self::Blocked(blocked::Pass::transposed(geometry, weight))
        }
    }

    /// Computes the result.
    ///
    /// # Shapes
    /// Those of the geometry, for any batch.
    pub fn run(&self, source: &[f32]) -> Vec<f32> {
        match self {
            Self::Depthwise(pass) => pass.run(source),
            Self::Planar(pass) => pass.run(source),
            Self::Pointwise(pass) => pass.run(source),
            Self::Blocked(pass) => pass.run(source),
        }
    }
}
