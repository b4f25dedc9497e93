//! A model card: Markdown that says what a generator is, with the front matter that model hubs read.
//! Mitchell et al. 2019, arXiv:1810.03993.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use crate::checkpoint::{Checkpoint, CheckpointError, Scored};
use crate::config::Resolution;
use crate::fields::FIELDS;
use crate::models::layers::count_parameters;
use crate::models::network_layers;
use crate::people::{Round, Share};
use crate::protocol::Event;
use crate::recipes;
use crate::series;

/// What a model card is written from.
#[derive(Debug)]
pub struct Card<'a> {
    /// Describes the run.
    pub checkpoint: &'a Checkpoint,
    /// What the reader's commands call it.
    pub file: &'a str,
    /// What the run's scores say, if it was scored.
    pub scored: Option<Found>,
    /// What an evaluation found, if there was one.
    pub evaluation: Option<Evaluation>,
    /// What people took for real.
    pub rounds: &'a [Round],
}

/// Scores of a run at one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// When its pictures were drawn.
    pub step: u64,
    /// By name, a value and its standard error.
    pub scores: BTreeMap<String, Measured>,
}

/// A score.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Measured {
    /// The score.
    pub value: f64,
    /// None for few pictures.
    pub standard_error: Option<f64>,
}

impl Found {
    /// The newest scores that are told until a run's step, in the order in which a run tells its events.
    pub fn until(step: u64, events: impl IntoIterator<Item = Event>) -> Option<Self> {
        let scores = events.into_iter().filter_map(|event| match event {
            Event::Values { step: at, values, .. } if at <= step => Self::of_values(at, &values),
            _ => None,
        });
        scores.last()
    }

    fn of_values(step: u64, values: &BTreeMap<String, f64>) -> Option<Self> {
        let scores: BTreeMap<String, Measured> = values
            .iter()
            .filter_map(|(series, value)| {
                let name = series::score_of(series)?;
                let standard_error = values.get(&series::of_standard_error(name)).copied();
                Some((name.to_owned(), Measured { value: *value, standard_error }))
            })
            .collect();
        (!scores.is_empty()).then_some(Self { step, scores })
    }
}

/// What `whelp evaluate --json` prints, as far as a card tells it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Evaluation {
    generated: Judged,
    real: String,
    real_count: usize,
    copies: Copies,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Judged {
    count: usize,
    scores: BTreeMap<String, Measured>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Copies {
    count: Option<usize>,
    of: usize,
    training: usize,
    false_alarms: f64,
}

impl Card<'_> {
    /// The whole file.
    ///
    /// # Errors
    /// [`CheckpointError::Config`] if the settings inside are invalid.
    pub fn markdown(&self) -> Result<String, CheckpointError> {
        let meta = &self.checkpoint.meta;
        let config = meta.config.clone().validate()?;
        let [generator, discriminator] =
            network_layers(&config, meta.data.kind()).map(|layers| count_parameters(&layers));
        let name = plain(&meta.data.name);
        let Resolution { width, height } = config.data.resolution;
        let colours = if meta.data.channels == 1 { "grey" } else { "colour" };
        let classes = if config.model.conditional { meta.data.classes.as_slice() } else { &[] };
        let mut text = format!(
            "---\n\
             # Fill in what others may do with these weights, for example mit or cc-by-4.0. It has to agree with the rights to the\n\
             # pictures.\n\
             license: unknown\n\
             library_name: whelp\n\
             pipeline_tag: unconditional-image-generation\n\
             tags:\n- gan\n- image-generation\n- {}\n- whelp\n\
             ---\n\n\
             # {name}, {width} x {height} pixels\n\n\
             A generator that draws {colours} pictures like those of its training data. Whelp trained it.\n\n",
            config.model.architecture.name(),
        );

        text += "## Model\n\n";
        let mut table = Table::default();
        table.row("Recipe", &config.recipe);
        table.row("Networks", config.model.architecture.name());
        table.row("Generator", format!("{generator} parameters; its weights are an average over the training"));
        table.row("Discriminator", format!("{discriminator} parameters that learn"));
        table.row(
            "Input",
            format!(
                "{} standard normal numbers{}",
                config.model.latent,
                match classes.len() {
                    0 => String::new(),
                    count => format!(", and one of {count} classes"),
                }
            ),
        );
        table.row("Output", format!("{colours} pictures of {width} x {height} pixels"));
        text += &table.end();

        text += "## Training data\n\n";
        let mut table = Table::default();
        table.row("Name", &name);
        if meta.data.is_unknown() {
            table.row("Pictures", "not known: the networks were trained with another program");
        } else {
            table.row("Pictures", meta.data.count);
            table.row("Fingerprint", format!("`{}`, of the prepared pixels", meta.data.fingerprint));
        }
        if !classes.is_empty() {
            let names: Vec<String> = classes.iter().map(|class| plain(class)).collect();
            table.row("Classes", names.join(", "));
        }
        text += &table.end();
        text += "Fill in where the pictures come from, and who may use them.\n\n";

        text += "## Training\n\n";
        let mut table = Table::default();
        table.row("Images seen", meta.progress.nimg);
        table.row("Steps", format!("{} of {} pictures", meta.progress.step, config.train.batch));
        table.row("Passes through the pictures", format!("{:.1}", meta.progress.epoch));
        table.row("Time", format!("{:.1} hours", meta.progress.elapsed_secs / 3600.0));
        table.row("Seed", config.seed);
        text += &table.end();
        text += &self.settings();

        text += "## Scores\n\n";
        text += &self.scores();
        text += "## Copies of training pictures\n\n";
        text += &self.copies();
        text += &self.people();
        text += "## How to draw\n\n";
        text += &self.drawing(config.model.latent, classes.len());
        text += "## Limits\n\n\
                 It draws what its training data shows, with the prejudices of that data, and it may repeat single pictures of it. \
                 Fill in what it should not be used for.\n";
        Ok(text)
    }

    /// What differs from the recipe, but for the recipe's name and what a card tells anyway.
    fn settings(&self) -> String {
        const TOLD: [&str; 3] = ["recipe", "seed", "data.resolution"];
        let config = &self.checkpoint.meta.config;
        let Ok(recipe) = recipes::find(&config.recipe) else { return String::new() };
        let [own, theirs] = [config, &recipe.config()].map(crate::config::RunConfig::to_tree);
        let mut rows = String::new();
        for field in FIELDS.iter().filter(|field| !TOLD.contains(&field.path)) {
            let [value, usual] = [&own, &theirs].map(|tree| tree.pointer(&field.pointer()));
            if value != usual {
                let [value, usual] = [value, usual].map(|value| value.map_or_else(String::new, word));
                let _ = writeln!(rows, "| `{}` | {value} | {usual} |", field.path);
            }
        }
        match rows.is_empty() {
            true => format!("All settings are those of the recipe `{}`.\n\n", config.recipe),
            false => format!(
                "Settings that differ from the recipe:\n\n| setting | here | in `{}` |\n| --- | --- | --- |\n{rows}\n",
                config.recipe
            ),
        }
    }

    fn scores(&self) -> String {
        let mut text = String::new();
        if let Some(Evaluation { generated, real, real_count, .. }) = &self.evaluation {
            let _ = write!(text, "{} pictures compared with {real_count} {}:\n\n", generated.count, plain(real));
            text += &score_table(&generated.scores);
        }
        let progress = &self.checkpoint.meta.progress;
        if let Some(Found { step, scores }) = &self.scored {
            let when = if *step == progress.step { "at this step".to_owned() } else { format!("at step {step}") };
            let _ = write!(text, "What the run scored {when}:\n\n");
            text += &score_table(scores);
        } else if let Some(Scored { best, .. }) = &self.checkpoint.meta.scored {
            let scores = BTreeMap::from([(
                best.name.clone(),
                Measured { value: best.value, standard_error: best.standard_error },
            )]);
            let _ = write!(text, "The run's best score, at step {}:\n\n", best.step);
            text += &score_table(&scores);
        }
        match text.is_empty() {
            true => format!(
                "Not scored. `whelp evaluate {} --json` computes scores, and `whelp card --evaluation FILE` adds them here.\n\n",
                self.file
            ),
            false => {
                text + "Whelp's docs/metrics.md says what the scores mean; only scores of the same name can be compared.\n\n"
            }
        }
    }

    fn copies(&self) -> String {
        let Some(Evaluation { copies: Copies { count, of, training, false_alarms }, .. }) = &self.evaluation else {
            return "Not counted. `whelp evaluate` counts them.\n\n".to_owned();
        };
        match count {
            None => "Not counted: there were too few real pictures to tell what is close.\n\n".to_owned(),
            Some(count) => format!(
                "{count} of {of} pictures are as close to one of {training} training pictures as {:.1} % of real pictures are.\n\n",
                100.0 * false_alarms
            ),
        }
    }

    /// Nothing if nobody was asked.
    fn people(&self) -> String {
        let Some(newest) = self.rounds.last() else { return String::new() };
        let brief = self.rounds.iter().filter(|round| round.exposure_ms.is_some()).count();
        let (fooled, wrong) = (Share::that_fooled(self.rounds), Share::wrong(self.rounds));
        format!(
            "## Real or drawn?\n\n\
             People saw real and drawn pictures in a mixed order and said of each which it is: {}, {brief} of them with each \
             picture shown for a moment only, the last after {} images seen.\n\n\
             | | answers, with a 95 % interval |\n| --- | --- |\n\
             | drawn pictures that were taken for real | {} |\n| wrong answers; 50 % would be guessing | {} |\n\n",
            match self.rounds.len() {
                1 => "one round".to_owned(),
                count => format!("{count} rounds"),
            },
            newest.nimg,
            fooled.in_words(),
            wrong.in_words()
        )
    }

    fn drawing(&self, latent: usize, classes: usize) -> String {
        let file = self.file;
        let class = if classes > 0 { format!(", \"class\": np.arange(16) % {classes}") } else { String::new() };
        format!(
            "```\nwhelp generate {file} --count 64 --out grid.png\nwhelp export {file} --onnx generator.onnx --html generator.html\n```\n\n\
             `generator.html` draws in any browser, without a network. In Python:\n\n\
             ```python\n\
             import numpy as np, onnxruntime\n\
             generator = onnxruntime.InferenceSession(\"generator.onnx\")\n\
             z = np.random.default_rng(0).standard_normal((16, {latent}), dtype=np.float32)\n\
             [images] = generator.run(None, {{\"z\": z{class}}})  # [16, channels, rows, columns] in [-1, 1]\n\
             ```\n\n"
        )
    }
}

/// Two columns: what, and its value.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, what: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "| {what} | {value} |");
    }

    fn end(self) -> String {
        format!("| | |\n| --- | --- |\n{}\n", self.0)
    }
}

fn score_table(scores: &BTreeMap<String, Measured>) -> String {
    let mut text = "| score | value | standard error |\n| --- | --- | --- |\n".to_owned();
    for (name, Measured { value, standard_error }) in scores {
        let error = standard_error.map_or_else(|| "not known".to_owned(), |error| format!("{error:.5}"));
        let _ = writeln!(text, "| `{name}` | {value:.5} | {error} |");
    }
    text + "\n"
}

/// A setting's value.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// Words that someone chose, without what Markdown takes for its own.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            '|' | '*' | '_' | '`' | '[' | ']' | '#' | '\\' | '~' => plain.extend(['\\', letter]),
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            letter if letter.is_control() => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(step: u64, values: &[(&str, f64)]) -> Event {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Event::Values { step, nimg: 8 * step, values }
    }

    #[test]
    fn the_newest_scores_until_a_step_are_found_with_their_errors() {
        let events = [
            values(10, &[("metric/fd_c10_1k_val", 3.0), ("metric_error/fd_c10_1k_val", 0.5)]),
            values(20, &[("metric/fd_c10_1k_val", 2.0), ("metric/kid_c10_1k_val", 0.1), ("scoring/secs", 7.0)]),
            values(25, &[("scoring/secs", 7.0)]),
            values(30, &[("metric/fd_c10_1k_val", 1.0)]),
        ];
        let found = Found::until(29, events.clone()).unwrap();
        assert_eq!((found.step, found.scores.len()), (20, 2));
        assert_eq!(found.scores["fd_c10_1k_val"], Measured { value: 2.0, standard_error: None });
        let first = Found::until(10, events.clone()).unwrap();
        assert_eq!(first.scores["fd_c10_1k_val"], Measured { value: 3.0, standard_error: Some(0.5) });
        assert_eq!(Found::until(9, events), None);
    }

    #[test]
    fn chosen_names_stay_words() {
        assert_eq!(plain("my_dogs | <b>`x`\n# & y"), "my\\_dogs \\| &lt;b>\\`x\\` \\# &amp; y");
        assert_eq!(word(&Value::Null), "none");
        assert_eq!(word(&serde_json::json!({"kimg": 200})), "{\"kimg\":200}");
    }
}
