//! Initial weights, drawn on the host so that a seed means the same networks on every device.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::LEAK;
use crate::config::Architecture;
use crate::random::{Random, Stream};
use crate::weights::Path;

/// The distribution of a family's initial weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// Convolutions from N(0, 0.02), batch norm's scale from N(1, 0.02) (Radford et al. 2016, section 4, and the PyTorch
    /// tutorial).
    Dcgan,
    /// N(0, g²/fan_in) with the gain g = √(2/(1+0.2²)) of LeakyReLU (He et al. 2015, arXiv:1502.01852).
    LeakyRelu,
    /// The same in residual blocks with g · L^(-1/4) for a network of L of them, whose last convolution is 0, and g = 1
    /// elsewhere (Huang et al. 2024, arXiv:2501.05441, after Zhang et al. 2019, "Fixup", arXiv:1901.09321).
    Residual {
        /// L.
        blocks: usize,
    },
}

impl Scheme {
    /// The scheme of a family. `blocks`: residual blocks of each network, 0 where there are none.
    pub fn of(architecture: Architecture, blocks: usize) -> Self {
        match architecture {
            Architecture::Dcgan => Self::Dcgan,
            Architecture::DenseUpsample | Architecture::Dense => Self::LeakyRelu,
            Architecture::R3gan | Architecture::Projected => Self::Residual { blocks },
        }
    }

    /// Mean and standard deviation of a tensor's values; none if it keeps those that it was made with.
    fn distribution(self, path: &str, shape: &[usize]) -> Option<(f32, f32)> {
        let (layer, field) = path.rsplit_once('.').unwrap_or(("", path));
        let fan_in = shape.iter().skip(1).product::<usize>() as f64;
        let leak = f64::from(LEAK);
        let gain = (2.0 / (1.0 + leak * leak)).sqrt();
        match (self, field) {
            (Self::Dcgan, "weight") => Some((0.0, 0.02)),
            (Self::Dcgan, "gamma") => Some((1.0, 0.02)),
            (Self::LeakyRelu, "weight") => Some((0.0, (gain / fan_in.sqrt()) as f32)),
            (Self::Residual { blocks }, "weight") => {
                let gain = match layer.rsplit('.').next() {
                    Some("conv1" | "conv2") => gain * (blocks as f64).powf(-0.25),
                    Some("conv3") => return None,
                    // A row is picked by its class, as if the class were a vector of zeros and a one.
                    Some("embedding") => return Some((0.0, (1.0 / (shape[0] as f64).sqrt()) as f32)),
                    _ => 1.0,
                };
                Some((0.0, (gain / fan_in.sqrt()) as f32))
            }
            (Self::Residual { .. }, "basis") => Some((0.0, 1.0)),
            // Both are scaled before they are used: see SpectralConv::settle and Mix::calibrate.
            (Self::Residual { .. }, "u" | "v" | "ccm") => Some((0.0, 1.0)),
            // A square matrix, so a row has as many values as there are rows.
            (Self::Residual { .. }, "csm") => Some((0.0, (shape[0] as f64).powf(-0.25) as f32)),
            (Self::Residual { .. }, "depthwise") => Some((0.0, (1.0 / fan_in.sqrt()) as f32)),
            // Biases, shifts and running statistics.
            _ => None,
        }
    }
}

/// Draws a network's initial weights. What is [`Frozen`](super::Frozen) keeps its own.
///
/// `position` is the place of its first tensor in the stream of random numbers. Returns the module and the place after its
/// last tensor, where the next network of the run goes on, so that no two tensors share numbers.
pub fn initialize<M: Module>(module: M, scheme: Scheme, seed: u64, position: u64) -> (M, u64) {
    let mut mapper = Initialize { scheme, seed, position, path: Path::default() };
    let module = module.map(&mut mapper);
    (module, mapper.position)
}

struct Initialize {
    scheme: Scheme,
    seed: u64,
    position: u64,
    path: Path,
}

impl ModuleMapper for Initialize {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((mean, deviation)) = self.scheme.distribution(&self.path.to_string(), &param.dims()) else {
            return param;
        };
        let mut random = Random::new(self.seed, Stream::Init, self.position);
        self.position += 1;
        param.map(|tensor| {
            let values = random.normals(tensor.shape().num_elements());
            let values: Vec<f32> = values.iter().map(|v| mean + deviation * v).collect();
            let requires_grad = tensor.is_require_grad();
            Tensor::from_data(TensorData::new(values, tensor.shape()), &tensor.device()).set_require_grad(requires_grad)
        })
    }
}
