//! Generators to give away, of every family: as a graph, as ONNX in onnxruntime, and as the page's JavaScript in node, held to what
//! the networks themselves draw.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::{Int, Tensor, TensorData};
use whelp::checkpoint::{Checkpoint, DataOrigin, FORMAT, Meta, RandomState};
use whelp::config::{Architecture, Resolution, RunConfig};
use whelp::export::{Graph, Node, Op, html, onnx};
use whelp::latent::Latent;
use whelp::models::{Generator, network_layers};
use whelp::protocol::Progress;
use whelp::random::{Random, Stream};
use whelp::series::StepSeries;
use whelp::weights::{self, HostTensor};

use crate::support::cpu;

/// A generator to export.
#[derive(Clone, Copy, Debug)]
struct Family {
    architecture: Architecture,
    resolution: Resolution,
    channels: usize,
    classes: usize,
    width: usize,
    narrow_stages: usize,
}

const fn family(architecture: Architecture, side: usize, channels: usize) -> Family {
    Family { architecture, resolution: Resolution::square(side), channels, classes: 0, width: 8, narrow_stages: 1 }
}

/// Every family, at every resolution that it can have, in colour and grey; R3GAN's also with classes, with two narrow stages and
/// with groups of sixteen channels.
const FAMILIES: [Family; 25] = [
    family(Architecture::Dcgan, 32, 3),
    family(Architecture::Dcgan, 64, 1),
    family(Architecture::Dcgan, 128, 3),
    family(Architecture::Dcgan, 256, 1),
    family(Architecture::Dense, 28, 1),
    family(Architecture::Dense, 32, 3),
    family(Architecture::Dense, 64, 1),
    family(Architecture::DenseUpsample, 28, 1),
    family(Architecture::DenseUpsample, 32, 3),
    family(Architecture::DenseUpsample, 64, 3),
    family(Architecture::DenseUpsample, 128, 1),
    family(Architecture::DenseUpsample, 256, 3),
    family(Architecture::R3gan, 32, 3),
    family(Architecture::R3gan, 64, 1),
    family(Architecture::R3gan, 128, 3),
    family(Architecture::R3gan, 256, 3),
    Family { classes: 3, ..family(Architecture::R3gan, 32, 3) },
    Family { classes: 10, ..family(Architecture::R3gan, 64, 1) },
    Family { width: 24, narrow_stages: 2, ..family(Architecture::R3gan, 64, 3) },
    family(Architecture::Projected, 32, 3),
    family(Architecture::Projected, 64, 1),
    family(Architecture::Projected, 128, 3),
    Family { resolution: TALL, ..family(Architecture::R3gan, 0, 3) },
    Family { resolution: Resolution { width: 48, height: 32 }, classes: 3, ..family(Architecture::R3gan, 0, 1) },
    Family { resolution: TALL, ..family(Architecture::Projected, 0, 3) },
];

const TALL: Resolution = Resolution { width: 64, height: 96 };

impl Family {
    fn config(self) -> RunConfig {
        let mut config = RunConfig::default();
        config.data.resolution = self.resolution;
        config.model.architecture = self.architecture;
        config.model.latent = 12;
        config.model.blocks = 1;
        (config.model.generator_width, config.model.discriminator_width) = (self.width, 8);
        config.model.narrow_stages = self.narrow_stages;
        config.model.conditional = self.classes > 0;
        config.train.loss = whelp::config::Loss::Bce;
        config
    }

    /// A checkpoint whose generator has learnt nothing, but has numbers of a trained one's size everywhere.
    fn checkpoint(self) -> Checkpoint {
        let mut checkpoint = self.untrained();
        if self.architecture.has_residual_generator() {
            // Nothing holds its pictures to [-1, 1] but what it has learnt.
            let z = Random::new(1, Stream::Samples, 0).normals(4 * checkpoint.meta.config.model.latent);
            let values = self.draw(&checkpoint, &z, &[0; 4]);
            let deviation = (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt();
            let color = checkpoint.tensors.get_mut("generator_ema.color.weight").unwrap();
            color.values.iter_mut().for_each(|value| *value *= 0.5 / deviation);
        }
        checkpoint
    }

    fn untrained(self) -> Checkpoint {
        let config = self.config();
        let classes = (0..self.classes).map(|class| format!("kind {class}")).collect();
        let data =
            DataOrigin { classes, count: 100, fingerprint: "f00d".to_owned(), ..DataOrigin::unknown(self.channels) };
        let [layers, _] = network_layers(&config, data.kind());
        let tensors = layers.iter().flat_map(whelp::models::Layer::tensors).enumerate();
        let tensors = tensors.map(|(index, tensor)| {
            let count: usize = tensor.shape.iter().product();
            // By fan-in, so that no layer blows up; vectors near 1, or above 0 where they are variances.
            let fan_in = tensor.shape.iter().skip(1).product::<usize>() as f32;
            let numbers = Random::new(7, Stream::Init, index as u64).normals(count);
            let values = numbers.into_iter().map(|number: f32| match tensor.shape.len() {
                1 if tensor.name.ends_with("var") || tensor.name.ends_with("gamma") => 0.5 + number.abs(),
                1 => 0.3 * number,
                _ => 1.4 * number / fan_in.sqrt(),
            });
            let name = format!("generator_ema.{}", tensor.name);
            let values = values.collect();
            (name.clone(), HostTensor { name, shape: tensor.shape, values })
        });
        let tensors: BTreeMap<String, HostTensor> = tensors.collect();
        let meta = Meta {
            format: FORMAT,
            random: RandomState::at(0, 800),
            config,
            progress: Progress { step: 100, nimg: 800, ..Progress::default() },
            data,
            history: StepSeries::default(),
            adaptive: None,
            backbone: None,
            scored: None,
        };
        Checkpoint { meta, tensors }
    }

    /// What the network itself draws of latents.
    fn draw(self, checkpoint: &Checkpoint, z: &[f32], classes: &[i32]) -> Vec<f32> {
        let device = cpu().device.inner();
        let count = classes.len();
        let generator = Generator::new(&checkpoint.meta.config, checkpoint.meta.data.kind(), &device);
        let generator = weights::replace(generator, |name, shape, _| {
            let tensor = &checkpoint.tensors[&format!("generator_ema.{name}")];
            assert_eq!(tensor.shape, shape);
            Some(Tensor::from_data(TensorData::new(tensor.values.clone(), [tensor.values.len()]), &device))
        });
        let z = Tensor::from_data(TensorData::new(z.to_vec(), [count, z.len() / count]), &device);
        let classes: Option<Tensor<1, Int>> =
            (self.classes > 0).then(|| Tensor::from_data(TensorData::new(classes.to_vec(), [count]), &device));
        let images = generator.forward(z, classes);
        assert_eq!(images.dims(), [count, self.channels, self.resolution.height, self.resolution.width]);
        images.into_data().try_to_vec().unwrap()
    }
}

/// The operations' names.
fn words(graph: &Graph<'_>) -> String {
    let word = |node: &Node| serde_json::to_value(node).unwrap()["op"].as_str().unwrap().to_owned();
    graph.nodes.iter().map(word).collect::<Vec<String>>().join(" ")
}

#[test]
fn every_family_becomes_a_graph_whose_sizes_fit() {
    for family in FAMILIES {
        let checkpoint = family.checkpoint();
        let graph = Graph::new(&checkpoint).unwrap();
        assert_eq!(graph.picture(), [family.channels, family.resolution.height, family.resolution.width], "{family:?}");
        let names: BTreeSet<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names.len(), graph.nodes.len(), "{family:?}: each operation has a name of its own");
        for (index, node) in graph.nodes.iter().enumerate() {
            assert!(node.input <= index, "{family:?}: {node:?}");
            let [channels, rows, columns] = graph.size(node.input);
            match &node.op {
                Op::Add { other } => assert_eq!(graph.size(*other), node.output, "{family:?}: {node:?}"),
                Op::NearestUp | Op::BlurUp => assert_eq!([channels, 2 * rows, 2 * columns], node.output),
                Op::LeakyRelu { .. } | Op::Tanh | Op::Clamp => assert_eq!([channels, rows, columns], node.output),
                _ => {}
            }
        }
        // Every tensor of the averaged generator is used, once.
        let used: BTreeSet<&str> = (0..graph.tensors.len()).map(|tensor| graph.name_of(tensor)).collect();
        assert_eq!(
            (used.len(), graph.tensors.len()),
            (checkpoint.tensors.len(), checkpoint.tensors.len()),
            "{family:?}"
        );
    }
}

#[test]
fn each_family_has_its_operations_in_their_order() {
    let words = |architecture| words(&Graph::new(&family(architecture, 32, 3).checkpoint()).unwrap());
    let block = "conv_transpose batch_norm leaky_relu ";
    assert_eq!(words(Architecture::Dcgan), format!("{}conv_transpose tanh", block.repeat(3)));
    assert_eq!(words(Architecture::Dense), format!("{}linear tanh", "linear leaky_relu ".repeat(3)));
    let up = "nearest_up conv leaky_relu ";
    assert_eq!(words(Architecture::DenseUpsample), format!("linear leaky_relu {}conv tanh", up.repeat(3)));
    let residual = "conv leaky_relu conv leaky_relu conv add ";
    let r3gan = words(Architecture::R3gan);
    assert_eq!(
        r3gan,
        format!("linear basis {residual}blur_up {residual}blur_up {residual}conv blur_up {residual}conv clamp")
    );
    assert_eq!(words(Architecture::Projected), r3gan);
}

#[test]
fn a_residual_block_adds_what_it_began_with() {
    let family = Family { classes: 3, ..family(Architecture::R3gan, 32, 3) };
    let checkpoint = family.checkpoint();
    let graph = Graph::new(&checkpoint).unwrap();
    let blocks: Vec<usize> =
        (0..graph.nodes.len()).filter(|node| matches!(graph.nodes[*node].op, Op::Add { .. })).collect();
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let first = &graph.nodes[block - 5];
        assert!(first.name.ends_with(".conv1"), "{first:?}");
        assert_eq!(graph.nodes[block].op, Op::Add { other: first.input });
    }
    assert!(matches!(graph.nodes[0].op, Op::AppendClass { .. }));
    assert_eq!(graph.classes, checkpoint.meta.data.classes);
}

#[test]
fn a_checkpoint_without_an_averaged_generator_is_refused_by_name() {
    let mut checkpoint = FAMILIES[0].checkpoint();
    checkpoint.tensors.clear();
    let error = Graph::new(&checkpoint).unwrap_err().to_string();
    assert!(error.contains("lacks the tensor generator_ema.blocks.0.conv.weight"), "{error}");
}

#[test]
fn the_file_names_its_inputs_and_what_it_was_trained_on() {
    let checkpoint = Family { classes: 3, ..family(Architecture::R3gan, 32, 3) }.checkpoint();
    let bytes = onnx(&Graph::new(&checkpoint).unwrap());
    let model = onnx_rs::parse(&bytes).unwrap();
    assert_eq!((model.ir_version, model.opset_import[0].version, model.producer_name), (8, 17, "Whelp"));
    let graph = model.graph.unwrap();
    assert_eq!(graph.input.iter().map(|input| input.name).collect::<Vec<_>>(), ["z", "class"]);
    assert_eq!(graph.output.iter().map(|output| output.name).collect::<Vec<_>>(), ["image"]);
    let property = |key: &str| model.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value);
    assert_eq!(property("whelp.classes"), Some(r#"["kind 0","kind 1","kind 2"]"#));
    assert_eq!(property("whelp.images_seen"), Some("800"));
    let weight = graph.initializer.iter().find(|tensor| tensor.name() == "stages.0.blocks.0.conv2.weight").unwrap();
    assert_eq!(weight.dims(), [32, 16, 3, 3]);
}

/// Largest difference of a value in [-1, 1], about a tenth of a level of grey.
const ONNX_TOLERANCE: f64 = 1e-3;

/// Halves as weights change a picture by up to two levels of grey.
const PAGE_TOLERANCE: f64 = 2.0 / 127.5;

/// What a program drew of one family: the largest difference to what the network draws.
#[derive(serde::Deserialize)]
struct Difference {
    file: String,
    batch: usize,
    largest: f64,
}

/// Writes a file for each family beside what it should draw, in batches of 1 and 7, and has node compare with `script`.
fn compare(script: &str, name: &str, write: impl Fn(&Graph<'_>) -> Vec<u8>, modules: Option<&Path>) -> Vec<Difference> {
    let folder = std::env::temp_dir().join(format!("whelp-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut cases = Vec::new();
    for (index, family) in FAMILIES.into_iter().enumerate() {
        let checkpoint = family.checkpoint();
        let graph = Graph::new(&checkpoint).unwrap();
        let file = format!("{index}-{}-{}", family.architecture.name(), family.resolution);
        fs::write(folder.join(&file), write(&graph)).unwrap();
        for batch in [1usize, 7] {
            let z: Vec<f32> =
                (0..batch as u64).flat_map(|index| Latent::Seed { seed: 5, index }.values(graph.latent)).collect();
            let classes: Vec<i32> = (0..batch).map(|picture| (picture % family.classes.max(1)) as i32).collect();
            let images: Vec<f32> =
                family.draw(&checkpoint, &z, &classes).iter().map(|value| value.clamp(-1.0, 1.0)).collect();
            // A test that compares with one grey shows nothing.
            let mean = images.iter().sum::<f32>() / images.len() as f32;
            let variance = images.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / images.len() as f32;
            assert!(variance > 1e-3, "{family:?}: {variance}");
            let bytes: Vec<u8> = z.iter().chain(&images).flat_map(|value| value.to_le_bytes()).collect();
            let expected = format!("{file}.{batch}");
            fs::write(folder.join(&expected), bytes).unwrap();
            cases.push(serde_json::json!({
                "file": file, "expected": expected, "batch": batch, "latent": graph.latent, "classes": classes,
                "conditional": family.classes > 0, "picture": graph.picture(),
            }));
        }
    }
    fs::write(folder.join("cases.json"), serde_json::to_vec(&cases).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export").join(script);
    let output = Command::new("node").arg(script).arg(&folder).args(modules).output().expect("node is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(&folder).unwrap();
    let found: Vec<Difference> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.len(), cases.len());
    found
}

fn check(found: &[Difference], tolerance: f64) {
    for Difference { file, batch, largest } in found {
        println!("{file}, batch {batch}: {largest:.2e}");
    }
    for Difference { file, batch, largest } in found {
        assert!(*largest <= tolerance, "{file}, batch {batch}: {largest} is above {tolerance}");
    }
}

/// Where the set-up installed onnxruntime: `cargo xtask test` names the folder, so that there nothing is skipped.
fn onnxruntime() -> Option<PathBuf> {
    let Some(modules) = std::env::var_os("WHELP_ONNXRUNTIME").map(PathBuf::from) else {
        eprintln!("not tested in onnxruntime: WHELP_ONNXRUNTIME does not name the folder of its npm packages");
        return None;
    };
    assert!(
        modules.join("onnxruntime-web").is_dir(),
        "no onnxruntime in {}; run `cargo xtask setup`",
        modules.display()
    );
    Some(modules)
}

#[test]
fn onnxruntime_draws_what_every_network_draws() {
    let Some(modules) = onnxruntime() else { return };
    check(&compare("onnxruntime.mjs", "onnx", onnx, Some(&modules)), ONNX_TOLERANCE);
}

#[test]
fn the_pages_script_draws_what_every_network_draws() {
    check(&compare("player.mjs", "player", |graph| html(graph).into_bytes(), None), PAGE_TOLERANCE);
}
