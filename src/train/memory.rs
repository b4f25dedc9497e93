//! How much memory a training needs, from the sizes of its networks.

use crate::config::{Architecture, ModelConfig, Norm, RunConfig};
use crate::models::r3gan::R3ganConfig;

/// Bytes of a number.
const FLOAT: usize = 4;

/// Copies of every parameter: itself, its gradient and Adam's two moments; the generator's average beside them.
const COPIES: [usize; 2] = [5, 4];

/// Bytes that a step of training holds at once, about: parameters with all that belongs to them, and what the passes keep
/// for their gradients. The pictures of the data set, buffers of single kernels and the program itself come on top.
///
/// `parameters`: how many the generator and the discriminator have; `channels`: of a picture.
pub fn step_bytes(config: &RunConfig, channels: usize, parameters: [usize; 2]) -> usize {
    let [generator, discriminator] = kept_numbers(config, channels);
    // Real and generated pictures are judged with tangents where they are penalised.
    let passes = [config.train.r1_gamma, config.train.r2_gamma].map(|gamma| if gamma > 0.0 { 2 } else { 1 });
    let kept = config.train.batch * (generator + passes.iter().sum::<usize>() * discriminator);
    let states: usize = parameters.iter().zip(COPIES).map(|(count, copies)| count * copies).sum();
    FLOAT * (kept + states)
}

/// Numbers that one pass of each network over one picture keeps for its gradient.
fn kept_numbers(config: &RunConfig, channels: usize) -> [usize; 2] {
    let (model, side) = (&config.model, config.data.resolution);
    let picture = channels * side * side;
    let [generator, discriminator] = match model.architecture {
        Architecture::Dcgan => dcgan(model, side),
        Architecture::DenseUpsample => dense_upsample(model, side),
        Architecture::Dense => [14 * model.generator_width, 14 * model.discriminator_width],
        Architecture::R3gan => {
            [model.generator_width, model.discriminator_width].map(|width| r3gan(width, model.blocks, side))
        }
    };
    [generator + picture, discriminator + picture]
}

/// Of a layer: what the convolution, batch norm and the activation each leave behind.
const NORMALISED: usize = 3;

fn dcgan(model: &ModelConfig, side: usize) -> [usize; 2] {
    let doublings = (side / 4).ilog2() as usize;
    let generator =
        (0..doublings).map(|i| NORMALISED * (model.generator_width << (doublings - 1 - i)) * square(4 << i));
    let discriminator = (0..doublings).map(|i| {
        let layers = if i == 0 || model.discriminator_norm == Norm::None { 1 } else { NORMALISED };
        (layers + dropout(model)) * (model.discriminator_width << i) * square(side >> (i + 1))
    });
    [generator.sum(), discriminator.sum()]
}

fn dense_upsample(model: &ModelConfig, side: usize) -> [usize; 2] {
    let doublings = (side.trailing_zeros() as usize).min((side / 4).ilog2() as usize);
    let start = (model.generator_width << doublings) * square(side >> doublings);
    // Each block upsamples as many channels as the one before left, and then convolves to half of them.
    let blocks = (0..doublings).map(|i| 3 * (model.generator_width << i) * square(side >> i));
    let discriminator =
        (0..doublings).map(|i| (1 + dropout(model)) * (model.discriminator_width << i) * square(side >> (i + 1)));
    [start + blocks.sum::<usize>(), discriminator.sum()]
}

/// Blocks of three convolutions, the first two twice as wide as the stream; filters between the resolutions.
fn r3gan(width: usize, blocks: usize, side: usize) -> usize {
    let widths = R3ganConfig::widths(width, side);
    widths.iter().enumerate().map(|(i, width)| (5 * blocks + 2) * width * square(side >> i)).sum()
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
