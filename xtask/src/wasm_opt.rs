//! What trunk runs as `wasm-opt`. Trunk runs wasm-opt at every build and every start of its server, even of wasm that
//! has not changed, and for burn it takes long. So trunk is given this program under that name: it lets the real one do its
//! work only for a build that is to be published, and then remembers what came out. In any other the real one just takes the names
//! of functions out.

use crate::paths::Paths;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How the program called as `wasm-opt` learns where the real one is, what to do, and where to keep results.
const REAL_VARIABLE: &str = "WHELP_REAL_WASM_OPT";
const EFFORT_VARIABLE: &str = "WHELP_WASM_EFFORT";
const KEPT_VARIABLE: &str = "WHELP_KEPT_WASM";

/// Four programs make up the page: enough for a few branches.
const KEPT_FILES: usize = 16;

/// What is done instead of what `-O` and a level stand for: that took the largest program from 10.30 MB to 9.20, but from
/// 1.66 MB to 1.79 in brotli, as it numbers local variables anew. These passes leave them alone: 9.95 MB, and 1.64. Functions that
/// are alike have names that are alike, and brotli finds what is near: in order of their names they are smaller by another
/// fortieth.
const PASSES: [&str; 11] = [
    "--duplicate-function-elimination",
    "--dce",
    "--remove-unused-brs",
    "--vacuum",
    "--optimize-instructions",
    "--precompute",
    "--simplify-locals-nostructure",
    "--vacuum",
    "--remove-unused-module-elements",
    "--reorder-functions-by-name",
    WITHOUT_NAMES,
];

/// Takes the names of functions out.
const WITHOUT_NAMES: &str = "--strip-debug";

/// How much time a smaller page is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The wasm as wasm-bindgen wrote it, without the names of functions.
    Quick,
    /// wasm-opt as well, and a minute for files that are compressed as much as can be.
    Full,
}

/// Prepares `command`, which is trunk. Returns the folder that has to be on its PATH.
pub fn offer_to(command: &mut Command, effort: Effort, paths: &Paths) -> Result<PathBuf> {
    let folder = paths.cache.join("shims");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    // Linked anew each time: the link of another checkout may lead to a program that is gone. Renamed, not replaced,
    // so that there is a link at every moment.
    let fresh = folder.join(format!("wasm-opt.{}", std::process::id()));
    std::os::unix::fs::symlink(std::env::current_exe()?, &fresh)
        .and_then(|()| std::fs::rename(&fresh, folder.join("wasm-opt")))
        .with_context(|| format!("cannot link wasm-opt in {}", folder.display()))?;
    effort.tell(command);
    command.env(REAL_VARIABLE, real_program(paths)).env(KEPT_VARIABLE, kept_folder(paths));
    Ok(folder)
}

/// What trunk has done to the programs that it bundles, for one that it does not.
pub fn optimise_file(file: &Path, paths: &Paths) -> Result<()> {
    let call = Call { input: file.to_owned(), output: file.to_owned(), options: Vec::new() };
    optimise(&call, &PASSES, real_program(paths).as_os_str(), &kept_folder(paths))
}

/// What decides what becomes of a program, besides the program.
pub fn identity(paths: &Paths) -> Result<Vec<u8>> {
    Ok([PASSES.join(" ").as_bytes(), &version(&real_program(paths))?].concat())
}

/// Of the real wasm-opt: `.bin/wasm-opt` is a link into the package, whose description has the version.
fn version(real: &Path) -> Result<Vec<u8>> {
    let package = real.canonicalize()?.ancestors().nth(2).map(|folder| folder.join("package.json"));
    Ok(package.and_then(|path| std::fs::read(path).ok()).unwrap_or_default())
}

fn real_program(paths: &Paths) -> PathBuf {
    paths.node_program("wasm-opt")
}

fn kept_folder(paths: &Paths) -> PathBuf {
    paths.cache.join("optimised-wasm")
}

impl Effort {
    /// Tells a command how much time to take: this program called as `wasm-opt`, and `web/compress.mjs`.
    pub fn tell(self, command: &mut Command) {
        command.env(EFFORT_VARIABLE, self.name());
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }

    fn from_environment() -> Result<Self> {
        match variable(EFFORT_VARIABLE)?.to_str() {
            Some("quick") => Ok(Self::Quick),
            Some("full") => Ok(Self::Full),
            other => bail!("{EFFORT_VARIABLE} is {other:?}, not quick or full"),
        }
    }
}

pub fn is_called_as_wasm_opt() -> bool {
    std::env::args_os().next().is_some_and(|name| Path::new(&name).ends_with("wasm-opt"))
}

/// Does what trunk expects of `wasm-opt`.
pub fn run() -> Result<ExitCode> {
    let real = variable(REAL_VARIABLE)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(call) = Call::read(&arguments) else {
        let status = run_real(&real, &arguments)?;
        return Ok(if status { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    };
    match Effort::from_environment()? {
        Effort::Quick => apply(&call, &[WITHOUT_NAMES], &real, &call.output)?,
        Effort::Full => optimise(&call, &PASSES, &real, Path::new(&variable(KEPT_VARIABLE)?))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A call that optimises one file; others, such as `--version`, are passed on.
#[derive(Debug, PartialEq)]
struct Call {
    input: PathBuf,
    output: PathBuf,
    /// Those that say nothing of how to optimise.
    options: Vec<String>,
}

impl Call {
    fn read(arguments: &[OsString]) -> Option<Self> {
        let (mut input, mut output, mut options) = (None, None, Vec::new());
        for argument in arguments {
            let text = argument.to_str()?;
            match text.strip_prefix("--output=") {
                Some(path) => output = Some(PathBuf::from(path)),
                None if text.starts_with("-O") => {}
                None if text.starts_with('-') => options.push(text.to_owned()),
                None if input.is_none() => input = Some(PathBuf::from(text)),
                None => return None,
            }
        }
        Some(Self { input: input?, output: output?, options })
    }

    /// What wasm-opt is told besides the files.
    fn options<'a>(&'a self, passes: &'a [&str]) -> Vec<&'a str> {
        passes.iter().copied().chain(self.options.iter().map(String::as_str)).collect()
    }
}

/// Runs the real wasm-opt, unless its result is known.
fn optimise(call: &Call, passes: &[&str], real: &OsStr, kept: &Path) -> Result<()> {
    std::fs::create_dir_all(kept).with_context(|| format!("cannot make the folder {}", kept.display()))?;
    let key = key(&call.input, &call.options(passes).join(" "), Path::new(real))?;
    let result = kept.join(format!("{key}.wasm"));
    if !result.is_file() {
        let unfinished = kept.join(format!("{key}.unfinished"));
        apply(call, passes, real, &unfinished)?;
        std::fs::rename(&unfinished, &result)?;
        forget_oldest(kept)?;
    }
    copy(&result, &call.output)
}

/// Runs the real wasm-opt, which writes to `output`.
fn apply(call: &Call, passes: &[&str], real: &OsStr, output: &Path) -> Result<()> {
    let mut arguments: Vec<OsString> = call.options(passes).into_iter().map(OsString::from).collect();
    arguments.extend([call.input.clone().into(), "-o".into(), output.into()]);
    if !run_real(real, &arguments)? {
        bail!("wasm-opt failed on {}", call.input.display());
    }
    Ok(())
}

/// Names the result: the same wasm, options and version of wasm-opt give the same.
fn key(input: &Path, options: &str, real: &Path) -> Result<String> {
    let wasm = std::fs::read(input).with_context(|| format!("cannot read {}", input.display()))?;
    let version = version(real)?;
    let mut hasher = Sha256::new();
    for part in [wasm.as_slice(), options.as_bytes(), &version] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Ok(hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// Whether it succeeded; what it had to say, it has said.
fn run_real(real: &OsStr, arguments: &[OsString]) -> Result<bool> {
    let status = Command::new(real).args(arguments).status();
    Ok(status.context("cannot start wasm-opt; is Node.js installed?")?.success())
}

fn forget_oldest(folder: &Path) -> Result<()> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .flatten()
        .filter(|entry| entry.path().extension() == Some(OsStr::new("wasm")))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(KEPT_FILES);
    for (_, path) in files.into_iter().take(surplus) {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<OsString> {
    std::env::var_os(name).with_context(|| format!("{name} is not set"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
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
        let options = vec!["--enable-simd".to_owned()];
        assert_eq!(call, Some(Call { input: "/s/a.wasm".into(), output: "/t/a.wasm".into(), options }));
        assert_eq!(read(&["--version"]), None);
        assert_eq!(read(&["a.wasm", "b.wasm", "--output=c.wasm"]), None);
    }
}
