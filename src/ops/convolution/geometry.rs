//! The shapes of a convolution, and what follows from them.

#[cfg(any(feature = "wgpu", feature = "cuda"))]
use std::ops::Range;

use super::Convolution;

/// The shapes of a convolution. `input` and `output` are those of the forward pass, also where a transposed one is
/// computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Input pixels from one output pixel to the next.
    pub stride: usize,
    /// Zeros above the input and on its left. Below it and on its right there are as many as the output needs.
    pub padding: [usize; 2],
    /// Groups of channels that are convolved separately.
    pub groups: usize,
    pub batch: usize,
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

impl Geometry {
    /// Of a convolution of `input` with `weight`.
    ///
    /// # Panics
    /// If the shapes do not fit each other, or the kernel is larger than the padded input.
    pub fn forward(input: [usize; 4], weight: [usize; 4], convolution: Convolution) -> Self {
        let Convolution { stride, padding, groups } = convolution;
        Self::with_output(input, weight, stride, groups, |length, kernel| {
            let free =
                (length + 2 * padding).checked_sub(kernel).expect("the kernel is not larger than the padded input");
            (padding, free / stride + 1)
        })
    }

    /// Of a convolution of `input` with `weight`, with TensorFlow's padding "SAME": see [`same_padding`].
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    pub fn same(input: [usize; 4], weight: [usize; 4], stride: usize, groups: usize) -> Self {
        Self::with_output(input, weight, stride, groups, |length, kernel| {
            (same_padding(length, kernel, stride)[0], length.div_ceil(stride))
        })
    }

    /// `axis` gives the zeros before an input of some length, and the length of the output, for a kernel of some length.
    fn with_output(
        [batch, channels_in, height, width]: [usize; 4],
        [channels_out, depth, kernel_height, kernel_width]: [usize; 4],
        stride: usize,
        groups: usize,
        axis: impl Fn(usize, usize) -> (usize, usize),
    ) -> Self {
        assert_eq!(
            channels_in,
            depth * groups,
            "the input has as many channels as the weight, which has {groups} groups of {depth}"
        );
        let (above, rows) = axis(height, kernel_height);
        let (left, columns) = axis(width, kernel_width);
        Self {
            stride,
            padding: [above, left],
            groups,
            batch,
            channels: [channels_in, channels_out],
            kernel: [kernel_height, kernel_width],
            input: [height, width],
            output: [rows, columns],
        }
    }

    /// Of the convolution whose transpose maps `y` with `weight`.
    ///
    /// # Panics
    /// If the shapes do not fit each other, or `output_padding` is not below the stride.
    pub fn transposed(y: [usize; 4], weight: [usize; 4], convolution: Convolution, output_padding: usize) -> Self {
        let [batch, channels_out, height, width] = y;
        let [weight_out, depth, kernel_height, kernel_width] = weight;
        let Convolution { stride, padding, groups } = convolution;
        assert_eq!(channels_out, weight_out, "the input has as many channels as the weight takes");
        assert!(output_padding < stride, "an output padding of {output_padding} is below the stride, {stride}");
        let input = |length: usize, kernel: usize| (length - 1) * stride + kernel + output_padding - 2 * padding;
        Self {
            stride,
            padding: [padding; 2],
            groups,
            batch,
            channels: [depth * groups, channels_out],
            kernel: [kernel_height, kernel_width],
            input: [input(height, kernel_height), input(width, kernel_width)],
            output: [height, width],
        }
    }

    /// If the kernel covers all of the input, the convolution is a matrix product: the same as one of single pixels
    /// with more channels. The values lie in the same order.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    pub fn as_product(&self) -> Option<Self> {
        let Self { padding, groups, kernel, input, output, .. } = *self;
        let is_product = padding == [0, 0] && groups == 1 && kernel == input && output == [1, 1];
        is_product.then(|| Self {
            stride: 1,
            channels: [self.channels[0] * self.area(), self.channels[1]],
            kernel: [1, 1],
            input: [1, 1],
            ..*self
        })
    }

    /// The two halves of the batch and their images, if the whole batch has more than `most` pixels. `None` if it has
    /// not, or if it is a single image.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    pub fn halves(&self, most: usize) -> Option<[(Range<usize>, Self); 2]> {
        let pixels = [self.input, self.output].map(|[height, width]| self.batch * height * width);
        let middle = self.batch / 2;
        let is_too_large = middle > 0 && pixels.iter().any(|pixels| *pixels > most);
        is_too_large.then(|| {
            [0..middle, middle..self.batch].map(|images| (images.clone(), Self { batch: images.len(), ..*self }))
        })
    }

    /// Whether every pixel is multiplied by itself: a 1x1 kernel that visits all of them.
    #[cfg(feature = "flex")]
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.padding == [0, 0] && self.stride == 1 && self.output == self.input
    }

    /// Whether every channel has a kernel of its own.
    pub fn is_depthwise(&self) -> bool {
        self.group_channels() == [1, 1]
    }

    /// Channels in and out of each group.
    pub fn group_channels(&self) -> [usize; 2] {
        self.channels.map(|channels| channels / self.groups)
    }

    /// Taps of the kernel.
    pub fn area(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub fn input_shape(&self) -> [usize; 4] {
        [self.batch, self.channels[0], self.input[0], self.input[1]]
    }

    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.channels[1], self.output[0], self.output[1]]
    }

    pub fn weight_shape(&self) -> [usize; 4] {
        [self.channels[1], self.group_channels()[0], self.kernel[0], self.kernel[1]]
    }
}

/// TensorFlow's padding "SAME" along one axis: the zeros before an input and behind it.
///
/// The output is `ceil(length / stride)` long. The zeros that the kernel needs for that are divided equally; an odd one
/// is behind. There are `max((output - 1) stride + kernel - length, 0)`.
pub fn same_padding(length: usize, kernel: usize, stride: usize) -> [usize; 2] {
    let reach = (length.div_ceil(stride).saturating_sub(1)) * stride + kernel;
    let zeros = reach.saturating_sub(length);
    [zeros / 2, zeros - zeros / 2]
}
