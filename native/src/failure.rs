//! Exit statuses (0 done, 2 bad input, 1 failure, 128 and its number for a signal), and what to do after a failure in the
//! terminal's words.

use std::any::Any;
use std::fmt;
use std::path::Path;

use whelp::device::DeviceError;
use whelp::protocol::FailureKind;
use whelp::run::RunError;

/// An end without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// By this signal, after a checkpoint was saved or unfinished pictures were removed.
    Signalled(i32),
    /// Nobody reads what is printed any more.
    ReaderLeft,
}

impl Outcome {
    /// As a shell tells the end of a program: 130 after Ctrl-C, 143 after `kill`, 141 when a pipe has no reader.
    pub fn status(self) -> u8 {
        const SIGPIPE: u8 = 13;
        match self {
            Self::Done => 0,
            Self::Signalled(signal) => 128 + u8::try_from(signal).unwrap_or_default(),
            Self::ReaderLeft => 128 + SIGPIPE,
        }
    }
}

/// A failure, with a sentence for the user.
#[derive(Debug)]
pub enum Failure {
    /// The user's input can't be used.
    Input(String),
    /// Something failed that should have worked.
    Fault(String),
    /// The graphics device is gone.
    DeviceLost(String),
    /// A signal ended the program before everything was saved.
    Unsaved { outcome: Outcome, message: String },
}

impl Failure {
    pub fn input(message: impl fmt::Display) -> Self {
        Self::Input(message.to_string())
    }

    pub fn fault(message: impl fmt::Display) -> Self {
        Self::Fault(message.to_string())
    }

    /// For a file or folder that the user named.
    pub fn file(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        Self::Input(format!("{} cannot be {doing}: {error}", path.display()))
    }

    /// A device that can't be used, or that failed while it computed.
    pub fn device(error: DeviceError) -> Self {
        let advice = match &error {
            DeviceError::Unknown { .. } | DeviceError::List { .. } | DeviceError::Remote => String::new(),
            DeviceError::NotBuilt { name } => {
                format!(". Build it with `cargo build --release -p whelp-native --features {name}`")
            }
            DeviceError::Unavailable { .. } => {
                ". `whelp devices` lists what there is; use --device cpu, or install a driver".to_owned()
            }
            DeviceError::Wrong { .. } => ". Update its driver, or use --device cpu".to_owned(),
            DeviceError::Lost { .. } | DeviceError::OutOfMemory { .. } | DeviceError::Failed { .. } => {
                return Self::run(error.kind(), &error.to_string());
            }
        };
        Self::Input(format!("{error}{advice}"))
    }

    /// A run that can't start.
    pub fn start(error: RunError) -> Self {
        match error {
            RunError::Device(error) => Self::device(error),
            other => Self::Input(other.to_string()),
        }
    }

    /// A run that failed.
    pub fn run(kind: FailureKind, message: &str) -> Self {
        match kind {
            FailureKind::Input => Self::Input(message.to_owned()),
            FailureKind::Diverged => Self::Input(format!(
                "{message}. Continue from a checkpoint before that, if there is one, with learning rates that are lower than these: \
                 --resume FILE --set train.generator_lr=… --set train.discriminator_lr=…, and likewise schedule.generator_lr and \
                 schedule.discriminator_lr if they are set"
            )),
            FailureKind::Pictures => Self::Fault(format!(
                "{message}. Give the same command again, which prepares the pictures anew. Checkpoints that were saved stay valid"
            )),
            FailureKind::DeviceLost => Self::DeviceLost(message.to_owned()),
            FailureKind::OutOfMemory => {
                Self::Fault(format!("{message}. Lower --batch, or choose smaller networks for a new run"))
            }
            FailureKind::Device => Self::Fault(format!(
                "{message}. Continue from the last checkpoint with --resume; if it fails again, use --device cpu"
            )),
            FailureKind::Bug => Self::Fault(message.to_owned()),
        }
    }

    pub fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Self::Fault(format!(
            "this is a bug in Whelp: {text}. Saved checkpoints stay valid (whelp train --resume). Run again with \
             RUST_BACKTRACE=1 for details"
        ))
    }

    pub fn status(&self) -> u8 {
        match self {
            Self::Input(_) => 2,
            Self::Fault(_) | Self::DeviceLost(_) => 1,
            Self::Unsaved { outcome, .. } => outcome.status(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(message) | Self::Fault(message) | Self::DeviceLost(message) | Self::Unsaved { message, .. } => {
                f.write_str(message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_comes_with_advice_and_a_status() {
        let (name, reason) = ("wgpu".to_owned(), "no adapter".to_owned());
        let unavailable = Failure::device(DeviceError::Unavailable { name, reason });
        assert_eq!(
            unavailable.to_string(),
            "wgpu can't be used: no adapter. `whelp devices` lists what there is; use --device cpu, or install a driver"
        );
        assert_eq!(unavailable.status(), 2);
        let full = Failure::device(DeviceError::from_report("out of memory".to_owned()));
        assert!(full.to_string().contains("--batch") && full.status() == 1, "{full}");
    }

    #[test]
    fn a_divergence_says_how_to_continue() {
        let failure = Failure::start(RunError::Diverged { step: 3, name: "loss/d".to_owned(), value: f32::NAN });
        assert_eq!(failure.to_string(), "training diverged: loss/d is NaN at step 3");
        let failure = Failure::run(FailureKind::Diverged, &failure.to_string());
        assert!(failure.to_string().contains("--set train.generator_lr=") && failure.status() == 2, "{failure}");
    }
}
