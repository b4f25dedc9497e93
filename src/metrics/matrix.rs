//! A matrix of float64, and the few operations that scores need.

/// A matrix in row-major order. Of features, it has a row for each picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// A matrix with `columns` columns, and as many rows as `values` fill.
    ///
    /// # Panics
    /// If there are no columns, or the last row isn't full.
    pub fn new(columns: usize, values: Vec<f64>) -> Self {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} values in {columns} columns", values.len());
        Self { columns, values }
    }

    /// [`Matrix::new`] from float32.
    ///
    /// # Panics
    /// As [`Matrix::new`].
    pub fn from_f32(columns: usize, values: &[f32]) -> Self {
        Self::new(columns, values.iter().map(|value| f64::from(*value)).collect())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row `index`.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..][..self.columns]
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.columns)
    }

    /// The rows with these indices.
    ///
    /// # Panics
    /// If there are not that many rows.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        Self::new(self.columns, rows.iter().flat_map(|row| self.row(*row as usize)).copied().collect())
    }

    /// The sum of the diagonal of a square matrix.
    pub(super) fn trace(&self) -> f64 {
        self.values.iter().step_by(self.columns + 1).sum()
    }

    /// The matrix with rows and columns exchanged.
    pub(super) fn transposed(&self) -> Self {
        let columns = (0..self.columns).flat_map(|column| self.values[column..].iter().step_by(self.columns));
        Self::new(self.rows(), columns.copied().collect())
    }

    /// `self otherᵀ`: the inner product of each row of one with each row of the other.
    ///
    /// # Shapes
    /// - `self`: `[n, d]`, `other`: `[m, d]`
    /// - returns: `[n, m]`
    pub(super) fn times_transposed(&self, other: &Self) -> Self {
        let (n, m) = (self.rows(), other.rows());
        let mut out = Self::new(m, vec![0.0; n * m]);
        for_each_pair(self, other, |i, j, a, b| out.values[i * m + j] = inner_product(a, b));
        out
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }
}

/// Calls `visit` for each row i of `a` with each row j of `b`.
pub(super) fn for_each_pair<'a>(
    a: &'a Matrix,
    b: &'a Matrix,
    mut visit: impl FnMut(usize, usize, &'a [f64], &'a [f64]),
) {
    /// Rows of `b` that stay in the processor's cache while those of `a` pass.
    const TILE: usize = 16;
    assert_eq!(a.columns, b.columns, "features of two networks can't be compared");
    for first in (0..b.rows()).step_by(TILE) {
        for (i, row) in a.iter().enumerate() {
            for (j, other) in b.iter().enumerate().skip(first).take(TILE) {
                visit(i, j, row, other);
            }
        }
    }
}

/// `Σ a b`
pub(super) fn inner_product(a: &[f64], b: &[f64]) -> f64 {
    sum(a, b, |a, b| a * b)
}

/// `Σ term(a, b)` over two slices of one length. Several sums side by side, which a processor adds to at once.
pub(super) fn sum(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    const SUMS: usize = 8;
    let mut sums = [0.0; SUMS];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    for (a, b) in a.iter().zip(b) {
        for k in 0..SUMS {
            sums[k] += term(a[k], b[k]);
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += term(*a, *b);
    }
    sums.iter().sum()
}

/// `Σ a b` where float32 is enough, twice as fast.
pub(super) fn inner_product_f32(a: &[f32], b: &[f32]) -> f32 {
    const SUMS: usize = 16;
    let mut sums = [0.0; SUMS];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    for (a, b) in a.iter().zip(b) {
        for k in 0..SUMS {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_selections_by_hand() {
        let a = Matrix::new(3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!((a.rows(), a.columns(), a.row(1)), (2, 3, &[4.0, 5.0, 6.0][..]));
        assert_eq!(a.transposed(), Matrix::new(2, vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let square = a.times_transposed(&a);
        assert_eq!((&square, square.trace()), (&Matrix::new(2, vec![14.0, 32.0, 32.0, 77.0]), 91.0));
        assert_eq!(a.select(&[1, 1]).values, [4.0, 5.0, 6.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn long_rows_are_summed_to_their_end() {
        for length in [7, 8, 9, 27] {
            let row: Vec<f64> = (0..length).map(f64::from).collect();
            let squares = f64::from((length - 1) * length * (2 * length - 1) / 6);
            assert_eq!(inner_product(&row, &row), squares, "{length}");
        }
        let many = Matrix::new(1, (0..50).map(f64::from).collect());
        assert_eq!(many.times_transposed(&many).row(49)[48], 49.0 * 48.0);
    }
}
