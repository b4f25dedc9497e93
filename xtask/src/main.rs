//! Everyday commands of the project: `cargo xtask setup|serve|build|check|test|bench`.
//!
//! Each command sets up what it needs and finds missing, so that every one of them works on a fresh machine.

use anyhow::{Result, bail};
use std::process::ExitCode;
use wasm_opt::Effort;

mod bench;
mod build;
mod bundle;
mod check;
mod checkouts;
mod count;
mod files;
mod lock;
mod lockfile;
mod paths;
mod process;
mod programs;
mod serve;
mod setup;
mod steps;
mod test;
mod wasm_opt;
mod watch;

const USAGE: &str = "\
cargo xtask setup           set up everything that is missing, for the page and for the tests
cargo xtask serve [--port N]  build the page and serve it at http://127.0.0.1:8080
cargo xtask build [--quick]   the page into dist/, and the terminal program; --quick leaves files larger than they could be
cargo xtask check           formatting and clippy
cargo xtask test            every test there is; the last line counts them
cargo xtask bench           page weight and time to the first step, into bench/results.md
cargo xtask bench page      page weight, and the page while it prepares and scores pictures, into bench/
cargo xtask bench recipes N  every recipe after N minutes of processor time, scored, into bench/
cargo xtask bench health N   healthy runs and runs made to fail, N minutes each, and what is said of them, into bench/
cargo xtask bench viewers   a run with and without 50 viewers in turn, into bench/
cargo xtask bench memory DEVICE  3,000 steps with frequent samples and checkpoints: whether memory stays flat, into bench/

Tools, compiled crates and pictures are kept in $WHELP_CACHE, else $XDG_CACHE_HOME/whelp, else ~/.cache/whelp.
WHELP_CHROMIUM, WHELP_FIREFOX and WHELP_WEBKIT_DRIVER name the browsers for the tests, if they are not the system's.";

fn main() -> ExitCode {
    // Trunk looks for `wasm-opt` on PATH; what it finds there is this program, see `wasm_opt`.
    let result = if wasm_opt::is_called_as_wasm_opt() { wasm_opt::run() } else { dispatch() };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["setup"] => setup::command(),
        ["serve"] => serve::command(serve::DEFAULT_PORT),
        ["serve", "--port", port] => serve::command(serve::parse_port(port)?),
        ["build"] => build::command(Effort::Full),
        ["build", "--quick"] => build::command(Effort::Quick),
        ["check"] => check::command(),
        ["test"] => test::command(),
        ["bench"] => bench::command(),
        ["bench", "page"] => bench::page::command(),
        ["bench", "recipes", minutes] => bench::recipes::command(minutes),
        ["bench", "health", minutes] => bench::health::command(minutes),
        ["bench", "viewers"] => bench::viewers::command(),
        ["bench", "memory", device] => bench::memory::command(device),
        [] | ["help"] | ["--help"] | ["-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("`cargo xtask {}` is not a command. There are:\n{USAGE}", other.join(" ")),
    }
}
