//! One golden file.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use whelp::device::read_values;

/// One case: its tensors and its hyper-parameters.
pub struct Golden {
    pub name: String,
    pub case: Value,
    bytes: Vec<u8>,
}

impl Golden {
    /// The file `name` that holds `bytes`.
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let case = serde_json::from_str(&header.metadata().as_ref().unwrap()["case"]).unwrap();
        Self { name: name.to_owned(), case, bytes }
    }

    pub fn names(&self) -> Vec<String> {
        self.file().names().into_iter().map(str::to_owned).collect()
    }

    pub fn has(&self, tensor: &str) -> bool {
        self.file().tensor(tensor).is_ok()
    }

    pub fn shape(&self, tensor: &str) -> Vec<usize> {
        self.file().tensor(tensor).unwrap_or_else(|_| panic!("{}: no tensor {tensor}", self.name)).shape().to_vec()
    }

    /// Values as f32; u8 pixels keep their value.
    pub fn values(&self, tensor: &str) -> Vec<f32> {
        let file = self.file();
        let view = file.tensor(tensor).unwrap_or_else(|_| panic!("{}: no tensor {tensor}", self.name));
        match view.dtype() {
            Dtype::F32 => bytemuck::pod_collect_to_vec(view.data()),
            Dtype::U8 => view.data().iter().map(|v| f32::from(*v)).collect(),
            other => panic!("{}: {tensor} is {other:?}", self.name),
        }
    }

    /// Row-major whole numbers.
    pub fn integers(&self, tensor: &str) -> Vec<i64> {
        let file = self.file();
        let view = file.tensor(tensor).unwrap_or_else(|_| panic!("{}: no tensor {tensor}", self.name));
        assert_eq!(view.dtype(), Dtype::I64, "{}: {tensor}", self.name);
        bytemuck::pod_collect_to_vec(view.data())
    }

    pub fn tensor<const D: usize>(&self, tensor: &str, device: &Device) -> Tensor<D> {
        let shape: [usize; D] = self.shape(tensor).try_into().unwrap();
        Tensor::from_data(TensorData::new(self.values(tensor), shape), device)
    }

    pub fn number(&self, path: &str) -> f64 {
        let value = self.case.pointer(path).unwrap_or_else(|| panic!("{}: no {path} in case", self.name));
        value.as_f64().unwrap()
    }

    pub fn pair(&self, key: &str) -> [usize; 2] {
        serde_json::from_value(self.case[key].clone()).unwrap()
    }

    /// Compares under the case's tolerance rule.
    pub fn check(&self, tensor: &str, got: &[f32]) {
        let (rel, abs) = self.tolerance(tensor);
        assert_close(&format!("{}: {tensor}", self.name), got, &self.values(tensor), rel, abs);
    }

    pub async fn compare<const D: usize>(&self, tensor: &str, got: Tensor<D>) {
        assert_eq!(got.dims().to_vec(), self.shape(tensor), "{}: shape of {tensor}", self.name);
        self.check(tensor, &read(got).await);
    }

    /// Compares trained weights under the case's `weight_tolerance`, all tensors taken together.
    ///
    /// Adam's first steps are about lr · sign(gradient). Where a gradient is almost 0, rounding chooses its sign: a few
    /// weights may be off by steps of their own, all others by rounding alone.
    pub fn check_weights(&self, trained: &BTreeMap<String, Vec<f32>>) {
        let tolerance = |key: &str| self.number(&format!("/weight_tolerance/{key}"));
        let (abs, abs_all) = (tolerance("abs"), tolerance("abs_all"));
        let (mut within, mut total) = (0usize, 0usize);
        for (name, got) in trained {
            let want = self.values(name);
            assert_eq!(got.len(), want.len(), "{}: number of values of {name}", self.name);
            for (got, want) in got.iter().zip(want) {
                let error = f64::from((got - want).abs());
                // Not a number is not within anything.
                assert!(error <= abs_all, "{}: {name}: off by {error:e}, allowed {abs_all:e}", self.name);
                within += usize::from(error <= abs);
                total += 1;
            }
        }
        let share = within as f64 / total as f64;
        assert!(share >= tolerance("share"), "{}: only {share} of the weights are within {abs:e}", self.name);
    }

    fn tolerance(&self, tensor: &str) -> (f64, f64) {
        let overrides = self.case.get("tolerance_overrides").and_then(Value::as_object);
        let own = overrides.into_iter().flatten().find(|(pattern, _)| matches(pattern, tensor));
        let rule = own.map_or(&self.case["tolerance"], |(_, rule)| rule);
        (rule["rel"].as_f64().unwrap(), rule["abs"].as_f64().unwrap())
    }

    pub fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }
}

/// `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))
}

/// Row-major values of any tensor.
pub async fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let count = tensor.shape().num_elements();
    read_values([tensor.without_autodiff().reshape([count])]).await.unwrap().remove(0)
}

/// `|got - want| <= abs + rel * max|want|` for every element.
pub fn assert_close(name: &str, got: &[f32], want: &[f32], rel: f64, abs: f64) {
    assert_eq!(got.len(), want.len(), "{name}: number of values");
    let largest = want.iter().fold(0f64, |a, v| a.max(f64::from(v.abs())));
    let bound = abs + rel * largest;
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(*got) - f64::from(*want)).abs();
        assert!(error <= bound, "{name}[{i}]: {got} instead of {want}, off by {error:e}, allowed {bound:e}");
    }
}
