//! The network that judges generated pictures: a small classifier of CIFAR-10, which `cifar10.py` beside this file trained from
//! scratch. No recipe here learns from it, so none can learn to please it.

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use super::{FeatureError, Pretrained, WeightFile};
use crate::models::Frozen;
use crate::ops::{Conv, Dual, Linear};

/// Of all values of the training pictures, in [0, 1]: the mean and the standard deviation, as in `cifar10.py`.
const MEAN: f64 = 0.4734;
const DEVIATION: f64 = 0.2516;

/// What the network sees in pictures.
#[derive(Clone, Debug)]
pub struct Cifar10 {
    network: Frozen<Network>,
    hash: String,
}

impl Cifar10 {
    /// Height and width of the pictures that it takes, in pixels.
    pub const SIDE: usize = 32;

    /// Features of a picture.
    pub const FEATURES: usize = 192;

    /// The file with its weights, as the page's host has it.
    pub const FILE: WeightFile =
        WeightFile { name: "cifar10.safetensors", bytes: 1_372_700, hash: "c1dafaafdc9a33cdd4be0d2a84b21609" };

    /// What it is called in the names of scores.
    pub const SHORT: &str = "c10";

    /// What CIFAR-10 has pictures of, in the order of the classes.
    pub const CLASSES: [&str; 10] =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// Index of the class of dogs.
    pub const DOG: usize = 5;

    /// The network with the weights of `cifar10.safetensors`, a file of `cifar10.py`.
    ///
    /// # Errors
    /// [`FeatureError`] if the file is damaged or another network's.
    pub fn new(weights: &[u8], device: &Device) -> Result<Self, FeatureError> {
        let weights = Pretrained::read("the CIFAR-10 classifier", &[weights])?;
        let network = weights.freeze(&Network::new(device), device)?;
        Ok(Self { network, hash: weights.hash().to_owned() })
    }

    /// Identifies the weights, as [`Pretrained::hash`].
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What the last convolution found, averaged over the picture.
    ///
    /// # Shapes
    /// - `pictures`: `[batch, 3, 32, 32]` in [-1, 1]
    /// - returns: `[batch, 192]`, none of them negative
    pub fn features(&self, pictures: Tensor<4>) -> Tensor<2> {
        self.network.features(pictures)
    }

    /// How probable each of [`Cifar10::CLASSES`] is.
    ///
    /// # Shapes
    /// - `features`: `[batch, 192]`
    /// - returns: `[batch, 10]` in [0, 1]; each row adds up to 1
    pub fn probabilities(&self, features: Tensor<2>) -> Tensor<2> {
        softmax(self.network.classes.forward(features.into()).value, 1)
    }
}

/// Batch norm is part of the convolutions, as it doesn't change any more.
#[derive(Module, Debug)]
struct Network {
    stem: Conv,
    down1: Conv,
    residual1: Residual,
    down2: Conv,
    residual2: Residual,
    down3: Conv,
    classes: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        let conv = |channels| conv(channels, device);
        Self {
            stem: conv([3, 32]),
            down1: conv([32, 64]).with_stride(2, 1),
            residual1: Residual::new(64, device),
            down2: conv([64, 128]).with_stride(2, 1),
            residual2: Residual::new(128, device),
            down3: conv([128, Cifar10::FEATURES]).with_stride(2, 1),
            classes: Linear::new([Cifar10::FEATURES, Cifar10::CLASSES.len()], device).with_bias(),
        }
    }

    fn features(&self, pictures: Tensor<4>) -> Tensor<2> {
        // From [-1, 1] by way of [0, 1] to mean 0 and deviation 1.
        let x = pictures * (0.5 / DEVIATION) + (0.5 - MEAN) / DEVIATION;
        let x = relu(&self.stem, x.into());
        let x = self.residual1.forward(relu(&self.down1, x));
        let x = self.residual2.forward(relu(&self.down2, x));
        let x = relu(&self.down3, x).value;
        let [batch, channels, height, width] = x.dims();
        x.reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels])
    }
}

/// Two convolutions beside an identity (He et al. 2016, arXiv:1512.03385).
#[derive(Module, Debug)]
struct Residual {
    first: Conv,
    second: Conv,
}

impl Residual {
    fn new(width: usize, device: &Device) -> Self {
        Self { first: conv([width, width], device), second: conv([width, width], device) }
    }

    fn forward(&self, x: Dual<4>) -> Dual<4> {
        (x.clone() + self.second.forward(relu(&self.first, x))).leaky_relu(0.0)
    }
}

fn conv(channels: [usize; 2], device: &Device) -> Conv {
    Conv::new(channels, 3, device).with_bias()
}

fn relu(conv: &Conv, x: Dual<4>) -> Dual<4> {
    conv.forward_leaky_relu(x, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_knows_the_weights() {
        let content = include_bytes!("cifar10.safetensors");
        assert!(Cifar10::FILE.is_whole(content) && Cifar10::FILE.bytes == content.len() as u64);
    }
}
