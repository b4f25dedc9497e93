//! Density and coverage.

use super::matrix::for_each_pair;
use super::{Matrix, distance, radii};

/// Like precision and recall, by the real pictures' neighbourhoods alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DensityCoverage {
    /// How many real pictures' neighbourhoods a generated one lies in, by `k`; about 1 for sets of the same kind, and more
    /// where they keep to the middle.
    pub density: f64,
    /// Share of the real pictures with a generated one in their neighbourhood.
    pub coverage: f64,
}

/// Density and coverage: a real picture's neighbourhood reaches to its `k`-th nearest real picture. Unlike recall, coverage
/// doesn't grow by a few generated pictures far from all others.
///
/// # Shapes
/// - `real`: `[n, d]`, `generated`: `[m, d]`: a row for each picture; more than `k` real ones
///
/// Source: Naeem et al. 2020, arXiv:2002.09797 (`k` = 5).
///
/// # Panics
/// If there are too few rows, or the columns differ in number.
pub fn density_coverage(real: &Matrix, generated: &Matrix, k: usize) -> DensityCoverage {
    let radii = radii(real, k);
    let mut inside = vec![0usize; real.rows()];
    for_each_pair(real, generated, |i, _, real, generated| {
        inside[i] += usize::from(distance(real, generated) < radii[i]);
    });
    let covered = inside.iter().filter(|count| **count > 0).count();
    DensityCoverage {
        density: inside.iter().sum::<usize>() as f64 / (k * generated.rows()) as f64,
        coverage: covered as f64 / real.rows() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_by_hand() {
        // Radii of 1 around 0, 1 and 9, 10: 0.5 lies in two neighbourhoods, 1.5 in one, 5 in none.
        let real = Matrix::new(1, vec![0.0, 1.0, 9.0, 10.0]);
        let generated = Matrix::new(1, vec![0.5, 1.5, 5.0]);
        let found = density_coverage(&real, &generated, 1);
        assert_eq!(found, DensityCoverage { density: 1.0, coverage: 0.5 });
    }
}
