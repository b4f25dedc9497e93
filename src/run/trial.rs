//! Steps on noise: what one costs, before there are pictures.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::RunConfig;
use crate::data::PictureKind;
use crate::device::{DeviceError, read_values};
use crate::random::{Random, Stream};
use crate::train::{Batch, Trainer};

/// A training that nobody keeps.
#[derive(Debug)]
pub struct Trial {
    trainer: Trainer,
    config: RunConfig,
    kind: PictureKind,
    device: Device,
    /// The same pictures for every step: noise takes longer to make than pictures to fetch.
    real: Vec<f32>,
}

impl Trial {
    /// Of new networks, for pictures of this kind.
    pub fn new(config: &RunConfig, kind: PictureKind, device: &Device) -> Self {
        let trainer = Trainer::new(config, kind, device);
        let real = noise(Stream::Data, 0, config.train.batch * kind.channels * config.data.resolution.pow(2));
        Self { trainer, config: config.clone(), kind, device: device.clone(), real }
    }

    /// One step, waited for.
    ///
    /// # Errors
    /// [`DeviceError::Lost`] if the device failed.
    pub async fn step(&mut self) -> Result<(), DeviceError> {
        let Self { trainer, config, kind, real, .. } = self;
        let device = &self.device;
        let (batch, side) = (config.train.batch, config.data.resolution);
        let z = noise(Stream::Latents, trainer.nimg, batch * config.model.latent);
        let classes = (config.model.conditional && kind.classes > 0).then(|| Tensor::zeros([batch], device));
        let stats = trainer.step(Batch {
            real: Tensor::from_data(TensorData::new(real.clone(), [batch, kind.channels, side, side]), device),
            classes,
            z: Tensor::from_data(TensorData::new(z, [batch, config.model.latent]), device),
        });
        read_values([stats.loss_d, stats.loss_g]).await.map(drop)
    }
}

fn noise(stream: Stream, position: u64, count: usize) -> Vec<f32> {
    Random::new(0, stream, position).normals(count)
}
