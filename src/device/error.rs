//! Why a device cannot be used. Front ends add what to do about it, each in its own words.

use std::fmt;

use thiserror::Error;

use crate::protocol::FailureKind;

/// Why a device cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// There is no device of this name.
    #[error(
        "there is no device {name:?}; choose auto, cpu, wgpu, vulkan, cuda, or one of several as vulkan:INDEX, wgpu:PART-OF-ITS-NAME or cuda:INDEX; several that share the work have commas between them"
    )]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// These devices can't share a batch.
    #[error("the devices {list} can't be used together: {reason}")]
    List {
        /// The list that was given.
        list: String,
        /// A clause.
        reason: String,
    },
    /// Devices of another machine.
    #[error(
        "devices of other machines can't be used: burn 0.22.1 does not average gradients between machines, and Whelp's own kernels \
         don't run through its remote devices. Name devices of this machine"
    )]
    Remote,
    /// The program was compiled without support for it.
    #[error("this program was compiled without {name}")]
    NotBuilt {
        /// The missing cargo feature.
        name: &'static str,
    },
    /// There is no such hardware or driver, or it did not start.
    #[error("{name} can't be used: {reason}")]
    Unavailable {
        /// The device that was asked for.
        name: String,
        /// What the driver said.
        reason: String,
    },
    /// It computes wrong numbers.
    #[error("{name} computes wrong numbers ({reason})")]
    Wrong {
        /// The device that was tested.
        name: String,
        /// What was computed and what was expected.
        reason: String,
    },
    /// It was lost while computing: the driver was reset, or the computer slept.
    #[error("the device was lost: {reason}")]
    Lost {
        /// What the driver said.
        reason: String,
    },
    /// It has too little memory.
    #[error("the device is out of memory: {reason}")]
    OutOfMemory {
        /// What the driver said.
        reason: String,
    },
    /// It refused to compute, such as a kernel that its driver rejects.
    #[error("the device failed: {reason}")]
    Failed {
        /// What the driver said.
        reason: String,
    },
}

impl DeviceError {
    /// Wraps what burn says of a failed execution.
    pub fn while_computing(error: impl fmt::Debug) -> Self {
        Self::from_report(format!("{error:?}"))
    }

    /// Tells by a driver's report what happened: drivers, wgpu and burn hand on text alone. This is the only place that
    /// reads it.
    pub fn from_report(reason: String) -> Self {
        let words = reason.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        // The last is cubecl's of a tensor that is larger than the device binds at once: it was asked for too much, too.
        if has(&["out of memory", "outofmemory", "out_of_memory", "not enough memory", "can't allocate buffer"]) {
            Self::OutOfMemory { reason }
        } else if has(&["device was lost", "device lost", "device is lost", "devicelost", "device_lost"]) {
            Self::Lost { reason }
        } else {
            Self::Failed { reason }
        }
    }

    /// What kind of failure it is for a run.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Unknown { .. } | Self::List { .. } | Self::Remote | Self::NotBuilt { .. } => FailureKind::Input,
            Self::Unavailable { .. } | Self::Wrong { .. } | Self::Failed { .. } => FailureKind::Device,
            Self::Lost { .. } => FailureKind::DeviceLost,
            Self::OutOfMemory { .. } => FailureKind::OutOfMemory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_lost_devices_and_full_memory_are_told_from_refused_kernels() {
        let kind = |report: &str| DeviceError::from_report(report.to_owned()).kind();
        // What wgpu logs in a browser when the GPU process ends.
        assert_eq!(kind("wgpu::backend::webgpu: the wgpu device was lost: Unknown"), FailureKind::DeviceLost);
        assert_eq!(kind("In Queue::submit: Parent device is lost"), FailureKind::DeviceLost);
        assert_eq!(kind("ERROR_OUT_OF_DEVICE_MEMORY: Not enough memory left."), FailureKind::OutOfMemory);
        assert_eq!(kind("ServerError::OutOfMemory { bytes: 12 }"), FailureKind::OutOfMemory);
        assert_eq!(kind("IoError: can't allocate buffer of size: 154140672"), FailureKind::OutOfMemory);
        assert_eq!(kind("Shader validation error"), FailureKind::Device);
    }

    #[test]
    fn no_error_gives_advice_that_only_one_front_end_understands() {
        let text = || "x".to_owned();
        let errors = [
            DeviceError::Unavailable { name: text(), reason: text() },
            DeviceError::Wrong { name: text(), reason: text() },
            DeviceError::Lost { reason: text() },
            DeviceError::OutOfMemory { reason: text() },
            DeviceError::Failed { reason: text() },
            DeviceError::NotBuilt { name: "cuda" },
        ];
        for error in errors.map(|error| error.to_string()) {
            assert!(!error.contains("--") && !error.contains("cargo") && !error.contains("button"), "{error}");
        }
    }
}
