//! From a [`RunConfig`] that anyone may have written to a [`ValidConfig`] that can be trained.

use std::ops::Deref;

use serde_json::Value;
use thiserror::Error;

use crate::config::{Length, RunConfig};

/// Why a configuration is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ConfigError {
    /// A field's value is outside what it accepts.
    #[error("{field} is {found}; it accepts {accepts}")]
    Value {
        /// Path of the field, e.g. `train.batch`.
        field: String,
        /// What was given.
        found: String,
        /// What it accepts, in words.
        accepts: String,
    },
    /// There is no such field or recipe.
    #[error("there is no {kind} {name:?}; did you mean {nearest:?}?")]
    Unknown {
        /// "setting" or "recipe".
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The most similar name that exists.
        nearest: String,
    },
    /// `--set` without `=`.
    #[error("{given:?} does not set anything; write key=value, e.g. train.batch=64")]
    Assignment {
        /// What was given.
        given: String,
    },
    /// The file or message is not a configuration.
    #[error("the configuration cannot be read: {reason}")]
    Parse {
        /// What the parser said.
        reason: String,
    },
}

/// A configuration that has passed [`RunConfig::validate`]. It cannot be deserialised, so nothing slips in unchecked.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidConfig(RunConfig);

impl Deref for ValidConfig {
    type Target = RunConfig;

    fn deref(&self) -> &RunConfig {
        &self.0
    }
}

impl ValidConfig {
    /// The plain configuration, to be changed and validated again.
    pub fn into_inner(self) -> RunConfig {
        self.0
    }
}

impl RunConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first field that is out of range, [`ConfigError::Unknown`] for the recipe.
    pub fn validate(self) -> Result<ValidConfig, ConfigError> {
        crate::recipes::find(&self.recipe)?;
        let (data, model, train, output) = (&self.data, &self.model, &self.train, &self.output);
        let is_known = matches!(data.resolution, 28 | 32 | 64 | 128);
        check(is_known, "data.resolution", data.resolution, "28, 32, 64 or 128")?;
        whole("model.latent", model.latent, 1, 4096)?;
        whole("model.generator_width", model.generator_width, 1, 1024)?;
        whole("model.discriminator_width", model.discriminator_width, 1, 1024)?;
        whole("train.batch", train.batch, 2, 4096)?;
        for (field, lr) in [("generator_lr", train.generator_lr), ("discriminator_lr", train.discriminator_lr)] {
            real(&format!("train.{field}"), lr, |v| v > 0.0 && v <= 1.0, "a number above 0, at most 1")?;
        }
        for (field, beta) in [("beta1", train.beta1), ("beta2", train.beta2)] {
            real(&format!("train.{field}"), beta, |v| (0.0..1.0).contains(&v), "a number from 0 to below 1")?;
        }
        real("train.adam_eps", train.adam_eps, |v| v > 0.0 && v <= 1e-2, "a number above 0, at most 0.01")?;
        real("train.ema_half_life_kimg", train.ema_half_life_kimg, |v| (0.0..=1e6).contains(&v), "0 to 1000000")?;
        if let Some(share) = train.ema_rampup {
            real("train.ema_rampup", share, |v| v > 0.0 && v <= 1e3, "null or a number above 0, at most 1000")?;
        }
        if let Length::Steps(n) | Length::Epochs(n) | Length::Kimg(n) | Length::Seconds(n) = train.length {
            check(n > 0 && n < 1 << 48, "train.length", n, "at least 1")?;
        }
        whole("output.tick_steps", output.tick_steps as usize, 1, 10_000)?;
        whole("output.grid", output.grid, 1, 1024)?;
        for (field, steps) in [("sample_steps", output.sample_steps), ("checkpoint_steps", output.checkpoint_steps)] {
            check(steps != Some(0), &format!("output.{field}"), 0, "null or at least 1")?;
        }
        for (field, secs) in [("sample_secs", output.sample_secs), ("checkpoint_secs", output.checkpoint_secs)] {
            if let Some(secs) = secs {
                real(&format!("output.{field}"), secs, |v| (0.1..=1e6).contains(&v), "null or 0.1 to 1000000")?;
            }
        }
        Ok(ValidConfig(self))
    }

    /// Sets one field by its path, e.g. `train.batch` to `64`, `train.length` to `{"steps":500}`.
    ///
    /// The value is read as JSON where it is JSON, else as text.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] with the nearest existing path, [`ConfigError::Value`] for a value of another type.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let mut tree = serde_json::to_value(&*self).expect("plain structs always serialise");
        let known = paths(&tree);
        if !known.iter().any(|path| path == key) {
            let nearest = nearest(key, known.iter().map(String::as_str)).to_owned();
            return Err(ConfigError::Unknown { kind: "setting", name: key.to_owned(), nearest });
        }
        let pointer = format!("/{}", key.replace('.', "/"));
        let slot = tree.pointer_mut(&pointer).expect("the path was found above");
        *slot = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        *self = serde_json::from_value(tree).map_err(|error| ConfigError::Value {
            field: key.to_owned(),
            found: value.to_owned(),
            accepts: accepts(&error.to_string()),
        })?;
        Ok(())
    }

    /// Sets one field from `key=value`.
    ///
    /// # Errors
    /// [`ConfigError::Assignment`] without `=`, else those of [`RunConfig::set`].
    pub fn assign(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let given = || ConfigError::Assignment { given: assignment.to_owned() };
        let (key, value) = assignment.split_once('=').ok_or_else(given)?;
        self.set(key.trim(), value.trim())
    }

    /// Reads a configuration from JSON; fields that are left out have the default recipe's values.
    ///
    /// # Errors
    /// [`ConfigError::Parse`], naming an unknown field.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(json).map_err(|error| ConfigError::Parse { reason: error.to_string() })
    }
}

fn check(ok: bool, field: &str, found: impl ToString, accepts: &str) -> Result<(), ConfigError> {
    if ok {
        return Ok(());
    }
    Err(ConfigError::Value { field: field.to_owned(), found: found.to_string(), accepts: accepts.to_owned() })
}

fn whole(field: &str, found: usize, low: usize, high: usize) -> Result<(), ConfigError> {
    check((low..=high).contains(&found), field, found, &format!("a whole number from {low} to {high}"))
}

/// NaN fails every range.
fn real(field: &str, found: f64, ok: impl Fn(f64) -> bool, accepts: &str) -> Result<(), ConfigError> {
    check(ok(found), field, found, accepts)
}

/// serde's "invalid type: string \"x\", expected f64" without its first half.
fn accepts(error: &str) -> String {
    let expected = error.split_once("expected ").map_or(error, |(_, expected)| expected);
    match expected {
        "usize" | "u64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    }
}

/// Every settable path: leaves, and `train.length` as a whole.
fn paths(tree: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let Value::Object(sections) = tree else { return out };
    for (section, value) in sections {
        match value {
            Value::Object(fields) => out.extend(fields.keys().map(|field| format!("{section}.{field}"))),
            _ => out.push(section.clone()),
        }
    }
    out
}

/// The most similar of `names` (which must not be empty), by edit distance.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    // A key given without its section is as good as right.
    let distance = |known: &str| {
        let leaf = known.rsplit('.').next().unwrap_or(known);
        edit_distance(name, known).min(edit_distance(name, leaf))
    };
    names.min_by_key(|known| distance(known)).unwrap_or_default()
}

/// Levenshtein distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(assignment: &str) -> String {
        let mut config = RunConfig::default();
        config.assign(assignment).map(|()| config.validate()).map_or_else(
            |error| error.to_string(),
            |result| result.map_or_else(|error| error.to_string(), |_| "accepted".to_owned()),
        )
    }

    #[test]
    fn nonsense_names_the_field_and_what_it_accepts() {
        assert_eq!(refused("train.batch=0"), "train.batch is 0; it accepts a whole number from 2 to 4096");
        assert_eq!(refused("data.resolution=48"), "data.resolution is 48; it accepts 28, 32, 64 or 128");
        assert_eq!(refused("data.channels=gray"), "data.channels is gray; it accepts one of `auto`, `rgb`, `grey`");
        assert_eq!(refused("data.crop=boxes"), "data.crop is boxes; it accepts one of `whole`, `box`, `both`");
        assert_eq!(refused("train.batch=many"), "train.batch is many; it accepts a whole number");
        assert_eq!(refused("train.beta1=1"), "train.beta1 is 1; it accepts a number from 0 to below 1");
        assert_eq!(refused("train.bach=4"), "there is no setting \"train.bach\"; did you mean \"train.batch\"?");
        assert_eq!(refused("batch=4"), "there is no setting \"batch\"; did you mean \"train.batch\"?");
        assert_eq!(refused("train.generator_lr=NaN"), "train.generator_lr is NaN; it accepts a number");
        assert_eq!(refused("recipe=dcgan"), "there is no recipe \"dcgan\"; did you mean \"dcgan32\"?");
        assert_eq!(refused("recipe"), "\"recipe\" does not set anything; write key=value, e.g. train.batch=64");
        assert_eq!(refused("train.batch=16"), "accepted");
        assert_eq!(refused("data.channels=grey"), "accepted");
        assert_eq!(refused("data.crop=both"), "accepted");
        assert_eq!(refused("train.length={\"steps\":5}"), "accepted");
    }

    #[test]
    fn not_a_number_is_refused_wherever_it_comes_from() {
        let mut config = RunConfig::default();
        config.train.beta2 = f64::NAN;
        assert!(matches!(config.validate(), Err(ConfigError::Value { field, .. }) if field == "train.beta2"));
    }

    #[test]
    fn a_misspelt_field_in_a_file_is_an_error() {
        let error = RunConfig::from_json(r#"{"train": {"batchsize": 4}}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `batchsize`"), "{error}");
    }

    #[test]
    fn json_round_trips() {
        let config = RunConfig::default();
        assert_eq!(RunConfig::from_json(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    }
}
