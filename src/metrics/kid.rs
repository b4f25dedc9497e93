//! Kernel distance.

use super::Matrix;
use super::matrix::{for_each_pair, inner_product};
use crate::random::{Random, Stream};

/// Subsets that the standard error is estimated from, as many as torch-fidelity and clean-fid average over.
const SUBSETS: u64 = 100;

/// Pictures of each set in a subset, unless that is more than half of a set. Those programs take 1,000 out of 50,000; sets here
/// have about 1,000.
const SUBSET_SIZE: usize = 100;

/// A kernel distance and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kid {
    /// The distance. As the estimate is unbiased, it is negative about half of the time for sets of the same kind.
    pub value: f64,
    /// Standard error of `value`.
    pub standard_error: f64,
}

/// Kernel distance: the squared maximum mean discrepancy with the kernel `k(a, b) = (a·b/d + 1)³`, unbiased.
///
/// `Σ_{i≠j} k(x_i, x_j) / n(n−1) + Σ_{i≠j} k(y_i, y_j) / m(m−1) − 2/nm Σ_{i,j} k(x_i, y_j)`, over all pictures of both sets.
///
/// The standard error is that of the jackknife that leaves out all but s pictures (Shao & Wu 1989, "A general theory for
/// jackknife variance estimation"): the estimates of random subsets of s out of n pictures have a variance of `(n − s)/s`
/// times that of the estimate of all. For sets of the same kind, where the distance is 0, it is too large, never too small.
///
/// # Shapes
/// - `x`: `[n, d]`, `y`: `[m, d]`: a row for each picture; at least four rows each
///
/// Source: Bińkowski et al. 2018, arXiv:1801.01401, section 4 (on features of Inception, as the mean over subsets).
///
/// # Panics
/// If there are too few rows, or the columns differ in number.
pub fn kid(x: &Matrix, y: &Matrix, seed: u64) -> Kid {
    let fewest = x.rows().min(y.rows());
    let size = SUBSET_SIZE.min(fewest / 2);
    assert!(size >= 2, "{fewest} pictures are too few for a standard error");
    let estimates: Vec<f64> = (0..SUBSETS)
        .map(|subset| {
            let mut random = Random::new(seed, Stream::Scores, subset);
            let [x, y] = [x, y].map(|set| set.select(&random.permutation(set.rows())[..size]));
            distance(&x, &y)
        })
        .collect();
    let mean = estimates.iter().sum::<f64>() / SUBSETS as f64;
    let variance = estimates.iter().map(|estimate| (estimate - mean).powi(2)).sum::<f64>() / (SUBSETS - 1) as f64;
    Kid { value: distance(x, y), standard_error: (variance * size as f64 / (fewest - size) as f64).sqrt() }
}

fn distance(x: &Matrix, y: &Matrix) -> f64 {
    within(x) + within(y) - 2.0 * between(x, y)
}

/// The mean kernel of two different pictures of a set.
fn within(x: &Matrix) -> f64 {
    let mut sum = 0.0;
    for_each_pair(x, x, |i, j, x, y| {
        if i < j {
            sum += kernel(x, y);
        }
    });
    2.0 * sum / (x.rows() * (x.rows() - 1)) as f64
}

/// The mean kernel of a picture of one set and a picture of another.
fn between(x: &Matrix, y: &Matrix) -> f64 {
    let mut sum = 0.0;
    for_each_pair(x, y, |_, _, x, y| sum += kernel(x, y));
    sum / (x.rows() * y.rows()) as f64
}

fn kernel(a: &[f64], b: &[f64]) -> f64 {
    (inner_product(a, b) / a.len() as f64 + 1.0).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normals(rows: usize, columns: usize, shift: f64, position: u64) -> Matrix {
        let values = Random::new(6, Stream::Init, position).normals(rows * columns);
        Matrix::new(columns, values.into_iter().map(|value| f64::from(value) + shift).collect())
    }

    #[test]
    fn one_dimension_by_hand() {
        // (0·2 + 1)³ = 1 and (1·3 + 1)³ = 64 within the sets; between them (0·1 + 1)³, (0·3 + 1)³, (2·1 + 1)³, (2·3 + 1)³.
        let (x, y) = (Matrix::new(1, vec![0.0, 2.0]), Matrix::new(1, vec![1.0, 3.0]));
        let want = 1.0 + 64.0 - (1.0 + 1.0 + 27.0 + 343.0) / 2.0;
        assert!((distance(&x, &y) - want).abs() < 1e-12);
    }

    #[test]
    fn the_standard_error_is_the_spread_over_other_pictures() {
        let (rows, columns, repeats) = (240, 6, 60);
        let kids: Vec<Kid> = (0..repeats)
            .map(|i| kid(&normals(rows, columns, 0.0, 2 * i), &normals(rows, columns, 0.6, 2 * i + 1), 0))
            .collect();
        let mean = kids.iter().map(|kid| kid.value).sum::<f64>() / repeats as f64;
        let squares: f64 = kids.iter().map(|kid| (kid.value - mean).powi(2)).sum();
        let spread = (squares / (repeats - 1) as f64).sqrt();
        let stated = kids.iter().map(|kid| kid.standard_error).sum::<f64>() / repeats as f64;
        // The spread itself is known to a tenth: 1/√(2 · 59).
        assert!((stated / spread - 1.0).abs() < 0.3, "stated {stated}, seen {spread}");
        assert!(mean > 5.0 * stated, "{mean} ± {stated}: the sets are of two kinds");
    }

    #[test]
    fn sets_of_one_kind_are_at_no_distance_within_the_error() {
        let found = kid(&normals(200, 6, 0.0, 500), &normals(150, 6, 0.0, 501), 3);
        assert!(found.value.abs() < 3.0 * found.standard_error, "{found:?}");
        assert_eq!(found, kid(&normals(200, 6, 0.0, 500), &normals(150, 6, 0.0, 501), 3), "by the seed alone");
    }
}
