//! The browser that all of the page's tests drive: Chromium with WebGPU on a software GPU. The others: [`super::engines`].

use super::{Part, apt};
use crate::paths::Paths;
use crate::process::find_on_path;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Tells the tests, and this program, which browser to take.
pub const BROWSER_VARIABLE: &str = "WHELP_CHROMIUM";

const PURPOSE: &str = "the tests drive a Chromium browser";

pub struct Chromium;

impl Part for Chromium {
    fn name(&self) -> String {
        "Chromium, for the tests".to_owned()
    }

    fn is_ready(&self, _: &Paths) -> bool {
        find_browser().is_some()
    }

    fn install(&self, _: &Paths) -> Result<()> {
        if let Some(named) = std::env::var_os(BROWSER_VARIABLE) {
            bail!("{BROWSER_VARIABLE} names {}, which is not a file", named.display());
        }
        if apt::is_ubuntu() {
            bail!(
                "{PURPOSE}, and Ubuntu's own is a snap, which tests cannot drive. \
                 Install Google Chrome, or set {BROWSER_VARIABLE} to the path of a Chromium"
            );
        }
        apt::install(&["chromium"], PURPOSE)
    }
}

/// The browser to test with.
pub fn find_browser() -> Option<PathBuf> {
    find(BROWSER_VARIABLE, &["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"])
}

/// The program that the user names in `variable`, else the first of the usual names that is not a snap.
pub(super) fn find(variable: &str, usual: &[&str]) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    usual.iter().copied().filter_map(find_on_path).find(|path| !is_snap(path))
}

/// The description of the browser's own Vulkan driver, by which other programs can be made to use it.
pub fn find_swiftshader() -> Option<PathBuf> {
    const DESCRIPTION: &str = "vk_swiftshader_icd.json";
    let beside = find_browser().and_then(|browser| Some(browser.canonicalize().ok()?.with_file_name(DESCRIPTION)));
    // Debian's browser is started by a script that lies elsewhere.
    beside.into_iter().chain([Path::new("/usr/lib/chromium").join(DESCRIPTION)]).find(|path| path.is_file())
}

/// A snap's program is a link to snap itself, or Ubuntu's short script that starts the snap.
fn is_snap(path: &PathBuf) -> bool {
    path.starts_with("/snap")
        || path.canonicalize().is_ok_and(|real| real.ends_with("snap"))
        || std::fs::read(path).is_ok_and(|bytes| bytes.len() < 10_000 && contains(&bytes, b"/snap/bin/"))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
