//! Eigenvalues of symmetric matrices, without their vectors.

use super::Matrix;
use super::matrix::inner_product;

/// The eigenvalues of a symmetric matrix, ascending, to within rounding of the largest.
///
/// Householder reflections make it tridiagonal (Golub & Van Loan, *Matrix Computations*, 4th edition, algorithm 8.3.1), and
/// each eigenvalue is then found by bisection (section 8.4.1; Barth, Martin & Wilkinson 1967), which has no step that may
/// fail to converge. A matrix of 1,280 rows takes seconds.
///
/// # Panics
/// If the matrix isn't square, or holds a value that isn't finite.
pub fn symmetric_eigenvalues(matrix: Matrix) -> Vec<f64> {
    assert_eq!(matrix.rows(), matrix.columns(), "only square matrices have eigenvalues");
    Tridiagonal::new(matrix).eigenvalues()
}

/// A symmetric matrix with entries on and beside the diagonal only.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Squares of the entries beside it.
    off_squares: Vec<f64>,
}

impl Tridiagonal {
    /// The similar tridiagonal matrix.
    fn new(mut matrix: Matrix) -> Self {
        let n = matrix.columns();
        let (mut diagonal, mut off_squares) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for k in 0..n {
            let first = k + 1;
            diagonal.push(matrix.row(k)[k]);
            if first == n {
                break;
            }
            let mut v = matrix.row(k)[first..].to_vec();
            off_squares.push(inner_product(&v, &v));
            // Away from zero, so that nothing cancels.
            v[0] += inner_product(&v, &v).sqrt().copysign(v[0]);
            let half = inner_product(&v, &v) / 2.0;
            if half > 0.0 {
                reflect(&mut matrix, first, &v, half);
            }
        }
        Self { diagonal, off_squares }
    }

    fn eigenvalues(&self) -> Vec<f64> {
        // Gershgorin: no eigenvalue is farther from the diagonal than what stands beside it.
        let n = self.diagonal.len();
        let off = |i: usize| self.off_squares.get(i).map_or(0.0, |square| square.sqrt());
        let reach = |i: usize| off(i) + if i > 0 { off(i - 1) } else { 0.0 };
        let bound = (0..n).fold(0f64, |bound, i| bound.max(self.diagonal[i].abs() + reach(i)));
        assert!(bound.is_finite(), "features must be finite");
        let mut low = -bound;
        let eigenvalue = |k: usize| {
            let (mut below, mut above) = (low, bound);
            while above - below > f64::EPSILON * bound {
                let middle = f64::midpoint(below, above);
                if self.count_below(middle) > k { above = middle } else { below = middle }
            }
            low = below;
            f64::midpoint(below, above)
        };
        (0..n).map(eigenvalue).collect()
    }

    /// How many eigenvalues are less than `x`: the negative pivots of `T - x` (Sylvester's law of inertia).
    fn count_below(&self, x: f64) -> usize {
        let mut count = 0;
        let mut pivot = 1.0;
        for (i, diagonal) in self.diagonal.iter().enumerate() {
            let square = if i > 0 { self.off_squares[i - 1] } else { 0.0 };
            pivot = diagonal - x - square / pivot;
            if pivot == 0.0 {
                pivot = f64::MIN_POSITIVE;
            }
            count += usize::from(pivot < 0.0);
        }
        count
    }
}

/// `A - v qᵀ - q vᵀ` on the rows and columns from `first` on, which is `H A H` for the reflection `H = 1 - v vᵀ / half`.
fn reflect(matrix: &mut Matrix, first: usize, v: &[f64], half: f64) {
    let n = matrix.columns();
    let mut q: Vec<f64> = (first..n).map(|i| inner_product(&matrix.row(i)[first..], v) / half).collect();
    let along = inner_product(&q, v) / (2.0 * half);
    q.iter_mut().zip(v).for_each(|(q, v)| *q -= along * v);
    for (i, row) in matrix.values_mut().chunks_exact_mut(n).skip(first).enumerate() {
        for (entry, (v_j, q_j)) in row[first..].iter_mut().zip(v.iter().zip(&q)) {
            *entry -= v[i] * q_j + q[i] * v_j;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    fn assert_close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        let largest = want.iter().fold(0f64, |largest, value| largest.max(value.abs()));
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() <= 1e-13 * largest, "{got} instead of {want}");
        }
    }

    #[test]
    fn small_matrices_by_hand() {
        let of = |n, values: &[f64]| symmetric_eigenvalues(Matrix::new(n, values.to_vec()));
        assert_close(&of(1, &[-3.0]), &[-3.0]);
        assert_close(&of(2, &[2.0, 1.0, 1.0, 2.0]), &[1.0, 3.0]);
        assert_close(
            &of(3, &[2.0, -1.0, 0.0, -1.0, 2.0, -1.0, 0.0, -1.0, 2.0]),
            &[2.0 - 2f64.sqrt(), 2.0, 2.0 + 2f64.sqrt()],
        );
        assert_close(&of(3, &[1.0; 9]), &[0.0, 0.0, 3.0]);
        assert_close(&of(4, &[0.0; 16]), &[0.0; 4]);
        // Diagonal, and not in order.
        assert_close(&of(3, &[5.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 2.0]), &[-1.0, 2.0, 5.0]);
    }

    /// `H D H` with a random reflection has the eigenvalues of D, some of them several times.
    #[test]
    fn known_eigenvalues_are_found_behind_a_reflection() {
        let n = 60;
        let v: Vec<f64> = Random::new(5, Stream::Init, 0).normals(n).into_iter().map(f64::from).collect();
        let known: Vec<f64> = (0..n).map(|i| (i / 3) as f64 - 4.0).collect();
        let scale = 2.0 / inner_product(&v, &v);
        let entry = |i: usize, j: usize| {
            let reflected = |i: usize, k: usize| f64::from(u8::from(i == k)) - scale * v[i] * v[k];
            (0..n).map(|k| reflected(i, k) * known[k] * reflected(j, k)).sum::<f64>()
        };
        let matrix = Matrix::new(n, (0..n * n).map(|at| entry(at / n, at % n)).collect());
        assert_close(&symmetric_eigenvalues(matrix), &known);
    }
}
