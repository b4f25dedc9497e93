//! Changes to the form's settings: recipes and single fields.

use leptos::prelude::*;
use whelp::config::{Architecture, ConfigError, Length, Resolution, RunConfig};
use whelp::fields::Field;
use whelp::protocol::{Command, Progress};
use whelp::recipes::{self, Recipe};
use whelp::session::Request;

use super::store::{Device, Store, Suggested};

/// The largest width and batch size of convolutional networks that are suggested for a slow device.
const SLOW_WIDTH: usize = 16;
const SLOW_BATCH: usize = 16;

impl Store {
    /// Replaces everything in the form.
    pub(super) fn show_settings(self, config: RunConfig) {
        self.refused.update(|refused| refused.clear());
        self.config.set(config);
    }

    /// Fills in a recipe, in a size that suits the device. Seed and length stay as the visitor chose them, and so does the
    /// resolution unless the recipe is made for one.
    pub fn choose_recipe(self, recipe: &Recipe) {
        let is_slow = self.device.with_untracked(|device| matches!(device, Device::Ready(device) if device.is_slow));
        let mut chosen = suited(recipe, self.suggested.get_untracked(), is_slow);
        self.config.with_untracked(|config| {
            chosen.seed = config.seed;
            chosen.train.length = config.train.length;
        });
        let keeps = self.resolution_chosen.get_untracked() && !recipe.fixes_resolution();
        let resolution = self.config.with_untracked(|config| config.data.resolution);
        self.show_with_pace(chosen);
        if keeps {
            self.set_resolution(resolution);
        } else {
            self.resolution_chosen.set(false);
            self.follow_pictures();
        }
    }

    /// Leaves the device idle half of the time, or not at all; from now on if a run is under way.
    pub fn set_gentle(self, is_gentle: bool) {
        const KEY: &str = "output.idle_share";
        let share = if is_gentle { 0.5 } else { 0.0 };
        self.config.update(|config| config.output.idle_share = share);
        if self.phase.get_untracked().is_active() {
            let command = Command::Set { key: KEY.to_owned(), value: share.to_string() };
            self.post(&Request::Run { command }, None, None);
        }
    }

    /// Whether the resolution follows the pictures: not if the visitor chose one, nor if the recipe is made for one.
    pub fn follows_pictures(self) -> bool {
        let fixes = |config: &RunConfig| recipes::find(&config.recipe).is_ok_and(Recipe::fixes_resolution);
        !self.resolution_chosen.get_untracked() && !self.config.with_untracked(fixes)
    }

    /// Takes over the resolution that suits the pictures, where it follows them.
    pub(super) fn follow_pictures(self) {
        let size = self.data.with_untracked(|data| data.as_ref().map(|data| data.size.clone()));
        if let Some(size) = size.filter(|_| self.follows_pictures()) {
            self.move_to(size.resolution);
        }
    }

    /// Sets the resolution as the visitor chose it.
    pub(super) fn set_resolution(self, resolution: Resolution) {
        self.resolution_chosen.set(true);
        self.move_to(resolution);
    }

    fn move_to(self, resolution: Resolution) {
        let config = self.config.get_untracked();
        // A training that starts from a checkpoint needs networks of its width.
        let has_networks = untrack(move || self.can_continue());
        let suggested = self.suggested.get_untracked().filter(|_| !has_networks);
        self.config.set(at_resolution(config, suggested.as_ref(), resolution));
    }

    /// Sets one field to a JSON value, or remembers that the field refused it.
    pub fn set_field(self, field: &'static Field, json: &str) {
        let mut config = self.config.get_untracked();
        match config.set(field.path, json) {
            Ok(()) => {
                self.refused.update(|refused| {
                    refused.remove(field.path);
                });
                if field.path == "data.resolution" {
                    return self.set_resolution(config.data.resolution);
                }
                self.config.set(config);
            }
            Err(error) => self.refuse(field, error),
        }
    }

    /// Remembers that the text in a field is not a value; `found` is what the message calls it.
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

/// The settings with which a run continues from a checkpoint, where it had come to `progress`. A run that was complete
/// continues without an end: the visitor has asked for more.
pub(super) fn continued(
    checkpoint: &RunConfig,
    progress: &Progress,
    asked: &RunConfig,
) -> Result<RunConfig, ConfigError> {
    let mut config = checkpoint.resumed(asked)?;
    if config.train.length.is_reached(&progress.counts()) {
        config.train.length = Length::Unlimited;
    }
    Ok(config)
}

/// The form's settings at another resolution. R3GAN's penalties follow it; networks that still have the suggested size get the
/// one that suits the resolution.
fn at_resolution(mut config: RunConfig, suggested: Option<&Suggested>, resolution: Resolution) -> RunConfig {
    let suggested = suggested.filter(|suggested| suggested.config.recipe == config.recipe).map(|suggested| {
        let at = |resolution| {
            let mut config = suggested.config.clone();
            config.set_resolution_and_size(resolution);
            config
        };
        (at(config.data.resolution), at(resolution))
    });
    if let Some((now, then)) = suggested
        && (&now.model, now.train.batch) == (&config.model, config.train.batch)
    {
        config.model = then.model;
        config.train.batch = then.train.batch;
        config.train.ema_half_life_kimg = then.train.ema_half_life_kimg;
    }
    config.set_resolution(resolution);
    config
}

/// A recipe in a size that suits the device.
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

/// Makes networks and batches smaller. R3GAN stays as it is because its recipes are sizes to choose from, and dense networks
/// because they are fast.
fn shrink(config: &mut RunConfig) {
    if matches!(config.model.architecture, Architecture::R3gan | Architecture::Projected | Architecture::Dense) {
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
    fn networks_of_the_suggested_size_and_the_penalties_follow_the_resolution() {
        let mut suggested = Suggested { config: recipes::find("r3gan").unwrap().config(), reason: None };
        recipes::r3gan::SIZES.into_iter().find(|size| size.width == 64).unwrap().apply(&mut suggested.config);
        let at_64 = at_resolution(suggested.config.clone(), Some(&suggested), 64.into());
        assert_eq!((at_64.model.generator_width, at_64.train.r1_gamma, at_64.data.resolution), (32, 2.0, 64.into()));
        assert_eq!(at_resolution(at_64.clone(), Some(&suggested), 32.into()), suggested.config, "and back");
        let mut own = at_64;
        own.model.generator_width = 24;
        let at_128 = at_resolution(own, Some(&suggested), 128.into());
        assert_eq!((at_128.model.generator_width, at_128.train.r1_gamma), (24, 8.0), "the visitor's width stays");
    }

    #[test]
    fn continuing_follows_the_library_and_a_complete_run_gets_no_end() {
        let checkpoint = recipes::DEFAULT.config();
        let progress = Progress { nimg: 1_000_000, ..Progress::default() };
        let mut asked = checkpoint.clone();
        asked.train.generator_lr /= 2.0;
        asked.data.horizontal_flip = true;
        asked.train.length = Length::Kimg(1001);
        assert_eq!(continued(&checkpoint, &progress, &asked), checkpoint.resumed(&asked));
        asked.train.length = Length::Kimg(1000);
        assert_eq!(continued(&checkpoint, &progress, &asked).unwrap().train.length, Length::Unlimited);
        asked.model.latent += 1;
        assert_eq!(continued(&checkpoint, &progress, &asked), checkpoint.resumed(&asked));
        assert!(checkpoint.resumed(&asked).is_err());
    }

    #[test]
    fn a_slow_device_gets_smaller_convolutions() {
        let dcgan = recipes::find("dcgan32").unwrap();
        let config = suited(dcgan, Some(suggested()), true);
        assert_eq!((config.model.generator_width, config.train.batch, config.train.ema_half_life_kimg), (16, 16, 5.0));
        assert_eq!(suited(dcgan, Some(suggested()), false).model.generator_width, dcgan.config().model.generator_width);
    }
}
