//! Blocks on flex. The weights never change, so they are put in order once for each size of map.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, BackendTensor, Dispatch, DispatchTensorKind, Flex, backend_extension};
use burn::tensor::Tensor;

use super::InvertedResidual;
use super::frozen::{FrozenBlock, Kept, Weights};
use crate::ops::Conv;
use crate::ops::flex::{is_flex, tensor, values};

/// The blocks that were prepared, with the weights that they were made from. Copies of a layer share them.
#[derive(Clone, Debug, Default)]
pub struct Cache(Arc<Mutex<Vec<Entry>>>);

#[derive(Debug)]
struct Entry {
    /// Height and width of the input.
    size: [usize; 2],
    /// Weight and bias of each convolution. As long as they are held here, nothing writes to their memory.
    weights: Vec<FlexTensor>,
    block: Arc<FrozenBlock>,
}

/// A network sees pictures of one size, seldom of another.
const MOST_ENTRIES: usize = 2;

impl Entry {
    fn is_for(&self, size: [usize; 2], weights: &[FlexTensor]) -> bool {
        let is_same = |(one, other): (&FlexTensor, &FlexTensor)| std::ptr::eq(values(one), values(other));
        self.size == size && self.weights.len() == weights.len() && self.weights.iter().zip(weights).all(is_same)
    }
}

/// The block for the size of these maps, or `None` if they are not on flex, or if a weight is trained.
pub fn prepare(layer: &InvertedResidual, x: &Tensor<4>) -> Option<Arc<FrozenBlock>> {
    if !is_flex(&x.device()) {
        return None;
    }
    let convolutions = layer.expand.iter().chain([&layer.depthwise, &layer.project]);
    let weights: Vec<[FlexTensor; 2]> = convolutions.map(weights).collect::<Option<_>>()?;
    let flat: Vec<FlexTensor> = weights.iter().flatten().cloned().collect();
    let [_, _, height, width] = x.dims();
    let size = [height, width];

    // Entries are whole at any time, so a panic elsewhere does not matter.
    let mut entries = layer.prepared.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = entries.iter().find(|entry| entry.is_for(size, &flat)) {
        return Some(entry.block.clone());
    }
    let [expand @ .., depthwise, project] = &weights[..] else { return None };
    let block = FrozenBlock::new(layer.sizes, size, expand.first().map(slices), slices(depthwise), slices(project));
    let block = Arc::new(block);
    if entries.len() >= MOST_ENTRIES {
        entries.remove(0);
    }
    entries.push(Entry { size, weights: flat, block: block.clone() });
    Some(block)
}

fn slices([weight, bias]: &[FlexTensor; 2]) -> Weights<'_> {
    (values(weight), values(bias))
}

/// Weight and bias of a convolution, or `None` if one is trained or there is no bias.
fn weights(conv: &Conv) -> Option<[FlexTensor; 2]> {
    let bias = conv.bias.as_ref()?.val();
    Some([constant(conv.weight.val())?, constant(bias)?])
}

/// A tensor that takes no part in autodiff.
fn constant<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    match tensor.into_dispatch().kind {
        DispatchTensorKind::Flex(BackendTensor::Float(tensor)) if tensor.is_contiguous() => Some(tensor),
        _ => None,
    }
}

/// # Shapes
/// As for [`InvertedResidual::forward`].
pub fn run(x: Tensor<4>, block: Arc<FrozenBlock>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::inverted_residual(x.into_dispatch(), block, None))
}

/// Blocks on a backend.
#[backend_extension(Flex, Autodiff)]
pub trait InvertedResidualBackend: Backend {
    /// See [`InvertedResidual::forward`]. Fills `kept`.
    fn inverted_residual(x: FloatTensor<Self>, block: Arc<FrozenBlock>, kept: Option<Kept>) -> FloatTensor<Self>;

    /// From a gradient of the output to that of the input.
    fn inverted_residual_back(gradient: FloatTensor<Self>, block: Arc<FrozenBlock>, kept: Kept) -> FloatTensor<Self>;
}

/// Of a batch of images.
fn shape(batch: usize, [channels, height, width]: [usize; 3]) -> [usize; 4] {
    [batch, channels, height, width]
}

impl InvertedResidualBackend for Flex {
    fn inverted_residual(x: FloatTensor<Self>, block: Arc<FrozenBlock>, kept: Option<Kept>) -> FloatTensor<Self> {
        let [batch, _, _, _] = x.layout().shape().dims();
        let x = x.to_contiguous();
        tensor(block.forward(values(&x), kept.as_ref()), shape(batch, block.shapes[1]))
    }

    fn inverted_residual_back(gradient: FloatTensor<Self>, block: Arc<FrozenBlock>, kept: Kept) -> FloatTensor<Self> {
        let [batch, _, _, _] = gradient.layout().shape().dims();
        let gradient = gradient.to_contiguous();
        tensor(block.backward(values(&gradient), &kept), shape(batch, block.shapes[0]))
    }
}

#[derive(Debug)]
struct Step;

impl<B: InvertedResidualBackend> Backward<B, 1> for Step {
    type State = (Arc<FrozenBlock>, Kept);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (block, kept) = ops.state;
        if let [Some(node)] = ops.parents {
            gradients.register::<B>(node.id, B::inverted_residual_back(gradient, block, kept));
        }
    }
}

impl<B: InvertedResidualBackend, C: CheckpointStrategy> InvertedResidualBackend for Autodiff<B, C> {
    fn inverted_residual(x: FloatTensor<Self>, block: Arc<FrozenBlock>, _: Option<Kept>) -> FloatTensor<Self> {
        match Step.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept = Kept::default();
                let y = B::inverted_residual(x.into_primitive(), block.clone(), Some(kept.clone()));
                prep.finish((block, kept), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::inverted_residual(x.into_primitive(), block, None)),
        }
    }

    fn inverted_residual_back(_: FloatTensor<Self>, _: Arc<FrozenBlock>, _: Kept) -> FloatTensor<Self> {
        unreachable!("only gradients are mapped back, and burn differentiates once")
    }
}
