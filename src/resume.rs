//! What a resumed run may change. The table of fields states the policy of each field; this applies it.

use crate::config::{ConfigError, FixedField, RunConfig};
use crate::fields::{FIELDS, Resume};
use crate::validate::shown;

impl RunConfig {
    /// The configuration of a run that continues from a checkpoint: `self` is the checkpoint's, `asked` is what the user
    /// wants now.
    ///
    /// Fields that are [`Resume::Free`] are as asked. Fields that are [`Resume::Fixed`] have to be the checkpoint's.
    ///
    /// # Errors
    /// [`ConfigError::Fixed`] with every fixed field for which another value was asked.
    pub fn resumed(&self, asked: &RunConfig) -> Result<RunConfig, ConfigError> {
        let (own, wanted) = (self.to_tree(), asked.to_tree());
        let fixed = FIELDS.iter().filter(|field| field.resume == Resume::Fixed);
        let differences: Vec<FixedField> = fixed
            .filter_map(|field| {
                let pointer = field.pointer();
                let (own, wanted) = (own.pointer(&pointer)?, wanted.pointer(&pointer)?);
                let differs = own != wanted;
                differs.then(|| FixedField { path: field.path, asked: shown(wanted), checkpoint: shown(own) })
            })
            .collect();
        if differences.is_empty() { Ok(asked.clone()) } else { Err(ConfigError::Fixed(differences)) }
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
            Accepts::OneOf(values) => values.iter().map(|value| (*value).into()).collect(),
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
                    let difference = FixedField { path: field.path, asked: shown(&after), checkpoint: shown(&before) };
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
        for section in ["schedule", "augment", "output"] {
            assert!(of(section).1.is_empty(), "{section}");
        }
    }

    #[test]
    fn a_refusal_names_every_field_with_both_values_and_says_what_to_do() {
        let own = RunConfig::default();
        let mut asked = own.clone();
        asked.data.resolution = 64;
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
