//! A projected discriminator: Sauer et al. 2021, "Projected GANs Converge Faster", arXiv:2111.01007.
//!
//! It does not look at pixels alone. A frozen network that knows pictures turns them into maps at several depths, fixed
//! random convolutions mix these maps, and one small head a map tells real from generated. One more head sees the pixels
//! themselves, which the paper does not have: it keeps colours and variety, which the frozen network pays little heed to.

mod head;
mod mixing;
mod spectral;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use head::{Head, HeadLayer};
pub use mixing::{Mix, top_down};
pub use spectral::SpectralConv;

use super::Frozen;
use super::layers::{Builder, Kind, Layer, Layers, picture_size};
use crate::config::{Resolution, Taps};
use crate::features::{self, FeatureError, Lite0, Pretrained};
use crate::ops::Dual;
use crate::weights::DeviceTensor;

/// Sizes of the discriminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProjectedConfig {
    /// Channels of a picture.
    pub channels: usize,
    /// Width and height of a picture.
    pub resolution: Resolution,
    /// Width and height that the frozen network sees a picture in.
    pub network_size: Resolution,
    /// The blocks of the frozen network whose maps are judged.
    pub taps: Taps,
    /// Channels inside the heads. The mixed maps, and the first layer on the pixels, have half as many.
    pub width: usize,
    /// Whether a head judges the pixels.
    pub pixel_head: bool,
}

impl ProjectedConfig {
    /// Layers of all heads, one head after the other. What is frozen counts only by the memory that its gradients need.
    pub fn layers(&self) -> Vec<Layer> {
        let Self { channels, resolution, network_size, taps, width, pixel_head } = *self;
        let picture = picture_size(channels, resolution);
        let mut layers = Layers::new(picture);
        layers.add("", Kind::Features, [features::lite0::kept_values(taps, network_size), 1, 1], 1);
        let maps = features::lite0::map_sizes(taps, network_size);
        for (i, (map_channels, [rows, columns])) in maps.iter().enumerate() {
            layers.add(format!("mixing.{i}"), Kind::Mix { channels: *map_channels }, [width / 2, *rows, *columns], 2);
            head::add_layers(&mut layers, &format!("heads.{i}"), width, false);
        }
        if pixel_head {
            layers.add("", Kind::Pixels, picture, 0);
            head::add_layers(&mut layers, &format!("heads.{}", maps.len()), width, true);
        }
        layers.add("", Kind::MeanLogit, [1, 1, 1], 0);
        layers.finish()
    }
}

/// The heads, and what they look through.
#[derive(Module, Debug)]
pub struct ProjectedDiscriminator {
    /// The largest map first.
    mixing: Vec<Mix>,
    /// One a map, the largest first; the head on the pixels is the last.
    heads: Vec<Head>,
    network: Frozen<Lite0>,
    #[module(skip)]
    network_size: Resolution,
    pixel_head: bool,
}

impl ProjectedDiscriminator {
    /// # Errors
    /// [`FeatureError`] if the weights are not those of the frozen network.
    pub(super) fn new(
        builder: &Builder<'_>,
        config: &ProjectedConfig,
        backbone: &Pretrained,
        device: &Device,
    ) -> Result<Self, FeatureError> {
        Ok(Self {
            mixing: builder.each("mixing", |mix| Mix::new(&mix)),
            heads: builder.each("heads", |head| Head::new(&head)),
            network: Lite0::new(config.taps, backbone, device)?,
            network_size: config.network_size,
            pixel_head: config.pixel_head,
        })
    }

    /// Scales the mixing so that every mixed channel of these real pictures has mean 0 and deviation 1. To be called once,
    /// before the first step.
    ///
    /// # Shapes
    /// - `real`: `[batch, channels, height, width]` in [-1, 1]; a few hundred
    pub fn calibrate(&self, real: Tensor<4>) {
        let maps = self.network.forward(coloured(real.without_autodiff()), self.network_size);
        self.mixing.iter().zip(maps).for_each(|(mix, map)| mix.calibrate(map));
        self.settle();
    }

    /// How many layers a head has; 0 for one that there is not.
    pub(super) fn layers_of(&self, head: usize) -> usize {
        self.heads.get(head).map_or(0, Head::layers)
    }

    /// Brings the power iterations of all heads near their ends, as for new weights.
    pub fn settle(&self) {
        self.heads.iter().for_each(Head::settle);
    }

    /// Weights of the frozen network, by path below it.
    pub fn frozen_tensors(&self) -> Vec<DeviceTensor> {
        self.network.tensors()
    }

    /// The frozen network's maps after the mixing of their channels, which [`Self::calibrate`] scales.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]` in [-1, 1]
    /// - returns: `[batch, width / 2, height, width]` each
    pub fn mixed_channels(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let maps = self.network.forward(coloured(images), self.network_size);
        self.mixing.iter().zip(maps).map(|(mix, map)| mix.mix_channels(map)).collect()
    }

    /// What the heads look at: the mixed maps, then the pictures. Gradients flow back to the pictures, if they have
    /// autodiff, and to nothing else.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]` in [-1, 1]
    /// - returns: `[batch, width / 2, height, width]` each
    pub fn view(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let maps = self.network.forward(coloured(images.clone()), self.network_size);
        let mut views = mixing::top_down(&self.mixing, maps);
        if self.pixel_head {
            views.push(images);
        }
        views
    }

    /// The logits of each head, whatever their number.
    ///
    /// # Shapes
    /// - `views`: from [`Self::view`]
    /// - returns: `[batch, 1, rows, columns]` each
    pub fn judge(&self, views: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        self.heads.iter().zip(views).map(|(head, view)| head.forward(view)).collect()
    }

    /// The mean over the heads of the mean of their logits.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`, without a tangent
    /// - returns: `[batch, 1]`
    pub fn forward(&self, image: Dual<4>) -> Dual<2> {
        mean_logit(self.judge(self.view(image.value))).unsqueeze_dim::<2>(1).into()
    }
}

/// A picture's logit: the mean over the heads of the mean of their logits.
///
/// # Shapes
/// - `logits`: `[batch, 1, rows, columns]` each
/// - returns: `[batch]`
pub fn mean_logit(logits: Vec<Tensor<4>>) -> Tensor<1> {
    let heads = logits.len() as f64;
    let means = logits.into_iter().map(|logits| {
        let [batch, _, height, width] = logits.dims();
        logits.reshape([batch, height * width]).mean_dim(1).squeeze_dim::<1>(1)
    });
    means.reduce(|a, b| a + b).expect("there is at least one head") / heads
}

/// Grey pictures in three channels, as the frozen network takes them.
fn coloured(images: Tensor<4>) -> Tensor<4> {
    match images.dims()[1] {
        1 => images.repeat_dim(1, 3),
        _ => images,
    }
}
