//! Which pictures are compared: those to evaluate, real ones, and other real ones as the floor.

use std::path::Path;
use std::sync::Arc;

use whelp::checkpoint::Checkpoint;
use whelp::config::{Architecture, Channels};
use whelp::data::{Dataset, Preparation, Split};
use whelp::metrics::Scores;
use whelp::random::{Random, Stream};

use crate::assets::{BUILTIN_DOGS, builtin_dogs, builtin_test_dogs};
use crate::cli::EvaluateArguments;
use crate::data::{expect_builtin, read_data};
use crate::failure::Failure;
use crate::info::read_checkpoint;
use crate::run_folder::RunFolder;

/// Resolution of a folder's pictures, unless `--resolution` says another: that of the built-in dogs.
const RESOLUTION: usize = 32;

/// The most real pictures of one's own that are compared with: how long that takes grows with their square.
const MOST_REAL: usize = 5000;

/// Positions in the random stream, behind those of the subsets of a score.
const CHOICE: u64 = 1000;
const HALVES: u64 = 1001;

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

    /// Two halves of the pictures, by their places among them, chosen by the seed.
    pub fn halves(&self, seed: u64) -> [Vec<u32>; 2] {
        let mut order = Random::new(seed, Stream::Scores, HALVES).permutation(self.len());
        let other = order.split_off(self.len() / 2);
        [order, other]
    }
}

/// What is evaluated.
pub struct Subject {
    path: String,
    pub source: Source,
}

/// Where the pictures to evaluate come from.
pub enum Source {
    Generator { checkpoint: Box<Checkpoint>, seed: u64, count: usize },
    Pictures(Selection),
}

impl Subject {
    pub fn open(arguments: &EvaluateArguments) -> Result<Self, Failure> {
        let EvaluateArguments { subject: path, seed, .. } = arguments;
        let (seed, count) = (*seed, arguments.count as usize);
        let source = if is_checkpoint(Path::new(path)) {
            if arguments.resolution.is_some() {
                return Err(Failure::input("--resolution is for folders of pictures: a checkpoint has its own"));
            }
            Source::Generator { checkpoint: Box::new(read_checkpoint(Path::new(path))?), seed, count }
        } else {
            let data = Arc::new(read_data(path, of_folder(arguments))?);
            let indices = every(&data);
            let selection = Selection::choose(String::new(), &data, indices, count, seed);
            expect_enough(path, selection.len(), Scores::MIN_PICTURES)?;
            Source::Pictures(selection)
        };
        Ok(Self { path: path.clone(), source })
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
    pub real: Selection,
    /// Other real pictures, which are compared with the same for the floor; none if that is one half against the other.
    pub floor: Option<Selection>,
    pub notes: Vec<String>,
}

impl Reference {
    /// Those of `--data`, else what the checkpoint was trained on.
    pub fn open(arguments: &EvaluateArguments, subject: &Subject) -> Result<Self, Failure> {
        // As the checkpoint's run prepared its pictures.
        let preparation =
            subject.checkpoint().map_or(of_folder(arguments), |it| Preparation::from(&it.meta.config.data));
        match arguments.data.as_deref() {
            Some(path) if path != BUILTIN_DOGS => Self::own(path, preparation, arguments, subject.checkpoint()),
            asked => {
                if let (None, Some(checkpoint)) = (asked, subject.checkpoint()) {
                    expect_builtin(&checkpoint.meta.data)?;
                }
                Self::built_in(preparation, arguments)
            }
        }
    }

    fn built_in(preparation: Preparation, arguments: &EvaluateArguments) -> Result<Self, Failure> {
        let test = Arc::new(builtin_test_dogs(preparation)?);
        let (dogs, count) = (Arc::new(builtin_dogs(preparation)?), arguments.count as usize);
        let title = "built-in dogs for comparison, which nobody trains on".to_owned();
        let real = Selection { title, indices: every(&test), data: test };
        let title = "of the built-in dogs for training".to_owned();
        let floor = Selection::choose(title, &dogs, every(&dogs), count, arguments.seed);
        Ok(Self { real, floor: Some(floor), notes: Vec::new() })
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
        let split = match of_training.map(|checkpoint| &checkpoint.meta.config) {
            Some(config) => Split::new(data.len(), config.data.validation, config.seed),
            None => Split::new(data.len(), 0.0, 0),
        };
        if !split.validation.is_empty() {
            expect_enough(path, split.validation.len(), Scores::MIN_PICTURES)?;
            let title = format!("held out from the training on {}", summary.name);
            let real = Selection::choose(title, &data, split.validation, MOST_REAL, seed);
            let title = format!("of {} that were trained on", summary.name);
            let floor = Some(Selection::choose(title, &data, split.training, count, seed));
            return Ok(Self { real, floor, notes });
        }
        // Two halves have to be large enough.
        expect_enough(path, data.len(), 2 * Scores::MIN_PICTURES)?;
        let which = if of_training.is_some() { "which it was trained on" } else { "all of them" };
        let real = Selection::choose(format!("of {}, {which}", summary.name), &data, every(&data), MOST_REAL, seed);
        Ok(Self { real, floor: None, notes })
    }

    /// How many pictures are looked at.
    pub fn count(&self) -> usize {
        self.real.len() + self.floor.as_ref().map_or(0, Selection::len)
    }

    pub fn floor_title(&self) -> String {
        match &self.floor {
            Some(training) => format!("{}, against the same", training.title),
            None => "of the real ones, against the other half".to_owned(),
        }
    }
}

/// How a folder's pictures are prepared, and real ones to compare them with.
fn of_folder(arguments: &EvaluateArguments) -> Preparation {
    Preparation { channels: Channels::Rgb, ..Preparation::plain(arguments.resolution.unwrap_or(RESOLUTION)) }
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
