use futures_lite::future::block_on;

use super::*;
use crate::config::{Length, OnDivergence, RunConfig};
use crate::data::DatasetBuilder;
use crate::device::{DeviceChoice, open};
use crate::storage::memory::MemoryFile;

/// A run that takes a moment, with a checkpoint after step 4.
fn config() -> RunConfig {
    let mut config = RunConfig::default();
    (config.model.generator_width, config.model.discriminator_width, config.model.latent) = (4, 4, 8);
    (config.train.batch, config.train.length) = (4, Length::Steps(10));
    (config.output.tick_steps, config.output.grid) = (1, 4);
    (config.output.sample_steps, config.output.checkpoint_steps) = (None, Some(4));
    config.output.checkpoint_secs = None;
    config
}

fn data() -> Arc<Dataset> {
    Arc::new(filled(DatasetBuilder::new("test pictures", 32)))
}

fn filled(mut builder: DatasetBuilder) -> Dataset {
    for index in 0..8u32 {
        let pixels = (0..3 * 32 * 32).map(|place| (place * (index + 3) % 251) as u8).collect();
        builder.push(&format!("{index}.png"), Ok(pixels));
    }
    builder.finish().unwrap()
}

fn cpu() -> OpenDevice {
    block_on(open(DeviceChoice::Cpu)).unwrap()
}

/// Makes every weight of the generator NaN, which the next step's losses show.
fn poison(run: &mut Run) {
    let inner = run.device.device.clone().inner();
    run.trainer.generator = weights::replace(run.trainer.generator.clone(), |_, shape, _| {
        Some(Tensor::full([shape.iter().product::<usize>()], f32::NAN, &inner))
    });
}

/// Every event of a run that is poisoned after step 6, the first `times` times that it gets there.
fn play(config: RunConfig, mut times: u32, command: Option<Command>) -> Vec<Event> {
    let (mut run, commands) = Run::new(config.validate().unwrap(), data(), cpu(), None).unwrap();
    let mut events = Vec::new();
    while let Some(event) = block_on(run.next()) {
        if matches!(&event, Event::Tick { progress, series } if progress.step == 6 && series.steps() == [6])
            && times > 0
        {
            times -= 1;
            poison(&mut run);
            command.iter().for_each(|command| commands.try_send(command.clone()).unwrap());
        }
        events.push(event);
    }
    events
}

fn checkpoints(events: &[Event]) -> Vec<Checkpoint> {
    let bytes = events.iter().filter_map(|event| match event {
        Event::Checkpoint { bytes, .. } => Some(bytes),
        _ => None,
    });
    bytes.map(|bytes| Checkpoint::from_bytes(bytes).unwrap()).collect()
}

#[test]
fn a_run_that_diverges_goes_back_and_on_with_half_the_learning_rates() {
    let events = play(config(), 1, None);
    let warning = events.iter().find_map(|event| match event {
        Event::Warning { message } => Some(message.as_str()),
        _ => None,
    });
    assert_eq!(
        warning.unwrap(),
        "training diverged: loss/d is NaN at step 7. The run went back to its checkpoint of step 4 and goes on with lower \
         learning rates: 0.0002 to 0.0001 for the generator, 0.0002 to 0.0001 for the discriminator. This is attempt 1 of 2"
    );
    let starts: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Started { progress, .. } => Some(progress.step),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [0, 4], "the front end is told where the run goes on");
    assert!(matches!(events.last(), Some(Event::Finished { progress, .. }) if progress.step == 10));

    // What a resumed run with these learning rates comes to, to the bit.
    let saved = checkpoints(&events);
    let mut slower = config();
    slower.scale_learning_rates(0.5);
    let (mut run, _commands) = Run::resume(&saved[0], slower.validate().unwrap(), data(), cpu(), None).unwrap();
    let mut resumed = Vec::new();
    while let Some(event) = block_on(run.next()) {
        resumed.push(event);
    }
    let (found, expected) = (saved.last().unwrap(), checkpoints(&resumed).pop().unwrap());
    assert_eq!((&found.meta.config, found.meta.progress.step), (&expected.meta.config, 10));
    assert_eq!(found.meta.history, expected.meta.history);
    let bits = |checkpoint: &Checkpoint| -> Vec<Vec<u32>> {
        checkpoint.tensors.values().map(|tensor| tensor.values.iter().map(|value| value.to_bits()).collect()).collect()
    };
    assert_eq!(bits(found), bits(&expected));
}

#[test]
fn a_run_that_diverges_a_third_time_stops() {
    let events = play(config(), 3, None);
    let Some(Event::Failed { kind: FailureKind::Diverged, message }) = events.last() else {
        panic!("{:?}", events.last())
    };
    assert_eq!(
        message,
        "training diverged: loss/d is NaN at step 7, although the run went back twice, last to its checkpoint of step 4, with \
         lower learning rates"
    );
}

#[test]
fn a_run_that_is_to_stop_does() {
    let mut config = config();
    config.train.on_divergence = OnDivergence::Stop;
    let events = play(config, 1, None);
    let Some(Event::Failed { message, .. }) = events.last() else { panic!("{:?}", events.last()) };
    assert_eq!(message, "training diverged: loss/d is NaN at step 7");
}

/// Whoever stops a run when it has just broken down gets the last checkpoint, and an answer.
#[test]
fn a_command_that_finds_a_divergence_is_obeyed_after_the_rollback() {
    let events = play(config(), 1, Some(Command::Save));
    let requested =
        |event: &Event| matches!(event, Event::Checkpoint { reason: CheckpointReason::Requested, step: 4, .. });
    assert!(events.iter().any(requested));
    assert!(matches!(events.last(), Some(Event::Finished { progress, .. }) if progress.step == 10));
}

/// Every event of a run on two devices, from its beginning or from a checkpoint. It may lose the second device after step 6.
#[cfg(feature = "devices")]
fn play_on_two(checkpoint: Option<&Checkpoint>, loses_one: bool) -> Vec<Event> {
    let (config, device) = (config().validate().unwrap(), block_on(open("cpu,cpu".parse().unwrap())).unwrap());
    let run = match checkpoint {
        None => Run::new(config, data(), device, None),
        Some(checkpoint) => Run::resume(checkpoint, config, data(), device, None),
    };
    let (mut run, _commands) = run.unwrap();
    let mut events = Vec::new();
    while let Some(event) = block_on(run.next()) {
        if loses_one && matches!(&event, Event::Tick { series, .. } if series.steps() == [6]) {
            run.team.as_ref().unwrap().break_a_peer();
        }
        events.push(event);
    }
    events
}

#[cfg(feature = "devices")]
#[test]
fn a_run_that_loses_a_device_ends_with_a_sentence_and_its_checkpoint_goes_on_bit_for_bit() {
    let lost = play_on_two(None, true);
    let Some(Event::Failed { kind, message }) = lost.last() else { panic!("{:?}", lost.last()) };
    assert_eq!(*kind, FailureKind::Device);
    assert!(message.starts_with("the device failed: device 2 of 2 dropped out of a step: "), "{message}");
    let saved = checkpoints(&lost);
    assert_eq!(saved.last().unwrap().meta.progress.step, 4);
    let (resumed, whole) = (play_on_two(saved.last(), false), play_on_two(None, false));
    let [resumed, whole] = [resumed, whole].map(|events| checkpoints(&events).pop().unwrap());
    assert_eq!((resumed.meta.progress.step, whole.meta.progress.step), (10, 10));
    assert!(resumed.tensors == whole.tensors);
}

/// The losses of a run on `data`, and what it ends with; `meanwhile` is called after step 6.
fn losses_of(data: Dataset, meanwhile: impl Fn()) -> (Vec<f32>, Event) {
    let (mut run, _commands) = Run::new(config().validate().unwrap(), Arc::new(data), cpu(), None).unwrap();
    let (mut losses, mut last) = (Vec::new(), None);
    while let Some(event) = block_on(run.next()) {
        if let Event::Tick { series, .. } = &event {
            losses.extend(series.get(series::LOSS_D).map(|(_, value)| value));
            if series.steps() == [6] {
                meanwhile();
            }
        }
        last = Some(event);
    }
    (losses, last.unwrap())
}

#[test]
fn pictures_in_a_file_train_as_those_in_memory_do_until_the_file_is_gone() {
    let in_file = || {
        let file = Arc::new(MemoryFile::default());
        let mut builder = DatasetBuilder::new("test pictures", 32);
        builder.put_pixels_into(Box::new(file.clone()));
        (filled(builder), file)
    };
    let (whole, _) = losses_of(filled(DatasetBuilder::new("test pictures", 32)), || ());
    assert_eq!(losses_of(in_file().0, || ()).0, whole);
    let (data, file) = in_file();
    let (losses, last) = losses_of(data, || file.bytes.lock().unwrap().clear());
    assert_eq!(losses, whole[..6]);
    let Event::Failed { kind: FailureKind::Pictures, message } = last else { panic!("{last:?}") };
    assert!(message.starts_with("test pictures: a picture can't be read any more ("), "{message}");
}

#[test]
fn adaptive_augmentation_without_transforms_is_told_of() {
    let warnings = |change: &dyn Fn(&mut RunConfig)| {
        let mut config = config();
        config.augment.adaptive = true;
        change(&mut config);
        let events = play(config, 0, None);
        events
            .iter()
            .filter(|event| matches!(event, Event::Warning { message } if message.contains("augment.adaptive")))
            .count()
    };
    assert_eq!(warnings(&|_| {}), 1);
    assert_eq!(warnings(&|config| config.augment.flip = true), 0);
}
