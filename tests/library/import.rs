//! Networks of the PyTorch DCGAN tutorial as checkpoints, against what PyTorch makes of them.
//!
//! `fixtures/make.py` made the files and the numbers, with PyTorch 2.12.1.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Tensor, TensorData};
use futures_lite::future::block_on;
use safetensors::SafeTensors;
use whelp::checkpoint::{
    Checkpoint, CheckpointError, ImportError, Imported, import, import_safetensors, read_safetensors, restore_trainer,
};
use whelp::config::Length;
use whelp::device::read_values;
use whelp::ops::Dropout;
use whelp::protocol::Event;
use whelp::run::Run;
use whelp::weights::HostTensor;

use crate::support::{assert_close, cpu, pictures};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/fixtures").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn expected(name: &str) -> Vec<f32> {
    let file = fixture("tutorial_expected.safetensors");
    bytemuck::pod_collect_to_vec(SafeTensors::deserialize(&file).unwrap().tensor(name).unwrap().data())
}

/// Both networks at 32 pixels.
fn tensors() -> Vec<HostTensor> {
    read_safetensors(&fixture("tutorial_32.safetensors")).unwrap()
}

fn import_both() -> Imported {
    block_on(import_safetensors(&fixture("tutorial_32.safetensors"), &cpu().device)).unwrap().unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let count = tensor.shape().num_elements();
    block_on(read_values([tensor.without_autodiff().reshape([count])])).unwrap().remove(0)
}

#[test]
fn imported_networks_compute_what_pytorchs_do() {
    let Imported { checkpoint, has_fresh_discriminator } = import_both();
    assert!(!has_fresh_discriminator);
    let config = checkpoint.meta.config.clone();
    assert_eq!((config.recipe.as_str(), config.data.resolution, config.model.latent), ("dcgan32", 32.into(), 4));
    assert_eq!((config.model.generator_width, config.model.discriminator_width), (2, 2));
    assert_eq!((checkpoint.meta.data.channels, checkpoint.meta.progress.step), (3, 0));

    // Through the file, as everyone opens it.
    let checkpoint = Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap();
    let device = cpu().device;
    let z = Tensor::<2>::from_data(TensorData::new(expected("z"), [1, 4]), &device);
    let trainer = restore_trainer(&checkpoint, &config.validate().unwrap(), None, &device).unwrap();
    let images = trainer.generator_ema.module().forward(z, None);
    assert_eq!(images.dims(), [1, 3, 32, 32]);
    // Two orders of summation of a few hundred float32 products.
    assert_close("images", &values(images), &expected("images32"), 1e-5, 0.0);

    let images = Tensor::<4>::from_data(TensorData::new(expected("images32"), [1, 3, 32, 32]), &device);
    let logits = trainer.discriminator.valid().forward(images.into(), None, &mut Dropout::off());
    let scores = sigmoid(logits.value);
    assert_close("scores", &values(scores), &expected("scores32"), 1e-5, 0.0);
}

#[test]
fn an_imported_checkpoint_trains_on_any_pictures_without_a_warning() {
    let checkpoint = import_both().checkpoint;
    let mut config = checkpoint.meta.config.clone();
    config.train.length = Length::Steps(3);
    config.train.batch = 4;
    config.output.grid = 4;
    let (mut run, _commands) = Run::resume(&checkpoint, config.validate().unwrap(), pictures(10), cpu(), None).unwrap();
    let mut last = None;
    while let Some(event) = block_on(run.next()) {
        match event {
            Event::Warning { message } | Event::Failed { message, .. } => panic!("{message}"),
            Event::Checkpoint { bytes, .. } => last = Some(Checkpoint::from_bytes(&bytes).unwrap()),
            _ => {}
        }
    }
    let last = last.unwrap();
    assert_eq!((last.meta.progress.step, last.meta.data.count), (3, 10));
    // Adam moves every weight of both networks by about the learning rate in each step.
    let lr = checkpoint.meta.config.train.generator_lr;
    assert_eq!(lr, checkpoint.meta.config.train.discriminator_lr);
    let trained = |name: &&String| ["generator.", "discriminator."].iter().any(|network| name.starts_with(network));
    for name in checkpoint.tensors.keys().filter(trained).filter(|name| name.ends_with("conv.weight")) {
        let [before, after] = [&checkpoint, &last].map(|checkpoint| &checkpoint.tensors[name].values);
        let moves = before.iter().zip(after).map(|(before, after)| f64::from((after - before).abs()));
        let steps = moves.sum::<f64>() / before.len() as f64 / lr;
        assert!((0.5..3.1).contains(&steps), "{name} has moved by {steps} learning rates in three steps");
    }
}

#[test]
fn a_generator_alone_gets_a_new_discriminator() {
    let generator: Vec<_> = tensors().into_iter().filter(|tensor| tensor.name.starts_with("netG.")).collect();
    let both = import_both().checkpoint;
    let Imported { checkpoint, has_fresh_discriminator } =
        block_on(import(generator.clone(), None, &cpu().device)).unwrap();
    assert!(has_fresh_discriminator);
    assert_eq!(checkpoint.meta.config.model.discriminator_width, 2, "as wide as the generator");
    let name = "discriminator.blocks.0.conv.weight";
    assert_ne!(checkpoint.tensors[name].values, both.tensors[name].values);
    // From a file of its own, the discriminator may have another name.
    let renamed =
        |tensor: HostTensor| HostTensor { name: tensor.name.replace("netD.", "model_state_dict.module."), ..tensor };
    let discriminator = tensors().into_iter().filter(|tensor| tensor.name.starts_with("netD.")).map(renamed).collect();
    let Imported { checkpoint, .. } = block_on(import(generator, Some(discriminator), &cpu().device)).unwrap();
    assert_eq!(checkpoint.tensors, both.tensors);
}

fn refused(change: impl FnOnce(&mut Vec<HostTensor>)) -> String {
    let mut tensors = tensors();
    change(&mut tensors);
    let error = block_on(import(tensors, None, &cpu().device)).unwrap_err();
    assert!(matches!(error, CheckpointError::Import(_)), "{error:?}");
    error.to_string()
}

fn named<'a>(tensors: &'a mut [HostTensor], name: &str) -> &'a mut HostTensor {
    tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

#[test]
fn what_does_not_fit_is_named_with_what_was_expected() {
    let missing = refused(|tensors| tensors.retain(|tensor| tensor.name != "netG.main.4.running_var"));
    assert_eq!(
        missing,
        "tensor netG.main.4.running_var is missing; the tutorial's generator of this depth has one of shape [4]"
    );
    let shape = refused(|tensors| {
        let tensor = named(tensors, "netD.main.5.weight");
        (tensor.shape, tensor.values) = (vec![8, 2, 4, 4], vec![0.0; 256]);
    });
    assert_eq!(
        shape,
        "tensor netD.main.5.weight: shape [8, 4, 4, 4] is expected in the tutorial's discriminator of this size; found \
         [8, 2, 4, 4]"
    );
    let bias = HostTensor { name: "netG.main.0.bias".to_owned(), shape: vec![8], values: vec![0.0; 8] };
    let unexpected = refused(|tensors| tensors.push(bias));
    assert!(unexpected.starts_with("tensor netG.main.0.bias is not part of the tutorial's generator"), "{unexpected}");
    let infinite = refused(|tensors| named(tensors, "netG.main.3.weight").values[7] = f32::INFINITY);
    assert!(infinite.starts_with("tensor netG.main.3.weight holds values that are not finite"), "{infinite}");
    let flat = refused(|tensors| named(tensors, "netG.main.0.weight").shape = vec![4, 128]);
    assert_eq!(
        flat,
        "tensor netG.main.0.weight: a convolution's shape, [channels in, channels out, 4, 4], is expected; found [4, 128]"
    );
    let colours = refused(|tensors| named(tensors, "netG.main.9.weight").shape = vec![3, 2, 4, 4]);
    assert!(colours.starts_with("tensor netG.main.9.weight: 1 (grey) or 3 (RGB) channels"), "{colours}");
    let absurd = HostTensor { name: "netG.main.99999999999.weight".to_owned(), shape: vec![1], values: vec![0.0] };
    let deep = refused(|tensors| tensors.push(absurd));
    assert_eq!(deep, "the generator has 33333333334 convolutions; at most 12 are expected");
    let second = HostTensor { name: "ema.main.1.weight".to_owned(), shape: vec![8], values: vec![0.0; 8] };
    let several = refused(|tensors| tensors.push(second));
    assert!(several.contains("several generators") && several.contains("\"ema.\""), "{several}");
    let none = refused(|tensors| tensors.retain(|tensor| tensor.name.starts_with("netD.")));
    assert!(none.starts_with("there is no generator of the PyTorch DCGAN tutorial in this file"), "{none}");
    assert!(none.contains("main.0.weight, main.1.weight, main.3.weight are expected, and it has netD.main."), "{none}");
}

#[test]
fn a_generator_of_another_resolution_is_refused_with_those_that_are_trained() {
    // Without its last doubling: 16 pixels.
    let small = refused(|tensors| {
        tensors.retain(|tensor| tensor.name.starts_with("netG.") && !tensor.name.starts_with("netG.main.9"));
        tensors.retain(|tensor| !tensor.name.starts_with("netG.main.7"));
        let last = named(tensors, "netG.main.6.weight");
        (last.shape, last.values) = (vec![4, 3, 4, 4], vec![0.0; 192]);
    });
    let expected = "these networks are refused: data.resolution is 16; it accepts 28, 32, 64, 128 or 256";
    assert!(small.starts_with(expected), "{small}");
}

#[test]
fn files_of_other_programs_are_left_alone() {
    let other = fs::read("tests/golden/ema.safetensors").unwrap();
    assert!(block_on(import_safetensors(&other, &cpu().device)).unwrap().is_none());
    let error = block_on(import_safetensors(b"not a file at all", &cpu().device)).unwrap_err();
    assert!(matches!(error, CheckpointError::Import(ImportError::File { .. })), "{error:?}");
}
