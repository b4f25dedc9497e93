//! Improved precision and recall.

use super::matrix::for_each_pair;
use super::{Matrix, distance, radii};

/// How good the generated pictures are, and how much of the real ones they cover.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// Share of the generated pictures that lie among the real ones.
    pub precision: f64,
    /// Share of the real pictures that lie among the generated ones.
    pub recall: f64,
}

/// Improved precision and recall: a picture lies among others if it is nearer to one of them than that one's `k`-th neighbour.
///
/// Both grow with the radii, which shrink with the number of pictures: compare only sets of as many.
///
/// # Shapes
/// - `real`: `[n, d]`, `generated`: `[m, d]`: a row for each picture; more than `k` rows each
///
/// Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, section 2 (`k` = 3). There a picture at the distance itself counts,
/// here only one below it; features are hardly ever at it.
///
/// # Panics
/// If there are too few rows, or the columns differ in number.
pub fn precision_recall(real: &Matrix, generated: &Matrix, k: usize) -> PrecisionRecall {
    PrecisionRecall { precision: share_among(generated, real, k), recall: share_among(real, generated, k) }
}

/// The share of `points` that lie among `others`.
fn share_among(points: &Matrix, others: &Matrix, k: usize) -> f64 {
    let radii = radii(others, k);
    let mut is_among = vec![false; points.rows()];
    for_each_pair(points, others, |i, j, point, other| {
        is_among[i] = is_among[i] || distance(point, other) < radii[j];
    });
    is_among.iter().filter(|is_among| **is_among).count() as f64 / points.rows() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_by_hand() {
        // With k = 1 the real pictures reach 1 around 0, 1 and 9, 10; the generated ones 0.5 around 0.5, 1 and 4 around 5.
        let real = Matrix::new(1, vec![0.0, 1.0, 9.0, 10.0]);
        let generated = Matrix::new(1, vec![0.5, 1.0, 5.0]);
        let found = precision_recall(&real, &generated, 1);
        assert_eq!(found, PrecisionRecall { precision: 2.0 / 3.0, recall: 1.0 / 4.0 });
    }
}
