//! Scores of generated pictures: numbers that compare the features of two sets of pictures. They are float64 throughout, and
//! know neither networks nor devices: [`features`](crate::features) turns pictures into [`Matrix`] rows.

mod density_coverage;
mod eigenvalues;
mod frechet;
mod kid;
mod matrix;
mod memorization;
mod neighbors;
mod precision_recall;
mod scores;

pub use density_coverage::{DensityCoverage, density_coverage};
pub use eigenvalues::symmetric_eigenvalues;
pub use frechet::frechet_distance;
pub use kid::{Kid, kid};
pub use matrix::Matrix;
pub use memorization::{cosine_distance, memorization_distance, mifid};
pub use neighbors::{distance, nearest, radii};
pub use precision_recall::{PrecisionRecall, precision_recall};
pub use scores::Scores;
