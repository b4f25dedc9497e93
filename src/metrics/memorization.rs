//! How near generated pictures are to those of the training.

use super::estimate::is_present;
use super::matrix::{for_each_pair, inner_product};
use super::{Estimate, LeftOut, Matrix, nearest};

/// `1 − |cos|` of the angle between two pictures' features. A picture without features is at distance 1 from any.
pub fn cosine_distance(a: &[f64], b: &[f64]) -> f64 {
    let lengths = (inner_product(a, a) * inner_product(b, b)).sqrt();
    if lengths > 0.0 { of_angle(inner_product(a, b) / lengths) } else { 1.0 }
}

/// Of the cosine of an angle, which rounding may have made larger than 1.
fn of_angle(cosine: f64) -> f64 {
    (1.0 - cosine.abs()).max(0.0)
}

/// The mean distance from a generated picture to the nearest of the training's, by [`cosine_distance`]; 0 for copies. The
/// training's pictures are the same in every variant: copies are of them, and of no others.
///
/// # Shapes
/// - `training`: `[n, d]`, `pictures`: `[m, d]`: a row for each picture
///
/// Source: Bai et al. 2021, arXiv:2106.03062.
///
/// # Panics
/// If there are no training pictures, or the columns differ in number.
pub fn memorization_distance(training: &Matrix, pictures: &Matrix, left_out: &LeftOut) -> Estimate {
    // Of directions `1 − |cos|` is `1 − |a·b|`, a third of the work.
    let [directions, candidates] = [pictures, training].map(directions);
    let distance = |a: &[f64], b: &[f64]| of_angle(inner_product(a, b));
    let nearest = nearest(&directions, &candidates, distance);
    let variant = |variant: usize| {
        let there = nearest.iter().zip(&left_out.pictures).filter(|(_, group)| is_present(**group, variant));
        let (count, sum) = there.fold((0, 0.0), |(count, sum), ((_, distance), _)| (count + 1, sum + distance));
        sum / f64::from(count)
    };
    Estimate::new(&(0..left_out.variants()).map(variant).collect::<Vec<_>>())
}

/// The most pictures that a threshold is found on.
const MOST_CALIBRATION: usize = 1000;

/// A share of the memorization distance of real pictures that were not trained on: less is memorization.
///
/// A set of which a fifth are copies, which are at distance 0, has this share of it if the others are like real pictures. The
/// pictures of the starter that comes with this program, of which none is a copy, have 1.08.
const THRESHOLD_SHARE: f64 = 0.8;

/// The memorization distance below which pictures count as memorized, by real pictures that were not trained on: `held_out`, or,
/// without any, those of the training against all others.
///
/// # Panics
/// If there are fewer than two training pictures.
pub fn memorization_threshold(training: &Matrix, held_out: Option<&Matrix>) -> f64 {
    let candidates = directions(training);
    let points = held_out.map_or_else(|| candidates.clone(), directions);
    let points = points.select(&(0..points.rows().min(MOST_CALIBRATION) as u32).collect::<Vec<_>>());
    let mut nearest = vec![f64::INFINITY; points.rows()];
    for_each_pair(&points, &candidates, |i, j, a, b| {
        if held_out.is_some() || i != j {
            nearest[i] = nearest[i].min(of_angle(inner_product(a, b)));
        }
    });
    THRESHOLD_SHARE * nearest.iter().sum::<f64>() / nearest.len() as f64
}

/// Rows of length 1; a row of zeros stays.
fn directions(features: &Matrix) -> Matrix {
    let rows = features.iter().flat_map(|row| {
        let length = inner_product(row, row).sqrt();
        row.iter().map(move |value| if length > 0.0 { value / length } else { 0.0 })
    });
    Matrix::new(features.columns(), rows.collect())
}

/// Memorization-informed Fréchet distance: divides a Fréchet distance by the memorization distance where that is below
/// `threshold`, so that copies of training pictures score badly. Exact copies have a large finite value.
///
/// Source: Bai et al. 2021, arXiv:2106.03062; their program adds the same small number.
pub fn mifid(frechet_distance: f64, memorization_distance: f64, threshold: f64) -> f64 {
    const SMALL: f64 = 1e-14;
    if memorization_distance < threshold {
        frechet_distance.max(0.0) / (memorization_distance + SMALL)
    } else {
        frechet_distance
    }
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
    fn the_threshold_is_a_share_of_the_distance_of_real_pictures() {
        let training = Matrix::new(2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let half = 1.0 - 0.5f64.sqrt();
        assert!((memorization_threshold(&training, None) - THRESHOLD_SHARE * half).abs() < 1e-12, "each but itself");
        let held_out = Matrix::new(2, vec![2.0, 0.0]);
        assert!(memorization_threshold(&training, Some(&held_out)).abs() < 1e-12);
    }

    #[test]
    fn copies_raise_the_distance_and_others_leave_it() {
        let training = Matrix::new(2, vec![1.0, 0.0, 0.0, 1.0]);
        let found =
            |pictures| memorization_distance(&training, &Matrix::new(2, pictures), &LeftOut::nothing(2, 1)).value;
        assert!(found(vec![0.0, 2.0]) < 1e-12);
        assert!((found(vec![3.0, 3.0]) - (1.0 - 0.5f64.sqrt())).abs() < 1e-12);
        assert_eq!(found(vec![0.0, 0.0]), 1.0);
        assert!((mifid(2.0, 0.05, 0.1) - 40.0).abs() < 1e-9);
        assert!(mifid(1e-13, 0.0, 0.1) > 0.0 && mifid(2.0, 0.0, 0.1).is_finite());
        assert_eq!(mifid(-1e-13, 0.0, 0.1), 0.0, "what rounding leaves of the distance of a set from itself");
        assert_eq!(mifid(2.0, 0.2, 0.1), 2.0);
    }
}
