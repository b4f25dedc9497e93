//! What is measured of a run beside its scores, so that it can be told how it goes: see [`Diagnosis`](crate::diagnosis::Diagnosis).

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::DataConfig;
use crate::data::{Dataset, Split};
use crate::device::read_values;
use crate::features::LookError;
use crate::metrics::{Matrix, distance};
use crate::models::Discriminator;
use crate::models::layers::picture_size;
use crate::ops::{Dropout, from_pixels};
use crate::random::{Random, Stream};
use crate::sample::Pictures;

/// Pictures of each kind that the discriminator is asked about: its mean logits are then known to a sixteenth of their deviation.
const JUDGED: usize = 256;

/// With fewer held-out pictures nothing is said of what is known by heart.
const LEAST_HELD_OUT: usize = 32;

/// Pictures whose distances are averaged, at most.
const COMPARED: usize = 500;

/// Position in the random stream of scores: which real pictures the discriminator is asked about.
const ASKED: u64 = 1004;

/// Real pictures that the discriminator is shown in training, and others that it is not; as many of both, none if none are held out.
#[derive(Clone, Debug)]
pub struct Asked {
    training: Vec<u32>,
    held_out: Vec<u32>,
}

impl Asked {
    /// A random choice, the same for every score of a run.
    pub fn new(data: &Dataset, config: &DataConfig, seed: u64) -> Self {
        let Split { training, validation } = Split::of(data, config, seed);
        let count = match JUDGED.min(training.len()).min(validation.len()) {
            0..LEAST_HELD_OUT => 0,
            count => count,
        };
        let some = |from: &[u32]| {
            let order = Random::new(seed, Stream::Scores, ASKED).permutation(from.len());
            order.iter().take(count).map(|place| from[*place as usize]).collect()
        };
        Self { training: some(&training), held_out: some(&validation) }
    }
}

/// What the discriminator of one step makes of three kinds of pictures.
#[derive(Debug)]
pub struct Opinion {
    /// In inference mode: nothing that training goes by changes.
    discriminator: Discriminator,
    asked: Asked,
    /// Sums of logits and numbers of pictures: generated, training, held out.
    sums: [(f64, usize); 3],
}

impl Opinion {
    /// Of `discriminator` as it is.
    pub fn new(discriminator: &Discriminator, asked: &Asked) -> Self {
        Self { discriminator: discriminator.valid(), asked: asked.clone(), sums: Default::default() }
    }

    /// Asks about some generated pictures, of `classes` if they were drawn by class, and as many of both kinds of real ones as have
    /// not been asked about. Nothing, if no pictures are held out.
    ///
    /// # Errors
    /// [`LookError`] if a real picture can't be read any more, or the device failed.
    pub async fn ask(
        &mut self,
        generated: &Pictures,
        classes: Option<Tensor<1, Int>>,
        data: &Dataset,
        device: &Device,
    ) -> Result<(), LookError> {
        let done = self.sums[1].1;
        let count = generated.iter().len().min(self.asked.training.len() - done);
        if count == 0 {
            return Ok(());
        }
        let device = device.clone().inner();
        let [channels, height, width] = picture_size(generated.channels, generated.resolution);
        let shape = |count| [count, channels, height, width];
        let classes = classes.map(|classes| classes.narrow(0, 0, count));
        let mut means = Vec::with_capacity(3);
        let drawn: Vec<u8> = generated.iter().take(count).flat_map(|picture| planes(picture, channels)).collect();
        means.push(self.mean_logit(from_pixels(&drawn, shape(count), &device), classes.clone()));
        for kind in [&self.asked.training, &self.asked.held_out] {
            let chunk = &kind[done..done + count];
            let pixels: Vec<u8> = chunk.iter().flat_map(|index| data.pixels(*index as usize).into_owned()).collect();
            let labels: Option<Vec<i32>> =
                chunk.iter().map(|index| Some(data.label(*index as usize)? as i32)).collect();
            // A discriminator without classes ignores them.
            let labels = labels.map(|labels| Tensor::from_data(TensorData::new(labels, [count]), &device));
            means.push(self.mean_logit(from_pixels(&pixels, shape(count), &device), labels));
        }
        data.check()?;
        for ((sum, seen), mean) in self.sums.iter_mut().zip(read_values(means).await?) {
            *sum += f64::from(mean[0]) * count as f64;
            *seen += count;
        }
        Ok(())
    }

    fn mean_logit(&self, images: Tensor<4>, classes: Option<Tensor<1, Int>>) -> Tensor<1> {
        self.discriminator.forward(images.into(), classes, &mut Dropout::off()).value.mean()
    }

    /// See [`by_heart`].
    pub fn by_heart(&self) -> Option<f64> {
        by_heart(self.sums.map(|(sum, count)| sum / count as f64))
    }
}

/// `(D(training) - D(held out)) / (D(training) - D(generated))` from the mean logits of generated, training and held-out pictures: r_v
/// of Karras et al. 2020, arXiv:2006.06676, equation 1. None without held-out pictures, and where the discriminator holds the
/// generated ones for no less real than those of the training.
fn by_heart([generated, training, held_out]: [f64; 3]) -> Option<f64> {
    let gap = training - generated;
    (gap > 0.0).then(|| (training - held_out) / gap).filter(|share| share.is_finite())
}

/// The channels of a picture one after the other.
fn planes(picture: &[u8], channels: usize) -> impl Iterator<Item = u8> {
    (0..channels).flat_map(move |channel| picture[channel..].iter().step_by(channels).copied())
}

/// Sums of pixels by channel.
#[derive(Clone, Debug, Default)]
pub struct Colors {
    /// Sum and sum of squares.
    channels: Vec<(u64, u64)>,
    pixels: u64,
}

impl Colors {
    /// Adds pictures, all with the same channels.
    pub fn add(&mut self, pictures: &Pictures) {
        self.channels.resize(pictures.channels, (0, 0));
        for pixel in pictures.pixels.chunks_exact(pictures.channels.max(1)) {
            for ((sum, squares), value) in self.channels.iter_mut().zip(pixel) {
                let value = u64::from(*value);
                (*sum, *squares) = (*sum + value, *squares + value * value);
            }
            self.pixels += 1;
        }
    }

    /// Mean and deviation of each channel, in [0, 255].
    fn moments(&self) -> impl Iterator<Item = (f64, f64)> {
        let count = self.pixels as f64;
        self.channels.iter().map(move |(sum, squares)| {
            let mean = *sum as f64 / count;
            (mean, (*squares as f64 / count - mean * mean).max(0.0).sqrt())
        })
    }

    /// The largest distance of a channel's mean from that of `real`, in deviations of that channel there.
    pub fn shift_from(&self, real: &Self) -> f64 {
        // Where all real pixels are the same, one level counts as a deviation.
        let shifts = self
            .moments()
            .zip(real.moments())
            .map(|((mean, _), (of, deviation))| (mean - of).abs() / deviation.max(1.0));
        shifts.fold(0.0, f64::max)
    }
}

/// The mean Euclidean distance of two rows, over the first few hundred.
pub fn mean_distance(features: &Matrix) -> f64 {
    let rows: Vec<&[f64]> = features.iter().take(COMPARED).collect();
    let pairs = rows.len() * rows.len().saturating_sub(1) / 2;
    let of_row = |(at, row): (usize, &&[f64])| rows[..at].iter().map(|other| distance(row, other)).sum::<f64>();
    rows.iter().enumerate().map(of_row).sum::<f64>() / pairs.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_compared_in_deviations_of_the_real_ones() {
        let pictures = |pixels: &[u8]| {
            let mut colors = Colors::default();
            // In two parts, as they come.
            for half in pixels.chunks(pixels.len() / 2) {
                colors.add(&Pictures { resolution: 1.into(), channels: 3, pixels: half.to_vec() });
            }
            colors
        };
        let real = pictures(&[10, 100, 50, 30, 100, 50, 10, 100, 50, 30, 100, 50]);
        assert_eq!(real.moments().collect::<Vec<_>>(), [(20.0, 10.0), (100.0, 0.0), (50.0, 0.0)]);
        assert_eq!(real.shift_from(&real), 0.0);
        assert_eq!(pictures(&[25, 100, 50, 25, 100, 50]).shift_from(&real), 0.5);
        assert_eq!(pictures(&[20, 103, 50, 20, 103, 50]).shift_from(&real), 3.0);
    }

    #[test]
    fn the_mean_distance_is_over_all_pairs() {
        let features = Matrix::new(2, vec![0.0, 0.0, 3.0, 4.0, 0.0, 0.0]);
        assert!((mean_distance(&features) - 10.0 / 3.0).abs() < 1e-12);
        assert_eq!(mean_distance(&Matrix::new(1, vec![1.0])), 0.0);
    }

    #[test]
    fn held_out_pictures_are_placed_between_those_of_the_training_and_generated_ones() {
        assert_eq!(by_heart([-1.0, 3.0, 2.0]), Some(0.25));
        assert_eq!(by_heart([-1.0, 3.0, 3.5]), Some(-0.125), "they may even look more real");
        assert_eq!(by_heart([1.0, 1.0, 0.0]), None, "it can't tell at all");
        assert_eq!(by_heart([f64::NAN; 3]), None, "nobody was asked");
        assert_eq!(by_heart([0.0, 1.0, f64::INFINITY]), None, "JSON has no such number");
    }

    #[test]
    fn channels_come_one_after_the_other() {
        assert_eq!(planes(&[1, 2, 3, 4, 5, 6], 3).collect::<Vec<_>>(), [1, 4, 2, 5, 3, 6]);
    }
}
