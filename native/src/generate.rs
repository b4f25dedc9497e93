//! `whelp generate`.

use futures_lite::future::block_on;
use indicatif::{ProgressBar, ProgressStyle};
use whelp::checkpoint::{Checkpoint, restore_sampler};
use whelp::device;
use whelp::nearest::nearest;
use whelp::sample::Draw;

use crate::cli::GenerateArguments;
use crate::failure::{Failure, Outcome};
use crate::info::read_best;
use crate::output::note;
use crate::picture_files::PictureFiles;
use crate::signals::Signals;

/// Pictures drawn at once. The progress bar moves after each such group.
const CHUNK: usize = 64;

pub fn generate(arguments: &GenerateArguments) -> Result<Outcome, Failure> {
    if !(0.0..=10.0).contains(&arguments.truncation) {
        return Err(Failure::Input(format!("--truncation is {}; it accepts 0 to 10", arguments.truncation)));
    }
    let count = arguments.count as usize;
    let path = arguments.run.as_ref().or(arguments.checkpoint.as_ref());
    let path = path.ok_or_else(|| Failure::input("name a checkpoint or a run's folder to draw with"))?;
    let checkpoint = read_best(path, "drawing with")?;
    let class = arguments.class.as_deref().map(|class| class_index(class, &checkpoint)).transpose()?;
    // A return from this function removes the unfinished files, which a signal would otherwise leave behind.
    let signals = Signals::listen(None)?;
    let mut files = PictureFiles::create(&arguments.out, count)?;
    let device = block_on(device::open(arguments.device.clone())).map_err(Failure::device)?;
    let sampler = restore_sampler(&checkpoint, &device.device).map_err(Failure::input)?;
    signals.ask();
    let bar = ProgressBar::new(count as u64)
        .with_style(ProgressStyle::with_template("drawing {bar:30} {pos}/{len}").expect("a fixed template"));
    for first in (0..count).step_by(CHUNK) {
        if let Some(outcome) = signals.outcome() {
            bar.finish_and_clear();
            return Ok(outcome);
        }
        let chunk = CHUNK.min(count - first);
        let what = Draw { seed: arguments.seed, first, count: chunk, truncation_psi: arguments.truncation, class };
        files.add(&block_on(sampler.draw(what, &device.device)).map_err(Failure::device)?)?;
        bar.inc(chunk as u64);
    }
    bar.finish_and_clear();
    files.finish()?;
    note!("{count} pictures in {}", arguments.out.display());
    Ok(Outcome::Done)
}

/// The index of a class given by its name or number.
fn class_index(class: &str, checkpoint: &Checkpoint) -> Result<u32, Failure> {
    let classes = &checkpoint.meta.data.classes;
    if !checkpoint.meta.config.model.conditional || classes.is_empty() {
        return Err(Failure::input("this checkpoint was trained without classes; leave out --class"));
    }
    let is_named = |name: &&String| name.eq_ignore_ascii_case(class);
    let number = || class.parse().ok().filter(|number| *number < classes.len());
    let index = classes.iter().position(|name| is_named(&name)).or_else(number);
    index.map(|index| index as u32).ok_or_else(|| {
        let nearest = nearest(class, classes.iter().map(String::as_str));
        let last = classes.len() - 1;
        Failure::Input(format!(
            "--class {class}: there is no such class; did you mean {nearest:?}? A number from 0 to {last} works too"
        ))
    })
}
