//! Reads networks from the files that PyTorch writes.
//!
//! A `.pth` file is a pickle: Python reads it by running the calls that it lists. `pytorch-reader` runs none of them. It
//! knows the few calls that rebuild a tensor, and only reports the names of the others.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pytorch_reader::{DType, PickleValue, PytorchReader};
use whelp::checkpoint::{self, ImportError, is_network_tensor};
use whelp::weights::HostTensor;

use crate::failure::Failure;

/// Packages whose objects are usual in training files, beside the tensors: devices, numbers, options.
const HARMLESS: [&str; 4] = ["torch", "numpy", "collections", "argparse"];

/// Reads the network tensors of `path`, whose content is a `.pth` or a `.safetensors` file.
///
/// # Errors
/// [`Failure::Input`] if it cannot be read, lists calls that no network needs, or has tensors of another type than F32.
pub fn read_networks(path: &Path) -> Result<Vec<HostTensor>, Failure> {
    let refuse = |reason: &dyn std::fmt::Display| Failure::Input(format!("{}: {reason}", path.display()));
    let unreadable = |error: std::io::Error| Failure::file(path, "read", &error);
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(9).read_to_end(&mut head)).map_err(unreadable)?;
    if is_safetensors(&head) {
        let bytes = std::fs::read(path).map_err(unreadable)?;
        return checkpoint::read_safetensors(&bytes).map_err(|error| refuse(&error));
    }
    let contents = PytorchReader::read_pickle_data(path, None).map_err(|error| refuse(&error))?;
    if let Some(call) = suspicious_call(&contents) {
        return Err(refuse(&format!(
            "the file asks for {call} to be called, which no network needs. Nothing was run. Save only \
             net.state_dict(), or get the file from a source that you trust"
        )));
    }
    let tensors = PytorchReader::new(path).map_err(|error| refuse(&error))?.into_tensors();
    // Sorted, so that messages do not depend on the order of a hash map.
    let mut wanted: Vec<_> = tensors.into_values().filter(|tensor| is_network_tensor(&tensor.name)).collect();
    wanted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let read = |tensor: pytorch_reader::Tensor| {
        if tensor.dtype() != DType::F32 {
            let (name, found) = (tensor.name.clone(), format!("{:?}", tensor.dtype()));
            return Err(refuse(&ImportError::Type { name, found }));
        }
        let bytes = tensor.read().map_err(|error| refuse(&error))?;
        let values = bytes.chunks_exact(4).map(|bytes| f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        Ok(HostTensor { name: tensor.name.clone(), shape: tensor.shape().to_vec(), values: values.collect() })
    };
    wanted.into_iter().map(read).collect()
}

/// Whether a file that is not a Whelp checkpoint may come from PyTorch.
pub fn is_likely(path: &Path, bytes: &[u8]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    matches!(ending.as_deref(), Some("pth" | "pt")) || is_safetensors(bytes)
}

/// Whether a file starts like safetensors: eight bytes with the header's length, then JSON.
fn is_safetensors(head: &[u8]) -> bool {
    head.len() > 8 && head[8] == b'{' && head[5..8] == [0, 0, 0]
}

/// The first object in a pickle that is neither data nor from a package in [`HARMLESS`].
fn suspicious_call(value: &PickleValue) -> Option<&str> {
    match value {
        PickleValue::Unsupported(name) => {
            // A name without a dot is a kind of value, such as an integer that is too large.
            let package = name.split_once('.')?.0;
            (!HARMLESS.contains(&package)).then_some(name)
        }
        PickleValue::List(values) => values.iter().find_map(suspicious_call),
        PickleValue::Dict(values) => values.values().find_map(suspicious_call),
        PickleValue::None
        | PickleValue::Bool(_)
        | PickleValue::Int(_)
        | PickleValue::Float(_)
        | PickleValue::String(_)
        | PickleValue::Bytes(_) => None,
    }
}
