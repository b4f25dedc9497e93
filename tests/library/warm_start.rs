//! New runs whose networks begin with those of a checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use futures_lite::future::block_on;
use whelp::checkpoint::{Checkpoint, CheckpointError, WarmStart, restore_sampler, warm_start};
use whelp::config::{Architecture, Norm, RunConfig};
use whelp::data::{Dataset, DatasetBuilder, PictureKind};
use whelp::device::read_values;
use whelp::models::Generator;
use whelp::ops::{Dropout, blur_down, blur_up};
use whelp::protocol::Event;
use whelp::random::{Random, Stream};
use whelp::run::{Run, RunError};
use whelp::sample::{Draw, Sampler};
use whelp::train::{Batches, Trainer};
use whelp::weights::{self, HostTensor};

use crate::support::{assert_close, cpu, events, last_checkpoint, pictures, tiny_config};

const RGB: PictureKind = PictureKind { channels: 3, classes: 0 };

/// A small R3GAN that learns fast, so that a few steps leave no weight at 0.
fn r3gan(steps: u64) -> RunConfig {
    let tiny = tiny_config(steps);
    let mut config = whelp::recipes::find("r3gan-small").unwrap().config();
    config.model.generator_width = 4;
    config.model.discriminator_width = 4;
    config.model.latent = 8;
    (config.train.generator_lr, config.train.discriminator_lr) = (1e-2, 1e-2);
    config.train.ema_half_life_kimg = 1e-3;
    (config.train.batch, config.train.length, config.output) = (tiny.train.batch, tiny.train.length, tiny.output);
    config
}

fn trained(config: RunConfig) -> Checkpoint {
    last_checkpoint(&events(Run::new(config.validate().unwrap(), pictures(10), cpu(), None).unwrap().0))
}

/// What a warm start at `resolution` gives.
fn begun(checkpoint: &Checkpoint, resolution: usize) -> WarmStart {
    let own = &checkpoint.meta.config;
    let mut asked = own.clone();
    asked.set_resolution(resolution);
    asked.seed = 5;
    let config = own.warm_started(&asked).unwrap().validate().unwrap();
    warm_start(checkpoint, &config, RGB, None, &cpu().device).unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let count = tensor.dims().iter().product::<usize>();
    block_on(read_values([tensor.without_autodiff().reshape([count])])).unwrap().concat()
}

fn noise<const D: usize>(stream: Stream, shape: [usize; D]) -> Tensor<D> {
    let values = Random::new(3, stream, 0).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &cpu().device)
}

fn drawn(generator: &Generator) -> Tensor<4> {
    generator.valid().forward(noise(Stream::Latents, [3, 8]), None)
}

/// Both kinds of generated pictures: of the network that learns and of the average.
fn both(trainer: &Trainer) -> [Tensor<4>; 2] {
    [drawn(&trainer.generator), drawn(trainer.generator_ema.module())]
}

fn logits(trainer: &Trainer, pictures: Tensor<4>) -> Vec<f32> {
    let mut dropout = Dropout::new(Random::new(0, Stream::Dropout, 0), 0.0);
    values(trainer.discriminator.valid().forward(pictures.into(), None, &mut dropout).value)
}

#[test]
fn a_warm_start_draws_the_checkpoints_pictures_with_new_optimizers_at_step_0() {
    let checkpoint = trained(r3gan(3));
    let WarmStart { trainer, notes, .. } = begun(&checkpoint, 32);
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!((trainer.step, trainer.nimg), (0, 0));
    for adam in [&trainer.generator_adam, &trainer.discriminator_adam] {
        let (m, v) = adam.state();
        assert!(m.is_empty() && v.is_empty());
    }
    let sampler = restore_sampler(&checkpoint, &cpu().device).unwrap();
    let picture = |sampler: &Sampler| block_on(sampler.draw(Draw::new(1, 4), &cpu().device)).unwrap();
    let average = trainer.generator_ema.module().valid();
    assert_eq!(picture(&Sampler::new(average, &checkpoint.meta.config, RGB)).pixels, picture(&sampler).pixels);
    let prefixed = |prefix: &str| {
        let tensors = checkpoint.tensors.values().filter(move |tensor| tensor.name.starts_with(prefix));
        tensors.map(|tensor| tensor.values.clone()).collect::<Vec<_>>()
    };
    for (prefix, tensors) in [
        ("generator.", weights::collect(&trainer.generator)),
        ("discriminator.", weights::collect(&trainer.discriminator)),
    ] {
        let sorted: BTreeMap<_, _> = tensors.into_iter().map(|tensor| (tensor.name, tensor.values)).collect();
        assert_eq!(block_on(read_values(sorted.into_values())).unwrap(), prefixed(prefix), "{prefix}");
    }
}

/// Its new stages upsample and downsample, so larger networks begin as good as the smaller ones.
#[test]
fn larger_networks_begin_as_the_smaller_ones_with_pictures_resampled() {
    let checkpoint = trained(r3gan(6));
    let small = begun(&checkpoint, 32);
    let twice = |pictures: [Tensor<4>; 2]| pictures.map(blur_up);
    let small_pictures = both(&small.trainer);
    assert!(values(small_pictures[0].clone()).iter().any(|value| value.abs() > 1e-3));
    for (resolution, expected) in [(64, twice(small_pictures.clone())), (128, twice(twice(small_pictures.clone())))] {
        let large = begun(&checkpoint, resolution);
        assert!(large.notes.is_empty(), "{:?}", large.notes);
        for (got, want) in both(&large.trainer).into_iter().zip(expected) {
            assert_eq!(got.dims(), [3, 3, resolution, resolution]);
            assert_close("pictures", &values(got), &values(want), 1e-5, 1e-6);
        }
        let pictures = noise(Stream::Data, [3, 3, resolution, resolution]);
        let halved = (0..(resolution / 32).ilog2()).fold(pictures.clone(), |pictures, _| blur_down(pictures));
        assert_close("logits", &logits(&large.trainer, pictures), &logits(&small.trainer, halved), 1e-4, 1e-5);
    }
}

/// New channels begin as copies, so wider generators draw what the narrower one does.
#[test]
fn wider_generators_begin_with_the_pictures_of_the_narrower_one() {
    let mut config = r3gan(4);
    config.model.generator_width = 16;
    let checkpoint = trained(config);
    let small = begun(&checkpoint, 32);
    let pictures = both(&small.trainer).map(values);
    assert!(pictures[0].iter().any(|value| value.abs() > 1e-3));
    let wider = |width: usize, resolution: usize| {
        let own = &checkpoint.meta.config;
        let mut asked = own.clone();
        asked.model.generator_width = width;
        asked.set_resolution(resolution);
        let config = own.warm_started(&asked).unwrap().validate().unwrap();
        warm_start(&checkpoint, &config, RGB, None, &cpu().device).unwrap()
    };
    for width in [24, 32, 40] {
        let wide = wider(width, 32);
        assert!(wide.notes.is_empty(), "{:?}", wide.notes);
        for (got, want) in both(&wide.trainer).into_iter().zip(&pictures) {
            assert_close("pictures", &values(got), want, 1e-3, 1e-4);
        }
    }
    let upsampled = both(&small.trainer).map(blur_up).map(values);
    for (got, want) in both(&wider(32, 64).trainer).into_iter().zip(upsampled) {
        assert_close("pictures", &values(got), &want, 1e-3, 1e-4);
    }
}

/// A network that was made larger is one like any other: it trains, is saved, goes on and grows again.
#[test]
fn a_larger_network_trains_and_grows_again() {
    let mut builder = DatasetBuilder::new("test pictures", 64);
    for index in 0..4u8 {
        builder.push("x", Ok(vec![60 * index; 3 * 64 * 64]));
    }
    let data: Arc<Dataset> = Arc::new(builder.finish().unwrap());
    let checkpoint = trained(r3gan(2));
    let own = &checkpoint.meta.config;
    let mut asked = own.clone();
    asked.set_resolution(64);
    let config = own.warm_started(&asked).unwrap().validate().unwrap();
    let (run, _commands) = Run::warm_start(&checkpoint, config.clone(), data.clone(), cpu(), None).unwrap();
    let events = events(run);
    let started = events.iter().find_map(|event| match event {
        Event::Started { progress, .. } => Some(progress.step),
        _ => None,
    });
    assert_eq!(started, Some(0));
    let larger = last_checkpoint(&events);
    assert_eq!((larger.meta.progress.step, larger.meta.config.model.narrow_stages), (2, 2));
    Run::resume(&larger, config, data, cpu(), None).unwrap();
    assert_eq!(begun(&larger, 128).notes, [""; 0]);
}

#[test]
fn a_checkpoint_for_drawing_begins_with_a_new_discriminator_and_says_so() {
    let checkpoint = trained(r3gan(3));
    let config = checkpoint.meta.config.clone().validate().unwrap();
    let WarmStart { trainer, notes, .. } =
        warm_start(&checkpoint.clone().for_drawing(), &config, RGB, None, &cpu().device).unwrap();
    assert_eq!(notes, ["the checkpoint has no discriminator, so training begins with a new one"]);
    let [learnt, average] = both(&trainer).map(values);
    assert_eq!(learnt, average, "both begin with the average");
    let (run, _commands) = Run::warm_start(&checkpoint.for_drawing(), config, pictures(10), cpu(), None).unwrap();
    assert!(events(run).iter().any(|event| matches!(event, Event::Warning { message } if *message == notes[0])));
}

#[test]
fn tensors_of_the_discriminator_that_do_not_fit_begin_anew_and_are_named() {
    let mut checkpoint = trained(r3gan(1));
    let name = "discriminator.stem.weight".to_owned();
    checkpoint.tensors.insert(name.clone(), HostTensor { name, shape: vec![1], values: vec![0.0] });
    checkpoint.tensors.remove("discriminator.last.linear.weight");
    let WarmStart { notes, .. } = begun(&checkpoint, 32);
    let expected = "these tensors of the checkpoint's discriminator don't fit, so they begin anew: stem.weight, last.linear.weight";
    assert_eq!(notes, [expected]);
}

#[test]
fn what_does_not_fit_is_an_error_that_names_it() {
    let checkpoint = trained(r3gan(1));
    let config = checkpoint.meta.config.clone().validate().unwrap();
    let start = |checkpoint: &Checkpoint| warm_start(checkpoint, &config, RGB, None, &cpu().device).unwrap_err();
    let mut damaged = checkpoint.clone();
    damaged.tensors.remove("generator.basis");
    assert!(matches!(start(&damaged), CheckpointError::Missing { name } if name == "generator.basis"));
    let name = "generator_ema.basis".to_owned();
    let mut damaged = checkpoint.clone();
    damaged.tensors.insert(name.clone(), HostTensor { name, shape: vec![1], values: vec![0.0] });
    assert!(matches!(start(&damaged), CheckpointError::Shape { name, .. } if name == "generator_ema.basis"));

    let run = |checkpoint: &Checkpoint, config: &RunConfig, data: DatasetBuilder| {
        let data = Arc::new(data.finish().unwrap());
        Run::warm_start(checkpoint, config.clone().validate().unwrap(), data, cpu(), None).map(drop).unwrap_err()
    };
    let mut grey = checkpoint.clone();
    grey.meta.data.channels = 1;
    let picture = || Ok(vec![0; 3 * 32 * 32]);
    let mut plain = DatasetBuilder::new("plain", 32);
    plain.push("x", picture());
    let error = run(&grey, &config, plain);
    assert!(
        matches!(error, RunError::Data { .. }) && error.to_string().contains("pictures with 1 channels"),
        "{error}"
    );
    let (mut conditional, mut classes) = (config.clone().into_inner(), checkpoint.clone());
    conditional.model.conditional = true;
    classes.meta.data.classes = vec!["cat".to_owned(), "dog".to_owned()];
    let mut others = DatasetBuilder::new("others", 32).classes(vec!["fish".to_owned()]);
    others.push_labelled("x", Some(0), picture());
    let error = run(&classes, &conditional, others);
    assert!(error.to_string().contains("was trained on the classes cat, dog, these pictures have fish"), "{error}");
}

/// Trains a few steps with the first `count` stages frozen: the names of the discriminator's tensors that stayed as they were.
fn unchanged(mut config: RunConfig, count: usize) -> Vec<String> {
    config.train.freeze_d = count;
    let data = pictures(10);
    let mut trainer = Trainer::new(&config, data.summary().kind(), None, &cpu().device).unwrap();
    let bits = |trainer: &Trainer| {
        let tensors = weights::collect(&trainer.discriminator).into_iter().filter(|tensor| !tensor.is_buffer);
        let (names, tensors): (Vec<_>, Vec<_>) = tensors.map(|tensor| (tensor.name, tensor.values)).unzip();
        let read = block_on(read_values(tensors)).unwrap();
        let bits = read.into_iter().map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>());
        names.into_iter().zip(bits).collect::<Vec<_>>()
    };
    let before = bits(&trainer);
    let mut batches = Batches::new(data, &config);
    for _ in 0..4 {
        let batch = batches.next(trainer.nimg, config.model.latent, &cpu().device);
        trainer.step(batch);
    }
    let moments = trainer.discriminator_adam.state().0.len();
    assert_eq!(moments, before.len(), "moments follow, so that a run that continues can train all of them");
    let pairs = before.into_iter().zip(bits(&trainer));
    pairs.filter(|(before, after)| before == after).map(|((name, _), _)| name).collect()
}

#[test]
fn frozen_stages_of_the_discriminator_keep_every_bit_and_the_others_learn() {
    let mut upsample = tiny_config(1);
    upsample.model.architecture = Architecture::DenseUpsample;
    let mut dense = tiny_config(1);
    dense.model.architecture = Architecture::Dense;
    let mut dcgan = tiny_config(1);
    dcgan.model.discriminator_norm = Norm::Batch;
    let families: [(RunConfig, &[&str]); 4] = [
        (r3gan(1), &["stem.", "stages.0.", "stages.1."]),
        (dcgan, &["blocks.0.", "blocks.1."]),
        (upsample, &["blocks.0.", "blocks.1."]),
        (dense, &["layers.0.", "layers.1."]),
    ];
    for (config, frozen) in families {
        let architecture = config.model.architecture;
        assert_eq!(unchanged(config.clone(), 0), [""; 0], "{architecture:?}");
        let found = unchanged(config.clone(), 2);
        let is_frozen = |name: &String| frozen.iter().any(|part| name.starts_with(part));
        assert!(found.iter().all(is_frozen), "{architecture:?}: {found:?}");
        let trainer = Trainer::new(&config, RGB, None, &cpu().device).unwrap();
        let all = weights::collect(&trainer.discriminator).into_iter().filter(|tensor| !tensor.is_buffer);
        assert_eq!(found.len(), all.filter(|tensor| is_frozen(&tensor.name)).count(), "{architecture:?}: {found:?}");
    }
}
