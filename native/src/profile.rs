//! `whelp profile`.

use futures_lite::future::block_on;
use whelp::config::RunConfig;
use whelp::device::{self, OpenDevice};
use whelp::protocol::PictureKind;
use whelp::recipes;
use whelp::run::{self, ConvolutionSpeed, Profile};

use crate::cli::ProfileArguments;
use crate::failure::{Failure, Outcome};
use crate::train::assign;

/// Of the pictures that the steps are made with.
const RGB: PictureKind = PictureKind { channels: 3, classes: 0 };

pub fn profile(arguments: &ProfileArguments) -> Result<Outcome, Failure> {
    let mut config = recipes::find(&arguments.recipe).map_err(Failure::input)?.config();
    if let Some(batch) = arguments.batch {
        config.train.batch = batch;
    }
    assign(&mut config, &arguments.set)?;
    let config = config.validate().map_err(Failure::input)?;
    let device = block_on(device::open(arguments.device)).map_err(Failure::input)?;
    if arguments.convolutions {
        return convolutions(&config, &device, arguments.json);
    }
    let profile = block_on(run::profile(&config, RGB, &device, arguments.steps as usize)).map_err(Failure::fault)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&profile).map_err(Failure::fault)?);
        return Ok(Outcome::Done);
    }
    let Profile { first_step_secs, step_secs, images_per_sec, launches } = &profile;
    let (width, batch) = (config.model.generator_width, config.train.batch);
    println!("recipe      {} of width {width}, batch {batch}", config.recipe);
    println!("device      {}", device.description);
    println!("first step  {first_step_secs:.3} s");
    println!("step        {step_secs:.4} s, {images_per_sec:.1} images a second (median of {})", arguments.steps);
    if launches.is_empty() {
        return Ok(Outcome::Done);
    }
    println!("launches    {} a step", profile.total_launches());
    let mut launches: Vec<_> = launches.iter().collect();
    launches.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (kernel, count) in launches {
        println!("{count:>10}  {kernel}");
    }
    Ok(Outcome::Done)
}

fn convolutions(config: &RunConfig, device: &OpenDevice, json: bool) -> Result<Outcome, Failure> {
    let (width, batch) = (config.model.discriminator_width, config.train.batch);
    let speeds = run::profile_convolutions(width, batch, &device.device).map_err(Failure::fault)?;
    if json {
        println!("{}", serde_json::to_string(&speeds).map_err(Failure::fault)?);
        return Ok(Outcome::Done);
    }
    println!("GFLOP/s on {}", device.description);
    println!(
        "{:>18}  {:>16}  {:>8}  {:>14}  {:>15}",
        "input", "weight", "forward", "input gradient", "weight gradient"
    );
    let shape = |shape: [usize; 4]| shape.map(|length| length.to_string()).join("x");
    for ConvolutionSpeed { input, weight, forward, input_gradient, weight_gradient } in speeds {
        let (input, weight) = (shape(input), shape(weight));
        println!("{input:>18}  {weight:>16}  {forward:>8.1}  {input_gradient:>14.1}  {weight_gradient:>15.1}");
    }
    Ok(Outcome::Done)
}
