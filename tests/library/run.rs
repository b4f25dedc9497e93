//! The engine: commands in, events out.

use futures_lite::future::block_on;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Architecture, Length, Norm, RunConfig};
use whelp::protocol::{CheckpointReason, Command, Event, FailureKind, FinishReason};
use whelp::run::Run;
use whelp::series::{
    AUGMENT_P, IMAGES_PER_SEC, LEARNING_RATE_D, LEARNING_RATE_G, LOSS_D, LOSS_G, LOSS_R1, LOSS_R2, NIMG, SCORE_FAKE,
    SCORE_REAL, StepSeries,
};

use crate::support::{cpu, gpu, pictures, tiny_config};

/// Every event until the end; the closure may send commands on the way.
fn play(config: RunConfig, mut on_event: impl FnMut(&Event, &async_channel::Sender<Command>)) -> Vec<Event> {
    let (mut run, commands) = Run::new(config.validate().unwrap(), pictures(10), cpu(), None).unwrap();
    let mut events = Vec::new();
    while let Some(event) = block_on(run.next()) {
        on_event(&event, &commands);
        events.push(event);
    }
    events
}

/// What was measured at every step.
fn series(events: &[Event]) -> StepSeries {
    let mut series = StepSeries::default();
    for event in events {
        if let Event::Tick { series: new, .. } = event {
            series.append(new);
        }
    }
    series
}

/// A word for each event.
fn story(events: &[Event]) -> Vec<&'static str> {
    let word = |event: &Event| match event {
        Event::Started { .. } => "started",
        Event::Tick { .. } => "tick",
        Event::Values { .. } => "values",
        Event::Diagnosis { .. } => "diagnosis",
        Event::Samples { .. } => "samples",
        Event::Drawn { .. } => "drawn",
        Event::Warning { .. } => "warning",
        Event::Checkpoint { reason: CheckpointReason::Automatic, .. } => "automatic checkpoint",
        Event::Checkpoint { reason: CheckpointReason::Requested, .. } => "requested checkpoint",
        Event::Checkpoint { reason: CheckpointReason::Last, .. } => "last checkpoint",
        Event::Best { .. } => "best",
        Event::Paused { .. } => "paused",
        Event::Resumed { .. } => "resumed",
        Event::Failed { .. } => "failed",
        Event::Finished { reason: FinishReason::Completed, .. } => "completed",
        Event::Finished { reason: FinishReason::Stopped, .. } => "stopped",
        Event::Finished { reason: FinishReason::Stalled, .. } => "stalled",
    };
    events.iter().map(word).collect()
}

#[test]
fn a_run_tells_its_story_in_order() {
    let mut config = tiny_config(6);
    config.output.sample_steps = Some(3);
    config.output.checkpoint_steps = Some(4);
    let events = play(config, |_, _| {});
    let expected = [
        "started",
        "samples", // untrained
        "tick",    // step 1, at once
        "values",
        "diagnosis",
        "samples", // step 3
        "tick",    // step 4: nothing is saved before its losses are known
        "values",
        "automatic checkpoint",
        "samples", // step 6, the last
        "tick",
        "values",
        "last checkpoint",
        "completed",
    ];
    assert_eq!(story(&events), expected);
}

#[test]
fn every_step_has_its_losses_and_they_are_finite() {
    let events = play(tiny_config(11), |_, _| {});
    let series = series(&events);
    assert_eq!(series.steps(), (1..=11).collect::<Vec<_>>());
    for name in [LOSS_D, LOSS_G] {
        let values: Vec<_> = series.get(name).collect();
        assert!(values.len() == 11 && values.iter().all(|(_, loss)| loss.is_finite() && *loss > 0.0), "{values:?}");
    }
    assert_eq!([SCORE_REAL, SCORE_FAKE].map(|name| series.get(name).count()), [11, 11]);
    assert_eq!([LOSS_R1, LOSS_R2].map(|name| series.get(name).count()), [0, 0]);
}

/// At first the discriminator's scores of real and of generated pictures are alike; once it can tell them apart, so do its
/// scores.
#[test]
fn scores_part_as_the_discriminator_learns() {
    let mut config = tiny_config(60);
    config.train.discriminator_lr = 2e-3;
    config.train.generator_lr = 1e-5;
    let series = series(&play(config, |_, _| {}));
    let gap = |at: fn(Vec<(u64, f32)>) -> f32| {
        let [real, fake] = [SCORE_REAL, SCORE_FAKE].map(|name| at(series.get(name).collect()));
        real - fake
    };
    let (first, last) = (gap(|values| values[0].1), gap(|values| values[values.len() - 1].1));
    assert!(first.abs() < 0.5 && last > 2.0, "from {first} to {last}");
}

#[test]
fn rates_speed_and_augmentation_are_told_once_a_tick() {
    let mut config = tiny_config(8);
    config.train.generator_lr = 1e-3;
    config.schedule.kimg = 0.032;
    config.schedule.generator_lr = Some(1e-4);
    config.augment.flip = true;
    config.augment.p = 0.25;
    let events = play(config.clone(), |_, _| {});
    let told = events.iter().filter_map(|event| match event {
        Event::Values { step, nimg, values } => Some((*step, *nimg, values.clone())),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let ticks = events.iter().filter(|event| matches!(event, Event::Tick { .. })).count();
    assert_eq!(told.len(), ticks);
    for (step, nimg, values) in &told {
        assert_eq!((*nimg, values[NIMG]), (4 * step, 4.0 * *step as f64));
        assert_eq!((values[AUGMENT_P], values[LEARNING_RATE_D]), (0.25, config.train.discriminator_lr));
        assert!(values[IMAGES_PER_SEC] > 0.0, "{values:?}");
    }
    // Thirty-two images are the whole schedule.
    let (step, _, last) = told.last().unwrap();
    assert!(*step == 8 && (last[LEARNING_RATE_G] - 1e-4).abs() < 1e-15, "step {step}: {last:?}");
    let (_, _, first) = &told[0];
    assert!(first[LEARNING_RATE_G] < 1e-3 && first[LEARNING_RATE_G] > 1e-4, "{first:?}");

    let plain = play(tiny_config(1), |_, _| {});
    let values = plain.iter().find_map(|event| match event {
        Event::Values { values, .. } => Some(values),
        _ => None,
    });
    assert!(!values.unwrap().contains_key(AUGMENT_P), "nothing is altered: {values:?}");
}

#[test]
fn penalties_are_told_apart() {
    let mut config = tiny_config(3);
    (config.train.r1_gamma, config.train.r2_gamma) = (10.0, 10.0);
    config.model.discriminator_norm = Norm::None;
    let both = play(config.clone(), |_, _| {});
    config.train.r2_gamma = 0.0;
    let first = play(config, |_, _| {});
    let (both, first) = (series(&both), series(&first));
    let penalties =
        |series: &StepSeries, name: &str| -> Vec<f32> { series.get(name).map(|(_, value)| value).collect() };
    for name in [LOSS_R1, LOSS_R2] {
        let values = penalties(&both, name);
        assert!(values.len() == 3 && values.iter().all(|penalty| *penalty > 0.0), "{name}: {values:?}");
    }
    // The first step does not depend on the other penalty yet.
    assert_eq!(penalties(&first, LOSS_R1)[0], penalties(&both, LOSS_R1)[0]);
    assert!(penalties(&first, LOSS_R2).is_empty());
}

/// Ten pictures in batches of four: epochs 1, 2, 3 and 4 are complete after steps 3, 5, 8 and 10.
#[test]
fn every_nth_epoch_is_drawn_at_the_step_that_completes_it() {
    let epochs = |config: RunConfig| -> Vec<(u64, Option<u64>)> {
        let samples = |event| match event {
            Event::Samples { step, epoch, .. } => Some((step, epoch)),
            _ => None,
        };
        play(config, |_, _| {}).into_iter().filter_map(samples).collect()
    };
    let mut config = tiny_config(10);
    config.output.epoch_samples = Some(1);
    assert_eq!(epochs(config.clone()), [(0, None), (3, Some(1)), (5, Some(2)), (8, Some(3)), (10, Some(4))]);
    config.output.epoch_samples = Some(2);
    // One grid where two are due.
    config.output.sample_steps = Some(5);
    assert_eq!(epochs(config.clone()), [(0, None), (5, Some(2)), (10, Some(4))]);
    // A step may complete several.
    config.train.batch = 35;
    config.train.length = Length::Steps(2);
    assert_eq!(epochs(config), [(0, None), (1, Some(2)), (2, Some(6))]);
}

/// Batch norm's running statistics change pictures too, so a generator that is not updated is what to compare with.
#[test]
fn samples_change_by_what_the_generator_learns_and_show_whole_pictures() {
    let change = |generator_lr| {
        let mut config = tiny_config(20);
        config.train.generator_lr = generator_lr;
        let events = play(config, |_, _| {});
        let grids: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Samples { grid, .. } => Some(grid),
                _ => None,
            })
            .collect();
        let [first, last] = grids[..] else { panic!("{} grids", grids.len()) };
        for grid in [first, last] {
            assert_eq!((grid.count, grid.columns, grid.tile, grid.pixels.len()), (4, 2, 32.into(), 64 * 64 * 3));
        }
        let levels = first.pixels.iter().zip(&last.pixels).map(|(a, b)| f64::from(a.abs_diff(*b)));
        levels.sum::<f64>() / first.pixels.len() as f64
    };
    let (learnt, still) = (change(1e-2), change(1e-30));
    assert!(learnt > 1.5 && still < learnt / 2.0, "by {learnt} levels of brightness, and by {still} without updates");
}

#[test]
fn each_command_is_answered() {
    let mut sent = false;
    let events = play(tiny_config(1000), |event, commands| {
        if matches!(event, Event::Tick { .. }) && !sent {
            sent = true;
            let set = Command::Set { key: "train.batch".into(), value: "8".into() };
            let sample = |seed, truncation_psi| Command::Sample { count: 9, seed, class: None, truncation_psi };
            let (varied, typical) = (sample(5, 1.0), sample(6, 0.0));
            for command in [Command::Pause, Command::Save, varied, typical, set, Command::Resume, Command::Stop] {
                commands.try_send(command).unwrap();
            }
        }
    });
    let story = story(&events);
    let from = story.iter().position(|word| *word == "paused").unwrap();
    let expected = [
        "paused",
        "requested checkpoint",
        "samples",
        "samples",
        "warning",
        "resumed",
        "samples",
        "last checkpoint",
        "stopped",
    ];
    assert_eq!(story[from..], expected);
    let rows = |asked| {
        let grid = events.iter().find_map(|event| match event {
            Event::Samples { seed, grid, .. } if *seed == asked => Some(grid),
            _ => None,
        });
        let grid = grid.unwrap();
        assert_eq!((grid.count, grid.columns), (9, 3));
        grid.pixels.chunks(grid.pixels.len() / 3).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_ne!(rows(5)[0], rows(5)[1]);
    assert_eq!(rows(6)[0], rows(6)[1], "fully truncated, every picture is the most typical one");
}

#[test]
fn a_paused_run_stops_when_nobody_is_left_to_resume_it() {
    let (mut run, commands) = Run::new(tiny_config(1000).validate().unwrap(), pictures(10), cpu(), None).unwrap();
    commands.try_send(Command::Pause).unwrap();
    drop(commands);
    let mut events = Vec::new();
    while let Some(event) = block_on(run.next()) {
        events.push(event);
    }
    assert_eq!(story(&events).last(), Some(&"stopped"));
}

#[test]
fn a_length_can_be_changed_on_the_way() {
    let events = play(tiny_config(1000), |event, commands| {
        if matches!(event, Event::Started { .. }) {
            let set = Command::Set { key: "train.length".into(), value: r#"{"steps":3}"#.into() };
            commands.try_send(set).unwrap();
        }
    });
    let Some(Event::Finished { reason: FinishReason::Completed, progress }) = events.last() else { panic!() };
    assert_eq!(progress.step, 3);
}

#[test]
fn a_gentle_run_rests_and_learns_the_same() {
    let mut gentle = tiny_config(40);
    gentle.output.idle_share = 0.95;
    let [busy, gentle] = [tiny_config(40), gentle].map(|config| play(config, |_, _| {}));
    let end = |events: &[Event]| match events {
        [.., Event::Checkpoint { bytes, .. }, Event::Finished { progress, .. }] => {
            (Checkpoint::from_bytes(bytes).unwrap().tensors, progress.elapsed_secs)
        }
        _ => panic!("{:?}", story(events)),
    };
    let ((busy_weights, busy_secs), (gentle_weights, gentle_secs)) = (end(&busy), end(&gentle));
    assert!(busy_weights == gentle_weights);
    // It rests nineteen times as long as it works, so even a machine that is busy with other things shows it.
    assert!(gentle_secs > busy_secs, "{gentle_secs} and {busy_secs} s");
}

#[test]
fn a_length_in_epochs_counts_pictures() {
    let mut config = tiny_config(1);
    config.train.length = Length::Epochs(2);
    let events = play(config, |_, _| {});
    let Some(Event::Finished { progress, .. }) = events.last() else { panic!() };
    // Twenty pictures in batches of four.
    assert_eq!((progress.step, progress.nimg, progress.epoch), (5, 20, 2.0));
}

/// R3GAN's residual branches begin at 0 and have gradients of 0 in the first step. With an epsilon that float32 rounds to
/// 0, Adam divides 0 by 0 there: the discriminator's update makes its weights NaN, and with them the generator's loss.
#[test]
fn a_run_that_breaks_down_says_so_and_saves_nothing_broken() {
    let mut config = tiny_config(4);
    config.model.architecture = Architecture::R3gan;
    config.train.adam_eps = 1e-50;
    config.output.checkpoint_steps = Some(1);
    let events = play(config, |_, _| {});
    let Some(Event::Failed { kind, message }) = events.last() else { panic!("{:?}", story(&events)) };
    assert_eq!(*kind, FailureKind::Diverged, "{message}");
    assert!(message.contains("loss/g is NaN at step 1"), "{message}");
    assert!(series(&events).steps().is_empty(), "only what is a number is reported");
    let is_saved = |event: &Event| matches!(event, Event::Checkpoint { .. });
    assert!(!events.iter().any(is_saved), "{:?}", story(&events));
}

#[test]
fn a_batch_shows_every_picture_equally_often_across_epochs() {
    let mut config = tiny_config(1);
    (config.seed, config.train.batch, config.data.horizontal_flip) = (3, 4, false);
    let mut batches = whelp::train::Batches::new(pictures(10), &config);
    let mut shown = [0; 10];
    let mut first_epoch = Vec::new();
    for step in 0..5u64 {
        for index in batches.indices(step * 4) {
            shown[index] += 1;
            first_epoch.push(index);
        }
    }
    assert_eq!(shown, [2; 10]);
    assert_ne!(first_epoch[..10], first_epoch[10..]);
    // A function of the position alone: no state to lose.
    let mut fresh = whelp::train::Batches::new(pictures(10), &config);
    assert_eq!(fresh.indices(8), first_epoch[8..12]);

    config.data.validation = 0.2;
    let held_out = whelp::data::Split::new(10, 0.2, 3).validation;
    let mut rest = whelp::train::Batches::new(pictures(10), &config);
    let mut shown: Vec<usize> = (0..4).flat_map(|step| rest.indices(step * 4)).collect();
    shown.sort_unstable();
    let expected = (0..10).filter(|index| !held_out.contains(index)).flat_map(|index| [index as usize; 2]);
    assert_eq!((rest.epoch_len(), shown), (8, expected.collect::<Vec<_>>()));
}

/// The discriminator against a generator that stays as it is, and then the generator against that discriminator.
#[test]
fn each_network_learns_against_the_other() {
    /// As good as 0, which is no learning rate.
    const STILL: f64 = 1e-30;
    let mut config = tiny_config(60);
    (config.train.generator_lr, config.train.discriminator_lr) = (STILL, 2e-3);
    let events = play(config.clone(), |_, _| {});
    let losses: Vec<f32> = series(&events).get(LOSS_D).map(|(_, loss)| loss).collect();
    // Guessing costs 2 ln 2 = 1.386.
    assert!(losses[0] > 1.0 && losses[59] < 0.3, "from {} to {}", losses[0], losses[59]);

    let checkpoint = events.iter().find_map(|event| match event {
        Event::Checkpoint { bytes, .. } => Some(Checkpoint::from_bytes(bytes).unwrap()),
        _ => None,
    });
    (config.train.generator_lr, config.train.discriminator_lr) = (5e-3, STILL);
    config.train.length = Length::Steps(120);
    let config = config.validate().unwrap();
    let (mut run, _commands) = Run::resume(&checkpoint.unwrap(), config, pictures(10), cpu(), None).unwrap();
    let events: Vec<_> = std::iter::from_fn(|| block_on(run.next())).collect();
    let losses: Vec<f32> = series(&events).get(LOSS_G).skip(60).map(|(_, loss)| loss).collect();
    // A generator that draws the discriminator's idea of real pictures loses less than ln 2 = 0.693.
    assert!(losses[0] > 2.0 && losses[59] < 0.5, "from {} to {}", losses[0], losses[59]);
}

#[test]
fn the_same_seed_trains_the_same_on_a_gpu_within_rounding() {
    let Some(gpu) = gpu() else { return };
    let losses = |device| {
        let (mut run, _commands) = Run::new(tiny_config(4).validate().unwrap(), pictures(10), device, None).unwrap();
        let events: Vec<_> = std::iter::from_fn(|| block_on(run.next())).collect();
        let series = series(&events);
        [LOSS_D, LOSS_G].iter().flat_map(|name| series.get(name).map(|(_, loss)| loss)).collect::<Vec<_>>()
    };
    let (expected, found) = (losses(cpu()), losses(gpu));
    // Four steps of Adam, each about lr * sign(gradient): rounding shows only where a gradient is almost 0.
    crate::support::assert_close("losses", &found, &expected, 5e-3, 0.0);
}
