//! `whelp import`.

use futures_lite::future::block_on;
use whelp::checkpoint::{Imported, import as import_networks};
use whelp::device::cpu;

use crate::cli::ImportArguments;
use crate::failure::{Failure, Outcome};
use crate::output::note;
use crate::pytorch;
use crate::run_folder::write_whole;

pub fn import(arguments: &ImportArguments) -> Result<Outcome, Failure> {
    let ImportArguments { file, out, discriminator } = arguments;
    let networks = pytorch::read_networks(file)?;
    let discriminator_networks = discriminator.as_deref().map(pytorch::read_networks).transpose()?;
    let both = discriminator.as_ref().map_or(String::new(), |path| format!(" with {}", path.display()));
    let Imported { checkpoint, has_fresh_discriminator } =
        block_on(import_networks(networks, discriminator_networks, &cpu()))
            .map_err(|error| Failure::Input(format!("{}{both}: {error}", file.display())))?;
    write_whole(out, &checkpoint.to_bytes()).map_err(|error| Failure::file(out, "written to", &error))?;
    let config = &checkpoint.meta.config;
    note!(
        "generator      {} pixels, {} channels, latent {}, width {}",
        config.data.resolution,
        checkpoint.meta.data.channels,
        config.model.latent,
        config.model.generator_width
    );
    let origin = if has_fresh_discriminator {
        ", a new one: no file has a discriminator, so training starts with an untrained one"
    } else {
        ""
    };
    note!("discriminator  width {}{origin}", config.model.discriminator_width);
    note!("checkpoint     {}", out.display());
    Ok(Outcome::Done)
}
