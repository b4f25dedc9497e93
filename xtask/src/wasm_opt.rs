//! A `wasm-opt` that remembers. Trunk runs wasm-opt at every build and every start of its server, even of wasm that has
//! not changed, and each time takes minutes. So trunk is given this program under that name: it keeps what came out.

use crate::paths::Paths;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How the program called as `wasm-opt` learns where the real one is, and where to keep results.
const REAL_VARIABLE: &str = "WHELP_REAL_WASM_OPT";
const KEPT_VARIABLE: &str = "WHELP_KEPT_WASM";

/// Two programs make up the page: enough for a few branches.
const KEPT_FILES: usize = 12;

/// Prepares `command`, which is trunk. Returns the folder that has to be on its PATH.
pub fn offer_to(command: &mut Command, paths: &Paths) -> Result<PathBuf> {
    let folder = paths.cache.join("shims");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    // Linked anew each time: the link of another checkout may lead to a program that is gone. Renamed, not replaced,
    // so that there is a link at every moment.
    let fresh = folder.join(format!("wasm-opt.{}", std::process::id()));
    std::os::unix::fs::symlink(std::env::current_exe()?, &fresh)
        .and_then(|()| std::fs::rename(&fresh, folder.join("wasm-opt")))
        .with_context(|| format!("cannot link wasm-opt in {}", folder.display()))?;
    command.env(REAL_VARIABLE, paths.node_program("wasm-opt")).env(KEPT_VARIABLE, paths.cache.join("optimised-wasm"));
    Ok(folder)
}

pub fn is_called_as_wasm_opt() -> bool {
    std::env::args_os().next().is_some_and(|name| Path::new(&name).ends_with("wasm-opt"))
}

/// Does what `wasm-opt` does with the same arguments.
pub fn run_cached() -> Result<ExitCode> {
    let real = std::env::var_os(REAL_VARIABLE).with_context(|| format!("{REAL_VARIABLE} is not set"))?;
    let kept = std::env::var_os(KEPT_VARIABLE).with_context(|| format!("{KEPT_VARIABLE} is not set"))?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(call) = Call::read(&arguments) else { return run_real(&real, &arguments) };
    let kept = PathBuf::from(kept);
    let result = kept.join(format!("{}.wasm", call.key(Path::new(&real))?));
    if !result.is_file() {
        let code = run_real(&real, &arguments)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
        std::fs::create_dir_all(&kept)?;
        let unfinished = kept.join(format!("{}.unfinished", std::process::id()));
        std::fs::copy(&call.output, &unfinished)?;
        std::fs::rename(&unfinished, &result)?;
        return forget_oldest(&kept).map(|()| code);
    }
    std::fs::copy(&result, &call.output).with_context(|| format!("cannot write {}", call.output.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A call that optimises one file; others, such as `--version`, are passed on.
#[derive(Debug, PartialEq)]
struct Call {
    input: PathBuf,
    output: PathBuf,
    options: Vec<String>,
}

impl Call {
    fn read(arguments: &[OsString]) -> Option<Self> {
        let (mut input, mut output, mut options) = (None, None, Vec::new());
        for argument in arguments {
            let text = argument.to_str()?;
            match text.strip_prefix("--output=") {
                Some(path) => output = Some(PathBuf::from(path)),
                None if text.starts_with('-') => options.push(text.to_owned()),
                None if input.is_none() => input = Some(PathBuf::from(text)),
                None => return None,
            }
        }
        Some(Self { input: input?, output: output?, options })
    }

    /// Names the result: the same wasm, options and version of wasm-opt give the same.
    fn key(&self, real: &Path) -> Result<String> {
        let wasm = std::fs::read(&self.input).with_context(|| format!("cannot read {}", self.input.display()))?;
        // `.bin/wasm-opt` is a link into the package, whose description has the version.
        let package = real.canonicalize()?.ancestors().nth(2).map(|folder| folder.join("package.json"));
        let version = package.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let mut hasher = Sha256::new();
        for part in [wasm.as_slice(), self.options.join(" ").as_bytes(), &version] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Ok(hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

fn run_real(real: &OsString, arguments: &[OsString]) -> Result<ExitCode> {
    let status = Command::new(real).args(arguments).status().context("cannot start wasm-opt; is Node.js installed?")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn forget_oldest(folder: &Path) -> Result<()> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(KEPT_FILES);
    for (_, path) in files.into_iter().take(surplus) {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Option<Call> {
        Call::read(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn trunks_way_of_calling_is_understood() {
        let call = read(&["--output=/t/a.wasm", "-Oz", "/s/a.wasm", "--enable-simd"]);
        let options = vec!["-Oz".to_owned(), "--enable-simd".to_owned()];
        assert_eq!(call, Some(Call { input: "/s/a.wasm".into(), output: "/t/a.wasm".into(), options }));
        assert_eq!(read(&["--version"]), None);
        assert_eq!(read(&["a.wasm", "b.wasm", "--output=c.wasm"]), None);
    }
}
