//! From a [`RunConfig`] that anyone may have written to a [`ValidConfig`] that can be trained.

use std::ops::Deref;

use serde_json::Value;

use crate::config::{Architecture, ConfigError, Loss, RunConfig};
use crate::fields::{self, FIELDS, pointer};
use crate::nearest::nearest;
use crate::recipes;

/// A configuration that has passed [`RunConfig::validate`]. It cannot be deserialised, so every one has been checked.
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

/// Reads settings as they are read within a message. A program that reads messages then has the code for that once: for each way to
/// read it would be some fifty kilobytes.
fn from_tree(mut tree: Value) -> Result<RunConfig, serde_json::Error> {
    #[derive(serde::Deserialize)]
    #[serde(tag = "message", rename_all = "snake_case")]
    enum Message {
        Settings(RunConfig),
    }
    if let Value::Object(fields) = &mut tree {
        fields.insert("message".to_owned(), "settings".into());
    }
    serde_json::from_value(tree).map(|Message::Settings(config)| config)
}

impl RunConfig {
    /// Checks every field, and the combinations that do not work.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first field that is out of range, [`ConfigError::Combination`] for fields that do not
    /// fit each other, [`ConfigError::Unknown`] for the recipe.
    pub fn validate(self) -> Result<ValidConfig, ConfigError> {
        recipes::find(&self.recipe)?;
        let tree = self.to_tree();
        for field in FIELDS {
            let value = tree.pointer(&field.pointer()).expect("the table lists fields that exist");
            if !field.accepts.allows(value) {
                let (found, accepts) = (shown(value), field.accepts.to_string());
                return Err(ConfigError::Value { field: field.path.to_owned(), found, accepts });
            }
        }
        self.check_combinations()?;
        Ok(ValidConfig(self))
    }

    /// Values that are right by themselves and wrong together.
    fn check_combinations(&self) -> Result<(), ConfigError> {
        let (data, model, train) = (&self.data, &self.model, &self.train);
        let is_r3gan = model.architecture == Architecture::R3gan;
        let is_projected = model.architecture == Architecture::Projected;
        let is_residual = model.architecture.has_residual_generator();
        let name = model.architecture.name();
        let check = |ok: bool, field: &'static str, conflict: &dyn Fn() -> String| {
            if ok { Ok(()) } else { Err(ConfigError::Combination { field, conflict: conflict() }) }
        };
        let is_square = data.resolution.is_square();
        check(is_square || is_residual, "data.resolution", &|| {
            format!(
                "is {}; model.architecture={name} draws squares alone: set one number, or choose the recipe projected or one of \
                 r3gan",
                data.resolution
            )
        })?;
        let needs_powers = is_square && (is_residual || model.architecture == Architecture::Dcgan);
        check(!needs_powers || data.resolution.width.is_power_of_two(), "data.resolution", &|| {
            format!("is {}; model.architecture={name} needs 32, 64, 128 or 256", data.resolution)
        })?;
        for (field, width, applies) in [
            ("model.generator_width", model.generator_width, is_residual),
            ("model.discriminator_width", model.discriminator_width, is_r3gan),
        ] {
            check(!applies || model.has_residual_groups(width, data.resolution), field, &|| {
                let [less, more] = [width - width % 8, width - width % 8 + 8];
                format!("is {width}; model.architecture={name} needs a multiple of 8: set it to {less} or {more}")
            })?;
        }
        check(!is_residual || model.dropout == 0.0, "model.dropout", &|| {
            format!("is {}; model.architecture={name} needs 0", model.dropout)
        })?;
        let is_even = model.discriminator_width.is_multiple_of(2);
        check(!is_projected || is_even, "model.discriminator_width", &|| {
            format!("is {}; model.architecture=projected needs an even width", model.discriminator_width)
        })?;
        let side = model.network_size(data.resolution).longer();
        check(!is_projected || (32..=512).contains(&side), "model.network_side", &|| {
            format!("is {side}; model.architecture=projected needs 32 to 512")
        })?;
        let has_stddev = !is_projected && model.architecture != Architecture::Dense;
        check(has_stddev || !model.minibatch_stddev, "model.minibatch_stddev", &|| {
            format!("is on; model.architecture={name} needs it off")
        })?;
        let is_comparing = matches!(train.loss, Loss::Relativistic | Loss::RelativisticAvg);
        check(!is_projected || !is_comparing, "train.loss", &|| {
            "compares pictures in pairs; model.architecture=projected needs hinge, bce, lsgan or wasserstein".to_owned()
        })?;
        check(is_r3gan || !model.conditional, "model.conditional", &|| "needs model.architecture=r3gan".to_owned())?;
        // As often as the side can be halved down to 4 pixels; what comes after that has to learn.
        let stages = data.resolution.halvings();
        check(train.freeze_d <= stages, "train.freeze_d", &|| {
            format!("is {}; data.resolution={} allows at most {stages}", train.freeze_d, data.resolution)
        })?;
        let schedule = &self.schedule;
        for (field, gamma) in [
            ("train.r1_gamma", train.r1_gamma),
            ("train.r2_gamma", train.r2_gamma),
            ("schedule.r1_gamma", schedule.r1_gamma.unwrap_or(0.0)),
            ("schedule.r2_gamma", schedule.r2_gamma.unwrap_or(0.0)),
        ] {
            // With batch norm a logit depends on the whole batch, so no picture has a gradient of its own.
            check(gamma == 0.0 || !model.has_discriminator_norm(), field, &|| {
                "needs model.discriminator_norm=none".to_owned()
            })?;
            check(gamma == 0.0 || !is_projected, field, &|| {
                format!("is {gamma}; model.architecture=projected needs 0")
            })?;
        }
        Ok(())
    }

    /// Sets one field by its path, e.g. `train.batch` to `64`, or `train.length` to `{"steps":500}`.
    ///
    /// The value is parsed as JSON. If it isn't JSON, it is taken as text.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] with the most similar path, [`ConfigError::Value`] for a value of another type.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let mut tree = self.to_tree();
        let known = paths(&tree);
        if !known.iter().any(|path| path == key) {
            let nearest = nearest(key, known.iter().map(String::as_str)).to_owned();
            return Err(ConfigError::Unknown { kind: "setting", name: key.to_owned(), nearest });
        }
        let slot = tree.pointer_mut(&pointer(key)).expect("the path was found above");
        *slot = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        *self = from_tree(tree).map_err(|error| ConfigError::Value {
            field: key.to_owned(),
            found: value.to_owned(),
            accepts: fields::find(key).map_or_else(|| error.to_string(), |field| field.accepts.to_string()),
        })?;
        Ok(())
    }

    /// Sets one field from `key=value`.
    ///
    /// # Errors
    /// [`ConfigError::Assignment`] without `=`, otherwise those of [`RunConfig::set`].
    pub fn assign(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let given = || ConfigError::Assignment { given: assignment.to_owned() };
        let (key, value) = assignment.split_once('=').ok_or_else(given)?;
        self.set(key.trim(), value.trim())
    }

    /// Reads a configuration from JSON. Missing fields get the values of [`RunConfig::default`], which is the recipe
    /// `dcgan32`.
    ///
    /// # Errors
    /// [`ConfigError::Parse`], which names an unknown field.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(json).map_err(|error| ConfigError::Parse { reason: error.to_string() })
    }

    /// Itself as JSON, for looking up fields by their pointer.
    pub(crate) fn to_tree(&self) -> Value {
        serde_json::to_value(self).expect("plain structs always serialise")
    }
}

/// A value as people write it. JSON has no word for NaN: it is `null` there.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not a number".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Every path that can be set: leaves, and `train.length` as a whole.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Resolution;

    fn refused(assignment: &str) -> String {
        let mut config = RunConfig::default();
        config.assign(assignment).map(|()| config.validate()).map_or_else(
            |error| error.to_string(),
            |result| result.map_or_else(|error| error.to_string(), |_| "accepted".to_owned()),
        )
    }

    #[test]
    fn a_wrong_value_names_the_field_and_what_it_accepts() {
        assert_eq!(refused("train.batch=0"), "train.batch is 0; it accepts a whole number from 2 to 4096");
        assert_eq!(
            refused("data.resolution=48"),
            format!("data.resolution is 48; it accepts {}", Resolution::POSSIBLE)
        );
        assert!(Resolution::POSSIBLE.starts_with("28, 32, 64, 128 or 256, or WIDTHxHEIGHT such as 64x96"));
        for wrong in ["64x97", "8x12", "256x512", "64x", "x", "true", "-64"] {
            let sentence = format!("data.resolution is {wrong}; it accepts 28, 32, 64, 128 or 256, or WIDTHxHEIGHT");
            assert!(refused(&format!("data.resolution={wrong}")).starts_with(&sentence), "{wrong}");
        }
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
    fn fields_that_do_not_fit_each_other_name_both() {
        let refused = |assignments: &[&str]| {
            let mut config = RunConfig::default();
            assignments.iter().for_each(|assignment| config.assign(assignment).unwrap());
            let error = config.validate().unwrap_err();
            let field = assignments[0].split('=').next().unwrap();
            assert!(error.concerns(field) && !error.concerns("seed"), "{error}");
            error.to_string()
        };
        assert_eq!(
            refused(&["data.resolution=28"]),
            "data.resolution is 28; model.architecture=dcgan needs 32, 64, 128 or 256"
        );
        assert_eq!(
            refused(&["data.resolution=64x96"]),
            "data.resolution is 64x96; model.architecture=dcgan draws squares alone: set one number, or choose the recipe \
             projected or one of r3gan"
        );
        assert_eq!(refused(&["model.conditional=true"]), "model.conditional needs model.architecture=r3gan");
        assert_eq!(refused(&["train.r1_gamma=10"]), "train.r1_gamma needs model.discriminator_norm=none");
        assert_eq!(
            refused(&["model.generator_width=20", "model.architecture=r3gan"]),
            "model.generator_width is 20; model.architecture=r3gan needs a multiple of 8: set it to 16 or 24"
        );
        // Twice as many channels below make groups of unequal size.
        assert_eq!(
            refused(&["model.generator_width=13", "model.architecture=projected"]),
            "model.generator_width is 13; model.architecture=projected needs a multiple of 8: set it to 8 or 16"
        );
        assert_eq!(refused(&["train.freeze_d=4"]), "train.freeze_d is 4; data.resolution=32 allows at most 3");
        assert_eq!(
            refused(&["model.dropout=0.5", "model.architecture=r3gan"]),
            "model.dropout is 0.5; model.architecture=r3gan needs 0"
        );
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

    /// The systems that Whelp grew from, and the other recipes of one resolution, draw squares.
    #[test]
    fn rectangles_are_for_the_recipes_that_follow_the_pictures() {
        for recipe in recipes::ALL {
            for resolution in ["64x96", "96x64", "48x64"] {
                let mut config = recipe.config();
                config.set("data.resolution", resolution).unwrap();
                match config.validate() {
                    Ok(_) => assert!(!recipe.fixes_resolution(), "{}", recipe.name),
                    Err(error) => {
                        assert!(recipe.fixes_resolution(), "{}: {error}", recipe.name);
                        assert!(
                            error.to_string().starts_with(&format!("data.resolution is {resolution}; ")),
                            "{error}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn json_round_trips() {
        let config = RunConfig::default();
        assert_eq!(RunConfig::from_json(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    }
}
