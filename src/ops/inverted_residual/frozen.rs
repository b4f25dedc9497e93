//! A block's sums, over a few images at a time.

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

use super::InvertedResidualSizes;
use crate::ops::convolution::{Geometry, Prepared};
use crate::ops::parallel::{collect_chunks, vectorized};
use crate::ops::rectifier::CEILING;

/// Pixels of the last maps that pass through a block together, about.
const PIXELS: usize = 64;

/// Maps with fewer pixels have a bias for each value, because loops over so few are slow.
const SMALL: usize = 16;

/// A convolution and its bias.
struct Layer {
    forward: Prepared,
    transposed: Prepared,
    /// For each channel, or for each value of an image if its maps are small.
    bias: Vec<f32>,
    /// Pixels of an output map.
    area: usize,
}

impl Layer {
    fn new(geometry: &Geometry, weight: &[f32], bias: &[f32]) -> Self {
        let area = geometry.output[0] * geometry.output[1];
        let repeats = if area < SMALL { area } else { 1 };
        Self {
            forward: Prepared::forward(geometry, weight),
            transposed: Prepared::transposed(geometry, weight),
            bias: bias.iter().flat_map(|bias| std::iter::repeat_n(*bias, repeats)).collect(),
            area,
        }
    }

    /// The values that have one bias.
    fn step(&self) -> usize {
        if self.area < SMALL { 1 } else { self.area }
    }

    /// `relu6(y + bias)`, and whether the gradient passes each value, if anyone asks.
    fn rectify(&self, y: &mut [f32], passes: Option<&mut Vec<u8>>) {
        let rectify = |y: &mut f32, bias: f32| {
            let sum = *y + bias;
            // NaN stays NaN.
            let sum = if sum > CEILING { CEILING } else { sum };
            *y = if sum < 0.0 { 0.0 } else { sum };
        };
        vectorized(|| {
            if self.step() == 1 {
                for image in y.chunks_mut(self.bias.len()) {
                    for (y, bias) in image.iter_mut().zip(&self.bias) {
                        rectify(y, *bias);
                    }
                }
            } else {
                for (map, bias) in y.chunks_mut(self.area).zip(self.bias.iter().cycle()) {
                    let bias = *bias;
                    for y in map {
                        rectify(y, bias);
                    }
                }
            }
            if let Some(passes) = passes {
                passes.extend(y.iter().map(|y| u8::from((*y > 0.0) & (*y < CEILING))));
            }
        });
    }
}

/// What the gradient needs of a batch: for each part of it, whether the gradient passes each value after `expand` and
/// after `depthwise`.
pub type Kept = Arc<OnceLock<Vec<[Vec<u8>; 2]>>>;

/// A block for maps of one size, with its weights in the order in which they are used.
pub struct FrozenBlock {
    expand: Option<Layer>,
    depthwise: Layer,
    project: Layer,
    /// Values of an image before and after.
    values: [usize; 2],
    /// Images that pass through the block together. A constant, so that sums don't depend on the number of threads.
    images: usize,
    pub is_residual: bool,
    /// Channels, height and width of an image before and after.
    pub shapes: [[usize; 3]; 2],
}

/// Weight and bias of a convolution.
pub type Weights<'a> = (&'a [f32], &'a [f32]);

impl FrozenBlock {
    /// # Panics
    /// If the weights do not have the block's sizes.
    pub fn new(
        sizes: InvertedResidualSizes,
        [height, width]: [usize; 2],
        expand: Option<Weights>,
        depthwise: Weights,
        project: Weights,
    ) -> Self {
        let InvertedResidualSizes { channels: [channels_in, between, channels_out], kernel, stride, is_residual } =
            sizes;
        let layer = |input: [usize; 4], weight: [usize; 4], stride, groups, (values, bias): Weights| {
            let geometry = Geometry::same(input, weight, stride, groups);
            (geometry.output, Layer::new(&geometry, values, bias))
        };
        let expand =
            expand.map(|weights| layer([1, channels_in, height, width], [between, channels_in, 1, 1], 1, 1, weights).1);
        let (target @ [new_height, new_width], depthwise) =
            layer([1, between, height, width], [between, 1, kernel, kernel], stride, between, depthwise);
        let (_, project) = layer([1, between, new_height, new_width], [channels_out, between, 1, 1], 1, 1, project);
        let shapes = [[channels_in, height, width], [channels_out, new_height, new_width]];
        let values = shapes.map(|shape| shape.iter().product());
        let images = (PIXELS / (target[0] * target[1])).max(1);
        assert!(!is_residual || values[0] == values[1], "a residual block's input and output have the same shape");
        Self { expand, depthwise, project, values, images, is_residual, shapes }
    }

    /// The block's output, and what the gradient needs, if anyone asks.
    pub fn forward(&self, x: &[f32], kept: Option<&Kept>) -> Vec<f32> {
        let [from, to] = self.values;
        let count = x.len() / from;
        let parts: Vec<OnceLock<[Vec<u8>; 2]>> = (0..count.div_ceil(self.images)).map(|_| OnceLock::new()).collect();
        let part = |index: usize, target: &mut [MaybeUninit<f32>]| {
            let x = &x[index * self.images * from..][..target.len() / to * from];
            let mut passes = kept.map(|_| [Vec::new(), Vec::new()]);
            let expanded = self.expand.as_ref().map(|expand| {
                let mut y = expand.forward.run(x);
                expand.rectify(&mut y, passes.as_mut().map(|[passes, _]| passes));
                y
            });
            let mut y = self.depthwise.forward.run(expanded.as_deref().unwrap_or(x));
            drop(expanded);
            self.depthwise.rectify(&mut y, passes.as_mut().map(|[_, passes]| passes));
            let y = self.project.forward.run(&y);
            vectorized(|| self.finish(x, &y, target));
            if let Some(passes) = passes {
                parts[index].set(passes).expect("every part is computed once");
            }
        };
        // SAFETY: every value of every image is written at the end.
        let y = unsafe { collect_chunks(count * to, self.images * to, part) };
        if let Some(kept) = kept {
            let parts = parts.into_iter().map(|part| part.into_inner().expect("every part is computed"));
            kept.set(parts.collect()).expect("a batch is computed once");
        }
        y
    }

    /// Adds the last bias, and the input to the output of a residual block.
    #[inline(always)]
    fn finish(&self, x: &[f32], y: &[f32], target: &mut [MaybeUninit<f32>]) {
        let step = self.project.step();
        let biases = self.project.bias.iter().cycle();
        let maps = target.chunks_mut(step).zip(y.chunks(step)).zip(biases);
        if self.is_residual {
            for (((target, y), bias), x) in maps.zip(x.chunks(step)) {
                for ((target, y), x) in target.iter_mut().zip(y).zip(x) {
                    target.write(y + bias + x);
                }
            }
        } else {
            for ((target, y), bias) in maps {
                for (target, y) in target.iter_mut().zip(y) {
                    target.write(y + bias);
                }
            }
        }
    }

    /// The gradient of the input, for a gradient of the output.
    ///
    /// # Panics
    /// If `kept` is not that of the batch.
    pub fn backward(&self, gradient: &[f32], kept: &Kept) -> Vec<f32> {
        let [from, to] = self.values;
        let parts = kept.get().expect("the batch was computed before");
        let part = |index: usize, target: &mut [MaybeUninit<f32>]| {
            let gradient = &gradient[index * self.images * to..][..target.len() / from * to];
            let [expanded, between] = &parts[index];
            let mut of_between = self.project.transposed.run(gradient);
            gate(&mut of_between, between);
            let mut of_x = self.depthwise.transposed.run(&of_between);
            drop(of_between);
            if let Some(expand) = &self.expand {
                gate(&mut of_x, expanded);
                of_x = expand.transposed.run(&of_x);
            }
            vectorized(|| {
                if self.is_residual {
                    for ((target, of_x), gradient) in target.iter_mut().zip(&of_x).zip(gradient) {
                        target.write(of_x + gradient);
                    }
                } else {
                    for (target, of_x) in target.iter_mut().zip(&of_x) {
                        target.write(*of_x);
                    }
                }
            });
        };
        // SAFETY: every value of every image is written at the end.
        unsafe { collect_chunks(gradient.len() / to * from, self.images * from, part) }
    }
}

/// Keeps the gradients that pass.
fn gate(gradient: &mut [f32], passes: &[u8]) {
    assert_eq!(gradient.len(), passes.len());
    vectorized(|| {
        for (gradient, passes) in gradient.iter_mut().zip(passes) {
            *gradient = if *passes != 0 { *gradient } else { 0.0 };
        }
    });
}

impl fmt::Debug for FrozenBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrozenBlock").field("shapes", &self.shapes).finish_non_exhaustive()
    }
}
