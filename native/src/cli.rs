//! The command line, as its help shows it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};
use whelp::device::DeviceChoice;

/// Grows pictures of dogs, or of any folder of pictures, with a GAN.
#[derive(Debug, Parser)]
#[command(name = "whelp", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Train on a folder or an archive of pictures, or on the built-in dogs
    Train(TrainArguments),
    /// Draw pictures with a trained checkpoint
    Generate(GenerateArguments),
    /// Make a checkpoint of networks that PyTorch saved
    Import(ImportArguments),
    /// Make a small checkpoint that can only be drawn with, to share
    Export(ExportArguments),
    /// Tell what a checkpoint holds
    Info(InfoArguments),
    /// List the named recipes
    Recipes,
    /// Tell what a training step costs on a device: time, and kernels launched
    Profile(ProfileArguments),
    /// Serve the page to browsers on this machine
    Serve(ServeArguments),
    /// Look at pictures before training
    #[command(subcommand)]
    Data(DataSubcommand),
}

#[derive(Debug, clap::Subcommand)]
pub enum DataSubcommand {
    /// Tell what is in a folder or an archive, what cannot be used and why, what is doubtful, and what to do
    Check(CheckArguments),
    /// List the prepared pictures that are kept so that the next start is immediate
    Cache(CacheArguments),
}

#[derive(Args, Debug)]
pub struct CacheArguments {
    /// Remove them
    #[arg(long)]
    pub clear: bool,
}

#[derive(Args, Debug)]
pub struct CheckArguments {
    /// Folder, zip or tar archive, picture or idx file, or builtin:dogs
    #[arg(value_name = "PATH|builtin:dogs")]
    pub path: String,
    /// Side that the pictures are to have, in pixels: 28, 32, 64 or 128
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub resolution: usize,
    /// Set any field of data, e.g. data.framing=pad
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// See what is left without the flagged pictures
    #[arg(long)]
    pub exclude_flagged: bool,
    /// Write a contact sheet of the prepared pictures
    #[arg(long, value_name = "FILE.png")]
    pub sheet: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct TrainArguments {
    /// Folder, zip or tar archive, picture or idx file to train on, or builtin:dogs [default: builtin:dogs, or what --resume was trained on]
    #[arg(long, value_name = "PATH|builtin:dogs")]
    pub data: Option<String>,
    /// Leave out what `whelp data check` flags: duplicates, small, blank and very long pictures, grey among coloured
    #[arg(long)]
    pub exclude_flagged: bool,
    /// Named recipe to start from (see `whelp recipes`) [default: r3gan, sized for the device]
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    pub recipe: Option<String>,
    /// Folder for this run's files [default: a new one in runs/, or the resumed run's]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Side of the pictures in pixels: 28, 32, 64 or 128
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub resolution: Option<usize>,
    /// Pictures a step
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Train this many steps in all
    #[arg(long, value_name = "N", group = "length")]
    pub steps: Option<u64>,
    /// Train this many passes through the pictures in all
    #[arg(long, value_name = "N", group = "length")]
    pub epochs: Option<u64>,
    /// Train this many thousand images in all
    #[arg(long, value_name = "K", group = "length")]
    pub kimg: Option<u64>,
    /// Train this long in all, e.g. 30m, 2h or 1h30m
    #[arg(long, value_name = "TIME", group = "length", value_parser = parse_duration)]
    pub time: Option<Duration>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "S", conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// What computes
    #[arg(long, value_name = "auto|cpu|wgpu|vulkan|cuda[:i]", default_value = "auto")]
    pub device: DeviceChoice,
    /// Checkpoint, or folder of a run, to go on from
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Set any field of the configuration, e.g. train.generator_lr=1e-4
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print one event per line as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct GenerateArguments {
    /// Checkpoint, or folder of a run, to draw with
    #[arg(long, value_name = "FILE")]
    pub checkpoint: PathBuf,
    /// How many pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
    /// A folder or a .zip for single pictures, or a .png for one grid
    #[arg(long, value_name = "DIR|FILE.zip|FILE.png")]
    pub out: PathBuf,
    /// Seed of the latents; the same seed draws the same pictures in the page
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Scales the latents: below 1, more typical and less varied pictures
    #[arg(long, value_name = "PSI", default_value_t = 1.0)]
    pub truncation: f64,
    /// Class to draw, for checkpoints that know classes
    #[arg(long, value_name = "C")]
    pub class: Option<String>,
    /// What computes
    #[arg(long, value_name = "auto|cpu|wgpu|vulkan|cuda[:i]", default_value = "auto")]
    pub device: DeviceChoice,
}

#[derive(Args, Debug)]
pub struct ProfileArguments {
    /// Named recipe (see `whelp recipes`)
    #[arg(long, value_name = "NAME", default_value = "r3gan-small")]
    pub recipe: String,
    /// Pictures a step
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Steps to measure, after a first one
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub steps: u32,
    /// What computes
    #[arg(long, value_name = "auto|cpu|wgpu|vulkan|cuda[:i]", default_value = "auto")]
    pub device: DeviceChoice,
    /// Set any field of the configuration, e.g. model.generator_width=32
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Tell how fast each of the convolutions of DCGAN for 64 pixels is instead, at the recipe's width and batch
    #[arg(long)]
    pub convolutions: bool,
    /// Compute convolutions on graphics devices with burn's kernels, for comparison
    #[arg(long)]
    pub burn_convolutions: bool,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ServeArguments {
    /// Port; 0 takes any that is free
    #[arg(long, value_name = "P", default_value_t = 8080)]
    pub port: u16,
    /// Folder of the built page [default: the page in this program]
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ImportArguments {
    /// State dict of the PyTorch DCGAN tutorial's generator, or of both networks
    #[arg(value_name = "FILE.pth|FILE.safetensors")]
    pub file: PathBuf,
    /// Checkpoint to write
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: PathBuf,
    /// State dict of the discriminator [default: the one in FILE, else a new one]
    #[arg(long, value_name = "FILE.pth|FILE.safetensors")]
    pub discriminator: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ExportArguments {
    /// Checkpoint, or folder of a run
    #[arg(value_name = "FILE")]
    pub checkpoint: PathBuf,
    /// Checkpoint to write
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: PathBuf,
}

#[derive(Args, Debug)]
pub struct InfoArguments {
    /// Checkpoint, or folder of a run
    pub file: PathBuf,
    /// Print the checkpoint's description as JSON
    #[arg(long)]
    pub json: bool,
}

/// `90s`, `30m`, `2h`, `1d`, or several of them in a row.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("{text:?} is not a time; write for example 90s, 30m, 2h or 1h30m");
    let mut secs = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
        let count: u64 = rest[..unit].parse().map_err(|_| malformed())?;
        let factor = match rest.as_bytes()[unit] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            _ => return Err(malformed()),
        };
        secs = count.checked_mul(factor).and_then(|s| secs.checked_add(s)).ok_or_else(malformed)?;
        rest = &rest[unit + 1..];
    }
    if secs == 0 { Err(malformed()) } else { Ok(Duration::from_secs(secs)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_and_nonsense_is_refused() {
        let secs = |text| parse_duration(text).map(|d| d.as_secs());
        assert_eq!(secs("30m"), Ok(1800));
        assert_eq!(secs("1h30m"), Ok(5400));
        assert_eq!(secs("90s"), Ok(90));
        for nonsense in ["", "30", "m", "5x", "0s", "-1m", "99999999999999999999d", "1é"] {
            assert!(secs(nonsense).is_err(), "{nonsense}");
        }
    }
}
