//! Fréchet distance.

use super::matrix::inner_product;
use super::{Matrix, symmetric_eigenvalues};

/// Fréchet distance between normal distributions with the means and covariances of two sets of features.
///
/// `‖μ_X − μ_Y‖² + tr(C_X + C_Y − 2 (C_X C_Y)^½)`, where C has the divisor rows − 1. It is biased upwards by few rows: compare
/// only distances of as many pictures. With fewer rows than columns the covariances are singular, and the bias is large.
///
/// # Shapes
/// - `x`: `[n, d]`, `y`: `[m, d]`: a row for each picture; at least two rows each
///
/// Source: Heusel et al. 2017, arXiv:1706.08500, Eq. 6 (on features of Inception, where it is called FID).
///
/// # Panics
/// If there are too few rows, if the columns differ in number, or if a feature isn't finite.
pub fn frechet_distance(x: &Matrix, y: &Matrix) -> f64 {
    let [x, y] = [x, y].map(Moments::new);
    let apart: f64 = x.mean.iter().zip(&y.mean).map(|(x, y)| (x - y).powi(2)).sum();
    apart + x.covariance.trace() + y.covariance.trace() - 2.0 * trace_of_root(&x.covariance, &y.covariance)
}

struct Moments {
    mean: Vec<f64>,
    /// `[d, d]`
    covariance: Matrix,
}

impl Moments {
    fn new(features: &Matrix) -> Self {
        let rows = features.rows();
        assert!(rows >= 2, "{rows} pictures have no covariance");
        let mut columns = features.transposed();
        let center = |column: &mut [f64]| {
            let mean = column.iter().sum::<f64>() / rows as f64;
            column.iter_mut().for_each(|value| *value -= mean);
            mean
        };
        let mean = columns.values_mut().chunks_exact_mut(rows).map(center).collect();
        let mut covariance = columns.times_transposed(&columns);
        covariance.values_mut().iter_mut().for_each(|value| *value /= (rows - 1) as f64);
        Self { mean, covariance }
    }
}

/// `tr (A B)^½` of two covariances: the sum of the square roots of the eigenvalues of `A B`. With `A = L Lᵀ` those other than
/// zero are the eigenvalues of `Lᵀ B L`, which is symmetric.
fn trace_of_root(a: &Matrix, b: &Matrix) -> f64 {
    let Some(factor) = factor(a) else { return 0.0 };
    let product = factor.times_transposed(b).times_transposed(&factor);
    // Rounding leaves some of those that should be zero below it.
    symmetric_eigenvalues(product).into_iter().map(|eigenvalue| eigenvalue.max(0.0).sqrt()).sum()
}

/// `Lᵀ` with `A = L Lᵀ`, for a covariance that may be singular: `[rank, d]`; none for zero.
///
/// Cholesky with the largest remaining diagonal entry as pivot. It ends when only rounding remains (Higham 1990, "Analysis of
/// the Cholesky decomposition of a semi-definite matrix").
fn factor(a: &Matrix) -> Option<Matrix> {
    let d = a.columns();
    let mut rest: Vec<f64> = (0..d).map(|i| a.row(i)[i]).collect();
    // [d, d], of which the first `rank` columns are used: row i is what is known of L's row i.
    let mut rows = Matrix::new(d, vec![0.0; d * d]);
    let largest = |rest: &[f64]| rest.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let smallest_pivot = largest(&rest)?.1 * d as f64 * f64::EPSILON;
    let mut rank = 0;
    while let Some((pivot, square)) = largest(&rest)
        && square > smallest_pivot
        && rank < d
    {
        let known = rows.row(pivot)[..rank].to_vec();
        for (i, (rest, row)) in rest.iter_mut().zip(rows.values_mut().chunks_exact_mut(d)).enumerate() {
            let entry = (a.row(i)[pivot] - inner_product(&row[..rank], &known)) / square.sqrt();
            row[rank] = entry;
            *rest -= entry * entry;
        }
        // Exactly, so that it is no pivot again.
        rest[pivot] = 0.0;
        rank += 1;
    }
    let columns = rows.transposed();
    (rank > 0).then(|| columns.select(&(0..rank as u32).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    fn normals(rows: usize, columns: usize, position: u64) -> Matrix {
        Matrix::from_f32(columns, &Random::new(4, Stream::Init, position).normals(rows * columns))
    }

    #[test]
    fn one_dimension_by_hand() {
        // Means 1 and 5, variances 2 and 8: (1 - 5)² + (√2 - √8)² = 16 + 2.
        let (x, y) = (Matrix::new(1, vec![0.0, 2.0]), Matrix::new(1, vec![3.0, 7.0]));
        assert!((frechet_distance(&x, &y) - 18.0).abs() < 1e-12);
    }

    #[test]
    fn a_set_is_no_distance_from_itself_and_a_shift_is_its_square() {
        for (rows, columns) in [(50, 6), (5, 12)] {
            let x = normals(rows, columns, 0);
            let shifted = Matrix::new(columns, x.iter().flatten().map(|value| value + 0.5).collect());
            assert!(frechet_distance(&x, &x).abs() < 1e-6, "{}", frechet_distance(&x, &x));
            let want = 0.25 * columns as f64;
            assert!((frechet_distance(&x, &shifted) - want).abs() < 1e-6);
        }
    }

    #[test]
    fn it_does_not_matter_which_set_comes_first() {
        let (x, y) = (normals(40, 8, 1), normals(7, 8, 2));
        let (forward, backward) = (frechet_distance(&x, &y), frechet_distance(&y, &x));
        assert!((forward - backward).abs() < 1e-6 * forward, "{forward} and {backward}");
    }

    #[test]
    fn a_factor_times_itself_is_the_covariance() {
        let covariance = Moments::new(&normals(5, 9, 3)).covariance;
        let factor = factor(&covariance).unwrap();
        assert_eq!(factor.rows(), 4, "five rows span four dimensions around their mean");
        let again = factor.transposed().times_transposed(&factor.transposed());
        for (a, b) in again.iter().flatten().zip(covariance.iter().flatten()) {
            assert!((a - b).abs() < 1e-12, "{a} instead of {b}");
        }
        assert!(super::factor(&Matrix::new(2, vec![0.0; 4])).is_none());
    }
}
