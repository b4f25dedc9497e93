//! `cargo xtask serve` in one terminal and `cargo xtask build` in another: both end well, and what is served stays whole.

use crate::files::list;
use crate::paths::Paths;
use crate::process::{describe, tool};
use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Both find all that is slow ready.
const LIMIT: Duration = Duration::from_secs(600);

pub fn both_end_well(paths: &Paths) -> Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut serve = Started::new("serve", &["serve", "--port", &port.to_string()], paths)?;
    let mut build = Started::new("build", &["build", "--quick"], paths)?;
    let start = Instant::now();
    let mut loads = 0;
    let mut is_built = false;
    // Until the build has ended and the page has all programs; loads go on all the while.
    loop {
        ensure!(start.elapsed() < LIMIT, "not ready within {} s\n{}\n{}", LIMIT.as_secs(), serve.said(), build.said());
        if let Some(status) = serve.child.try_wait()? {
            bail!("`serve` ended ({status}):\n{}", serve.said());
        }
        if !is_built && let Some(status) = build.child.try_wait()? {
            ensure!(status.success(), "`build` failed ({status}):\n{}", build.said());
            is_built = true;
        }
        match get(port, "/") {
            None => ensure!(loads == 0, "the server was there and is gone:\n{}", serve.said()),
            Some(index) => {
                loads += 1;
                whole_page(port, &index).with_context(|| format!("load {loads}"))?;
                let is_complete = get(port, "/graphics/trainer-graphics.js").is_some()
                    && get(port, "/threads/trainer-threads.js").is_some()
                    && get(port, "/processor/trainer-processor.js").is_some();
                if is_built && is_complete {
                    break;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("   {loads} loads of the served page were whole");
    ensure!(!list(&paths.dist())?.is_empty(), "`build` left no page");
    Ok(())
}

/// Asks for every file that the page's entry names.
fn whole_page(port: u16, index: &str) -> Result<()> {
    let mut names = Vec::new();
    for attribute in ["src=\"./", "href=\"./", "data-page=\"./", "data-wasm=\"./"] {
        names.extend(index.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
    }
    ensure!(names.len() >= 5, "the page names only {names:?}");
    for name in names {
        ensure!(get(port, &format!("/{name}")).is_some(), "{name} is missing");
    }
    Ok(())
}

/// The body of a file as text, if there is one.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// A command of this program, which ends with this.
struct Started {
    child: Child,
    log: PathBuf,
}

impl Started {
    fn new(name: &str, arguments: &[&str], paths: &Paths) -> Result<Self> {
        let log = paths.log(&format!("side-by-side-{name}"));
        let mut command = tool(std::env::current_exe()?, paths);
        command.args(arguments).process_group(0);
        command.env("CARGO_MANIFEST_DIR", paths.root.join("xtask")).env("CARGO_TARGET_DIR", &paths.target);
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start `{}`", describe(&command)))?;
        Ok(Self { child, log })
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // The group holds what the command has started too, the server above all.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.child.wait();
    }
}
