//! Fréchet distance.

use super::estimate::is_present;
use super::matrix::inner_product;
use super::{Estimate, LeftOut, Matrix, symmetric_eigenvalues};

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
    frechet(x, y, &LeftOut::nothing(x.rows(), y.rows())).value
}

/// The same with its standard error. There is none where a set has no more rows than columns: the bias changes more than the
/// distance does when a group is left out.
///
/// # Panics
/// As [`frechet_distance`].
pub fn frechet(x: &Matrix, y: &Matrix, left_out: &LeftOut) -> Estimate {
    let is_singular = is_frechet_biased(x.rows(), y.rows(), x.columns());
    let left_out = if is_singular { left_out.without_groups() } else { left_out.clone() };
    let variants = left_out.variants();
    let (x, y) = (Sums::new(x, &left_out.real, variants), Sums::new(y, &left_out.pictures, variants));
    let variant = |variant: usize| between(&x.without(variant), &y.without(variant));
    Estimate::new(&(0..variants).map(variant).collect::<Vec<_>>())
}

/// Whether sets of `n` and `m` pictures are too small for the Fréchet distance of `features` features: a covariance is
/// singular then, and the distance far too large.
pub fn is_frechet_biased(n: usize, m: usize, features: usize) -> bool {
    n.min(m) <= features
}

fn between(x: &Moments, y: &Moments) -> f64 {
    let apart: f64 = x.mean.iter().zip(&y.mean).map(|(x, y)| (x - y).powi(2)).sum();
    apart + x.covariance.trace() + y.covariance.trace() - 2.0 * trace_of_root(&x.covariance, &y.covariance)
}

struct Moments {
    mean: Vec<f64>,
    /// `[d, d]`
    covariance: Matrix,
}

/// Sums over the rows of each group, from which the moments without a group follow at no great cost.
struct Sums {
    /// Of all rows. The sums are of what is left after it is subtracted, so that nothing cancels.
    mean: Vec<f64>,
    /// By group: how many rows, their sum, and the sum of their outer products `[d, d]`.
    groups: Vec<(usize, Vec<f64>, Matrix)>,
}

impl Sums {
    fn new(features: &Matrix, of: &[u8], variants: usize) -> Self {
        let (rows, d) = (features.rows(), features.columns());
        assert!(rows >= 2, "{rows} pictures have no covariance");
        let mut mean = vec![0.0; d];
        features.iter().for_each(|row| add(&mut mean, row, 1.0));
        mean.iter_mut().for_each(|value| *value /= rows as f64);
        let of_group = |group: usize| {
            let members: Vec<u32> = (0..rows as u32).filter(|row| of[*row as usize] as usize == group).collect();
            let mut centered = features.select(&members);
            centered.values_mut().chunks_exact_mut(d).for_each(|row| add(row, &mean, -1.0));
            let mut sum = vec![0.0; d];
            centered.iter().for_each(|row| add(&mut sum, row, 1.0));
            let products = match members.is_empty() {
                true => Matrix::new(d, vec![0.0; d * d]),
                false => {
                    let columns = centered.transposed();
                    columns.times_transposed(&columns)
                }
            };
            (members.len(), sum, products)
        };
        let groups = (0..variants).map(of_group).collect();
        Self { mean, groups }
    }

    /// Mean and covariance of the rows that are there in a variant.
    fn without(&self, variant: usize) -> Moments {
        let d = self.mean.len();
        let (mut rows, mut sum, mut products) = (0, vec![0.0; d], Matrix::new(d, vec![0.0; d * d]));
        for (group, (count, sum_of_group, products_of_group)) in self.groups.iter().enumerate() {
            if is_present(group as u8, variant) {
                rows += count;
                add(&mut sum, sum_of_group, 1.0);
                add(products.values_mut(), products_of_group.values(), 1.0);
            }
        }
        let count = rows as f64;
        let shift: Vec<f64> = sum.iter().map(|value| value / count).collect();
        for (row, a) in products.values_mut().chunks_exact_mut(d).zip(&shift) {
            row.iter_mut().zip(&shift).for_each(|(value, b)| *value = (*value - count * a * b) / (count - 1.0));
        }
        let mut mean = self.mean.clone();
        add(&mut mean, &shift, 1.0);
        Moments { mean, covariance: products }
    }
}

/// `to += factor · from`
fn add(to: &mut [f64], from: &[f64], factor: f64) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
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
    fn a_covariance_needs_more_pictures_than_features() {
        assert!(is_frechet_biased(1000, 192, 192) && !is_frechet_biased(1000, 193, 192));
        let few = frechet(&normals(48, 50, 0), &normals(60, 50, 1), &LeftOut::random(48, 60, 0));
        assert_eq!(few.standard_error(), None);
    }

    #[test]
    fn a_variant_is_the_distance_without_its_group() {
        let (x, y) = (normals(60, 4, 5), normals(50, 4, 6));
        let left_out = LeftOut::random(60, 50, 2);
        for (variant, found) in frechet(&x, &y, &left_out).variants().enumerate() {
            let rest = |set: &Matrix, groups: &[u8]| {
                let rows: Vec<u32> =
                    (0..groups.len() as u32).filter(|row| is_present(groups[*row as usize], variant)).collect();
                set.select(&rows)
            };
            let want = frechet_distance(&rest(&x, &left_out.real), &rest(&y, &left_out.pictures));
            assert!((found - want).abs() < 1e-9, "variant {variant}: {found} instead of {want}");
        }
    }

    #[test]
    fn the_standard_error_is_the_spread_over_other_pictures() {
        let (rows, columns, repeats) = (200, 5, 60);
        let left_out = LeftOut::random(rows, rows, 1);
        let shifted = |position| {
            let values = normals(rows, columns, position).iter().flatten().map(|value| 0.8 * value + 0.3).collect();
            Matrix::new(columns, values)
        };
        let found: Vec<Estimate> =
            (0..repeats).map(|i| frechet(&normals(rows, columns, 100 + i), &shifted(500 + i), &left_out)).collect();
        let mean = found.iter().map(|found| found.value).sum::<f64>() / repeats as f64;
        let squares: f64 = found.iter().map(|found| (found.value - mean).powi(2)).sum();
        let spread = (squares / (repeats - 1) as f64).sqrt();
        let stated = found.iter().filter_map(Estimate::standard_error).sum::<f64>() / repeats as f64;
        // The spread itself is known to a tenth: 1/√(2 · 59).
        assert!((stated / spread - 1.0).abs() < 0.3, "stated {stated}, seen {spread}");
    }

    #[test]
    fn it_does_not_matter_which_set_comes_first() {
        let (x, y) = (normals(40, 8, 1), normals(7, 8, 2));
        let (forward, backward) = (frechet_distance(&x, &y), frechet_distance(&y, &x));
        assert!((forward - backward).abs() < 1e-6 * forward, "{forward} and {backward}");
    }

    #[test]
    fn a_factor_times_itself_is_the_covariance() {
        let covariance = Sums::new(&normals(5, 9, 3), &[0; 5], 1).without(0).covariance;
        let factor = factor(&covariance).unwrap();
        assert_eq!(factor.rows(), 4, "five rows span four dimensions around their mean");
        let again = factor.transposed().times_transposed(&factor.transposed());
        for (a, b) in again.iter().flatten().zip(covariance.iter().flatten()) {
            assert!((a - b).abs() < 1e-12, "{a} instead of {b}");
        }
        assert!(super::factor(&Matrix::new(2, vec![0.0; 4])).is_none());
    }
}
