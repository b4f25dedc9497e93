//! What every test here shares: devices, tolerances, and a small data set.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use futures_lite::future::block_on;
use whelp::checkpoint::Checkpoint;
use whelp::config::{Length, RunConfig, Taps};
use whelp::data::{DataError, Dataset, DatasetBuilder, Preparation, Reading, Step};
use whelp::device::{self, DeviceChoice, OpenDevice};
use whelp::features::{self, PooledLite0, Pretrained};
use whelp::protocol::Event;
use whelp::random::{Random, Stream};
use whelp::run::Run;

/// burn's flex.
pub fn cpu() -> OpenDevice {
    block_on(device::open(DeviceChoice::Cpu)).unwrap()
}

/// The graphics device, if there is a driver; Mesa's software Vulkan counts. `WHELP_TEST_DEVICE` names another, as the terminal
/// program's `--device` does: `cuda`, where that was built in.
///
/// `cargo xtask test` installs one and sets `WHELP_REQUIRE_GPU`, so that there nothing is skipped.
pub fn gpu() -> Option<OpenDevice> {
    static GPU: OnceLock<Option<OpenDevice>> = OnceLock::new();
    let choice = || match std::env::var("WHELP_TEST_DEVICE") {
        Ok(name) => name.parse().unwrap_or_else(|error| panic!("WHELP_TEST_DEVICE: {error}")),
        Err(_) => DeviceChoice::Wgpu,
    };
    let open = || match block_on(device::open(choice())) {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("WHELP_REQUIRE_GPU").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("not tested on a graphics device: {error}");
            None
        }
    };
    GPU.get_or_init(open).clone()
}

pub use crate::golden::checks::file::assert_close;

/// `count` different pictures of smooth colours, at 32 pixels.
pub fn pictures(count: usize) -> Arc<Dataset> {
    let mut builder = DatasetBuilder::new("test pictures", 32);
    for index in 0..count {
        let numbers = Random::new(99, Stream::Init, index as u64).normals(6);
        let pixel = |c: usize, y: usize, x: usize| {
            let slope = numbers[c] * (x as f32 - 16.0) / 16.0 + numbers[3 + c] * (y as f32 - 16.0) / 16.0;
            (128.0 + 60.0 * slope).clamp(0.0, 255.0) as u8
        };
        let plane = |c| (0..32).flat_map(move |y| (0..32).map(move |x| (c, y, x)));
        let pixels = (0..3).flat_map(plane).map(|(c, y, x)| pixel(c, y, x)).collect();
        builder.push(&format!("{index}.png"), Ok(pixels));
    }
    Arc::new(builder.finish().unwrap())
}

/// `count` pictures of 32 pixels, each in one colour: drawn about `colour`, with a standard deviation of `spread` grey levels.
pub fn plain_pictures(count: usize, colour: [f32; 3], spread: f32) -> Arc<Dataset> {
    let mut builder = DatasetBuilder::new("plain pictures", 32);
    for index in 0..count {
        let numbers = Random::new(98, Stream::Init, index as u64).normals(3);
        let level = |channel: usize| (colour[channel] + spread * numbers[channel]).clamp(0.0, 255.0).round() as u8;
        let pixels = (0..3).flat_map(|channel| vec![level(channel); 32 * 32]).collect();
        builder.push(&format!("{index}.png"), Ok(pixels));
    }
    Arc::new(builder.finish().unwrap())
}

/// A run that takes a moment: width 4, batch 4, `steps` steps.
pub fn tiny_config(steps: u64) -> RunConfig {
    let mut config = RunConfig::default();
    config.model.generator_width = 4;
    config.model.discriminator_width = 4;
    config.model.latent = 8;
    config.train.batch = 4;
    config.train.length = Length::Steps(steps);
    config.output.grid = 4;
    config.output.sample_steps = None;
    config.output.checkpoint_steps = None;
    config
}

/// The weights of EfficientNet-Lite0 before they were rounded to float16, as the set-up put them into the cache.
///
/// `cargo xtask test` installs them and sets `WHELP_REQUIRE_LITE0`, so that there nothing is skipped.
pub fn lite0() -> Option<Vec<u8>> {
    asset("lite0.safetensors")
}

/// EfficientNet-Lite0 as a whole, of the files that programs come with.
pub fn pooled_lite0() -> Option<PooledLite0> {
    let files = features::lite0::FILES.iter().map(|file| asset(file.name)).collect::<Option<Vec<_>>>()?;
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    Some(PooledLite0::new(&files, &cpu().device).unwrap())
}

/// The weights that a projected discriminator with early taps needs.
pub fn backbone() -> Option<Pretrained> {
    backbone_of(Taps::Early)
}

/// The weights that a projected discriminator with these taps needs.
pub fn backbone_of(taps: Taps) -> Option<Pretrained> {
    let files = features::lite0::files_of(taps).iter().map(|file| asset(file.name)).collect::<Option<Vec<_>>>()?;
    features::backbone(&files).unwrap()
}

pub fn asset(name: &str) -> Option<Vec<u8>> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("WHELP_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("whelp")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/whelp")));
    let path = cache.expect("a home folder").join("assets").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if std::env::var_os("WHELP_REQUIRE_LITE0").is_some() => panic!("{}: {error}", path.display()),
        Err(error) => {
            eprintln!("not tested: {}: {error}; run `cargo xtask setup`", path.display());
            None
        }
    }
}

/// Reads files in memory, as both front ends read theirs.
pub fn read_files(name: &str, files: Vec<(String, Vec<u8>)>, preparation: Preparation) -> Result<Dataset, DataError> {
    let mut reading = Reading::new(name, files, preparation)?;
    while let Some(step) = reading.step()? {
        if let Step::Prepare(mut job) = step {
            if let Some(bytes) = job.picture.file().cloned() {
                job.picture.give(Ok(bytes));
            }
            if let Some(bytes) = job.annotation.file().cloned() {
                job.annotation.give(Ok(bytes));
            }
            reading.add(job.prepare());
        }
    }
    reading.finish()
}

/// Events of a run, to its end. A failure ends the test.
pub fn events(mut run: Run) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = block_on(run.next()) {
        if let Event::Failed { message, .. } = event {
            panic!("{message}");
        }
        events.push(event);
    }
    events
}

/// What a run saved last.
pub fn last_checkpoint(events: &[Event]) -> Checkpoint {
    let file = events.iter().rev().find_map(|event| match event {
        Event::Checkpoint { bytes, .. } => Some(bytes),
        _ => None,
    });
    Checkpoint::from_bytes(file.unwrap()).unwrap()
}
