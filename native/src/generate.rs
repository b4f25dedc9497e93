//! `whelp generate`.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use futures_lite::future::block_on;
use indicatif::{ProgressBar, ProgressStyle};
use whelp::checkpoint::restore_sampler;
use whelp::device;
use whelp::sample::{Draw, Pictures};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::cli::GenerateArguments;
use crate::failure::{Failure, Outcome};
use crate::info::read_checkpoint;
use crate::png;
use crate::run_folder::write_whole;

/// Pictures drawn between two movements of the progress bar.
const CHUNK: usize = 64;

/// A grid larger than this is no longer one picture to look at.
const GRID_MAX: usize = 4096;

pub fn generate(arguments: &GenerateArguments) -> Result<Outcome, Failure> {
    if !(0.0..=10.0).contains(&arguments.truncation) {
        return Err(Failure::Input(format!("--truncation is {}; it accepts 0 to 10", arguments.truncation)));
    }
    if arguments.class.is_some() {
        return Err(Failure::input("this checkpoint knows no classes; leave out --class"));
    }
    let count = arguments.count as usize;
    let target = Target::of(&arguments.out, count)?;
    let checkpoint = read_checkpoint(&arguments.checkpoint)?;
    let device = block_on(device::open(arguments.device)).map_err(Failure::input)?;
    let sampler = restore_sampler(&checkpoint, &device.device).map_err(Failure::input)?;
    let bar = ProgressBar::new(count as u64)
        .with_style(ProgressStyle::with_template("drawing {bar:30} {pos}/{len}").expect("a fixed template"));
    let mut pictures = Pictures { resolution: 0, channels: 0, pixels: Vec::new() };
    for first in (0..count).step_by(CHUNK) {
        let chunk = CHUNK.min(count - first);
        let what =
            Draw { seed: arguments.seed, first, count: chunk, truncation_psi: arguments.truncation, class: None };
        let drawn = block_on(sampler.draw(what, &device.device)).map_err(Failure::fault)?;
        pictures.pixels.extend_from_slice(&drawn.pixels);
        (pictures.resolution, pictures.channels) = (drawn.resolution, drawn.channels);
        bar.inc(chunk as u64);
    }
    bar.finish_and_clear();
    target.write(&pictures, &arguments.out)?;
    eprintln!("{count} pictures in {}", arguments.out.display());
    Ok(Outcome::Done)
}

/// What `--out` means, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Folder,
    Zip,
    Grid,
}

impl Target {
    fn of(out: &Path, count: usize) -> Result<Self, Failure> {
        let ending = out.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("zip") => Ok(Self::Zip),
            Some("png") if count > GRID_MAX => Err(Failure::Input(format!(
                "a grid holds at most {GRID_MAX} pictures, not {count}; name a folder or a .zip as --out"
            ))),
            Some("png") => Ok(Self::Grid),
            Some(other) if !out.is_dir() => Err(Failure::Input(format!(
                "--out {} ends in .{other}; name a folder, a .zip or a .png",
                out.display()
            ))),
            _ => Ok(Self::Folder),
        }
    }

    fn write(self, pictures: &Pictures, out: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::file(out, "written to", &error);
        if let Some(parent) = out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let side = pictures.resolution;
        let encode = |pixels: &[u8]| png::encode_pixels(pixels, side, side, pictures.channels);
        let name = |index: usize| format!("{index:05}.png");
        match self {
            Self::Grid => png::encode(&pictures.grid()).and_then(|bytes| write_whole(out, &bytes)).map_err(failed),
            Self::Folder => {
                fs::create_dir_all(out).map_err(failed)?;
                for (index, pixels) in pictures.iter().enumerate() {
                    encode(pixels).and_then(|bytes| fs::write(out.join(name(index)), bytes)).map_err(failed)?;
                }
                Ok(())
            }
            Self::Zip => {
                let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
                // PNGs are compressed already.
                let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                for (index, pixels) in pictures.iter().enumerate() {
                    let bytes = encode(pixels).map_err(failed)?;
                    zip.start_file(name(index), options).map_err(Failure::fault)?;
                    zip.write_all(&bytes).map_err(failed)?;
                }
                let bytes = zip.finish().map_err(Failure::fault)?.into_inner();
                write_whole(out, &bytes).map_err(failed)
            }
        }
    }
}
