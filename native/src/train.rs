//! `whelp train`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_lite::future::block_on;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Length, RunConfig};
use whelp::data::{Dataset, PictureKind, Preparation, Speed};
use whelp::device::{self, OpenDevice};
use whelp::features::{Cifar10, FeatureNetwork};
use whelp::protocol::{Command, Event};
use whelp::recipes;
use whelp::run::{Calibration, Run, calibrate};
use whelp::validate::ValidConfig;

use crate::assets::{BUILTIN_DOGS, CIFAR10_WEIGHTS, STARTER, backbone, builtin_dogs, starter};
use crate::cli::TrainArguments;
use crate::data::{expect_builtin, is_set, read_data, read_sized};
use crate::failure::{Failure, Outcome};
use crate::info::read_checkpoint;
use crate::progress::RunDisplay;
use crate::run_folder::RunFolder;

/// The setting that follows the pictures.
const RESOLUTION: &str = "data.resolution";

/// The kind of pictures that is assumed until they are read.
const COLOUR: PictureKind = PictureKind { channels: 3, classes: 0 };

pub fn train(arguments: &TrainArguments) -> Result<Outcome, Failure> {
    let begin = Begin::of(arguments)?;
    let mut config = settings(arguments, &begin)?;
    let folder = choose_folder(arguments)?;
    let device = block_on(device::open(arguments.device)).map_err(Failure::device)?;
    if let Some(reason) = &device.reason {
        eprintln!("training on the CPU: {reason}");
    }
    let mut measured = None;
    let data = if is_sized_by_pictures(arguments, &config) {
        let sized = sized_by_pictures(arguments, &config, &device)?;
        (config, measured) = (sized.config, sized.calibration);
        sized.data
    } else {
        load_data(arguments, &begin, Preparation::from(&config.data))?
    };
    report(&data);
    if is_sized_by_device(arguments, &config) {
        config = sized_by_device(arguments, &config, data.summary().kind(), &device, measured)?;
    }
    let backbone = backbone(&config)?;
    let backbone = backbone.as_ref();
    let (root, data) = (folder.unwrap_or_else(|| RunFolder::next_free(&config)), Arc::new(data));
    let on = device.clone();
    let (mut run, commands) = match &begin {
        Begin::New => Run::new(config, data, device, backbone),
        Begin::Resume(checkpoint) => Run::resume(checkpoint, config, data, device, backbone),
        Begin::From(checkpoint) => Run::warm_start(checkpoint, config, data, device, backbone),
    }
    .map_err(Failure::start)?;
    let judge = Cifar10::new(CIFAR10_WEIGHTS, &on.device).map_err(Failure::fault)?;
    run.judge_by(FeatureNetwork::Cifar10(judge));
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

/// What a run begins with.
enum Begin {
    /// New networks.
    New,
    /// The run that saved the checkpoint goes on.
    Resume(Checkpoint),
    /// A new run with the checkpoint's networks.
    From(Checkpoint),
}

impl Begin {
    fn of(arguments: &TrainArguments) -> Result<Self, Failure> {
        match (&arguments.resume, &arguments.from) {
            (Some(path), _) => read_checkpoint(path).map(Self::Resume),
            (None, Some(from)) if from.as_os_str() == STARTER => {
                let asked = with_options(arguments, recipes::DEFAULT.config())?;
                starter(asked.data.resolution).map(Self::From)
            }
            (None, Some(path)) => read_checkpoint(path).map(Self::From),
            (None, None) => Ok(Self::New),
        }
    }
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
fn settings(arguments: &TrainArguments, begin: &Begin) -> Result<ValidConfig, Failure> {
    let on = |base: &RunConfig| with_options(arguments, base.clone());
    let config = match begin {
        Begin::New => on(&recipe(arguments)?),
        Begin::Resume(checkpoint) => {
            let base = &checkpoint.meta.config;
            base.resumed(&on(base)?).map_err(Failure::input)
        }
        Begin::From(checkpoint) => {
            let base = &checkpoint.meta.config;
            base.warm_started(&on(base)?).map_err(Failure::input)
        }
    };
    config?.validate().map_err(Failure::input)
}

/// The settings of the recipe.
fn recipe(arguments: &TrainArguments) -> Result<RunConfig, Failure> {
    match &arguments.recipe {
        Some(name) => Ok(recipes::find(name).map_err(Failure::input)?.config()),
        None => Ok(recipes::DEFAULT.config()),
    }
}

/// Whether the networks are new ones.
fn is_new(arguments: &TrainArguments) -> bool {
    arguments.resume.is_none() && arguments.from.is_none()
}

/// Whether the pictures and the device decide about the resolution: unless the recipe is made for one, or an option sets it.
fn is_sized_by_pictures(arguments: &TrainArguments, config: &RunConfig) -> bool {
    let is_chosen = arguments.resolution.is_some() || is_set(&arguments.set, RESOLUTION);
    let is_fixed = recipes::find(&config.recipe).is_ok_and(recipes::Recipe::fixes_resolution);
    is_new(arguments) && !is_chosen && !is_fixed
}

/// What [`sized_by_pictures`] finds.
struct SizedByPictures {
    config: ValidConfig,
    data: Dataset,
    /// What was measured on the way.
    calibration: Option<Measured>,
}

/// A calibration, and the resolution that it was made at.
struct Measured {
    resolution: usize,
    calibration: Calibration,
}

/// The pictures at the resolution that suits them and the device, and the settings for it.
fn sized_by_pictures(
    arguments: &TrainArguments,
    config: &ValidConfig,
    device: &OpenDevice,
) -> Result<SizedByPictures, Failure> {
    let source = arguments.data.as_deref().unwrap_or(BUILTIN_DOGS);
    let mut calibration = None;
    // No processor is fast, and the built-in dogs are small.
    if source != BUILTIN_DOGS && !device.is_software {
        let mut at_64 = recipes::DEFAULT.config();
        at_64.set_resolution(64);
        calibration = Some(measure(&at_64, COLOUR, device)?);
    }
    let speed = calibration.as_ref().map_or(Speed::Slow, |measured| measured.calibration.speed);
    let (data, size) = read_sized(source, Preparation::from(&config.data), speed)?;
    eprintln!("resolution  {} Change it with --resolution.", size.reason);
    let config = at_resolution(arguments, recipe(arguments)?, size.resolution)?;
    let config = config.validate().map_err(Failure::input)?;
    Ok(SizedByPictures { config, data, calibration })
}

/// Times steps of networks of several sizes.
fn measure(config: &RunConfig, kind: PictureKind, device: &OpenDevice) -> Result<Measured, Failure> {
    eprintln!("measuring   how large a network suits this device");
    let backbone = backbone(config)?;
    let calibration = block_on(calibrate(config, kind, backbone.as_ref(), device)).map_err(Failure::start)?;
    Ok(Measured { resolution: config.data.resolution, calibration })
}

/// Whether the device decides about the size of the networks: for the default recipe, unless an option sets the size.
fn is_sized_by_device(arguments: &TrainArguments, config: &RunConfig) -> bool {
    const SIZE: [&str; 4] = ["model.generator_width", "model.discriminator_width", "model.blocks", "train.batch"];
    let says_nothing = arguments.batch.is_none() && !SIZE.iter().any(|field| is_set(&arguments.set, field));
    is_new(arguments) && config.recipe == recipes::DEFAULT.name && says_nothing
}

/// The settings in the size that suits the device at their resolution, and the options on top again.
fn sized_by_device(
    arguments: &TrainArguments,
    config: &ValidConfig,
    kind: PictureKind,
    device: &OpenDevice,
    measured: Option<Measured>,
) -> Result<ValidConfig, Failure> {
    let resolution = config.data.resolution;
    let Measured { calibration, .. } = match measured.filter(|measured| measured.resolution == resolution) {
        Some(measured) => measured,
        None => measure(config, kind, device)?,
    };
    eprintln!("size        {}; change it with --batch and --set model.generator_width=…", calibration.reason);
    let mut base = recipe(arguments)?;
    calibration.size.apply(&mut base);
    at_resolution(arguments, base, resolution)?.validate().map_err(Failure::input)
}

/// Applies the options to settings at another resolution, unless they set it themselves.
fn at_resolution(arguments: &TrainArguments, mut base: RunConfig, resolution: usize) -> Result<RunConfig, Failure> {
    base.set_resolution(resolution);
    with_options(arguments, base)
}

/// Applies the options: the named ones first, then `--set`.
fn with_options(arguments: &TrainArguments, mut config: RunConfig) -> Result<RunConfig, Failure> {
    if let Some(resolution) = arguments.resolution {
        config.set_resolution(resolution);
    }
    // The penalties follow the resolution before options set them.
    let resolution = arguments.set.iter().rfind(|assignment| is_set(std::slice::from_ref(assignment), RESOLUTION));
    if let Some(assignment) = resolution {
        let mut asked = config.clone();
        assign(&mut asked, std::slice::from_ref(assignment))?;
        config.set_resolution(asked.data.resolution);
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

/// `--out`, or the resumed run's own folder; none for a new one.
fn choose_folder(arguments: &TrainArguments) -> Result<Option<PathBuf>, Failure> {
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
            Ok(Some(out.clone()))
        }
        (None, resumed) => Ok(resumed),
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn load_data(arguments: &TrainArguments, begin: &Begin, preparation: Preparation) -> Result<Dataset, Failure> {
    let Some(data) = &arguments.data else {
        // A resumed run must not continue with other pictures by accident.
        if let Begin::Resume(checkpoint) = begin {
            expect_builtin(&checkpoint.meta.data)?;
        }
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
