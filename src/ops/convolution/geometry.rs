//! The shapes of a convolution, and what follows from them.

#[cfg(any(feature = "wgpu", feature = "cuda"))]
use std::ops::Range;

use super::Convolution;

/// The shapes of a convolution. `input` and `output` are those of the forward pass, also where a transposed one is
/// computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub convolution: Convolution,
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
        let [batch, channels_in, height, width] = input;
        let [channels_out, depth, kernel_height, kernel_width] = weight;
        let Convolution { stride, padding, groups } = convolution;
        assert_eq!(
            channels_in,
            depth * groups,
            "the input has as many channels as the weight, which has {groups} groups of {depth}"
        );
        let output = |length: usize, kernel: usize| {
            let free =
                (length + 2 * padding).checked_sub(kernel).expect("the kernel is not larger than the padded input");
            free / stride + 1
        };
        Self {
            convolution,
            batch,
            channels: [channels_in, channels_out],
            kernel: [kernel_height, kernel_width],
            input: [height, width],
            output: [output(height, kernel_height), output(width, kernel_width)],
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
            convolution,
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
        let Convolution { padding, groups, .. } = self.convolution;
        let is_product = padding == 0 && groups == 1 && self.kernel == self.input;
        is_product.then(|| Self {
            convolution: Convolution { stride: 1, padding, groups },
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

    /// Channels in and out of each group.
    pub fn group_channels(&self) -> [usize; 2] {
        self.channels.map(|channels| channels / self.convolution.groups)
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

    /// Rows and columns at the end of the padded input that the kernel never reaches.
    #[cfg(feature = "flex")]
    pub fn remainder(&self) -> [usize; 2] {
        let Convolution { stride, padding, .. } = self.convolution;
        [0, 1].map(|axis| self.input[axis] + 2 * padding - (self.output[axis] - 1) * stride - self.kernel[axis])
    }
}
