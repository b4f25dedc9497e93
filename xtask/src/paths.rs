//! Where things lie: the checkout, and the cache that outlives it.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

pub struct Paths {
    /// The checkout.
    pub root: PathBuf,
    /// All that is slow to make and the same for every checkout.
    pub cache: PathBuf,
    /// Programs that the build needs, each in a folder named after its version.
    pub tools: PathBuf,
    /// The built-in pictures.
    pub assets: PathBuf,
    /// What is compiled for this machine, unless the caller has set `CARGO_TARGET_DIR`.
    pub target: PathBuf,
    /// What is compiled for the browser, in an environment of its own: see [`crate::setup::wasm_target`].
    pub wasm_target: PathBuf,
    /// The worker's compiled programs, ready for a browser: see [`crate::programs`].
    pub programs: PathBuf,
}

impl Paths {
    pub fn find() -> Result<Self> {
        // Read when run, not when compiled: several checkouts may share one target folder, hence this very program.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("start this program as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("the xtask folder has no parent")?.to_owned();
        let cache = cache_folder(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
            .context("no folder for the cache: set HOME or WHELP_CACHE")?;
        let target = match std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
            Some(target) => std::path::absolute(target)?,
            None => cache.join("target"),
        };
        Ok(Self {
            root,
            tools: cache.join("tools"),
            assets: cache.join("assets"),
            wasm_target: target.join("wasm"),
            target,
            programs: cache.join("programs"),
            cache,
        })
    }

    /// The page, ready for any server of static files.
    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// Where `index.html` finds the built-in pictures; not part of the repository.
    pub fn generated_assets(&self) -> PathBuf {
        self.root.join("web/assets/generated")
    }

    /// Where something that is done beside something else writes what it has to say.
    pub fn log(&self, name: &str) -> PathBuf {
        self.target.join(format!("{name}.log"))
    }

    pub fn node_program(&self, name: &str) -> PathBuf {
        self.root.join("node_modules/.bin").join(name)
    }
}

fn cache_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("WHELP_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("whelp")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/whelp")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(set: &[(&str, &str)]) -> Option<PathBuf> {
        cache_folder(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn the_cache_is_where_the_user_wants_it() {
        let all = [("WHELP_CACHE", "/w"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(cache_with(&all), Some("/w".into()));
        assert_eq!(cache_with(&all[1..]), Some("/x/whelp".into()));
        assert_eq!(cache_with(&all[2..]), Some("/h/.cache/whelp".into()));
        assert_eq!(cache_with(&[]), None);
    }
}
