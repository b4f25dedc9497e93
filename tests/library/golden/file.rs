//! Where golden files are, and checks that wait for the device.

use std::fs;
use std::path::PathBuf;

use burn::tensor::Tensor;
use futures_lite::future::block_on;

pub use super::checks::file::Golden;
use super::checks::file::read;

/// Another folder of golden files than this repository's.
fn foreign_folder() -> Option<PathBuf> {
    std::env::var_os("WHELP_GOLDEN_DIR").map(PathBuf::from)
}

/// Where the files are.
pub fn folder() -> PathBuf {
    foreign_folder().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"))
}

impl Golden {
    pub fn load(name: &str) -> Self {
        let path = folder().join(format!("{name}.safetensors"));
        Self::new(name, fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// Every case whose name begins with `prefix`; at least one.
    pub fn load_all(prefix: &str) -> Vec<Self> {
        let all = Self::find_all(prefix);
        assert!(!all.is_empty(), "no golden file in {} begins with {prefix}", folder().display());
        all
    }

    /// As [`Golden::load_all`], for a kind that came later than the others: a foreign folder may have none of it.
    pub fn load_all_if_known(prefix: &str) -> Vec<Self> {
        if foreign_folder().is_none() {
            return Self::load_all(prefix);
        }
        let all = Self::find_all(prefix);
        if all.is_empty() {
            eprintln!("skipped: no golden file in {} begins with {prefix}", folder().display());
        }
        all
    }

    fn find_all(prefix: &str) -> Vec<Self> {
        let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = entries.filter_map(|name| name.strip_suffix(".safetensors").map(str::to_owned));
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        names.iter().map(|name| Self::load(name)).collect()
    }

    pub fn check_tensor<const D: usize>(&self, tensor: &str, got: Tensor<D>) {
        block_on(self.compare(tensor, got));
    }
}

/// Row-major values of any tensor.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    block_on(read(tensor))
}
