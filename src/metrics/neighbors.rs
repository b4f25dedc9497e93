//! Distances between pictures' features, and nearest neighbours.

use super::Matrix;
use super::matrix::{for_each_pair, sum};

/// Euclidean distance.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    sum(a, b, |a, b| (a - b) * (a - b)).sqrt()
}

/// Another row, and how far away it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearest {
    pub row: u32,
    pub distance: f64,
}

/// Of each row the `count` nearest other rows by Euclidean distance, ascending; all others if there are fewer.
pub(super) fn nearest_others(features: &Matrix, count: usize) -> Vec<Vec<Nearest>> {
    let mut nearest = vec![Vec::with_capacity(count + 1); features.rows()];
    let mut add = |row: usize, other: usize, distance: f64| {
        let nearest: &mut Vec<Nearest> = &mut nearest[row];
        if nearest.len() == count && nearest.last().is_some_and(|last| last.distance <= distance) {
            return;
        }
        let at = nearest.partition_point(|other| other.distance <= distance);
        nearest.insert(at, Nearest { row: other as u32, distance });
        nearest.truncate(count);
    };
    for_each_pair(features, features, |i, j, a, b| {
        if i < j {
            let distance = distance(a, b);
            add(i, j, distance);
            add(j, i, distance);
        }
    });
    nearest
}

/// The Euclidean distance from each row to its `k`-th nearest other row.
///
/// # Panics
/// If there are not more than `k` rows, or `k` is 0.
pub fn radii(features: &Matrix, k: usize) -> Vec<f64> {
    let rows = features.rows();
    assert!((1..rows).contains(&k), "{rows} pictures have no {k}-th neighbour");
    nearest_others(features, k).into_iter().map(|nearest| nearest[k - 1].distance).collect()
}

/// For each of `points` the index of the nearest of `candidates` by `distance`, the first of several, and its distance.
///
/// # Panics
/// If there are no candidates, or the columns differ in number.
pub fn nearest(points: &Matrix, candidates: &Matrix, distance: impl Fn(&[f64], &[f64]) -> f64) -> Vec<(usize, f64)> {
    assert!(candidates.rows() > 0, "nothing is nearest among no pictures");
    let mut nearest = vec![(0, f64::INFINITY); points.rows()];
    for_each_pair(points, candidates, |i, j, point, candidate| {
        let distance = distance(point, candidate);
        if distance < nearest[i].1 {
            nearest[i] = (j, distance);
        }
    });
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_on_a_line() {
        let x = Matrix::new(1, vec![0.0, 1.0, 3.0, 7.0, 7.0]);
        assert_eq!(radii(&x, 1), [1.0, 1.0, 2.0, 0.0, 0.0], "another row at the same place is a neighbour");
        assert_eq!(radii(&x, 3), [7.0, 6.0, 4.0, 6.0, 6.0]);
        let points = Matrix::new(1, vec![2.0, 6.0]);
        assert_eq!(nearest(&points, &x, distance), [(1, 1.0), (3, 1.0)]);
        assert_eq!(distance(&[1.0, 2.0], &[4.0, 6.0]), 5.0);
    }
}
