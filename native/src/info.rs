//! `whelp info`.

use std::path::Path;

use whelp::checkpoint::{Checkpoint, CheckpointError};
use whelp::config::ConfigError;
use whelp::models::layers::count_parameters;
use whelp::models::network_layers;
use whelp::series::{LOSS_D, LOSS_G};

use crate::cli::InfoArguments;
use crate::failure::{Failure, Outcome};
use crate::pytorch;
use crate::run_folder::RunFolder;

/// Reads a checkpoint file, or the latest checkpoint of a run's folder.
pub fn read_checkpoint(path: &Path) -> Result<Checkpoint, Failure> {
    let file = RunFolder::checkpoint_of(path);
    let bytes = std::fs::read(&file).map_err(|error| Failure::file(&file, "read", &error))?;
    Checkpoint::from_bytes(&bytes).map_err(|error| {
        let advice = match error {
            CheckpointError::Foreign { .. } if pytorch::is_likely(&file, &bytes) => {
                ". To use networks saved by PyTorch, convert them with `whelp import`"
            }
            _ => "",
        };
        Failure::Input(format!("{}: {error}{advice}", file.display()))
    })
}

pub fn info(arguments: &InfoArguments) -> Result<Outcome, Failure> {
    let checkpoint = read_checkpoint(&arguments.file)?;
    let meta = &checkpoint.meta;
    if arguments.json {
        println!("{}", serde_json::to_string(meta).map_err(Failure::fault)?);
        return Ok(Outcome::Done);
    }
    let refused = |error: ConfigError| Failure::Input(format!("{}: {error}", arguments.file.display()));
    let config = meta.config.clone().validate().map_err(refused)?;
    let [generator, discriminator] = network_layers(&config, meta.data.kind()).map(|layers| count_parameters(&layers));
    let note = if checkpoint.is_for_drawing() { ", not in this file" } else { "" };
    println!("recipe         {} at {} pixels, seed {}", config.recipe, config.data.resolution, config.seed);
    println!("generator      {generator} parameters, width {}", config.model.generator_width);
    println!("discriminator  {discriminator} parameters, width {}{note}", config.model.discriminator_width);
    println!(
        "trained        {} steps, {} images, {:.2} epochs",
        meta.progress.step, meta.progress.nimg, meta.progress.epoch
    );
    println!("length         {}", config.train.length);
    println!("time           {:.0} s", meta.progress.elapsed_secs);
    println!("pictures       {} ({})", meta.data.name, meta.data.count);
    println!("batch          {}", config.train.batch);
    if let (Some(d), Some(g)) = (meta.history.last(LOSS_D), meta.history.last(LOSS_G)) {
        println!("last losses    discriminator {d:.3}, generator {g:.3}");
    }
    println!("format         {}", meta.format);
    Ok(Outcome::Done)
}
