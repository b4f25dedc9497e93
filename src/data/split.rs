//! Which pictures of a data set are trained on: some are held out for validation, and perhaps only the typical ones are used.

use std::collections::BTreeMap;

use super::Dataset;
use crate::config::DataConfig;
use crate::random::{Random, Stream};

/// Which pictures of a data set are used for training. The same seed gives the same split. A picture may be on neither side.
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

    /// The split of a run: held-out pictures by `data.validation`, whatever they are, and of the others the most typical ones by
    /// `data.keep_typical`.
    ///
    /// # Panics
    /// If not all pictures are to be used and it is not known how typical they are ([`Dataset::typicality`]).
    pub fn of(data: &Dataset, config: &DataConfig, seed: u64) -> Self {
        let mut split = Self::new(data.len(), config.validation, seed);
        if config.keep_typical < 1.0 {
            let typicality = data.typicality().expect("the pictures have been judged");
            split.training = most_typical(&split.training, config.keep_typical, |index| {
                (typicality[index as usize], data.label(index as usize))
            });
        }
        split
    }
}

/// The `share` of these pictures that is most typical, ascending: of each class that share, and at least one picture.
/// `of` tells how typical a picture is, and its class.
fn most_typical(pictures: &[u32], share: f64, of: impl Fn(u32) -> (f32, Option<u32>)) -> Vec<u32> {
    let mut classes: BTreeMap<Option<u32>, Vec<(f32, u32)>> = BTreeMap::new();
    for index in pictures {
        let (typicality, class) = of(*index);
        classes.entry(class).or_default().push((typicality, *index));
    }
    let mut kept = Vec::new();
    for mut class in classes.into_values() {
        class.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let count = (class.len() as f64 * share).ceil() as usize;
        kept.extend(class.into_iter().take(count).map(|(_, index)| index));
    }
    kept.sort_unstable();
    kept
}

/// Number of pictures that a `share` of `count` holds out: at least one if the share is not zero, and never all.
pub fn held_out(count: usize, share: f64) -> usize {
    let wanted = (count as f64 * share).round() as usize;
    if share > 0.0 { wanted.max(1).min(count.saturating_sub(1)) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetBuilder;

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
    fn the_most_typical_of_each_class_are_kept_in_their_order() {
        let typicality = [0.1, 0.9, 0.5, 0.9, 0.2, 0.3];
        let plain = |index: u32| (typicality[index as usize], None);
        assert_eq!(most_typical(&[0, 1, 2, 3, 4, 5], 0.5, plain), [1, 2, 3]);
        assert_eq!(most_typical(&[0, 1, 3, 4], 0.5, plain), [1, 3], "held-out pictures don't count");
        assert_eq!(most_typical(&[1, 3], 0.5, plain), [1], "the first of equals");
        // Of the four of one class two, of the two of the other one, though both of the latter are less typical.
        let classes = |index: u32| (typicality[index as usize], Some(u32::from(index >= 4)));
        assert_eq!(most_typical(&[0, 1, 2, 3, 4, 5], 0.5, classes), [1, 3, 5]);
        assert_eq!(most_typical(&[0, 1, 2, 3, 4, 5], 1e-9, classes), [1, 5], "none is left without pictures");
    }

    #[test]
    fn held_out_pictures_are_the_same_whatever_is_typical() {
        let mut builder = DatasetBuilder::new("numbers", 2);
        (0..40).for_each(|value| builder.push("x", Ok(vec![value; 12])));
        let data = builder.finish().unwrap();
        data.set_typicality((0..40).map(|value| value as f32).collect());
        let config = |keep_typical| DataConfig { validation: 0.25, keep_typical, ..DataConfig::default() };
        let (all, half) = (Split::of(&data, &config(1.0), 7), Split::of(&data, &config(0.5), 7));
        assert_eq!(all, Split::new(40, 0.25, 7));
        assert_eq!(half.validation, all.validation);
        assert_eq!(half.training, all.training[15..], "the later, the more typical");
    }

    #[test]
    fn nothing_is_held_out_unless_asked_and_never_all() {
        assert_eq!(Split::new(3, 0.0, 7).training, [0, 1, 2]);
        assert_eq!([held_out(100, 0.001), held_out(1, 0.5), held_out(2, 0.5), held_out(0, 0.5)], [1, 0, 1, 0]);
    }
}
