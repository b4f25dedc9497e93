//! The weights of a network that was trained elsewhere.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData, f16};
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3Default;

use crate::models::Frozen;
use crate::weights::HostTensor;

/// Why a pretrained network can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FeatureError {
    /// The settings ask for a frozen network, and its weights were not given.
    #[error("the discriminator needs the weights of a frozen network, and they are not there")]
    NotGiven,
    /// The file is no safetensors file, or is cut off.
    #[error("the weights of {network} can't be read: {reason}")]
    Unreadable {
        /// Name of the network.
        network: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// A tensor is missing.
    #[error("the weights of {network} lack the tensor {name}")]
    Missing {
        /// Name of the network.
        network: &'static str,
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape or another type of numbers than the network needs.
    #[error("the weights of {network}: tensor {name} is {found}, and {expected} is needed")]
    Shape {
        /// Name of the network.
        network: &'static str,
        /// Name of the tensor.
        name: String,
        /// Shape or type that the network needs.
        expected: String,
        /// Shape or type in the file.
        found: String,
    },
}

/// The tensors of a network that was trained elsewhere, and a hash that tells them from others.
#[derive(Clone, Debug)]
pub struct Pretrained {
    network: &'static str,
    tensors: BTreeMap<String, HostTensor>,
    hash: String,
}

impl Pretrained {
    /// Reads `.safetensors` files of float16 or float32, which hold the network's tensors between them.
    ///
    /// `network` is its name in messages.
    ///
    /// # Errors
    /// [`FeatureError::Unreadable`] if a file is damaged, [`FeatureError::Shape`] if it holds other numbers than floats.
    pub fn read(network: &'static str, files: &[&[u8]]) -> Result<Self, FeatureError> {
        let unreadable =
            |error: safetensors::SafeTensorError| FeatureError::Unreadable { network, reason: error.to_string() };
        let mut tensors = BTreeMap::new();
        let mut hash = Xxh3Default::new();
        for file in files {
            hash.update(file);
            for (name, view) in SafeTensors::deserialize(file).map_err(unreadable)?.iter() {
                let values = floats(view.dtype(), view.data()).ok_or_else(|| FeatureError::Shape {
                    network,
                    name: name.to_owned(),
                    expected: "F16 or F32".to_owned(),
                    found: format!("{:?}", view.dtype()),
                })?;
                let tensor = HostTensor { name: name.to_owned(), shape: view.shape().to_vec(), values };
                tensors.insert(name.to_owned(), tensor);
            }
        }
        Ok(Self { network, tensors, hash: format!("{:032x}", hash.digest128()) })
    }

    /// Identifies the weights: 32 hexadecimal digits, a hash of the files in their order.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// A tensor by its name.
    ///
    /// # Errors
    /// [`FeatureError::Missing`].
    pub fn tensor(&self, name: &str) -> Result<&HostTensor, FeatureError> {
        self.tensors.get(name).ok_or_else(|| FeatureError::Missing { network: self.network, name: name.to_owned() })
    }

    /// Puts the tensors into `module`, by their paths, and freezes it. Tensors that the module lacks are ignored.
    ///
    /// # Errors
    /// [`FeatureError::Missing`] and [`FeatureError::Shape`].
    pub fn freeze<M: Module>(&self, module: &M, device: &Device) -> Result<Frozen<M>, FeatureError> {
        let mut error = None;
        let found = |name: &str, shape: &[usize]| {
            let tensor = self.tensor(name)?;
            if tensor.shape == shape {
                return Ok(tensor.values.clone());
            }
            let (expected, found) = (format!("{shape:?}"), format!("{:?}", tensor.shape));
            Err(FeatureError::Shape { network: self.network, name: name.to_owned(), expected, found })
        };
        let device = device.clone().inner();
        let frozen = Frozen::new(module).replace(|name, shape, _| match found(name, shape) {
            Ok(values) => {
                let count = values.len();
                Some(Tensor::from_data(TensorData::new(values, [count]), &device))
            }
            Err(first) => {
                error.get_or_insert(first);
                None
            }
        });
        match error {
            Some(error) => Err(error),
            None => Ok(frozen),
        }
    }
}

/// Little-endian floats as float32.
fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F16 => Some(bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()),
        Dtype::F32 => Some(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures_lite::future::block_on;
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::ops::Conv;
    use crate::weights;

    fn file(dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
        let view = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        safetensors::serialize(HashMap::from([("weight", view)]), None).unwrap()
    }

    #[test]
    fn halves_become_the_constants_of_a_module() {
        let values = [1.0, -0.5, 65504.0, 6.1035156e-5].map(f16::from_f32);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let file = file(Dtype::F16, &[2, 2, 1, 1], &bytes);
        let device = crate::device::cpu();
        let pretrained = Pretrained::read("a test", &[&file]).unwrap();
        let frozen = pretrained.freeze(&Conv::new([2, 2], 1, &device), &device).unwrap();
        assert_eq!(weights::collect(&frozen).len(), 0, "it is frozen");
        let read = block_on(weights::read_back(frozen.tensors())).unwrap();
        assert_eq!(read[0].values, [1.0, -0.5, 65504.0, 6.1035156e-5]);
        assert_eq!(pretrained.hash().len(), 32);
        assert_ne!(pretrained.hash(), Pretrained::read("a test", &[&file, &file]).unwrap().hash());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let device = crate::device::cpu();
        let read = |file: &[u8]| Pretrained::read("a test", &[file]);
        let whole = file(Dtype::F32, &[4], &[0; 16]);
        let refused = |conv: &Conv| read(&whole).unwrap().freeze(conv, &device).unwrap_err().to_string();
        assert_eq!(
            refused(&Conv::new([2, 2], 1, &device)),
            "the weights of a test: tensor weight is [4], and [2, 2, 1, 1] is needed"
        );
        let fits = file(Dtype::F32, &[2, 2, 1, 1], &[0; 16]);
        let lacking = read(&fits).unwrap().freeze(&Conv::new([2, 2], 1, &device).with_bias(), &device).unwrap_err();
        assert_eq!(lacking.to_string(), "the weights of a test lack the tensor bias");
        let cut = read(&whole[..whole.len() - 1]).unwrap_err().to_string();
        assert!(cut.starts_with("the weights of a test can't be read: "), "{cut}");
        let whole_numbers = read(&file(Dtype::I64, &[2], &[0; 16])).unwrap_err().to_string();
        assert_eq!(whole_numbers, "the weights of a test: tensor weight is I64, and F16 or F32 is needed");
    }
}
