//! Scores by nearest neighbours: improved precision and recall, density and coverage.

use super::estimate::{is_present, present};
use super::matrix::for_each_pair;
use super::neighbors::{Nearest, nearest_others};
use super::{Estimate, LeftOut, Matrix, distance};

/// Neighbours that a picture's surroundings reach to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbors {
    /// For precision and recall.
    pub precision_recall: usize,
    /// For density and coverage.
    pub density_coverage: usize,
}

impl Default for Neighbors {
    /// Those of the papers.
    fn default() -> Self {
        Self { precision_recall: 3, density_coverage: 5 }
    }
}

/// How good generated pictures are, and how much of the real ones they cover.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborScores {
    /// Share of the generated pictures that lie among the real ones.
    pub precision: Estimate,
    /// Share of the real pictures that lie among the generated ones.
    pub recall: Estimate,
    /// How many real pictures' neighbourhoods a generated one lies in, by `k`; about 1 for sets of the same kind, and more
    /// where they keep to the middle.
    pub density: Estimate,
    /// Share of the real pictures with a generated one in their neighbourhood.
    pub coverage: Estimate,
}

/// Precision and recall: a picture lies among others if it is nearer to one of them than that one's `k`-th neighbour among
/// its own set. Density and coverage: the same by the real pictures' neighbourhoods alone, so that a few generated pictures far
/// from all others change nothing.
///
/// Precision and recall grow with the radii, which shrink with the number of pictures: compare only sets of as many.
///
/// # Shapes
/// - `real`: `[n, d]`, `pictures`: `[m, d]`: a row for each picture; more rows than neighbours
///
/// Sources: Kynkäänniemi et al. 2019, arXiv:1904.06991, section 2 (`k` = 3); Naeem et al. 2020, arXiv:2002.09797 (`k` = 5). In
/// the first a picture at the distance itself counts, here only one below it; features are hardly ever at it.
///
/// # Panics
/// If there are too few rows, or the columns differ in number.
pub fn neighbor_scores(real: &Matrix, pictures: &Matrix, k: Neighbors, left_out: &LeftOut) -> NeighborScores {
    let variants = left_out.variants();
    let (of_real, of_pictures) = (&left_out.real, &left_out.pictures);
    let most = k.precision_recall.max(k.density_coverage);
    let near_real = nearest_others(real, most + spare(variants));
    let near_pictures = nearest_others(pictures, k.precision_recall + spare(variants));
    let real_pr = Radii::new(&near_real, k.precision_recall, of_real, variants);
    let real_dc = Radii::new(&near_real, k.density_coverage, of_real, variants);
    let pictures_pr = Radii::new(&near_pictures, k.precision_recall, of_pictures, variants);

    // A bit for each variant.
    let mut is_precise = vec![0u32; pictures.rows()];
    let mut is_recalled = vec![0u32; real.rows()];
    let mut is_covered = vec![0u32; real.rows()];
    let mut inside = vec![0usize; variants];
    for_each_pair(real, pictures, |i, j, a, b| {
        let distance = distance(a, b);
        if distance >= real_pr.largest[i].max(real_dc.largest[i]).max(pictures_pr.largest[j]) {
            return;
        }
        for (variant, inside) in inside.iter_mut().enumerate() {
            if is_present(of_real[i], variant) && is_present(of_pictures[j], variant) {
                let bit = |is_near: bool| u32::from(is_near) << variant;
                let is_inside = distance < real_dc.of(i, variant);
                *inside += usize::from(is_inside);
                is_covered[i] |= bit(is_inside);
                is_precise[j] |= bit(distance < real_pr.of(i, variant));
                is_recalled[i] |= bit(distance < pictures_pr.of(j, variant));
            }
        }
    });
    let share = |bits: &[u32], groups: &[u8]| {
        let of = |variant: usize| {
            let count = bits.iter().filter(|bits| *bits >> variant & 1 == 1).count();
            count as f64 / present(groups, variant) as f64
        };
        Estimate::new(&(0..variants).map(of).collect::<Vec<_>>())
    };
    let density = inside
        .iter()
        .enumerate()
        .map(|(variant, inside)| *inside as f64 / (k.density_coverage * present(of_pictures, variant)) as f64);
    NeighborScores {
        precision: share(&is_precise, of_pictures),
        recall: share(&is_recalled, of_real),
        density: Estimate::new(&density.collect::<Vec<_>>()),
        coverage: share(&is_covered, of_real),
    }
}

/// Neighbours to know beyond the `k`-th, so that enough of them remain without a group: a group has a twentieth of the pictures.
fn spare(variants: usize) -> usize {
    if variants > 1 { 16 } else { 0 }
}

/// How far the neighbourhoods of pictures reach, in each variant.
struct Radii {
    variants: usize,
    radii: Vec<f64>,
    /// Of each picture, over all variants.
    largest: Vec<f64>,
}

impl Radii {
    fn new(nearest: &[Vec<Nearest>], k: usize, groups: &[u8], variants: usize) -> Self {
        let mut radii = Vec::with_capacity(nearest.len() * variants);
        for others in nearest {
            for variant in 0..variants {
                let mut there = others.iter().filter(|other| is_present(groups[other.row as usize], variant));
                // The last one that is known, where a group has most of a picture's neighbours.
                let reached = there.nth(k - 1).or(others.last()).expect("there are more rows than neighbours");
                radii.push(reached.distance);
            }
        }
        let largest = radii.chunks_exact(variants).map(|radii| radii.iter().copied().fold(0.0, f64::max)).collect();
        Self { variants, radii, largest }
    }

    fn of(&self, row: usize, variant: usize) -> f64 {
        self.radii[row * self.variants + variant]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    fn plain(real: &Matrix, pictures: &Matrix, k: usize) -> [f64; 4] {
        let k = Neighbors { precision_recall: k, density_coverage: k };
        let found = neighbor_scores(real, pictures, k, &LeftOut::nothing(real.rows(), pictures.rows()));
        [found.precision.value, found.recall.value, found.density.value, found.coverage.value]
    }

    #[test]
    fn a_line_by_hand() {
        // With k = 1 the real pictures reach 1 around 0, 1 and 9, 10; the generated ones 0.5 around 0.5, 1 and 4 around 5.
        let real = Matrix::new(1, vec![0.0, 1.0, 9.0, 10.0]);
        let [precision, recall, ..] = plain(&real, &Matrix::new(1, vec![0.5, 1.0, 5.0]), 1);
        assert_eq!([precision, recall], [2.0 / 3.0, 1.0 / 4.0]);
        // 0.5 lies in two neighbourhoods, 1.5 in one, 5 in none.
        let [.., density, coverage] = plain(&real, &Matrix::new(1, vec![0.5, 1.5, 5.0]), 1);
        assert_eq!([density, coverage], [1.0, 0.5]);
    }

    #[test]
    fn a_variant_is_the_score_without_its_group() {
        let normals =
            |rows: usize, position| Matrix::from_f32(3, &Random::new(11, Stream::Init, position).normals(rows * 3));
        let (real, pictures) = (normals(50, 0), normals(44, 1));
        let left_out = LeftOut::random(50, 44, 5);
        let found = neighbor_scores(&real, &pictures, Neighbors::default(), &left_out);
        let all = [&found.precision, &found.recall, &found.density, &found.coverage];
        for variant in 0..left_out.variants() {
            let rest = |groups: &[u8]| -> Vec<u32> {
                (0..groups.len() as u32).filter(|row| is_present(groups[*row as usize], variant)).collect()
            };
            let (real, pictures) = (real.select(&rest(&left_out.real)), pictures.select(&rest(&left_out.pictures)));
            let nothing = LeftOut::nothing(real.rows(), pictures.rows());
            let want = neighbor_scores(&real, &pictures, Neighbors::default(), &nothing);
            let want = [&want.precision, &want.recall, &want.density, &want.coverage];
            for (found, want) in all.iter().zip(want) {
                assert_eq!(found.variants().nth(variant), Some(want.value), "variant {variant}");
            }
        }
    }
}
