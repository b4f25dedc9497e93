//! Scores of pictures: what they notice, and scores of a run while it trains.

use std::sync::Arc;

use futures_lite::future::block_on;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Architecture, RunConfig};
use whelp::data::{self, Dataset, Preparation};
use whelp::features::{Cifar10, FeatureNetwork, Seen};
use whelp::metrics::{
    CopyLimits, LeftOut, Looks, Rows, Score, Scores, Sketch, THUMBNAIL_SIDE, Verdict, closeness, memorization_distance,
    memorization_threshold,
};
use whelp::protocol::{Event, FinishReason};
use whelp::random::{Random, Stream};
use whelp::run::Run;
use whelp::sample::Pictures;
use whelp::series;

use crate::support::{asset, cpu, last_checkpoint, pictures, tiny_config};

fn network() -> FeatureNetwork {
    let weights = include_bytes!("../../src/features/cifar10.safetensors");
    FeatureNetwork::Cifar10(Cifar10::new(weights, &cpu().device).unwrap())
}

fn dogs(file: &str) -> Option<Dataset> {
    Some(data::dogs(&asset(file)?, Preparation::plain(32)).unwrap())
}

fn some(data: &Dataset, first: u32, count: u32) -> Pictures {
    Pictures::from_dataset(data, &(first..first + count).collect::<Vec<_>>()).unwrap()
}

/// What is scored of pictures.
struct Looked {
    seen: Seen,
    sketch: Sketch,
    thumbnails: Rows,
}

fn look(network: &FeatureNetwork, pictures: &Pictures) -> Looked {
    let mut looked = Looked {
        seen: Seen::default(),
        sketch: Sketch::new(32, 0),
        thumbnails: Rows::new(3 * THUMBNAIL_SIDE * THUMBNAIL_SIDE),
    };
    let bytes = 3 * 32 * 32;
    for chunk in pictures.pixels.chunks(network.batch() * bytes) {
        let chunk = Pictures { pixels: chunk.to_vec(), ..*pictures };
        looked.seen.append(block_on(network.look_at(&chunk, &cpu().device)).unwrap());
    }
    pictures
        .rgb_planes(32.into(), data::Filter::Lanczos)
        .chunks_exact(bytes)
        .for_each(|planes| looked.sketch.add(planes));
    let thumbnails = pictures.rgb_planes(THUMBNAIL_SIDE.into(), data::Filter::Lanczos);
    looked.thumbnails.extend(thumbnails.iter().map(|value| f32::from(*value) / 127.5 - 1.0));
    looked
}

impl Looked {
    fn looks(&self) -> Looks {
        let mut features = Rows::new(Cifar10::FEATURES);
        features.extend(self.seen.features());
        Looks { pixels: self.thumbnails.clone(), features }
    }

    fn scores(&self, real: &Self) -> Scores {
        let left_out = LeftOut::random(real.seen.len(), self.seen.len(), 0);
        let mut scores = Scores::new(&real.seen.matrix(), &self.seen.matrix(), &left_out);
        scores.push(Score::Swd, self.sketch.distance(&real.sketch, &left_out));
        scores
    }
}

/// The pictures, each byte changed by what stands around it.
fn changed(pictures: &Pictures, change: impl Fn(&[u8], usize, usize) -> f32) -> Pictures {
    let pixels = pictures.iter().enumerate().flat_map(|(index, picture)| {
        let change = &change;
        (0..picture.len()).map(move |at| change(picture, index, at).clamp(0.0, 255.0).round() as u8)
    });
    Pictures { pixels: pixels.collect(), ..*pictures }
}

/// The mean of 3 x 3 pixels, of as many as there are at the edge.
fn blurred(picture: &[u8], at: usize) -> f32 {
    let (x, y, channel) = (at / 3 % 32, at / 96, at % 3);
    let near = |centre: usize| centre.saturating_sub(1)..(centre + 2).min(32);
    let values: Vec<f32> =
        near(y).flat_map(|y| near(x).map(move |x| f32::from(picture[(y * 32 + x) * 3 + channel]))).collect();
    values.iter().sum::<f32>() / values.len() as f32
}

#[test]
fn spoilt_pictures_score_worse_by_each_score_that_should_see_it() {
    let Some(dogs) = dogs("dogs32-test.png") else { return };
    let network = network();
    let (real, others) = (some(&dogs, 0, 450), some(&dogs, 450, 450));
    let real = look(&network, &real);
    let good = look(&network, &others).scores(&real);
    let scores = |pictures: &Pictures| look(&network, pictures).scores(&real);

    let noise = Random::new(1, Stream::Init, 0).normals(others.pixels.len());
    let noisy = scores(&changed(&others, |picture, index, at| {
        f32::from(picture[at]) + 25.0 * noise[index * picture.len() + at]
    }));
    let blurred_once = changed(&others, |picture, _, at| blurred(picture, at));
    let blurred_twice = scores(&changed(&blurred_once, |picture, _, at| blurred(picture, at)));
    let blurred_once = scores(&blurred_once);
    let grey = scores(&changed(&others, |picture, _, at| {
        picture[at / 3 * 3..][..3].iter().map(|value| f32::from(*value)).sum::<f32>() / 3.0
    }));
    // Fifteen pictures, thirty times each with a little noise.
    let few = Pictures { pixels: others.pixels[..15 * 3072].repeat(30), ..others };
    let collapsed =
        scores(&changed(&few, |picture, index, at| f32::from(picture[at]) + 4.0 * noise[index * picture.len() + at]));

    let is_worse = |name: &str, spoilt: &Scores, by: &[Score]| {
        for score in by {
            let (spoilt, good) = (spoilt.get(*score).unwrap(), good.get(*score).unwrap());
            assert_eq!(
                Verdict::of(*score, spoilt, good),
                Some(Verdict::Worse),
                "{name}, {score:?}: {spoilt:?} and {good:?}"
            );
        }
    };
    let distances = [Score::Fd, Score::Kid, Score::Swd];
    is_worse("noisy", &noisy, &[&distances[..], &[Score::Density, Score::Coverage]].concat());
    // A few real pictures with large neighbourhoods hold most of the blurred ones, so precision depends on which ones there are.
    is_worse("blurred twice", &blurred_twice, &[&distances[..], &[Score::Coverage]].concat());
    is_worse("grey", &grey, &distances);
    is_worse("collapsed", &collapsed, &[Score::Fd, Score::Kid, Score::Recall, Score::Coverage]);
    // The more blurred the worse.
    for score in distances {
        let value = |scores: &Scores| scores.get(score).unwrap().value;
        let order = [&good, &blurred_once, &blurred_twice].map(value);
        assert!(order.is_sorted() && order[0] < order[2], "{score:?}: {order:?}");
    }
}

/// Five in a hundred are pictures of the training: mirrored, or darker, or with noise.
#[test]
fn copies_among_real_dogs_are_found_and_few_others_are_taken_for_copies() {
    let (Some(training), Some(test)) = (dogs("dogs32.png"), dogs("dogs32-test.png")) else { return };
    let network = network();
    let training_pictures = some(&training, 0, 1500);
    let trained_on = look(&network, &training_pictures);
    let held_out = look(&network, &some(&test, 0, 500));
    let noise = Random::new(2, Stream::Init, 0).normals(3072);
    let copy = |index: usize| -> Vec<u8> {
        let picture = &training_pictures.pixels[index * 3072..][..3072];
        let pixel = |at: usize| {
            let (x, y, channel) = (at / 3 % 32, at / 96, at % 3);
            let mirrored = f32::from(picture[(y * 32 + 31 - x) * 3 + channel]);
            match index % 3 {
                0 => mirrored,
                1 => 0.93 * f32::from(picture[at]),
                _ => f32::from(picture[at]) + 6.0 * noise[at],
            }
        };
        (0..3072).map(|at| pixel(at).clamp(0.0, 255.0).round() as u8).collect()
    };
    let copies = 25;
    let mut pictures = some(&test, 500, 500);
    for index in 0..copies {
        pictures.pixels[index * 3072..][..3072].copy_from_slice(&copy(index));
    }
    let mixed = look(&network, &pictures);

    let training = trained_on.looks();
    let limits = CopyLimits::calibrate(&closeness(&held_out.looks(), &training, None)).unwrap();
    let found = closeness(&mixed.looks(), &training, None);
    let is_right =
        |(index, found): (usize, &whelp::metrics::Closeness)| limits.is_copy(found) && limits.original(found) == index;
    let caught = found[..copies].iter().enumerate().filter(|it| is_right(*it)).count();
    let alarms = found[copies..].iter().filter(|found| limits.is_copy(found)).count();
    assert!(caught >= copies - 1, "{caught} of {copies} copies");
    // 1 % of 475.
    assert!(alarms <= 4, "{alarms} false alarms");

    // A set of copies is memorized, and held-out pictures are not.
    let threshold = memorization_threshold(&trained_on.seen.matrix(), Some(&held_out.seen.matrix()));
    let distance = |pictures: &Seen| {
        let nothing = LeftOut::nothing(trained_on.seen.len(), pictures.len());
        memorization_distance(&trained_on.seen.matrix(), &pictures.matrix(), &nothing).value
    };
    let all_copies = mixed.seen.select(&(0..copies as u32).collect::<Vec<_>>());
    let no_copies = mixed.seen.select(&(copies as u32..500).collect::<Vec<_>>());
    let [copied, fresh] = [&all_copies, &no_copies].map(distance);
    assert!(copied < threshold && fresh > threshold, "{copied} < {threshold} < {fresh}");
}

/// A run of `steps` steps whose pictures are scored every four steps, which may take all the time there is.
fn scored(steps: u64) -> RunConfig {
    let mut config = tiny_config(steps);
    config.metrics.every_kimg = Some(0.016);
    config.metrics.count = 44;
    config.metrics.budget = 1.0;
    config.data.validation = 0.5;
    config
}

fn play(config: RunConfig, resumed: Option<&Checkpoint>, data: &Arc<Dataset>) -> Vec<Event> {
    let config = config.validate().unwrap();
    let (mut run, _commands) = match resumed {
        Some(checkpoint) => Run::resume(checkpoint, config, data.clone(), cpu(), None),
        None => Run::new(config, data.clone(), cpu(), None),
    }
    .unwrap();
    run.judge_by(network());
    std::iter::from_fn(|| block_on(run.next())).collect()
}

/// The values of the scores, by step and series.
fn values(events: &[Event]) -> Vec<(u64, std::collections::BTreeMap<String, f64>)> {
    let of_scores = |event: &Event| match event {
        Event::Values { step, values, .. } if values.contains_key(series::SCORING_SECS) => {
            Some((*step, values.clone()))
        }
        _ => None,
    };
    events.iter().filter_map(of_scores).collect()
}

#[test]
fn scores_change_nothing_of_the_training_and_a_resumed_run_is_exact() {
    let data = pictures(100);
    for architecture in [Architecture::Dcgan, Architecture::R3gan] {
        let mut config = scored(40);
        config.model.architecture = architecture;
        config.output.checkpoint_steps = Some(20);
        let with = play(config.clone(), None, &data);
        assert!(values(&with).len() >= 2, "{:?}", values(&with));
        config.metrics.every_kimg = None;
        let without = play(config.clone(), None, &data);
        assert!(values(&without).is_empty());
        assert!(last_checkpoint(&with).tensors == last_checkpoint(&without).tensors, "{architecture:?}");

        // From the middle of the run with scores.
        let middle = with.iter().find_map(|event| match event {
            Event::Checkpoint { step: 20, bytes, .. } => Some(Checkpoint::from_bytes(bytes).unwrap()),
            _ => None,
        });
        let mut again = scored(40);
        again.model.architecture = architecture;
        let resumed = play(again, middle.as_ref(), &data);
        assert!(last_checkpoint(&resumed).tensors == last_checkpoint(&with).tensors, "{architecture:?}");
    }
}

#[test]
fn a_run_tells_its_scores_by_name_and_its_best_checkpoint_is_the_run_at_that_step() {
    let data = pictures(100);
    let mut config = scored(60);
    config.output.checkpoint_steps = Some(1);
    let events = play(config, None, &data);
    let values = values(&events);
    let (_, first) = &values[0];
    for name in ["fd_c10_44_val", "kid_c10_44_val", "precision_c10_44_val", "coverage_c10_44_val"] {
        assert!(first.contains_key(&series::of_score(name)), "{name}: {first:?}");
    }
    // Forty-four pictures are fewer than features, so the kernel distance leads, and it has an error.
    let leading = "kid_c10_44_val";
    assert!(first[&series::of_standard_error(leading)] > 0.0 && first[series::SCORING_SECS] > 0.0, "{first:?}");
    assert!(!first.contains_key(&series::of_standard_error("fd_c10_44_val")), "{first:?}");

    let told: Vec<f64> = values.iter().map(|(_, values)| values[&series::of_score(leading)]).collect();
    let lowest_before = |at: usize| told[..at].iter().copied().fold(f64::INFINITY, f64::min);
    let is_best = |(at, value): &(usize, f64)| *value < lowest_before(*at);
    let expected: Vec<f64> = told.iter().copied().enumerate().filter(is_best).map(|(_, value)| value).collect();
    let bests: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Best { step, score, bytes, .. } => {
                Some((*step, score.clone(), Checkpoint::from_bytes(bytes).unwrap()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(bests.iter().map(|(_, score, _)| score.value).collect::<Vec<_>>(), expected);
    for (at, score, best) in &bests {
        assert_eq!((score.name.as_str(), score.step, best.meta.progress.step), (leading, *at, *at));
        // JSON keeps all but the last digit.
        let kept = &best.meta.scored.as_ref().unwrap().best;
        assert!(kept.step == score.step && (kept.value - score.value).abs() < 1e-12, "{kept:?} and {score:?}");
        // As the checkpoint that was made at that step, though it was written later.
        let then = events.iter().find_map(|event| match event {
            Event::Checkpoint { step, bytes, .. } if step == at => Some(Checkpoint::from_bytes(bytes).unwrap()),
            _ => None,
        });
        assert!(best.tensors == then.unwrap().tensors, "step {at}");
    }
    let kept = last_checkpoint(&events).meta.scored.unwrap();
    let best = expected.last().unwrap();
    assert!((kept.best.value - best).abs() < 1e-12, "a resumed run knows it: {kept:?} and {best}");
}

#[test]
fn a_run_that_gets_no_better_ends_if_it_is_told_to() {
    let mut config = scored(4000);
    // Without batch norm, whose statistics change pictures too.
    config.model.architecture = Architecture::R3gan;
    (config.train.generator_lr, config.train.discriminator_lr) = (1e-30, 1e-30);
    config.train.stop_when_stalled = Some(2);
    let events = play(config, None, &pictures(100));
    let Some(Event::Finished { reason, .. }) = events.last() else { panic!("{:?}", events.last()) };
    assert_eq!((*reason, values(&events).len()), (FinishReason::Stalled, 3));
}

#[test]
fn scores_wait_until_they_have_their_share_of_the_time() {
    let mut config = scored(60);
    config.metrics.budget = 0.01;
    // A piece takes longer than a hundredth of these steps.
    assert!(values(&play(config, None, &pictures(100))).is_empty());
    let few = play(scored(4), None, &pictures(4));
    assert!(
        few.iter().any(|event| matches!(event, Event::Warning { message } if message.contains("too few pictures")))
    );
}
