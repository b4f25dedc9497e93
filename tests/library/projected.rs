//! The recipe `projected` as a run: its state, and the frozen network that it needs.

use std::sync::Arc;

use futures_lite::future::block_on;
use whelp::checkpoint::{Checkpoint, CheckpointError, restore_trainer};
use whelp::config::{RunConfig, Taps};
use whelp::data::Dataset;
use whelp::features::{self, FeatureError, Pretrained};
use whelp::models::Discriminator;
use whelp::protocol::Event;
use whelp::run::{Run, RunError};
use whelp::train::{Batches, Trainer};
use whelp::weights::{self, HostTensor};

use crate::support::{backbone, backbone_of, cpu, pictures, tiny_config};

fn projected(steps: u64) -> RunConfig {
    let mut config = whelp::recipes::find("projected").unwrap().config();
    let tiny = tiny_config(steps);
    config.model.generator_width = 4;
    config.model.discriminator_width = 8;
    config.model.latent = 8;
    config.model.taps = Taps::Early;
    config.train.batch = 4;
    config.train.length = tiny.train.length;
    config.schedule.kimg = 0.03;
    config.output = tiny.output;
    config
}

fn finish((mut run, _commands): (Run, async_channel::Sender<whelp::protocol::Command>)) -> Checkpoint {
    let mut file = Vec::new();
    while let Some(event) = block_on(run.next()) {
        match event {
            Event::Checkpoint { bytes, .. } => file = bytes,
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
    Checkpoint::from_bytes(&file).unwrap()
}

fn start(steps: u64, data: Arc<Dataset>, backbone: &Pretrained) -> Checkpoint {
    finish(Run::new(projected(steps).validate().unwrap(), data, cpu(), Some(backbone)).unwrap())
}

fn bits(tensors: Vec<HostTensor>) -> Vec<(String, Vec<u32>)> {
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    tensors.into_iter().map(|tensor| (tensor.name, bits(tensor.values))).collect()
}

/// Also where more layers are to be frozen than it has.
#[test]
fn the_last_layer_of_each_head_is_never_frozen() {
    let Some(early) = backbone() else { return };
    let config = projected(1).validate().unwrap();
    let trainer = Trainer::new(&config, pictures(10).summary().kind(), Some(&early), &cpu().device).unwrap();
    let names: Vec<String> =
        weights::collect(&trainer.discriminator).into_iter().filter(|it| !it.is_buffer).map(|it| it.name).collect();
    let mut heads = 0;
    for head in (0..).map(|head| format!("heads.{head}.layers.")) {
        let layer = |name: &str| name.strip_prefix(&head)?.split('.').next()?.parse::<usize>().ok();
        let Some(last) = names.iter().filter_map(|name| layer(name)).max() else { break };
        heads += 1;
        for stages in [1, 3, 9] {
            for (name, layer) in names.iter().filter_map(|name| Some((name, layer(name)?))) {
                let is_frozen = trainer.discriminator.is_among_first(stages, name);
                assert_eq!(is_frozen, layer < stages && layer < last, "{name} of {stages}");
            }
        }
    }
    assert_eq!(heads, 4);
}

/// A generator that learnt with early taps goes on with deep ones, and with a network that sees larger pictures.
#[test]
fn a_warm_start_may_look_deeper_and_names_the_heads_that_begin_anew() {
    let (Some(early), Some(deep)) = (backbone(), backbone_of(Taps::Deep)) else { return };
    let learnt = start(2, pictures(10), &early);
    let mut asked = projected(2);
    asked.model.taps = Taps::Deep;
    asked.model.network_side = Some(96);
    let config = learnt.meta.config.warm_started(&asked).unwrap().validate().unwrap();
    let (mut run, _commands) = Run::warm_start(&learnt, config, pictures(10), cpu(), Some(&deep)).unwrap();
    let (mut warnings, mut steps) = (Vec::new(), 0);
    while let Some(event) = block_on(run.next()) {
        match event {
            Event::Warning { message } => warnings.push(message),
            Event::Finished { progress, .. } => steps = progress.step,
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
    assert_eq!(steps, 2);
    assert!(warnings[0].contains("begin anew"), "{warnings:?}");
    // As it was, nothing begins anew.
    let config = learnt.meta.config.warm_started(&projected(1)).unwrap().validate().unwrap();
    let (mut run, _commands) = Run::warm_start(&learnt, config, pictures(10), cpu(), Some(&early)).unwrap();
    while let Some(event) = block_on(run.next()) {
        assert!(!matches!(event, Event::Warning { .. } | Event::Failed { .. }), "{event:?}");
    }
}

#[test]
fn it_resumes_bit_for_bit_with_the_state_of_its_power_iterations() {
    let Some(backbone) = backbone() else { return };
    let straight = start(6, pictures(10), &backbone);
    let half = start(3, pictures(10), &backbone);
    let state = |checkpoint: &Checkpoint| checkpoint.tensors["discriminator.heads.0.layers.0.conv.u"].values.clone();
    assert_ne!(state(&half), state(&straight), "the power iterations have moved on");
    let config = projected(6).validate().unwrap();
    let resumed = finish(Run::resume(&half, config, pictures(10), cpu(), Some(&backbone)).unwrap());
    assert_eq!(
        bits(resumed.tensors.into_values().collect()),
        bits(straight.tensors.into_values().collect()),
        "every tensor, to the bit"
    );
}

#[test]
fn the_frozen_network_is_neither_trained_nor_saved_in_a_hundred_steps() {
    let Some(backbone) = backbone() else { return };
    let (config, data) = (projected(100), pictures(10));
    let mut trainer = Trainer::new(&config, data.summary().kind(), Some(&backbone), &cpu().device).unwrap();
    let mut batches = Batches::new(data, &config);
    trainer.calibrate(batches.first(10, &cpu().device));
    let frozen = |trainer: &Trainer| {
        let Discriminator::Projected(network) = &trainer.discriminator else { panic!("another family") };
        bits(block_on(weights::read_back(network.frozen_tensors())).unwrap())
    };
    let mixing = |trainer: &Trainer| {
        let tensors = weights::collect(&trainer.discriminator).into_iter();
        let tensors = tensors.filter(|tensor| tensor.name.starts_with("mixing.")).collect();
        bits(block_on(weights::read_back(tensors)).unwrap())
    };
    let before = (frozen(&trainer), mixing(&trainer));
    // The stem, and blocks 0 to 10, of which all but the first expand.
    assert_eq!((before.0.len(), before.1.len()), (2 * (1 + 11 * 3 - 1), 3 * 3));
    for _ in 0..100 {
        let batch = batches.next(trainer.nimg, config.model.latent, &cpu().device);
        trainer.step(batch);
    }
    assert_eq!((frozen(&trainer), mixing(&trainer)), before);
    let saved = weights::collect(&trainer.discriminator);
    assert!(saved.iter().all(|tensor| tensor.name.starts_with("heads.") || tensor.name.starts_with("mixing.")));
}

#[test]
fn mixed_channels_of_real_pictures_have_mean_0_and_deviation_1() {
    let Some(backbone) = backbone() else { return };
    let (config, data) = (projected(1), pictures(40));
    let mut trainer = Trainer::new(&config, data.summary().kind(), Some(&backbone), &cpu().device).unwrap();
    let real = Batches::new(data, &config).first(40, &cpu().device);
    trainer.calibrate(real.clone());
    let Discriminator::Projected(network) = &trainer.discriminator else { panic!("another family") };
    for mixed in network.mixed_channels(real) {
        let [batch, channels, height, width] = mixed.dims();
        let rows = mixed.permute([1, 0, 2, 3]).reshape([channels, batch * height * width]);
        let (variance, mean) = rows.var_mean(1);
        let largest = |x: burn::tensor::Tensor<2>| x.abs().max().into_scalar::<f32>();
        assert!(largest(mean) < 1e-3, "means");
        assert!(largest(variance - 1.0) < 1e-2, "variances");
    }
}

#[test]
fn weights_that_are_missing_damaged_or_others_are_refused_with_a_sentence() {
    let config = || projected(2).validate().unwrap();
    let error = Run::new(config(), pictures(10), cpu(), None).unwrap_err();
    assert!(matches!(error, RunError::Features(FeatureError::NotGiven)), "{error}");

    let Some(backbone) = backbone() else { return };
    let other = Pretrained::read("another network", &[&safetensors::serialize([("x", &One)], None).unwrap()]).unwrap();
    let error = Run::new(config(), pictures(10), cpu(), Some(&other)).unwrap_err().to_string();
    assert_eq!(error, "the weights of another network lack the tensor stem.weight");
    let damaged = features::backbone(&[vec![1; 100]]).unwrap_err().to_string();
    assert!(damaged.starts_with("the weights of EfficientNet-Lite0 can't be read: "), "{damaged}");

    let mut checkpoint = start(1, pictures(10), &backbone);
    assert_eq!(checkpoint.meta.backbone.as_deref(), Some(backbone.hash()));
    checkpoint.meta.backbone = Some("0123".to_owned());
    let error = restore_trainer(&checkpoint, &config(), Some(&backbone), &cpu().device).unwrap_err();
    assert!(matches!(error, CheckpointError::Backbone { .. }), "{error}");
    assert!(error.to_string().contains("other weights of the frozen network (0123)"), "{error}");
}

/// A tensor of one number.
struct One;

impl safetensors::View for &One {
    fn dtype(&self) -> safetensors::Dtype {
        safetensors::Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &[1]
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        vec![0; 4].into()
    }

    fn data_len(&self) -> usize {
        4
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let refused = |change: &dyn Fn(&mut RunConfig)| {
        let mut config = projected(1);
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    assert_eq!(refused(&|c| c.train.r1_gamma = 1.0), "train.r1_gamma is 1; model.architecture=projected needs 0");
    assert_eq!(
        refused(&|c| c.model.network_side = Some(8)),
        "model.network_side is 8; model.architecture=projected needs 32 to 512"
    );
    assert!(refused(&|c| c.model.discriminator_width = 7).contains("needs an even width"));
    assert!(refused(&|c| c.train.loss = whelp::config::Loss::Relativistic).contains("compares pictures in pairs"));
    assert!(refused(&|c| c.model.minibatch_stddev = true).contains("needs it off"));
}
