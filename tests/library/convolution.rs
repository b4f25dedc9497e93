//! Our convolutions against burn's on the CPU, on shapes that no network has.

use burn::module::Param;
use burn::tensor::module as reference;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions, PadMode};
use burn::tensor::{Device, Tensor, TensorData};
use whelp::device::cpu;
use whelp::ops::{Conv, ConvTranspose, Convolution, Convolutions, Dual, Linear, conv_transpose2d, conv2d, conv2d_same};
use whelp::random::{Random, Stream};

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    convolutions_agree => convolutions_agree_with_burns_on_the_cpu, convolutions_agree_with_burns_on_a_gpu;
    transposed_convolutions_agree =>
        transposed_convolutions_agree_with_burns_on_the_cpu, transposed_convolutions_agree_with_burns_on_a_gpu;
    depthwise_convolutions_agree =>
        depthwise_convolutions_agree_with_plain_sums_on_the_cpu, depthwise_convolutions_agree_with_plain_sums_on_a_gpu;
    same_padding_agrees => same_padding_agrees_with_explicit_zeros_on_the_cpu, same_padding_agrees_with_explicit_zeros_on_a_gpu;
    layers_pad_the_same => layers_with_same_padding_agree_on_the_cpu, layers_with_same_padding_agree_on_a_gpu;
    products_agree => convolutions_of_whole_maps_agree_with_burns_on_the_cpu, convolutions_of_whole_maps_agree_with_burns_on_a_gpu;
    dense_layers_are_products => dense_layers_are_products_on_the_cpu, dense_layers_are_products_on_a_gpu;
    layers_keep_their_convolutions =>
        layers_keep_the_convolutions_they_were_built_with_on_the_cpu,
        layers_keep_the_convolutions_they_were_built_with_on_a_gpu;
    burns_functions_agree => burns_functions_agree_with_ours_on_the_cpu, burns_functions_agree_with_ours_on_a_gpu;
}

/// Kernel, stride, padding.
const MOVES: [(usize, usize, usize); 10] =
    [(3, 1, 1), (4, 2, 1), (1, 1, 0), (4, 1, 0), (5, 2, 2), (3, 2, 1), (2, 2, 0), (1, 2, 0), (4, 1, 3), (4, 3, 1)];
/// Groups, channels in and out.
const CHANNELS: [(usize, usize, usize); 5] = [(1, 3, 5), (2, 34, 40), (3, 48, 48), (1, 17, 33), (6, 6, 6)];
/// The last two are wide enough for vectors of neighbouring pixels.
const SIZES: [[usize; 2]; 6] = [[5, 7], [8, 8], [4, 4], [9, 21], [5, 16], [4, 32]];

fn every_case(check: impl Fn(usize, Convolution, [usize; 2], [usize; 2])) {
    for (kernel, stride, padding) in MOVES {
        for (groups, channels_in, channels_out) in CHANNELS {
            for size in SIZES {
                check(kernel, Convolution { stride, padding, groups }, [channels_in, channels_out], size);
            }
        }
    }
}

fn convolutions_agree(device: &Device) {
    every_case(|kernel, convolution, [channels_in, channels_out], [height, width]| {
        let Convolution { stride, padding, groups } = convolution;
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
        agree(
            device,
            &format!("{kernel}x{kernel} {convolution:?} over {height}x{width}"),
            [3, channels_in, height, width],
            [channels_out, channels_in / groups, kernel, kernel],
            |x, weight| conv2d(x, weight, None, convolution),
            |x, weight| reference::conv2d(x, weight, None, options.clone()),
        );
    });
}

fn transposed_convolutions_agree(device: &Device) {
    every_case(|kernel, convolution, [channels_in, channels_out], [height, width]| {
        let Convolution { stride, padding, groups } = convolution;
        let output_padding = stride - 1;
        let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [output_padding; 2], [1; 2], groups);
        agree(
            device,
            &format!("transposed {kernel}x{kernel} {convolution:?} over {height}x{width}"),
            [3, channels_in, height, width],
            [channels_in, channels_out / groups, kernel, kernel],
            |x, weight| conv_transpose2d(x, weight, None, convolution, output_padding),
            |x, weight| reference::conv_transpose2d(x, weight, None, options.clone()),
        );
    });
}

/// Channels, kernel, stride and padding. 18 channels are more than a block, and 16 exactly one.
const DEPTHWISE: [(usize, usize, usize, usize); 10] = [
    (18, 3, 1, 1),
    (16, 3, 2, 1),
    (18, 5, 1, 2),
    (16, 5, 2, 2),
    (5, 4, 2, 1),
    (16, 4, 1, 0),
    (3, 3, 3, 2),
    (18, 1, 1, 0),
    (2, 2, 2, 0),
    (1, 7, 2, 3),
];
/// Maps of odd sizes, wider and narrower than vectors, down to single pixels.
const DEPTHWISE_SIZES: [[usize; 2]; 8] = [[5, 7], [4, 4], [2, 2], [16, 16], [9, 21], [3, 40], [7, 2], [1, 1]];

fn depthwise_convolutions_agree(device: &Device) {
    for (channels, kernel, stride, padding) in DEPTHWISE {
        for [height, width] in DEPTHWISE_SIZES {
            if height.min(width) + 2 * padding < kernel {
                continue;
            }
            let convolution = Convolution { stride, padding, groups: channels };
            let plain = |x: Vec<f32>, weight: Vec<f32>, y: Vec<f32>| {
                plain_depthwise([3, channels, height, width], kernel, convolution, &x, &weight, &y)
            };
            let device = device.clone().autodiff();
            let x = normals([3, channels, height, width], 0, &device).require_grad();
            let weight = normals([channels, 1, kernel, kernel], 1, &device).require_grad();
            let output = conv2d(x.clone(), weight.clone(), None, convolution);
            let y = normals(output.dims(), 2, &device);
            let gradients = (output.clone() * y.clone()).sum().backward();
            let ours = [output, x.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap()].map(values);
            let plain = plain(values(x), values(weight), values(y));
            for ((part, ours), plain) in ["output", "input gradient", "weight gradient"].iter().zip(&ours).zip(&plain) {
                assert_close(
                    &format!("{part} of {kernel}x{kernel} {convolution:?} over {height}x{width}"),
                    ours,
                    plain,
                    1e-5,
                    0.0,
                );
            }
        }
    }
}

/// Output, input gradient and weight gradient, sum by sum in double precision.
fn plain_depthwise(
    [batch, channels, height, width]: [usize; 4],
    kernel: usize,
    Convolution { stride, padding, .. }: Convolution,
    x: &[f32],
    weight: &[f32],
    y: &[f32],
) -> [Vec<f32>; 3] {
    let [rows, columns] = [height, width].map(|length| (length + 2 * padding - kernel) / stride + 1);
    let [mut output, mut to_x, mut to_weight] = [y, x, weight].map(|values| vec![0.0; values.len()]);
    for map in 0..batch * channels {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                let from = (row * stride + i).checked_sub(padding).zip((column * stride + j).checked_sub(padding));
                if let Some((from_row, from_column)) = from.filter(|from| from.0 < height && from.1 < width) {
                    let at_x = (map * height + from_row) * width + from_column;
                    let at_y = (map * rows + row) * columns + column;
                    let at_weight = (map % channels * kernel + i) * kernel + j;
                    output[at_y] += f64::from(weight[at_weight]) * f64::from(x[at_x]);
                    to_x[at_x] += f64::from(weight[at_weight]) * f64::from(y[at_y]);
                    to_weight[at_weight] += f64::from(x[at_x]) * f64::from(y[at_y]);
                }
            }
        }
    }
    [output, to_x, to_weight].map(|sums| sums.into_iter().map(|sum: f64| sum as f32).collect())
}

/// Kernel, stride, groups, channels in and out, size.
type SameCase = (usize, usize, usize, [usize; 2], [usize; 2]);

/// The sizes are such that rows and columns are padded differently,
/// and that kernels cover their input without being products.
const SAME: [SameCase; 14] = [
    (3, 2, 1, [3, 32], [8, 8]),
    (3, 2, 1, [3, 8], [9, 12]),
    (3, 1, 1, [5, 7], [5, 16]),
    (4, 1, 1, [18, 20], [4, 4]),
    (2, 1, 1, [4, 3], [2, 2]),
    (5, 2, 1, [20, 6], [7, 10]),
    (1, 2, 1, [6, 5], [5, 6]),
    (1, 1, 1, [20, 33], [2, 2]),
    (1, 1, 2, [20, 6], [3, 3]),
    (3, 2, 2, [34, 40], [6, 5]),
    (3, 2, 18, [18, 18], [9, 8]),
    (5, 2, 16, [16, 16], [16, 4]),
    (5, 1, 16, [16, 16], [2, 2]),
    (2, 3, 1, [4, 4], [7, 8]),
];

/// TensorFlow's rule by itself: `total = max((ceil(n / s) - 1) s + k - n, 0)`, of which `floor(total / 2)` are before.
fn zeros(length: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let total = ((length.div_ceil(stride) - 1) * stride + kernel).saturating_sub(length);
    (total / 2, total - total / 2)
}

fn same_padding_agrees(device: &Device) {
    for (kernel, stride, groups, [channels_in, channels_out], [height, width]) in SAME {
        let ((above, below), (left, right)) = (zeros(height, kernel, stride), zeros(width, kernel, stride));
        let options = ConvOptions::new([stride; 2], [0; 2], [1; 2], groups);
        agree(
            device,
            &format!("{kernel}x{kernel}, stride {stride}, {groups} groups over {height}x{width}"),
            [3, channels_in, height, width],
            [channels_out, channels_in / groups, kernel, kernel],
            |x, weight| {
                let y = conv2d_same(x, weight, None, stride, groups);
                assert_eq!(y.dims()[2..], [height.div_ceil(stride), width.div_ceil(stride)]);
                y
            },
            |x, weight| {
                let padded = x.pad((left, right, above, below), PadMode::Constant(0.0));
                reference::conv2d(padded, weight, None, options.clone())
            },
        );
    }
}

/// Layers pass on stride, groups and bias, whichever convolutions they are built with.
fn layers_pad_the_same(device: &Device) {
    let x = normals([2, 4, 7, 10], 0, device);
    let [ours, theirs] = [Convolutions::WHELP, Convolutions::BURN].map(|functions| {
        let mut conv = functions.build(|| Conv::new([4, 6], 3, device).with_groups(2).with_bias().with_same_padding(2));
        conv.weight = Param::from_tensor(normals([6, 2, 3, 3], 1, device));
        conv.bias = Some(Param::from_tensor(normals([1, 6, 1, 1], 2, device).reshape([6])));
        conv.forward(x.clone().into()).value
    });
    assert_eq!((ours.dims(), theirs.dims()), ([2, 6, 4, 5], [2, 6, 4, 5]));
    assert_close("layer", &values(ours), &values(theirs), 1e-5, 0.0);
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Kernels that cover their input, whose sums are products of matrices.
fn products_agree(device: &Device) {
    let convolution = Convolution { stride: 1, padding: 0, groups: 1 };
    for (kernel, [channels_in, channels_out], batch) in
        [(4, [37, 1], 5), (4, [100, 24], 3), (3, [2, 70], 17), (1, [64, 19], 5), (1, [7, 130], 33)]
    {
        agree(
            device,
            &format!("{kernel}x{kernel} over as much"),
            [batch, channels_in, kernel, kernel],
            [channels_out, channels_in, kernel, kernel],
            |x, weight| conv2d(x, weight, None, convolution),
            |x, weight| reference::conv2d(x, weight, None, ConvOptions::new([1; 2], [0; 2], [1; 2], 1)),
        );
        agree(
            device,
            &format!("transposed {kernel}x{kernel} over one pixel"),
            [batch, channels_out, 1, 1],
            [channels_out, channels_in, kernel, kernel],
            |y, weight| conv_transpose2d(y, weight, None, convolution, 0),
            |y, weight| {
                reference::conv_transpose2d(
                    y,
                    weight,
                    None,
                    ConvTransposeOptions::new([1; 2], [0; 2], [0; 2], [1; 2], 1),
                )
            },
        );
    }
}

/// `x Wᵀ`, whichever kernels compute it.
fn dense_layers_are_products(device: &Device) {
    const WEIGHT: [[f32; 3]; 2] = [[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]];
    const X: [[f32; 3]; 4] = [[2.0, 1.0, 4.0], [0.0, -3.0, 1.0], [1.0, 1.0, 1.0], [-2.0, 0.5, 8.0]];
    let layer = Linear::with_weight(Param::from_tensor(Tensor::from_data(WEIGHT, device)));
    let y = layer.forward(Dual { value: Tensor::from_data(X, device), tangent: None }).value;
    let y = y.into_data().try_into_vec::<f32>().unwrap();
    assert_eq!(y, [2.0, 2.25, 6.5, -1.75, -0.5, 2.25, 1.0, -13.875]);
}

/// Convolutions that no layer can mistake for others: they give the constants 2 and 3.
const CONSTANTS: Convolutions = Convolutions {
    conv2d: |input, weight, _, _| Tensor::full([input.dims()[0], weight.dims()[0], 1, 1], 2.0, &input.device()),
    conv_transpose2d: |input, _, _, _, _| Tensor::full([1; 4], 3.0, &input.device()),
    ..Convolutions::WHELP
};

fn layers_keep_their_convolutions(device: &Device) {
    let (conv, transposed) =
        CONSTANTS.build(|| (Conv::new([3, 4], 1, device), ConvTranspose::new([3, 4], 4, 2, 1, device)));
    let later = Conv::new([3, 4], 1, device);
    let input = Tensor::<4>::ones([2, 3, 1, 1], device);
    let values = |output: Tensor<4>| output.into_data().try_into_vec::<f32>().unwrap();
    assert_eq!(values(conv.clone().forward(input.clone().into()).value), [2.0; 8]);
    assert_eq!(values(transposed.forward(input.clone())), [3.0]);
    // Its weights are 0.
    assert_eq!(values(later.forward(input.into()).value), [0.0; 8]);
}

/// What `whelp profile --burn-convolutions` compares with computes the same.
fn burns_functions_agree(device: &Device) {
    let convolution = Convolution { stride: 2, padding: 1, groups: 2 };
    let (x_shape, weight_shape, y_shape) = ([3, 6, 9, 8], [4, 3, 4, 4], [3, 4, 4, 4]);
    let [x, weight, y] = [x_shape, weight_shape, y_shape].map(|shape| normals(shape, 4, device));
    let [ours, theirs] = [Convolutions::WHELP, Convolutions::BURN].map(|functions| {
        [
            (functions.conv2d)(x.clone(), weight.clone(), None, convolution),
            (functions.conv_transpose2d)(y.clone(), weight.clone(), None, convolution, 1),
            (functions.weight_gradient)(x.clone(), y.clone(), weight_shape, convolution),
        ]
        .map(|tensor| (tensor.dims(), tensor.into_data().try_into_vec::<f32>().unwrap()))
    });
    for ((our_shape, ours), (their_shape, theirs)) in ours.iter().zip(&theirs) {
        assert_eq!(our_shape, their_shape);
        let largest = theirs.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
        assert!(largest > 0.0);
        assert!(ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() <= 1e-5 * largest));
    }
}

/// Output and both gradients, where a gradient of the output that differs from pixel to pixel comes in.
fn agree(
    device: &Device,
    case: &str,
    x_shape: [usize; 4],
    weight_shape: [usize; 4],
    ours: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
    burns: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
) {
    let parts = |device: &Device, convolve: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
        let device = device.clone().autodiff();
        let x = normals(x_shape, 0, &device).require_grad();
        let weight = normals(weight_shape, 1, &device).require_grad();
        let output = convolve(x.clone(), weight.clone());
        let upstream = normals(output.dims(), 2, &device);
        let gradients = (output.clone() * upstream).sum().backward();
        [output.into_data(), x.grad(&gradients).unwrap().into_data(), weight.grad(&gradients).unwrap().into_data()]
    };
    for (part, (ours, burns)) in ["output", "input gradient", "weight gradient"]
        .iter()
        .zip(parts(device, &ours).into_iter().zip(parts(&cpu(), &burns)))
    {
        assert_eq!(ours.shape(), burns.shape(), "{part} of {case}");
        let [ours, burns] = [ours, burns].map(|data| data.try_into_vec::<f32>().unwrap());
        let largest = burns.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
        for (ours, burns) in ours.iter().zip(&burns) {
            assert!((ours - burns).abs() <= 1e-5 * largest, "{part} of {case}: {ours} instead of {burns}");
        }
    }
}

fn normals(shape: [usize; 4], position: u64, device: &Device) -> Tensor<4> {
    let values = Random::new(3, Stream::Init, position).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}
