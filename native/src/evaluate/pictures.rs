//! Which pictures are compared: those to evaluate, real ones, and other real ones as the floor.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use whelp::checkpoint::Checkpoint;
use whelp::config::{Architecture, Channels, Resolution};
use whelp::data::{Dataset, Preparation, Split};
use whelp::metrics::{RealSplit, Scores};
use whelp::random::{Random, Stream};
use whelp::sample::Pictures;

use crate::assets::{BUILTIN_DOGS, builtin_dogs, builtin_test_dogs};
use crate::cli::EvaluateArguments;
use crate::data::{expect_builtin, read_data};
use crate::failure::Failure;
use crate::info::read_best;
use crate::run_folder::RunFolder;

/// Resolution of a folder's pictures, unless `--resolution` says another: that of the built-in dogs.
const RESOLUTION: Resolution = Resolution::square(32);

/// The most real pictures of one's own that are compared with: how long that takes grows with their square.
const MOST_REAL: usize = 5000;

/// The most pictures of the training that copies are looked for in.
const MOST_TRAINING: usize = 20_000;

/// Position in the random stream of scores.
const CHOICE: u64 = 1000;

/// Some pictures of a data set.
pub struct Selection {
    pub title: String,
    pub data: Arc<Dataset>,
    pub indices: Vec<u32>,
}

impl Selection {
    /// At most `most` of `indices`, chosen by the seed.
    fn choose(title: String, data: &Arc<Dataset>, indices: Vec<u32>, most: usize, seed: u64) -> Self {
        let indices = match indices.len() > most {
            true => {
                let order = Random::new(seed, Stream::Scores, CHOICE).permutation(indices.len());
                order[..most].iter().map(|place| indices[*place as usize]).collect()
            }
            false => indices,
        };
        Self { title, data: data.clone(), indices }
    }

    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// The same pictures in a random order, so that the first few are like all of them.
    fn shuffled(title: String, data: &Arc<Dataset>, indices: &[u32], most: usize, seed: u64) -> Self {
        let order = Random::new(seed, Stream::Scores, CHOICE).permutation(indices.len());
        let indices = order.iter().take(most).map(|place| indices[*place as usize]).collect();
        Self { title, data: data.clone(), indices }
    }

    /// The pictures with these numbers.
    pub fn pictures(&self, numbers: Range<usize>) -> Result<Pictures, Failure> {
        Pictures::from_dataset(&self.data, &self.indices[numbers]).map_err(Failure::input)
    }
}

/// What is evaluated.
pub struct Subject {
    path: String,
    pub source: Source,
}

/// Where the pictures to evaluate come from.
pub enum Source {
    Generator {
        checkpoint: Box<Checkpoint>,
        seed: u64,
        count: usize,
        /// Those that are drawn, one after the other and from the beginning; empty: each as often.
        classes: Vec<u32>,
    },
    Pictures(Selection),
}

impl Subject {
    /// What is evaluated, and the other one if it is compared with another.
    pub fn open(arguments: &EvaluateArguments) -> Result<(Self, Option<Self>), Failure> {
        let read = |path: &str| match is_checkpoint(Path::new(path)) {
            true if arguments.resolution.is_some() => {
                Err(Failure::input("--resolution is for folders of pictures: a checkpoint has its own"))
            }
            // What `whelp generate` draws with, and a card describes.
            true => read_best(Path::new(path), "evaluating").map(Some),
            false => Ok(None),
        };
        let checkpoint = read(&arguments.subject)?;
        let other = arguments.against.as_deref().map(read).transpose()?;
        // Pictures that are compared with a generator's are prepared at its size.
        let drawn = checkpoint.as_ref().or(other.as_ref().and_then(Option::as_ref));
        let folder = of_folder(arguments, drawn);
        let open = |path: &str, checkpoint: Option<Checkpoint>| {
            let (seed, count) = (arguments.seed, arguments.count as usize);
            let source = match checkpoint {
                Some(checkpoint) => {
                    Source::Generator { checkpoint: Box::new(checkpoint), seed, count, classes: Vec::new() }
                }
                None => {
                    let data = Arc::new(read_data(path, folder)?);
                    let selection = Selection::choose(String::new(), &data, every(&data), count, seed);
                    expect_enough(path, selection.len(), Scores::MIN_PICTURES)?;
                    Source::Pictures(selection)
                }
            };
            Ok::<Self, Failure>(Self { path: path.to_owned(), source })
        };
        let subject = open(&arguments.subject, checkpoint)?;
        let other = arguments.against.as_deref().zip(other).map(|(path, checkpoint)| open(path, checkpoint));
        Ok((subject, other.transpose()?))
    }

    /// Has a generator with classes draw those of the real pictures, where it was trained on their data set: else each as often.
    pub fn draw_classes_of(&mut self, reference: &Reference) {
        if let Source::Generator { checkpoint, classes, .. } = &mut self.source
            && checkpoint.meta.config.model.conditional
            && checkpoint.meta.data.fingerprint == reference.training.data.summary().fingerprint
        {
            *classes = reference.real_classes();
        }
    }

    pub fn title(&self) -> String {
        match &self.source {
            Source::Generator { seed, .. } => format!("drawn by {}, seed {seed}", self.path),
            Source::Pictures(selection) => match selection.data.len() - selection.len() {
                0 => format!("in {}", self.path),
                _ => format!("of the {} in {}", selection.data.len(), self.path),
            },
        }
    }

    pub fn count(&self) -> usize {
        match &self.source {
            Source::Generator { count, .. } => *count,
            Source::Pictures(selection) => selection.len(),
        }
    }

    /// Whether its generator's discriminator looked through EfficientNet-Lite0.
    pub fn learnt_from_lite0(&self) -> bool {
        self.checkpoint().is_some_and(|it| it.meta.config.model.architecture == Architecture::Projected)
    }

    fn checkpoint(&self) -> Option<&Checkpoint> {
        match &self.source {
            Source::Generator { checkpoint, .. } => Some(checkpoint),
            Source::Pictures(_) => None,
        }
    }
}

/// Real pictures to compare with.
pub struct Reference {
    /// Which ones, in words.
    pub title: String,
    pub split: RealSplit,
    /// Real pictures that were not trained on; none if all were, or nothing is known about a training. Then the real ones are
    /// the first of `training`.
    pub held_out: Option<Selection>,
    /// What was trained on, or could have been, in a random order.
    pub training: Selection,
    /// How many pictures of the training the floor is computed from; none if that is one half of the real ones against the other.
    pub floor: Option<usize>,
    /// Whether one of two checkpoints knows real pictures that the other does not, so that there is no verdict.
    pub is_unfair: bool,
    pub notes: Vec<String>,
}

impl Reference {
    /// Those of `--data`, else what the checkpoint was trained on.
    pub fn open(arguments: &EvaluateArguments, subject: &Subject, other: Option<&Subject>) -> Result<Self, Failure> {
        let checkpoints = || [Some(subject), other].into_iter().flatten().filter_map(Subject::checkpoint);
        let first = checkpoints().next();
        // As the checkpoint's run prepared its pictures.
        let preparation = first.map_or(of_folder(arguments, None), |it| Preparation::from(&it.meta.config.data));
        let mut reference = match arguments.data.as_deref() {
            Some(path) if path != BUILTIN_DOGS => Self::own(path, preparation, arguments, first)?,
            asked => {
                if asked.is_none() {
                    checkpoints().try_for_each(|checkpoint| expect_builtin(&checkpoint.meta.data))?;
                }
                Self::built_in(preparation, arguments, first)?
            }
        };
        if let (Some(first), Some(second)) = (first, checkpoints().nth(1)) {
            reference.consider(first, second);
        }
        Ok(reference)
    }

    /// Whether a second checkpoint can be compared with these pictures as the first one is.
    fn consider(&mut self, first: &Checkpoint, second: &Checkpoint) {
        let fingerprint = &self.training.data.summary().fingerprint;
        let [of_first, of_second] = [first, second].map(|it| it.meta.data.fingerprint == *fingerprint);
        if of_first && !of_second {
            self.notes.push(format!(
                "The other checkpoint was trained on other pictures ({:?}) than those.",
                second.meta.data.name
            ));
        }
        let held_out = self.held_out.as_ref().filter(|_| self.split == RealSplit::Validation);
        if let (true, true, Some(held_out)) = (of_first, of_second, held_out) {
            let trained_on = split_of(&self.training.data, Some(second)).training;
            let trained_on: HashSet<u32> = trained_on.into_iter().collect();
            let known = held_out.indices.iter().filter(|index| trained_on.contains(index)).count();
            if known > 0 {
                self.is_unfair = true;
                self.notes.push(format!(
                    "There is no verdict, because the other checkpoint was trained on {known} of the {} pictures that the first one \
                     held out: their seed or data.validation differs.",
                    held_out.len()
                ));
            }
        }
    }

    /// The class of each real picture; empty without classes.
    pub fn real_classes(&self) -> Vec<u32> {
        let real = self.held_out.as_ref().unwrap_or(&self.training);
        real.indices.iter().filter_map(|index| real.data.label(*index as usize)).collect()
    }

    fn built_in(
        preparation: Preparation,
        arguments: &EvaluateArguments,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, Failure> {
        let test = Arc::new(builtin_test_dogs(preparation)?);
        let (dogs, seed) = (Arc::new(builtin_dogs(preparation)?), arguments.seed);
        let title = "built-in dogs for comparison, which nobody trains on".to_owned();
        let held_out = Selection::shuffled(title.clone(), &test, &every(&test), MOST_REAL, seed);
        let of_training = checkpoint.filter(|it| it.meta.data.fingerprint == dogs.summary().fingerprint);
        let trained_on = split_of(&dogs, of_training).training;
        let notes = of_training.and_then(typical_alone).into_iter().collect();
        let of_training = "of the built-in dogs for training".to_owned();
        let training = Selection::shuffled(of_training, &dogs, &trained_on, MOST_TRAINING, seed);
        let floor = Some(training.len().min(arguments.count as usize));
        Ok(Self { title, split: RealSplit::Test, held_out: Some(held_out), training, floor, is_unfair: false, notes })
    }

    fn own(
        path: &str,
        preparation: Preparation,
        arguments: &EvaluateArguments,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, Failure> {
        let data = Arc::new(read_data(path, preparation)?);
        let (summary, seed, count) = (data.summary(), arguments.seed, arguments.count as usize);
        let of_training = checkpoint.filter(|it| it.meta.data.fingerprint == summary.fingerprint);
        let mut notes = summary.notes.clone();
        if let Some(checkpoint) = checkpoint.filter(|_| of_training.is_none()) {
            let trained_on = &checkpoint.meta.data.name;
            notes.push(format!("The checkpoint was trained on other pictures ({trained_on:?}) than those of --data."));
        }
        notes.extend(of_training.and_then(typical_alone));
        let split = split_of(&data, of_training);
        if !split.validation.is_empty() {
            expect_enough(path, split.validation.len(), Scores::MIN_PICTURES)?;
            let title = format!("held out from the training on {}", summary.name);
            let held_out = Selection::shuffled(title.clone(), &data, &split.validation, MOST_REAL, seed);
            let of_training = format!("of {} that were trained on", summary.name);
            let training = Selection::shuffled(of_training, &data, &split.training, MOST_TRAINING, seed);
            let floor = Some(training.len().min(count));
            return Ok(Self {
                title,
                split: RealSplit::Validation,
                held_out: Some(held_out),
                training,
                floor,
                is_unfair: false,
                notes,
            });
        }
        // Two halves have to be large enough.
        expect_enough(path, data.len(), 2 * Scores::MIN_PICTURES)?;
        let (split, which) = match of_training {
            Some(_) => (RealSplit::Training, "which it was trained on"),
            None => (RealSplit::Given, "all of them"),
        };
        let title = format!("of {}, {which}", summary.name);
        let training = Selection::shuffled(title.clone(), &data, &every(&data), MOST_TRAINING, seed);
        Ok(Self { title, split, held_out: None, training, floor: None, is_unfair: false, notes })
    }

    /// How many real pictures others are compared with.
    pub fn real_count(&self) -> usize {
        self.held_out.as_ref().map_or(self.training.len().min(MOST_REAL), Selection::len)
    }

    /// Some of the real pictures.
    pub fn real_pictures(&self, numbers: Range<usize>) -> Result<Pictures, Failure> {
        self.held_out.as_ref().unwrap_or(&self.training).pictures(numbers)
    }

    /// How many pictures are looked at.
    pub fn count(&self) -> usize {
        self.training.len() + self.held_out.as_ref().map_or(0, Selection::len)
    }

    /// Resolution of the pictures.
    pub fn resolution(&self) -> Resolution {
        self.training.data.resolution()
    }

    pub fn floor_title(&self) -> String {
        match &self.floor {
            Some(_) => format!("{}, against the same", self.training.title),
            None => "of the real ones, against the other half".to_owned(),
        }
    }
}

/// Which pictures the checkpoint's run trained on; all of them if there was none.
fn split_of(data: &Dataset, of_training: Option<&Checkpoint>) -> Split {
    match of_training.map(|checkpoint| &checkpoint.meta.config) {
        Some(config) => Split::new(data.len(), config.data.validation, config.seed),
        None => Split::new(data.len(), 0.0, 0),
    }
}

/// What is said of a checkpoint whose run trained on a part of its pictures. Which ones those were takes a look at each by another
/// network, and more pictures to look for copies among do no harm.
fn typical_alone(checkpoint: &Checkpoint) -> Option<String> {
    let share = checkpoint.meta.config.data.keep_typical;
    (share < 1.0).then(|| {
        format!(
            "The checkpoint's run kept the most typical {:.0} % of its pictures (data.keep_typical). Here all of them count as \
             those that it was trained on.",
            100.0 * share
        )
    })
}

/// How a folder's pictures are prepared, and real ones to compare them with: at the size of a checkpoint that is compared too.
fn of_folder(arguments: &EvaluateArguments, checkpoint: Option<&Checkpoint>) -> Preparation {
    let drawn = checkpoint.map(|checkpoint| checkpoint.meta.config.data.resolution);
    let resolution = drawn.or(arguments.resolution).unwrap_or(RESOLUTION);
    Preparation { channels: Channels::Rgb, ..Preparation::plain(resolution) }
}

fn every(data: &Dataset) -> Vec<u32> {
    (0..data.len() as u32).collect()
}

fn expect_enough(path: &str, count: usize, fewest: usize) -> Result<(), Failure> {
    if count >= fewest {
        return Ok(());
    }
    Err(Failure::Input(format!("scores need at least {fewest} pictures to compare; {path} has {count}")))
}

/// A file of a network, or a run's folder. Anything else is pictures.
fn is_checkpoint(path: &Path) -> bool {
    const ENDINGS: [&str; 3] = ["safetensors", "pth", "pt"];
    let ending = path.extension().and_then(|ending| ending.to_str());
    RunFolder::is_used(path) || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}
