//! `whelp profile`.

use futures_lite::future::block_on;
use indicatif::HumanBytes;
use serde::Serialize;
use whelp::config::RunConfig;
use whelp::data::PictureKind;
use whelp::device::{self, OpenDevice};
use whelp::ops::Convolutions;
use whelp::recipes;
use whelp::run::{self, ConvolutionSpeed, Profile};

use crate::assets::backbone;
use crate::cli::ProfileArguments;
use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::train::assign;

/// The kind of pictures that the steps are made with.
const RGB: PictureKind = PictureKind { channels: 3, classes: 0 };

/// The profile of a recipe.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    profile: Profile,
    /// Memory of this program, without a graphics device's own memory.
    peak_memory_bytes: Option<u64>,
}

pub fn profile(arguments: &ProfileArguments) -> Result<Outcome, Failure> {
    let mut config = recipes::find(&arguments.recipe).map_err(Failure::input)?.config();
    if let Some(batch) = arguments.batch {
        config.train.batch = batch;
    }
    assign(&mut config, &arguments.set)?;
    let config = config.validate().map_err(Failure::input)?;
    let device = block_on(device::open(arguments.device.clone())).map_err(Failure::device)?;
    let kernels = if arguments.burn_convolutions { Convolutions::BURN } else { Convolutions::WHELP };
    if arguments.convolutions {
        return convolutions(&config, &device, kernels, arguments.json);
    }
    if arguments.burn_convolutions && device.device == device::cpu() {
        return Err(Failure::input(
            "--burn-convolutions compares whole steps on graphics devices, but this is the CPU. \
             Use --device wgpu, add --convolutions to compare single convolutions, or leave the option out",
        ));
    }
    let backbone = backbone(&config)?;
    let profile = run::profile(&config, RGB, backbone.as_ref(), &device, arguments.steps as usize, kernels);
    let profile = block_on(profile).map_err(Failure::start)?;
    let report = Report { profile, peak_memory_bytes: peak_memory_bytes() };
    if arguments.json {
        say!("{}", serde_json::to_string(&report).map_err(Failure::fault)?);
        return Ok(Outcome::Done);
    }
    let Report { profile, peak_memory_bytes } = report;
    let Profile { first_step_secs, step_secs, images_per_sec, launches } = &profile;
    let (width, batch) = (config.model.generator_width, config.train.batch);
    say!("recipe      {} of width {width}, batch {batch}", config.recipe);
    say!("device      {}", device.description);
    say!("first step  {first_step_secs:.3} s");
    say!("step        {step_secs:.4} s, {images_per_sec:.1} images per second (median of {})", arguments.steps);
    if let Some(bytes) = peak_memory_bytes {
        say!("memory      {} at most", HumanBytes(bytes));
    }
    if launches.is_empty() {
        return Ok(Outcome::Done);
    }
    say!("launches    {} per step", profile.total_launches());
    let mut launches: Vec<_> = launches.iter().collect();
    launches.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (kernel, count) in launches {
        say!("{count:>10}  {kernel}");
    }
    Ok(Outcome::Done)
}

/// The most memory that this program has used so far, where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kib.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn convolutions(
    config: &RunConfig,
    device: &OpenDevice,
    kernels: Convolutions,
    json: bool,
) -> Result<Outcome, Failure> {
    let (width, batch) = (config.model.discriminator_width, config.train.batch);
    let speeds = run::profile_convolutions(width, batch, &device.device, kernels).map_err(Failure::device)?;
    if json {
        say!("{}", serde_json::to_string(&speeds).map_err(Failure::fault)?);
        return Ok(Outcome::Done);
    }
    say!("GFLOP/s on {}", device.description);
    say!(
        "{:>18}  {:>16}  {:>6}  {:>9}  {:>8}  {:>14}  {:>15}",
        "input",
        "weight",
        "stride",
        "FLOP/byte",
        "forward",
        "input gradient",
        "weight gradient"
    );
    let shape = |shape: [usize; 4]| shape.map(|length| length.to_string()).join("x");
    for speed in speeds {
        let ConvolutionSpeed { stride, flop_per_byte, forward, input_gradient, weight_gradient, .. } = speed;
        let (input, weight) = (shape(speed.input), shape(speed.weight));
        say!(
            "{input:>18}  {weight:>16}  {stride:>6}  {flop_per_byte:>9.1}  {forward:>8.1}  {input_gradient:>14.1}  \
             {weight_gradient:>15.1}"
        );
    }
    Ok(Outcome::Done)
}
