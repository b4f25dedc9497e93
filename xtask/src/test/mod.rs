//! Every test there is.

mod again;
mod side_by_side;

use crate::build::{self, native};
use crate::bundle;
use crate::check;
use crate::count::Count;
use crate::files::{copy_different, write_if_different};
use crate::paths::Paths;
use crate::process::{run_watched, tool, with_log};
use crate::programs::{self, Device, GOLDEN, TRAINER};
use crate::setup::engines::Engine;
use crate::setup::{self, browser, lite0, onnxruntime};
use crate::steps::{Steps, with_clock};
use crate::wasm_opt::Effort;
use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

const BROWSER_TESTS: &str = "tests/browser/playwright.config.mjs";

/// Tells them where the golden checks for the browser are.
const GOLDEN_PROGRAM_VARIABLE: &str = "WHELP_GOLDEN_PROGRAM";

/// `cargo xtask test`: does every step even if one fails, so that one run shows all faults. The last line counts the
/// tests; a step that fails without a failed test, such as clippy, counts as one failure.
pub fn command() -> Result<ExitCode> {
    let paths = Paths::find()?;
    let run = TestRun::default();
    run.set_up(&setup::compiler_parts(), &paths)?;
    std::thread::scope(|scope| {
        // The native tests take longest, and there are crates that all others wait for: beside them there is time for what
        // is compiled for the browser, in a folder of its own.
        let page = scope.spawn(|| page_and_checks(&run, &paths));
        println!("The page is compiled meanwhile; what is said then is in {}.", paths.log("page").display());
        if let Err(error) = run.set_up(&setup::test_parts(), &paths) {
            run.step("Set up what the tests need", || Err(error));
        }
        run.step("Check formatting", || check::formatting(&paths));
        run.tests("Run the native tests", |count| native_tests(&paths, count));
        run.step("Run clippy, with CUDA compiled in", || check::lints(&paths));
        if with_clock("the page", || page.join()).is_err() {
            run.step("Compile the page", || bail!("given up: see above"));
        }
    });
    run.step("Bundle the page into dist/", || bundle::into(&paths.dist(), &Device::ALL, Effort::Quick, &paths));
    run.tests("Run the browser tests", |count| browser_tests(&paths, count));
    run.test("Serve the page and build it again, side by side", || side_by_side::both_end_well(&paths));
    run.test("Compile everything again: no crate of the registry", || again::nothing_is_compiled(&paths));
    run.steps.print_table();
    let count = run.count();
    println!("{} passed, {} failed", count.passed, count.failed);
    Ok(if count.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What needs nothing of the native tests, and nothing that they need.
fn page_and_checks(run: &TestRun, paths: &Paths) {
    let log = |name: &str| paths.log(name);
    match setup::bundling_parts(paths) {
        Ok(parts) => {
            if let Err(error) = with_log(&log("tools"), || run.set_up(&parts, paths)) {
                run.step("Set up the page's tools", || Err(error));
            }
        }
        Err(error) => run.step("Set up the page's tools", || Err(error)),
    }
    run.step("Compile the page", || with_log(&log("page"), || bundle::compile_page(paths)));
    for device in Device::ALL {
        let what = format!("Make the worker's program and the golden checks for {}", device.name());
        run.step(&what, || with_log(&log(device.name()), || program_and_checks(device, paths)));
    }
}

fn program_and_checks(device: Device, paths: &Paths) -> Result<()> {
    programs::compile(&[TRAINER, GOLDEN], device, paths)?;
    programs::make(TRAINER, device, Effort::Quick, paths)?;
    let golden = golden_program(paths);
    copy_different(&programs::make(GOLDEN, device, Effort::Quick, paths)?, &golden.join(device.name()))?;
    let page = b"<!doctype html>\n<title>golden</title>\n<link rel=\"icon\" href=\"data:,\">\n";
    write_if_different(&golden.join("index.html"), page)?;
    Ok(())
}

/// The folder of the checks of golden files that run in a browser, with a program in it for each device.
fn golden_program(paths: &Paths) -> PathBuf {
    paths.wasm_target.join("golden-page")
}

#[derive(Default)]
struct TestRun {
    steps: Steps,
    count: Mutex<Count>,
}

impl TestRun {
    /// A step that is no test by itself: it only counts if it fails.
    fn step(&self, what: &str, work: impl FnOnce() -> Result<()>) {
        self.tests(what, |_| work());
    }

    /// A step that is one test.
    fn test(&self, what: &str, work: impl FnOnce() -> Result<()>) {
        self.tests(what, |count| {
            work()?;
            count.passed += 1;
            Ok(())
        });
    }

    /// A step that counts its tests.
    fn tests(&self, what: &str, work: impl FnOnce(&mut Count) -> Result<()>) {
        let mut count = Count::default();
        let succeeded = self.steps.attempt(what, || work(&mut count));
        if !succeeded && count.failed == 0 {
            count.failed = 1;
        }
        self.add(count);
    }

    fn set_up(&self, parts: &setup::Parts, paths: &Paths) -> Result<()> {
        let failed = setup::as_many_as_possible(parts, paths, &self.steps)?;
        self.add(Count { passed: 0, failed });
        Ok(())
    }

    fn add(&self, count: Count) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += count;
    }

    fn count(&self) -> Count {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the library's tests that a graphics device has to be there: the set-up installed a software one.
const REQUIRE_GPU_VARIABLE: &str = "WHELP_REQUIRE_GPU";

/// The same of FashionMNIST.
const REQUIRE_FASHION_MNIST_VARIABLE: &str = "WHELP_REQUIRE_FASHION_MNIST";

/// And of the frozen network's weights.
const REQUIRE_LITE0_VARIABLE: &str = "WHELP_REQUIRE_LITE0";

/// In the release profile, because burn without optimisation is too slow to test. This compiles the terminal program too.
fn native_tests(paths: &Paths, count: &mut Count) -> Result<()> {
    native(&["test", "--no-fail-fast"], paths, |command| {
        let required = [REQUIRE_GPU_VARIABLE, REQUIRE_FASHION_MNIST_VARIABLE, REQUIRE_LITE0_VARIABLE];
        command.envs(required.map(|name| (name, "1"))).env(onnxruntime::MODULES_VARIABLE, onnxruntime::modules(paths));
        let succeeded = run_watched(command, |line| *count += Count::from_cargo_line(line))?;
        ensure!(succeeded && count.failed == 0, "the tests did not compile, or {} of them failed", count.failed);
        Ok(())
    })
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
        .env(GOLDEN_PROGRAM_VARIABLE, golden_program(paths))
        .env(lite0::WHOLE_FILE_VARIABLE, lite0::whole_file(paths));
    // Where an engine is named its tests may not be skipped; an empty name leaves them out.
    for engine in Engine::ALL {
        match engine.find() {
            Some(program) => command.env(engine.variable, program),
            None => {
                println!("   The tests in {} are left out: it is not here.", engine.name);
                command.env(engine.variable, "")
            }
        };
    }
    let succeeded = run_watched(&mut command, |_| ())?;
    let text = std::fs::read_to_string(&report).context("Playwright ended without a report")?;
    *count += Count::from_playwright_report(&text)?;
    ensure!(succeeded && count.failed == 0, "{} browser tests failed", count.failed);
    Ok(())
}
