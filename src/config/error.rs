//! Why a configuration is refused.

use std::fmt;

use thiserror::Error;

/// Why a configuration is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ConfigError {
    /// A field's value is outside what it accepts.
    #[error("{field} is {found}; it accepts {accepts}")]
    Value {
        /// Path of the field, e.g. `train.batch`.
        field: String,
        /// The value that was given.
        found: String,
        /// What it accepts, in words.
        accepts: String,
    },
    /// A field's value is fine by itself but not with another field's.
    #[error("{field} {conflict}")]
    Combination {
        /// Path of the field.
        field: &'static str,
        /// The rest of the sentence. It names the other field.
        conflict: String,
    },
    /// A resumed run cannot have these values.
    #[error("{}. Training can't continue with another value: set it back, or start a new run", listed(.0))]
    Fixed(
        /// The fields that differ from the checkpoint's; at least one.
        Vec<FixedField>,
    ),
    /// There is no field or recipe of this name.
    #[error("there is no {kind} {name:?}; did you mean {nearest:?}?")]
    Unknown {
        /// "setting" or "recipe".
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The most similar name that exists.
        nearest: String,
    },
    /// An assignment without `=`.
    #[error("{given:?} does not set anything; write key=value, e.g. train.batch=64")]
    Assignment {
        /// What was given.
        given: String,
    },
    /// The file or message is not a configuration.
    #[error("the configuration cannot be read: {reason}")]
    Parse {
        /// What the parser said.
        reason: String,
    },
}

impl ConfigError {
    /// Whether the error is about the field of this path.
    pub fn concerns(&self, path: &str) -> bool {
        match self {
            Self::Value { field, .. } => field == path,
            Self::Combination { field, .. } => *field == path,
            Self::Fixed(fields) => fields.iter().any(|fixed| fixed.path == path),
            Self::Unknown { kind, .. } => *kind == path,
            Self::Assignment { .. } | Self::Parse { .. } => false,
        }
    }
}

/// A field that cannot change when a run is resumed, and was to change.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedField {
    /// Its path, e.g. `model.latent`.
    pub path: &'static str,
    /// The value that was asked for.
    pub asked: String,
    /// The value of the checkpoint.
    pub checkpoint: String,
}

impl fmt::Display for FixedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, but the checkpoint has {}", self.path, self.asked, self.checkpoint)
    }
}

fn listed(fields: &[FixedField]) -> String {
    fields.iter().map(FixedField::to_string).collect::<Vec<_>>().join("; ")
}
