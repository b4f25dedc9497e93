//! FashionMNIST, which one recipe is tested on.

use super::{Part, apt};
use crate::paths::Paths;
use anyhow::Result;
use std::path::Path;

pub struct FashionMnist;

impl Part for FashionMnist {
    fn name(&self) -> String {
        "FashionMNIST".into()
    }

    fn is_ready(&self, _: &Paths) -> bool {
        Path::new("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz").is_file()
    }

    fn install(&self, _: &Paths) -> Result<()> {
        apt::install(&["dataset-fashion-mnist"], "a recipe is tested on FashionMNIST")
    }
}
