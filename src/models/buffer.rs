//! Tensors that are part of a network's state and follow its training, but are not trained.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor};

use crate::weights::BUFFER;

/// A tensor that is saved with a network but not trained, like batch norm's running statistics (PyTorch's
/// `register_buffer`).
///
/// A forward pass replaces its value through a shared reference. Clones share the value; [`Module::valid`] and
/// [`Module::to_device`] copy it.
/// Visitors see it as a parameter inside the container [`BUFFER`], by which [`crate::weights`] tells it from trained ones.
///
/// burn's own `RunningState` averages over threads, each average a launch on a graphics device; here one thread trains.
#[derive(Clone, Debug)]
pub struct Buffer {
    id: ParamId,
    value: Arc<Mutex<Tensor<1>>>,
}

impl Buffer {
    /// Holds `value`, without autodiff.
    pub fn new(value: Tensor<1>) -> Self {
        Self::with_id(ParamId::new(), value)
    }

    /// Its value, without autodiff.
    pub fn value(&self) -> Tensor<1> {
        self.lock().clone()
    }

    /// Replaces its value.
    pub fn set(&self, value: Tensor<1>) {
        *self.lock() = value.without_autodiff();
    }

    fn with_id(id: ParamId, value: Tensor<1>) -> Self {
        Self { id, value: Arc::new(Mutex::new(value.without_autodiff())) }
    }

    fn lock(&self) -> MutexGuard<'_, Tensor<1>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Module for Buffer {
    fn collect_devices(&self, mut devices: Vec<Device>) -> Vec<Device> {
        let device = self.value().device();
        if !devices.contains(&device) {
            devices.push(device);
        }
        devices
    }

    fn fork(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn to_device(self, device: &Device) -> Self {
        Self::with_id(self.id, self.value().to_device(device))
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        visitor.enter_module("", BUFFER);
        visitor.visit_float(&Param::initialized(self.id, self.value()));
        visitor.exit_module("", BUFFER);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        mapper.enter_module("", BUFFER);
        let (_, value, _) = mapper.map_float(Param::initialized(self.id, self.value())).consume();
        mapper.exit_module("", BUFFER);
        self.set(value);
        self
    }

    fn materialize(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        Self::with_id(self.id, self.value())
    }

    fn train(self) -> Self {
        Self::with_id(self.id, self.value())
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer(id={})", self.id)
    }
}

impl ModuleDisplayDefault for Buffer {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(&"Buffer".to_owned()).optional()
    }
}

impl ModuleDisplay for Buffer {}
