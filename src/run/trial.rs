//! Steps on noise: what one costs, before there are pictures.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::RunConfig;
use crate::device::DeviceError;
use crate::protocol::PictureKind;
use crate::random::{Random, Stream};
use crate::train::{Batch, Trainer};
use crate::weights::read_values;

/// A training that nobody keeps.
#[derive(Debug)]
pub struct Trial {
    trainer: Trainer,
    config: RunConfig,
    kind: PictureKind,
    device: Device,
}

impl Trial {
    /// Of new networks, for pictures of this kind.
    pub fn new(config: &RunConfig, kind: PictureKind, device: &Device) -> Self {
        let trainer = Trainer::new(config, kind, device);
        Self { trainer, config: config.clone(), kind, device: device.clone() }
    }

    /// One step, waited for.
    ///
    /// # Errors
    /// [`DeviceError::Lost`] if the device failed.
    pub async fn step(&mut self) -> Result<(), DeviceError> {
        let Self { trainer, config, kind, .. } = self;
        let device = &self.device;
        let (batch, side) = (config.train.batch, config.data.resolution);
        let numbers = |stream, count| Random::new(0, stream, trainer.nimg).normals(count);
        let real = numbers(Stream::Data, batch * kind.channels * side * side);
        let z = numbers(Stream::Latents, batch * config.model.latent);
        let classes = (config.model.conditional && kind.classes > 0).then(|| Tensor::zeros([batch], device));
        let stats = trainer.step(Batch {
            real: Tensor::from_data(TensorData::new(real, [batch, kind.channels, side, side]), device),
            classes,
            z: Tensor::from_data(TensorData::new(z, [batch, config.model.latent]), device),
        });
        read_values([stats.loss_d, stats.loss_g]).await.map(drop)
    }
}
