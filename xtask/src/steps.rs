//! Steps of work: each says what it does, how long it took and, at the end, stands in a table.

use anyhow::Result;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The steps of a command; several threads may do steps at a time.
pub struct Steps {
    start: Instant,
    done: Mutex<Vec<Step>>,
}

impl Default for Steps {
    fn default() -> Self {
        Self { start: Instant::now(), done: Mutex::default() }
    }
}

struct Step {
    what: String,
    took: Duration,
    succeeded: bool,
}

impl Steps {
    /// Does one step; its failure ends the command.
    pub fn run<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {what}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        println!("   {what}: {} after {}", if result.is_ok() { "done" } else { "failed" }, in_words(took));
        self.lock().push(Step { what: what.to_owned(), took, succeeded: result.is_ok() });
        result
    }

    /// Does one step; its failure is shown at once, and the steps after it are still done.
    pub fn attempt(&self, what: &str, work: impl FnOnce() -> Result<()>) -> bool {
        match self.run(what, work) {
            Ok(()) => true,
            Err(error) => {
                eprintln!("error: {error:#}");
                false
            }
        }
    }

    /// What took how long. Steps done beside others make the sum larger than the time that has passed.
    pub fn print_table(&self) {
        let done = self.lock();
        let width = done.iter().map(|step| step.what.chars().count()).max().unwrap_or(0);
        println!("\nDurations");
        for step in done.iter() {
            let mark = if step.succeeded { "" } else { "   FAILED" };
            println!("  {:width$}  {:>12}{mark}", step.what, in_words(step.took));
        }
        println!("  {:width$}  {:>12}\n", "from start to end", in_words(self.start.elapsed()));
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Step>> {
        self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Does silent work while showing how long it has been going on.
pub fn with_clock<T: Send>(label: &str, work: impl FnOnce() -> T + Send) -> T {
    let in_terminal = std::io::stdout().is_terminal();
    let interval = if in_terminal { Duration::from_secs(1) } else { Duration::from_secs(20) };
    let (finished, wait) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let start = Instant::now();
            while wait.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let line = format!("   {label}: {}", in_words(start.elapsed()));
                if in_terminal {
                    print!("\r{line} ");
                    let _ = std::io::stdout().flush();
                } else {
                    println!("{line}");
                }
            }
            if in_terminal {
                print!("\r{:60}\r", "");
            }
        });
        let result = work();
        drop(finished);
        result
    })
}

pub fn in_words(time: Duration) -> String {
    let secs = time.as_secs();
    if secs >= 60 { format!("{} min {:02} s", secs / 60, secs % 60) } else { format!("{:.1} s", time.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_and_carry_units() {
        assert_eq!(in_words(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(in_words(Duration::from_secs(62)), "1 min 02 s");
        assert_eq!(in_words(Duration::from_secs(3600)), "60 min 00 s");
    }

    #[test]
    fn a_failed_attempt_does_not_end_the_command() {
        let steps = Steps::default();
        assert!(!steps.attempt("fails", || anyhow::bail!("on purpose")));
        assert!(steps.attempt("works", || Ok(())));
        assert_eq!(steps.lock().len(), 2);
    }
}
