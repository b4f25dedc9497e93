//! The small GANs that Whelp grew from. What their sources left open is as in DCGAN.

use super::Recipe;
use crate::config::{
    Architecture, AugmentConfig, Channels, Crop, DataConfig, Length, ModelConfig, Norm, OutputConfig, RunConfig,
    TrainConfig,
};

/// A GAN from a Keras notebook for a folder of dogs.
pub const KERAS_DOGS: Recipe = Recipe {
    name: "keras-dogs",
    summary: "DCGAN of a Keras notebook at 64 pixels, with shear, zoom and mirroring",
    advice: "for a folder of your own with a few hundred to a few thousand pictures",
    build: keras_dogs,
};

/// A generator from the Kaggle competition "Generative Dog Images".
pub const DENSE_UPSAMPLE: Recipe = Recipe {
    name: "dense-upsample",
    summary: "dense layer, then upsampling and convolutions, at 64 pixels",
    advice: "smooth pictures without the chequered pattern of transposed convolutions",
    build: dense_upsample,
};

/// A PyTorch GAN on Stanford Dogs.
pub const STANFORD_DOGS: Recipe = Recipe {
    name: "stanford-dogs",
    summary: "DCGAN with dropout instead of batch norm in the discriminator, at 64 pixels",
    advice: "for Stanford Dogs as it is unpacked, or any folder of folders",
    build: stanford_dogs,
};

/// The GAN of many first lessons.
pub const FASHION_MNIST: Recipe = Recipe {
    name: "fashion-mnist",
    summary: "dense networks on grey pictures of 28 pixels",
    advice: "for FashionMNIST's or MNIST's idx files; quick on any device",
    build: fashion_mnist,
};

fn keras_dogs() -> RunConfig {
    RunConfig {
        recipe: "keras-dogs".to_owned(),
        data: DataConfig { resolution: 64.into(), ..DataConfig::default() },
        // The order of the notebook's layers is convolution, LeakyReLU, batch norm.
        model: ModelConfig { discriminator_norm: Norm::BatchLast, ..ModelConfig::default() },
        train: TrainConfig {
            batch: 32,
            length: Length::Epochs(100),
            ema_half_life_kimg: 10.0,
            ..TrainConfig::default()
        },
        // The notebook augments only real pictures, so its generator learns to shear. Here generated pictures are
        // augmented too.
        augment: AugmentConfig { flip: true, shear: 0.2, zoom: 0.2, ..AugmentConfig::default() },
        // The notebook saves pictures after every epoch.
        output: OutputConfig {
            epoch_samples: Some(1),
            epoch_file: "output/epoch_{n}.png".to_owned(),
            ..OutputConfig::default()
        },
        ..RunConfig::default()
    }
}

fn dense_upsample() -> RunConfig {
    RunConfig {
        recipe: "dense-upsample".to_owned(),
        data: DataConfig { resolution: 64.into(), horizontal_flip: true, ..DataConfig::default() },
        model: ModelConfig {
            architecture: Architecture::DenseUpsample,
            // 0.25 is common in the competition's kernels.
            dropout: 0.25,
            generator_width: 32,
            discriminator_width: 32,
            ..ModelConfig::default()
        },
        train: TrainConfig {
            batch: 64,
            length: Length::Epochs(100),
            // This generator has no normalisation. With the discriminator's learning rate its tanh saturates, and all
            // pictures stay black. Two learning rates follow Heusel et al. 2017, arXiv:1706.08500.
            generator_lr: 1e-4,
            label_smoothing: 0.1,
            ema_half_life_kimg: 20.0,
            ..TrainConfig::default()
        },
        ..RunConfig::default()
    }
}

fn stanford_dogs() -> RunConfig {
    RunConfig {
        recipe: "stanford-dogs".to_owned(),
        // Trains on the boxes if there are annotations. `both` would add the whole pictures.
        data: DataConfig { resolution: 64.into(), crop: Crop::Box, ..DataConfig::default() },
        model: ModelConfig {
            latent: 128,
            discriminator_norm: Norm::None,
            dropout: 0.3,
            generator_width: 32,
            discriminator_width: 32,
            ..ModelConfig::default()
        },
        train: TrainConfig {
            batch: 32,
            length: Length::Epochs(10),
            generator_lr: 1e-3,
            discriminator_lr: 5e-4,
            ema_half_life_kimg: 10.0,
            ..TrainConfig::default()
        },
        ..RunConfig::default()
    }
}

fn fashion_mnist() -> RunConfig {
    RunConfig {
        recipe: "fashion-mnist".to_owned(),
        data: DataConfig { resolution: 28.into(), channels: Channels::Grey, ..DataConfig::default() },
        // Layers of 256, 512 and 1024 values, as in the usual lesson. Dropout keeps the discriminator from winning.
        model: ModelConfig {
            architecture: Architecture::Dense,
            generator_width: 128,
            discriminator_width: 128,
            dropout: 0.3,
            ..ModelConfig::default()
        },
        train: TrainConfig {
            batch: 128,
            length: Length::Epochs(25),
            // As in the usual lesson.
            beta1: 0.5,
            ..TrainConfig::default()
        },
        ..RunConfig::default()
    }
}
