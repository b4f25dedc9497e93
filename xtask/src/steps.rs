//! Steps of work: each says what it does, how long it took and, at the end, stands in a table.

use anyhow::Result;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

pub struct Steps {
    start: Instant,
    done: Vec<Step>,
}

impl Default for Steps {
    fn default() -> Self {
        Self { start: Instant::now(), done: Vec::new() }
    }
}

struct Step {
    what: String,
    took: Duration,
    succeeded: bool,
}

impl Steps {
    /// Does one step; its failure ends the command.
    pub fn run(&mut self, what: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("== {what}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        println!("   {} after {}", verb(result.is_ok()), in_words(took));
        self.done.push(Step { what: what.to_owned(), took, succeeded: result.is_ok() });
        result
    }

    /// Takes in a step that was done beside others; its failure is shown.
    pub fn add(&mut self, what: &str, took: Duration, result: Result<()>) {
        println!("== {what}: {} after {}", verb(result.is_ok()), in_words(took));
        self.done.push(Step { what: what.to_owned(), took, succeeded: result.is_ok() });
        if let Err(error) = result {
            eprintln!("error: {error:#}");
        }
    }

    /// Does one step; its failure is shown at once, and the steps after it are still done.
    pub fn attempt(&mut self, what: &str, work: impl FnOnce() -> Result<()>) -> bool {
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
        let width = self.done.iter().map(|step| step.what.chars().count()).max().unwrap_or(0);
        println!("\nDurations");
        for step in &self.done {
            let mark = if step.succeeded { "" } else { "   FAILED" };
            println!("  {:width$}  {:>12}{mark}", step.what, in_words(step.took));
        }
        println!("  {:width$}  {:>12}\n", "from start to end", in_words(self.start.elapsed()));
    }
}

fn verb(succeeded: bool) -> &'static str {
    if succeeded { "done" } else { "failed" }
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
        let mut steps = Steps::default();
        assert!(!steps.attempt("fails", || anyhow::bail!("on purpose")));
        assert!(steps.attempt("works", || Ok(())));
        assert_eq!(steps.done.len(), 2);
    }
}
