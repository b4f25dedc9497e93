//! From a [`RunConfig`] that anyone may have written to a [`ValidConfig`] that can be trained.

use std::ops::Deref;

use serde_json::Value;
use thiserror::Error;

use crate::config::{Architecture, RunConfig};
use crate::fields::{self, FIELDS};

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
    /// Checks every field, and what has to fit together.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first field that is out of range, [`ConfigError::Unknown`] for the recipe.
    pub fn validate(self) -> Result<ValidConfig, ConfigError> {
        crate::recipes::find(&self.recipe)?;
        let tree = serde_json::to_value(&self).expect("plain structs always serialise");
        for field in FIELDS {
            let value = tree.pointer(&pointer(field.path)).expect("the table lists fields that exist");
            check(field.accepts.allows(value), field.path, shown(value), field.accepts)?;
        }
        self.check_networks()?;
        Ok(ValidConfig(self))
    }

    /// Settings that are right by themselves and wrong together.
    fn check_networks(&self) -> Result<(), ConfigError> {
        let (data, model, train) = (&self.data, &self.model, &self.train);
        let is_r3gan = model.architecture == Architecture::R3gan;
        if matches!(model.architecture, Architecture::Dcgan | Architecture::R3gan) {
            let sizes = "32, 64 or 128 with this model.architecture";
            check(data.resolution.is_power_of_two(), "data.resolution", data.resolution, sizes)?;
        }
        for (field, width) in
            [("generator_width", model.generator_width), ("discriminator_width", model.discriminator_width)]
        {
            // The 3x3 convolutions of R3GAN work on groups of 16 of twice the width.
            let fits = !is_r3gan || width < 16 || width.is_multiple_of(8);
            check(
                fits,
                &format!("model.{field}"),
                width,
                "below 16, or a multiple of 8, with model.architecture r3gan",
            )?;
        }
        check(!is_r3gan || model.dropout == 0.0, "model.dropout", model.dropout, "0 with model.architecture r3gan")?;
        check(is_r3gan || !model.conditional, "model.conditional", true, "false but with model.architecture r3gan")?;
        for (field, gamma) in [("r1_gamma", train.r1_gamma), ("r2_gamma", train.r2_gamma)] {
            check(
                gamma == 0.0 || !model.has_discriminator_norm(),
                &format!("train.{field}"),
                gamma,
                "0 while model.discriminator_norm is a batch norm, which has no gradient of its own for each picture",
            )?;
        }
        Ok(())
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
        let slot = tree.pointer_mut(&pointer(key)).expect("the path was found above");
        *slot = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        *self = serde_json::from_value(tree).map_err(|error| ConfigError::Value {
            field: key.to_owned(),
            found: value.to_owned(),
            accepts: fields::find(key).map_or_else(|| error.to_string(), |field| field.accepts.to_string()),
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

fn check(ok: bool, field: &str, found: impl ToString, accepts: impl ToString) -> Result<(), ConfigError> {
    if ok {
        return Ok(());
    }
    Err(ConfigError::Value { field: field.to_owned(), found: found.to_string(), accepts: accepts.to_string() })
}

/// `train.batch` as a JSON pointer.
fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// A value as people write it. JSON has no word for what is not a number: it is null there.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not a number".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Every settable path: leaves, and `train.length` as a whole.
pub(crate) fn paths(tree: &Value) -> Vec<String> {
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
    // Of equally near ones the one that goes on where the name ends.
    names.min_by_key(|known| (distance(known), !known.starts_with(name))).unwrap_or_default()
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
        assert_eq!(refused("data.channels=gray"), "data.channels is gray; it accepts auto, rgb or grey");
        assert_eq!(refused("data.crop=boxes"), "data.crop is boxes; it accepts whole, box or both");
        assert_eq!(refused("train.batch=many"), "train.batch is many; it accepts a whole number from 2 to 4096");
        assert_eq!(refused("train.beta1=1"), "train.beta1 is 1.0; it accepts a number from 0 to below 1");
        assert_eq!(refused("train.bach=4"), "there is no setting \"train.bach\"; did you mean \"train.batch\"?");
        assert_eq!(refused("batch=4"), "there is no setting \"batch\"; did you mean \"train.batch\"?");
        assert_eq!(
            refused("train.generator_lr=NaN"),
            "train.generator_lr is NaN; it accepts a number above 0, at most 1"
        );
        assert_eq!(refused("train.r1_gamma=-1"), "train.r1_gamma is -1.0; it accepts a number from 0 to 10000");
        assert_eq!(
            refused("train.loss=hing"),
            "train.loss is hing; it accepts bce, hinge, wasserstein, lsgan, relativistic or relativistic-avg"
        );
        assert_eq!(refused("recipe=dcgan"), "there is no recipe \"dcgan\"; did you mean \"dcgan32\"?");
        assert_eq!(refused("recipe"), "\"recipe\" does not set anything; write key=value, e.g. train.batch=64");
        assert_eq!(refused("train.batch=16"), "accepted");
        assert_eq!(refused("data.channels=grey"), "accepted");
        assert_eq!(refused("data.crop=both"), "accepted");
        assert_eq!(refused("train.length={\"steps\":5}"), "accepted");
    }

    #[test]
    fn epoch_pictures_stay_inside_the_runs_folder() {
        let with = |path: &str| refused(&format!("output.epoch_file={path}"));
        for path in ["fake_{n}.png", "output/fake_samples_epoch_{n}.png", "a b/{n}/..{n}.png"] {
            assert_eq!(with(path), "accepted", "{path}");
        }
        for path in [
            "/tmp/{n}.png",
            "../{n}.png",
            "a/../../{n}.png",
            "a//{n}.png",
            "C:/{n}.png",
            "a\\{n}.png",
            "one.png",
            "{n}",
        ] {
            let sentence = with(path);
            assert!(
                sentence.starts_with(&format!("output.epoch_file is {path}; it accepts a path inside")),
                "{sentence}"
            );
        }
        assert_eq!(
            refused("output.epoch_samples=0"),
            "output.epoch_samples is 0; it accepts null or a whole number from 1"
        );
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
