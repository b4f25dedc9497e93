//! What a list of runs shows of each, and its file.
//!
//! ```text
//! "whelp run 1\n"
//! JSON and "\n"   the run
//! pixels          of its thumbnail
//! ```

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::data::Grid;
use crate::latent::PictureSpec;
use crate::people::Round;
use crate::protocol::{BestScore, Progress};

const MAGIC: &[u8] = b"whelp run 1\n";

/// The longest name, in characters.
const LONGEST_NAME: usize = 80;

/// The most favourites of a run.
pub const MOST_FAVOURITES: usize = 64;

/// A run that is kept, as of its newest checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptRun {
    /// Names its files: [`KeptRuns::new_id`](super::KeptRuns::new_id).
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Its settings.
    pub config: RunConfig,
    /// How far its newest checkpoint is.
    pub progress: Progress,
    /// The best score of its pictures, if they were scored.
    #[serde(default)]
    pub best: Option<BestScore>,
    /// What it is trained on.
    pub pictures: RunPictures,
    /// When it was saved, in milliseconds since 1970.
    pub saved_ms: u64,
    /// Whether it ended by itself or was stopped. Else it was interrupted, or is under way.
    pub has_ended: bool,
    /// Size of all its files. The list knows it; a file does not.
    #[serde(default)]
    pub bytes: u64,
    /// Whether the checkpoint with the best score is kept too. The list knows it; a file does not.
    #[serde(default)]
    pub has_best: bool,
    /// Size of its course: what it measured, and its snapshots.
    #[serde(default)]
    pub course_bytes: u64,
    /// Pictures that its owner likes best. The newest networks draw them.
    #[serde(default)]
    pub favourites: Vec<PictureSpec>,
    /// What people took for real, the oldest first.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// Some of its newest pictures: see [`thumbnail`](super::thumbnail()).
    pub thumbnail: Grid,
}

/// The pictures of a kept run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunPictures {
    /// The dogs that come with Whelp.
    BuiltinDogs,
    /// A data set in [`KeptPictures`](crate::data::KeptPictures), unless it has been removed since.
    Kept {
        /// Its key there.
        key: String,
        /// Its name, for people.
        name: String,
    },
}

impl RunPictures {
    /// Their key in [`KeptPictures`](crate::data::KeptPictures), if that is where they are.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::BuiltinDogs => None,
            Self::Kept { key, .. } => Some(key),
        }
    }
}

impl KeptRun {
    /// A name in the form in which it is kept: one line, at most 80 characters. None if nothing is left of it.
    pub fn plain_name(name: &str) -> Option<String> {
        let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let name: String = words.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect();
        let name = name.trim_end();
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Writes its file.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut file = [MAGIC, &serde_json::to_vec(self)?, b"\n"].concat();
        file.extend(&self.thumbnail.pixels);
        out.write_all(&file)
    }

    /// With what belongs to its owner from what is `kept` of it.
    pub(super) fn owned_as(self, kept: Self) -> Self {
        Self { name: kept.name, favourites: kept.favourites, rounds: kept.rounds, ..self }
    }

    /// Reads a file; none if it is damaged or of another version.
    pub(super) fn read(file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(MAGIC)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let mut run: Self = serde_json::from_slice(&rest[..end]).ok()?;
        let pixels = &rest[end + 1..];
        (Some(pixels.len()) == run.thumbnail.bytes()).then(|| run.thumbnail.pixels = pixels.to_vec())?;
        Some(run)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::recipes;

    /// A run that has come to `step`.
    pub fn run(id: &str, step: u64) -> KeptRun {
        KeptRun {
            id: id.to_owned(),
            name: format!("run {id}"),
            config: recipes::DEFAULT.config(),
            progress: Progress { step, nimg: 16 * step, ..Progress::default() },
            best: Some(BestScore { name: "fd_c10_1k_val".to_owned(), value: 0.5, standard_error: Some(0.02), step }),
            pictures: RunPictures::Kept { key: format!("key of {id}"), name: "my dogs".to_owned() },
            saved_ms: 1000 + step,
            has_ended: false,
            bytes: 0,
            course_bytes: 0,
            favourites: Vec::new(),
            rounds: Vec::new(),
            has_best: false,
            thumbnail: Grid { tile: 1.into(), columns: 2, count: 2, channels: 3, pixels: vec![1, 2, 3, 4, 5, b'\n'] },
        }
    }

    #[test]
    fn a_run_comes_back_from_its_file_with_its_pixels() {
        let run = run("a", 7);
        let mut file = Vec::new();
        run.write(&mut file).unwrap();
        assert_eq!(KeptRun::read(&file), Some(run));
    }

    #[test]
    fn a_damaged_file_is_none() {
        let mut file = Vec::new();
        run("a", 7).write(&mut file).unwrap();
        for length in 0..file.len() {
            assert_eq!(KeptRun::read(&file[..length]), None, "{length} bytes");
        }
        file.push(0);
        assert_eq!(KeptRun::read(&file), None);
    }

    #[test]
    fn names_are_one_short_line() {
        assert_eq!(KeptRun::plain_name("  my\n \u{7}dogs "), Some("my dogs".to_owned()));
        assert_eq!(KeptRun::plain_name(&"犬".repeat(200)).unwrap().chars().count(), 80);
        for nothing in ["", " \n\t", "\u{7}"] {
            assert_eq!(KeptRun::plain_name(nothing), None);
        }
    }
}
