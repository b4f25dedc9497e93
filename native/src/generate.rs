//! `whelp generate`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_lite::future::block_on;
use indicatif::{ProgressBar, ProgressStyle};
use whelp::checkpoint::restore_generator;
use whelp::device;
use whelp::sample;

use crate::cli::GenerateArguments;
use crate::failure::{Failure, Outcome};
use crate::info::read_checkpoint;
use crate::picture_files::PictureFiles;

/// Pictures drawn between two movements of the progress bar, and in memory at once.
const CHUNK: usize = 64;

pub fn generate(arguments: &GenerateArguments) -> Result<Outcome, Failure> {
    if !(0.0..=10.0).contains(&arguments.truncation) {
        return Err(Failure::Input(format!("--truncation is {}; it accepts 0 to 10", arguments.truncation)));
    }
    if arguments.class.is_some() {
        return Err(Failure::input("this checkpoint knows no classes; leave out --class"));
    }
    let count = arguments.count as usize;
    let checkpoint = read_checkpoint(&arguments.checkpoint)?;
    let mut files = PictureFiles::create(&arguments.out, count)?;
    let device = block_on(device::open(arguments.device)).map_err(Failure::input)?;
    let generator = restore_generator(&checkpoint, &device.device).map_err(Failure::input)?;
    let latent = checkpoint.meta.config.model.latent;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    // Left by way of `return`, so that what was begun is removed.
    ctrlc::set_handler(move || flag.store(true, Ordering::SeqCst)).map_err(Failure::fault)?;
    let bar = ProgressBar::new(count as u64)
        .with_style(ProgressStyle::with_template("drawing {bar:30} {pos}/{len}").expect("a fixed template"));
    for first in (0..count).step_by(CHUNK) {
        if interrupted.load(Ordering::SeqCst) {
            bar.finish_and_clear();
            return Ok(Outcome::Interrupted);
        }
        let chunk = CHUNK.min(count - first);
        let psi = arguments.truncation;
        let drawn = sample::draw(&generator, arguments.seed, first, chunk, latent, psi, &device.device);
        files.add(&block_on(drawn).map_err(Failure::fault)?)?;
        bar.inc(chunk as u64);
    }
    bar.finish_and_clear();
    files.finish()?;
    eprintln!("{count} pictures in {}", arguments.out.display());
    Ok(Outcome::Done)
}
