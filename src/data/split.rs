//! Holds pictures out from training, for validation.

use crate::random::{Random, Stream};

/// Which pictures of a data set are used for training. The same seed gives the same split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Indices of the pictures for training, ascending; at least one.
    pub training: Vec<u32>,
    /// Indices of the held-out pictures, ascending.
    pub validation: Vec<u32>,
}

impl Split {
    /// Holds out a `share` of `count` pictures.
    pub fn new(count: usize, share: f64, seed: u64) -> Self {
        let mut order = match share > 0.0 {
            true => Random::new(seed, Stream::Validation, 0).permutation(count),
            false => (0..count as u32).collect(),
        };
        let mut validation = order.split_off(count - held_out(count, share));
        order.sort_unstable();
        validation.sort_unstable();
        Self { training: order, validation }
    }
}

/// Number of pictures that a `share` of `count` holds out: at least one if the share is not zero, and never all.
pub fn held_out(count: usize, share: f64) -> usize {
    let wanted = (count as f64 * share).round() as usize;
    if share > 0.0 { wanted.max(1).min(count.saturating_sub(1)) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_on_one_side() {
        let split = Split::new(100, 0.1, 7);
        assert_eq!((split.training.len(), split.validation.len()), (90, 10));
        let mut all = [split.training.clone(), split.validation.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(split, Split::new(100, 0.1, 7));
        assert_ne!(split, Split::new(100, 0.1, 8));
    }

    #[test]
    fn nothing_is_held_out_unless_asked_and_never_all() {
        assert_eq!(Split::new(3, 0.0, 7).training, [0, 1, 2]);
        assert_eq!([held_out(100, 0.001), held_out(1, 0.5), held_out(2, 0.5), held_out(0, 0.5)], [1, 0, 1, 0]);
    }
}
