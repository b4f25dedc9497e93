//! Networks that know pictures already: what they see in a picture judges generated ones. None of them is trained here.

mod cifar10;
pub mod lite0;
mod network;
mod pooled_lite0;
mod pretrained;
mod typical;

pub use cifar10::Cifar10;
pub use lite0::{Lite0, WeightFile};
pub use network::{FeatureNetwork, NetworkChoice, Seen};
pub use pooled_lite0::PooledLite0;
pub use pretrained::{FeatureError, Pretrained};
pub use typical::judge_typicality;

use thiserror::Error;

use crate::config::{Architecture, RunConfig};
use crate::data::PictureLost;
use crate::device::DeviceError;
use crate::protocol::FailureKind;

/// Why pictures can't be looked at.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LookError {
    /// One can't be read any more.
    #[error(transparent)]
    Pictures(#[from] PictureLost),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl LookError {
    /// What kind of failure it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Pictures(_) => FailureKind::Pictures,
            Self::Device(error) => error.kind(),
        }
    }
}

/// The files with the weights that a run with these settings needs beside its own; none for most.
pub fn files_needed(config: &RunConfig) -> &'static [WeightFile] {
    match config.model.architecture {
        Architecture::Projected => lite0::files_of(config.model.taps),
        Architecture::Dcgan | Architecture::DenseUpsample | Architecture::Dense | Architecture::R3gan => &[],
    }
}

/// The files with the weights that [`judge_typicality`] needs, if the settings want typical pictures.
pub fn files_to_judge(config: &RunConfig) -> &'static [WeightFile] {
    if config.data.keep_typical < 1.0 { &lite0::FILES } else { &[] }
}

/// The weights in the contents of [`files_needed`]; none if there are no files.
///
/// # Errors
/// Those of [`Pretrained::read`].
pub fn backbone(files: &[Vec<u8>]) -> Result<Option<Pretrained>, FeatureError> {
    if files.is_empty() {
        return Ok(None);
    }
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    Pretrained::read(lite0::NAME, &files).map(Some)
}
