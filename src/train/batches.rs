//! Which pictures a step sees. That depends on the seed and on the images shown so far alone, so there is nothing to save.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::RunConfig;
use crate::data::{Dataset, Split};
use crate::models::layers::picture_size;
use crate::ops::from_pixels;
use crate::random::{Random, Stream};

/// Batches in a new random order every epoch. The last pictures of one epoch and the first of the next may share a
/// batch, so every picture is shown equally often whatever the batch size.
#[derive(Debug)]
pub struct Batches {
    data: Arc<Dataset>,
    /// Indices of the pictures to train on.
    training: Vec<u32>,
    seed: u64,
    batch: usize,
    horizontal_flip: bool,
    /// Number and order of the newest epoch, kept because drawing it costs a pass over the indices.
    order: Option<(u64, Vec<u32>)>,
}

impl Batches {
    /// Batches of `data` by the batch size and seed of the configuration, and the pictures that it wants.
    ///
    /// # Panics
    /// As [`Split::of`].
    pub fn new(data: Arc<Dataset>, config: &RunConfig) -> Self {
        let (seed, batch, horizontal_flip) = (config.seed, config.train.batch, config.data.horizontal_flip);
        let training = Split::of(&data, &config.data, seed).training;
        Self { data, training, seed, batch, horizontal_flip, order: None }
    }

    /// How many pictures an epoch has: all that are not held out.
    pub fn epoch_len(&self) -> usize {
        self.training.len()
    }

    /// Indices of the batch that follows after `nimg` images.
    pub fn indices(&mut self, nimg: u64) -> Vec<usize> {
        let count = self.training.len() as u64;
        (nimg..nimg + self.batch as u64)
            .map(|position| {
                let (epoch, place) = (position / count, (position % count) as usize);
                if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
                    let order = Random::new(self.seed, Stream::Data, epoch).permutation(count as usize);
                    self.order = Some((epoch, order));
                }
                let (_, order) = self.order.as_ref().expect("drawn above");
                self.training[order[place] as usize] as usize
            })
            .collect()
    }

    /// The first `count` pictures of the training, or as many as there are, unaltered: `[count, channels, height, width]`
    /// in [-1, 1].
    pub fn first(&self, count: usize, device: &Device) -> Tensor<4> {
        let [channels, height, width] = picture_size(self.data.channels(), self.data.resolution());
        let size = channels * height * width;
        let order = Random::new(self.seed, Stream::Data, 0).permutation(self.training.len());
        let count = count.min(order.len());
        let mut pixels = vec![0; count * size];
        for (place, image) in order.iter().zip(pixels.chunks_exact_mut(size)) {
            self.data.copy_pixels(self.training[*place as usize] as usize, false, image);
        }
        from_pixels(&pixels, [count, channels, height, width], device)
    }

    /// The batch of the step after `nimg` images, on `device`; `latent` is the length of z.
    pub fn next(&mut self, nimg: u64, latent: usize, device: &Device) -> Batch {
        self.next_shared(nimg, latent, std::slice::from_ref(device)).remove(0)
    }

    /// The same batch in equal parts, one on each of the devices.
    ///
    /// # Panics
    /// If the batch can't be divided by their number.
    pub fn next_shared(&mut self, nimg: u64, latent: usize, devices: &[Device]) -> Vec<Batch> {
        let [channels, height, width] = picture_size(self.data.channels(), self.data.resolution());
        let size = channels * height * width;
        let mut coins = Random::new(self.seed, Stream::Augment, nimg);
        let indices = self.indices(nimg);
        let mut pixels = vec![0; self.batch * size];
        for (index, image) in indices.iter().zip(pixels.chunks_exact_mut(size)) {
            let mirror = self.horizontal_flip && coins.coin();
            self.data.copy_pixels(*index, mirror, image);
        }
        let z = Random::new(self.seed, Stream::Latents, nimg).normals(self.batch * latent);
        let labels: Option<Vec<i32>> = indices.iter().map(|index| Some(self.data.label(*index)? as i32)).collect();
        assert!(self.batch.is_multiple_of(devices.len()), "{} pictures for {} devices", self.batch, devices.len());
        let count = self.batch / devices.len();
        let part = |(index, device): (usize, &Device)| {
            let first = index * count;
            let real = &pixels[first * size..][..count * size];
            let z = z[first * latent..][..count * latent].to_vec();
            let classes = labels.as_ref().map(|labels| labels[first..][..count].to_vec());
            Batch {
                real: from_pixels(real, [count, channels, height, width], device),
                classes: classes.map(|labels| Tensor::from_data(TensorData::new(labels, [count]), device)),
                z: Tensor::from_data(TensorData::new(z, [count, latent]), device),
            }
        };
        devices.iter().enumerate().map(part).collect()
    }
}

/// The input of one step.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Real pictures, `[batch, channels, height, width]` in [-1, 1].
    pub real: Tensor<4>,
    /// Their classes, `[batch]`, if the data has any; the generated pictures are of the same.
    pub classes: Option<Tensor<1, Int>>,
    /// Latents of the generated pictures, `[batch, latent]`, standard normal.
    pub z: Tensor<2>,
}
