//! Networks from the files that PyTorch writes.
//!
//! A `.pth` file is a pickle, which Python reads by running the calls that it lists. `pytorch-reader` runs none: it knows
//! the few that rebuild a tensor and only names all others.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pytorch_reader::{DType, PickleValue, PytorchReader};
use whelp::checkpoint::{self, ImportError, is_network_tensor};
use whelp::weights::HostTensor;

use crate::failure::Failure;

/// Packages whose objects lie in ordinary training files beside the tensors: devices, numbers, options.
const HARMLESS: [&str; 4] = ["torch", "numpy", "collections", "argparse"];

/// The tensors of `path`, `.pth` or `.safetensors` by its content, that an import looks at.
///
/// # Errors
/// [`Failure::Input`] if it cannot be read, names calls that no network has any use for, or holds other numbers than F32.
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
            "the file asks for {call} to be called, which no network needs; nothing of it was run. Save \
             net.state_dict() alone, or get the file from a source that you trust"
        )));
    }
    let tensors = PytorchReader::new(path).map_err(|error| refuse(&error))?.into_tensors();
    // By name, so that messages do not depend on a hash map's order.
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

/// Whether a file that is no checkpoint of ours may be one of PyTorch's.
pub fn is_likely(path: &Path, bytes: &[u8]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    matches!(ending.as_deref(), Some("pth" | "pt")) || is_safetensors(bytes)
}

/// Eight bytes of header length, then JSON.
fn is_safetensors(head: &[u8]) -> bool {
    head.len() > 8 && head[8] == b'{' && head[5..8] == [0, 0, 0]
}

/// The first object in a pickle that is neither data nor of a package that training files mention.
fn suspicious_call(value: &PickleValue) -> Option<&str> {
    match value {
        PickleValue::Unsupported(name) => {
            // Without a dot it is a kind of value, such as an int too large.
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
