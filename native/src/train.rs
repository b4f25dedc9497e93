//! `whelp train`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_lite::future::block_on;
use whelp::checkpoint::{Checkpoint, Meta};
use whelp::config::{Length, Resolution, RunConfig};
use whelp::data::{DataSummary, Dataset, PictureKind, Preparation, Speed};
use whelp::device::OpenDevice;
use whelp::features::{Cifar10, FeatureNetwork};
use whelp::protocol::{Event, FinishReason, Progress};
use whelp::recipes;
use whelp::run::{Calibration, Run, calibrate, check_sharing};
use whelp::validate::ValidConfig;

use crate::assets::{BUILTIN_DOGS, CIFAR10_WEIGHTS, STARTER, backbone, builtin_dogs, starter};
use crate::cli::TrainArguments;
use crate::control::Control;
use crate::data::{expect_builtin, is_set, judge, read_data, read_sized};
use crate::dry_run::Plan;
use crate::failure::{Failure, Outcome};
use crate::follow::{FrontEnd, Readers};
use crate::info::read_checkpoint;
use crate::lock::RunLock;
use crate::memory::{check_fit, explain_exhaustion};
use crate::output::{note, say};
use crate::reopen;
use crate::run_folder::{RunFolder, is_same};
use crate::serve;
use crate::signals::Signals;

/// The setting that follows the pictures.
const RESOLUTION: &str = "data.resolution";

/// The kind of pictures that is assumed until they are read.
const COLOUR: PictureKind = PictureKind { channels: 3, classes: 0 };

pub fn train(arguments: &TrainArguments) -> Result<Outcome, Failure> {
    explain_exhaustion()?;
    let server = serve::bind(arguments)?;
    let signals = Signals::listen(arguments.grace)?;
    let place = Place::of(arguments)?;
    let (begin, origin) = Begin::of(arguments, &place)?;
    let mut config = settings(arguments, &begin)?;
    if let Begin::Repeat(checkpoint) = &begin
        && let Some(reason) = why_complete(&checkpoint.meta, &config)
    {
        return say_complete(arguments, checkpoint, reason);
    }
    let device = reopen::open(&arguments.device)?;
    if let Some(reason) = &device.reason {
        note!("training on the CPU: {reason}");
    }
    let mut measured = None;
    let data = if is_sized_by_pictures(arguments, &begin, &config) {
        let sized = sized_by_pictures(arguments, &config, &device)?;
        (config, measured) = (sized.config, sized.calibration);
        sized.data
    } else {
        load_data(arguments, &begin, Preparation::from(&config.data))?
    };
    report(&data);
    if let (Begin::Repeat(checkpoint), Some(root)) = (&begin, &arguments.out) {
        check_same_pictures(checkpoint, data.summary(), root)?;
    }
    if is_sized_by_device(arguments, &begin, &config) {
        config = sized_by_device(arguments, &config, data.summary().kind(), &device, measured)?;
    }
    check_sharing(&config, device.count()).map_err(Failure::input)?;
    if device.is_cpu() {
        check_fit(&config, data.summary().kind(), device.count())?;
    }
    let backbone = backbone(&config)?;
    let backbone = backbone.as_ref();
    if arguments.dry_run {
        let (progress, begins) = begin.in_words();
        let (root, data, device) = (place.root.as_deref(), data.summary(), &device);
        return Plan { config: &config, progress, begins, root, data, backbone, device }.print(arguments.json);
    }
    judge(&data, &config, &device)?;
    let (settings, data, on) = (config.clone(), Arc::new(data), device.clone());
    let (mut run, commands) = match &begin {
        Begin::New => Run::new(config, data, device, backbone),
        Begin::Resume(checkpoint) | Begin::Repeat(checkpoint) => {
            Run::resume(checkpoint, config, data, device, backbone)
        }
        Begin::From(checkpoint) | Begin::FromStarter(checkpoint) => {
            Run::warm_start(checkpoint, config, data, device, backbone)
        }
    }
    .map_err(Failure::start)?;
    // It is as large as the networks with all that belongs to them.
    drop(begin);
    let judge = Cifar10::new(CIFAR10_WEIGHTS, &on.device).map_err(Failure::fault)?;
    if let (Some(root), true) = (&place.root, origin.is_some()) {
        let best = RunFolder::best_of(root).and_then(|best| read_checkpoint(&best).ok());
        run.best_is(best.as_ref());
    }
    run.judge_by(FeatureNetwork::Cifar10(judge));
    let root = place.root.map_or_else(|| RunFolder::create_next(&settings), Ok)?;
    let folder = RunFolder::open(&root, place.lock, origin)?;
    // Until the end of the run, which those who watch are told.
    let served = server.map(|server| serve::show(server, &root, arguments.token)).transpose()?;
    let control = Arc::new(Control::new(&root, &settings));
    signals.tell(commands.clone(), control.clone());
    let readers = match (arguments.json, arguments.plain) {
        (true, _) => Readers::Programs,
        (false, true) => Readers::PeopleOfLines,
        (false, false) => Readers::People,
    };
    let link = served.as_ref().map(|served| served.link.clone());
    match (FrontEnd { folder, readers, link, commands, control: &control, signals: &signals }).follow(run) {
        Err(Failure::DeviceLost(message)) => {
            // The program that takes this one's place wants the same address.
            let served_at = served.map(|served| served.at);
            let ended = format!(
                "{message}. The run was to end, so it is not begun again. It ended without a last checkpoint; the one before it stays \
                 valid"
            );
            Err(match signals.outcome() {
                Some(outcome) => Failure::Unsaved { outcome, message: ended },
                None if control.is_to_stop() => Failure::Fault(ended),
                None => reopen::again(&root, arguments.resume.is_some(), served_at.as_deref(), &message),
            })
        }
        ended => ended,
    }
}

/// Where a run's files are to lie.
struct Place {
    /// `--out`, or the resumed run's own folder; none for a new folder in `runs/`.
    root: Option<PathBuf>,
    /// Whether there is a run already.
    is_used: bool,
    /// Its lock: nobody else changes its files while they are read. A dry run needs none.
    lock: Option<RunLock>,
}

impl Place {
    fn of(arguments: &TrainArguments) -> Result<Self, Failure> {
        let resumed = arguments.resume.as_deref();
        let own =
            resumed.and_then(|path| if path.is_dir() { Some(path.to_owned()) } else { RunFolder::of_checkpoint(path) });
        let root = arguments.out.clone().or_else(|| own.clone());
        let Some(used) = root.as_ref().filter(|root| RunFolder::is_used(root)) else {
            return Ok(Self { root, is_used: false, lock: None });
        };
        if resumed.is_some() && !own.is_some_and(|own| is_same(&own, used)) {
            return Err(Failure::Input(format!(
                "{0} already holds another run; go on with that one (--out {0} without --resume) or choose another --out",
                used.display()
            )));
        }
        let lock = if arguments.dry_run { None } else { Some(RunLock::take(used)?) };
        if lock.is_some() {
            // From now on requests are for this run, which hears of them once it trains.
            Control::forget_requests(used);
        }
        Ok(Self { root, is_used: true, lock })
    }
}

/// What a run begins with.
enum Begin {
    /// New networks.
    New,
    /// The run that saved the checkpoint goes on, as `--resume` asks.
    Resume(Checkpoint),
    /// The run in the folder goes on, because the command that began it was given again.
    Repeat(Checkpoint),
    /// A new run with the checkpoint's networks.
    From(Checkpoint),
    /// A new run with the networks of the starter, which are for any pictures.
    FromStarter(Checkpoint),
}

impl Begin {
    /// With the checkpoint's step, if it lies in the run's own folder.
    fn of(arguments: &TrainArguments, place: &Place) -> Result<(Self, Option<u64>), Failure> {
        let step = |checkpoint: &Checkpoint| place.is_used.then_some(checkpoint.meta.progress.step);
        if let Some(path) = &arguments.resume {
            let checkpoint = read_checkpoint(path)?;
            // Before the pictures are read, which may take minutes.
            checkpoint.check_complete().map_err(|error| {
                Failure::Input(format!("{0}: {error}. --from {0} begins a new run with its networks", path.display()))
            })?;
            let origin = step(&checkpoint);
            return Ok((Self::Resume(checkpoint), origin));
        }
        if let (Some(root), true) = (&place.root, place.is_used)
            && let Some(checkpoint) = RunFolder::newest(root)?
        {
            if let Some(from) = &arguments.from {
                note!(
                    "note        {} goes on with its own networks; --from {} counts for a new run alone",
                    root.display(),
                    from.display()
                );
            }
            let origin = step(&checkpoint);
            return Ok((Self::Repeat(checkpoint), origin));
        }
        let begin = match &arguments.from {
            Some(from) if from.as_os_str() == STARTER => {
                let asked = with_options(arguments, recipes::DEFAULT.config())?;
                starter(asked.data.resolution).map(Self::FromStarter)?
            }
            Some(path) => read_checkpoint(path).map(Self::From)?,
            None => Self::New,
        };
        Ok((begin, None))
    }

    /// How far the run is before its first step, and what it begins with.
    fn in_words(&self) -> (Progress, &'static str) {
        match self {
            Self::New => (Progress::default(), "with new networks"),
            Self::From(_) | Self::FromStarter(_) => (Progress::default(), "with the networks of another run"),
            Self::Resume(checkpoint) | Self::Repeat(checkpoint) => {
                (checkpoint.meta.progress.clone(), "from its newest checkpoint")
            }
        }
    }

    /// Whether the networks are new ones.
    fn is_new(&self) -> bool {
        matches!(self, Self::New)
    }
}

/// Why a run with these settings does not go on; none if it does.
fn why_complete(meta: &Meta, config: &RunConfig) -> Option<FinishReason> {
    let is_stalled = |most| meta.scored.as_ref().is_some_and(|scored| scored.stalled >= most);
    if config.train.length.is_reached(&meta.progress.counts()) {
        Some(FinishReason::Completed)
    } else {
        config.train.stop_when_stalled.is_some_and(is_stalled).then_some(FinishReason::Stalled)
    }
}

/// A run that was complete when its command was given again.
fn say_complete(arguments: &TrainArguments, checkpoint: &Checkpoint, reason: FinishReason) -> Result<Outcome, Failure> {
    let progress = checkpoint.meta.progress.clone();
    let step = progress.step;
    let more = match reason {
        FinishReason::Stalled => {
            "its scores got no better. For more, let it stall for longer: --set train.stop_when_stalled=null".to_owned()
        }
        FinishReason::Completed | FinishReason::Stopped => {
            format!("as long as it was to be. For more, give a greater length, such as --steps {}", 2 * step)
        }
    };
    let data = &checkpoint.meta.data;
    note!(
        "done        the run was complete already, after {step} steps on {} ({} of them): {more}",
        data.name,
        data.count
    );
    if arguments.json {
        let event = Event::Finished { reason, progress };
        say!("{}", serde_json::to_string(&event).map_err(Failure::fault)?);
    }
    Ok(Outcome::Done)
}

/// A command that is given again must not train the run of another one on its pictures.
fn check_same_pictures(checkpoint: &Checkpoint, found: &DataSummary, root: &Path) -> Result<(), Failure> {
    let origin = &checkpoint.meta.data;
    if origin.is_unknown() || origin.fingerprint == found.fingerprint {
        return Ok(());
    }
    Err(Failure::Input(format!(
        "{0} holds a run that was trained on other pictures ({1}, {2} of them) than these ({3}, {4}). To go on with these, say \
         --resume {0} instead of --out {0}; for a new run, choose another --out",
        root.display(),
        origin.name,
        origin.count,
        found.name,
        found.count
    )))
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
        Begin::Repeat(checkpoint) => {
            let base = &checkpoint.meta.config;
            let mut asked = on(base)?;
            if arguments.recipe.is_some() {
                asked.recipe = recipe(arguments)?.recipe;
            }
            if base.is_slower_than(&asked, |path| is_set(&arguments.set, path)) {
                note!(
                    "rates       they stay at {} and {}, a half or a quarter of this command's, as after a run went back; to set others, say \
                     --resume",
                    base.train.generator_lr,
                    base.train.discriminator_lr
                );
                asked.copy_learning_rates(base);
            }
            base.resumed(&asked).map_err(|error| {
                let root = arguments.out.as_deref().unwrap_or(Path::new("")).display();
                Failure::Input(format!("{root} holds a run with other settings: {error} in another folder (--out)"))
            })
        }
        Begin::From(checkpoint) | Begin::FromStarter(checkpoint) => {
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

/// Whether the pictures and the device decide about the resolution: unless the recipe is made for one, or an option sets it.
fn is_sized_by_pictures(arguments: &TrainArguments, begin: &Begin, config: &RunConfig) -> bool {
    let is_chosen = arguments.resolution.is_some() || is_set(&arguments.set, RESOLUTION);
    let is_fixed = recipes::find(&config.recipe).is_ok_and(recipes::Recipe::fixes_resolution);
    begin.is_new() && !is_chosen && !is_fixed
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
    resolution: Resolution,
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
    note!("resolution  {} Change it with --resolution.", size.reason);
    let config = at_resolution(arguments, recipe(arguments)?, size.resolution)?;
    let config = config.validate().map_err(Failure::input)?;
    Ok(SizedByPictures { config, data, calibration })
}

/// Times steps of networks of several sizes.
fn measure(config: &RunConfig, kind: PictureKind, device: &OpenDevice) -> Result<Measured, Failure> {
    note!("measuring   how large a network suits this device");
    let backbone = backbone(config)?;
    let calibration = block_on(calibrate(config, kind, backbone.as_ref(), device)).map_err(Failure::start)?;
    Ok(Measured { resolution: config.data.resolution, calibration })
}

/// Whether the device decides about the size of the networks: for the default recipe, unless an option sets the size.
fn is_sized_by_device(arguments: &TrainArguments, begin: &Begin, config: &RunConfig) -> bool {
    const SIZE: [&str; 4] = ["model.generator_width", "model.discriminator_width", "model.blocks", "train.batch"];
    let says_nothing = arguments.batch.is_none() && !SIZE.iter().any(|field| is_set(&arguments.set, field));
    begin.is_new() && config.recipe == recipes::DEFAULT.name && says_nothing
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
    note!("size        {}; change it with --batch and --set model.generator_width=…", calibration.reason);
    let mut base = recipe(arguments)?;
    calibration.size.apply(&mut base);
    at_resolution(arguments, base, resolution)?.validate().map_err(Failure::input)
}

/// Applies the options to settings at another resolution, unless they set it themselves.
fn at_resolution(
    arguments: &TrainArguments,
    mut base: RunConfig,
    resolution: Resolution,
) -> Result<RunConfig, Failure> {
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

fn load_data(arguments: &TrainArguments, begin: &Begin, preparation: Preparation) -> Result<Dataset, Failure> {
    let Some(data) = &arguments.data else {
        // A run must not go on, nor another begin with its networks, with other pictures by accident.
        if let Begin::Resume(checkpoint) | Begin::Repeat(checkpoint) | Begin::From(checkpoint) = begin {
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
        note!("note        {note}");
    }
    let report = data.report();
    if report.flagged_count > 0 && !report.excludes_flagged {
        let list = report.flags_in_words();
        note!("flagged     {list}: `whelp data check` names them, --exclude-flagged leaves them out");
    }
    if summary.skipped_count == 0 {
        return;
    }
    note!("left out    {} files that can't be used:", summary.skipped_count);
    for skipped in summary.skipped.iter().take(SHOWN) {
        note!("            {}: {}", skipped.name, skipped.reason);
    }
    if summary.skipped_count > SHOWN {
        note!("            and {} more", summary.skipped_count - SHOWN);
    }
}
