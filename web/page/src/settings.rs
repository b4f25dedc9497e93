//! The form's settings: recipes, single fields, and what is refused of them.

use leptos::prelude::*;
use std::collections::BTreeMap;
use whelp::config::{Architecture, RunConfig};
use whelp::fields::Field;
use whelp::recipes::Recipe;
use whelp::validate::ConfigError;

use super::store::{Device, Store, Suggested};

/// Width and batch that convolutions are cut down to on a processor.
const SLOW_WIDTH: usize = 16;
const SLOW_BATCH: usize = 16;

impl Store {
    /// Puts a whole configuration into the form, in place of all that was typed there.
    pub(super) fn show_settings(self, config: RunConfig) {
        self.refused.update(|refused| refused.clear());
        self.config.set(config);
    }

    /// A recipe's values, but for what the visitor has chosen and what suits the device.
    pub fn choose_recipe(self, recipe: &Recipe) {
        let is_slow = self.device.with_untracked(|device| matches!(device, Device::Ready(device) if device.is_slow));
        let mut chosen = suited(recipe, self.suggested.get_untracked(), is_slow);
        self.config.with_untracked(|config| {
            chosen.seed = config.seed;
            chosen.train.length = config.train.length;
        });
        self.show_settings(chosen);
    }

    /// Sets one field to a value in JSON. What the field cannot hold is remembered as refused.
    pub fn set_field(self, field: &'static Field, json: &str) {
        let mut config = self.config.get_untracked();
        match config.set(field.path, json) {
            Ok(()) => {
                self.refused.update(|refused| {
                    refused.remove(field.path);
                });
                self.config.set(config);
            }
            Err(error) => self.refuse(field, error),
        }
    }

    /// Remembers that what is typed into a field is no value at all; `found` says what it is.
    pub fn refuse_typed(self, field: &'static Field, found: &str) {
        let (field_path, accepts) = (field.path.to_owned(), field.accepts.to_string());
        self.refuse(field, ConfigError::Value { field: field_path, found: found.to_owned(), accepts });
    }

    fn refuse(self, field: &'static Field, error: ConfigError) {
        self.refused.update(|refused| {
            refused.insert(field.path, error);
        });
    }
}

/// Why a configuration made from the form cannot be trained with.
pub(super) fn complaint(config: &RunConfig, refused: &BTreeMap<&'static str, ConfigError>) -> Option<ConfigError> {
    refused.values().next().cloned().or_else(|| config.clone().validate().err())
}

/// A recipe for the device at hand.
fn suited(recipe: &Recipe, suggested: Option<Suggested>, is_slow: bool) -> RunConfig {
    let Some(Suggested { config: suggested, .. }) = suggested else { return recipe.config() };
    if suggested.recipe == recipe.name {
        return suggested;
    }
    let mut config = RunConfig { output: suggested.output, ..recipe.config() };
    if is_slow {
        shrink(&mut config);
    }
    config
}

/// Smaller networks on smaller batches. R3GAN's recipes are sizes to choose from, and dense layers are small work, so both
/// stay as they are.
fn shrink(config: &mut RunConfig) {
    if matches!(config.model.architecture, Architecture::R3gan | Architecture::Dense) {
        return;
    }
    config.model.generator_width = config.model.generator_width.min(SLOW_WIDTH);
    config.model.discriminator_width = config.model.discriminator_width.min(SLOW_WIDTH);
    config.train.batch = config.train.batch.min(SLOW_BATCH);
    // StyleGAN2-ADA's rule: batch * 10 / 32 kimg.
    config.train.ema_half_life_kimg = config.train.batch as f64 * 10.0 / 32.0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use whelp::recipes;

    fn suggested() -> Suggested {
        let mut config = recipes::DEFAULT.config();
        config.model.generator_width = 8;
        config.output.sample_secs = Some(2.0);
        Suggested { config, reason: None }
    }

    #[test]
    fn every_recipe_is_valid_on_every_device_and_keeps_its_networks() {
        for recipe in recipes::ALL {
            for is_slow in [false, true] {
                let config = suited(&recipe, Some(suggested()), is_slow);
                assert_eq!(config.recipe, recipe.name);
                assert_eq!(config.model.architecture, recipe.config().model.architecture);
                assert_eq!(config.output.sample_secs, Some(2.0));
                config.validate().unwrap();
            }
        }
    }

    #[test]
    fn the_suggested_recipe_comes_in_the_size_that_was_picked() {
        assert_eq!(suited(&recipes::DEFAULT, Some(suggested()), false), suggested().config);
    }

    #[test]
    fn a_slow_device_gets_smaller_convolutions() {
        let dcgan = recipes::find("dcgan32").unwrap();
        let config = suited(dcgan, Some(suggested()), true);
        assert_eq!((config.model.generator_width, config.train.batch, config.train.ema_half_life_kimg), (16, 16, 5.0));
        assert_eq!(suited(dcgan, Some(suggested()), false).model.generator_width, dcgan.config().model.generator_width);
    }
}
