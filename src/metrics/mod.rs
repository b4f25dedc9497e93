//! Scores of generated pictures: numbers that compare the features of two sets of pictures. They are float64 throughout, and
//! know neither networks nor devices: [`features`](crate::features) turns pictures into [`Matrix`] rows.

mod closeness;
mod copies;
mod eigenvalues;
mod estimate;
mod frechet;
mod kid;
mod matrix;
mod memorization;
mod name;
mod neighborhoods;
mod neighbors;
mod scores;
mod swd;

pub use closeness::{
    Closeness, CopyLimits, FALSE_ALARMS, Looks, MIN_CALIBRATION, Nearby, Rows, THUMBNAIL_SIDE, closeness,
};
pub use copies::{Copies, Pair};
pub use eigenvalues::symmetric_eigenvalues;
pub use estimate::{Estimate, LeftOut};
pub use frechet::{frechet, frechet_distance, is_frechet_biased};
pub use kid::kid;
pub use matrix::Matrix;
pub use memorization::{cosine_distance, memorization_distance, memorization_threshold, mifid};
pub use name::{RealSplit, Score, score_name};
pub use neighborhoods::{NeighborScores, Neighbors, neighbor_scores};
pub use neighbors::{distance, nearest, radii};
pub use scores::{Scores, Scoring, Verdict};
pub use swd::{Patches, SWD_MOST, Sketch, laplacian_pyramid, swd_of_level};
