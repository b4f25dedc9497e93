//! `whelp recipes`.

use whelp::data::PictureKind;
use whelp::models::layers::count_parameters;
use whelp::models::network_layers;
use whelp::recipes::{ALL, Recipe};
use whelp::train::step_bytes;

use crate::failure::{Failure, Outcome};
use crate::output::say;

/// The pictures that the numbers are for: colour, without classes.
const RGB: PictureKind = PictureKind { channels: 3, classes: 0 };

const HEADINGS: [&str; 7] = ["recipe", "pixels", "generator", "discriminator", "batch", "memory", "length"];

pub fn recipes() -> Result<Outcome, Failure> {
    let rows = ALL.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str()).chain([HEADINGS[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; HEADINGS.len()] = std::array::from_fn(width);
    say!("{}  what it is", line(&HEADINGS.map(str::to_owned), &widths));
    for (row, recipe) in rows.iter().zip(&ALL) {
        say!("{}  {}: {}", line(row, &widths), recipe.summary, recipe.advice);
    }
    say!(
        "\npixels: recipes that are not made for one size follow your pictures; their numbers here are for the built-in dogs. \
         generator, discriminator: parameters. memory: about what a step needs with colour pictures, without the pictures \
         themselves and the program."
    );
    Ok(Outcome::Done)
}

fn row(recipe: &Recipe) -> Result<[String; HEADINGS.len()], Failure> {
    let config = recipe.config().validate().map_err(Failure::fault)?;
    let [generator, discriminator] = network_layers(&config, RGB).map(|layers| count_parameters(&layers));
    Ok([
        recipe.name.to_owned(),
        config.data.resolution.to_string(),
        generator.to_string(),
        discriminator.to_string(),
        config.train.batch.to_string(),
        format!("{} MB", step_bytes(&config, RGB).div_ceil(1_000_000)),
        config.train.length.to_string(),
    ])
}

/// A row of the table: words aligned left, numbers right.
fn line(cells: &[String; HEADINGS.len()], widths: &[usize; HEADINGS.len()]) -> String {
    let is_word = |column: usize| [0, HEADINGS.len() - 1].contains(&column);
    let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, &width))| {
        if is_word(column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    padded.collect::<Vec<_>>().join("  ")
}
