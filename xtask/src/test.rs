//! Every test there is.

use crate::build::{self, NATIVE_PACKAGES};
use crate::check;
use crate::checkouts::forget_other_checkouts;
use crate::count::Count;
use crate::paths::Paths;
use crate::process::{cargo, run_watched, tool};
use crate::setup::{self, browser};
use crate::steps::{Steps, with_clock};
use crate::wasm_opt::Effort;
use anyhow::{Context, Result, bail, ensure};
use std::process::{Command, ExitCode};

const BROWSER_TESTS: &str = "tests/browser/playwright.config.mjs";

/// Tells tests where the compiled terminal program is.
const PROGRAM_VARIABLE: &str = "WHELP_PROGRAM";

/// Tells them where the golden checks for the browser are.
const GOLDEN_PROGRAM_VARIABLE: &str = "WHELP_GOLDEN_PROGRAM";

/// `cargo xtask test`: does every step even if one fails, so that one run shows all faults. The last line counts the
/// tests; a step that fails without a failed test, such as clippy, counts as one failure.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let mut run = TestRun::default();
    run.count.failed += setup::everything(&paths, &mut run.steps)?;
    // Before anything is compiled: it may not change what another step reads.
    forget_other_checkouts(&paths)?;
    let log_path = paths.target.join("page-build.log");
    let log = std::fs::File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    std::thread::scope(|scope| {
        // Neither this nor the steps beside it keep all processors busy: there are crates that everything waits for.
        let page = scope.spawn(|| build::compile_page_and_checks(&log, &paths));
        println!("The page is compiled meanwhile; what that says comes when it is waited for.");
        run.step("Check formatting", || check::formatting(&paths));
        run.step("Run clippy, with CUDA compiled in", || check::lints(&paths));
        run.tests("Run the native tests", |count| native_tests(&paths, count));
        run.tests("Run the page's unit tests", |count| page_tests(&paths, count));
        run.tests("Run xtask's own tests", |count| own_tests(&paths, count));
        run.step("Wait for the page, and golden checks for it, to be compiled", || {
            let compiled = with_clock("compiling", || page.join());
            print!("{}", std::fs::read_to_string(&log_path).unwrap_or_default());
            compiled.unwrap_or_else(|_| bail!("compiling the page was given up: see above"))
        });
    });
    run.step("Bundle the page into dist/", || build::bundle_page(Effort::Quick, &paths));
    run.tests("Run the browser tests", |count| browser_tests(&paths, count));
    run.steps.print_table();
    println!("{} passed, {} failed", run.count.passed, run.count.failed);
    Ok(if run.count.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct TestRun {
    steps: Steps,
    count: Count,
}

impl TestRun {
    fn step(&mut self, what: &str, work: impl FnOnce() -> Result<()>) {
        self.tests(what, |_| work());
    }

    fn tests(&mut self, what: &str, work: impl FnOnce(&mut Count) -> Result<()>) {
        let mut count = Count::default();
        let succeeded = self.steps.attempt(what, || work(&mut count));
        if !succeeded && count.failed == 0 {
            count.failed = 1;
        }
        self.count += count;
    }
}

/// Tells the library's tests that a graphics device has to be there: the set-up installed a software one.
const REQUIRE_GPU_VARIABLE: &str = "WHELP_REQUIRE_GPU";

/// The same of FashionMNIST.
const REQUIRE_FASHION_MNIST_VARIABLE: &str = "WHELP_REQUIRE_FASHION_MNIST";

/// In the release profile, because burn without optimisation is too slow to test. This compiles the terminal program too:
/// building it by itself first would unify other features and compile what they share a second time.
fn native_tests(paths: &Paths, count: &mut Count) -> Result<()> {
    let mut command = cargo(paths);
    command.args(["test", "--release", "--no-fail-fast"]).args(NATIVE_PACKAGES);
    command.envs([REQUIRE_GPU_VARIABLE, REQUIRE_FASHION_MNIST_VARIABLE].map(|name| (name, "1")));
    run_cargo_tests(&mut command, count)
}

/// Without burn, which the page does not contain, so that they compile quickly even unoptimised.
fn page_tests(paths: &Paths, count: &mut Count) -> Result<()> {
    run_cargo_tests(cargo(paths).args(["test", "--package", "whelp-page"]), count)
}

fn own_tests(paths: &Paths, count: &mut Count) -> Result<()> {
    run_cargo_tests(cargo(paths).args(["test", "--release", "--package", "xtask"]), count)
}

fn run_cargo_tests(command: &mut Command, count: &mut Count) -> Result<()> {
    let succeeded = run_watched(command, |line| *count += Count::from_cargo_line(line))?;
    ensure!(succeeded && count.failed == 0, "the tests did not compile, or {} of them failed", count.failed);
    Ok(())
}

/// Playwright's tests of the page in `dist/`.
fn browser_tests(paths: &Paths, count: &mut Count) -> Result<()> {
    ensure!(paths.root.join(BROWSER_TESTS).is_file(), "there are no browser tests: {BROWSER_TESTS} is missing");
    ensure!(paths.dist().join("index.html").is_file(), "there is no page to test: dist/index.html is missing");
    let Some(chromium) = browser::find_browser() else { bail!("there is no browser to test with; see the set-up") };
    let report = paths.target.join("playwright-report.json");
    let _ = std::fs::remove_file(&report);
    let mut command = tool(paths.node_program("playwright"), paths);
    command
        .args(["test", "--config", BROWSER_TESTS, "--reporter=list,json"])
        .env("PLAYWRIGHT_JSON_OUTPUT_FILE", &report)
        .env(browser::BROWSER_VARIABLE, chromium)
        .env(PROGRAM_VARIABLE, build::program(paths))
        .env(GOLDEN_PROGRAM_VARIABLE, build::golden_program(paths));
    let succeeded = run_watched(&mut command, |_| ())?;
    let text = std::fs::read_to_string(&report).context("Playwright ended without a report")?;
    *count += Count::from_playwright_report(&text)?;
    ensure!(succeeded && count.failed == 0, "{} browser tests failed", count.failed);
    Ok(())
}
