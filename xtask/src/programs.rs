//! The programs that browsers run beside the page: compiled, made loadable by wasm-bindgen, optimised, compressed, and kept.
//!
//! A program is kept under a name that says what it was made of: the sources, the compiler, the flags. Whoever asks for the
//! same again, in this checkout or in another, gets it without a compiler being started.

use crate::checkouts::forget_other_checkouts;
use crate::files::{self, create_folder, remove_folder};
use crate::lock::Lock;
use crate::paths::Paths;
use crate::process::{capture, cargo, run, tool};
use crate::setup::{CargoTool, wasm_target::WasmRust};
use crate::wasm_opt::{self, Effort};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The profile of the worker's programs. One for all, so that what they share is compiled once.
const PROFILE: &str = "web";

/// The profile of the page's own program, which is named in `index.html` too.
const PAGE_PROFILE: &str = "page";

const TARGET: &str = "wasm32-unknown-unknown";

const WASM_BINDGEN: [&str; 3] = ["--target", "web", "--no-typescript"];

/// What puts compressed files beside others.
const COMPRESSOR: &str = "web/compress.mjs";

/// The state of a program that only the compiler has made.
const COMPILED: &str = "compiled";

/// Three programs, compiled and made with either effort, of a few branches.
const KEPT_FOLDERS: usize = 36;

/// What a program computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// WebGPU.
    Graphics,
    /// One thread of the processor: what every browser can run.
    Processor,
    /// All threads of the processor, where the page's server and the browser allow it.
    Threads,
}

impl Device {
    pub const ALL: [Self; 3] = [Self::Processor, Self::Graphics, Self::Threads];

    /// The feature of the packages, and the folder in the page, that are for this device.
    pub fn name(self) -> &'static str {
        match self {
            Self::Graphics => "graphics",
            Self::Processor => "processor",
            Self::Threads => "threads",
        }
    }

    /// Packages that compute on this device, at the speed that the profile does not ask for: it makes small programs.
    fn computing_packages(self) -> &'static [&'static str] {
        match self {
            Self::Graphics => &[],
            Self::Processor | Self::Threads => &["whelp"],
        }
    }
}

/// A program with a version for each device.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    package: &'static str,
    /// The compiled program, for a device.
    binary: fn(Device) -> String,
    /// What it is made of, relative to the checkout.
    sources: &'static [&'static str],
}

/// The page's worker.
pub const TRAINER: Program = Program {
    package: "whelp-trainer",
    binary: |device| format!("trainer-{}", device.name()),
    sources: &["Cargo.lock", "Cargo.toml", ".cargo/config.toml", "src", "web/trainer"],
};

/// The checks of golden files in a browser, which are no part of the page.
pub const GOLDEN: Program = Program {
    package: "whelp-golden",
    binary: |_| "golden".to_owned(),
    sources: &[
        "Cargo.lock",
        "Cargo.toml",
        ".cargo/config.toml",
        "src",
        "tests/browser/golden",
        "tests/library/golden/checks",
    ],
};

/// Compiles `programs` for `device` where they are not kept; returns a name for what each of them is made of.
pub fn compile(programs: &[Program], device: Device, paths: &Paths) -> Result<Vec<String>> {
    let keys = || programs.iter().map(|program| program.key(device, paths)).collect::<Result<Vec<_>>>();
    loop {
        let before = keys()?;
        let named = programs.iter().zip(&before);
        let missing: Vec<_> =
            named.filter(|(program, key)| !program.folder(device, COMPILED, key, paths).exists()).collect();
        if missing.is_empty() {
            return Ok(before);
        }
        let _lock = Lock::take(&paths.wasm_target, &format!("compiling the program for {}", device.name()))?;
        forget_other_checkouts(&paths.wasm_target, paths)?;
        let packages: Vec<&str> = missing.iter().map(|(program, _)| program.package).collect();
        run(&mut compile_command(&packages, Some(device), paths)?)?;
        // The compiler may have read what the name does not stand for; under a wrong name it would be taken for right later.
        if keys()? != before {
            println!("   Sources have changed meanwhile: they are compiled again.");
            continue;
        }
        for (program, key) in missing {
            let binary = format!("{}.wasm", (program.binary)(device));
            // Copied under the lock: the next device's program may have the same name.
            keep(&program.folder(device, COMPILED, key, paths), |unfinished| {
                files::copy_if_different(&compiled_file(&binary, paths), &unfinished.join(&binary))
            })?;
        }
        return Ok(before);
    }
}

fn compiled_file(binary: &str, paths: &Paths) -> PathBuf {
    paths.wasm_target.join(TARGET).join(PROFILE).join(binary)
}

/// Names what is made of the compiled program of that name: what happens to it counts too.
fn made_key(compiled: &str, effort: Effort, paths: &Paths) -> Result<String> {
    let mut parts = vec![compiled.as_bytes().to_vec(), WASM_BINDGEN.join(" ").into_bytes()];
    if effort == Effort::Full {
        parts.push(wasm_opt::identity(paths)?);
    }
    let compressor = paths.root.join(COMPRESSOR);
    parts.push(std::fs::read(&compressor).with_context(|| format!("cannot read {}", compressor.display()))?);
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Ok(hexadecimal(hasher))
}

/// Thirty-two digits.
fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the files of a program that a browser loads; returns their folder.
pub fn make(program: Program, device: Device, effort: Effort, paths: &Paths) -> Result<PathBuf> {
    let key = compile(&[program], device, paths)?.concat();
    let folder = program.folder(device, effort.name(), &made_key(&key, effort, paths)?, paths);
    if folder.exists() {
        return Ok(folder);
    }
    let binary = (program.binary)(device);
    let compiled = program.folder(device, COMPILED, &key, paths).join(format!("{binary}.wasm"));
    keep(&folder, |unfinished| {
        run(&mut wasm_bindgen(&compiled, unfinished, effort, paths)?)?;
        if effort == Effort::Full {
            wasm_opt::optimise_file(&unfinished.join(format!("{binary}_bg.wasm")), paths)?;
        }
        compress(unfinished, effort, paths)
    })?;
    forget_oldest(&paths.programs)?;
    Ok(folder)
}

/// A cargo command for the browser, of these packages' programs: for a device, or of the page.
pub fn compile_command(packages: &[&str], device: Option<Device>, paths: &Paths) -> Result<Command> {
    let mut command = cargo(paths);
    let profile = if device.is_some() { PROFILE } else { PAGE_PROFILE };
    command.args(["build", "--profile", profile, "--target", TARGET, "--bins"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    if let Some(device) = device {
        command.args(["--features", device.name()]);
        for package in device.computing_packages() {
            command.args(["--config", &format!("profile.{PROFILE}.package.{package}.opt-level=3")]);
        }
    }
    let rust = WasmRust::for_program(matches!(device, None | Some(Device::Threads)))?;
    match device {
        Some(Device::Threads) => rust.apply_with_threads(&mut command, paths)?,
        Some(Device::Graphics | Device::Processor) => rust.apply(&mut command, Vec::new(), paths)?,
        None => rust.apply_for_page(&mut command, Vec::new(), paths)?,
    }
    Ok(command)
}

/// Makes of a compiled program what a browser loads. The names of its functions, half of the file, go: now, or by wasm-opt, which puts
/// functions in order by them first.
fn wasm_bindgen(compiled: &Path, folder: &Path, effort: Effort, paths: &Paths) -> Result<Command> {
    let mut command = tool(CargoTool::wasm_bindgen(paths)?.path(paths), paths);
    if effort == Effort::Quick {
        command.arg("--remove-name-section");
    }
    command.args(WASM_BINDGEN).arg("--out-dir").arg(folder).arg(compiled);
    Ok(command)
}

/// Puts compressed variants beside the files of a folder.
fn compress(folder: &Path, effort: Effort, paths: &Paths) -> Result<()> {
    let mut command = tool("node", paths);
    command.arg(COMPRESSOR).env("TRUNK_STAGING_DIR", folder);
    effort.tell(&mut command);
    run(&mut command)
}

impl Program {
    /// The folder in which a state of the program is kept: as it was compiled, or as it was made with an effort.
    fn folder(self, device: Device, state: &str, key: &str, paths: &Paths) -> PathBuf {
        paths.programs.join(format!("{}-{}-{state}-{key}", (self.binary)(device), device.name()))
    }

    /// Names what the program is made of: 32 hexadecimal digits.
    fn key(self, device: Device, paths: &Paths) -> Result<String> {
        let mut hasher = Sha256::new();
        let mut add = |name: &str, bytes: &[u8]| {
            for part in [name.as_bytes(), bytes] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        };
        for source in self.sources {
            let path = paths.root.join(source);
            let inner = if path.is_dir() { files::list(&path)? } else { [PathBuf::new()].into() };
            for name in inner {
                let file = if name.as_os_str().is_empty() { path.clone() } else { path.join(&name) };
                let bytes = match std::fs::read(&file) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    read => read.with_context(|| format!("cannot read {}", file.display()))?,
                };
                add(&format!("{source}/{}", name.display()), &bytes);
            }
        }
        let command = compile_command(&[self.package], Some(device), paths)?;
        let program = command.get_envs().find(|(name, _)| *name == "RUSTC").and_then(|(_, value)| value);
        let rustc = program.unwrap_or("rustc".as_ref());
        add("rustc", capture(Command::new(rustc).arg("-vV"))?.as_bytes());
        for argument in command.get_args() {
            add("argument", argument.as_encoded_bytes());
        }
        // What decides how cargo compiles, from outside and from here; where things lie does not.
        let own = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let mut variables: Vec<_> = std::env::vars_os().chain(own).collect();
        variables.sort();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let decides = ["CARGO_PROFILE_", "CARGO_UNSTABLE_", "CARGO_BUILD_", "CARGO_TARGET_WASM32_"];
            if decides.iter().any(|start| name.starts_with(start)) || name.ends_with("RUSTFLAGS") {
                add(&name, value.as_encoded_bytes());
            }
        }
        Ok(hexadecimal(hasher))
    }
}

/// Makes a folder with `make`, under another name until it is whole.
fn keep(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let name = folder.file_name().context("a folder without a name")?.to_string_lossy();
    let unfinished = folder.with_file_name(format!(".{name}.{}", std::process::id()));
    remove_folder(&unfinished)?;
    create_folder(&unfinished)?;
    make(&unfinished)?;
    // Another command may have made the same meanwhile.
    if !folder.exists()
        && let Err(error) = std::fs::rename(&unfinished, folder)
        && !folder.exists()
    {
        return Err(error).with_context(|| format!("cannot move to {}", folder.display()));
    }
    remove_folder(&unfinished)
}

fn forget_oldest(kept: &Path) -> Result<()> {
    let entries = std::fs::read_dir(kept).with_context(|| format!("cannot read {}", kept.display()))?.flatten();
    let mut folders: Vec<_> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    folders.sort();
    let surplus = folders.len().saturating_sub(KEPT_FOLDERS);
    folders.into_iter().take(surplus).try_for_each(|(_, folder)| remove_folder(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_kept_whole_or_not_at_all_and_not_made_twice() {
        let place = std::env::temp_dir().join(format!("xtask-programs-{}", std::process::id()));
        let folder = place.join("program");
        assert!(keep(&folder, |_| anyhow::bail!("on purpose")).is_err());
        assert!(!folder.exists());
        let make = |text: &'static str| {
            move |unfinished: &Path| files::write_if_different(&unfinished.join("a.wasm"), text.as_bytes()).map(drop)
        };
        keep(&folder, make("first")).unwrap();
        keep(&folder, make("second")).unwrap();
        assert_eq!(std::fs::read(folder.join("a.wasm")).unwrap(), b"first");
        remove_folder(&place).unwrap();
    }
}
