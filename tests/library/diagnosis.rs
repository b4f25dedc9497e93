//! Runs that are made to fail, each in its own way: what is wrong with them is named.

use std::sync::Arc;

use futures_lite::future::block_on;
use whelp::checkpoint::{Checkpoint, Scored};
use whelp::config::{Architecture, Loss, OnDivergence, RunConfig};
use whelp::data::Dataset;
use whelp::diagnosis::Diagnosis;
use whelp::features::{Cifar10, FeatureNetwork};
use whelp::metrics::{RealSplit, Score, score_name};
use whelp::protocol::{BestScore, Event, FailureKind};
use whelp::run::Run;
use whelp::series;

use crate::support::{cpu, pictures, tiny_config};

/// All events of a run that is scored if its settings say so.
fn play(config: RunConfig, data: &Arc<Dataset>) -> Vec<Event> {
    let (mut run, _commands) = Run::new(config.validate().unwrap(), data.clone(), cpu(), None).unwrap();
    follow(&mut run)
}

fn follow(run: &mut Run) -> Vec<Event> {
    if run.wants_scores() {
        let weights = include_bytes!("../../src/features/cifar10.safetensors");
        run.judge_by(FeatureNetwork::Cifar10(Cifar10::new(weights, &cpu().device).unwrap()));
    }
    std::iter::from_fn(|| block_on(run.next())).collect()
}

fn diagnoses(events: &[Event]) -> Vec<Diagnosis> {
    let diagnosis = |event: &Event| match event {
        Event::Diagnosis { diagnosis, .. } => Some(diagnosis.clone()),
        _ => None,
    };
    events.iter().filter_map(diagnosis).collect()
}

fn unscored(steps: u64) -> RunConfig {
    let mut config = tiny_config(steps);
    config.train.batch = 16;
    config.metrics.every_kimg = None;
    config
}

#[test]
fn a_discriminator_that_is_never_wrong_is_named() {
    let mut config = unscored(400);
    (config.train.generator_lr, config.train.discriminator_lr) = (1e-9, 0.01);
    let told = diagnoses(&play(config, &pictures(100)));
    assert!(matches!(told[0], Diagnosis::WarmingUp { .. }), "{told:?}");
    assert!(
        matches!(told.last().unwrap(), Diagnosis::DiscriminatorWins { loss_share } if *loss_share < 0.02),
        "{told:?}"
    );
}

#[test]
fn numbers_that_grow_out_of_bounds_are_named_before_they_are_none() {
    let mut config = unscored(2000);
    config.model.architecture = Architecture::Dense;
    config.train.loss = Loss::Wasserstein;
    config.train.discriminator_lr = 0.02;
    config.train.on_divergence = OnDivergence::Stop;
    let events = play(config, &pictures(100));
    let told = diagnoses(&events);
    let grown = told.iter().find(|told| matches!(told, Diagnosis::NearInfinity { .. }));
    assert!(grown.is_some_and(|told| told.to_string().contains(" is soon no number any more")), "{told:?}");
}

/// Scored runs whose generator can't learn, so that only the discriminator's doing is measured.
fn scored(steps: u64) -> RunConfig {
    let mut config = unscored(steps);
    (config.metrics.every_kimg, config.metrics.count, config.metrics.budget) = (Some(2.0), 44, 1.0);
    config.data.validation = 0.5;
    config
}

#[test]
fn a_score_measures_diversity_colours_and_what_is_known_by_heart() {
    let events = play(scored(300), &pictures(100));
    let measured: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Values { values, .. } => values.get(series::DIVERSITY).map(|diversity| (*diversity, values)),
            _ => None,
        })
        .collect();
    assert!(!measured.is_empty());
    for (diversity, values) in measured {
        assert!(diversity > 0.0 && values[series::COLOR_SHIFT] >= 0.0, "{values:?}");
        assert!(values.get(series::BY_HEART).is_none_or(|share| share.is_finite()), "{values:?}");
    }
}

/// A run that goes on from a generator that draws one picture, long after it could draw many.
fn collapsed(on_divergence: OnDivergence) -> Vec<Event> {
    let (mut run, _) = collapsing(on_divergence);
    follow(&mut run)
}

/// The same before its first event, and the checkpoint of its first step, when all was well.
fn collapsing(on_divergence: OnDivergence) -> (Run, Checkpoint) {
    let data = pictures(100);
    let Some(Event::Checkpoint { bytes, .. }) =
        play(unscored(1), &data).into_iter().rfind(|event| matches!(event, Event::Checkpoint { .. }))
    else {
        panic!("no checkpoint");
    };
    let well = Checkpoint::from_bytes(&bytes).unwrap();
    let mut checkpoint = well.clone();
    checkpoint.meta.progress.nimg = 60_000;
    let networks = checkpoint.tensors.iter_mut().filter(|(name, _)| name.starts_with("generator"));
    networks.for_each(|(_, tensor)| tensor.values.fill(0.0));

    // It ends when that is found; how many steps there are meanwhile is up to the machine.
    let mut config = scored(100_000);
    (config.train.generator_lr, config.train.discriminator_lr) = (1e-12, 1e-12);
    (config.data.validation, config.metrics.every_kimg, config.metrics.count) = (0.0, Some(0.1), 100);
    config.train.on_divergence = on_divergence;
    let (run, _commands) = Run::resume(&checkpoint, config.validate().unwrap(), data, cpu(), None).unwrap();
    (run, well)
}

/// As one that was never interrupted.
#[test]
fn a_resumed_run_goes_back_to_the_best_checkpoint_that_it_is_told_of() {
    let (mut run, mut best) = collapsing(OnDivergence::Rollback);
    best.meta.progress.step = 0;
    // Of so few pictures the kernel distance is what counts, which may be below 0 by chance.
    let name = score_name(Score::Kid, "c10", 100, RealSplit::Training);
    let score = BestScore { name, value: -1.0, standard_error: None, step: 0 };
    best.meta.scored = Some(Scored { best: score, stalled: 0, stalled_at: -1.0, stalled_nimg: None });
    run.best_is(Some(&best));
    let weights = include_bytes!("../../src/features/cifar10.safetensors");
    run.judge_by(FeatureNetwork::Cifar10(Cifar10::new(weights, &cpu().device).unwrap()));
    let mut began = Vec::new();
    while began.len() < 2 {
        match block_on(run.next()) {
            Some(Event::Started { progress, .. }) => began.push(progress.step),
            Some(Event::Failed { message, .. }) => panic!("{message}"),
            Some(_) => {}
            None => panic!("it ended: {began:?}"),
        }
    }
    assert_eq!(began, [1, 0]);
}

#[test]
fn a_collapse_is_named_and_ends_the_run_where_the_settings_say_so() {
    let events = collapsed(OnDivergence::Stop);
    let told = diagnoses(&events);
    assert_eq!(told.last(), Some(&Diagnosis::Collapsed { diversity: 0.0 }), "{told:?}");
    // All pictures are of the grey 128, and all real ones are compared with.
    let shift = events.iter().find_map(|event| match event {
        Event::Values { values, .. } => values.get(series::COLOR_SHIFT).copied(),
        _ => None,
    });
    let data = pictures(100);
    let shift_of = |channel: usize| {
        let plane = data.resolution().pixels();
        let values: Vec<f64> = (0..data.len())
            .flat_map(|index| data.pixels(index)[channel * plane..][..plane].to_vec())
            .map(f64::from)
            .collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (128.0 - mean).abs() / variance.sqrt()
    };
    let expected = (0..data.channels()).map(shift_of).fold(0.0, f64::max);
    assert!((shift.unwrap() - expected).abs() < 1e-6, "{shift:?} and {expected}");
    let Some(Event::Failed { kind, message }) = events.last() else { panic!("{:?}", events.last()) };
    assert_eq!(*kind, FailureKind::Diverged);
    assert!(message.starts_with("the generated pictures collapsed: at step "), "{message}");
}

#[test]
fn a_run_that_collapses_goes_back_to_its_best_checkpoint_twice_and_ends_if_that_does_not_help() {
    let events = collapsed(OnDivergence::Rollback);
    let best = events.iter().find_map(|event| match event {
        Event::Best { step, .. } => Some(*step),
        _ => None,
    });
    let began: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Started { progress, .. } => Some(progress.step),
            _ => None,
        })
        .collect();
    // The first score is the best, and no collapse: there is nothing better.
    let best = best.unwrap();
    assert_eq!(began, [1, best, best], "{:?}", diagnoses(&events));
    let Some(Event::Failed { message, .. }) = events.last() else { panic!("{:?}", events.last()) };
    let expected =
        format!("although the run went back twice, last to its checkpoint of step {best}, with lower learning rates");
    assert!(message.contains(&expected), "{message}");
}
