//! Starting other programs: with an environment like that of a plain terminal, and with errors that name the command.

use crate::paths::Paths;
use anyhow::{Context, Result, bail};
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A command in the checkout's folder.
pub fn tool(program: impl AsRef<OsStr>, paths: &Paths) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&paths.root);
    forget_outer_cargo(&mut command);
    command
}

/// A cargo command that keeps what it compiles in the cache.
pub fn cargo(paths: &Paths) -> Command {
    let mut command = tool("cargo", paths);
    command.env("CARGO_TARGET_DIR", &paths.target);
    command
}

/// `cargo run` tells this program about the package `xtask`, and its library path. Passed on, this makes build scripts
/// believe that something has changed, and cargo compile again what it would otherwise find ready.
fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let is_of_outer_cargo = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || matches!(text, "CARGO" | "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR");
        if is_of_outer_cargo {
            command.env_remove(&name);
        }
    }
    if let Some(value) = std::env::var_os("LD_LIBRARY_PATH") {
        let own = std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
        let kept: Vec<PathBuf> =
            std::env::split_paths(&value).filter(|folder| !is_of_outer_rust(folder, own.as_deref())).collect();
        match std::env::join_paths(&kept) {
            Ok(joined) if !joined.is_empty() => command.env("LD_LIBRARY_PATH", joined),
            _ => command.env_remove("LD_LIBRARY_PATH"),
        };
    }
}

fn is_of_outer_rust(folder: &Path, own: Option<&Path>) -> bool {
    own.is_some_and(|own| folder.starts_with(own)) || folder.join("rustlib").is_dir()
}

/// Puts `folders` before everything else on the command's PATH.
pub fn prepend_path(command: &mut Command, folders: &[PathBuf]) -> Result<()> {
    let present = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&present));
    command.env("PATH", std::env::join_paths(all).context("a folder for PATH has a colon in its name")?);
    Ok(())
}

thread_local! {
    /// Where this thread's programs write what they have to say; to the terminal where there is none.
    static LOG: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Does `work` with the output of its programs in the file `log`: what is done beside something else would be mixed up with it
/// on the terminal. If the work fails, the log is shown.
pub fn with_log<T>(log: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Some(folder) = log.parent() {
        crate::files::create_folder(folder)?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    LOG.set(Some(file));
    let result = work();
    LOG.set(None);
    if result.is_err() {
        eprint!("{}", std::fs::read_to_string(log).unwrap_or_default());
    }
    result
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Result<()> {
    if let Some(log) = own_log()? {
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    }
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed ({status})", describe(command));
    }
    Ok(())
}

fn own_log() -> Result<Option<File>> {
    LOG.with_borrow(|log| log.as_ref().map(File::try_clone).transpose()).context("the log cannot be shared")
}

/// Runs to the end and returns what it wrote to its standard output; an error carries what it wrote beside it.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", describe(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end, passes standard output on line by line and shows each line to `watch` too. Whether the program
/// succeeded is returned, not an error, because a failed test run has results as well.
pub fn run_watched(command: &mut Command, mut watch: impl FnMut(&str)) -> Result<bool> {
    let log = own_log()?;
    if let Some(log) = &log {
        command.stdin(Stdio::null()).stderr(log.try_clone()?);
    }
    let mut output: Box<dyn Write> = match log {
        Some(log) => Box::new(log),
        None => Box::new(std::io::stdout()),
    };
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let said = child.stdout.take().context("the program's output is not connected")?;
    for line in BufReader::new(said).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        writeln!(output, "{line}")?;
        watch(&line);
    }
    Ok(child.wait()?.success())
}

/// The first program of that name on PATH.
pub fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

pub fn describe(command: &Command) -> String {
    let words: Vec<OsString> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_owned).collect();
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`; is it installed and on PATH?", command.get_program().to_string_lossy())
}

/// Like [`run`], but ends the program when `limit` has passed.
pub fn run_limited(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    let start = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("`{}` failed ({status})", describe(command)),
            None if start.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                bail!("`{}` did not end within {} s", describe(command), limit.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
