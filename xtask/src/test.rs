//! Every test there is.

use crate::build::{self, NATIVE_PACKAGES};
use crate::check;
use crate::checkouts::forget_other_checkouts;
use crate::count::Count;
use crate::paths::Paths;
use crate::process::{cargo, run_into, run_watched, tool};
use crate::setup::{self, browser};
use crate::steps::{Steps, with_clock};
use crate::wasm_opt::Effort;
use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::io::{Write, stdout};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const BROWSER_TESTS: &str = "tests/browser/playwright.config.mjs";

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
    run.step("Check formatting", || check::formatting(&paths));
    let log_path = paths.target.join("beside-the-tests.log");
    let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    std::thread::scope(|scope| {
        // The native program takes longest, and there are crates that all its others wait for: beside it there is time
        // for everything else that is compiled, each in a folder of its own.
        let beside = scope.spawn(|| beside_the_native_tests(&log, &paths));
        println!("The page is compiled and clippy run meanwhile; what they say comes when they are waited for.");
        run.tests("Run the native tests", |count| native_tests(&paths, count));
        run.tests("Run xtask's own tests", |count| own_tests(&paths, count));
        let finished = with_clock("the page and clippy", || beside.join());
        print!("{}", std::fs::read_to_string(&log_path).unwrap_or_default());
        match finished {
            Ok(steps) => steps.into_iter().for_each(|step| run.add(step)),
            Err(_) => run.step("Compile the page and run clippy", || bail!("given up: see above")),
        }
    });
    run.step("Bundle the page into dist/", || build::bundle_page(Effort::Quick, &paths));
    run.tests("Run the browser tests", |count| browser_tests(&paths, count));
    run.steps.print_table();
    println!("{} passed, {} failed", run.count.passed, run.count.failed);
    Ok(if run.count.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A step that was done beside others.
struct StepBeside {
    what: &'static str,
    took: Duration,
    result: Result<Count>,
}

/// What needs nothing of the native tests, and nothing that they need. All it says goes into `log`.
fn beside_the_native_tests(log: &File, paths: &Paths) -> Vec<StepBeside> {
    let mut steps = Vec::new();
    let mut step = |what, work: &dyn Fn() -> Result<Count>| {
        let start = Instant::now();
        let result = work();
        steps.push(StepBeside { what, took: start.elapsed(), result });
    };
    step("Compile the page, and golden checks for it", &|| {
        build::compile_page_and_checks(log, paths).map(|()| Count::default())
    });
    step("Run clippy, with CUDA compiled in", &|| run_into(log, &mut check::clippy(paths)).map(|()| Count::default()));
    step("Run the page's unit tests", &|| page_tests(log, paths));
    steps
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

    fn add(&mut self, step: StepBeside) {
        let (count, result) = match step.result {
            Ok(count) => (count, Ok(())),
            Err(error) => (Count { passed: 0, failed: 1 }, Err(error)),
        };
        self.steps.add(step.what, step.took, result);
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
    run_cargo_tests(&mut command, stdout(), count)
}

/// Without burn, which the page does not contain, so that they compile quickly even unoptimised.
fn page_tests(log: &File, paths: &Paths) -> Result<Count> {
    let mut count = Count::default();
    let mut command = cargo(paths);
    command.args(["test", "--package", "whelp-page"]);
    command.stderr(log.try_clone().context("the log cannot be shared")?);
    run_cargo_tests(&mut command, log, &mut count)?;
    Ok(count)
}

fn own_tests(paths: &Paths, count: &mut Count) -> Result<()> {
    run_cargo_tests(cargo(paths).args(["test", "--release", "--package", "xtask"]), stdout(), count)
}

fn run_cargo_tests(command: &mut Command, output: impl Write, count: &mut Count) -> Result<()> {
    let succeeded = run_watched(command, output, |line| *count += Count::from_cargo_line(line))?;
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
        .env(build::PROGRAM_VARIABLE, build::program(paths))
        .env(GOLDEN_PROGRAM_VARIABLE, build::golden_program(paths));
    let succeeded = run_watched(&mut command, stdout(), |_| ())?;
    let text = std::fs::read_to_string(&report).context("Playwright ended without a report")?;
    *count += Count::from_playwright_report(&text)?;
    ensure!(succeeded && count.failed == 0, "{} browser tests failed", count.failed);
    Ok(())
}
