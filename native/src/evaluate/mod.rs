//! `whelp evaluate`.

mod copies;
mod eye;
mod pictures;
mod report;
mod sheet;

use std::path::Path;

use futures_lite::future::block_on;
use indicatif::{ProgressBar, ProgressStyle};
use whelp::device;
use whelp::features::FeatureNetwork;
use whelp::metrics::{
    LeftOut, Matrix, Score, Scores, is_frechet_biased, memorization_distance, memorization_threshold, mifid,
};

use crate::cli::EvaluateArguments;
use crate::failure::{Failure, Outcome};
use crate::output::{note, say};
use crate::run_folder::check_output;

use eye::{Eye, Looked};
use pictures::{Reference, Subject};
use report::{Evaluation, Judged, Network};

pub fn evaluate(arguments: &EvaluateArguments) -> Result<Outcome, Failure> {
    let key = arguments.sheet.as_deref().map(sheet::key);
    for output in [&arguments.copies, &arguments.sheet, &key].into_iter().flatten() {
        check_output(output, Path::new(&arguments.subject))?;
    }
    let (mut subject, mut other) = Subject::open(arguments)?;
    let reference = Reference::open(arguments, &subject, other.as_ref())?;
    subject.draw_classes_of(&reference);
    other.iter_mut().for_each(|other| other.draw_classes_of(&reference));
    let device = block_on(device::open(arguments.device.clone())).map_err(Failure::device)?;
    let eye = Eye::open(arguments.network, device, reference.resolution(), arguments.seed)?;
    let total = subject.count() + other.as_ref().map_or(0, Subject::count) + reference.count();
    let bar = ProgressBar::new(total as u64)
        .with_style(ProgressStyle::with_template("looking {bar:30} {pos}/{len}").expect("a fixed template"));
    let looked = eye.subject(&subject, &bar)?;
    let looked_at_other = other.as_ref().map(|other| eye.subject(other, &bar)).transpose()?;
    let training = eye.selection(&reference.training, &bar)?;
    let held_out = reference.held_out.as_ref().map(|held_out| eye.selection(held_out, &bar)).transpose()?;
    bar.finish_and_clear();

    let judge = Judge::new(&eye, &reference, &training, held_out.as_ref(), arguments.seed);
    let copies = copies::find(&looked, &training, held_out.as_ref());
    let mut evaluation = Evaluation {
        network: Network::new(&eye.network),
        generated: judge.judge(subject.title(), &looked),
        against: other.as_ref().zip(looked_at_other.as_ref()).map(|(other, seen)| judge.judge(other.title(), seen)),
        differences: None,
        real: reference.title.clone(),
        real_count: judge.real.len(),
        real_dog_rate: eye.network.dog().and_then(|dog| judge.real.seen.rate(dog)),
        split: reference.split,
        floor: judge.floor(),
        notes: notes(&eye, &subject, other.as_ref(), &reference),
        copies,
    };
    if !reference.is_unfair {
        evaluation.compare();
    }
    // First what the work was for: a sheet may not find room any more.
    if arguments.json {
        say!("{}", serde_json::to_string(&evaluation.json()).map_err(Failure::fault)?);
    } else {
        say!("{}", evaluation.table().trim_end());
    }
    if let Some(path) = &arguments.copies {
        copies::write_sheet(&evaluation.copies, path, &eye, &subject, &reference)?;
    }
    if let Some(path) = &arguments.sheet {
        let key = sheet::write(path, &eye, &subject, &reference, arguments.seed)?;
        note!("sheet       {}; which picture is which: {}", path.display(), key.display());
    }
    Ok(Outcome::Done)
}

fn notes(eye: &Eye, subject: &Subject, other: Option<&Subject>, reference: &Reference) -> Vec<String> {
    let (features, fewest) = (eye.network.features(), subject.count().min(reference.real_count()));
    let mut notes = reference.notes.clone();
    let is_lite0 = matches!(eye.network, FeatureNetwork::Lite0(_));
    if is_lite0 && (subject.learnt_from_lite0() || other.is_some_and(Subject::learnt_from_lite0)) {
        notes.push(
            "These scores don't count: the generator learnt to please the same network. Go by --network cifar10."
                .to_owned(),
        );
    }
    if is_frechet_biased(subject.count(), reference.real_count(), features) {
        notes.push(format!(
            "{fewest} pictures are too few for fd and mifid on {features} features: their covariance is singular, and the \
             distance far too large. Go by kid, or take more than {features} pictures (--count)."
        ));
    }
    let floor = reference.floor.unwrap_or(reference.real_count() / 2);
    if floor != subject.count() {
        notes.push(format!(
            "The floor is of {floor} pictures, not of {}: its fd, precision and recall can't be compared with the others.",
            subject.count()
        ));
    }
    if let Some(other) = other.filter(|other| other.count() != subject.count()) {
        notes.push(format!(
            "There is no verdict, because scores of {} and of {} pictures can't be compared.",
            subject.count(),
            other.count()
        ));
    }
    notes
}

/// Compares sets of pictures with the same real ones.
struct Judge<'a> {
    eye: &'a Eye,
    reference: &'a Reference,
    /// Those that were looked at for copies.
    training: &'a Looked,
    features_of_training: Matrix,
    real: Looked,
    /// The memorization distance below which pictures are memorized.
    memorization_threshold: f64,
    seed: u64,
}

impl<'a> Judge<'a> {
    fn new(eye: &'a Eye, reference: &'a Reference, training: &'a Looked, held_out: Option<&Looked>, seed: u64) -> Self {
        let real = held_out.unwrap_or(training).range(0..reference.real_count());
        let features_of_training = training.seen.matrix();
        let others = held_out.map(|held_out| held_out.seen.matrix());
        let memorization_threshold = memorization_threshold(&features_of_training, others.as_ref());
        Self { eye, reference, training, features_of_training, real, memorization_threshold, seed }
    }

    fn judge(&self, title: String, pictures: &Looked) -> Judged {
        let mut judged = self.compare(title, pictures, &self.real);
        let left_out = LeftOut::random(self.real.len(), pictures.len(), self.seed);
        let distance = memorization_distance(&self.features_of_training, &pictures.seen.matrix(), &left_out);
        if let Some(fd) = judged.scores.get(Score::Fd) {
            let threshold = self.memorization_threshold;
            judged.scores.push(Score::Mifid, fd.with(&distance, |fd, distance| mifid(fd, distance, threshold)));
        }
        judged.memorization = Some(report::Memorization { distance, threshold: self.memorization_threshold });
        judged
    }

    /// Real pictures against real ones. They have no mifid: pictures of the training are copies of themselves.
    fn floor(&self) -> Judged {
        let title = self.reference.floor_title();
        match self.reference.floor {
            Some(count) => self.compare(title, &self.training.range(0..count), &self.real),
            None => {
                let [half, other] = self.real.halves();
                self.compare(title, &half, &other)
            }
        }
    }

    fn compare(&self, title: String, pictures: &Looked, real: &Looked) -> Judged {
        let left_out = LeftOut::random(real.len(), pictures.len(), self.seed);
        let mut scores = Scores::new(&real.seen.matrix(), &pictures.seen.matrix(), &left_out);
        if !pictures.sketch.is_empty() && !real.sketch.is_empty() {
            scores.push(Score::Swd, pictures.sketch.distance(&real.sketch, &left_out));
        }
        let dog_rate = self.eye.network.dog().and_then(|dog| pictures.seen.rate(dog));
        Judged { pictures: title, count: pictures.len(), scores, dog_rate, memorization: None }
    }
}
