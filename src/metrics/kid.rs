//! Kernel distance.

use super::estimate::{is_present, present};
use super::matrix::{for_each_pair, inner_product};
use super::{Estimate, LeftOut, Matrix};

/// Kernel distance: the squared maximum mean discrepancy with the kernel `k(a, b) = (a·b/d + 1)³`, unbiased.
///
/// `Σ_{i≠j} k(x_i, x_j) / n(n−1) + Σ_{i≠j} k(y_i, y_j) / m(m−1) − 2/nm Σ_{i,j} k(x_i, y_j)`, over all pictures of both sets. As
/// it is unbiased, it is negative about half of the time for sets of the same kind; there its standard error is too large,
/// never too small.
///
/// # Shapes
/// - `x`: `[n, d]`, `y`: `[m, d]`: a row for each picture; at least two rows each, without a group too
///
/// Source: Bińkowski et al. 2018, arXiv:1801.01401, section 4 (on features of Inception, as the mean over subsets).
///
/// # Panics
/// If there are too few rows, or the columns differ in number.
pub fn kid(x: &Matrix, y: &Matrix, left_out: &LeftOut) -> Estimate {
    let (of_x, of_y) = (&left_out.real, &left_out.pictures);
    let [within_x, within_y] = [(x, of_x), (y, of_y)].map(|(rows, groups)| {
        let mut sums = Sums::new(left_out);
        for_each_pair(rows, rows, |i, j, a, b| {
            if i < j {
                sums.add(groups[i], groups[j], 2.0 * kernel(a, b));
            }
        });
        sums
    });
    let mut between = Sums::new(left_out);
    for_each_pair(x, y, |i, j, a, b| between.add(of_x[i], of_y[j], kernel(a, b)));
    let variant = |variant: usize| {
        let [n, m] = [of_x, of_y].map(|groups| present(groups, variant));
        assert!(n.min(m) >= 2, "{n} and {m} pictures are too few for a kernel distance");
        let within = |sums: &Sums, count: usize| sums.without(variant) / (count * (count - 1)) as f64;
        within(&within_x, n) + within(&within_y, m) - 2.0 * between.without(variant) / (n * m) as f64
    };
    Estimate::new(&(0..left_out.variants()).map(variant).collect::<Vec<_>>())
}

/// Sums over pairs of pictures, by the groups of both.
struct Sums {
    side: usize,
    sums: Vec<f64>,
}

impl Sums {
    fn new(left_out: &LeftOut) -> Self {
        let side = left_out.variants();
        Self { side, sums: vec![0.0; side * side] }
    }

    fn add(&mut self, a: u8, b: u8, value: f64) {
        self.sums[a as usize * self.side + b as usize] += value;
    }

    /// The sum over the pairs that are there in a variant.
    fn without(&self, variant: usize) -> f64 {
        let sums = self.sums.iter().enumerate();
        let groups = |at: usize| [(at / self.side) as u8, (at % self.side) as u8];
        sums.filter(|(at, _)| groups(*at).iter().all(|group| is_present(*group, variant))).map(|(_, sum)| sum).sum()
    }
}

fn kernel(a: &[f64], b: &[f64]) -> f64 {
    (inner_product(a, b) / a.len() as f64 + 1.0).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    fn normals(rows: usize, columns: usize, shift: f64, position: u64) -> Matrix {
        let values = Random::new(6, Stream::Init, position).normals(rows * columns);
        Matrix::new(columns, values.into_iter().map(|value| f64::from(value) + shift).collect())
    }

    #[test]
    fn one_dimension_by_hand() {
        // (0·2 + 1)³ = 1 and (1·3 + 1)³ = 64 within the sets; between them (0·1 + 1)³, (0·3 + 1)³, (2·1 + 1)³, (2·3 + 1)³.
        let (x, y) = (Matrix::new(1, vec![0.0, 2.0]), Matrix::new(1, vec![1.0, 3.0]));
        let want = 1.0 + 64.0 - (1.0 + 1.0 + 27.0 + 343.0) / 2.0;
        assert!((kid(&x, &y, &LeftOut::nothing(2, 2)).value - want).abs() < 1e-12);
    }

    #[test]
    fn the_standard_error_is_the_spread_over_other_pictures() {
        let (rows, columns, repeats) = (240, 6, 60);
        let left_out = LeftOut::random(rows, rows, 0);
        let kids: Vec<Estimate> = (0..repeats)
            .map(|i| kid(&normals(rows, columns, 0.0, 2 * i), &normals(rows, columns, 0.6, 2 * i + 1), &left_out))
            .collect();
        let mean = kids.iter().map(|kid| kid.value).sum::<f64>() / repeats as f64;
        let squares: f64 = kids.iter().map(|kid| (kid.value - mean).powi(2)).sum();
        let spread = (squares / (repeats - 1) as f64).sqrt();
        let stated = kids.iter().filter_map(Estimate::standard_error).sum::<f64>() / repeats as f64;
        // The spread itself is known to a tenth: 1/√(2 · 59).
        assert!((stated / spread - 1.0).abs() < 0.3, "stated {stated}, seen {spread}");
        assert!(mean > 5.0 * stated, "{mean} ± {stated}: the sets are of two kinds");
    }

    #[test]
    fn a_variant_is_the_distance_without_its_group() {
        let (x, y) = (normals(6, 3, 0.0, 500), normals(5, 3, 0.2, 501));
        let left_out = LeftOut::given(vec![1, 2, 1, 2, 2, 1], vec![2, 1, 1, 2, 1], 2);
        let found: Vec<f64> = kid(&x, &y, &left_out).variants().collect();
        let rest = |x_rows: &[u32], y_rows: &[u32]| {
            let nothing = LeftOut::nothing(x_rows.len(), y_rows.len());
            kid(&x.select(x_rows), &y.select(y_rows), &nothing).value
        };
        for (found, want) in found[1..].iter().zip([rest(&[1, 3, 4], &[0, 3]), rest(&[0, 2, 5], &[1, 2, 4])]) {
            assert!((found - want).abs() < 1e-12, "{found} instead of {want}");
        }
    }

    #[test]
    fn sets_of_one_kind_are_at_no_distance_within_the_error() {
        let found = kid(&normals(200, 6, 0.0, 500), &normals(150, 6, 0.0, 501), &LeftOut::random(200, 150, 3));
        assert!(found.value.abs() < 3.0 * found.standard_error().unwrap(), "{found:?}");
    }
}
