//! A graph as one HTML file that draws by itself: without a network, from `file:`, in any browser of today.
//!
//! The file has the graph as JSON, the weights as base64, and `player/`: a small interpreter of the graph's operations, the random
//! numbers of [`crate::random`], and the page. Weights are halves, which changes colours by two levels of 255 at most; what is
//! small, such as biases and statistics, stays as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use half::f16;
use serde::Serialize;

use super::graph::{Graph, Node};
use crate::models::layers::Size;
use crate::weights::HostTensor;

const PAGE: &str = include_str!("player/page.html");
const STYLE: &str = include_str!("player/page.css");
const NETWORK: &str = include_str!("player/network.js");
const SCRIPT: &str = include_str!("player/page.js");

/// What the page knows of the generator.
#[derive(Serialize)]
struct Player<'a> {
    title: &'a str,
    summary: String,
    latent: usize,
    classes: &'a [String],
    picture: Size,
    nodes: &'a [Node],
    tensors: Vec<Stored>,
}

/// Where a tensor lies in the bytes beside the JSON.
#[derive(Serialize)]
struct Stored {
    shape: Vec<usize>,
    /// The first byte.
    at: usize,
    /// Halves are to be multiplied with it; none for float32.
    scale: Option<f32>,
}

/// The whole file.
pub fn html(graph: &Graph<'_>) -> String {
    let mut bytes = Vec::new();
    // Those of four bytes first, as typed arrays begin at multiples of their numbers' size.
    let mut order: Vec<usize> = (0..graph.tensors.len()).collect();
    order.sort_by_key(|index| is_halved(graph.tensors[*index]));
    let mut stored: Vec<(usize, Stored)> =
        order.into_iter().map(|index| (index, store(graph.tensors[index], &mut bytes))).collect();
    stored.sort_by_key(|(index, _)| *index);
    let player = Player {
        title: title(graph),
        summary: summary(graph),
        latent: graph.latent,
        classes: graph.classes,
        picture: graph.picture(),
        nodes: &graph.nodes,
        tensors: stored.into_iter().map(|(_, stored)| stored).collect(),
    };
    // Inside of a script nothing may look like the end of it.
    let json = serde_json::to_string(&player).expect("plain structs always serialise").replace('<', "\\u003c");
    let weights = STANDARD.encode(bytes);
    let parts = [
        ("title", escaped(title(graph))),
        ("style", STYLE.to_owned()),
        ("network", NETWORK.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("player", json),
        ("weights", weights),
    ];
    filled(PAGE, &parts)
}

/// The template with each `{{name}}` replaced by a part. What a part contains is not looked into.
fn filled(template: &str, parts: &[(&str, String)]) -> String {
    let mut page = String::with_capacity(template.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, at)) = rest.split_once("{{") {
        let (name, after) = at.split_once("}}").expect("the template closes what it opens");
        let (_, part) =
            parts.iter().find(|(known, _)| *known == name).expect("the template names parts that there are");
        page.push_str(before);
        page.push_str(part.trim_end());
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What the page is called: by the pictures that the generator learnt from.
fn title<'a>(graph: &Graph<'a>) -> &'a str {
    if graph.meta.data.is_unknown() { "Pictures by a GAN" } else { &graph.meta.data.name }
}

/// What drew the pictures, in a sentence.
fn summary(graph: &Graph<'_>) -> String {
    let [_, rows, columns] = graph.picture();
    let learnt_from = match graph.meta.data.count {
        0 => "pictures that are not known".to_owned(),
        count => format!("{count} pictures"),
    };
    format!("Drawn by a GAN, {columns} × {rows} pixels each. It learnt from {learnt_from}.")
}

/// Weights of products, which are most of the numbers. What is added or scales a whole channel stays exact.
fn is_halved(tensor: &HostTensor) -> bool {
    tensor.shape.len() > 1
}

fn store(tensor: &HostTensor, bytes: &mut Vec<u8>) -> Stored {
    let (at, shape) = (bytes.len(), tensor.shape.clone());
    if !is_halved(tensor) {
        bytes.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
        return Stored { shape, at, scale: None };
    }
    // A power of two, so that scaling is exact: small weights keep all of their digits, and large ones do not overflow.
    let largest = tensor.values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = if largest > f32::MIN_POSITIVE { libm::exp2f(libm::floorf(libm::log2f(largest))) } else { 1.0 };
    bytes.extend(tensor.values.iter().flat_map(|value| f16::from_f32(value / scale).to_le_bytes()));
    Stored { shape, at, scale: Some(scale) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(values: &[f32], shape: &[usize]) -> (Stored, Vec<u8>) {
        let tensor = HostTensor { name: "w".to_owned(), shape: shape.to_vec(), values: values.to_vec() };
        let mut bytes = vec![0; 4];
        let stored = store(&tensor, &mut bytes);
        (stored, bytes.split_off(4))
    }

    #[test]
    fn weights_are_halves_of_their_digits_whatever_their_size() {
        for size in [1e-7f32, 1e-3, 1.0, 1e6] {
            let values = [1.0, -0.7, 0.001, 0.0].map(|value| size * value);
            let (Stored { at, scale, .. }, bytes) = stored(&values, &[2, 2]);
            assert_eq!((at, bytes.len()), (4, 8));
            for (value, bytes) in values.iter().zip(bytes.as_chunks().0) {
                let found = f16::from_le_bytes(*bytes).to_f32() * scale.unwrap();
                assert!((found - value).abs() <= value.abs() / 2048.0, "{found} instead of {value}");
            }
        }
        assert_eq!(stored(&[0.0; 4], &[2, 2]).1, [0; 8]);
    }

    #[test]
    fn vectors_stay_as_they_are() {
        let (Stored { scale, .. }, bytes) = stored(&[1e-9, 1e9], &[2]);
        assert_eq!(scale, None);
        assert_eq!(bytes, [1e-9f32.to_le_bytes(), 1e9f32.to_le_bytes()].concat());
    }

    #[test]
    fn parts_take_their_places_and_are_not_looked_into() {
        let parts = [("a", "{{b}}".to_owned()), ("b", "2\n".to_owned())];
        assert_eq!(filled("1 {{a}} {{b}} 3", &parts), "1 {{b}} 2 3");
    }
}
