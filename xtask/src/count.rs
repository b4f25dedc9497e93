//! Counting tests, from what their runners print.

use anyhow::{Context, Result};
use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Count {
    /// From a line of `cargo test`: `test result: ok. 12 passed; 0 failed; 1 ignored; …`. Other lines count nothing.
    pub fn from_cargo_line(line: &str) -> Self {
        let Some((_, results)) = line.split_once("test result: ") else { return Self::default() };
        let number_before = |word: &str| {
            let before = results.split_once(word)?.0.trim_end();
            before.rsplit(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
        };
        Self { passed: number_before(" passed").unwrap_or(0), failed: number_before(" failed").unwrap_or(0) }
    }

    /// From Playwright's JSON report. A test that passed only when repeated has failed once too often.
    pub fn from_playwright_report(report: &str) -> Result<Self> {
        let report: serde_json::Value = serde_json::from_str(report).context("Playwright's report is not JSON")?;
        let number = |name: &str| {
            report["stats"][name].as_u64().with_context(|| format!("Playwright's report has no number stats.{name}"))
        };
        Ok(Self { passed: number("expected")?, failed: number("unexpected")? + number("flaky")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_results_are_read_from_their_line_alone() {
        let line = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.52s";
        assert_eq!(Count::from_cargo_line(line), Count { passed: 12, failed: 0 });
        let line = "test result: FAILED. 7 passed; 105 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Count::from_cargo_line(line), Count { passed: 7, failed: 105 });
        assert_eq!(Count::from_cargo_line("test data::folder_with_3 passed; 4 failed ... ok"), Count::default());
    }

    #[test]
    fn playwright_results_are_read_from_its_stats() {
        let report = r#"{"suites": [], "stats": {"expected": 9, "skipped": 1, "unexpected": 2, "flaky": 1}}"#;
        assert_eq!(Count::from_playwright_report(report).unwrap(), Count { passed: 9, failed: 3 });
        assert!(Count::from_playwright_report("{}").is_err());
        assert!(Count::from_playwright_report("not a report").is_err());
    }
}
