//! How typical each picture of a data set is of it, to train on the typical ones alone.
//!
//! A generator with little capacity or little time draws better if it need not draw the odd ones too: instance selection
//! (DeVries et al. 2020, arXiv:2007.15255). The paper keeps what lies densely in a feature space; of small pictures that kept
//! clutter and dropped portraits. What a classifier sees says it better: the classes of ImageNet that it finds more often in this
//! set than by chance are what the set is of, whatever that is, and a picture is as typical as they are probable in it.

use burn::tensor::Device;

use super::network::read;
use super::{LookError, PooledLite0};
use crate::data::{Dataset, Filter};
use crate::ops::from_pixels;
use crate::sample::Pictures;

/// Height and width in which the pictures are seen, in pixels. Half of what the network was trained on is a third of the work.
const SIDE: usize = 128;

/// Pictures that are seen together.
const BATCH: usize = 16;

/// Probabilities that are remembered of a picture, the largest ones. The others add up to little, and all of them would be 4 kB.
const REMEMBERED: usize = 32;

/// Judges how typical each picture is of the set, or of its class if there are classes, unless that is known already; see
/// [`Dataset::typicality`]. The values are probabilities, in [0, 1].
///
/// `progress` is told now and then how many pictures have been judged.
///
/// # Errors
/// [`LookError`] if a picture can't be read any more, or the device failed.
pub async fn judge_typicality(
    data: &Dataset,
    network: &PooledLite0,
    device: &Device,
    progress: &mut dyn FnMut(usize),
) -> Result<(), LookError> {
    if data.typicality().is_some() {
        return Ok(());
    }
    let device = device.clone().inner();
    let mut opinions = Opinions::default();
    let all: Vec<u32> = (0..data.len() as u32).collect();
    for indices in all.chunks(BATCH) {
        let pixels = Pictures::from_dataset(data, indices)?.rgb_planes(SIDE.into(), Filter::Bicubic);
        let pictures = from_pixels(&pixels, [indices.len(), 3, SIDE, SIDE], &device);
        let [probabilities] = read([network.probabilities(network.features(pictures))]).await?;
        for (index, probabilities) in indices.iter().zip(probabilities.chunks_exact(PooledLite0::CLASSES)) {
            opinions.add(data.label(*index as usize), probabilities);
        }
        progress(opinions.pictures.len());
    }
    data.set_typicality(opinions.typicality());
    Ok(())
}

/// What the network takes the pictures for.
#[derive(Default)]
struct Opinions {
    pictures: Vec<Opinion>,
    /// Of each label; of label 0 if there are none.
    groups: Vec<Group>,
}

/// On one picture.
struct Opinion {
    group: usize,
    /// Some classes of ImageNet with their probabilities.
    probable: Vec<(usize, f32)>,
}

/// On all pictures with one label.
#[derive(Clone, Default)]
struct Group {
    count: usize,
    /// Of each class of ImageNet the sum of its probabilities.
    sums: Vec<f64>,
}

impl Opinions {
    fn add(&mut self, label: Option<u32>, probabilities: &[f32]) {
        let group = label.unwrap_or_default() as usize;
        if self.groups.len() <= group {
            self.groups.resize(group + 1, Group::default());
        }
        let of_group = &mut self.groups[group];
        of_group.count += 1;
        of_group.sums.resize(probabilities.len(), 0.0);
        of_group.sums.iter_mut().zip(probabilities).for_each(|(sum, probability)| *sum += f64::from(*probability));
        let mut probable: Vec<(usize, f32)> = probabilities.iter().copied().enumerate().collect();
        if probable.len() > REMEMBERED {
            probable.select_nth_unstable_by(REMEMBERED, |a, b| b.1.total_cmp(&a.1));
            probable.truncate(REMEMBERED);
            // The order decides about the last bits of a sum.
            probable.sort_unstable_by_key(|(class, _)| *class);
            probable.shrink_to_fit();
        }
        self.pictures.push(Opinion { group, probable });
    }

    /// Of each picture the probability of all classes that are more probable in its group than by chance.
    fn typicality(&self) -> Vec<f32> {
        let of = |Opinion { group, probable }: &Opinion| {
            let Group { count, sums } = &self.groups[*group];
            let by_chance = *count as f64 / sums.len() as f64;
            probable.iter().filter(|(class, _)| sums[*class] > by_chance).map(|(_, probability)| probability).sum()
        };
        self.pictures.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_typical_as_the_classes_of_the_set_are_probable_in_it() {
        let mut opinions = Opinions::default();
        // Two kinds of dogs, and something else once. Of four classes, by chance each has a quarter.
        for probabilities in [[0.9, 0.1, 0.0, 0.0], [0.1, 0.8, 0.1, 0.0], [0.0, 0.1, 0.2, 0.7], [0.5, 0.5, 0.0, 0.0]] {
            opinions.add(None, &probabilities);
        }
        let expected = [1.0, 0.9, 0.1, 1.0];
        for (value, expected) in opinions.typicality().into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
        }
    }

    #[test]
    fn with_labels_a_picture_is_compared_with_its_own_kind() {
        let mut opinions = Opinions::default();
        let (dog, cat) = ([0.9, 0.0, 0.1, 0.0], [0.0, 0.9, 0.0, 0.1]);
        for (label, probabilities) in [(0, dog), (0, dog), (2, cat), (2, cat), (2, cat), (2, cat), (2, dog)] {
            opinions.add(Some(label), &probabilities);
        }
        let typicality = opinions.typicality();
        assert!(typicality[0] > 0.8 && typicality[2] > 0.8, "{typicality:?}");
        assert!(typicality[6] < 0.2, "a dog among the cats: {typicality:?}");
    }

    #[test]
    fn the_most_probable_classes_are_enough() {
        let mut opinions = Opinions::default();
        let mut probabilities = vec![0.2 / 996.0; 1000];
        probabilities[990..994].fill(0.2);
        (0..3).for_each(|_| opinions.add(None, &probabilities));
        assert_eq!(opinions.pictures[0].probable.len(), REMEMBERED);
        assert!((opinions.typicality()[0] - 0.8).abs() < 1e-6);
    }
}
