//! All scores of a set of pictures.

use serde::Serialize;

use super::{Kid, Matrix, density_coverage, frechet_distance, kid, precision_recall};

/// Neighbours that precision and recall reach to.
const PRECISION_RECALL_K: usize = 3;

/// Neighbours that density and coverage reach to.
const DENSITY_COVERAGE_K: usize = 5;

/// How much a set of pictures is like a set of real ones, on the features of one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// See [`frechet_distance`].
    pub fd: f64,
    /// See [`kid`].
    pub kid: f64,
    /// Of `kid`.
    pub kid_standard_error: f64,
    /// See [`precision_recall`], with three neighbours.
    pub precision: f64,
    /// See [`precision_recall`], with three neighbours.
    pub recall: f64,
    /// See [`density_coverage`], with five neighbours.
    pub density: f64,
    /// See [`density_coverage`], with five neighbours.
    pub coverage: f64,
}

impl Scores {
    /// The fewest pictures that a set may have.
    pub const MIN_PICTURES: usize = DENSITY_COVERAGE_K + 1;

    /// Compares `pictures` with `real` ones. The seed chooses the subsets that the standard error comes from.
    ///
    /// # Shapes
    /// - `real`: `[n, d]`, `pictures`: `[m, d]`: a row of features for each picture
    ///
    /// # Panics
    /// If there are fewer rows than [`Scores::MIN_PICTURES`], if the columns differ in number, or if a feature isn't finite.
    pub fn new(real: &Matrix, pictures: &Matrix, seed: u64) -> Self {
        let Kid { value, standard_error } = kid(real, pictures, seed);
        let quality = precision_recall(real, pictures, PRECISION_RECALL_K);
        let coverage = density_coverage(real, pictures, DENSITY_COVERAGE_K);
        Self {
            fd: frechet_distance(real, pictures),
            kid: value,
            kid_standard_error: standard_error,
            precision: quality.precision,
            recall: quality.recall,
            density: coverage.density,
            coverage: coverage.coverage,
        }
    }

    /// Whether sets of `n` and `m` pictures are too small for the Fréchet distance of `features` features: a covariance is
    /// singular then, and the distance far too large.
    pub fn is_frechet_biased(n: usize, m: usize, features: usize) -> bool {
        n.min(m) <= features
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    #[test]
    fn the_smallest_sets_have_scores_and_a_set_is_like_itself() {
        let values = Random::new(8, Stream::Init, 0).normals(Scores::MIN_PICTURES * 3);
        let set = Matrix::from_f32(3, &values);
        let scores = Scores::new(&set, &set, 0);
        assert!(scores.fd.abs() < 1e-6, "{scores:?}");
        assert_eq!([scores.precision, scores.recall, scores.coverage], [1.0; 3]);
        assert!(scores.kid < 0.0 && scores.kid_standard_error >= 0.0, "the unbiased estimate for a copy: {scores:?}");
    }

    #[test]
    fn a_covariance_needs_more_pictures_than_features() {
        assert!(Scores::is_frechet_biased(1000, 192, 192) && !Scores::is_frechet_biased(1000, 193, 192));
    }
}
