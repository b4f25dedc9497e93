//! `whelp evaluate`.

mod pictures;
mod report;

use futures_lite::future::block_on;
use indicatif::{ProgressBar, ProgressStyle};
use whelp::checkpoint::restore_sampler;
use whelp::device::{self, OpenDevice};
use whelp::features::{Cifar10, FeatureNetwork, NetworkChoice, Seen};
use whelp::metrics::Scores;
use whelp::sample::{Draw, Pictures};

use crate::assets::pooled_lite0;
use crate::cli::EvaluateArguments;
use crate::failure::{Failure, Outcome};
use crate::output::say;

use pictures::{Reference, Selection, Source, Subject};
use report::{Evaluation, Judged, Network};

/// What the scores come from, trained by `src/features/cifar10.py`.
const CIFAR10_WEIGHTS: &[u8] = include_bytes!("../../../src/features/cifar10.safetensors");

pub fn evaluate(arguments: &EvaluateArguments) -> Result<Outcome, Failure> {
    let subject = Subject::open(arguments)?;
    let reference = Reference::open(arguments, &subject)?;
    let device = block_on(device::open(arguments.device.clone())).map_err(Failure::device)?;
    let eye = Eye::open(arguments.network, device)?;
    let total = subject.count() + reference.count();
    let bar = ProgressBar::new(total as u64)
        .with_style(ProgressStyle::with_template("looking {bar:30} {pos}/{len}").expect("a fixed template"));
    let seen = eye.subject(&subject, &bar)?;
    let real = eye.selection(&reference.real, &bar)?;
    let floor = match &reference.floor {
        Some(training) => [eye.selection(training, &bar)?, real.clone()],
        None => reference.real.halves(arguments.seed).map(|half| real.select(&half)),
    };
    bar.finish_and_clear();
    let evaluation = Evaluation {
        network: Network::new(&eye.network),
        generated: eye.judge(subject.title(), &seen, &real, arguments.seed),
        real: reference.real.title.clone(),
        real_count: reference.real.len(),
        real_dog_rate: eye.dog_rate(&real),
        floor: eye.judge(reference.floor_title(), &floor[0], &floor[1], arguments.seed),
        notes: notes(&eye, &subject, &reference),
    };
    if arguments.json {
        say!("{}", serde_json::to_string(&evaluation).map_err(Failure::fault)?);
    } else {
        say!("{}", evaluation.table().trim_end());
    }
    Ok(Outcome::Done)
}

fn notes(eye: &Eye, subject: &Subject, reference: &Reference) -> Vec<String> {
    let (features, fewest) = (eye.network.features(), subject.count().min(reference.real.len()));
    let mut notes = reference.notes.clone();
    if matches!(eye.network, FeatureNetwork::Lite0(_)) && subject.learnt_from_lite0() {
        notes.push(
            "These scores don't count: the generator learnt to please the same network. Go by --network cifar10."
                .to_owned(),
        );
    }
    if Scores::is_frechet_biased(subject.count(), reference.real.len(), features) {
        notes.push(format!(
            "{fewest} pictures are too few for {0} on {features} features: their covariance is singular, and {0} far too \
             large. Go by {1}, or take more than {features} pictures (--count).",
            Network::new(&eye.network).fd,
            Network::new(&eye.network).kid,
        ));
    }
    notes
}

/// A network that looks at pictures, and the device that it is on.
struct Eye {
    network: FeatureNetwork,
    device: OpenDevice,
}

impl Eye {
    fn open(choice: NetworkChoice, device: OpenDevice) -> Result<Self, Failure> {
        let network = match choice {
            NetworkChoice::Cifar10 => {
                // They are part of the program: whatever is wrong with them, no user can mend it.
                FeatureNetwork::Cifar10(Cifar10::new(CIFAR10_WEIGHTS, &device.device).map_err(Failure::fault)?)
            }
            NetworkChoice::Lite0 => {
                FeatureNetwork::Lite0(pooled_lite0(&device, "--network lite0", "choose --network cifar10")?)
            }
        };
        Ok(Self { network, device })
    }

    fn subject(&self, subject: &Subject, bar: &ProgressBar) -> Result<Seen, Failure> {
        match &subject.source {
            Source::Pictures(selection) => self.selection(selection, bar),
            Source::Generator { checkpoint, seed, count } => {
                let sampler = restore_sampler(checkpoint, &self.device.device).map_err(Failure::input)?;
                self.in_chunks(*count, bar, |first, count| {
                    let what = Draw { first, ..Draw::new(*seed, count) };
                    block_on(sampler.draw(what, &self.device.device)).map_err(Failure::device)
                })
            }
        }
    }

    fn selection(&self, selection: &Selection, bar: &ProgressBar) -> Result<Seen, Failure> {
        self.in_chunks(selection.len(), bar, |first, count| {
            Ok(Pictures::from_dataset(&selection.data, &selection.indices[first..first + count]))
        })
    }

    /// Looks at `count` pictures, which `pictures` gives from a first one on.
    fn in_chunks(
        &self,
        count: usize,
        bar: &ProgressBar,
        mut pictures: impl FnMut(usize, usize) -> Result<Pictures, Failure>,
    ) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let batch = self.network.batch();
        for first in (0..count).step_by(batch) {
            let chunk = batch.min(count - first);
            let pictures = pictures(first, chunk)?;
            seen.append(block_on(self.network.look_at(&pictures, &self.device.device)).map_err(Failure::device)?);
            bar.inc(chunk as u64);
        }
        Ok(seen)
    }

    fn judge(&self, title: String, seen: &Seen, real: &Seen, seed: u64) -> Judged {
        let [pictures, real] = [seen, real].map(|seen| seen.matrix());
        let (count, dog_rate) = (pictures.rows(), self.dog_rate(seen));
        Judged { pictures: title, count, scores: Scores::new(&real, &pictures, seed), dog_rate }
    }

    fn dog_rate(&self, seen: &Seen) -> Option<f64> {
        self.network.dog().and_then(|dog| seen.rate(dog))
    }
}
