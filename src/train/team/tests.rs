use futures_lite::future::block_on;

use super::*;
use crate::config::{AugmentConfig, RunConfig};
use crate::data::{DatasetBuilder, PictureKind};
use crate::device::{cpu, read_values};
use crate::recipes;
use crate::run::{check_sharing, sharing_note};
use crate::train::Batches;
use crate::weights::DeviceTensor;

const COLOUR: PictureKind = PictureKind { channels: 3, classes: 3 };

/// A recipe with small networks and every alteration, each with a chance.
fn small(recipe: &str) -> RunConfig {
    let mut config = recipes::find(recipe).unwrap().config();
    config.set_resolution(if config.data.resolution == 28.into() { 28 } else { 32 });
    (config.model.generator_width, config.model.discriminator_width, config.model.latent) = (4, 4, 8);
    config.train.batch = 8;
    let defaults = AugmentConfig::default();
    config.augment = AugmentConfig { color: true, translation: true, cutout: true, flip: true, p: 0.7, ..defaults };
    config
}

fn batches(config: &RunConfig) -> Batches {
    let side = config.data.resolution.width;
    let classes = ["brown", "white", "spotted"].map(str::to_owned).to_vec();
    let mut builder = DatasetBuilder::new("test pictures", side).classes(classes);
    for index in 0..11u32 {
        let pixels = (0..3 * side * side).map(|place| (place as u32 * (index + 3) % 251) as u8).collect();
        builder.push_labelled(&format!("{index}.png"), Some(index % 3), Ok(pixels));
    }
    Batches::new(std::sync::Arc::new(builder.finish().unwrap()), config)
}

fn trainer(config: &RunConfig) -> Trainer {
    Trainer::new(config, COLOUR, None, &cpu()).unwrap()
}

/// So many devices, all of them the processor.
struct Devices {
    first: Trainer,
    team: Team,
    batches: Batches,
    devices: Vec<Device>,
}

impl Devices {
    fn new(config: &RunConfig, count: usize) -> Self {
        Self::with(trainer(config), config, count)
    }

    fn with(mut first: Trainer, config: &RunConfig, count: usize) -> Self {
        let devices = vec![cpu(); count];
        let team = Team::new(&mut first, &devices[0], &devices[1..], false).unwrap();
        Self { first, team, batches: batches(config), devices }
    }

    fn parts(&mut self) -> Vec<Batch> {
        self.batches.next_shared(self.first.nimg, self.first.config.model.latent, &self.devices)
    }

    fn step(&mut self) -> StepStats {
        let parts = self.parts();
        self.team.step(&mut self.first, parts).unwrap()
    }
}

fn step_alone(trainer: &mut Trainer) -> StepStats {
    let latent = trainer.config.model.latent;
    let batch = batches(&trainer.config.clone()).next(trainer.nimg, latent, &cpu());
    trainer.step(batch)
}

fn values(tensors: Vec<DeviceTensor>) -> Vec<(String, Vec<f32>)> {
    let (names, tensors): (Vec<_>, Vec<_>) = tensors.into_iter().map(|tensor| (tensor.name, tensor.values)).unzip();
    names.into_iter().zip(block_on(read_values(tensors)).unwrap()).collect()
}

fn numbers(stats: &StepStats) -> Vec<f32> {
    let read = block_on(read_values(stats.series().into_iter().map(|(_, tensor)| tensor.mean()))).unwrap();
    read.concat()
}

/// Everything that a checkpoint would hold of the networks, as bits.
fn bits(trainer: &Trainer) -> Vec<(String, Vec<u32>)> {
    let adams = [trainer.generator_adam.state(), trainer.discriminator_adam.state()];
    let networks = [
        weights::collect(&trainer.generator),
        weights::collect(&trainer.discriminator),
        weights::collect(trainer.generator_ema.module()),
    ];
    let all = networks.into_iter().chain(adams.into_iter().flat_map(|(m, v)| [m, v])).flatten();
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    values(all.collect()).into_iter().map(|(name, values)| (name, bits(values))).collect()
}

/// Adam's first moment after one step is `(1 - β₁) g`.
fn first_gradients(trainer: &Trainer) -> [Vec<(String, Vec<f32>)>; 2] {
    let beta1 = trainer.config.train.beta1 as f32;
    [&trainer.discriminator_adam, &trainer.generator_adam].map(|adam| {
        let gradient = |(name, m): (String, Vec<f32>)| (name, m.into_iter().map(|m| m / (1.0 - beta1)).collect());
        values(adam.state().0).into_iter().map(gradient).collect()
    })
}

/// The largest difference, as a share of the largest gradient of the network.
fn difference(some: &[(String, Vec<f32>)], others: &[(String, Vec<f32>)]) -> f32 {
    let largest = others.iter().flat_map(|(_, values)| values).fold(0f32, |a, b| a.max(b.abs()));
    assert!(largest > 0.0);
    let mut worst = 0f32;
    for ((name, some), (other, others)) in some.iter().zip(others) {
        assert_eq!((name, some.len()), (other, others.len()));
        worst = some.iter().zip(others).fold(worst, |worst, (a, b)| worst.max((a - b).abs()));
    }
    worst / largest
}

#[test]
fn devices_that_share_a_batch_have_the_gradients_of_one_with_all_of_it() {
    let mut has_dropout = false;
    for name in ["r3gan-small", "dense-upsample", "fashion-mnist"] {
        let mut config = small(name);
        // Where an update hardly depends on the size of a gradient, rounding would decide about the second network's.
        config.train.adam_eps = 1.0;
        config.model.conditional = name == "r3gan-small";
        has_dropout |= config.model.dropout > 0.0;
        assert_eq!(sharing_note(&config, COLOUR, 2), None);
        for count in [2, 4] {
            check_sharing(&config, count).unwrap();
            let (mut alone, mut shared) = (trainer(&config), Devices::new(&config, count));
            let (one, several) = (numbers(&step_alone(&mut alone)), numbers(&shared.step()));
            for (one, several) in one.iter().zip(&several) {
                assert!((one - several).abs() <= 1e-5 * one.abs().max(1.0), "{name}: {one} and {several}");
            }
            let (one, several) = (first_gradients(&alone), first_gradients(&shared.first));
            for (network, (one, several)) in ["discriminator", "generator"].iter().zip(one.iter().zip(&several)) {
                let worst = difference(several, one);
                assert!(worst <= 1e-5, "{name}, {network} on {count} devices: {worst}");
            }
            assert_eq!((shared.first.nimg, shared.first.step), (8, 1));
        }
    }
    assert!(has_dropout, "its masks are part of what is compared");
}

/// The others are seen only by what they add: if one of them strayed, a copy of the first would go on elsewhere.
#[test]
fn all_devices_hold_the_same_networks_after_every_step() {
    for recipe in ["dcgan32", "r3gan-small"] {
        let mut config = small(recipe);
        (config.augment.adaptive, config.augment.adaptive_kimg) = (true, 0.05);
        let (mut one_team, mut new_teams) = (Devices::new(&config, 2), Devices::new(&config, 2));
        for step in 1..=6 {
            one_team.step();
            new_teams.step();
            for devices in [&mut one_team, &mut new_teams] {
                if let Some(signs) = devices.first.mean_signs_due() {
                    devices.first.adapt(&block_on(read_values(signs)).unwrap().concat());
                }
            }
            assert!(bits(&one_team.first) == bits(&new_teams.first), "{recipe}, step {step}");
            new_teams = Devices::with(new_teams.first, &config, 2);
        }
        assert_ne!(one_team.first.adaptive.p, config.augment.p);
    }
}

#[test]
fn running_statistics_are_the_mean_over_the_devices() {
    let config = small("dcgan32");
    let mut shared = Devices::new(&config, 2);
    let parts = shared.parts();
    let statistics = |generator: &crate::models::Generator| -> Vec<(String, Vec<f32>)> {
        values(weights::collect(generator).into_iter().filter(|tensor| is_running_statistic(&tensor.name)).collect())
    };
    // The generator draws before it learns, so what each part does to its statistics doesn't depend on the other one.
    let apart = parts.iter().cloned().map(|batch| {
        let mut alone = trainer(&config);
        alone.step(batch);
        statistics(&alone.generator)
    });
    let apart: Vec<_> = apart.collect();
    shared.team.step(&mut shared.first, parts).unwrap();
    let together = statistics(&shared.first.generator);
    assert!(!together.is_empty());
    for (place, (name, values)) in together.iter().enumerate() {
        for (at, value) in values.iter().enumerate() {
            let mean = (apart[0][place].1[at] + apart[1][place].1[at]) / 2.0;
            assert!((value - mean).abs() <= 1e-6 * mean.abs().max(1e-3), "{name}: {value} and {mean}");
            assert_ne!(apart[0][place].1[at], apart[1][place].1[at], "{name}");
        }
    }
}

#[test]
fn a_device_that_drops_out_in_mid_step_ends_it_with_its_reason() {
    let mut config = small("r3gan-small");
    config.train.batch = 9;
    let mut shared = Devices::new(&config, 3);
    shared.step();
    let mut parts = shared.parts();
    // Its first convolution refuses pictures of one channel.
    parts[2].real = parts[2].real.clone().narrow(1, 0, 1);
    let error = shared.team.step(&mut shared.first, parts).unwrap_err().to_string();
    assert!(error.starts_with("the device failed: device 3 of 3 dropped out of a step: "), "{error}");
    // Nothing waits for it: the next step says the same of what is gone.
    let parts = shared.parts();
    let error = shared.team.step(&mut shared.first, parts).unwrap_err().to_string();
    assert!(error.contains("device 3 of 3 dropped out"), "{error}");
}

/// Also prints what an exchange of all gradients takes, for docs/scaling.md.
#[test]
fn an_exchange_gives_both_devices_the_mean() {
    const TIMES: usize = 9;
    for recipe in ["r3gan-small", "r3gan-base", "r3gan-large", "dcgan64"] {
        let own = trainer(&recipes::find(recipe).unwrap().config());
        let tensors = [weights::collect(&own.generator), weights::collect(&own.discriminator)];
        let trained = tensors.into_iter().flatten().filter(|tensor| !tensor.is_buffer);
        // Gradients of the size of the weights, on one device; none on the other.
        let gradients: Vec<Tensor<1>> = trained.map(|tensor| tensor.values).collect();
        let zeros: Vec<Tensor<1>> = gradients.iter().map(Tensor::zeros_like).collect();
        let bytes = 4 * gradients.iter().map(|gradient| gradient.dims()[0]).sum::<usize>();
        let (give, from_peer) = sync_channel(1);
        let (to_peer, take) = sync_channel(1);
        let member = |seat| Member { seat, way: Way::Transfers { first: cpu(), own: cpu() }, lost: None };
        let mut first = member(Seat::First(vec![(to_peer, from_peer)]));
        let mut peer = member(Seat::Peer { give, take });
        let of_peer = thread::Builder::new().spawn(move || {
            for _ in 1..TIMES {
                peer.means(zeros.clone());
            }
            peer.means(zeros)
        });
        let mut secs = Vec::new();
        let mut means = Vec::new();
        for _ in 0..TIMES {
            let began = crate::platform::Instant::now();
            means = first.means(gradients.clone());
            secs.push(began.elapsed().as_secs_f64());
        }
        secs.sort_by(f64::total_cmp);
        let (least, median) = (secs[0] * 1e3, secs[TIMES / 2] * 1e3);
        println!("{recipe}: {:.2} MB, {least:.2} ms at least, median {median:.2} ms", bytes as f64 / 1e6);
        let read = |tensors: Vec<Tensor<1>>| block_on(read_values(tensors)).unwrap();
        let halves: Vec<Vec<f32>> =
            read(gradients).into_iter().map(|values| values.into_iter().map(|value| value / 2.0).collect()).collect();
        assert!(halves == read(means) && halves == read(of_peer.unwrap().join().unwrap()), "{recipe}");
    }
}
