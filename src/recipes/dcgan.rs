//! DCGAN (Radford et al. 2016, arXiv:1511.06434), as the PyTorch tutorial trains it.

use super::Recipe;
use crate::config::{DataConfig, OutputConfig, RunConfig};

/// 32 pixels: the tutorial's networks without their deepest layer.
pub const DCGAN32: Recipe = Recipe {
    name: "dcgan32",
    summary: "DCGAN of the PyTorch tutorial at 32 pixels",
    advice: "the quickest way to see something; a good first run on any device",
    build: RunConfig::default,
};

/// 64 pixels: the tutorial's networks.
pub const DCGAN64: Recipe = Recipe {
    name: "dcgan64",
    summary: "DCGAN of the PyTorch tutorial at 64 pixels",
    advice: "for a GPU, or for pictures of your own that are at least 64 pixels wide",
    build: dcgan64,
};

fn dcgan64() -> RunConfig {
    RunConfig {
        recipe: "dcgan64".to_owned(),
        data: DataConfig { resolution: 64.into(), ..DataConfig::default() },
        // A grid every five epochs, as the tutorial's users expect.
        output: OutputConfig { epoch_samples: Some(5), ..OutputConfig::default() },
        ..RunConfig::default()
    }
}
