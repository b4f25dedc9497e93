//! What Cargo.lock says about one package.

use anyhow::{Context, Result};
use std::path::Path;

/// The version of `package` in the workspace's Cargo.lock. wasm-bindgen's program must be of exactly the version of
/// the library that the page is compiled with.
pub fn locked_version(root: &Path, package: &str) -> Result<String> {
    let path = root.join("Cargo.lock");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    version_in(&text, package).with_context(|| format!("{} names no package `{package}`", path.display()))
}

/// Cargo writes one `[[package]]` table per package, `name` first and `version` on the next line. With several
/// versions of one package the last, which is the newest, counts.
fn version_in(lock: &str, package: &str) -> Option<String> {
    let name_line = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    let mut version = None;
    while lines.any(|line| line == name_line) {
        version = lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    }
    version.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"js-sys\"\nversion = \"0.3.90\"\n\n\
        [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"registry\"\n\n\
        [[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.2.131\"\ndependencies = [\n \"wasm-bindgen\",\n]\n\n\
        [[package]]\nname = \"png\"\nversion = \"0.17.2\"\n\n[[package]]\nname = \"png\"\nversion = \"0.18.1\"\n";

    #[test]
    fn the_version_is_that_of_the_package_of_exactly_this_name() {
        assert_eq!(version_in(LOCK, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in(LOCK, "wasm-bindgen-macro").as_deref(), Some("0.2.131"));
        assert_eq!(version_in(LOCK, "wasm"), None);
    }

    #[test]
    fn the_newest_of_several_versions_counts() {
        assert_eq!(version_in(LOCK, "png").as_deref(), Some("0.18.1"));
    }
}
