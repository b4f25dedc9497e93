//! Pictures in, features out, whichever network looks at them.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, Tensor};

use super::{Cifar10, PooledLite0};
use crate::config::Resolution;
use crate::data::{Dataset, Filter, PictureLost, Resizer};
use crate::device::{DeviceError, read_values};
use crate::metrics::{Matrix, THUMBNAIL_SIDE};
use crate::ops::from_pixels;
use crate::sample::Pictures;

/// Which network looks at the pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkChoice {
    /// The classifier of CIFAR-10 that was trained for this.
    #[default]
    Cifar10,
    /// EfficientNet-Lite0, which the discriminator of the recipe `projected` looks through.
    Lite0,
}

impl FromStr for NetworkChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cifar10" => Ok(Self::Cifar10),
            "lite0" => Ok(Self::Lite0),
            _ => Err(format!("there is no network {text:?} to look at pictures; choose cifar10 or lite0")),
        }
    }
}

impl fmt::Display for NetworkChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cifar10 => f.write_str("cifar10"),
            Self::Lite0 => f.write_str("lite0"),
        }
    }
}

/// A network whose features scores are computed on.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "an evaluation has one of them")]
pub enum FeatureNetwork {
    /// See [`Cifar10`].
    Cifar10(Cifar10),
    /// See [`PooledLite0`].
    Lite0(PooledLite0),
}

/// What a network saw in some pictures.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Of each picture.
    features: Vec<Vec<f32>>,
    /// The most probable class of each picture; empty if the network tells none.
    classes: Vec<usize>,
}

impl FeatureNetwork {
    /// Its name in words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cifar10(_) => "CIFAR-10 classifier",
            Self::Lite0(_) => "EfficientNet-Lite0",
        }
    }

    /// What it is called in the [names of scores](crate::metrics::score_name).
    pub fn short(&self) -> &'static str {
        match self {
            Self::Cifar10(_) => Cifar10::SHORT,
            Self::Lite0(_) => "lite0",
        }
    }

    /// Identifies its weights.
    pub fn hash(&self) -> &str {
        match self {
            Self::Cifar10(network) => network.hash(),
            Self::Lite0(network) => network.hash(),
        }
    }

    /// How many features a picture has.
    pub fn features(&self) -> usize {
        match self {
            Self::Cifar10(_) => Cifar10::FEATURES,
            Self::Lite0(_) => PooledLite0::FEATURES,
        }
    }

    /// The class of dogs, if it tells classes.
    pub fn dog(&self) -> Option<usize> {
        match self {
            Self::Cifar10(_) => Some(Cifar10::DOG),
            // It tells breeds of dogs, and much else. Its classes aren't read.
            Self::Lite0(_) => None,
        }
    }

    /// Pictures to look at together: as many as keep all cores busy without filling the memory.
    pub fn batch(&self) -> usize {
        match self {
            Self::Cifar10(_) => 64,
            Self::Lite0(_) => 16,
        }
    }

    /// Looks at pictures of any size, in colour or grey, at most [`FeatureNetwork::batch`] at a time. Before, they are resized to
    /// the square that the network was trained on, whatever their shape, as StyleGAN's metrics do it: in bytes, as the data pipeline does it, generated and real ones alike.
    ///
    /// # Errors
    /// [`DeviceError`] if the device failed.
    pub async fn look_at(&self, pictures: &Pictures, device: &Device) -> Result<Seen, DeviceError> {
        let device = device.clone().inner();
        let at = |side: usize, filter| {
            let pixels = pictures.rgb_planes(side.into(), filter);
            from_pixels(&pixels, [pictures.iter().len(), 3, side, side], &device)
        };
        match self {
            Self::Cifar10(network) => {
                let features = network.features(at(Cifar10::SIDE, Filter::Lanczos));
                let probabilities = network.probabilities(features.clone());
                let [features, probabilities] = read([features, probabilities]).await?;
                let features = features.chunks_exact(Cifar10::FEATURES).map(<[f32]>::to_vec).collect();
                let classes = probabilities.chunks_exact(Cifar10::CLASSES.len()).map(most_probable).collect();
                Ok(Seen { features, classes })
            }
            Self::Lite0(network) => {
                let [features] = read([network.features(at(PooledLite0::SIDE, Filter::Bicubic))]).await?;
                let features = features.chunks_exact(PooledLite0::FEATURES).map(<[f32]>::to_vec).collect();
                Ok(Seen { features, classes: Vec::new() })
            }
        }
    }
}

impl Seen {
    /// Adds what was seen in further pictures by the same network.
    pub fn append(&mut self, mut others: Self) {
        self.features.append(&mut others.features);
        self.classes.append(&mut others.classes);
    }

    /// What was seen in the pictures with these numbers.
    ///
    /// # Panics
    /// If there are not that many.
    #[must_use]
    pub fn select(&self, pictures: &[u32]) -> Self {
        let features = pictures.iter().map(|index| self.features[*index as usize].clone()).collect();
        let classes = if self.classes.is_empty() {
            Vec::new()
        } else {
            pictures.iter().map(|index| self.classes[*index as usize]).collect()
        };
        Self { features, classes }
    }

    /// A row of features for each picture.
    ///
    /// # Panics
    /// If there are no pictures.
    pub fn matrix(&self) -> Matrix {
        Matrix::from_f32(self.features[0].len(), &self.features.concat())
    }

    /// The features of each picture, one after the other.
    pub fn features(&self) -> impl Iterator<Item = f32> {
        self.features.iter().flatten().copied()
    }

    /// How many pictures were seen.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether no pictures were seen.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// The share of the pictures whose most probable class is `class`; none if the network tells no classes.
    pub fn rate(&self, class: usize) -> Option<f64> {
        let count = self.classes.iter().filter(|seen| **seen == class).count();
        (!self.classes.is_empty()).then(|| count as f64 / self.classes.len() as f64)
    }
}

impl Pictures {
    /// Some pictures of a data set.
    ///
    /// # Errors
    /// [`PictureLost`] if one of the set can't be read any more.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn from_dataset(data: &Dataset, indices: &[u32]) -> Result<Self, PictureLost> {
        let (resolution, channels) = (data.resolution(), data.channels());
        let plane = resolution.pixels();
        let mut pixels = Vec::with_capacity(indices.len() * plane * channels);
        for index in indices {
            let planes = data.pixels(*index as usize);
            pixels.extend((0..plane).flat_map(|at| planes[at..].iter().step_by(plane)));
        }
        data.check()?;
        Ok(Self { resolution, channels, pixels })
    }

    /// The pictures in RGB. Grey ones repeat their channel.
    #[must_use]
    pub fn in_colour(self) -> Self {
        let resolution = self.resolution;
        self.in_colour_at(resolution)
    }

    /// The pictures in RGB at another size.
    #[must_use]
    pub fn in_colour_at(self, size: Resolution) -> Self {
        let plane = size.pixels();
        let planes = self.rgb_planes(size, Filter::Lanczos);
        let interleave = |planes: &[u8]| {
            (0..plane)
                .flat_map(|at| planes[at..].iter().step_by(plane).copied().collect::<Vec<u8>>())
                .collect::<Vec<u8>>()
        };
        let pixels = planes.chunks_exact(3 * plane).flat_map(interleave).collect();
        Self { resolution: size, channels: 3, pixels }
    }

    /// What pictures are compared by for copies: thumbnails of [`THUMBNAIL_SIDE`] pixels, in [-1, 1] so that sums of squares keep
    /// their digits, `[count, 3, side, side]`.
    pub fn thumbnails(&self) -> impl Iterator<Item = f32> {
        self.rgb_planes(THUMBNAIL_SIDE.into(), Filter::Lanczos).into_iter().map(|value| f32::from(value) / 127.5 - 1.0)
    }

    /// The pictures at another size in RGB, `[count, 3, height, width]`. Grey ones repeat their channel. All of a picture is
    /// resized: one of another shape is stretched.
    pub fn rgb_planes(&self, size: Resolution, filter: Filter) -> Vec<u8> {
        let channels = self.channels;
        let [from, to] = [self.resolution, size].map(|Resolution { width, height }| [width, height]);
        let resizer = Resizer::rectangle(from, to, filter);
        let mut planes = Vec::with_capacity(self.iter().len() * 3 * size.pixels());
        for picture in self.iter() {
            let resized = if channels == 1 { resizer.resize::<1>(picture) } else { resizer.resize::<3>(picture) };
            for channel in 0..3 {
                planes.extend(resized.iter().skip(channel % channels).step_by(channels));
            }
        }
        planes
    }
}

pub(super) async fn read<const N: usize>(tensors: [Tensor<2>; N]) -> Result<[Vec<f32>; N], DeviceError> {
    let flat = tensors.map(|tensor| {
        let count = tensor.shape().num_elements();
        tensor.reshape([count])
    });
    let read = read_values(flat).await?;
    Ok(read.try_into().expect("as many as were asked for"))
}

fn most_probable(probabilities: &[f32]) -> usize {
    let best = probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(class, _)| class)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::DatasetBuilder;
    use crate::people::{HeldOut, real_pictures};
    use crate::storage::memory::MemoryFile;

    #[test]
    fn a_data_set_and_drawn_pictures_look_the_same() {
        let mut builder = DatasetBuilder::new("two", 2);
        builder.push("a", Ok(vec![0; 12]));
        builder.push("b", Ok((1..=12).collect()));
        let data = builder.finish().unwrap();
        let pictures = Pictures::from_dataset(&data, &[1]).unwrap();
        assert_eq!(pictures.pixels, [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12], "interleaved");
        assert_eq!(pictures.rgb_planes(2.into(), Filter::Lanczos), *data.pixels(1), "and back");
    }

    /// A picture that is gone is black, and black pictures must not be scored.
    #[test]
    fn pictures_whose_file_is_gone_are_not_looked_at() {
        let file = Arc::new(MemoryFile::default());
        let mut builder = DatasetBuilder::new("three", 2);
        builder.put_pixels_into(Box::new(file.clone()));
        (0..3).for_each(|value| builder.push(&format!("{value}"), Ok(vec![value; 12])));
        let data = builder.finish().unwrap();
        assert_eq!(Pictures::from_dataset(&data, &[2, 0]).unwrap().pixels, [[2; 12], [0; 12]].concat());
        file.bytes.lock().unwrap().truncate(30);
        assert!(Pictures::from_dataset(&data, &[1, 0]).is_ok(), "those before the cut");
        let lost = Pictures::from_dataset(&data, &[0, 2]).unwrap_err();
        assert!(lost.to_string().contains(": a picture can't be read any more ("), "{lost}");
        assert_eq!(data.check(), Err(lost.clone()));
        assert!(Pictures::from_dataset(&data, &[0]).is_err(), "what was lost once is lost for the set");
        let held_out = HeldOut { share: 0.0, seed: 0 };
        assert_eq!(real_pictures(&data, held_out, 0, 3, 2.into()).err(), Some(lost));
    }

    #[test]
    fn grey_is_repeated_and_a_flat_picture_stays_flat_at_another_size() {
        let grey = Pictures { resolution: 2.into(), channels: 1, pixels: vec![1, 2, 3, 4] };
        assert_eq!(grey.rgb_planes(2.into(), Filter::Lanczos), [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
        let flat = Pictures { resolution: 64.into(), channels: 3, pixels: [10, 20, 30].repeat(64 * 64) };
        assert_eq!(flat.rgb_planes(32.into(), Filter::Lanczos), [[10; 1024], [20; 1024], [30; 1024]].concat());
        let tall = Resolution { width: 16, height: 24 };
        let pictures = flat.in_colour_at(tall);
        assert_eq!((pictures.resolution, &pictures.pixels), (tall, &[10, 20, 30].repeat(16 * 24)));
        assert_eq!(pictures.thumbnails().count(), 3 * THUMBNAIL_SIDE * THUMBNAIL_SIDE, "stretched to a square");
    }

    #[test]
    fn the_rate_of_a_class_counts_the_most_probable() {
        assert_eq!(most_probable(&[0.2, 0.5, 0.3]), 1);
        let mut seen = Seen { features: vec![vec![0.0; 3], vec![1.0; 3]], classes: vec![5, 3] };
        seen.append(Seen { features: vec![vec![2.0; 3]; 2], classes: vec![5, 5] });
        assert_eq!((seen.rate(5), seen.matrix().rows(), seen.matrix().columns()), (Some(0.75), 4, 3));
        let some = seen.select(&[1, 2]);
        assert_eq!((some.rate(5), some.matrix().row(1)), (Some(0.5), &[2.0; 3][..]));
        assert_eq!(Seen::default().rate(5), None);
    }
}
