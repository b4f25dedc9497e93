//! Three complete training steps of the PyTorch tutorial's DCGAN.

use std::collections::{BTreeMap, HashSet};

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use whelp::config::{Loss, RunConfig};
use whelp::data::PictureKind;
use whelp::losses::{bce_with_logits, discriminator_loss, generator_loss};
use whelp::models::{Discriminator, Generator};
use whelp::ops::Dropout;
use whelp::train::{Adam, AdamConfig, Batch, StepStats, Trainer};
use whelp::weights;

use super::file::{Golden, values};
use super::on_devices;

on_devices! {
    dcgan32_matches => golden_dcgan32_on_the_cpu, golden_dcgan32_on_a_gpu;
    dcgan64_matches => golden_dcgan64_on_the_cpu, golden_dcgan64_on_a_gpu;
}

fn dcgan32_matches(device: &Device) {
    check("dcgan32", device);
}

fn dcgan64_matches(device: &Device) {
    check("dcgan64", device);
}

/// `blocks.2.conv.weight` of the generator is `g.convt2.weight` there, of the discriminator `d.conv2.weight`; norms
/// are `bn2`.
fn golden_name(network: &str, name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let [_, index, layer, field] = parts[..] else { panic!("{name}") };
    let layer = match (network, layer) {
        ("g", "conv") => "convt",
        ("d", "conv") => "conv",
        (_, "norm") => "bn",
        _ => panic!("{name}"),
    };
    format!("{network}.{layer}{index}.{field}")
}

fn load<M: Module>(module: M, network: &str, golden: &Golden, device: &Device) -> M {
    // New running statistics are the same everywhere.
    let is_parameter = |tensor: &weights::DeviceTensor| !tensor.is_buffer;
    let parameters: HashSet<String> =
        weights::collect(&module).into_iter().filter(is_parameter).map(|tensor| tensor.name).collect();
    weights::replace(module, |name, shape, _| {
        if !parameters.contains(name) {
            return None;
        }
        let tensor = format!("init.{}", golden_name(network, name));
        assert_eq!(golden.shape(&tensor), shape, "{tensor}");
        let values = golden.values(&tensor);
        let count = values.len();
        Some(Tensor::from_data(TensorData::new(values, [count]), device))
    })
}

fn trainer(golden: &Golden, device: &Device) -> Trainer {
    let number = |path: &str| golden.number(path) as usize;
    let (width, channels, resolution) = (number("/nf"), number("/channels"), number("/image_size"));
    let autodiff = device.clone().autodiff();
    let mut config = RunConfig::default();
    config.data.resolution = resolution.into();
    config.model.latent = number("/nz");
    config.model.generator_width = width;
    config.model.discriminator_width = width;
    config.train.batch = number("/batch");
    config.train.generator_lr = golden.number("/optimizer/lr");
    config.train.discriminator_lr = golden.number("/optimizer/lr");
    config.train.beta1 = golden.number("/optimizer/beta1");
    config.train.beta2 = golden.number("/optimizer/beta2");
    config.train.adam_eps = golden.number("/optimizer/eps");
    let kind = PictureKind { channels, classes: 0 };
    let generator = load(Generator::new(&config, kind, &autodiff), "g", golden, device);
    let discriminator = load(Discriminator::new(&config, kind, None, &autodiff).unwrap(), "d", golden, device);
    Trainer::from_networks(generator, discriminator, &config)
}

fn check(name: &str, device: &Device) {
    let golden = Golden::load(name);
    let device = device.clone().inner();
    let mut trainer = trainer(&golden, &device);
    check_gradients(&golden, &device);
    let steps = golden.number("/steps") as usize;
    let stats: Vec<StepStats> = (0..steps)
        .map(|step| {
            let (real, z) = batch(&golden, step, &device);
            trainer.step(Batch { real, classes: None, z })
        })
        .collect();

    golden.check_tensor("step0.fake", stats[0].fake.clone());
    golden.check_tensor("step0.logits_real", stats[0].logits_real.clone());
    golden.check_tensor("step0.logits_fake", stats[0].logits_fake.clone());
    let series = |of: &dyn Fn(&StepStats) -> Tensor<1>| -> Vec<f32> {
        stats.iter().flat_map(|stats| values(of(stats))).collect()
    };
    golden.check("loss_d_real", &series(&|s| bce_with_logits(s.logits_real.clone(), 1.0)));
    golden.check("loss_d_fake", &series(&|s| bce_with_logits(s.logits_fake.clone(), 0.0)));
    golden.check("loss_d", &series(&|s| s.loss_d.clone()));
    golden.check("loss_g", &series(&|s| s.loss_g.clone()));
    golden.check("d_x", &series(&|s| sigmoid(s.logits_real.clone()).mean()));
    golden.check("d_g_z1", &series(&|s| sigmoid(s.logits_fake.clone()).mean()));
    golden.check("d_g_z2", &series(&|s| sigmoid(s.logits_fake_after.clone()).mean()));
    check_final(&golden, &trainer);
}

fn batch(golden: &Golden, step: usize, device: &Device) -> (Tensor<4>, Tensor<2>) {
    let real = golden.tensor::<5>("real_u8", device) / 127.5 - 1.0;
    let z = golden.tensor::<3>("z", device);
    (real.narrow(0, step, 1).squeeze_dim(0), z.narrow(0, step, 1).squeeze_dim(0))
}

/// The first step's gradients, if the file has them. On networks of their own: each pass changes batch norm's running
/// statistics.
fn check_gradients(golden: &Golden, device: &Device) {
    if !golden.names().iter().any(|name| name.starts_with("step0.grad.")) {
        return;
    }
    let Trainer { generator, discriminator, .. } = trainer(golden, device);
    let (real, z) = batch(golden, 0, device);
    let fake = generator.forward(z.autodiff(), None);
    let discriminate =
        |by: &Discriminator, images: Tensor<4>| by.forward(images.into(), None, &mut Dropout::off()).value;
    let logits_real = discriminate(&discriminator, real.autodiff());
    let logits_fake = discriminate(&discriminator, fake.clone().detach());
    let gradients = discriminator_loss(Loss::Bce, 0.0, logits_real, logits_fake).backward();
    // With beta1 = 0 the first moment is the gradient itself.
    let constants = AdamConfig { lr: golden.number("/optimizer/lr"), beta1: 0.0, beta2: 0.999, eps: 1e-8 };
    let mut adam = Adam::new(constants);
    // Adam's first update does not depend on its betas, so this is the updated discriminator too.
    let updated = adam.step(discriminator, gradients, None);
    check_moments(golden, "d", &adam);
    let logits = discriminate(&updated.no_grad(), fake);
    let mut adam = Adam::new(constants);
    let _ = adam.step(generator, generator_loss(Loss::Bce, logits.clone(), logits).backward(), None);
    check_moments(golden, "g", &adam);
}

fn check_moments(golden: &Golden, network: &str, adam: &Adam) {
    for moment in adam.state().0 {
        golden.check(&format!("step0.grad.{}", golden_name(network, &moment.name)), &values(moment.values));
    }
}

/// The running statistics and the weights after the last step.
fn check_final(golden: &Golden, trainer: &Trainer) {
    let mut trained = BTreeMap::new();
    for (network, tensors) in
        [("g", weights::collect(&trainer.generator)), ("d", weights::collect(&trainer.discriminator))]
    {
        for tensor in tensors {
            let name = format!("final.{}", golden_name(network, &tensor.name));
            let got = values(tensor.values);
            if tensor.is_buffer {
                golden.check(&name, &got);
            } else {
                trained.insert(name, got);
            }
        }
    }
    golden.check_weights(&trained);
}
