//! The page on this machine.

use crate::build::{compile_page, trunk};
use crate::paths::Paths;
use crate::process::describe;
use crate::setup;
use crate::steps::Steps;
use crate::wasm_opt::Effort;
use anyhow::{Context, Result, bail};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ExitCode};
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

    println!("== Bundle the page and serve it");
    let mut trunk = trunk(Effort::Quick, &paths)?;
    trunk.args(["serve", "--address", "127.0.0.1", "--port", &port.to_string()]);
    let mut server = trunk.spawn().with_context(|| format!("cannot start `{}`", describe(&trunk)))?;
    if wait_until_ready(&mut server, port)? {
        println!("\nWhelp is at http://127.0.0.1:{port}/ (Ctrl-C ends it)\n");
    }
    let status = server.wait()?;
    if !status.success() {
        bail!("trunk ended ({status}); its messages are above");
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the server came up, rather than ended.
fn wait_until_ready(server: &mut Child, port: u16) -> Result<bool> {
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if server.try_wait()?.is_some() {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(true)
}
