//! How much memory a training needs, from the sizes of its networks.

use crate::config::{Architecture, ModelConfig, Norm, RunConfig};
use crate::models::r3gan::R3ganConfig;

/// Bytes of a number.
const FLOAT: usize = 4;

/// Copies of every parameter: itself, its gradient and Adam's two moments; the generator's average beside them.
const COPIES: [usize; 2] = [5, 4];

/// One convolution or dense layer, with what follows it; in numbers of one picture.
#[derive(Clone, Copy)]
struct Layer {
    /// Kept for the gradient.
    kept: usize,
    /// In and out, which are there four times while its gradient is made: themselves, their gradients, and both again in
    /// the order that the kernels want.
    touched: usize,
}

/// Bytes that a step of training holds at once, about: parameters with all that belongs to them, what the passes keep for
/// their gradients, and what the largest layer needs to make its own. The pictures of the data set and the program itself
/// come on top.
///
/// `parameters`: how many the generator and the discriminator have; `channels`: of a picture.
pub fn step_bytes(config: &RunConfig, channels: usize, parameters: [usize; 2]) -> usize {
    let layers = layers(config, channels);
    let [generator, discriminator] =
        [0, 1].map(|network| layers[network].iter().map(|layer| layer.kept).sum::<usize>());
    // Real and generated pictures are judged with tangents where they are penalised.
    let passes = [config.train.r1_gamma, config.train.r2_gamma].map(|gamma| if gamma > 0.0 { 2 } else { 1 });
    let at_once = 2 * layers.iter().flatten().map(|layer| layer.touched).max().unwrap_or_default();
    let pictures = config.train.batch * (generator + passes.iter().sum::<usize>() * discriminator + at_once);
    let states: usize = parameters.iter().zip(COPIES).map(|(count, copies)| count * copies).sum();
    FLOAT * (pictures + states)
}

/// Of both networks.
fn layers(config: &RunConfig, channels: usize) -> [Vec<Layer>; 2] {
    let (model, side) = (&config.model, config.data.resolution);
    let widths = [model.generator_width, model.discriminator_width];
    let mut layers = match model.architecture {
        Architecture::Dcgan => dcgan(model, side),
        Architecture::DenseUpsample => dense_upsample(model, side),
        Architecture::Dense => widths.map(|width| vec![Layer { kept: 14 * width, touched: 12 * width }]),
        Architecture::R3gan => widths.map(|width| r3gan(width, model.blocks, side)),
    };
    let picture = channels * square(side);
    layers.iter_mut().for_each(|layers| layers.push(Layer { kept: picture, touched: picture }));
    layers
}

/// Numbers for each that a layer with batch norm makes: the norm's input, its result after the activation, and what of that
/// a process had in memory besides (`tests/cli/memory.rs` of the program).
const NORMALISED: usize = 3;

fn dcgan(model: &ModelConfig, side: usize) -> [Vec<Layer>; 2] {
    let doublings = (side / 4).ilog2() as usize;
    // Half as many numbers on the side of the smaller maps as on the other.
    let layer = |kept: usize, numbers: usize| Layer { kept: kept * numbers, touched: numbers + numbers / 2 };
    let generator =
        (0..doublings).map(|i| layer(NORMALISED, (model.generator_width << (doublings - 1 - i)) * square(4 << i)));
    let discriminator = (0..doublings).map(|i| {
        let kept = if i == 0 || model.discriminator_norm == Norm::None { 1 } else { NORMALISED };
        layer(kept + dropout(model), (model.discriminator_width << i) * square(side >> (i + 1)))
    });
    [generator.collect(), discriminator.collect()]
}

fn dense_upsample(model: &ModelConfig, side: usize) -> [Vec<Layer>; 2] {
    let doublings = (side.trailing_zeros() as usize).min((side / 4).ilog2() as usize);
    let start = (model.generator_width << doublings) * square(side >> doublings);
    // Each block upsamples as many channels as the one before left, and then convolves to half of them.
    let blocks = (0..doublings).map(|i| 3 * (model.generator_width << i) * square(side >> i));
    let generator = blocks.chain([start]).map(|numbers| Layer { kept: numbers, touched: numbers });
    let discriminator = (0..doublings).map(|i| {
        let numbers = (model.discriminator_width << i) * square(side >> (i + 1));
        Layer { kept: (1 + dropout(model)) * numbers, touched: 3 * numbers }
    });
    [generator.collect(), discriminator.collect()]
}

/// Blocks of three convolutions, the first two twice as wide as the stream; filters between the resolutions.
fn r3gan(width: usize, blocks: usize, side: usize) -> Vec<Layer> {
    let numbers = R3ganConfig::widths(width, side).into_iter().enumerate().map(|(i, width)| width * square(side >> i));
    numbers.map(|numbers| Layer { kept: (5 * blocks + 2) * numbers, touched: 4 * numbers }).collect()
}

fn dropout(model: &ModelConfig) -> usize {
    usize::from(model.dropout > 0.0)
}

fn square(side: usize) -> usize {
    side * side
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes;

    #[test]
    fn memory_grows_with_the_batch_and_with_penalties() {
        let mut config = recipes::find("r3gan-small").unwrap().config();
        let parameters = [1000, 2000];
        let whole = step_bytes(&config, 3, parameters);
        let states = 4 * (5 * 1000 + 4 * 2000);
        config.train.batch *= 2;
        assert_eq!(step_bytes(&config, 3, parameters) - states, 2 * (whole - states));
        config.train.batch /= 2;
        config.train.r2_gamma = 0.0;
        assert!(step_bytes(&config, 3, parameters) < whole);
        for recipe in recipes::ALL {
            assert!(step_bytes(&recipe.config(), 3, parameters) > states, "{}", recipe.name);
        }
    }
}
