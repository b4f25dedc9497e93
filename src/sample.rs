//! Draws pictures: from a seed to latents, through the generator, to bytes.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::{Resolution, RunConfig};
use crate::data::{Grid, PictureKind};
use crate::device::{DeviceError, read_values};
use crate::latent::{Latent, PictureSpec};
use crate::models::Generator;

/// Pictures of at most 64 pixels that are drawn at once, which limits the memory that a large count needs.
const BATCH: usize = 64;

/// Pictures of this size that are drawn at once: of larger ones fewer, as in a step of training, so that no tensor is larger than
/// devices bind.
fn batch(size: Resolution) -> usize {
    (BATCH * 64 * 64 / size.pixels()).clamp(4, BATCH)
}

/// What to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Seed of the latents. A picture does not depend on how many are drawn.
    pub seed: u64,
    /// Index of the first picture.
    pub first: usize,
    /// Number of pictures.
    pub count: usize,
    /// Scale of the latents: 1 leaves them standard normal; smaller values give more typical and less varied pictures.
    pub truncation_psi: f64,
    /// The class to draw; none: all classes in turn. A generator without classes ignores it.
    pub class: Option<u32>,
}

impl Draw {
    /// The first `count` pictures of `seed`, of all classes, untruncated.
    pub fn new(seed: u64, count: usize) -> Self {
        Self { seed, first: 0, count, truncation_psi: 1.0, class: None }
    }

    /// The same pictures, of these classes one after the other and from the beginning; without any, of its own.
    pub fn with_classes(&self, classes: &[u32]) -> Vec<PictureSpec> {
        let class = |index: usize| classes.get((self.first + index) % classes.len().max(1)).copied().or(self.class);
        (0..self.count).map(|index| PictureSpec { class: class(index), ..self.picture(index) }).collect()
    }

    fn picture(&self, index: usize) -> PictureSpec {
        let Self { seed, first, truncation_psi, class, .. } = *self;
        PictureSpec { latent: Latent::Seed { seed, index: (first + index) as u64 }, class, truncation_psi }
    }
}

/// A generator in inference mode, with the sizes of its inputs. Batch norm uses running statistics, so a picture does not
/// depend on the others drawn with it.
#[derive(Clone, Debug)]
pub struct Sampler {
    generator: Generator,
    latent: usize,
    resolution: Resolution,
    /// Number of classes; 0 if it was trained without.
    classes: usize,
}

impl Sampler {
    /// Wraps `generator`, which must be the one that `config` describes.
    pub fn new(generator: Generator, config: &RunConfig, kind: PictureKind) -> Self {
        let classes = if config.model.conditional { kind.classes } else { 0 };
        Self { generator, latent: config.model.latent, resolution: config.data.resolution, classes }
    }

    /// Draws pictures of a seed.
    ///
    /// # Errors
    /// [`DeviceError`] if the device failed.
    pub async fn draw(&self, what: Draw, device: &Device) -> Result<Pictures, DeviceError> {
        self.draw_with(what.count, |index| what.picture(index), device).await
    }

    /// Draws pictures from anywhere in the latent space.
    ///
    /// # Errors
    /// [`DeviceError`] if the device failed.
    pub async fn draw_each(&self, specs: &[PictureSpec], device: &Device) -> Result<Pictures, DeviceError> {
        self.draw_with(specs.len(), |index| specs[index].clone(), device).await
    }

    async fn draw_with(
        &self,
        count: usize,
        spec: impl Fn(usize) -> PictureSpec,
        device: &Device,
    ) -> Result<Pictures, DeviceError> {
        let device = device.clone().inner();
        let mut pictures = Pictures { resolution: Resolution::default(), channels: 0, pixels: Vec::new() };
        let batch = batch(self.resolution);
        for first in (0..count).step_by(batch) {
            let specs: Vec<PictureSpec> = (first..count.min(first + batch)).map(&spec).collect();
            let images = self.generator.forward(self.latents(&specs, &device), self.classes_of(&specs, &device));
            let [batch, channels, height, width] = images.dims();
            // [N, C, H, W] -> [N, H, W, C]
            let images = images.permute([0, 2, 3, 1]).reshape([batch * height * width * channels]);
            let values = read_values([images]).await?.remove(0);
            pictures.resolution = Resolution { width, height };
            pictures.channels = channels;
            pictures.pixels.extend(values.into_iter().map(pixel_from_unit));
        }
        Ok(pictures)
    }

    /// `[count, latent]`
    fn latents(&self, specs: &[PictureSpec], device: &Device) -> Tensor<2> {
        let mut values = Vec::with_capacity(specs.len() * self.latent);
        for PictureSpec { latent, truncation_psi, .. } in specs {
            values.extend(latent.values(self.latent).into_iter().map(|value| value * *truncation_psi as f32));
        }
        Tensor::from_data(TensorData::new(values, [specs.len(), self.latent]), device)
    }

    /// The classes that [`Sampler::draw_each`] draws; none for a generator without classes.
    ///
    /// # Shapes
    /// - returns: `[specs.len()]`
    pub(crate) fn classes_drawn(&self, specs: &[PictureSpec], device: &Device) -> Option<Tensor<1, Int>> {
        self.classes_of(specs, &device.clone().inner())
    }

    /// `[count]`
    fn classes_of(&self, specs: &[PictureSpec], device: &Device) -> Option<Tensor<1, Int>> {
        let class_of = |spec: &PictureSpec| spec.class.map_or_else(|| spec.latent.index(), u64::from);
        (self.classes > 0).then(|| {
            let classes: Vec<i32> = specs.iter().map(|spec| (class_of(spec) % self.classes as u64) as i32).collect();
            Tensor::from_data(TensorData::new(classes, [specs.len()]), device)
        })
    }
}

/// A value in [-1, 1] as a byte, rounded. Values outside are clipped.
pub fn pixel_from_unit(value: f32) -> u8 {
    // `as` saturates, and maps NaN to 0.
    ((value + 1.0) * 127.5).round() as u8
}

/// Pictures of one size, one after the other, with interleaved channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// Width and height.
    pub resolution: Resolution,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// `count * height * width * channels` bytes.
    pub pixels: Vec<u8>,
}

impl Pictures {
    /// The bytes of each picture.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact((self.resolution.pixels() * self.channels).max(1))
    }

    /// Arranges the pictures in rows of as many as there are rows, or one more.
    pub fn grid(&self) -> Grid {
        let count = self.iter().len();
        self.grid_of((1..).find(|c| c * c >= count).unwrap_or(1))
    }

    /// Arranges the pictures in rows of so many.
    pub fn grid_of(&self, columns: usize) -> Grid {
        let (count, columns) = (self.iter().len(), columns.max(1));
        let tile = self.resolution;
        let mut grid = Grid { tile, columns, count, channels: self.channels, pixels: Vec::new() };
        let row_bytes = tile.width * self.channels;
        let stride = grid.width() * self.channels;
        grid.pixels = vec![0; grid.height() * stride];
        for (index, picture) in self.iter().enumerate() {
            let corner = (index / columns) * tile.height * stride + (index % columns) * row_bytes;
            for (y, row) in picture.chunks_exact(row_bytes).enumerate() {
                let at = corner + y * stride;
                grid.pixels[at..at + row_bytes].copy_from_slice(row);
            }
        }
        grid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_cover_the_whole_range_and_clip() {
        let pixels = [-2.0, -1.0, 0.0, 1.0, 1.5, f32::NAN].map(pixel_from_unit);
        assert_eq!(pixels, [0, 0, 128, 255, 255, 0]);
    }

    #[test]
    fn a_grid_holds_each_picture_at_its_place_and_ends_black() {
        // Three pictures of 2x2 grey pixels in two columns.
        let pictures = Pictures { resolution: 2.into(), channels: 1, pixels: (1..=12).collect() };
        let grid = pictures.grid();
        assert_eq!((grid.columns, grid.width(), grid.height()), (2, 4, 4));
        assert_eq!(grid.pixels, [1, 2, 5, 6, 3, 4, 7, 8, 9, 10, 0, 0, 11, 12, 0, 0]);
        // Two pictures of one column and three rows.
        let tall = Pictures { resolution: Resolution { width: 1, height: 3 }, channels: 1, pixels: (1..=6).collect() };
        let grid = tall.grid();
        assert_eq!((grid.columns, grid.width(), grid.height(), grid.pixels), (2, 2, 3, vec![1, 4, 2, 5, 3, 6]));
    }
}
