//! Training steps on noise, to measure what they cost.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::{Precision, RunConfig};
use crate::data::PictureKind;
use crate::device::{DeviceError, read_values};
use crate::features::{FeatureError, Pretrained};
use crate::models::layers::picture_size;
use crate::ops::{has_half, in_half};
use crate::random::{Random, Stream};
use crate::train::{Batch, Trainer};

/// Networks that are trained on noise and thrown away.
#[derive(Debug)]
pub struct Trial {
    trainer: Trainer,
    config: RunConfig,
    kind: PictureKind,
    device: Device,
    /// Whether its settings ask for half precision. A trial by itself, as `auto` asks for, is a run's affair.
    is_half: bool,
    /// The same pictures in every step, because making noise takes longer than fetching pictures.
    real: Vec<f32>,
}

impl Trial {
    /// New networks for pictures of this kind.
    ///
    /// # Errors
    /// Those of [`Trainer::new`].
    pub fn new(
        config: &RunConfig,
        kind: PictureKind,
        backbone: Option<&Pretrained>,
        device: &Device,
    ) -> Result<Self, FeatureError> {
        let trainer = Trainer::new(config, kind, backbone, device)?;
        let real = noise(Stream::Data, 0, config.train.batch * kind.channels * config.data.resolution.pixels());
        let is_half = config.train.precision == Precision::Half && has_half(device);
        Ok(Self { trainer, config: config.clone(), kind, device: device.clone(), is_half, real })
    }

    /// One step. Waits for the device.
    ///
    /// # Errors
    /// [`DeviceError`] if the device failed.
    pub async fn step(&mut self) -> Result<(), DeviceError> {
        let Self { trainer, config, kind, real, is_half, .. } = self;
        let device = &self.device;
        let (batch, [channels, height, width]) =
            (config.train.batch, picture_size(kind.channels, config.data.resolution));
        let z = noise(Stream::Latents, trainer.nimg, batch * config.model.latent);
        let classes = (config.model.conditional && kind.classes > 0).then(|| Tensor::zeros([batch], device));
        let batch = Batch {
            real: Tensor::from_data(TensorData::new(real.clone(), [batch, channels, height, width]), device),
            classes,
            z: Tensor::from_data(TensorData::new(z, [batch, config.model.latent]), device),
        };
        let stats = in_half(*is_half, || trainer.step(batch));
        read_values([stats.loss_d, stats.loss_g]).await.map(drop)
    }
}

fn noise(stream: Stream, position: u64, count: usize) -> Vec<f32> {
    Random::new(0, stream, position).normals(count)
}
