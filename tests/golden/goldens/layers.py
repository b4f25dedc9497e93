"""Convolutions, transposed convolutions and batch norm: outputs and every gradient."""

import numpy as np
import torch
from torch.nn import functional as F

from .draws import normal, uniform
from .file import Case, Result

TOLERANCE = {"rel": 1e-5, "abs": 1e-6}


def with_gradients(outputs, grad_output, wanted):
    """The gradients of `sum(grad_output * output)` by tensors, as `grad_` and their names."""
    gradients = torch.autograd.grad(outputs["output"], list(wanted.values()), grad_output)
    return outputs | {f"grad_{name}": gradient for name, gradient in zip(wanted, gradients)}


def convolve(settings, inputs, dtype):
    inputs = {name: tensor.requires_grad_(name != "grad_output") for name, tensor in inputs.items()}
    wanted = {name: tensor for name, tensor in inputs.items() if name != "grad_output"}
    sizes = {key: settings[key] for key in ("stride", "padding", "dilation", "groups")}
    if settings["op"] == "conv_transpose2d":
        sizes["output_padding"] = settings["output_padding"]
    output = getattr(F, settings["op"])(inputs["input"], inputs["weight"], inputs.get("bias"), **sizes)
    return Result(with_gradients({"output": output}, inputs["grad_output"], wanted))


def convolution(name, description, input_shape, channels_out, kernel, stride=1, padding=0, groups=1, bias=False):
    """`input_shape`: `[batch, channels_in, height, width]`."""
    _, channels_in, *size = input_shape
    settings = {
        "op": "conv2d",
        "in_channels": channels_in,
        "out_channels": channels_out,
        "kernel": [kernel, kernel],
        "stride": [stride, stride],
        "padding": [padding, padding],
        "dilation": [1, 1],
        "groups": groups,
        "bias": bias,
    }
    weight_shape = [channels_out, channels_in // groups, kernel, kernel]
    output_size = [(length + 2 * padding - kernel) // stride + 1 for length in size]
    fan_in = channels_in // groups * kernel**2
    return case(name, description, settings, input_shape, weight_shape, output_size, fan_in)


def transposed(name, description, input_shape, channels_out, kernel, stride, padding, output_padding=0, bias=False):
    """`input_shape`: `[batch, channels_in, height, width]`."""
    _, channels_in, *size = input_shape
    settings = {
        "op": "conv_transpose2d",
        "in_channels": channels_in,
        "out_channels": channels_out,
        "kernel": [kernel, kernel],
        "stride": [stride, stride],
        "padding": [padding, padding],
        "output_padding": [output_padding, output_padding],
        "dilation": [1, 1],
        "groups": 1,
        "bias": bias,
    }
    weight_shape = [channels_in, channels_out, kernel, kernel]
    output_size = [(length - 1) * stride - 2 * padding + kernel + output_padding for length in size]
    # An output sees a kernel's worth of inputs only if the stride is 1.
    fan_in = channels_in * kernel**2 / stride**2
    return case(name, description, settings, input_shape, weight_shape, output_size, fan_in)


def case(name, description, settings, input_shape, weight_shape, output_size, fan_in):
    """Weights are drawn with the deviation at which outputs spread as inputs do."""

    def draw(random, settings):
        inputs = {
            "input": normal(random, input_shape),
            "weight": normal(random, weight_shape, fan_in**-0.5),
            "grad_output": normal(random, [input_shape[0], settings["out_channels"], *output_size]),
        }
        return inputs | ({"bias": normal(random, [settings["out_channels"]], 0.5)} if settings["bias"] else {})

    return Case(name, description, settings, draw, convolve, TOLERANCE)


def normalise(settings, inputs, dtype):
    x, gamma, beta = (inputs[name].requires_grad_() for name in ("input", "gamma", "beta"))
    mean, variance = inputs["running_mean"].clone(), inputs["running_var"].clone()
    grad_output, eps, momentum = inputs["grad_output"], settings["eps"], settings["momentum"]
    output_train = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=momentum, eps=eps)
    outputs = {
        "output_train": output_train,
        "batch_mean": x.mean([0, 2, 3]),
        "batch_var_biased": x.var([0, 2, 3], correction=0),
        "running_mean_after": mean.clone(),
        "running_var_after": variance.clone(),
    }
    gradients = torch.autograd.grad(output_train, [x, gamma, beta], grad_output)
    outputs |= dict(zip(["grad_input", "grad_gamma", "grad_beta"], gradients))
    output_eval = F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=eps)
    (grad_input_eval,) = torch.autograd.grad(output_eval, [x], grad_output)
    return Result(outputs | {"output_eval": output_eval, "grad_input_eval": grad_input_eval})


def batch_norm(name, description, shape):
    """`shape`: `[batch, channels, height, width]`."""

    def draw(random, settings):
        channels = shape[1]
        deviation = np.exp(0.7 * random.standard_normal([1, channels, 1, 1])) * 1.3
        return {
            "input": normal(random, shape, deviation, random.standard_normal([1, channels, 1, 1])),
            "gamma": uniform(random, 0.5, 1.5, [channels]),
            "beta": normal(random, [channels], 0.4),
            "running_mean": normal(random, [channels]),
            "running_var": uniform(random, 0.5, 2.2, [channels]),
            "grad_output": normal(random, shape),
        }

    return Case(name, description, {"eps": 1e-5, "momentum": 0.1}, draw, normalise, TOLERANCE)


CASES = [
    convolution(
        "conv2d_k4s2p1",
        "4x4, stride 2, padding 1: the DCGAN discriminator layer",
        [2, 3, 16, 16],
        16,
        kernel=4,
        stride=2,
        padding=1,
    ),
    convolution(
        "conv2d_k4s2p1_odd",
        "4x4, stride 2, padding 1 on odd, non-square sizes, with bias",
        [3, 3, 13, 10],
        5,
        kernel=4,
        stride=2,
        padding=1,
        bias=True,
    ),
    convolution(
        "conv2d_k3s1p1", "3x3, stride 1, padding 1, with bias", [2, 8, 8, 8], 12, kernel=3, padding=1, bias=True
    ),
    convolution(
        "conv2d_k3s1p1_odd",
        "3x3, stride 1, padding 1 on odd, non-square sizes, no bias",
        [1, 3, 7, 11],
        4,
        kernel=3,
        padding=1,
    ),
    convolution("conv2d_k1", "pointwise 1x1, no bias", [2, 16, 8, 8], 32, kernel=1),
    convolution("conv2d_k1_odd", "pointwise 1x1, with bias, odd sizes", [3, 5, 9, 7], 3, kernel=1, bias=True),
    convolution(
        "conv2d_k3_grouped",
        "grouped 3x3, group width 16, no bias: the R3GAN residual block layer",
        [2, 32, 6, 6],
        32,
        kernel=3,
        padding=1,
        groups=2,
    ),
    convolution(
        "conv2d_k3_grouped_odd",
        "grouped 3x3 whose input and output widths per group differ, with bias",
        [3, 12, 7, 5],
        18,
        kernel=3,
        padding=1,
        groups=3,
        bias=True,
    ),
    convolution("conv2d_k3_depthwise", "depthwise 3x3", [2, 16, 8, 8], 16, kernel=3, padding=1, groups=16),
    convolution(
        "conv2d_k3s2_depthwise",
        "depthwise 3x3, stride 2, padding 1: the shape of the blur down-sampler",
        [3, 6, 13, 10],
        6,
        kernel=3,
        stride=2,
        padding=1,
        groups=6,
    ),
    convolution(
        "conv2d_k4_depthwise",
        "depthwise 4x4, no padding, 4x4 -> 1x1: the last spatial layer of the R3GAN-like discriminator",
        [4, 8, 4, 4],
        8,
        kernel=4,
        groups=8,
        bias=True,
    ),
    transposed(
        "conv_transpose2d_k4s2p1",
        "4x4, stride 2, padding 1: the DCGAN generator layer, H -> 2H",
        [2, 12, 8, 8],
        8,
        kernel=4,
        stride=2,
        padding=1,
    ),
    transposed(
        "conv_transpose2d_k4s2p1_odd",
        "4x4, stride 2, padding 1 on odd, non-square sizes, with bias",
        [3, 5, 7, 5],
        3,
        kernel=4,
        stride=2,
        padding=1,
        bias=True,
    ),
    transposed(
        "conv_transpose2d_k4s1p0",
        "4x4 from 1x1: the first DCGAN generator layer",
        [4, 50, 1, 1],
        16,
        kernel=4,
        stride=1,
        padding=0,
    ),
    transposed(
        "conv_transpose2d_k3s2p1op1",
        "3x3, stride 2, padding 1 with output_padding 1, with bias",
        [2, 6, 5, 7],
        4,
        kernel=3,
        stride=2,
        padding=1,
        output_padding=1,
        bias=True,
    ),
    transposed(
        "conv_transpose2d_k4s3p1op2",
        "4x4, stride 3, padding 1 with output_padding 2, with bias "
        "(the last row and column are reached by no kernel tap: bias only)",
        [2, 4, 4, 3],
        3,
        kernel=4,
        stride=3,
        padding=1,
        output_padding=2,
        bias=True,
    ),
    batch_norm("batch_norm2d", "batch norm: one train-mode step, then eval mode", [4, 8, 8, 8]),
    batch_norm(
        "batch_norm2d_odd",
        "batch norm on a small, odd, non-square map, where biased and unbiased variance differ visibly",
        [2, 5, 3, 2],
    ),
]
