//! Training beyond DCGAN: every loss and family learns, and resumes where it was.

use futures_lite::future::block_on;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Architecture, Loss, Norm, RunConfig};
use whelp::protocol::Event;
use whelp::run::Run;
use whelp::series::{LOSS_D, LOSS_G};
use whelp::weights::HostTensor;

use crate::support::{cpu, gpu, pictures, tiny_config};

/// R3GAN with all that belongs to it, R1, R2, schedules and adaptive augmentation among them.
fn r3gan(steps: u64) -> RunConfig {
    let mut config = whelp::recipes::find("r3gan-small").unwrap().config();
    let tiny = tiny_config(steps);
    config.model.generator_width = 4;
    config.model.discriminator_width = 4;
    config.model.latent = 8;
    config.train.batch = tiny.train.batch;
    config.train.length = tiny.train.length;
    config.schedule.kimg = 0.03;
    config.augment.p = 0.5;
    config.augment.adaptive = true;
    config.augment.adaptive_kimg = 0.1;
    config.augment.shear = 0.1;
    config.augment.zoom = 0.1;
    config.output = tiny.output;
    config
}

/// The last checkpoint and all losses.
fn train(run: (Run, async_channel::Sender<whelp::protocol::Command>)) -> (Vec<u8>, Vec<[f32; 2]>) {
    let (mut run, _commands) = run;
    let (mut file, mut seen) = (Vec::new(), Vec::new());
    while let Some(event) = block_on(run.next()) {
        match event {
            Event::Checkpoint { bytes, .. } => file = bytes,
            Event::Tick { series, .. } => {
                let losses = series.get(LOSS_D).zip(series.get(LOSS_G));
                seen.extend(losses.map(|((_, d), (_, g))| [d, g]));
            }
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
    (file, seen)
}

fn start(config: RunConfig) -> (Vec<u8>, Vec<[f32; 2]>) {
    train(Run::new(config.validate().unwrap(), pictures(10), cpu()).unwrap())
}

fn tensors(file: &[u8]) -> Vec<HostTensor> {
    Checkpoint::from_bytes(file).unwrap().tensors.into_values().collect()
}

#[test]
fn every_loss_trains_every_family() {
    let losses = [Loss::Bce, Loss::Hinge, Loss::Wasserstein, Loss::Lsgan, Loss::Relativistic, Loss::RelativisticAvg];
    let families = [Architecture::Dcgan, Architecture::DenseUpsample, Architecture::Dense, Architecture::R3gan];
    for (loss, architecture) in losses.into_iter().flat_map(|loss| families.map(|family| (loss, family))) {
        let mut config = tiny_config(3);
        config.model.architecture = architecture;
        config.model.discriminator_norm = Norm::None;
        config.model.minibatch_stddev = architecture != Architecture::Dense;
        config.model.dropout = if architecture == Architecture::R3gan { 0.0 } else { 0.2 };
        config.train.loss = loss;
        config.train.r1_gamma = 0.1;
        config.train.r2_gamma = 0.1;
        config.train.clip_norm = Some(1.0);
        let (_, losses) = start(config);
        assert_eq!(losses.len(), 3);
        assert!(losses.iter().flatten().all(|loss| loss.is_finite()), "{loss:?} {architecture:?}: {losses:?}");
    }
}

#[test]
fn r3gan_resumes_bit_for_bit() {
    let (straight, losses) = start(r3gan(10));
    assert!(losses.iter().flatten().all(|loss| loss.is_finite()), "{losses:?}");
    // Stopped between two looks of the adaptive augmentation.
    let (half, _) = start(r3gan(6));
    let checkpoint = Checkpoint::from_bytes(&half).unwrap();
    assert_eq!(checkpoint.meta.adaptive.as_ref().unwrap().mean_signs.len(), 2);
    let config = r3gan(10).validate().unwrap();
    let (resumed, _) = train(Run::resume(&checkpoint, config, pictures(10), cpu()).unwrap());
    assert_eq!(tensors(&resumed), tensors(&straight));
    let adaptive = |file: &[u8]| Checkpoint::from_bytes(file).unwrap().meta.adaptive.unwrap();
    assert_eq!(adaptive(&resumed), adaptive(&straight));
    assert_ne!(adaptive(&straight).p, 0.5, "it has moved");
}

#[test]
fn r3gan_takes_the_same_steps_on_a_gpu() {
    let Some(gpu) = gpu() else { return };
    let (_, want) = start(r3gan(3));
    let (_, got) = train(Run::new(r3gan(3).validate().unwrap(), pictures(10), gpu).unwrap());
    for (got, want) in got.iter().flatten().zip(want.iter().flatten()) {
        assert!((got - want).abs() < 1e-3 * want.abs().max(1.0), "{got} instead of {want}");
    }
}

/// Adam divides a gradient's length out again, up to its epsilon: a huge epsilon shows the clipping.
#[test]
fn clipped_gradients_move_less() {
    let weights = |clip_norm, generator_lr| -> Vec<f32> {
        let mut config = tiny_config(1);
        config.train.clip_norm = clip_norm;
        config.train.generator_lr = generator_lr;
        config.train.adam_eps = 1e-2;
        let (file, _) = start(config);
        let own = tensors(&file).into_iter().filter(|tensor| tensor.name.starts_with("generator.blocks"));
        own.flat_map(|tensor| tensor.values).collect()
    };
    let before = weights(None, 1e-30);
    let moved =
        |clip_norm| weights(clip_norm, 2e-4).iter().zip(&before).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
    let (free, clipped) = (moved(None), moved(Some(1e-6)));
    assert!(clipped < free / 10.0, "{clipped} {free}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let refused = |change: &dyn Fn(&mut RunConfig)| {
        let mut config = r3gan(1);
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    assert!(refused(&|c| c.model.dropout = 0.5).starts_with("model.dropout is 0.5; it accepts 0 with"));
    assert!(refused(&|c| c.model.generator_width = 20).contains("a multiple of 8"));
    assert!(refused(&|c| c.data.resolution = 28).starts_with("data.resolution is 28; it accepts 32, 64 or 128"));
    let norm = refused(&|c| c.model.architecture = Architecture::Dcgan);
    assert!(norm.starts_with("train.r1_gamma is 0.05; it accepts 0 while model.discriminator_norm"), "{norm}");
    let mut config = r3gan(1);
    config.model.conditional = true;
    let error = Run::new(config.validate().unwrap(), pictures(4), cpu()).unwrap_err().to_string();
    assert!(error.contains("the pictures have no classes"), "{error}");
}
