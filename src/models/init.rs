//! Initial weights, drawn on the host so that a seed means the same networks on every device.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use crate::random::{Random, Stream};

/// Standard deviation of every convolution's weights (Radford et al. 2016, section 4).
const STANDARD_DEVIATION: f32 = 0.02;

/// Draws DCGAN's initial weights: convolutions from N(0, 0.02), batch norm's scale from N(1, 0.02) and shift 0, as in
/// the PyTorch tutorial.
///
/// `position` is the index of the first tensor in the stream; returns the module and the index after its last tensor,
/// so that two networks of one run share no numbers.
pub fn initialize<M: Module>(module: M, seed: u64, position: u64) -> (M, u64) {
    let mut mapper = Initialize { seed, position, field: String::new() };
    let module = module.map(&mut mapper);
    (module, mapper.position)
}

struct Initialize {
    seed: u64,
    position: u64,
    /// Last part of the path, e.g. `weight`.
    field: String,
}

impl ModuleMapper for Initialize {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.field = name.to_owned();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let mean = match self.field.as_str() {
            "weight" => 0.0,
            "gamma" => 1.0,
            // Shift and running statistics keep the values they were made with.
            _ => return param,
        };
        let mut random = Random::new(self.seed, Stream::Init, self.position);
        self.position += 1;
        param.map(|tensor| {
            let values = random.normals(tensor.shape().num_elements());
            let values: Vec<f32> = values.iter().map(|v| mean + STANDARD_DEVIATION * v).collect();
            let requires_grad = tensor.is_require_grad();
            Tensor::from_data(TensorData::new(values, tensor.shape()), &tensor.device()).set_require_grad(requires_grad)
        })
    }
}
