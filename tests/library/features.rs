//! The network that judges pictures, on the pictures that it is for.

use std::path::Path;

use futures_lite::future::block_on;
use safetensors::SafeTensors;
use whelp::config::DataConfig;
use whelp::data::{Dataset, DatasetBuilder, Preparation, Split, dogs};
use whelp::features::{Cifar10, FeatureNetwork, Seen, judge_typicality};
use whelp::run::Run;
use whelp::sample::Pictures;

use crate::support::{cpu, pictures, pooled_lite0, tiny_config};

pub const CIFAR10_WEIGHTS: &[u8] = include_bytes!("../../src/features/cifar10.safetensors");

/// How many of the 1,000 built-in dogs for comparison PyTorch takes for dogs, with the same weights in float32.
const DOGS_BY_PYTORCH: usize = 829;

/// The built-in dogs for comparison, where `cargo xtask setup` puts them.
fn test_dogs(resolution: usize) -> Dataset {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/assets/generated/dogs32-test.png");
    let png = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run cargo xtask setup", path.display()));
    dogs(&png, Preparation::plain(resolution)).unwrap()
}

fn look_at(data: &Dataset, count: usize) -> Seen {
    let device = cpu().device;
    let network = FeatureNetwork::Cifar10(Cifar10::new(CIFAR10_WEIGHTS, &device).unwrap());
    let indices: Vec<u32> = (0..count as u32).collect();
    let mut seen = Seen::default();
    for chunk in indices.chunks(100) {
        let pictures = Pictures::from_dataset(data, chunk).unwrap();
        seen.append(block_on(network.look_at(&pictures, &device)).unwrap());
    }
    seen
}

#[test]
fn its_weights_say_how_good_it_is() {
    let (_, header) = SafeTensors::read_metadata(CIFAR10_WEIGHTS).unwrap();
    let accuracy: f64 = header.metadata().as_ref().unwrap()["accuracy"].parse().unwrap();
    assert!(accuracy >= 0.85, "{accuracy} of CIFAR-10's test pictures");
    assert!(CIFAR10_WEIGHTS.len() <= 1_500_000, "{} bytes", CIFAR10_WEIGHTS.len());
}

#[test]
fn it_takes_as_many_dogs_for_dogs_as_pytorch_does() {
    let seen = look_at(&test_dogs(32), 1000);
    let found = (seen.rate(Cifar10::DOG).unwrap() * 1000.0).round() as usize;
    assert!(found.abs_diff(DOGS_BY_PYTORCH) <= 2, "{found} dogs, PyTorch finds {DOGS_BY_PYTORCH}");
}

/// Prepared at twice the resolution they are still dogs: what is resized to 32 pixels again differs little.
#[test]
fn larger_pictures_are_seen_alike() {
    let rate = |resolution| look_at(&test_dogs(resolution), 200).rate(Cifar10::DOG).unwrap();
    let (as_is, larger) = (rate(32), rate(64));
    // Eleven of these two hundred are seen otherwise.
    assert!((as_is - larger).abs() < 0.08, "{as_is} at 32 pixels, {larger} at 64");
}

#[test]
fn other_weights_are_refused() {
    let device = cpu().device;
    let refused = |bytes: &[u8]| Cifar10::new(bytes, &device).unwrap_err().to_string();
    let cut = refused(&CIFAR10_WEIGHTS[..1000]);
    assert!(cut.starts_with("the weights of the CIFAR-10 classifier can't be read: "), "{cut}");
    let empty = safetensors::serialize(Vec::<(&str, safetensors::tensor::TensorView<'_>)>::new(), None).unwrap();
    assert_eq!(refused(&empty), "the weights of the CIFAR-10 classifier lack the tensor stem.weight");
}

/// Sixty dogs, and twenty pictures of nothing among them: every fourth.
fn dogs_among_others() -> Dataset {
    let (dogs, others) = (test_dogs(32), pictures(20));
    let mut builder = DatasetBuilder::new("mixed", 32);
    for index in 0..80 {
        let pixels = if index % 4 == 3 { others.pixels(index / 4) } else { dogs.pixels(index - index / 4) };
        builder.push(&format!("{index}.png"), Ok(pixels.to_vec()));
    }
    builder.finish().unwrap()
}

#[test]
fn dogs_are_typical_of_dogs_and_a_run_is_trained_on_them() {
    let Some(network) = pooled_lite0() else { return };
    let device = cpu();
    let data = dogs_among_others();
    let mut config = tiny_config(1);
    config.data.keep_typical = 0.5;
    let mut judged = Vec::new();
    let progress = &mut |done| judged.push(done);
    block_on(judge_typicality(&data, &network, &device.device, progress)).unwrap();
    assert_eq!(judged, [16, 32, 48, 64, 80]);
    assert!(data.typicality().unwrap().iter().all(|value| (0.0..=1.0 + 1e-5).contains(value)));
    let split = Split::of(&data, &config.data, 0);
    let others = split.training.iter().filter(|index| *index % 4 == 3).count();
    assert_eq!((split.training.len(), others), (40, 0), "{:?}", data.typicality());
    let known = data.typicality().unwrap().to_vec();
    block_on(judge_typicality(&data, &network, &device.device, &mut |_| panic!("they are known"))).unwrap();
    assert_eq!(data.typicality().unwrap(), known);
    assert!(Run::new(config.validate().unwrap(), data.into(), device, None).is_ok());
}

#[test]
fn a_run_that_wants_typical_pictures_of_a_set_that_nobody_judged_is_refused() {
    let mut config = tiny_config(1);
    config.data.keep_typical = 0.5;
    let refused = Run::new(config.validate().unwrap(), pictures(4), cpu(), None).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("data.keep_typical asks for typical pictures"), "{refused}");
}

#[test]
fn all_pictures_are_used_unless_typical_ones_are_asked_for() {
    let data = pictures(4);
    assert_eq!(Split::of(&data, &DataConfig::default(), 7).training, [0, 1, 2, 3]);
    assert!(data.typicality().is_none());
}
