//! `whelp train`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_lite::future::block_on;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Length, RunConfig};
use whelp::data::{Dataset, Preparation};
use whelp::device::{self, OpenDevice};
use whelp::protocol::{Command, Event};
use whelp::recipes;
use whelp::run::{Run, calibrate};
use whelp::validate::ValidConfig;

use crate::assets::builtin_dogs;
use crate::cli::TrainArguments;
use crate::data::{expect_builtin, read_data};
use crate::failure::{Failure, Outcome};
use crate::info::read_checkpoint;
use crate::progress::RunDisplay;
use crate::run_folder::RunFolder;

pub fn train(arguments: &TrainArguments) -> Result<Outcome, Failure> {
    let checkpoint = arguments.resume.as_deref().map(read_checkpoint).transpose()?;
    let mut config = settings(arguments, checkpoint.as_ref())?;
    let root = choose_folder(arguments, &config)?;
    let data = Arc::new(load_data(arguments, checkpoint.as_ref(), Preparation::from(&config.data))?);
    report(&data);
    let device = block_on(device::open(arguments.device)).map_err(Failure::device)?;
    if let Some(reason) = &device.reason {
        eprintln!("training on the CPU: {reason}");
    }
    if is_sized_by_device(arguments, &config) {
        config = sized_by_device(arguments, &config, &data, &device)?;
    }
    let (run, commands) = match &checkpoint {
        Some(checkpoint) => Run::resume(checkpoint, config, data, device),
        None => Run::new(config, data, device),
    }
    .map_err(Failure::start)?;
    let folder = RunFolder::open(&root)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    // The first Ctrl-C saves a checkpoint, the second one does not wait for it.
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("saving a checkpoint; press Ctrl-C again to leave without it");
        let _ = commands.try_send(Command::Stop);
    })
    .map_err(Failure::fault)?;
    follow(run, folder, arguments.json)?;
    Ok(if interrupted.load(Ordering::SeqCst) { Outcome::Interrupted } else { Outcome::Done })
}

/// Polls the run to its end, writing and showing every event.
fn follow(mut run: Run, mut folder: RunFolder, json: bool) -> Result<(), Failure> {
    let mut display = (!json).then(RunDisplay::new);
    if !json {
        eprintln!("run         {}", folder.root().display());
    }
    while let Some(event) = block_on(run.next()) {
        let event = folder.record(event)?;
        match &mut display {
            Some(display) => display.show(&event),
            None => println!("{}", serde_json::to_string(&event).map_err(Failure::fault)?),
        }
        if let Event::Failed { kind, message } = event {
            return Err(Failure::run(kind, &message));
        }
    }
    Ok(())
}

/// The settings of the run: the options, on top of the checkpoint's settings or the recipe's.
fn settings(arguments: &TrainArguments, checkpoint: Option<&Checkpoint>) -> Result<ValidConfig, Failure> {
    let base = base(arguments, checkpoint)?;
    let mut config = with_options(arguments, base.clone())?;
    if checkpoint.is_some() {
        config = base.resumed(&config).map_err(Failure::input)?;
    }
    config.validate().map_err(Failure::input)
}

/// The settings that the options change: the checkpoint's, or the recipe's.
fn base(arguments: &TrainArguments, checkpoint: Option<&Checkpoint>) -> Result<RunConfig, Failure> {
    match (checkpoint, &arguments.recipe) {
        (Some(checkpoint), _) => Ok(checkpoint.meta.config.clone()),
        (None, Some(name)) => Ok(recipes::find(name).map_err(Failure::input)?.config()),
        (None, None) => Ok(recipes::DEFAULT.config()),
    }
}

/// Whether the device decides about the size of the networks: for the default recipe, unless an option sets the size.
fn is_sized_by_device(arguments: &TrainArguments, config: &RunConfig) -> bool {
    const SIZE: [&str; 4] = ["model.generator_width", "model.discriminator_width", "model.blocks", "train.batch"];
    let is_size = |assignment: &String| assignment.split_once('=').is_some_and(|(key, _)| SIZE.contains(&key.trim()));
    let says_nothing = arguments.batch.is_none() && !arguments.set.iter().any(is_size);
    arguments.resume.is_none() && config.recipe == recipes::DEFAULT.name && says_nothing
}

/// The settings in the size that suits the device, and the options on top again.
fn sized_by_device(
    arguments: &TrainArguments,
    config: &ValidConfig,
    data: &Dataset,
    device: &OpenDevice,
) -> Result<ValidConfig, Failure> {
    eprintln!("measuring   how large a network suits this device");
    let calibration = block_on(calibrate(config, data.summary().kind(), device)).map_err(Failure::device)?;
    eprintln!("size        {}; change it with --batch and --set model.generator_width=…", calibration.reason);
    let mut base = base(arguments, None)?;
    calibration.size.apply(&mut base);
    with_options(arguments, base)?.validate().map_err(Failure::input)
}

/// Applies the options: the named ones first, then `--set`.
fn with_options(arguments: &TrainArguments, mut config: RunConfig) -> Result<RunConfig, Failure> {
    if let Some(resolution) = arguments.resolution {
        config.data.resolution = resolution;
    }
    if let Some(batch) = arguments.batch {
        config.train.batch = batch;
    }
    if let Some(seed) = arguments.seed {
        config.seed = seed;
    }
    let length = arguments
        .steps
        .map(Length::Steps)
        .or(arguments.epochs.map(Length::Epochs))
        .or(arguments.kimg.map(Length::Kimg))
        .or(arguments.time.map(|time| Length::Seconds(time.as_secs())));
    if let Some(length) = length {
        config.train.length = length;
    }
    if arguments.exclude_flagged {
        config.data.exclude_flagged = true;
    }
    assign(&mut config, &arguments.set)?;
    Ok(config)
}

/// Applies `--set`.
pub fn assign(config: &mut RunConfig, assignments: &[String]) -> Result<(), Failure> {
    for assignment in assignments {
        config.assign(assignment).map_err(|error| Failure::Input(format!("--set {assignment}: {error}")))?;
    }
    Ok(())
}

/// `--out`, or the resumed run's own folder, or a new one.
fn choose_folder(arguments: &TrainArguments, config: &RunConfig) -> Result<PathBuf, Failure> {
    let resumed = arguments.resume.as_deref().map(RunFolder::checkpoint_of);
    let resumed = resumed.as_deref().and_then(RunFolder::of_checkpoint);
    match (&arguments.out, resumed) {
        (Some(out), resumed) => {
            let is_same = resumed.is_some_and(|resumed| same_file(&resumed, out));
            if RunFolder::is_used(out) && !is_same {
                return Err(Failure::Input(format!(
                    "{0} already holds another run; continue it (--resume {0}) or choose another --out",
                    out.display()
                )));
            }
            Ok(out.clone())
        }
        (None, Some(resumed)) => Ok(resumed),
        (None, None) => Ok(RunFolder::next_free(config)),
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn load_data(
    arguments: &TrainArguments,
    checkpoint: Option<&Checkpoint>,
    preparation: Preparation,
) -> Result<Dataset, Failure> {
    let Some(data) = &arguments.data else {
        // A resumed run must not continue with other pictures by accident.
        checkpoint.map_or(Ok(()), |checkpoint| expect_builtin(&checkpoint.meta.data))?;
        return builtin_dogs(preparation);
    };
    read_data(data, preparation)
}

/// Shows what was done differently than asked, and the first few files that were left out. `events.jsonl` has all of them.
fn report(data: &Dataset) {
    const SHOWN: usize = 5;
    let summary = data.summary();
    for note in &summary.notes {
        eprintln!("note        {note}");
    }
    let report = data.report();
    if report.flagged_count > 0 && !report.excludes_flagged {
        let list = report.flags_in_words();
        eprintln!("flagged     {list}: `whelp data check` names them, --exclude-flagged leaves them out");
    }
    if summary.skipped_count == 0 {
        return;
    }
    eprintln!("left out    {} files that can't be used:", summary.skipped_count);
    for skipped in summary.skipped.iter().take(SHOWN) {
        eprintln!("            {}: {}", skipped.name, skipped.reason);
    }
    if summary.skipped_count > SHOWN {
        eprintln!("            and {} more", summary.skipped_count - SHOWN);
    }
}
