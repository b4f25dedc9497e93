//! Browsers of other engines than Chromium's, in which the page's tests do what a visitor does. A machine may lack them: the
//! tests in them are left out there, which is said.

use super::{Part, apt, browser};
use crate::paths::Paths;
use crate::process::capture;
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A browser of another engine, or the program that drives it.
pub struct Engine {
    /// As its makers call it.
    pub name: &'static str,
    /// Tells the tests where the program is, and that they may not be skipped.
    pub variable: &'static str,
    programs: &'static [&'static str],
    packages: &'static [&'static str],
    /// The first release that the tests' driver can talk to, where that matters.
    oldest: Option<u32>,
    /// Files that the tests need beside the program; one of each list, as they lie elsewhere on other systems.
    beside: &'static [&'static [&'static str]],
}

pub const FIREFOX: Engine = Engine {
    name: "Firefox",
    variable: "WHELP_FIREFOX",
    programs: &["firefox-esr", "firefox"],
    packages: &["firefox-esr"],
    // Playwright's commands for WebDriver BiDi: 140 lacks some, 153 has all.
    oldest: Some(153),
    beside: &[],
};

/// WebKitGTK's driver, a screen for the windows, and what `tests/browser/webkit/browser.py` opens them with.
pub const WEBKIT: Engine = Engine {
    name: "WebKitGTK",
    variable: "WHELP_WEBKIT_DRIVER",
    programs: &["WebKitWebDriver"],
    packages: &["webkit2gtk-driver", "gir1.2-webkit2-4.1", "python3-gi", "xvfb"],
    oldest: None,
    beside: &[
        &["/usr/bin/Xvfb"],
        &["/usr/lib/python3/dist-packages/gi", "/usr/lib64/python3/site-packages/gi"],
        &[
            "/usr/lib/x86_64-linux-gnu/girepository-1.0/WebKit2-4.1.typelib",
            "/usr/lib/aarch64-linux-gnu/girepository-1.0/WebKit2-4.1.typelib",
            "/usr/lib64/girepository-1.0/WebKit2-4.1.typelib",
            "/usr/lib/girepository-1.0/WebKit2-4.1.typelib",
        ],
    ],
};

impl Engine {
    pub const ALL: [Self; 2] = [FIREFOX, WEBKIT];

    /// The program, if all is there that the tests need.
    pub fn find(&self) -> Option<PathBuf> {
        let is_complete = self.beside.iter().all(|places| places.iter().any(|place| Path::new(place).exists()));
        browser::find(self.variable, self.programs).filter(|program| is_complete && self.is_new_enough(program))
    }

    fn is_new_enough(&self, program: &Path) -> bool {
        let Some(oldest) = self.oldest else { return true };
        capture(Command::new(program).arg("--version"))
            .is_ok_and(|text| release(&text).is_some_and(|found| found >= oldest))
    }
}

impl Part for Engine {
    fn name(&self) -> String {
        format!("{}, for the tests", self.name)
    }

    fn is_ready(&self, _: &Paths) -> bool {
        self.find().is_some()
    }

    fn install(&self, _: &Paths) -> Result<()> {
        let packages = self.packages.join(" ");
        if let Some(named) = std::env::var_os(self.variable) {
            let age = self.oldest.map_or_else(String::new, |oldest| format!(", or is older than release {oldest}"));
            bail!("{} names {}, which is not a file{age}, or lacks one of {packages}", self.variable, named.display());
        }
        let is_snap = self.name == FIREFOX.name && apt::is_ubuntu();
        if is_snap || !apt::can_install() {
            println!(
                "   The tests in {} will be left out: it can't be installed here. They need {packages}.",
                self.name
            );
            return Ok(());
        }
        // An old list has an old browser.
        apt::refresh();
        if let Err(error) = apt::install(self.packages, &format!("some tests drive {}", self.name)) {
            println!("   The tests in {} will be left out: {error:#}.", self.name);
            return Ok(());
        }
        if let Some(program) =
            browser::find(self.variable, self.programs).filter(|program| !self.is_new_enough(program))
        {
            println!(
                "   The tests in {} will be left out: {} is too old for their driver.",
                self.name,
                program.display()
            );
            return Ok(());
        }
        ensure!(self.find().is_some(), "{packages} are installed, but {} is not where it is looked for", self.name);
        Ok(())
    }
}

/// The number of the release in what a program says of its version, e.g. `Mozilla Firefox 153.8.0esr`.
fn release(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_the_first_number_of_a_version() {
        assert_eq!(release("Mozilla Firefox 153.8.0esr\n"), Some(153));
        assert_eq!(release("Mozilla Firefox 140.10.2esr"), Some(140));
        assert_eq!(release("Firefox"), None);
    }
}
