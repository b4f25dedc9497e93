//! A generator as a graph of standard operations with its weights, without a device.

use serde::Serialize;

use crate::checkpoint::{Checkpoint, CheckpointError, Meta, find};
use crate::models::layers::{ConvKind, Kind, Layer, Size};
use crate::models::{BATCH_NORM_EPSILON, network_layers};
use crate::train::NETWORKS;
use crate::weights::HostTensor;

/// What an operation takes: 0 is z, `n` the output of the node `n - 1`.
pub type Value = usize;

/// A checkpoint's averaged generator. Its last node gives pictures in [-1, 1].
///
/// Batch norm uses running statistics, so a picture does not depend on the others drawn with it.
#[derive(Clone, Debug)]
pub struct Graph<'a> {
    /// What the checkpoint says of the run.
    pub meta: &'a Meta,
    /// Length of z.
    pub latent: usize,
    /// Names of the classes that it draws; empty if it was trained without.
    pub classes: &'a [String],
    /// In an order in which they can be computed.
    pub nodes: Vec<Node>,
    /// What the operations take beside values, by index.
    pub tensors: Vec<&'a HostTensor>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Path of the layer, as in a checkpoint; of an operation without tensors that of the layer before, and its own name.
    pub name: String,
    /// What it computes.
    #[serde(flatten)]
    pub op: Op,
    /// What it takes.
    pub input: Value,
    /// Channels, rows and columns of what it gives for one picture.
    pub output: Size,
}

/// What a node computes. Weights and other tensors are indices into [`Graph::tensors`], with PyTorch's layouts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Appends the class's row of `embedding`, `[classes, length]`.
    AppendClass {
        /// `[classes, length]`
        embedding: usize,
    },
    /// `x Wᵀ + b`
    Linear {
        /// `[out, in]`
        weight: usize,
        /// `[out]`
        bias: Option<usize>,
    },
    /// A convolution with square kernels over a map with zeros around it.
    Conv {
        /// `[out, in / groups, kernel, kernel]`
        weight: usize,
        /// `[out]`
        bias: Option<usize>,
        /// Input pixels from one output pixel to the next.
        stride: usize,
        /// Zeros on each side.
        padding: usize,
        /// Separate parts of the channels.
        groups: usize,
    },
    /// A transposed convolution with square kernels.
    ConvTranspose {
        /// `[in, out, kernel, kernel]`
        weight: usize,
        /// Output pixels from one input pixel to the next.
        stride: usize,
        /// Output pixels that are cut off at each side.
        padding: usize,
    },
    /// `γ (x - μ) / √(σ² + ε) + β` by channel; all tensors are `[channels]`.
    BatchNorm {
        /// γ
        gamma: usize,
        /// β
        beta: usize,
        /// μ, the running mean.
        mean: usize,
        /// σ², the running variance.
        variance: usize,
        /// ε
        epsilon: f64,
    },
    /// `x` where x > 0, else `slope x`.
    LeakyRelu {
        /// 0 for a ReLU.
        slope: f32,
    },
    /// The hyperbolic tangent.
    Tanh,
    /// `min(max(x, -1), 1)`, at the end of generators that are not held to that range.
    Clamp,
    /// Every pixel four times.
    NearestUp,
    /// Twice as many rows and columns: `y[2i] = x[i]` and `y[2i+1] = (x[i] + x[i+1]) / 2` along both, with zeros outside.
    BlurUp,
    /// A learnt picture, each channel of which the input scales.
    Basis {
        /// `[channels, rows, columns]`
        basis: usize,
    },
    /// Adds another value of the same size.
    Add {
        /// The other value.
        other: Value,
    },
}

impl<'a> Graph<'a> {
    /// The averaged generator of a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Config`] if the settings inside are invalid, [`CheckpointError::Missing`] and
    /// [`CheckpointError::Shape`] if its tensors do not fit them.
    pub fn new(checkpoint: &'a Checkpoint) -> Result<Self, CheckpointError> {
        let meta = &checkpoint.meta;
        let config = meta.config.clone().validate()?;
        let [layers, _] = network_layers(&config, meta.data.kind());
        let classes = if config.model.conditional { meta.data.classes.as_slice() } else { &[] };
        let graph = Self { meta, latent: config.model.latent, classes, nodes: Vec::new(), tensors: Vec::new() };
        let mut builder = Builder { graph, checkpoint, layers: &layers, inputs: Vec::new(), path: "z" };
        layers.iter().try_for_each(|layer| builder.add(layer))?;
        if !matches!(builder.graph.nodes.last(), Some(Node { op: Op::Tanh, .. })) {
            builder.push_unnamed("clamp", Op::Clamp, builder.graph.picture());
        }
        Ok(builder.graph)
    }

    /// Channels, rows and columns of a picture.
    pub fn picture(&self) -> Size {
        self.size(self.nodes.len())
    }

    /// Channels, rows and columns of a value for one picture.
    pub fn size(&self, value: Value) -> Size {
        match value.checked_sub(1) {
            Some(node) => self.nodes[node].output,
            None => [self.latent, 1, 1],
        }
    }

    /// A tensor's name in the network: `blocks.0.conv.weight`.
    pub fn name_of(&self, tensor: usize) -> &'a str {
        let name = self.tensors[tensor].name.as_str();
        name.strip_prefix(NETWORKS[2]).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
    }
}

/// A graph under construction.
struct Builder<'a, 'l> {
    graph: Graph<'a>,
    checkpoint: &'a Checkpoint,
    layers: &'l [Layer],
    /// What the layers so far took.
    inputs: Vec<Value>,
    /// The last layer with a name.
    path: &'l str,
}

impl<'l> Builder<'_, 'l> {
    fn add(&mut self, layer: &'l Layer) -> Result<(), CheckpointError> {
        self.inputs.push(self.graph.nodes.len());
        if !layer.name.is_empty() {
            self.path = &layer.name;
        }
        let size = layer.output;
        match layer.kind {
            Kind::LeakyRelu { slope } => self.push_unnamed("leaky_relu", Op::LeakyRelu { slope }, size),
            Kind::Tanh => self.push_unnamed("tanh", Op::Tanh, size),
            Kind::NearestUp => self.push_unnamed("nearest_up", Op::NearestUp, size),
            Kind::BlurUp => self.push_unnamed("blur_up", Op::BlurUp, size),
            Kind::Add => self.push_unnamed("add", Op::Add { other: self.start_of_block() }, size),
            // The layer's name is its tensor's.
            Kind::Basis => {
                let op = self.with_tensors(layer)?;
                self.push_unnamed("scaled", op, size);
            }
            _ => {
                let op = self.with_tensors(layer)?;
                let input = self.graph.nodes.len();
                self.graph.nodes.push(Node { name: layer.name.clone(), op, input, output: size });
            }
        }
        Ok(())
    }

    /// The operation of a layer that has tensors.
    fn with_tensors(&mut self, layer: &Layer) -> Result<Op, CheckpointError> {
        let mut tensors = Vec::new();
        for wanted in layer.tensors() {
            let name = format!("{}.{}", NETWORKS[2], wanted.name);
            tensors.push(self.graph.tensors.len());
            self.graph.tensors.push(find(&self.checkpoint.tensors, &name, &wanted.shape)?);
        }
        Ok(match (layer.kind, tensors.as_slice()) {
            (Kind::Conv(ConvKind { stride, padding, groups, .. }), [weight, bias @ ..]) => {
                Op::Conv { weight: *weight, bias: bias.first().copied(), stride, padding, groups }
            }
            (Kind::ConvTranspose { stride, padding, .. }, [weight]) => {
                Op::ConvTranspose { weight: *weight, stride, padding }
            }
            (Kind::Linear { .. }, [weight, bias @ ..]) => Op::Linear { weight: *weight, bias: bias.first().copied() },
            (Kind::BatchNorm, &[gamma, beta, mean, variance]) => {
                Op::BatchNorm { gamma, beta, mean, variance, epsilon: BATCH_NORM_EPSILON }
            }
            (Kind::Basis, [basis]) => Op::Basis { basis: *basis },
            (Kind::AppendClass { .. }, [embedding]) => Op::AppendClass { embedding: *embedding },
            (kind, tensors) => unreachable!("a generator has no layer {kind:?} with {} tensors", tensors.len()),
        })
    }

    /// What the first layer of the residual block took, whose last layer was added last.
    fn start_of_block(&self) -> Value {
        let block = self.path.rsplit_once('.').map_or("", |(block, _)| block);
        let is_in_block = |layer: &Layer| layer.name.strip_prefix(block).is_some_and(|rest| rest.starts_with('.'));
        self.layers.iter().position(is_in_block).map_or(0, |first| self.inputs[first])
    }

    fn push_unnamed(&mut self, word: &str, op: Op, output: Size) {
        let name = format!("{}/{word}", self.path);
        self.graph.nodes.push(Node { name, op, input: self.graph.nodes.len(), output });
    }
}
