//! A checkpoint that can be drawn with and continued from.

use crate::checkpoint::{Checkpoint, CheckpointError, ImportError, Imported, import_safetensors, restore_sampler};
use crate::device::OpenDevice;
use crate::sample::Sampler;

/// A checkpoint with its generator on a device.
pub struct Opened {
    pub checkpoint: Checkpoint,
    pub sampler: Sampler,
    /// Whether the file had no discriminator, so that a new one was made.
    pub has_fresh_discriminator: bool,
}

impl Opened {
    /// Reads a checkpoint that Whelp saved, or imports networks of the PyTorch tutorial.
    pub async fn read(bytes: &[u8], device: &OpenDevice) -> Result<Self, CheckpointError> {
        let (checkpoint, has_fresh_discriminator) = read_or_import(bytes, device).await?;
        let sampler = restore_sampler(&checkpoint, &device.device)?;
        Ok(Self { checkpoint, sampler, has_fresh_discriminator })
    }
}

async fn read_or_import(bytes: &[u8], device: &OpenDevice) -> Result<(Checkpoint, bool), CheckpointError> {
    match Checkpoint::from_bytes(bytes) {
        Err(foreign @ CheckpointError::Foreign { .. }) => match import_safetensors(bytes, &device.device).await {
            Ok(Some(Imported { checkpoint, has_fresh_discriminator })) => Ok((checkpoint, has_fresh_discriminator)),
            // Other networks, or no safetensors file at all.
            Ok(None) | Err(CheckpointError::Import(ImportError::File { .. })) => Err(foreign),
            Err(error) => Err(error),
        },
        result => result.map(|checkpoint| (checkpoint, false)),
    }
}
