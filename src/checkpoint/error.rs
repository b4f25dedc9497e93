use thiserror::Error;

use super::ImportError;
use crate::config::ConfigError;
use crate::device::DeviceError;
use crate::features::FeatureError;

/// Why a file was refused. Nothing of a run under way is touched.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// Not a Whelp checkpoint at all.
    #[error("this is not a Whelp checkpoint ({found}). Choose a .safetensors file that Whelp saved")]
    Foreign {
        /// What it looks like.
        found: String,
    },
    /// The file ends too early.
    #[error(
        "this checkpoint is cut off: {found} bytes are there, its header promises more. Copy or download it again, or \
         use an older one"
    )]
    Truncated {
        /// Bytes in the file.
        found: usize,
    },
    /// Written by a later release.
    #[error(
        "this checkpoint has format {found}, and this Whelp reads up to format {supported}. Open it with the release \
         that wrote it, or update Whelp"
    )]
    Newer {
        /// Format of the file.
        found: u32,
        /// Newest format known here.
        supported: u32,
    },
    /// It has a setting, or a value of one, that this release does not have: a later one added it.
    #[error(
        "this checkpoint has {what}, which this Whelp does not know. Open it with the release that wrote it, or update Whelp"
    )]
    Unknown {
        /// The setting or the value, in words.
        what: String,
    },
    /// The header's JSON is not what its format promises.
    #[error("this checkpoint's description is damaged: {reason}. Use another one")]
    Description {
        /// What the parser said.
        reason: String,
    },
    /// What it holds is not what was saved.
    #[error(
        "this checkpoint is damaged: its content has the hash {found}, and was saved with {expected}. Copy it again, or use an \
         older one"
    )]
    Damaged {
        /// Hash that was saved with it.
        expected: String,
        /// Hash of what it holds.
        found: String,
    },
    /// The settings inside cannot be trained.
    #[error("this checkpoint's settings are refused: {0}")]
    Config(#[from] ConfigError),
    /// A tensor that the networks need is not there.
    #[error("this checkpoint lacks the tensor {name}. It may be of another architecture; use another one")]
    Missing {
        /// Name in the file.
        name: String,
    },
    /// It was made to be drawn with, and is to be trained.
    #[error(
        "this checkpoint holds only what drawing needs, so training cannot go on from it. Draw with it, or go on from \
         the checkpoint that the run itself saved"
    )]
    ForDrawing,
    /// It was made to begin other runs with, and is to be gone on from.
    #[error(
        "this checkpoint holds the networks without their optimizers, so its training cannot go on. Begin a new run with its \
         networks, or go on from the checkpoint that the run itself saved"
    )]
    ForStarting,
    /// A tensor has another shape than the networks.
    #[error(
        "tensor {name}: the networks need shape {expected:?}, the checkpoint has {found:?}. It was trained with another \
         resolution or width; leave those settings to the checkpoint"
    )]
    Shape {
        /// Name in the file.
        name: String,
        /// What the networks need.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A tensor is of other numbers than 32-bit floats and halves.
    #[error("tensor {name} holds {found} numbers instead of F32 or F16. Use a checkpoint that Whelp saved")]
    Type {
        /// Name in the file.
        name: String,
        /// Its element type.
        found: String,
    },
    /// A tensor holds NaN or infinity: training had broken down before it was saved.
    #[error("tensor {name} holds values that are not finite: training had broken down. Use an older checkpoint")]
    NotFinite {
        /// Name in the file.
        name: String,
    },
    /// Another program's file that was to become a checkpoint cannot.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Its frozen network has other weights than those that were given.
    #[error(
        "this checkpoint was trained with other weights of the frozen network ({expected}) than these ({found}). Go on with \
         the release of Whelp that it was trained with"
    )]
    Backbone {
        /// Hash of the weights that it was trained with.
        expected: String,
        /// Hash of the weights that were given.
        found: String,
    },
    /// The weights of its frozen network can't be used.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The device failed while tensors were read from it.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
