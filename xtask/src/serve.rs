//! The page on this machine.

use crate::build::{self, compile_server};
use crate::bundle;
use crate::files::remove_folder;
use crate::paths::Paths;
use crate::process::{describe, tool, with_log};
use crate::programs::Device;
use crate::steps::{Steps, in_words};
use crate::wasm_opt::Effort;
use crate::watch::Sources;
use anyhow::{Context, Result, anyhow, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

pub const DEFAULT_PORT: u16 = 8080;

/// How often sources are looked at, and for how long they have to rest before the page is made anew.
const GLANCE: Duration = Duration::from_millis(400);

pub fn parse_port(text: &str) -> Result<u16> {
    text.parse().with_context(|| format!("`{text}` is not a port: give a number from 1 to 65535"))
}

/// `cargo xtask serve`: builds and serves the page, and builds it again when its sources change.
pub fn command(port: u16) -> Result<ExitCode> {
    // Said before minutes of building, not after.
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
        bail!("port {port} is taken; choose another: cargo xtask serve --port {}", port.wrapping_add(1));
    }
    let paths = Paths::find()?;
    let steps = Steps::default();
    let mut sources = Sources::now(&paths)?;
    let devices = in_order(has_graphics_device());
    let site = Site { folder: paths.target.join(format!("served-{port}")), paths: &paths };
    // The folder may hold the page of another checkout, or of older sources.
    remove_folder(&site.folder)?;

    std::thread::scope(|scope| {
        let server = scope
            .spawn(|| steps.run("Compile the server", || with_log(&paths.log("server"), || compile_server(&paths))));
        let page = build::page(&devices[..1], Effort::Quick, &paths, &steps);
        server.join().unwrap_or_else(|_| Err(anyhow!("compiling the server was given up; see above")))?;
        page
    })?;
    steps.run("Bundle the page", || site.publish(&devices[..1]))?;
    println!("The page can be opened after {}.", in_words(steps.elapsed()));
    let mut server = tool(paths.target.join("release/whelp-server"), &paths);
    server.arg(&site.folder).arg(port.to_string());
    let mut server = Served(start(&mut server)?);

    let mut made = 1;
    loop {
        if let Some(status) = server.0.try_wait()? {
            bail!("the server ended ({status}); its messages are above");
        }
        if made < devices.len() {
            // A fault in one program leaves the page with the others, and what cargo said in the terminal.
            site.add(&devices[..=made], &steps);
            made += 1;
        } else {
            std::thread::sleep(GLANCE);
        }
        let now = Sources::now(&paths)?;
        if now == sources {
            continue;
        }
        std::thread::sleep(GLANCE);
        let rested = Sources::now(&paths)?;
        if rested == now {
            let changed = now.changed_since(&sources).map(|path| path.strip_prefix(&paths.root).unwrap_or(path));
            println!("\n{} has changed.", changed.unwrap_or(Path::new("something")).display());
            sources = now;
            made = site.renew(&devices, &steps);
        }
    }
}

/// The order in which the worker's programs are made: the first is the one that this machine's browsers most likely take, and
/// that they can do with. The processor's runs everywhere.
fn in_order(has_graphics_device: bool) -> [Device; 3] {
    if has_graphics_device {
        [Device::Graphics, Device::Processor, Device::Threads]
    } else {
        [Device::Processor, Device::Threads, Device::Graphics]
    }
}

/// Whether browsers will find a WebGPU device that is worth it. Linux shows graphics devices as files; other systems that
/// Rust programs are developed on have one.
fn has_graphics_device() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let devices = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten();
    devices.into_iter().any(|device| device.file_name().to_string_lossy().starts_with("renderD"))
}

/// The folder that is served. Commands that build `dist/` do not touch it.
struct Site<'a> {
    folder: PathBuf,
    paths: &'a Paths,
}

impl Site<'_> {
    fn publish(&self, devices: &[Device]) -> Result<()> {
        bundle::into(&self.folder, devices, Effort::Quick, self.paths)
    }

    /// Adds the last program of `devices` to the page.
    fn add(&self, devices: &[Device], steps: &Steps) {
        let Some(device) = devices.last() else { return };
        let name = device.name();
        let what = format!("Make the worker's program for {name}, while the page is served");
        if steps.attempt(&what, || bundle::add(&self.folder, *device, Effort::Quick, self.paths)) {
            println!("   The page takes the program for {name} from the next load on.");
        }
    }

    /// The page of new sources with the first program; the others are added as they are made, as they may not understand the
    /// new page. If it does not compile, what is served stays as it is. Returns how many programs need no making.
    fn renew(&self, devices: &[Device], steps: &Steps) -> usize {
        if steps.attempt("Make the page anew", || self.publish(&devices[..1])) {
            println!("   Reload the page to see it.");
            1
        } else {
            devices.len()
        }
    }
}

/// A server that ends with this program.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("cannot start `{}`", describe(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_program_is_one_that_the_machine_can_use() {
        assert_eq!(in_order(false)[0], Device::Processor);
        assert_eq!(in_order(true)[0], Device::Graphics);
        for order in [in_order(false), in_order(true)] {
            assert!(Device::ALL.iter().all(|device| order.contains(device)));
        }
    }
}
