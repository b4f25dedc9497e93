//! Values from a device to the host.

use burn::tensor::{Tensor, TensorData, Transaction};

use super::DeviceError;

/// Reads the values of many tensors in one transaction, in their order. Synchronous reads panic on WebGPU.
///
/// # Errors
/// [`DeviceError`] if the device failed since the last read.
pub async fn read_values(tensors: impl IntoIterator<Item = Tensor<1>>) -> Result<Vec<Vec<f32>>, DeviceError> {
    let mut transaction = Transaction::default();
    for tensor in tensors {
        transaction = transaction.register(tensor.without_autodiff());
    }
    let data = transaction.execute_async().await.map_err(DeviceError::while_computing)?;
    data.into_iter().map(host_values).collect()
}

fn host_values(data: TensorData) -> Result<Vec<f32>, DeviceError> {
    data.try_into_vec::<f32>().map_err(DeviceError::while_computing)
}
