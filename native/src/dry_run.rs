//! `whelp train --dry-run`: what would run, and how long it would take.

use std::path::Path;

use futures_lite::future::block_on;
use serde::Serialize;
use whelp::config::{Counts, Length, RunConfig};
use whelp::data::{DataSummary, held_out};
use whelp::device::OpenDevice;
use whelp::features::Pretrained;
use whelp::models::layers::count_parameters;
use whelp::models::network_layers;
use whelp::ops::Convolutions;
use whelp::protocol::Progress;
use whelp::run::profile;
use whelp::train::step_bytes;
use whelp::validate::ValidConfig;

use crate::display::{pictures, time};
use crate::failure::{Failure, Outcome};
use crate::output::{note, say};

/// Steps of the trial, after a first one that compiles kernels.
const STEPS: usize = 3;

/// A run that does not take place.
pub struct Plan<'a> {
    pub config: &'a ValidConfig,
    /// Where it would begin.
    pub progress: Progress,
    /// What it would begin with, in words.
    pub begins: &'static str,
    /// None for a new folder in `runs/`.
    pub root: Option<&'a Path>,
    pub data: &'a DataSummary,
    pub backbone: Option<&'a Pretrained>,
    pub device: &'a OpenDevice,
}

/// What is printed.
#[derive(Serialize)]
struct Report<'a> {
    folder: Option<String>,
    begins: &'a str,
    step: u64,
    device: &'a str,
    pictures: &'a DataSummary,
    generator_parameters: usize,
    discriminator_parameters: usize,
    /// How many share each batch.
    devices: usize,
    /// About what a step needs on each device, without the pictures and the program.
    memory_bytes: usize,
    /// Without what several devices exchange, here and below.
    step_secs: f64,
    images_per_sec: f64,
    /// Seconds to the end; none without an end.
    remaining_secs: Option<f64>,
    config: &'a RunConfig,
}

impl Plan<'_> {
    /// Tries a few steps and prints what is to be expected. Nothing is written.
    ///
    /// # Errors
    /// Those of a run that can't start.
    pub fn print(&self, json: bool) -> Result<Outcome, Failure> {
        let Self { config, data, device, .. } = *self;
        note!("measuring   a few steps");
        let kind = data.kind();
        // Of several devices the first, with its part of the batch.
        let devices = device.count();
        let mut own = RunConfig::clone(config);
        own.train.batch /= devices;
        let trial = profile(&own, kind, self.backbone, device, STEPS, Convolutions::WHELP);
        let trial = block_on(trial).map_err(Failure::start)?;
        // The processor does the parts of all one after the other, whatever it is named.
        let (slower, faster) = if device.is_cpu() { (devices, 1) } else { (1, devices) };
        let (step_secs, images_per_sec) = (trial.step_secs * slower as f64, trial.images_per_sec * faster as f64);
        let [generator_parameters, discriminator_parameters] =
            network_layers(config, kind).map(|layers| count_parameters(&layers));
        let report = Report {
            folder: self.root.map(|root| root.display().to_string()),
            begins: self.begins,
            step: self.progress.step,
            device: &device.description,
            pictures: data,
            generator_parameters,
            discriminator_parameters,
            devices,
            memory_bytes: step_bytes(&own, kind),
            step_secs,
            images_per_sec,
            remaining_secs: self.remaining_secs(images_per_sec),
            config,
        };
        if json {
            say!("{}", serde_json::to_string(&report).map_err(Failure::fault)?);
        } else {
            report.print()?;
        }
        Ok(Outcome::Done)
    }

    /// By the speed of the trial.
    fn remaining_secs(&self, images_per_sec: f64) -> Option<f64> {
        let length = self.config.train.length;
        let counts = self.progress.counts();
        if counts.nimg > 0 || matches!(length, Length::Seconds(_)) {
            return length.remaining_secs(&counts, images_per_sec);
        }
        // Of a run that has not begun, its first step tells how the unit of its length is counted.
        let (count, batch) = (self.data.count, self.config.train.batch as u64);
        let shown = count - held_out(count, self.config.data.validation);
        let first = Counts { step: 1, nimg: batch, epoch: batch as f64 / shown.max(1) as f64, elapsed_secs: 0.0 };
        Some(batch as f64 / images_per_sec + length.remaining_secs(&first, images_per_sec)?)
    }
}

impl Report<'_> {
    fn print(&self) -> Result<(), Failure> {
        let RunConfig { train, .. } = self.config;
        say!("run         {}, {}", self.folder.as_deref().unwrap_or("a new folder in runs"), self.begins);
        say!("device      {}", self.device);
        say!("pictures    {}", pictures(self.pictures));
        say!(
            "networks    {}: generator {:.2} M, discriminator {:.2} M parameters",
            self.config.recipe,
            self.generator_parameters as f64 / 1e6,
            self.discriminator_parameters as f64 / 1e6
        );
        let is_shared = self.devices > 1;
        say!(
            "memory      about {} MB for a step{}, without the pictures and the program",
            self.memory_bytes.div_ceil(1_000_000),
            if is_shared { " on each device" } else { "" }
        );
        say!(
            "speed       {:.4} s a step of {} pictures, {:.1} img/s{}",
            self.step_secs,
            train.batch,
            self.images_per_sec,
            if is_shared { ", without what the devices exchange" } else { "" }
        );
        match self.remaining_secs {
            Some(secs) => {
                say!("time        about {} for {}, without samples and checkpoints", time(secs), train.length)
            }
            None => say!("time        until it is stopped"),
        }
        say!("settings    {}", serde_json::to_string_pretty(self.config).map_err(Failure::fault)?);
        Ok(())
    }
}
