//! How much memory a training needs, from the layers of its networks.

use crate::config::RunConfig;
use crate::data::PictureKind;
use crate::models::layers::{Kind, Layer, count_parameters, picture_size, values};
use crate::models::network_layers;

/// Bytes of a number.
const FLOAT: usize = 4;

/// Copies of every parameter: itself, its gradient and Adam's two moments; the generator's average beside them.
const COPIES: [usize; 2] = [5, 4];

/// While a layer's gradients are made there are its input and output, their gradients, and both again in the order that the
/// kernels want: beside what is kept anyway, so many times the input and the output; measured.
const GRADIENT_COPIES: usize = 2;

/// Bytes that a step of training holds at once, about: parameters with all that belongs to them, what the passes keep for
/// their gradients, and what the largest layer needs to make its own. On the CPU, and on graphics devices in full precision; what
/// their convolutions keep takes half of that in half precision. The pictures of the data set and the program itself
/// come on top.
pub fn step_bytes(config: &RunConfig, kind: PictureKind) -> usize {
    let networks = network_layers(config, kind);
    let picture = values(picture_size(kind.channels, config.data.resolution));
    let [generator, discriminator] = networks.each_ref().map(|layers| kept(layers, config.model.dropout > 0.0));
    // A pass over pictures that are penalised keeps the tangents beside the values.
    let (train, schedule) = (&config.train, &config.schedule);
    let gammas = [(train.r1_gamma, schedule.r1_gamma), (train.r2_gamma, schedule.r2_gamma)];
    let passes: usize =
        gammas.map(|(start, end)| if start > 0.0 || end.is_some_and(|end| end > 0.0) { 2 } else { 1 }).iter().sum();
    let largest = networks.iter().map(|layers| largest(layers)).max().unwrap_or_default().max(picture);
    let pictures = generator + passes * (discriminator + picture) + GRADIENT_COPIES * largest;
    let states: usize = networks.iter().zip(COPIES).map(|(layers, copies)| count_parameters(layers) * copies).sum();
    FLOAT * (config.train.batch * pictures + states)
}

/// Numbers of one picture that a network keeps for its gradients, its input not counted.
fn kept(layers: &[Layer], has_dropout: bool) -> usize {
    let layers = layers.iter().filter(|layer| has_dropout || layer.kind != Kind::Dropout);
    layers.map(|layer| layer.kept * values(layer.output)).sum()
}

/// Input and output of the layer where they are largest; those of the network itself not counted.
fn largest(layers: &[Layer]) -> usize {
    let products: Vec<&Layer> = layers.iter().filter(|layer| layer.is_product()).collect();
    let of_layer = |(i, layer): (usize, &&Layer)| {
        let input = if i == 0 { 0 } else { values(layer.input) };
        let output = if i + 1 == products.len() { 0 } else { values(layer.output) };
        input + output
    };
    products.iter().enumerate().map(of_layer).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes;

    const RGB: PictureKind = PictureKind { channels: 3, classes: 0 };

    /// What a process had in memory lies within a fifth below and two fifths above (`tests/cli/memory.rs` of the terminal
    /// program): whoever changes a list of layers sees here what that makes of the estimates.
    #[test]
    fn estimates_are_those_that_were_measured() {
        let expected = [
            ("projected", 114_018_240),
            ("r3gan", 142_049_216),
            ("r3gan-small", 142_049_216),
            ("r3gan-base", 842_207_040),
            ("r3gan-large", 2_259_238_400),
            ("dcgan32", 160_441_856),
            ("dcgan64", 667_334_144),
            ("keras-dogs", 253_670_912),
            ("dense-upsample", 523_536_204),
            ("stanford-dogs", 107_757_840),
            ("fashion-mnist", 119_698_384),
        ];
        let found = recipes::ALL.map(|recipe| (recipe.name, step_bytes(&recipe.config(), RGB)));
        assert_eq!(found, expected);
    }

    #[test]
    fn memory_grows_with_the_batch_and_with_penalties() {
        let mut config = recipes::find("r3gan-small").unwrap().config();
        let [generator, discriminator] = network_layers(&config, RGB).map(|layers| count_parameters(&layers));
        let states = 4 * (5 * generator + 4 * discriminator);
        let whole = step_bytes(&config, RGB);
        config.train.batch *= 2;
        assert_eq!(step_bytes(&config, RGB) - states, 2 * (whole - states));
        config.train.batch /= 2;
        config.train.r2_gamma = 0.0;
        assert_eq!(step_bytes(&config, RGB), whole, "it comes back by the schedule");
        config.schedule.r2_gamma = None;
        assert!(step_bytes(&config, RGB) < whole);
    }
}
