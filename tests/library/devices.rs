//! Devices of two kinds that share a batch, which nobody may name together: it shows that every tensor goes where it belongs.

use futures_lite::future::block_on;
use whelp::config::RunConfig;
use whelp::device::read_values;
use whelp::train::{Adam, Batches, Team, Trainer};

use crate::support::{cpu, gpu, pictures};

fn config() -> RunConfig {
    let mut config = whelp::recipes::find("r3gan-small").unwrap().config();
    (config.model.generator_width, config.model.discriminator_width, config.model.latent) = (4, 4, 8);
    config.train.batch = 4;
    // Where an update hardly depends on the size of a gradient, rounding would decide about the generator's.
    config.train.adam_eps = 1.0;
    config
}

/// Adam's first moment after one step: the gradients, scaled.
fn gradients(adam: &Adam) -> Vec<f32> {
    let (moments, _) = adam.state();
    block_on(read_values(moments.into_iter().map(|moment| moment.values))).unwrap().concat()
}

#[test]
fn the_processor_and_a_graphics_device_have_the_gradients_of_the_processor_alone() {
    let Some(gpu) = gpu() else { return };
    let (config, data, cpu) = (config(), pictures(10), cpu());
    let kind = data.summary().kind();
    let trainer = |device| Trainer::new(&config, kind, None, device).unwrap();
    let mut batches = Batches::new(data.clone(), &config);
    let mut alone = trainer(&cpu.device);
    alone.step(batches.next(0, config.model.latent, &cpu.device));
    for [first, other] in [[&cpu, &gpu], [&gpu, &cpu]] {
        let devices = [first.device.clone(), other.device.clone()];
        let mut shared = trainer(&first.device);
        let mut team = Team::new(&mut shared, &devices[0], &devices[1..], false).unwrap();
        let parts = batches.next_shared(0, config.model.latent, &devices);
        team.step(&mut shared, parts).unwrap();
        let adams =
            [(&alone.discriminator_adam, &shared.discriminator_adam), (&alone.generator_adam, &shared.generator_adam)];
        for (one, two) in adams.map(|(one, two)| (gradients(one), gradients(two))) {
            let largest = one.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            let worst = one.iter().zip(&two).fold(0f32, |worst, (one, two)| worst.max((one - two).abs()));
            // Two kinds of devices add up in different orders.
            assert!(largest > 0.0 && worst <= 1e-4 * largest, "{worst} of {largest}");
        }
    }
}
