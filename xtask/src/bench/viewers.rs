//! What those who watch a run cost it.

use super::{Measurement, table, write_results};
use crate::build;
use crate::files;
use crate::paths::Paths;
use crate::process::{run, tool};
use crate::setup;
use crate::steps::{Steps, with_clock};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Who watches. The last one asks for the run and never reads what it is told.
const VIEWERS: usize = 50;

/// Odd, and many: a machine that is not all ours changes its speed by a tenth from one moment to the next.
const ROUNDS: usize = 15;

/// Of a round's part with viewers, and of its part without.
const PART: Duration = Duration::from_secs(6);

/// How much slower the run may be.
const LIMIT: f64 = 1.03;

const RESULTS: &str = "bench/viewers.md";

/// `cargo xtask bench viewers`: a run on one thread, with and without viewers in turn.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::default();
    setup::prepare(&setup::training_parts(), &paths, &steps)?;
    steps.run("Compile the terminal program", || build::compile_bare_program(&paths))?;
    let mut ratios = with_clock("Train", || measure(&paths))?;
    let (measurement, is_within) = in_words(&mut ratios);
    let table = table(&[measurement]);
    write_results(&paths.root.join(RESULTS), "cargo xtask bench viewers", &table)?;
    println!("\n{table}");
    Ok(if is_within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The middle ratio, and whether it is within the limit.
fn in_words(ratios: &mut [f64]) -> (Measurement, bool) {
    ratios.sort_by(f64::total_cmp);
    let middle = ratios[ratios.len() / 2];
    let verdict = if middle <= LIMIT { "within" } else { "OVER" };
    let value = format!("{middle:.3} times ({verdict} the limit of {LIMIT}; {} pairs, {ratios:.3?})", ratios.len());
    let name = format!(
        "a step of a run on one thread with {VIEWERS} viewers against one without; a tick every 10 steps, 64 samples every 50"
    );
    (Measurement { name, value }, middle <= LIMIT)
}

/// How many times as long a step takes with viewers, a round each.
fn measure(paths: &Paths) -> Result<Vec<f64>> {
    let folder = paths.cache.join("bench-viewers");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    // What is served need not be the page: the viewers are no browsers.
    let page = folder.join("page");
    files::create_folder(&page)?;
    std::fs::write(page.join("index.html"), "<!doctype html>").context("cannot write a page")?;
    let training = Training::start(&folder, paths)?;
    // By then it is past its first steps, which compile and measure.
    thread::sleep(PART);
    let mut ratios = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let alone = training.secs_per_step()?;
        let viewers = (0..VIEWERS).map(|number| Viewer::connect(training.address, number + 1 < VIEWERS));
        let viewers = viewers.collect::<Result<Vec<_>>>()?;
        let watched = training.secs_per_step();
        let heard: Vec<u64> = viewers.into_iter().map(Viewer::leave).collect();
        if heard[..VIEWERS - 1].contains(&0) {
            bail!("a viewer was told nothing");
        }
        ratios.push(watched? / alone);
    }
    Ok(ratios)
}

/// A training that is shown, ended with the measurement.
struct Training {
    process: Child,
    address: SocketAddr,
    events: PathBuf,
}

impl Training {
    fn start(folder: &Path, paths: &Paths) -> Result<Self> {
        let out = folder.join("run");
        let mut command = tool(build::program(paths), paths);
        command.args([
            "train",
            "--recipe",
            "dcgan32",
            "--batch",
            "8",
            "--device",
            "cpu",
            "--steps",
            "100000000",
            "--plain",
        ]);
        command.args(["--serve", "127.0.0.1:0", "--page"]).arg(folder.join("page")).arg("--out").arg(&out);
        for setting in [
            "model.generator_width=16",
            "model.discriminator_width=16",
            "output.tick_steps=10",
            "output.sample_steps=50",
            "output.sample_secs=null",
        ] {
            command.args(["--set", setting]);
        }
        command.env("RAYON_NUM_THREADS", "1").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().context("cannot start the training")?;
        let mut printed = BufReader::new(process.stderr.take().context("no output")?).lines();
        let address = printed.by_ref().map_while(Result::ok).find_map(|line| address_in(&line));
        // Nobody else reads what it prints further.
        thread::spawn(move || printed.count());
        let training =
            Self { process, address: address.unwrap_or(([0; 4], 0).into()), events: out.join("events.jsonl") };
        if address.is_none() { bail!("the training does not say where it is shown") } else { Ok(training) }
    }

    /// Seconds that a step takes, by the run's own clock, over [`PART`].
    fn secs_per_step(&self) -> Result<f64> {
        let (step, secs) = self.progress()?;
        thread::sleep(PART);
        let (later_step, later_secs) = self.progress()?;
        if later_step <= step {
            bail!("the run has told of no step in {} s", PART.as_secs());
        }
        Ok((later_secs - secs) / (later_step - step))
    }

    /// Steps and seconds at the newest tick.
    fn progress(&self) -> Result<(f64, f64)> {
        let text = std::fs::read_to_string(&self.events).context("the run has no events")?;
        // The last line may not be whole.
        let ticks = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let tick = ticks.into_iter().find(|event| event["type"] == "tick").context("the run has told nothing")?;
        let number = |name: &str| tick["progress"][name].as_f64();
        number("step").zip(number("elapsed_secs")).context("a tick without its step and time")
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        if run(Command::new("kill").args(["-INT", &self.process.id().to_string()])).is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// The address in a line such as `watch http://127.0.0.1:40123/`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = &line[line.find("http://")? + "http://".len()..];
    rest.split(|c: char| c == '/' || c.is_whitespace()).next()?.parse().ok()
}

/// Somebody who watches the run, without a library: it asks once, and takes what comes for bytes.
struct Viewer {
    stream: TcpStream,
    /// Counts the bytes that it was told.
    reading: Option<JoinHandle<u64>>,
}

impl Viewer {
    fn connect(address: SocketAddr, reads: bool) -> Result<Self> {
        let mut stream = TcpStream::connect(address).context("cannot watch")?;
        write!(
            stream,
            "GET /watch HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: whelp-watch\r\n\r\n"
        )?;
        // Up to the end of the answer's head, and not one byte further.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).context("the server does not answer")?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            bail!("the server refuses a viewer: {}", String::from_utf8_lossy(&head));
        }
        stream.write_all(&text_frame(br#"{"type":"show","run":"run"}"#))?;
        let mut reader = stream.try_clone()?;
        let read = move || {
            let (mut buffer, mut told) = (vec![0; 1 << 16], 0);
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                told += count as u64;
            }
            told
        };
        Ok(Self { stream, reading: reads.then(|| thread::spawn(read)) })
    }

    /// Returns how many bytes it was told.
    fn leave(self) -> u64 {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.reading.map_or(0, |reading| reading.join().unwrap_or(0))
    }
}

/// A message of less than 126 bytes from a client: RFC 6455, section 5.2, masked with zeros.
fn text_frame(text: &[u8]) -> Vec<u8> {
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_is_printed() {
        let address = address_in("watch       http://127.0.0.1:40123/ (this machine alone)").unwrap();
        assert_eq!(address, ([127, 0, 0, 1], 40123).into());
        assert_eq!(address_in("pictures    Built-in dogs"), None);
    }

    #[test]
    fn the_middle_pair_is_told() {
        let (measurement, is_within) = in_words(&mut [1.1, 1.0, 1.02]);
        assert!(
            is_within && measurement.value.starts_with("1.020 times (within the limit of 1.03; 3 pairs, [1.000, 1.020")
        );
        assert!(!in_words(&mut [1.1, 1.0, 1.05]).1);
    }
}
