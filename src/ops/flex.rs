//! From flex's tensors to slices and back.

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Device, Shape};

/// Whether flex computes on `device`, with autodiff or without.
pub fn is_flex(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

/// The values of a contiguous tensor of floats, row-major.
///
/// # Panics
/// If the tensor is not contiguous, or has other values.
pub fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("contiguous floats")
}

/// A tensor of these values, row-major.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape.into()), DType::F32)
}
