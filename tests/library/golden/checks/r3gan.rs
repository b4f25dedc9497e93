//! Whole steps of R3GAN, against double backward and Adam in float64.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use whelp::config::{Architecture, Loss, RunConfig};
use whelp::data::PictureKind;
use whelp::models::{Discriminator, Generator};
use whelp::train::{Batch, Trainer};
use whelp::weights::{self, DeviceTensor};

use super::file::{Golden, read};

/// Every step's pictures, logits, losses and penalties, and then all that training has changed.
pub async fn steps(golden: &Golden, device: &Device) {
    let device = device.clone().inner();
    let mut trainer = trainer(golden, &device);
    let count = golden.number("/steps") as usize;
    let mut compared = 0;
    for step in 0..count {
        let stats = trainer.step(batch(golden, step, &device));
        golden.compare(&format!("step{step}.fake"), stats.fake).await;
        let [penalty_r1, penalty_r2] = stats.penalties.map(|penalty| penalty.expect("both gammas are above 0"));
        let vectors = [
            ("logits_real", stats.logits_real),
            ("logits_fake", stats.logits_fake),
            ("logits_fake_after", stats.logits_fake_after),
            ("loss_d", stats.loss_d),
            ("loss_g", stats.loss_g),
            ("penalty_r1", penalty_r1),
            ("penalty_r2", penalty_r2),
        ];
        compared += 1 + vectors.len();
        for (name, got) in vectors {
            golden.compare(&format!("step{step}.{name}"), got).await;
        }
    }
    compared += compare_after(golden, &trainer).await;
    let outputs = golden.case["outputs"].as_array().unwrap();
    assert_eq!(compared, outputs.len(), "{}: every output is compared with something", golden.name);
}

/// Compares everything that training has changed, and tells how many tensors that are. Some may be left out of a file,
/// because their values are arbitrary.
pub(super) async fn compare_after(golden: &Golden, trainer: &Trainer) -> usize {
    let left_out: Vec<String> = serde_json::from_value(golden.case["left_out"].clone()).unwrap_or_default();
    let mut compared = 0;
    let mut trained = BTreeMap::new();
    for tensor in after(trainer) {
        let AfterTensor { name, values, is_trained } = tensor;
        if left_out.contains(&name) {
            continue;
        }
        compared += 1;
        let values = read(values).await;
        if is_trained {
            trained.insert(name, values);
        } else {
            golden.check(&name, &values);
        }
    }
    golden.check_weights(&trained);
    compared
}

/// The networks before the first step, and the settings of all steps.
fn trainer(golden: &Golden, device: &Device) -> Trainer {
    let (config, kind) = config(golden);
    let autodiff = device.clone().autodiff();
    let generator = load(Generator::new(&config, kind, &autodiff), "generator", golden, device);
    let discriminator =
        load(Discriminator::new(&config, kind, None, &autodiff).unwrap(), "discriminator", golden, device);
    Trainer::from_networks(generator, discriminator, &config)
}

fn config(golden: &Golden) -> (RunConfig, PictureKind) {
    let count = |key: &str| golden.number(&format!("/{key}")) as usize;
    // A value before the first picture and, if that is another, after the last of the schedule.
    let scheduled = |path: &str| -> (f64, Option<f64>) {
        let [start, end] = [0, 1].map(|i| golden.number(&format!("/{path}/{i}")));
        (start, (end != start).then_some(end))
    };
    assert_eq!(golden.case["loss"], "relativistic");
    let kind = PictureKind { channels: count("channels"), classes: count("classes") };
    let mut config = RunConfig::default();
    config.data.resolution = count("image_size").into();
    config.model.architecture = Architecture::R3gan;
    config.model.latent = count("nz");
    config.model.generator_width = count("generator_width");
    config.model.discriminator_width = count("discriminator_width");
    config.model.blocks = count("blocks");
    config.model.conditional = kind.classes > 0;
    config.model.minibatch_stddev = golden.case["minibatch_stddev"].as_bool().unwrap();
    let (train, schedule) = (&mut config.train, &mut config.schedule);
    train.loss = Loss::Relativistic;
    train.batch = count("batch");
    train.beta1 = golden.number("/optimizer/beta1");
    train.adam_eps = golden.number("/optimizer/eps");
    (train.generator_lr, schedule.generator_lr) = scheduled("optimizer/lr");
    (train.discriminator_lr, schedule.discriminator_lr) = scheduled("optimizer/lr");
    (train.beta2, schedule.beta2) = scheduled("optimizer/beta2");
    (train.r1_gamma, schedule.r1_gamma) = scheduled("r1_gamma");
    (train.r2_gamma, schedule.r2_gamma) = scheduled("r2_gamma");
    let (start, end) = scheduled("ema_nimg");
    (train.ema_half_life_kimg, schedule.ema_half_life_kimg) = (start / 1000.0, end.map(|end| end / 1000.0));
    train.ema_rampup = None;
    schedule.kimg = golden.number("/schedule_nimg") / 1000.0;
    (config, kind)
}

/// Fills a network with the file's weights: all of the network, by all of the weights.
pub(super) fn load<M: Module>(module: M, network: &str, golden: &Golden, device: &Device) -> M {
    let prefix = format!("before.{network}.");
    let mut used = 0;
    let module = weights::replace(module, |name, shape, _| {
        let name = format!("{prefix}{name}");
        assert_eq!(golden.shape(&name), shape, "{}: shape of {name}", golden.name);
        used += 1;
        let values = golden.values(&name);
        let count = values.len();
        Some(Tensor::from_data(TensorData::new(values, [count]), device))
    });
    assert_eq!(used, golden.names().iter().filter(|name| name.starts_with(&prefix)).count(), "{}", golden.name);
    module
}

pub(super) fn batch(golden: &Golden, step: usize, device: &Device) -> Batch {
    let real = golden.tensor::<5>("real_u8", device) / 127.5 - 1.0;
    let z = golden.tensor::<3>("z", device);
    let classes = golden.has("classes").then(|| {
        let count = golden.shape("classes")[1];
        let all = golden.integers("classes");
        let classes: Vec<i32> = all[step * count..][..count].iter().map(|class| *class as i32).collect();
        Tensor::from_data(TensorData::new(classes, [count]), device)
    });
    Batch { real: real.narrow(0, step, 1).squeeze_dim(0), classes, z: z.narrow(0, step, 1).squeeze_dim(0) }
}

struct AfterTensor {
    name: String,
    values: Tensor<1>,
    /// A weight, neither a moment nor a buffer.
    is_trained: bool,
}

/// Everything that a checkpoint keeps of a trainer, by its names in the file.
fn after(trainer: &Trainer) -> impl Iterator<Item = AfterTensor> {
    let (generator_m, generator_v) = trainer.generator_adam.state();
    let (discriminator_m, discriminator_v) = trainer.discriminator_adam.state();
    let groups: [(&str, Vec<DeviceTensor>); 7] = [
        ("generator", weights::collect(&trainer.generator)),
        ("discriminator", weights::collect(&trainer.discriminator)),
        ("generator_ema", weights::collect(trainer.generator_ema.module())),
        ("optimizer.generator.m", generator_m),
        ("optimizer.generator.v", generator_v),
        ("optimizer.discriminator.m", discriminator_m),
        ("optimizer.discriminator.v", discriminator_v),
    ];
    groups.into_iter().flat_map(|(group, tensors)| {
        tensors.into_iter().map(move |tensor| AfterTensor {
            name: format!("after.{group}.{}", tensor.name),
            is_trained: !group.starts_with("optimizer.") && !tensor.is_buffer,
            values: tensor.values,
        })
    })
}
