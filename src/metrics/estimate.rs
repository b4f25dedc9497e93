//! A score and how sure it is.

use serde::{Serialize, Serializer};

use crate::random::{Random, Stream};

/// Groups that a set of pictures is divided into. The standard error is then known to about 1/√(2 · 19) of itself, 16 %.
const GROUPS: usize = 20;

/// Positions in the random stream of scores: which pictures are in a group.
const REAL_GROUPS: u64 = 2000;
const PICTURE_GROUPS: u64 = 2001;

/// Which pictures are left out together, for the standard errors of scores.
///
/// Delete-a-group jackknife: both sets are divided at random into as many groups. A score is computed once from all pictures
/// (variant 0) and once without each group of both sets (variants 1 to the number of groups). Unlike the bootstrap it takes no
/// picture twice: a picture and its double would be neighbours at distance 0, which scores by nearest neighbours are about.
///
/// Source: Kott 2001, "The delete-a-group jackknife", Journal of Official Statistics 17(4).
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Number of the group of each picture, from 1.
    pub(super) real: Vec<u8>,
    pub(super) pictures: Vec<u8>,
    groups: usize,
}

impl LeftOut {
    /// The fewest pictures of each set that have standard errors.
    pub const MIN_PICTURES: usize = 2 * GROUPS;

    /// No groups: scores without standard errors.
    pub fn nothing(real: usize, pictures: usize) -> Self {
        Self { real: vec![0; real], pictures: vec![0; pictures], groups: 0 }
    }

    /// Groups of sets of these sizes, chosen by the seed; none if a set has fewer than [`LeftOut::MIN_PICTURES`]. The groups of
    /// a set don't depend on the other set.
    pub fn random(real: usize, pictures: usize, seed: u64) -> Self {
        if real.min(pictures) < Self::MIN_PICTURES {
            return Self::nothing(real, pictures);
        }
        let groups = |count: usize, position| {
            let mut groups = vec![0; count];
            let order = Random::new(seed, Stream::Scores, position).permutation(count);
            order
                .iter()
                .enumerate()
                .for_each(|(place, picture)| groups[*picture as usize] = (place % GROUPS + 1) as u8);
            groups
        };
        Self { real: groups(real, REAL_GROUPS), pictures: groups(pictures, PICTURE_GROUPS), groups: GROUPS }
    }

    /// Given groups, numbered from 1 to `groups`.
    ///
    /// # Panics
    /// If there are more than 31 groups.
    pub fn given(real: Vec<u8>, pictures: Vec<u8>, groups: usize) -> Self {
        assert!(groups < 32, "{groups} groups don't fit the bits of a number");
        Self { real, pictures, groups }
    }

    /// The same sets without groups.
    #[must_use]
    pub fn without_groups(&self) -> Self {
        Self::nothing(self.real.len(), self.pictures.len())
    }

    /// How often a score is computed: once, and once for each group.
    pub(super) fn variants(&self) -> usize {
        self.groups + 1
    }
}

/// How many pictures a variant has.
pub(super) fn present(groups: &[u8], variant: usize) -> usize {
    groups.iter().filter(|group| is_present(**group, variant)).count()
}

/// Whether a picture of this group is there in a variant.
pub(super) fn is_present(group: u8, variant: usize) -> bool {
    variant == 0 || group as usize != variant
}

/// A number that was estimated from pictures, and from all but a group of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// From all pictures.
    pub value: f64,
    /// Without each of the groups; empty if there are none.
    replicates: Vec<f64>,
}

impl Estimate {
    /// An estimate from its variants, that of all pictures first.
    ///
    /// # Panics
    /// If there are no variants.
    pub fn new(variants: &[f64]) -> Self {
        Self { value: variants[0], replicates: variants[1..].to_vec() }
    }

    /// The value of all pictures, and then those without each group.
    pub fn variants(&self) -> impl Iterator<Item = f64> {
        std::iter::once(self.value).chain(self.replicates.iter().copied())
    }

    /// `√((G − 1)/G Σ_g (θ_g − mean θ)²)` over the estimates θ without each of G groups; none without groups.
    pub fn standard_error(&self) -> Option<f64> {
        let groups = self.replicates.len() as f64;
        let mean = self.replicates.iter().sum::<f64>() / groups;
        let squares: f64 = self.replicates.iter().map(|value| (value - mean).powi(2)).sum();
        (groups > 1.0).then(|| ((groups - 1.0) / groups * squares).sqrt())
    }

    /// `term` of the variants of both, such as their difference. What both have in common, such as the real pictures that
    /// both are compared with, then adds nothing to the standard error of a difference. Without groups where one has none.
    #[must_use]
    pub fn with(&self, other: &Self, term: impl Fn(f64, f64) -> f64) -> Self {
        let replicates = self.replicates.iter().zip(&other.replicates).map(|(a, b)| term(*a, *b)).collect();
        Self { value: term(self.value, other.value), replicates }
    }
}

impl Serialize for Estimate {
    /// `{"value": …, "standard_error": …}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Stated {
            value: f64,
            standard_error: Option<f64>,
        }
        Stated { value: self.value, standard_error: self.standard_error() }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_mean_is_that_of_the_textbook() {
        // Five groups of one value each: the jackknife of a mean is s / √n.
        let values = [1.0, 2.0, 4.0, 8.0, 5.0];
        let total: f64 = values.iter().sum();
        let variants: Vec<f64> =
            std::iter::once(total / 5.0).chain(values.iter().map(|value| (total - value) / 4.0)).collect();
        let estimate = Estimate::new(&variants);
        let variance = values.iter().map(|value| (value - 4.0f64).powi(2)).sum::<f64>() / 4.0;
        assert!((estimate.standard_error().unwrap() - (variance / 5.0).sqrt()).abs() < 1e-12);
        assert_eq!(estimate.with(&estimate, |a, b| a - b).standard_error(), Some(0.0), "nothing differs from itself");
        assert_eq!(Estimate::new(&[3.0]).standard_error(), None);
    }

    #[test]
    fn groups_are_of_one_size_and_a_set_has_the_same_whatever_it_is_compared_with() {
        let [one, other] = [50, 90].map(|real| LeftOut::random(real, 61, 3));
        assert_eq!(one.pictures, other.pictures);
        for variant in 1..one.variants() {
            assert!((57..=58).contains(&present(&one.pictures, variant)), "{one:?}");
        }
        assert_eq!((one.variants(), present(&one.pictures, 0)), (21, 61));
        assert_eq!(LeftOut::random(39, 100, 3).variants(), 1, "too few pictures for twenty groups");
    }
}
