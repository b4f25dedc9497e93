//! `whelp data check`, and reading pictures with a bar.

use std::fs;
use std::path::Path;

use serde::Serialize;
use whelp::checkpoint::DataOrigin;
use whelp::config::RunConfig;
use whelp::data::{Count, DOGS_NAME, Dataset, Preparation, Report};

use crate::assets::{BUILTIN_DOGS, builtin_dogs};
use crate::cache;
use crate::cli::CheckArguments;
use crate::failure::{Failure, Outcome};
use crate::folder;
use crate::png;
use crate::progress::reading_bar;

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
    /// Of the prepared pictures, in pixels.
    resolution: usize,
    channels: usize,
    fingerprint: &'a str,
    notes: &'a [String],
}

pub fn check(arguments: &CheckArguments) -> Result<Outcome, Failure> {
    let data = read_data(&arguments.path, preparation(arguments)?)?;
    if let Some(path) = &arguments.sheet {
        let sheet = png::encode(&data.preview(SHEET)).map_err(Failure::fault)?;
        fs::write(path, sheet).map_err(|error| Failure::file(path, "written", &error))?;
    }
    let (report, summary) = (data.report(), data.summary());
    if arguments.json {
        let (resolution, channels) = (summary.resolution, summary.channels);
        let checked =
            Checked { report, resolution, channels, fingerprint: &summary.fingerprint, notes: &summary.notes };
        println!("{}", serde_json::to_string(&checked).map_err(Failure::fault)?);
    } else {
        print!("{}", text(report, &summary.notes));
    }
    Ok(Outcome::Done)
}

fn preparation(arguments: &CheckArguments) -> Result<Preparation, Failure> {
    let mut config = RunConfig::default();
    config.data.resolution = arguments.resolution;
    config.data.exclude_flagged = arguments.exclude_flagged;
    for assignment in &arguments.set {
        if !assignment.trim_start().starts_with("data.") {
            return Err(Failure::Input(format!("--set {assignment}: only fields of data matter here")));
        }
        config.assign(assignment).map_err(|error| Failure::Input(format!("--set {assignment}: {error}")))?;
    }
    Ok(Preparation::from(&config.validate().map_err(Failure::input)?.data))
}

/// The report as text.
fn text(report: &Report, notes: &[String]) -> String {
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
