//! EfficientNet-Lite0 as a whole, up to the features that its classes are told by.

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use super::lite0::NAME;
use super::{FeatureError, Lite0, Pretrained};
use crate::config::{Resolution, Taps};
use crate::models::Frozen;
use crate::ops::{Conv, Linear};

/// What the last convolution found, averaged over the picture. Scores on these features say little about a generator whose
/// discriminator looks through the same network.
#[derive(Clone, Debug)]
pub struct PooledLite0 {
    body: Frozen<Lite0>,
    head: Frozen<Head>,
    classes: Frozen<Classes>,
    hash: String,
}

/// Behind the last block.
#[derive(Module, Debug)]
struct Head {
    head: Conv,
}

/// Behind the features.
#[derive(Module, Debug)]
struct Classes {
    classes: Linear,
}

impl PooledLite0 {
    /// Height and width of the pictures that it was trained on, in pixels.
    pub const SIDE: usize = 224;

    /// Features of a picture.
    pub const FEATURES: usize = 1280;

    /// Classes of ImageNet that it tells apart.
    pub const CLASSES: usize = 1000;

    /// Channels of the last block.
    const CHANNELS: usize = 320;

    /// The network with the weights in the contents of [`lite0::FILES`](super::lite0::FILES).
    ///
    /// # Errors
    /// [`FeatureError`] if a file is damaged or another network's.
    pub fn new(files: &[&[u8]], device: &Device) -> Result<Self, FeatureError> {
        let weights = Pretrained::read(NAME, files)?;
        let head = Head { head: Conv::new([Self::CHANNELS, Self::FEATURES], 1, device).with_bias() };
        let classes = Classes { classes: Linear::new([Self::FEATURES, Self::CLASSES], device).with_bias() };
        Ok(Self {
            body: Lite0::new(Taps::Deep, &weights, device)?,
            head: weights.freeze(&head, device)?,
            classes: weights.freeze(&classes, device)?,
            hash: weights.hash().to_owned(),
        })
    }

    /// Identifies the weights, as [`Pretrained::hash`].
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// # Shapes
    /// - `pictures`: `[batch, 3, height, width]` in [-1, 1], of any size: it sees them as they are
    /// - returns: `[batch, 1280]`
    pub fn features(&self, pictures: Tensor<4>) -> Tensor<2> {
        let [_, _, height, width] = pictures.dims();
        let last = self
            .body
            .forward(pictures, Resolution { width, height })
            .pop()
            .expect("there is a tap behind the last block");
        let map = self.head.head.forward_relu6(last);
        let [batch, channels, height, width] = map.dims();
        map.reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels])
    }

    /// How probable each of ImageNet's classes is.
    ///
    /// # Shapes
    /// - `features`: `[batch, 1280]`, see [`PooledLite0::features`]
    /// - returns: `[batch, 1000]` in [0, 1]; each row adds up to 1
    pub fn probabilities(&self, features: Tensor<2>) -> Tensor<2> {
        softmax(self.classes.classes.forward(features.into()).value, 1)
    }
}
