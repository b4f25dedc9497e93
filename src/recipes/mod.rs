//! The named recipes: short commented changes to the default configuration.

mod classics;
mod dcgan;
mod projected;
pub mod r3gan;
mod resolution;

use crate::config::{ConfigError, RunConfig};
use crate::nearest::nearest;

/// A named configuration.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Its name, as users choose it.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// When to choose it, in one line.
    pub advice: &'static str,
    build: fn() -> RunConfig,
}

impl Recipe {
    /// Its configuration.
    pub fn config(&self) -> RunConfig {
        (self.build)()
    }
}

/// Every recipe. The first one is the default.
pub const ALL: [Recipe; 11] = [
    projected::PROJECTED,
    r3gan::R3GAN,
    r3gan::R3GAN_SMALL,
    r3gan::R3GAN_BASE,
    r3gan::R3GAN_LARGE,
    dcgan::DCGAN32,
    dcgan::DCGAN64,
    classics::KERAS_DOGS,
    classics::DENSE_UPSAMPLE,
    classics::STANFORD_DOGS,
    classics::FASHION_MNIST,
];

/// The recipe that is used if none is chosen.
pub const DEFAULT: Recipe = projected::PROJECTED;

/// Finds a recipe by its name.
///
/// # Errors
/// [`ConfigError::Unknown`] with the most similar name.
pub fn find(name: &str) -> Result<&'static Recipe, ConfigError> {
    const RECIPES: &[Recipe] = &ALL;
    RECIPES.iter().find(|recipe| recipe.name == name).ok_or_else(|| ConfigError::Unknown {
        kind: "recipe",
        name: name.to_owned(),
        nearest: nearest(name, ALL.iter().map(|recipe| recipe.name)).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_valid_and_bears_its_name() {
        for recipe in ALL {
            let config = recipe.config();
            assert_eq!(config.recipe, recipe.name);
            config.validate().unwrap();
        }
    }
}
