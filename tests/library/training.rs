//! Training: networks of every family learn by every loss, and go on bit for bit where they stopped.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use futures_lite::future::block_on;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Architecture, Loss, Norm, RunConfig, ScheduleConfig};
use whelp::data::{Dataset, PictureKind};
use whelp::device::{OpenDevice, read_values};
use whelp::protocol::Event;
use whelp::random::{Random, Stream};
use whelp::run::Run;
use whelp::sample::{Draw, Sampler};
use whelp::series::{LOSS_D, LOSS_G};
use whelp::train::{Batch, Batches, StepStats, Trainer};
use whelp::weights::HostTensor;

use crate::support::{cpu, gpu, pictures, plain_pictures, tiny_config};

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
    train(Run::new(config.validate().unwrap(), pictures(10), cpu(), None).unwrap())
}

fn tensors(file: &[u8]) -> Vec<HostTensor> {
    Checkpoint::from_bytes(file).unwrap().tensors.into_values().collect()
}

/// Trains on one batch of real pictures and of latents, over and over: a network's loss before each step.
fn losses(trainer: &mut Trainer, batch: &Batch, loss: fn(StepStats) -> Tensor<1>) -> Vec<f32> {
    const STEPS: usize = 12;
    let losses: Vec<Tensor<1>> = (0..STEPS).map(|_| loss(trainer.step(batch.clone()))).collect();
    block_on(read_values(losses)).unwrap().concat()
}

/// First the discriminator against a generator that stays as it is, then the generator against that discriminator. Nothing
/// is random from step to step, so the loss of the network that learns has to fall; it stays where it is without updates, and
/// rises with a gradient's sign turned round.
#[test]
fn each_network_of_every_family_learns_by_every_loss() {
    let kinds = [Loss::Bce, Loss::Hinge, Loss::Wasserstein, Loss::Lsgan, Loss::Relativistic, Loss::RelativisticAvg];
    let families = [Architecture::Dcgan, Architecture::DenseUpsample, Architecture::Dense, Architecture::R3gan];
    for (loss, architecture) in kinds.into_iter().flat_map(|loss| families.map(|family| (loss, family))) {
        let data = pictures(4);
        let mut config = tiny_config(1);
        config.model.architecture = architecture;
        config.model.discriminator_norm = Norm::None;
        config.model.minibatch_stddev = architecture != Architecture::Dense;
        config.train.loss = loss;
        config.train.r1_gamma = 0.1;
        config.train.r2_gamma = 0.1;
        config.train.clip_norm = Some(1.0);
        let batch = Batches::new(data.clone(), &config).next(0, config.model.latent, &cpu().device);
        // A dense layer adds up thousands of inputs: larger steps go too far.
        let lr = if architecture == Architecture::Dense { 1e-4 } else { 2e-3 };
        let fall = |network: &str, losses: &[f32]| {
            let [first, .., last] = losses else { panic!("{losses:?}") };
            assert!(*last < first - 0.02, "{network} of {architecture:?} by {loss:?}: {losses:?}");
        };

        (config.train.generator_lr, config.train.discriminator_lr) = (0.0, lr);
        let mut trainer = Trainer::new(&config, data.summary().kind(), None, &cpu().device).unwrap();
        fall("the discriminator", &losses(&mut trainer, &batch, |stats| stats.loss_d));

        (config.train.generator_lr, config.train.discriminator_lr) = (lr, 0.0);
        let mut trainer = Trainer::from_networks(trainer.generator, trainer.discriminator, &config);
        fall("the generator", &losses(&mut trainer, &batch, |stats| stats.loss_g));
    }
}

/// The largest pictures: networks of every family take a step, the same one on a graphics device.
#[test]
fn every_family_trains_at_256_pixels() {
    let families = [Architecture::Dcgan, Architecture::DenseUpsample, Architecture::Dense, Architecture::R3gan];
    for architecture in families {
        let mut config = tiny_config(1);
        config.model.architecture = architecture;
        config.model.discriminator_norm = Norm::None;
        (config.model.generator_width, config.model.discriminator_width) = (2, 2);
        (config.train.r1_gamma, config.train.r2_gamma) = (0.1, 0.1);
        config.augment = whelp::recipes::find("r3gan-small").unwrap().config().augment;
        config.augment.p = 1.0;
        config.set_resolution(256);
        let config = config.validate().unwrap();
        let kind = PictureKind { channels: 3, classes: 0 };
        let losses = |device: &OpenDevice| {
            let device = &device.device;
            let noise = |stream, count| Random::new(7, stream, 0).normals(count);
            let real = noise(Stream::Data, 2 * 3 * 256 * 256).into_iter().map(|value| (0.3 * value).clamp(-1.0, 1.0));
            let batch = Batch {
                real: Tensor::from_data(TensorData::new(real.collect::<Vec<f32>>(), [2, 3, 256, 256]), device),
                classes: None,
                z: Tensor::from_data(TensorData::new(noise(Stream::Latents, 2 * 8), [2, 8]), device),
            };
            let stats = Trainer::new(&config, kind, None, device).unwrap().step(batch);
            assert_eq!(stats.fake.dims(), [2, 3, 256, 256]);
            block_on(read_values([stats.loss_d, stats.loss_g])).unwrap().concat()
        };
        let want = losses(&cpu());
        assert!(want.iter().all(|loss| loss.is_finite()), "{architecture:?}: {want:?}");
        let Some(gpu) = gpu() else { continue };
        for (got, want) in losses(&gpu).iter().zip(&want) {
            assert!((got - want).abs() < 1e-3 * want.abs().max(1.0), "{architecture:?}: {got} instead of {want}");
        }
    }
}

/// Both networks together: the generated pictures get the colour of the real ones, and are not all the same.
#[test]
fn small_gans_learn_the_colour_of_their_pictures() {
    const STEPS: u64 = 150;
    let data = plain_pictures(64, [190.0, 120.0, 70.0], 25.0);
    let real: Vec<Vec<u8>> = (0..data.len()).map(|index| interleaved(&data, index)).collect();
    let (wanted, _) = colours(real.iter().map(Vec::as_slice));
    for recipe in ["dcgan32", "r3gan-small"] {
        let mut config = whelp::recipes::find(recipe).unwrap().config();
        config.model.generator_width = 4;
        config.model.discriminator_width = 4;
        config.model.latent = 8;
        config.train.batch = 8;
        config.train.generator_lr = 2e-3;
        config.train.discriminator_lr = 2e-3;
        config.train.ema_half_life_kimg = 0.1;
        config.schedule = ScheduleConfig::default();
        let kind = data.summary().kind();
        let mut trainer = Trainer::new(&config, kind, None, &cpu().device).unwrap();
        // How far the mean colour of the generated pictures is from that of the real ones, and how much they differ.
        let drawn = |trainer: &Trainer| {
            let sampler = Sampler::new(trainer.generator_ema.module().valid(), &config, kind);
            let pictures = block_on(sampler.draw(Draw::new(1, 64), &cpu().device)).unwrap();
            let (mean, spread) = colours(pictures.iter());
            let squares = mean.iter().zip(wanted).map(|(got, want)| (got - want).powi(2));
            (squares.sum::<f64>().sqrt(), spread.iter().sum::<f64>())
        };
        let (before, _) = drawn(&trainer);
        let mut batches = Batches::new(data.clone(), &config);
        for _ in 0..STEPS {
            let batch = batches.next(trainer.nimg, config.model.latent, &cpu().device);
            trainer.step(batch);
        }
        let (after, spread) = drawn(&trainer);
        assert!(before > 70.0 && after < before / 2.0, "{recipe}: from {before:.0} to {after:.0} levels away");
        assert!(spread > 3.0, "{recipe}: the pictures differ by {spread:.1} levels");
    }
}

/// A picture of a data set with its channels interleaved.
fn interleaved(data: &Dataset, index: usize) -> Vec<u8> {
    let plane = data.resolution().pixels();
    let mut pixels = vec![0; data.channels() * plane];
    data.copy_pixels(index, false, &mut pixels);
    (0..plane).flat_map(|at| pixels.iter().skip(at).step_by(plane).copied().collect::<Vec<_>>()).collect()
}

/// Of pictures with interleaved channels: the mean of their mean colours, and the standard deviation.
fn colours<'a>(pictures: impl Iterator<Item = &'a [u8]>) -> ([f64; 3], [f64; 3]) {
    let colour = |picture: &[u8]| -> [f64; 3] {
        std::array::from_fn(|channel| {
            let levels = picture.iter().skip(channel).step_by(3);
            levels.map(|level| f64::from(*level)).sum::<f64>() / (picture.len() / 3) as f64
        })
    };
    let all: Vec<[f64; 3]> = pictures.map(colour).collect();
    let mean = |of: &dyn Fn(&[f64; 3]) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let means: [f64; 3] = std::array::from_fn(|channel| mean(&|colour| colour[channel]));
    (means, std::array::from_fn(|channel| mean(&|colour| (colour[channel] - means[channel]).powi(2)).sqrt()))
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
    let (resumed, _) = train(Run::resume(&checkpoint, config, pictures(10), cpu(), None).unwrap());
    assert_eq!(tensors(&resumed), tensors(&straight));
    let adaptive = |file: &[u8]| Checkpoint::from_bytes(file).unwrap().meta.adaptive.unwrap();
    assert_eq!(adaptive(&resumed), adaptive(&straight));
    assert_ne!(adaptive(&straight).p, 0.5, "it has moved");
}

#[test]
fn r3gan_takes_the_same_steps_on_a_gpu() {
    let Some(gpu) = gpu() else { return };
    let (_, want) = start(r3gan(3));
    let (_, got) = train(Run::new(r3gan(3).validate().unwrap(), pictures(10), gpu, None).unwrap());
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
    assert_eq!(refused(&|c| c.model.dropout = 0.5), "model.dropout is 0.5; model.architecture=r3gan needs 0");
    assert!(refused(&|c| c.model.generator_width = 20).contains("a multiple of 8"));
    let resolution = refused(&|c| c.data.resolution = 28.into());
    assert_eq!(resolution, "data.resolution is 28; model.architecture=r3gan needs 32, 64, 128 or 256");
    let norm = refused(&|c| c.model.architecture = Architecture::Dcgan);
    assert_eq!(norm, "train.r1_gamma needs model.discriminator_norm=none");
    let mut config = r3gan(1);
    config.model.conditional = true;
    let error = Run::new(config.validate().unwrap(), pictures(4), cpu(), None).unwrap_err().to_string();
    assert!(error.starts_with("model.conditional needs pictures with classes"), "{error}");
}
