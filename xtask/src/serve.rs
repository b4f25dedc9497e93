//! The page on this machine.

use crate::build::{bundle_page, compile_page, trunk};
use crate::paths::Paths;
use crate::process::{cargo, describe, run, tool};
use crate::setup;
use crate::steps::Steps;
use crate::wasm_opt::Effort;
use anyhow::{Context, Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

pub const DEFAULT_PORT: u16 = 8080;

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
    let mut steps = Steps::default();
    setup::for_the_page(&paths, &mut steps)?;
    steps.run("Compile the page", || compile_page(&paths))?;

    steps.run("Bundle the page into dist/", || bundle_page(Effort::Quick, &paths))?;
    steps.run("Compile the server", || run(cargo(&paths).args(BUILD_SERVER)))?;

    let mut server = tool(paths.target.join("release/whelp-server"), &paths);
    server.arg(paths.dist()).arg(port.to_string());
    let mut server = start(&mut server)?;
    // Builds the page again when its sources change; the server reads what is there.
    let mut watcher = start(trunk(Effort::Quick, &paths)?.args(["watch", "--quiet"]))?;
    loop {
        if let Some(status) = server.try_wait()? {
            watcher.kill()?;
            bail!("the server ended ({status}); its messages are above");
        }
        if let Some(status) = watcher.try_wait()? {
            server.kill()?;
            bail!("trunk ended ({status}); its messages are above");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

const BUILD_SERVER: [&str; 5] = ["build", "--release", "--package", "whelp-server", "--bins"];

fn start(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("cannot start `{}`", describe(command)))
}
