//! `whelp recipes`.

use whelp::config::Length;
use whelp::protocol::PictureKind;
use whelp::recipes::ALL;
use whelp::train::Trainer;
use whelp::weights::count_parameters;

use crate::failure::{Failure, Outcome};

pub fn recipes() -> Result<Outcome, Failure> {
    println!(
        "{:<10} {:>6} {:>12} {:>15} {:>6}  {:<10} summary",
        "recipe", "pixels", "generator", "discriminator", "batch", "length"
    );
    for recipe in ALL {
        let config = recipe.config().validate().map_err(Failure::fault)?;
        let trainer = Trainer::new(&config, PictureKind { channels: 3, classes: 0 }, &whelp::device::cpu());
        let length = match config.train.length {
            Length::Steps(n) => format!("{n} steps"),
            Length::Epochs(n) => format!("{n} epochs"),
            Length::Kimg(n) => format!("{n} kimg"),
            Length::Seconds(n) => format!("{n} s"),
            Length::Unlimited => "no end".to_owned(),
        };
        println!(
            "{:<10} {:>6} {:>12} {:>15} {:>6}  {:<10} {}: {}",
            recipe.name,
            config.data.resolution,
            count_parameters(&trainer.generator),
            count_parameters(&trainer.discriminator),
            config.train.batch,
            length,
            recipe.summary,
            recipe.advice,
        );
    }
    Ok(Outcome::Done)
}
