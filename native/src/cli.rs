//! The command line, as its help shows it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use whelp::config::{NotAResolution, Resolution};
use whelp::device::DeviceChoice;
use whelp::features::NetworkChoice;

/// Trains a GAN that draws dogs, or pictures like those in a folder of yours.
#[derive(Debug, Parser)]
#[command(name = "whelp", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Train on the built-in dogs, or on your own folder or archive of pictures
    Train(TrainArguments),
    /// Ask a run that is being trained to save, pause, go on, stop or draw
    Ctl(ControlArguments),
    /// Draw pictures with a checkpoint
    Generate(GenerateArguments),
    /// Compare a checkpoint's pictures, or any, with real ones
    Evaluate(EvaluateArguments),
    /// Convert networks saved by PyTorch into a checkpoint
    Import(ImportArguments),
    /// Share a generator: as a small checkpoint, as ONNX, or as a page that draws by itself
    Export(ExportArguments),
    /// Write a model card beside a checkpoint
    Card(CardArguments),
    /// Describe a checkpoint
    Info(InfoArguments),
    /// List the recipes
    Recipes,
    /// Measure a training step on a device: its time, and the kernels that it launches
    Profile(ProfileArguments),
    /// Serve the page to browsers on this machine, or runs to watch in it
    Serve(ServeArguments),
    /// Check pictures before training, and list the prepared ones
    #[command(subcommand)]
    Data(DataSubcommand),
    /// List what can be trained on
    Devices(DevicesArguments),
    /// Print a script that completes this program's words in a shell
    Completions(CompletionsArguments),
    /// Print the manual page
    Man(ManArguments),
}

#[derive(Debug, clap::Subcommand)]
pub enum DataSubcommand {
    /// Check a folder or an archive: what cannot be used and why, what is doubtful, and what to do
    Check(CheckArguments),
    /// List the prepared pictures that are kept for the next start
    Cache(CacheArguments),
}

#[derive(Args, Debug)]
pub struct CacheArguments {
    /// Delete them
    #[arg(long)]
    pub clear: bool,
}

#[derive(Args, Debug)]
pub struct CheckArguments {
    /// Folder, zip or tar archive, picture, idx file, or builtin:dogs
    #[arg(value_name = "PATH|builtin:dogs")]
    pub path: String,
    /// Resolution of the prepared pictures in pixels: 28, 32, 64, 128 or 256, or width and height, such as 64x96 [default: by the pictures]
    #[arg(long, value_name = "N|WxH")]
    pub resolution: Option<Resolution>,
    /// Set a field of the data section, e.g. data.framing=pad
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Leave out the flagged pictures
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
    /// What to train on: folder, zip or tar archive, picture, idx file, or builtin:dogs [default: builtin:dogs; required to resume a run that was trained on anything else]
    #[arg(long, value_name = "PATH|builtin:dogs")]
    pub data: Option<String>,
    /// Leave out what `whelp data check` flags: duplicates, small, blank or very long pictures, grey ones among coloured
    #[arg(long)]
    pub exclude_flagged: bool,
    /// Recipe to start from (see `whelp recipes`) [default: projected, sized for the device]
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    pub recipe: Option<String>,
    /// Folder for the run's files; a run that is there goes on, so the same command can be given again [default: a new folder in runs/, or the resumed run's folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Resolution of the pictures in pixels: 28, 32, 64, 128 or 256, or width and height, such as 64x96 [default: the recipe's, or by the pictures and the device]
    #[arg(long, value_name = "N|WxH", conflicts_with = "resume")]
    pub resolution: Option<Resolution>,
    /// Pictures per step
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Stop after N steps in total, counted from the very first
    #[arg(long, value_name = "N", group = "length")]
    pub steps: Option<u64>,
    /// Stop after N passes through the pictures in total
    #[arg(long, value_name = "N", group = "length")]
    pub epochs: Option<u64>,
    /// Stop after K thousand pictures in total
    #[arg(long, value_name = "K", group = "length")]
    pub kimg: Option<u64>,
    /// Stop after this much training time in total, e.g. 30m, 2h or 1h30m
    #[arg(long, value_name = "TIME", group = "length", value_parser = parse_duration)]
    pub time: Option<Duration>,
    /// Random seed [default: 0]
    #[arg(long, value_name = "S", conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// Device to train on: see `whelp devices`; of several adapters, the number or a part of the name, such as vulkan:1 or wgpu:radeon; several devices of one kind with commas between them share each batch, such as cuda:0,cuda:1
    #[arg(long, value_name = "auto|cpu|wgpu[:i]|vulkan[:i]|cuda[:i]", default_value = "auto")]
    pub device: DeviceChoice,
    /// Checkpoint or run folder to continue from, also with other pictures or from an older checkpoint
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Start a new run with the networks of a checkpoint, or of the starter, which draws dogs; R3GAN's networks also at two or four times their resolution (--resolution)
    #[arg(long, value_name = "starter|FILE", conflicts_with_all = ["resume", "recipe"])]
    pub from: Option<PathBuf>,
    /// Set any field of the configuration, e.g. train.generator_lr=1e-4 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print every event as a line of JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Print lines in a terminal too, in place of the screen with charts, samples and keys
    #[arg(long)]
    pub plain: bool,
    /// Print what would run: settings, parameters, memory, and the time it would take by a short trial
    #[arg(long)]
    pub dry_run: bool,
    /// Serve the page, which shows the run and takes requests, while it trains; at an address that other machines reach, to whoever has the printed link [default: this machine alone, port 8080 or a free one]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = LOOPBACK, value_parser = parse_listen)]
    pub serve: Option<Listen>,
    /// With --serve: only whoever has the printed link sees the run and asks for anything, also on this machine; any name of the server will do then, such as that of a proxy
    #[arg(long, requires = "serve")]
    pub token: bool,
    /// Folder of the built page for --serve [default: the page inside this program]
    #[arg(long, value_name = "DIR", requires = "serve")]
    pub page: Option<PathBuf>,
    /// How long the last checkpoint may take after Ctrl-C, `kill` or the end of the terminal; then the one before it has to do [default: as long as it takes]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub grace: Option<Duration>,
}

/// The address at which a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    pub ip: IpAddr,
    /// None for the usual one, or another one where that is taken.
    pub port: Option<u16>,
}

/// Reached from this machine alone.
const LOOPBACK: &str = "127.0.0.1";

#[derive(Args, Debug)]
pub struct ControlArguments {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// What it is to do
    #[arg(value_enum)]
    pub word: ControlWord,
}

#[derive(Args, Debug)]
pub struct DevicesArguments {
    /// Print them as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct ManArguments {
    /// Write a page for the program and for each of its commands to this folder instead
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// What a run can be asked for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ControlWord {
    /// Save a checkpoint now
    Save,
    /// Pause; everything stays in memory
    Pause,
    /// Go on after a pause
    Resume,
    /// Save a checkpoint and end
    Stop,
    /// Draw the samples now
    Sample,
}

#[derive(Args, Debug)]
pub struct GenerateArguments {
    /// Run folder or checkpoint to draw with; of a folder the checkpoint with the best score, if the run was scored
    #[arg(value_name = "RUN|FILE", conflicts_with = "checkpoint", required_unless_present = "checkpoint")]
    pub run: Option<PathBuf>,
    /// The same
    #[arg(long, value_name = "RUN|FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Number of pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
    /// Folder or .zip for single pictures, .png for one grid of them
    #[arg(long, value_name = "DIR|FILE.zip|FILE.png")]
    pub out: PathBuf,
    /// Seed of the latents; the page draws the same pictures from the same seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Scale of the latents: below 1, pictures are more typical and less varied
    #[arg(long, value_name = "PSI", default_value_t = 1.0)]
    pub truncation: f64,
    /// Class to draw, by name or number, if the checkpoint was trained with classes
    #[arg(long, value_name = "C")]
    pub class: Option<String>,
    /// Device to draw on
    #[arg(long, value_name = "auto|cpu|wgpu[:i]|vulkan[:i]|cuda[:i]", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
}

#[derive(Args, Debug)]
pub struct EvaluateArguments {
    /// What to evaluate: a checkpoint or run folder, whose averaged generator draws; or a folder or archive of pictures
    #[arg(value_name = "CHECKPOINT|FOLDER|ZIP")]
    pub subject: String,
    /// Another checkpoint, folder or archive, to tell whether the scores of the two differ by more than noise
    #[arg(long, value_name = "CHECKPOINT|FOLDER|ZIP")]
    pub against: Option<String>,
    /// Real pictures to compare with [default: builtin:dogs; required if a checkpoint was trained on anything else]
    #[arg(long, value_name = "PATH|builtin:dogs")]
    pub data: Option<String>,
    /// Network whose features are compared
    #[arg(long, value_name = "cifar10|lite0", default_value_t)]
    pub network: NetworkChoice,
    /// Number of pictures to draw, or to take of a folder; only scores of as many pictures can be compared
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub count: u32,
    /// Seed of the latents, as for `whelp generate`, and of what is chosen
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Resolution at which the pictures of a folder and real ones are prepared [default: 32, or the checkpoint's]
    #[arg(long, value_name = "N|WxH", value_parser = parse_any_resolution)]
    pub resolution: Option<Resolution>,
    /// Write the ten pictures that are closest to training pictures, each above its nearest one
    #[arg(long, value_name = "FILE.png")]
    pub copies: Option<PathBuf>,
    /// Write generated and real pictures in a random order, unmarked; which is which goes to FILE.key.txt
    #[arg(long, value_name = "FILE.png")]
    pub sheet: Option<PathBuf>,
    /// Device to compute on
    #[arg(long, value_name = "auto|cpu|wgpu[:i]|vulkan[:i]|cuda[:i]", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ProfileArguments {
    /// Recipe to measure (see `whelp recipes`)
    #[arg(long, value_name = "NAME", default_value = "r3gan-small")]
    pub recipe: String,
    /// Pictures per step
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Number of steps to measure, after a first one that is reported by itself
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub steps: u32,
    /// Device to measure
    #[arg(long, value_name = "auto|cpu|wgpu[:i]|vulkan[:i]|cuda[:i]", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
    /// Set any field of the configuration, e.g. model.generator_width=32
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Measure single convolutions instead: those of DCGAN at 64 pixels, at the recipe's width, and depthwise ones of
    /// EfficientNet-Lite0; at the recipe's batch size
    #[arg(long)]
    pub convolutions: bool,
    /// Use burn's convolution kernels, for comparison: on a graphics device, or with --convolutions anywhere
    #[arg(long)]
    pub burn_convolutions: bool,
    /// Print the measurements as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ServeArguments {
    /// Port; 0 picks a free one
    #[arg(long, value_name = "P", default_value_t = 8080)]
    pub port: u16,
    /// Address to listen at; with --run, other machines then need the token of the printed link
    #[arg(long, value_name = "IP", default_value = LOOPBACK)]
    pub address: IpAddr,
    /// Show a run, or the runs of a folder, in place of a page that trains: those under way, and those that have ended
    #[arg(long, value_name = "RUN|DIR")]
    pub run: Option<PathBuf>,
    /// With --run: only whoever has the printed link sees the runs and asks for anything, also on this machine; any name of the server will do then, such as that of a proxy
    #[arg(long, requires = "run")]
    pub token: bool,
    /// Folder of the built page [default: the page inside this program]
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ImportArguments {
    /// State dict of the generator of PyTorch's DCGAN tutorial, or of both networks
    #[arg(value_name = "FILE.pth|FILE.safetensors")]
    pub file: PathBuf,
    /// Checkpoint to write
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: PathBuf,
    /// State dict of the discriminator [default: the one in FILE, else a new discriminator]
    #[arg(long, value_name = "FILE.pth|FILE.safetensors")]
    pub discriminator: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("target").required(true).multiple(true)))]
pub struct ExportArguments {
    /// Run folder or checkpoint; of a folder the checkpoint with the best score, if the run was scored
    #[arg(value_name = "RUN|FILE")]
    pub checkpoint: PathBuf,
    /// Write a small checkpoint, which can draw but not train
    #[arg(long, value_name = "FILE.safetensors", group = "target")]
    pub out: Option<PathBuf>,
    /// Write both networks without their optimizers, for new runs to begin with: `whelp train --from FILE`
    #[arg(long, value_name = "FILE.safetensors", group = "target")]
    pub networks: Option<PathBuf>,
    /// Write the generator as ONNX: from `z`, and `class` if it has classes, to `image` in [-1, 1]. Truncation is a factor on z
    #[arg(long, value_name = "FILE.onnx", group = "target")]
    pub onnx: Option<PathBuf>,
    /// Write one HTML file that draws in any browser, without a network
    #[arg(long, value_name = "FILE.html", group = "target")]
    pub html: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct CardArguments {
    /// Run folder or checkpoint; of a folder the checkpoint with the best score, if the run was scored
    #[arg(value_name = "RUN|FILE")]
    pub checkpoint: PathBuf,
    /// Markdown file to write [default: README.md in a run's folder, else FILE.md beside the checkpoint, if that is not there yet]
    #[arg(short, long, value_name = "FILE.md")]
    pub out: Option<PathBuf>,
    /// Scores and copies to add: what `whelp evaluate --json` printed
    #[arg(long, value_name = "FILE.json")]
    pub evaluation: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct InfoArguments {
    /// Checkpoint or run folder
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

/// `8080`, `192.168.1.7`, `0.0.0.0:8080`, `[::]:8080`, `localhost:8080`.
fn parse_listen(text: &str) -> Result<Listen, String> {
    let named = match text.split_once(':') {
        _ if text == "localhost" => Some((Ok(Ipv4Addr::LOCALHOST.into()), None)),
        Some(("localhost", port)) => Some((Ok(Ipv4Addr::LOCALHOST.into()), Some(port))),
        _ => None,
    };
    let (ip, port) = match named {
        Some(named) => named,
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => (Ok(Ipv4Addr::LOCALHOST.into()), Some(text)),
        None => match text.parse::<IpAddr>() {
            Ok(ip) => (Ok(ip), None),
            Err(_) => {
                let (ip, port) = text.rsplit_once(':').unwrap_or((text, ""));
                (ip.trim_matches(['[', ']']).parse(), Some(port))
            }
        },
    };
    let refused =
        || format!("{text:?} is no address to listen at; write for example 8080, 192.168.1.7 or 0.0.0.0:8080");
    let port = port.map(|port| port.parse().map_err(|_| refused())).transpose()?;
    Ok(Listen { ip: ip.map_err(|_| refused())?, port })
}

/// A device for what takes one.
fn parse_device(text: &str) -> Result<DeviceChoice, String> {
    match text.parse() {
        Ok(DeviceChoice::Several(_)) => {
            Err("several devices share the batches of a training only; name one".to_owned())
        }
        Ok(device) => Ok(device),
        Err(error) => Err(error.to_string()),
    }
}

/// A size that pictures can be compared at, which need not be one that networks draw.
fn parse_any_resolution(text: &str) -> Result<Resolution, String> {
    let resolution: Resolution = text.parse().map_err(|error: NotAResolution| error.to_string())?;
    let is_possible = (8..=1024).contains(&resolution.shorter()) && resolution.longer() <= 1024;
    is_possible
        .then_some(resolution)
        .ok_or_else(|| format!("{resolution} is out of range: each side has 8 to 1024 pixels"))
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("{text:?} is not a number of seconds from 0"))
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

    #[test]
    fn addresses_come_with_or_without_a_port() {
        let listen = |ip: &str, port| Ok(Listen { ip: ip.parse().unwrap(), port });
        assert_eq!(parse_listen(LOOPBACK), listen("127.0.0.1", None));
        assert_eq!(parse_listen("0"), listen("127.0.0.1", Some(0)));
        assert_eq!(parse_listen("localhost:9000"), listen("127.0.0.1", Some(9000)));
        assert_eq!(parse_listen("0.0.0.0:8080"), listen("0.0.0.0", Some(8080)));
        assert_eq!(parse_listen("::1"), listen("::1", None));
        assert_eq!(parse_listen("[::]:80"), listen("::", Some(80)));
        for nonsense in ["", "70000", "node07:80", "1.2.3.4:", "1.2.3:80", "localhost:x", "runs/001"] {
            let error = parse_listen(nonsense).unwrap_err();
            assert!(error.contains("0.0.0.0:8080"), "{nonsense}: {error}");
        }
    }
}
