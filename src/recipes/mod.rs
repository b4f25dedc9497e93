//! The named recipes: short commented layers over the default configuration.

mod classics;
mod dcgan;
pub mod r3gan;

use crate::config::RunConfig;
use crate::validate::{ConfigError, nearest};

/// A named configuration.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// What `--recipe` takes.
    pub name: &'static str,
    /// One line for a table.
    pub summary: &'static str,
    /// One line of advice.
    pub advice: &'static str,
    build: fn() -> RunConfig,
}

impl Recipe {
    /// Its configuration.
    pub fn config(&self) -> RunConfig {
        (self.build)()
    }
}

/// Every recipe; the first is the default.
pub const ALL: [Recipe; 10] = [
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

/// The recipe of whoever does not choose one.
pub const DEFAULT: Recipe = r3gan::R3GAN;

/// The recipe of that name.
///
/// # Errors
/// [`ConfigError::Unknown`] with the nearest name.
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
