//! `whelp info`.

use std::path::Path;

use whelp::checkpoint::{Checkpoint, CheckpointError, Scored};
use whelp::config::ConfigError;
use whelp::models::layers::count_parameters;
use whelp::models::network_layers;
use whelp::series::{LOSS_D, LOSS_G};

use crate::cli::InfoArguments;
use crate::failure::{Failure, Outcome};
use crate::output::{note, say};
use crate::pytorch;
use crate::run_folder::RunFolder;

/// Reads a checkpoint file, or the newest checkpoint of a run's folder that is whole.
pub fn read_checkpoint(path: &Path) -> Result<Checkpoint, Failure> {
    if path.is_dir() {
        return newest_checkpoint(path);
    }
    let file = path;
    let bytes = std::fs::read(file).map_err(|error| Failure::file(file, "read", &error))?;
    Checkpoint::from_bytes(&bytes).map_err(|error| {
        let advice = match error {
            CheckpointError::Foreign { .. } if pytorch::is_likely(file, &bytes) => {
                ". To use networks saved by PyTorch, convert them with `whelp import`"
            }
            _ => "",
        };
        Failure::Input(format!("{}: {error}{advice}", file.display()))
    })
}

/// Reads a checkpoint file, or the checkpoint of a run's folder that draws: the one with the best score, if the run was scored. Which
/// one that is, and how to have another, is said after `doing`, such as "drawing with".
pub fn read_best(path: &Path, doing: &str) -> Result<Checkpoint, Failure> {
    let mut best = RunFolder::best_of(path);
    let checkpoint = match best.as_deref().map(read_checkpoint) {
        Some(Ok(checkpoint)) => checkpoint,
        Some(Err(error)) => {
            note!("note        {error}");
            best = None;
            read_checkpoint(path)?
        }
        None => read_checkpoint(path)?,
    };
    if let (Some(best), Some(Scored { best: score, .. })) = (&best, &checkpoint.meta.scored) {
        note!(
            "{doing} {}, the run's best by {} ({:.4}, step {}); name {} for the latest",
            best.display(),
            score.name,
            score.value,
            score.step,
            path.join("checkpoints/latest.safetensors").display()
        );
    }
    Ok(checkpoint)
}

/// The newest checkpoint of a run's folder that is whole.
fn newest_checkpoint(root: &Path) -> Result<Checkpoint, Failure> {
    RunFolder::newest(root)?.ok_or_else(|| {
        Failure::Input(format!(
            "{0} holds no checkpoint yet. If it is the folder of a run, `whelp train --out {0}` with the run's other options \
             starts it again",
            root.display()
        ))
    })
}

pub fn info(arguments: &InfoArguments) -> Result<Outcome, Failure> {
    let checkpoint = read_checkpoint(&arguments.file)?;
    let meta = &checkpoint.meta;
    if arguments.json {
        say!("{}", serde_json::to_string(meta).map_err(Failure::fault)?);
        return Ok(Outcome::Done);
    }
    let refused = |error: ConfigError| Failure::Input(format!("{}: {error}", arguments.file.display()));
    let config = meta.config.clone().validate().map_err(refused)?;
    let [generator, discriminator] = network_layers(&config, meta.data.kind()).map(|layers| count_parameters(&layers));
    let note = match () {
        () if checkpoint.is_for_drawing() => ", not in this file",
        () if checkpoint.lacks_optimizers() => ", both without their optimizers: for new runs (--from)",
        () => "",
    };
    say!("recipe         {} at {} pixels, seed {}", config.recipe, config.data.resolution, config.seed);
    say!("generator      {generator} parameters, width {}", config.model.generator_width);
    say!("discriminator  {discriminator} parameters, width {}{note}", config.model.discriminator_width);
    say!(
        "trained        {} steps, {} images, {:.2} epochs",
        meta.progress.step,
        meta.progress.nimg,
        meta.progress.epoch
    );
    say!("length         {}", config.train.length);
    say!("time           {:.0} s", meta.progress.elapsed_secs);
    say!("pictures       {} ({})", meta.data.name, meta.data.count);
    say!("batch          {}", config.train.batch);
    if let (Some(d), Some(g)) = (meta.history.last(LOSS_D), meta.history.last(LOSS_G)) {
        say!("last losses    discriminator {d:.3}, generator {g:.3}");
    }
    say!("format         {}", meta.format);
    Ok(Outcome::Done)
}
