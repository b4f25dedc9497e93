//! How near generated pictures are to those of the training.

use super::matrix::inner_product;
use super::{Matrix, nearest};

/// `1 − |cos|` of the angle between two pictures' features. A picture without features is at distance 1 from any.
pub fn cosine_distance(a: &[f64], b: &[f64]) -> f64 {
    let lengths = (inner_product(a, a) * inner_product(b, b)).sqrt();
    if lengths > 0.0 { 1.0 - (inner_product(a, b) / lengths).abs() } else { 1.0 }
}

/// The mean distance from a generated picture to the nearest of the training's, by [`cosine_distance`]; 0 for copies.
///
/// # Shapes
/// - `training`: `[n, d]`, `generated`: `[m, d]`: a row for each picture
///
/// Source: Bai et al. 2021, arXiv:2106.03062.
///
/// # Panics
/// If there are no training pictures, or the columns differ in number.
pub fn memorization_distance(training: &Matrix, generated: &Matrix) -> f64 {
    let nearest = nearest(generated, training, cosine_distance);
    nearest.iter().map(|(_, distance)| distance).sum::<f64>() / nearest.len() as f64
}

/// Memorization-informed Fréchet distance: divides a Fréchet distance by the memorization distance where that is below
/// `threshold`, so that copies of training pictures score badly.
///
/// Source: Bai et al. 2021, arXiv:2106.03062.
pub fn mifid(frechet_distance: f64, memorization_distance: f64, threshold: f64) -> f64 {
    if memorization_distance < threshold { frechet_distance / memorization_distance } else { frechet_distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_by_hand() {
        assert!(cosine_distance(&[3.0, 0.0], &[-1.0, 0.0]).abs() < 1e-12, "the direction's sign does not count");
        assert!((cosine_distance(&[1.0, 0.0], &[1.0, 1.0]) - (1.0 - 0.5f64.sqrt())).abs() < 1e-12);
        assert_eq!(cosine_distance(&[0.0, 0.0], &[1.0, 1.0]), 1.0);
    }

    #[test]
    fn copies_raise_the_distance_and_others_leave_it() {
        let training = Matrix::new(2, vec![1.0, 0.0, 0.0, 1.0]);
        assert!(memorization_distance(&training, &Matrix::new(2, vec![0.0, 2.0])) < 1e-12);
        assert_eq!(mifid(2.0, 0.05, 0.1), 40.0);
        assert_eq!(mifid(2.0, 0.2, 0.1), 2.0);
    }
}
