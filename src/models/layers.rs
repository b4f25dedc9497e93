//! Networks as lists of layers. Each family of networks lists its layers once: its modules are made from that list, and
//! parameters and memory are counted by it.

use burn::module::Param;
use burn::tensor::{Device, Tensor};

use super::BatchNorm;
use super::projected::SpectralConv;
use crate::config::Resolution;
use crate::ops::{Conv, ConvTranspose, Linear};

/// Channels, rows and columns of what a layer takes or gives for one picture. A vector has one row and one column.
pub type Size = [usize; 3];

/// Size of a picture.
pub fn picture_size(channels: usize, resolution: Resolution) -> Size {
    [channels, resolution.height, resolution.width]
}

/// One layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Path of the module that holds its tensors, as in a checkpoint: `blocks.0.conv`. Empty where there are none.
    pub name: String,
    /// What it computes.
    pub kind: Kind,
    /// Size of what it takes.
    pub input: Size,
    /// Size of what it gives.
    pub output: Size,
    /// How many times as many numbers as the output has it keeps in memory for the gradients; measured
    /// (`tests/cli/memory.rs` of the terminal program).
    pub kept: usize,
}

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A [`Conv`].
    Conv(ConvKind),
    /// A [`ConvTranspose`].
    ConvTranspose {
        /// Side of the kernel.
        kernel: usize,
        /// Output pixels from one input pixel to the next.
        stride: usize,
        /// Output pixels that are cut off at each side.
        padding: usize,
    },
    /// A [`Linear`] layer over all values of its input.
    Linear {
        /// Whether something is added to each output.
        has_bias: bool,
    },
    /// A [`BatchNorm`].
    BatchNorm,
    /// `x` where x > 0, else `slope x`.
    LeakyRelu {
        /// 0 for a ReLU.
        slope: f32,
    },
    /// The hyperbolic tangent.
    Tanh,
    /// Where values are dropped if the settings say so.
    Dropout,
    /// Every pixel four times: twice as many rows and columns.
    NearestUp,
    /// Twice as many rows and columns, smoothed by [1, 2, 1].
    BlurUp,
    /// Half as many rows and columns, smoothed by [1, 2, 1].
    BlurDown,
    /// One more channel: the standard deviation over the batch, averaged.
    MinibatchStddev,
    /// A learnt picture, each channel of which the input scales.
    Basis,
    /// A depthwise convolution that leaves one pixel: a sum over each channel with learnt weights.
    Depthwise,
    /// Adds what the residual block began with.
    Add,
    /// A [`SpectralConv`].
    SpectralConv(ConvKind),
    /// A frozen network, by what it leaves in memory for the gradient by the picture. What follows begins at one of its
    /// maps, so the layer before is not its input.
    Features,
    /// A [`Mix`](super::projected::Mix) of a map of the frozen network, of so many channels.
    Mix {
        /// Channels of the map.
        channels: usize,
    },
    /// The picture again: what follows begins there.
    Pixels,
    /// The mean over all logits of all heads.
    MeanLogit,
    /// Appends a vector that is learnt for each class to the input.
    AppendClass {
        /// Number of classes.
        classes: usize,
    },
    /// The inner product of the input with a vector that is learnt for each class.
    ProjectClass {
        /// Number of classes.
        classes: usize,
    },
}

/// How a convolution's square kernel moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvKind {
    /// Side of the kernel.
    pub kernel: usize,
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// Zeros on each side of the input.
    pub padding: usize,
    /// Separate parts of the channels.
    pub groups: usize,
    /// Whether something is added to each output channel.
    pub has_bias: bool,
}

impl ConvKind {
    /// One pixel to one pixel, without bias.
    pub const POINT: Self = Self { kernel: 1, stride: 1, padding: 0, groups: 1, has_bias: false };
}

/// A tensor of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerTensor {
    /// Its name in the network, as in a checkpoint: `blocks.0.conv.weight`.
    pub name: String,
    /// Row-major.
    pub shape: Vec<usize>,
    /// Whether it is a [`Buffer`](super::Buffer): batch norm's running statistics.
    pub is_buffer: bool,
}

impl Layer {
    /// Its tensors, in the order in which its module has them.
    pub fn tensors(&self) -> Vec<LayerTensor> {
        let ([channels_in, ..], [channels_out, rows, columns]) = (self.input, self.output);
        let tensor = |field: &str, shape: &[usize]| {
            let name = if field.is_empty() { self.name.clone() } else { format!("{}.{field}", self.name) };
            LayerTensor { name, shape: shape.to_vec(), is_buffer: false }
        };
        let buffer = |field: &str, count: usize| LayerTensor { is_buffer: true, ..tensor(field, &[count]) };
        let with_bias = |weight: LayerTensor, has_bias: bool| {
            let outputs = weight.shape[0];
            [weight].into_iter().chain(has_bias.then(|| tensor("bias", &[outputs]))).collect()
        };
        match self.kind {
            Kind::Conv(ConvKind { kernel, groups, has_bias, .. }) => {
                with_bias(tensor("weight", &[channels_out, channels_in / groups, kernel, kernel]), has_bias)
            }
            Kind::ConvTranspose { kernel, .. } => vec![tensor("weight", &[channels_in, channels_out, kernel, kernel])],
            Kind::Linear { has_bias } => {
                with_bias(tensor("weight", &[values(self.output), values(self.input)]), has_bias)
            }
            Kind::BatchNorm => {
                let parameter = |field| tensor(field, &[channels_out]);
                let running = |field| buffer(field, channels_out);
                vec![parameter("gamma"), parameter("beta"), running("running_mean"), running("running_var")]
            }
            Kind::SpectralConv(ConvKind { kernel, .. }) => {
                let columns = channels_in * kernel * kernel;
                let weight = tensor("weight", &[channels_out, channels_in, kernel, kernel]);
                vec![weight, tensor("bias", &[channels_out]), buffer("u", channels_out), buffer("v", columns)]
            }
            Kind::Mix { channels } => vec![
                buffer("ccm", channels_out * channels),
                buffer("ccm_bias", channels_out),
                buffer("csm", channels_out * channels_out),
            ],
            Kind::Basis => vec![tensor("", &[channels_out, rows, columns])],
            Kind::Depthwise => vec![tensor("", &self.input)],
            Kind::AppendClass { classes } => vec![tensor("weight", &[classes, channels_out - channels_in])],
            Kind::ProjectClass { classes } => vec![tensor("weight", &[classes, channels_in])],
            Kind::LeakyRelu { .. }
            | Kind::Tanh
            | Kind::Dropout
            | Kind::NearestUp
            | Kind::BlurUp
            | Kind::BlurDown
            | Kind::MinibatchStddev
            | Kind::Features
            | Kind::Pixels
            | Kind::MeanLogit
            | Kind::Add => Vec::new(),
        }
    }

    /// Whether it multiplies its input with learnt weights: the layers that take the most time, and memory at once.
    pub fn is_product(&self) -> bool {
        matches!(self.kind, Kind::Conv(_) | Kind::SpectralConv(_) | Kind::ConvTranspose { .. } | Kind::Linear { .. })
    }
}

/// Numbers in one picture of this size.
pub fn values(size: Size) -> usize {
    size.iter().product()
}

/// Trained numbers of a network; its buffers don't count.
pub fn count_parameters(layers: &[Layer]) -> usize {
    let tensors = layers.iter().flat_map(Layer::tensors).filter(|tensor| !tensor.is_buffer);
    tensors.map(|tensor| tensor.shape.iter().product::<usize>()).sum()
}

/// A list under construction: each layer takes what the one before gives.
#[derive(Debug)]
pub(super) struct Layers {
    list: Vec<Layer>,
    size: Size,
}

impl Layers {
    /// No layer yet, of a network that takes `input`.
    pub fn new(input: Size) -> Self {
        Self { list: Vec::new(), size: input }
    }

    /// Size of what the last layer gives.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All layers.
    pub fn finish(self) -> Vec<Layer> {
        self.list
    }

    /// A convolution to so many channels.
    pub fn conv(&mut self, name: impl Into<String>, channels: usize, kind: ConvKind) -> &mut Self {
        let output = self.convolved(channels, kind);
        self.add(name, Kind::Conv(kind), output, 1)
    }

    /// A convolution with spectral normalisation, to so many channels.
    pub fn spectral_conv(&mut self, name: impl Into<String>, channels: usize, kind: ConvKind) -> &mut Self {
        let output = self.convolved(channels, kind);
        self.add(name, Kind::SpectralConv(kind), output, 1)
    }

    fn convolved(&self, channels: usize, kind: ConvKind) -> Size {
        let [_, rows, columns] = self.size;
        let ConvKind { kernel, stride, padding, .. } = kind;
        let [rows, columns] = [rows, columns].map(|side| (side + 2 * padding - kernel) / stride + 1);
        [channels, rows, columns]
    }

    /// A transposed convolution to so many channels.
    pub fn conv_transpose(
        &mut self,
        name: impl Into<String>,
        channels: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> &mut Self {
        let [_, rows, columns] = self.size;
        let [rows, columns] = [rows, columns].map(|side| (side - 1) * stride + kernel - 2 * padding);
        self.add(name, Kind::ConvTranspose { kernel, stride, padding }, [channels, rows, columns], 1)
    }

    /// A dense layer, whose values are taken as of the size `output`.
    pub fn linear(&mut self, name: impl Into<String>, output: Size, has_bias: bool) -> &mut Self {
        self.add(name, Kind::Linear { has_bias }, output, 1)
    }

    /// A batch norm: its result, and what of that a process had in memory besides.
    pub fn batch_norm(&mut self, name: impl Into<String>) -> &mut Self {
        self.add(name, Kind::BatchNorm, self.size, 2)
    }

    /// A LeakyReLU, which is part of the layer before it.
    pub fn leaky_relu(&mut self, slope: f32) -> &mut Self {
        self.add("", Kind::LeakyRelu { slope }, self.size, 0)
    }

    /// A layer without tensors that keeps `kept` times its output.
    pub fn then(&mut self, kind: Kind, kept: usize) -> &mut Self {
        let [channels, rows, columns] = self.size;
        let output = match kind {
            Kind::NearestUp | Kind::BlurUp => [channels, 2 * rows, 2 * columns],
            Kind::BlurDown => [channels, rows / 2, columns / 2],
            Kind::MinibatchStddev => [channels + 1, rows, columns],
            _ => self.size,
        };
        self.add("", kind, output, kept)
    }

    /// Another layer.
    pub fn add(&mut self, name: impl Into<String>, kind: Kind, output: Size, kept: usize) -> &mut Self {
        self.list.push(Layer { name: name.into(), kind, input: self.size, output, kept });
        self.size = output;
        self
    }

    /// The layer that was added last keeps `kept` times its output.
    pub fn keeping(&mut self, kept: usize) -> &mut Self {
        if let Some(last) = self.list.last_mut() {
            last.kept = kept;
        }
        self
    }
}

/// Makes the parts of a network's module from the list of its layers, all of them zero (see
/// [`initialize`](super::initialize)). Each part is found by its path.
#[derive(Clone, Debug)]
pub(super) struct Builder<'a> {
    layers: &'a [Layer],
    device: &'a Device,
    path: String,
}

impl<'a> Builder<'a> {
    /// At the network itself.
    pub fn new(layers: &'a [Layer], device: &'a Device) -> Self {
        Self { layers, device, path: String::new() }
    }

    /// At a part of it: `conv`, `blocks.0`.
    pub fn at(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, ..self.clone() }
    }

    /// At a part of it, if the list has one.
    pub fn find(&self, name: &str) -> Option<Self> {
        let part = self.at(name);
        let is_below = |layer: &Layer| {
            layer.name.strip_prefix(&part.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.layers.iter().any(is_below).then_some(part)
    }

    /// What `make` makes of `name.0`, `name.1` and so on.
    pub fn each<T>(&self, name: &str, make: impl Fn(Self) -> T) -> Vec<T> {
        (0..).map_while(|index| self.find(&format!("{name}.{index}"))).map(make).collect()
    }

    /// Size of what the network gives.
    pub fn output(&self) -> Size {
        self.layers.last().map(|layer| layer.output).unwrap_or_default()
    }

    /// Whether the network has a layer of this kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.layers.iter().any(|layer| layer.kind == kind)
    }

    /// The layer here.
    ///
    /// # Panics
    /// If the list has none: a family's module and its list do not agree.
    pub fn layer(&self) -> &'a Layer {
        let layer = self.layers.iter().find(|layer| layer.name == self.path);
        layer.unwrap_or_else(|| panic!("no layer is called {}", self.path))
    }

    pub fn conv(&self) -> Conv {
        let Layer { kind, input, output, .. } = self.layer();
        let Kind::Conv(ConvKind { kernel, stride, padding, groups, has_bias }) = *kind else { self.disagree() };
        let conv = Conv::new([input[0], output[0]], kernel, self.device).with_stride(stride, padding);
        let conv = if groups == 1 { conv } else { conv.with_groups(groups) };
        if has_bias { conv.with_bias() } else { conv }
    }

    pub fn spectral_conv(&self) -> SpectralConv {
        let Layer { kind, input, output, .. } = self.layer();
        let Kind::SpectralConv(kind) = *kind else { self.disagree() };
        SpectralConv::new([input[0], output[0]], kind, self.device)
    }

    /// Zeros for the tensors of a layer whose tensors are all buffers.
    pub fn buffers<const N: usize>(&self) -> [Tensor<1>; N] {
        let zeros = |tensor: LayerTensor| Tensor::zeros([tensor.shape.iter().product::<usize>()], self.device);
        let buffers: Vec<Tensor<1>> = self.layer().tensors().into_iter().map(zeros).collect();
        buffers.try_into().unwrap_or_else(|_| self.disagree())
    }

    pub fn conv_transpose(&self) -> ConvTranspose {
        let Layer { kind, input, output, .. } = self.layer();
        let Kind::ConvTranspose { kernel, stride, padding } = *kind else { self.disagree() };
        ConvTranspose::new([input[0], output[0]], kernel, stride, padding, self.device)
    }

    pub fn linear(&self) -> Linear {
        let Layer { kind, input, output, .. } = self.layer();
        let Kind::Linear { has_bias } = *kind else { self.disagree() };
        let linear = Linear::new([values(*input), values(*output)], self.device);
        if has_bias { linear.with_bias() } else { linear }
    }

    pub fn batch_norm(&self) -> BatchNorm {
        let Layer { kind: Kind::BatchNorm, output, .. } = self.layer() else { self.disagree() };
        BatchNorm::new(output[0], self.device)
    }

    /// The first tensor of a layer that is no module of its own.
    pub fn parameter<const D: usize>(&self) -> Param<Tensor<D>> {
        let tensors = self.layer().tensors();
        let Some(shape) = tensors.first().and_then(|tensor| <[usize; D]>::try_from(tensor.shape.as_slice()).ok())
        else {
            self.disagree()
        };
        Param::from_tensor(Tensor::zeros(shape, self.device))
    }

    fn disagree(&self) -> ! {
        panic!("the layer {} is another one than its module: {:?}", self.path, self.layer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Architecture, Norm, RunConfig, Taps};
    use crate::data::PictureKind;
    use crate::features::{self, Lite0};
    use crate::models::{Discriminator, Generator, network_layers};
    use crate::recipes;
    use crate::weights::{self, DeviceTensor};

    const RGB: PictureKind = PictureKind { channels: 3, classes: 0 };

    fn check(config: &RunConfig, kind: PictureKind) {
        let device = crate::device::cpu();
        let lists = network_layers(config, kind);
        let generator = Generator::new(config, kind, &device);
        let discriminator = {
            let weights = Lite0::zero_file(Taps::Deep);
            let backbone = features::backbone(&[weights]).unwrap();
            Discriminator::new(config, kind, backbone.as_ref(), &device).unwrap()
        };
        let picture = picture_size(kind.channels, config.data.resolution);
        assert_eq!(lists[0].last().unwrap().output, picture);
        assert_eq!((lists[1][0].input, lists[1].last().unwrap().output), (picture, [1, 1, 1]));
        for (list, module) in lists.iter().zip([weights::collect(&generator), weights::collect(&discriminator)]) {
            for pair in list.windows(2) {
                assert_eq!(pair[0].output, pair[1].input, "{pair:?}");
            }
            let mut listed: Vec<LayerTensor> = list.iter().flat_map(Layer::tensors).collect();
            let of_module = |tensor: DeviceTensor| {
                let DeviceTensor { name, shape, is_buffer, .. } = tensor;
                LayerTensor { name, shape, is_buffer }
            };
            let mut found: Vec<LayerTensor> = module.into_iter().map(of_module).collect();
            listed.sort_by(|a, b| a.name.cmp(&b.name));
            found.sort_by(|a, b| a.name.cmp(&b.name));
            assert_eq!(listed, found);
        }
        assert_eq!(count_parameters(&lists[0]), weights::count_parameters(&generator));
        assert_eq!(count_parameters(&lists[1]), weights::count_parameters(&discriminator));
    }

    #[test]
    fn every_recipes_modules_have_the_tensors_that_are_listed() {
        for recipe in recipes::ALL {
            check(&recipe.config(), RGB);
        }
    }

    #[test]
    fn odd_sizes_have_the_tensors_that_are_listed() {
        let sizes = [
            (Architecture::Dcgan, 128),
            (Architecture::Dcgan, 256),
            (Architecture::DenseUpsample, 28),
            (Architecture::DenseUpsample, 256),
            (Architecture::Dense, 28),
            (Architecture::R3gan, 64),
            (Architecture::R3gan, 256),
        ];
        for (architecture, resolution) in sizes {
            for norm in [Norm::None, Norm::Batch, Norm::BatchLast] {
                for (minibatch_stddev, conditional) in [(false, false), (true, true)] {
                    let mut config = RunConfig::default();
                    config.data.resolution = resolution.into();
                    config.model.architecture = architecture;
                    config.model.discriminator_norm = norm;
                    config.model.minibatch_stddev = minibatch_stddev && architecture != Architecture::Dense;
                    config.model.conditional = conditional && architecture == Architecture::R3gan;
                    (config.model.latent, config.model.blocks) = (7, 3);
                    (config.model.generator_width, config.model.discriminator_width) = (6, 5);
                    check(&config, PictureKind { channels: 1, classes: 4 });
                }
            }
        }
    }

    #[test]
    fn rectangles_have_the_tensors_that_are_listed() {
        for architecture in [Architecture::R3gan, Architecture::Projected] {
            for (width, height) in [(64, 96), (96, 64), (48, 64), (28, 56)] {
                let mut config = RunConfig::default();
                config.data.resolution = Resolution { width, height };
                config.model.architecture = architecture;
                (config.model.latent, config.model.generator_width, config.model.discriminator_width) = (7, 6, 8);
                check(&config, RGB);
                let [generator, discriminator] = network_layers(&config, RGB);
                let [base_width, base_height] = [width, height].map(|side| side >> config.data.resolution.halvings());
                let basis = generator.iter().find(|layer| layer.kind == Kind::Basis).unwrap();
                assert_eq!(basis.output[1..], [base_height, base_width]);
                assert_eq!(discriminator[0].input, [3, height, width]);
            }
        }
    }
}
