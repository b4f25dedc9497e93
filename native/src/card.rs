//! `whelp card`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use whelp::export::{Card, Evaluation, Found};
use whelp::protocol::Event;

use crate::cli::CardArguments;
use crate::failure::{Failure, Outcome};
use crate::info::read_best;
use crate::output::note;
use crate::run_folder::{RunFolder, check_output, write_whole};

pub fn card(arguments: &CardArguments) -> Result<Outcome, Failure> {
    let CardArguments { checkpoint: path, out, evaluation } = arguments;
    if let Some(out) = out {
        check_output(out, path)?;
    }
    let checkpoint = read_best(path, "describing")?;
    let evaluation = evaluation.as_deref().map(read_evaluation).transpose()?;
    let run = if path.is_dir() { Some(path.clone()) } else { RunFolder::of_checkpoint(path) };
    let scored = run.and_then(|run| scores(&run.join("events.jsonl"), checkpoint.meta.progress.step));
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let card = Card { checkpoint: &checkpoint, file: &name, scored, evaluation, rounds: &[] };
    let text = card.markdown().map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    let file = match out {
        Some(out) => out.clone(),
        None => beside(path)?,
    };
    write_whole(&file, text.as_bytes()).map_err(|error| Failure::file(&file, "written to", &error))?;
    note!("model card     {}", file.display());
    if text.contains("license: unknown") {
        note!("note           fill in its field license, and where it says so");
    }
    Ok(Outcome::Done)
}

/// Where a card belongs if nobody says so. What is there already may have been filled in, so it stays.
fn beside(path: &Path) -> Result<PathBuf, Failure> {
    let file = if path.is_dir() { path.join("README.md") } else { path.with_extension("md") };
    if file.exists() {
        return Err(Failure::Input(format!(
            "{0} is there already, and may have been filled in; to replace it, name it: --out {0}",
            file.display()
        )));
    }
    Ok(file)
}

/// The newest scores that a run tells until `step`; none if it tells none, or nothing that can be read.
fn scores(events: &Path, step: u64) -> Option<Found> {
    let lines = BufReader::new(File::open(events).ok()?).lines().map_while(Result::ok);
    // Most lines are ticks, which are long.
    let lines = lines.filter(|line| line.starts_with(r#"{"type":"values""#));
    Found::until(step, lines.filter_map(|line| serde_json::from_str::<Event>(&line).ok()))
}

fn read_evaluation(file: &Path) -> Result<Evaluation, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, "read", &error))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::Input(format!("{}: this is not what `whelp evaluate --json` prints: {error}", file.display()))
    })
}
