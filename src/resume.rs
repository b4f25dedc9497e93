//! What a run that begins with a checkpoint may change: one that continues, and a new one that starts from its networks. The
//! table of fields states the policy of each field; this applies it.

use serde_json::Value;

use crate::config::{Architecture, ConfigError, FixedField, Resolution, RunConfig};
use crate::fields::{FIELDS, Field, Resume};
use crate::validate::shown;

/// What learning rates are multiplied by where a run goes on with lower ones.
pub(crate) const SLOWER: f64 = 0.5;

/// How often a run goes back. If the second time, with a quarter of the learning rates, does not help, something else is wrong.
pub(crate) const MOST_ROLLBACKS: u32 = 2;

impl RunConfig {
    /// The configuration of a run that continues from a checkpoint: `self` is the checkpoint's, `asked` is what the user
    /// wants now.
    ///
    /// Fields that are [`Resume::Free`] are as asked. Fields that are [`Resume::Fixed`] have to be the checkpoint's.
    ///
    /// # Errors
    /// [`ConfigError::Fixed`] with every fixed field for which another value was asked.
    pub fn resumed(&self, asked: &RunConfig) -> Result<RunConfig, ConfigError> {
        self.check_same(asked, |field| field.resume == Resume::Fixed)?;
        Ok(asked.clone())
    }

    /// The configuration of a new run whose networks begin with those of a checkpoint: `self` is the checkpoint's, `asked` is
    /// what the user wants.
    ///
    /// Fields that shape the networks ([`Field::shapes_networks`]) have to be the checkpoint's, all others are as asked. R3GAN's
    /// networks may also begin at twice or four times the resolution; then `model.narrow_stages` grows with it. Its generator may also
    /// begin with more channels.
    ///
    /// # Errors
    /// [`ConfigError::Combination`] for a resolution that the networks can't begin at; [`ConfigError::Fixed`] with every field
    /// that shapes the networks and for which another value was asked.
    pub fn warm_started(&self, asked: &RunConfig) -> Result<RunConfig, ConfigError> {
        let mut expected = self.clone();
        expected.model.narrow_stages += self.doublings(asked.data.resolution)?;
        if self.model.widens_to(asked.model.generator_width) {
            expected.model.generator_width = asked.model.generator_width;
        }
        let mut config = asked.clone();
        // Whoever asks for nothing has the checkpoint's value.
        if asked.model.narrow_stages == self.model.narrow_stages {
            config.model.narrow_stages = expected.model.narrow_stages;
        }
        expected.check_same(&config, Field::shapes_networks)?;
        Ok(config)
    }

    /// How often the resolution doubles from this configuration's to `resolution`.
    fn doublings(&self, resolution: Resolution) -> Result<usize, ConfigError> {
        let own = self.data.resolution;
        let most = match self.model.architecture {
            // Both have R3GAN's generator.
            Architecture::R3gan | Architecture::Projected => 2,
            Architecture::Dcgan | Architecture::DenseUpsample | Architecture::Dense => 0,
        };
        (0..=most).find(|doublings| own.times(1 << doublings) == resolution).ok_or_else(|| ConfigError::Combination {
            field: "data.resolution",
            conflict: match most {
                0 => format!("is {resolution}, but the checkpoint has {own}, which its networks can't leave: set it to {own}"),
                _ => {
                    let [twice, four_times] = [own.times(2), own.times(4)];
                    format!(
                        "is {resolution}, but the checkpoint has {own}: set it to {own}, or to {twice} or {four_times} for larger \
                         networks that begin as the checkpoint's"
                    )
                }
            },
        })
    }

    /// These settings for another run: its seed, pictures, length, precision, scores and output are those of `run`.
    pub fn for_run(&self, run: &RunConfig) -> RunConfig {
        let mut config = self.clone();
        config.set_resolution(run.data.resolution);
        (config.seed, config.data, config.output) = (run.seed, run.data.clone(), run.output.clone());
        config.metrics = run.metrics.clone();
        (config.train.length, config.train.precision) = (run.train.length, run.train.precision);
        config
    }

    /// # Errors
    /// [`ConfigError::Fixed`] with every field of this kind that has another value in `asked`.
    fn check_same(&self, asked: &RunConfig, is_fixed: impl Fn(&Field) -> bool) -> Result<(), ConfigError> {
        let differences = self.differences(asked, is_fixed);
        if differences.is_empty() { Ok(()) } else { Err(ConfigError::Fixed(differences)) }
    }

    /// The fields for which `other` has another value, as `path=value`: what turns these settings into those.
    pub fn changes_to(&self, other: &RunConfig) -> Vec<String> {
        let differences = self.differences(other, |_| true);
        differences.into_iter().map(|FixedField { path, asked, .. }| format!("{path}={asked}")).collect()
    }

    fn differences(&self, asked: &RunConfig, is_relevant: impl Fn(&Field) -> bool) -> Vec<FixedField> {
        let (own, wanted) = (self.to_tree(), asked.to_tree());
        let fields = FIELDS.iter().filter(|field| is_relevant(field));
        let differing = fields.filter_map(|field| {
            let pointer = field.pointer();
            let (own, wanted) = (own.pointer(&pointer)?, wanted.pointer(&pointer)?);
            let differs = own != wanted;
            differs.then(|| FixedField {
                path: field.path,
                asked: shown_in(field, wanted),
                checkpoint: shown_in(field, own),
            })
        });
        differing.collect()
    }

    /// Whether its learning rates are those of `asked` after a run with them has gone back once or twice. Only the rates that
    /// `is_set` of their paths count: the others of `asked` are its own.
    pub fn is_slower_than(&self, asked: &RunConfig, is_set: impl Fn(&str) -> bool) -> bool {
        let rates = |config: &RunConfig| {
            let (train, schedule) = (&config.train, &config.schedule);
            let all = [
                ("train.generator_lr", Some(train.generator_lr)),
                ("train.discriminator_lr", Some(train.discriminator_lr)),
                ("schedule.generator_lr", schedule.generator_lr),
                ("schedule.discriminator_lr", schedule.discriminator_lr),
            ];
            all.into_iter().filter(|(path, _)| is_set(path)).map(|(_, rate)| rate).collect::<Vec<_>>()
        };
        let own = rates(self);
        let mut slower = asked.clone();
        !own.is_empty()
            && (0..MOST_ROLLBACKS).any(|_| {
                slower.scale_learning_rates(SLOWER);
                rates(&slower) == own
            })
    }

    /// Takes over both learning rates, and the values that they end at.
    pub fn copy_learning_rates(&mut self, from: &RunConfig) {
        (self.train.generator_lr, self.train.discriminator_lr) = (from.train.generator_lr, from.train.discriminator_lr);
        let schedule = &from.schedule;
        (self.schedule.generator_lr, self.schedule.discriminator_lr) =
            (schedule.generator_lr, schedule.discriminator_lr);
    }

    /// Multiplies both learning rates, and the values that they end at, by `factor`: what helps after a divergence.
    pub fn scale_learning_rates(&mut self, factor: f64) {
        let (train, schedule) = (&mut self.train, &mut self.schedule);
        train.generator_lr *= factor;
        train.discriminator_lr *= factor;
        for end in [&mut schedule.generator_lr, &mut schedule.discriminator_lr].into_iter().flatten() {
            *end *= factor;
        }
    }
}

/// The value of a field as it can be typed. Where nothing is not accepted, JSON's `null` is a number that JSON has no word for.
fn shown_in(field: &Field, value: &Value) -> String {
    match value {
        Value::Null if field.accepts.is_optional() => "null".to_owned(),
        value => shown(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Accepts;
    use crate::recipes;

    /// Another value that the field accepts.
    fn other_value(accepts: Accepts, value: &Value) -> Value {
        let candidates: Vec<Value> = match accepts {
            Accepts::Whole { low, high } => vec![low.into(), high.into()],
            Accepts::Real(range) | Accepts::OptionalReal(range) => {
                let middle = (range.low + range.high.min(1.0)) / 2.0;
                vec![middle.into(), (middle / 2.0).into()]
            }
            Accepts::OptionalWhole => vec![1.into(), 2.into()],
            Accepts::Resolution => vec![64.into(), "64x96".into()],
            Accepts::Flag => vec![true.into(), false.into()],
            Accepts::Choice(names) => names.iter().map(|(name, _)| (*name).into()).collect(),
            Accepts::Text => vec!["dcgan32".into(), "dcgan64".into()],
            Accepts::NumberedPng => vec!["other/{n}.png".into()],
            Accepts::Length => vec![serde_json::json!({ "steps": 7 })],
        };
        candidates.into_iter().find(|candidate| candidate != value && accepts.allows(candidate)).unwrap()
    }

    #[test]
    fn each_field_keeps_to_its_policy() {
        let own = recipes::DEFAULT.config();
        for field in FIELDS {
            let mut tree = own.to_tree();
            let slot = tree.pointer_mut(&field.pointer()).unwrap();
            let (before, after) = (slot.clone(), other_value(field.accepts, slot));
            *slot = after.clone();
            let asked: RunConfig = serde_json::from_value(tree).unwrap();
            match (field.resume, own.resumed(&asked)) {
                (Resume::Free, resumed) => assert_eq!(resumed.unwrap(), asked, "{}", field.path),
                (Resume::Fixed, resumed) => {
                    let (asked, checkpoint) = (shown_in(field, &after), shown_in(field, &before));
                    let difference = FixedField { path: field.path, asked, checkpoint };
                    assert_eq!(resumed.unwrap_err(), ConfigError::Fixed(vec![difference]));
                }
            }
        }
    }

    /// Spelled out, so that a new field's policy is a decision and not an accident.
    #[test]
    fn networks_pictures_seed_and_loss_are_fixed_and_the_rest_is_free() {
        let is_free = |field: &&crate::fields::Field| field.resume == Resume::Free;
        let of = |section: &str| {
            let fields = FIELDS.iter().filter(move |field| field.path.split('.').next() == Some(section));
            fields.partition::<Vec<_>, _>(is_free)
        };
        let paths = |fields: Vec<&crate::fields::Field>| fields.iter().map(|field| field.path).collect::<Vec<_>>();
        for section in ["recipe", "seed"] {
            assert!(of(section).0.is_empty(), "{section}");
        }
        assert_eq!(paths(of("data").0), ["data.horizontal_flip"]);
        assert_eq!(paths(of("model").0), ["model.dropout"]);
        assert_eq!(paths(of("train").1), ["train.loss"]);
        for section in ["schedule", "augment", "metrics", "output"] {
            assert!(of(section).1.is_empty(), "{section}");
        }
    }

    #[test]
    fn a_refusal_names_every_field_with_both_values_and_says_what_to_do() {
        let own = RunConfig::default();
        let mut asked = own.clone();
        asked.data.resolution = 64.into();
        asked.model.latent = 8;
        let error = own.resumed(&asked).unwrap_err();
        assert_eq!(
            error.to_string(),
            "data.resolution is 64, but the checkpoint has 32; model.latent is 8, but the checkpoint has 100. \
             Training can't continue with another value: set it back, or start a new run"
        );
        assert!(error.concerns("model.latent") && !error.concerns("train.batch"));
    }

    #[test]
    fn a_warm_start_keeps_what_shapes_the_networks_and_may_change_the_rest() {
        let own = recipes::find("r3gan-small").unwrap().config();
        let shaping: Vec<&str> =
            FIELDS.iter().filter(|field| field.shapes_networks()).map(|field| field.path).collect();
        let listed = ["architecture", "latent", "generator_width", "discriminator_width", "blocks", "narrow_stages"];
        assert!(listed.iter().all(|name| shaping.contains(&format!("model.{name}").as_str())), "{shaping:?}");
        assert!(!shaping.contains(&"model.dropout"));
        // Both may grow.
        for field in FIELDS.iter().filter(|field| !["data.resolution", "model.generator_width"].contains(&field.path)) {
            let mut tree = own.to_tree();
            let slot = tree.pointer_mut(&field.pointer()).unwrap();
            *slot = other_value(field.accepts, slot);
            let asked: RunConfig = serde_json::from_value(tree).unwrap();
            match own.warm_started(&asked) {
                Ok(config) => assert_eq!((config, field.shapes_networks()), (asked, false), "{}", field.path),
                Err(error) => assert!(error.concerns(field.path) && field.shapes_networks(), "{error}"),
            }
        }
    }

    #[test]
    fn networks_of_r3gan_grow_to_four_times_the_resolution_and_others_do_not() {
        let own = recipes::find("r3gan-small").unwrap().config();
        let at = |own: &RunConfig, resolution| {
            let mut asked = own.clone();
            asked.set_resolution(resolution);
            own.warm_started(&asked).map(|config| config.model.narrow_stages).map_err(|error| error.to_string())
        };
        assert_eq!([32, 64, 128].map(|resolution| at(&own, resolution)), [Ok(1), Ok(2), Ok(3)]);
        assert_eq!(
            at(&own, 256).unwrap_err(),
            "data.resolution is 256, but the checkpoint has 32: set it to 32, or to 64 or 128 for larger networks that begin as the \
             checkpoint's"
        );
        let mut large = own.clone();
        large.set_resolution(64);
        assert_eq!(at(&large, 128), Ok(2));
        assert!(at(&large, 32).is_err());
        let projected = recipes::find("projected").unwrap().config();
        assert_eq!([32, 64, 128].map(|resolution| at(&projected, resolution)), [Ok(1), Ok(2), Ok(3)]);
        let dcgan = recipes::find("dcgan32").unwrap().config();
        assert_eq!(
            at(&dcgan, 64).unwrap_err(),
            "data.resolution is 64, but the checkpoint has 32, which its networks can't leave: set it to 32"
        );
        let mut asked = own.clone();
        asked.model.narrow_stages = 3;
        assert!(own.warm_started(&asked).unwrap_err().concerns("model.narrow_stages"));
    }

    #[test]
    fn a_residual_generator_may_begin_wider_and_nothing_narrower() {
        let refused = |recipe: &str, from: usize, to: usize| {
            let mut own = recipes::find(recipe).unwrap().config();
            own.model.generator_width = from;
            let mut asked = own.clone();
            asked.model.generator_width = to;
            match own.warm_started(&asked) {
                Ok(config) => {
                    assert_eq!(config, asked);
                    false
                }
                Err(error) => error.concerns("model.generator_width"),
            }
        };
        for recipe in ["projected", "r3gan"] {
            assert!(!refused(recipe, 32, 32) && !refused(recipe, 32, 48) && !refused(recipe, 16, 128));
            assert!(refused(recipe, 32, 16), "narrower");
            assert!(refused(recipe, 8, 16), "its groups would have other channels");
        }
        assert!(refused("dcgan32", 32, 64));
    }

    #[test]
    fn settings_for_another_run_keep_networks_and_training() {
        let own = recipes::find("r3gan-small").unwrap().config();
        let mut form = recipes::find("dcgan32").unwrap().config();
        form.seed = 7;
        form.data.resolution = 64.into();
        form.data.horizontal_flip = true;
        let config = own.for_run(&form);
        assert_eq!((config.seed, &config.data, config.train.length), (7, &form.data, form.train.length));
        assert_eq!((&config.recipe, &config.model), (&own.recipe, &own.model));
        assert_eq!(config.train.r1_gamma, 2.0, "it follows the resolution");
        assert_eq!(config.train.batch, own.train.batch, "its learning rates go with it");
        config.validate().unwrap();
    }

    #[test]
    fn rates_after_a_divergence_are_told_from_others() {
        let asked = recipes::find("projected").unwrap().config();
        let mut slower = asked.clone();
        assert!(!slower.is_slower_than(&asked, |_| true));
        for is_slower in [true, true, false] {
            slower.scale_learning_rates(SLOWER);
            assert_eq!(slower.is_slower_than(&asked, |_| true), is_slower);
        }
        let mut other = asked.clone();
        other.train.generator_lr *= SLOWER;
        assert!(!other.is_slower_than(&asked, |_| true), "one rate alone was chosen");
        // A command that sets one rate has the others from the run.
        let mut again = other.clone();
        again.train.generator_lr = asked.train.generator_lr;
        assert!(other.is_slower_than(&again, |path| path == "train.generator_lr"));
        assert!(
            !other.is_slower_than(&again, |_| false) && !other.is_slower_than(&again, |path| path == "train.batch")
        );
        other.copy_learning_rates(&asked);
        assert_eq!(other, asked);
    }

    #[test]
    fn nothing_is_shown_as_it_is_typed() {
        let own = recipes::find("projected").unwrap().config();
        let mut asked = own.clone();
        asked.model.network_side = Some(128);
        assert_eq!(own.changes_to(&asked), ["model.network_side=128"]);
        assert_eq!(asked.changes_to(&own), ["model.network_side=null"]);
        let mut again = asked.clone();
        again.assign("model.network_side=null").unwrap();
        assert_eq!(again, own);
    }

    #[test]
    fn lower_learning_rates_are_lower_to_the_end_of_the_schedule() {
        let own = recipes::DEFAULT.config();
        let mut slower = own.clone();
        slower.scale_learning_rates(0.5);
        assert_eq!(slower.train.generator_lr, own.train.generator_lr / 2.0);
        assert_eq!(slower.train.discriminator_lr, own.train.discriminator_lr / 2.0);
        assert_eq!(slower.schedule.generator_lr, own.schedule.generator_lr.map(|lr| lr / 2.0));
        assert_eq!(slower.schedule.discriminator_lr, own.schedule.discriminator_lr.map(|lr| lr / 2.0));
        assert_eq!(own.resumed(&slower).unwrap(), slower);
    }
}
