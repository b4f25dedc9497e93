//! `whelp data check`, and reading pictures with a bar.

use std::fs;
use std::path::Path;

use futures_lite::future::block_on;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use whelp::checkpoint::DataOrigin;
use whelp::config::RunConfig;
use whelp::data::{Count, DOGS_NAME, Dataset, PictureSize, Preparation, Report, Sizing, Speed, Split};
use whelp::device::{self, DeviceChoice, OpenDevice};
use whelp::features::{self, LookError, judge_typicality};
use whelp::protocol::FailureKind;
use whelp::recipes;
use whelp::validate::ValidConfig;

use crate::assets::{BUILTIN_DOGS, builtin_dogs, pooled_lite0};
use crate::cache;
use crate::cli::CheckArguments;
use crate::display::reading_bar;
use crate::failure::{Failure, Outcome};
use crate::folder;
use crate::output::say;
use crate::png;

/// Reads and prepares the source that `--data` names.
pub fn read_data(data: &str, preparation: Preparation) -> Result<Dataset, Failure> {
    if data == BUILTIN_DOGS {
        return builtin_dogs(preparation);
    }
    let bar = reading_bar();
    let loaded = folder::load(Path::new(data), preparation, cache::of_user().as_ref(), &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    loaded.map_err(Failure::input)
}

/// The same at the resolution that suits the pictures and a device of this speed.
pub fn read_sized(data: &str, preparation: Preparation, speed: Speed) -> Result<(Dataset, PictureSize), Failure> {
    let mut sizing = Sizing::new(preparation, data == BUILTIN_DOGS, speed);
    loop {
        let read = read_data(data, sizing.preparation())?;
        if let Some(sized) = sizing.settle(read) {
            return Ok(sized);
        }
    }
}

/// Judges how typical the pictures are, if these settings want to know.
pub fn judge(data: &Dataset, config: &RunConfig, device: &OpenDevice) -> Result<(), Failure> {
    if features::files_to_judge(config).is_empty() {
        return Ok(());
    }
    let network = pooled_lite0(device, "data.keep_typical", "leave data.keep_typical at 1")?;
    let bar = ProgressBar::new(data.len() as u64)
        .with_style(ProgressStyle::with_template("judging {bar:30} {pos}/{len}").expect("a fixed template"));
    let progress = &mut |done: usize| bar.set_position(done as u64);
    block_on(judge_typicality(data, &network, &device.device, progress)).map_err(|error| match error {
        LookError::Pictures(lost) => Failure::run(FailureKind::Pictures, &lost.to_string()),
        LookError::Device(error) => Failure::device(error),
    })?;
    bar.finish_and_clear();
    Ok(())
}

/// Whether one of the `--set` options sets this field.
pub fn is_set(assignments: &[String], field: &str) -> bool {
    assignments.iter().any(|assignment| assignment.split_once('=').is_some_and(|(key, _)| key.trim() == field))
}

/// Refuses to take the built-in dogs for what a checkpoint was trained on if that was anything else.
pub fn expect_builtin(origin: &DataOrigin) -> Result<(), Failure> {
    if origin.is_unknown() {
        return Err(Failure::Input(format!(
            "the checkpoint was imported, so it is not known what its networks were trained on; name pictures with \
             --data PATH or --data {BUILTIN_DOGS}"
        )));
    }
    if origin.name != DOGS_NAME {
        return Err(Failure::Input(format!(
            "the checkpoint was trained on {:?}; name those pictures with --data PATH",
            origin.name
        )));
    }
    Ok(())
}

/// The most pictures on a contact sheet.
const SHEET: usize = 100;

/// What `--json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Of the prepared pictures, in pixels, and why.
    #[serde(flatten)]
    size: &'a PictureSize,
    channels: usize,
    fingerprint: &'a str,
    /// Pictures that a run with these settings is trained on; the others are held out or not typical.
    training_count: usize,
    notes: &'a [String],
}

pub fn check(arguments: &CheckArguments) -> Result<Outcome, Failure> {
    let config = settings(arguments)?;
    let preparation = Preparation::from(&config.data);
    let (data, size) = if arguments.resolution.is_some() || is_set(&arguments.set, "data.resolution") {
        (read_data(&arguments.path, preparation)?, PictureSize::set(preparation.resolution, "you chose"))
    } else {
        read_sized(&arguments.path, preparation, Speed::Unknown)?
    };
    if config.data.keep_typical < 1.0 {
        judge(&data, &config, &block_on(device::open(DeviceChoice::Auto)).map_err(Failure::device)?)?;
    }
    let training = Split::of(&data, &config.data, config.seed).training;
    let training_count = training.len();
    if let Some(path) = &arguments.sheet {
        let sheet = png::encode(&data.preview_of(SHEET, &training)).map_err(Failure::fault)?;
        fs::write(path, sheet).map_err(|error| Failure::file(path, "written", &error))?;
    }
    let (report, summary) = (data.report(), data.summary());
    if arguments.json {
        let (channels, fingerprint) = (summary.channels, &summary.fingerprint);
        let checked = Checked { report, size: &size, channels, fingerprint, training_count, notes: &summary.notes };
        say!("{}", serde_json::to_string(&checked).map_err(Failure::fault)?);
    } else {
        say!("{}", text(report, &size, &summary.notes).trim_end());
        if training_count < data.len() {
            say!("\nTrained on {training_count} of the pictures; the others are held out or not typical");
        }
    }
    Ok(Outcome::Done)
}

fn settings(arguments: &CheckArguments) -> Result<ValidConfig, Failure> {
    let mut config = recipes::DEFAULT.config();
    if let Some(resolution) = arguments.resolution {
        config.data.resolution = resolution;
    }
    config.data.exclude_flagged = arguments.exclude_flagged;
    for assignment in &arguments.set {
        if !assignment.trim_start().starts_with("data.") {
            return Err(Failure::Input(format!("--set {assignment}: only fields of data matter here")));
        }
        config.assign(assignment).map_err(|error| Failure::Input(format!("--set {assignment}: {error}")))?;
    }
    // Few recipes draw every size: the pictures are checked for whichever draws theirs.
    let of_recipe = |recipe: &recipes::Recipe| RunConfig { data: config.data.clone(), ..recipe.config() }.validate();
    let valid = config.clone().validate();
    valid
        .or_else(|error| recipes::ALL.iter().find_map(|recipe| of_recipe(recipe).ok()).ok_or(error))
        .map_err(Failure::input)
}

/// The report as text.
fn text(report: &Report, size: &PictureSize, notes: &[String]) -> String {
    let mut text =
        format!("{}: {} files, {} usable, {} pictures\n", report.name, report.files, report.usable, report.pictures);
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text += &format!("\n{title}\n");
            lines.iter().for_each(|line| text += &format!("  {line}\n"));
        }
    };
    let refused = report.files - report.usable;
    let skipped = report.skipped.iter().map(|file| format!("{}: {}", file.name, file.reason));
    section(&format!("{refused} cannot be used ({})", counted(&report.outcomes)), shortened(skipped, refused));
    let flagged = report.flagged.iter().map(|file| {
        let flags = file.flags.iter().map(|flag| flag.label(1)).collect::<Vec<_>>().join(", ");
        let like = file.like.as_ref().map_or_else(String::new, |like| format!(" of {like}"));
        format!("{}: {flags}{like}", file.name)
    });
    section(&format!("{} are flagged", report.flagged_count), shortened(flagged, report.flagged_count));
    let facts = [("formats", &report.formats), ("sides in pixels", &report.sides), ("classes", &report.classes)];
    let facts = facts.into_iter().filter(|(_, counts)| !counts.is_empty());
    section("What they are", facts.map(|(what, counts)| format!("{what}: {}", counted(counts))).collect());
    section("Size for training", vec![size.reason.clone()]);
    section(&format!("Verdict: {}", report.verdict.label()), report.advice.iter().chain(notes).cloned().collect());
    text
}

fn counted(counts: &[Count]) -> String {
    counts.iter().map(|count| format!("{} {}", count.count, count.name)).collect::<Vec<_>>().join(", ")
}

/// The first few of `count`.
fn shortened(lines: impl Iterator<Item = String>, count: usize) -> Vec<String> {
    const SHOWN: usize = 50;
    let mut lines: Vec<String> = lines.take(SHOWN).collect();
    if count > lines.len() {
        lines.push(format!("and {} more; --json names them", count - lines.len()));
    }
    lines
}
