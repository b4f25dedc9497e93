//! Trainings of so many minutes of processor time each.

use super::{Measurement, table, write_results};
use crate::build;
use crate::files;
use crate::paths::Paths;
use crate::process::{capture, run, tool};
use crate::setup;
use crate::steps::{Steps, with_clock};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The terminal program, and how long it trains. By processor time, so that other work of the machine changes little.
/// `RAYON_NUM_THREADS` sets the number of threads, as for every training.
pub struct Trainings {
    program: PathBuf,
    /// For the runs.
    folder: PathBuf,
    budget: Duration,
    paths: Paths,
}

impl Trainings {
    /// Compiles the program. The runs lie in the folder `name` of the cache.
    pub fn prepare(name: &str, minutes: &str) -> Result<Self> {
        let minutes: u32 = minutes.parse().with_context(|| format!("{minutes} is not a number of minutes"))?;
        let paths = Paths::find()?;
        let steps = Steps::default();
        setup::prepare(&setup::training_parts(), &paths, &steps)?;
        steps.run("Compile the terminal program", || build::compile_bare_program(&paths))?;
        let folder = paths.cache.join(name);
        files::create_folder(&folder)?;
        // The program as it is now: it may be compiled again while this goes on.
        let program = folder.join(format!("whelp{}", std::env::consts::EXE_SUFFIX));
        std::fs::copy(build::program(&paths), &program).context("cannot copy the terminal program")?;
        Ok(Self { program, folder, budget: Duration::from_secs(60 * u64::from(minutes)), paths })
    }

    /// Trains on the built-in dogs with these arguments, and returns the run's folder. A run that ends earlier by itself is fine.
    pub fn train(&self, name: &str, arguments: &[String]) -> Result<String> {
        let out = self.folder.join(name.replace([',', ' ', '=', '/'], "-"));
        if out.exists() {
            std::fs::remove_dir_all(&out).with_context(|| format!("cannot remove {}", out.display()))?;
        }
        with_clock(name, || self.train_into(&out, arguments))?;
        Ok(out.display().to_string())
    }

    fn train_into(&self, out: &Path, arguments: &[String]) -> Result<()> {
        let mut command = tool(&self.program, &self.paths);
        command.args(["train", "--time", "100h", "--data", "builtin:dogs", "--device", "cpu"]);
        command.args(["--set", "data.horizontal_flip=true"]).args(arguments).arg("--out").arg(out);
        let mut training = command.stderr(Stdio::null()).spawn().context("cannot start the training")?;
        while training.try_wait()?.is_none() && processor_time(training.id())? < self.budget {
            std::thread::sleep(Duration::from_millis(200));
        }
        if training.try_wait()?.is_none() {
            // As Ctrl-C: it saves a checkpoint.
            run(Command::new("kill").args(["-INT", &training.id().to_string()]))?;
        }
        training.wait()?;
        Ok(())
    }

    /// What the program answers as JSON.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = tool(&self.program, &self.paths);
        Ok(serde_json::from_str(&capture(command.args(arguments).arg("--json"))?)?)
    }

    /// Writes a table of what was measured so far.
    pub fn write(&self, file: &str, command: &str, measurements: &[Measurement]) -> Result<()> {
        write_results(&self.paths.root.join(file), command, &table(measurements))
    }
}

/// Processor time that a process has used so far, of all its threads together.
fn processor_time(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path)
        .with_context(|| format!("{path} can't be read, which tells the processor time: this needs Linux"))?;
    processor_time_in(&stat).with_context(|| format!("{path} does not tell the processor time: {stat}"))
}

/// The fields utime and stime of proc_pid_stat(5), which follow on the name in brackets.
fn processor_time_in(stat: &str) -> Option<Duration> {
    const TICKS_PER_SECOND: u64 = 100;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Duration::from_millis((field(14)? + field(15)?) * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_that_of_the_whole_process() {
        let stat = "42 (a) name) S 1 42 42 0 -1 4194304 100 0 0 0 1234 66 0 0 20 0 3 0 555";
        assert_eq!(processor_time_in(stat), Some(Duration::from_secs(13)));
        assert_eq!(processor_time_in("42 (x) S 1"), None);
        let own = processor_time(std::process::id()).unwrap();
        assert!(own < Duration::from_secs(3600));
    }
}
