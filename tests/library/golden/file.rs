//! Where golden files are, and checks that wait for the device.

use std::fs;
use std::path::PathBuf;

use burn::tensor::Tensor;
use futures_lite::future::block_on;
use safetensors::Dtype;

pub use super::checks::file::Golden;
use super::checks::file::read;

/// Where the files are.
fn folder() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    std::env::var_os("WHELP_GOLDEN_DIR").map_or_else(own, PathBuf::from)
}

impl Golden {
    pub fn load(name: &str) -> Self {
        let path = folder().join(format!("{name}.safetensors"));
        Self::new(name, fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// Every case whose name begins with `prefix`; at least one.
    pub fn load_all(prefix: &str) -> Vec<Self> {
        let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = entries.filter_map(|name| name.strip_suffix(".safetensors").map(str::to_owned));
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        assert!(!names.is_empty(), "no golden file begins with {prefix}");
        names.iter().map(|name| Self::load(name)).collect()
    }

    /// Rows of whole numbers.
    pub fn integers(&self, tensor: &str) -> Vec<i64> {
        let file = self.file();
        let view = file.tensor(tensor).unwrap_or_else(|_| panic!("{}: no tensor {tensor}", self.name));
        assert_eq!(view.dtype(), Dtype::I64, "{}: {tensor}", self.name);
        bytemuck::pod_collect_to_vec(view.data())
    }

    pub fn check_tensor<const D: usize>(&self, tensor: &str, got: Tensor<D>) {
        block_on(self.compare(tensor, got));
    }
}

/// Row-major values of any tensor.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    block_on(read(tensor))
}
