//! Named tensors in and out of modules, for checkpoints, optimizers and averages.

use std::collections::BTreeMap;
use std::fmt;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use crate::device::{DeviceError, read_values};

/// A tensor of a module, still on the device.
#[derive(Clone, Debug)]
pub struct DeviceTensor {
    /// Module path, e.g. `blocks.0.conv.weight`.
    pub name: String,
    /// Its shape in the module.
    pub shape: Vec<usize>,
    /// Whether it is a [`Buffer`](crate::models::Buffer): part of a module's state, but not trained.
    pub is_buffer: bool,
    /// Its values, row-major, without gradient.
    pub values: Tensor<1>,
}

/// A tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Module path behind its owner's prefix, e.g. `generator.blocks.0.conv.weight`.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// `shape.product()` values.
    pub values: Vec<f32>,
}

/// The container that a [`Buffer`](crate::models::Buffer) tells a visitor it is in.
pub(crate) const BUFFER: &str = "Buffer";

/// Where a visitor of a module is. The variant of an enum is not part of a path: the settings say which one it is.
#[derive(Debug, Default)]
pub(crate) struct Path {
    names: Vec<String>,
    is_in_buffer: bool,
}

impl Path {
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        match container {
            BUFFER => self.is_in_buffer = true,
            _ if Self::is_enum(container) => {}
            _ => self.names.push(name.to_owned()),
        }
    }

    pub(crate) fn exit(&mut self, container: &str) {
        match container {
            BUFFER => self.is_in_buffer = false,
            _ if Self::is_enum(container) => {}
            _ => {
                self.names.pop();
            }
        }
    }

    /// burn's derive names containers so.
    fn is_enum(container: &str) -> bool {
        container.starts_with("Enum:")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join("."))
    }
}

/// Every float tensor of a module, in the order of its fields: parameters and buffers, but nothing that is
/// [`Frozen`](crate::models::Frozen).
pub fn collect<M: Module>(module: &M) -> Vec<DeviceTensor> {
    let mut visitor = Collect::default();
    module.visit(&mut visitor);
    visitor.tensors
}

/// Trained numbers of a module: neither buffers nor what is [`Frozen`](crate::models::Frozen).
pub fn count_parameters<M: Module>(module: &M) -> usize {
    let tensors = collect(module).into_iter().filter(|tensor| !tensor.is_buffer);
    tensors.map(|tensor| tensor.shape.iter().product::<usize>()).sum()
}

#[derive(Default)]
struct Collect {
    path: Path,
    tensors: Vec<DeviceTensor>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val().without_autodiff();
        let shape: Vec<usize> = tensor.dims().to_vec();
        self.tensors.push(DeviceTensor {
            name: self.path.to_string(),
            is_buffer: self.path.is_in_buffer,
            values: tensor.reshape([shape.iter().product::<usize>()]),
            shape,
        });
    }
}

/// Takes the gradients of a module's parameters out of burn's container: by path, row-major, on the device.
pub fn take_gradients<M: Module>(module: &M, gradients: &mut Gradients) -> BTreeMap<String, Tensor<1>> {
    let mut visitor = TakeGradients { gradients, path: Path::default(), found: BTreeMap::new() };
    module.visit(&mut visitor);
    visitor.found
}

struct TakeGradients<'a> {
    gradients: &'a mut Gradients,
    path: Path,
    found: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for TakeGradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        if let Some(gradient) = tensor.grad_remove(self.gradients) {
            let count = tensor.shape().num_elements();
            self.found.insert(self.path.to_string(), gradient.without_autodiff().reshape([count]));
        }
    }
}

/// Replaces every tensor that [`collect`] gives by `replace(name, shape, old)`; `None` leaves it as it is.
pub fn replace<M: Module, F>(module: M, replace: F) -> M
where
    F: FnMut(&str, &[usize], &Tensor<1>) -> Option<Tensor<1>>,
{
    module.map(&mut Replace { path: Path::default(), replace })
}

struct Replace<F> {
    path: Path,
    replace: F,
}

impl<F> ModuleMapper for Replace<F>
where
    F: FnMut(&str, &[usize], &Tensor<1>) -> Option<Tensor<1>>,
{
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.to_string();
        param.map(|tensor| {
            let is_autodiff = tensor.is_autodiff();
            let requires_grad = tensor.is_require_grad();
            let shape = tensor.shape();
            let dims: [usize; D] = tensor.dims();
            let flat = tensor.clone().without_autodiff().reshape([shape.num_elements()]);
            match (self.replace)(&name, &dims, &flat) {
                None => tensor,
                Some(values) => {
                    let values = values.reshape(dims);
                    if is_autodiff { values.autodiff().set_require_grad(requires_grad) } else { values }
                }
            }
        })
    }
}

/// Reads tensors back in one go. The only place where training state leaves a device.
///
/// # Errors
/// [`DeviceError`] if the device failed since the last read.
pub async fn read_back(tensors: Vec<DeviceTensor>) -> Result<Vec<HostTensor>, DeviceError> {
    let values = read_values(tensors.iter().map(|t| t.values.clone())).await?;
    Ok(tensors
        .into_iter()
        .zip(values)
        .map(|(tensor, values)| HostTensor { name: tensor.name, shape: tensor.shape, values })
        .collect())
}
