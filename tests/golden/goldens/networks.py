"""The networks, as functions of pictures and of weights by name."""

import torch
from torch.nn import functional as F


class Activations:
    """ReLUs and LeakyReLUs that remember how close to their kink a value came."""

    def __init__(self, slope):
        self.slope = slope
        # Smallest |x|, as a share of the standard deviation of its layer.
        self.margin = float("inf")

    def leaky_relu(self, x):
        self.remember(x)
        return F.leaky_relu(x, self.slope)

    def relu(self, x):
        self.remember(x)
        return F.relu(x)

    def remember(self, x):
        x = x.detach()
        self.margin = min(self.margin, (x.abs().min() / x.std()).item())


class BatchNorms:
    """Running statistics by layer, and their rule: always by the batch's statistics (train mode)."""

    def __init__(self, settings):
        self.eps, self.momentum = settings["bn_eps"], settings["bn_momentum"]
        self.running = {}

    def __call__(self, layer, x, weights):
        gamma, beta = weights[f"{layer}.gamma"], weights[f"{layer}.beta"]
        start = {"running_mean": torch.zeros_like(gamma), "running_var": torch.ones_like(gamma)}
        mean, variance = self.running.setdefault(layer, {k: v.detach() for k, v in start.items()}).values()
        return F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=self.momentum, eps=self.eps)


def dcgan_stages(image_size):
    """How often the resolution doubles from 4x4."""
    return (image_size // 4).bit_length() - 1


def dcgan_generator(z, weights, norms, activations, image_size):
    """`[batch, nz]` to `[batch, channels, image_size, image_size]`."""
    last = dcgan_stages(image_size)
    x = z[:, :, None, None]
    for i in range(last + 1):
        x = F.conv_transpose2d(x, weights[f"convt{i}.weight"], stride=min(i, 1) + 1, padding=min(i, 1))
        if i < last:
            x = activations.relu(norms(f"bn{i}", x, weights))
    return torch.tanh(x)


def dcgan_discriminator(x, weights, norms, activations, image_size):
    """Pictures to `[batch]` logits. Without `norms`: biases in place of batch norm."""
    last = dcgan_stages(image_size)
    for i in range(last + 1):
        bias = weights.get(f"conv{i}.bias")
        x = F.conv2d(x, weights[f"conv{i}.weight"], bias, stride=2 if i < last else 1, padding=1 if i < last else 0)
        if norms and 0 < i < last:
            x = norms(f"bn{i}", x, weights)
        if i < last:
            x = activations.leaky_relu(x)
    return x.flatten()


def dcgan_shapes(settings, discriminator_only=False):
    """Shapes of the weights by name: `g.` and `d.`, in the order of the layers."""
    nf, nz, channels = settings["nf"], settings.get("nz"), settings["channels"]
    stages = dcgan_stages(settings["image_size"])
    widths = [nf << i for i in range(stages)]
    inputs, outputs = [channels, *widths], [*widths, 1]
    discriminator = {f"d.conv{i}.weight": [o, c, 4, 4] for i, (c, o) in enumerate(zip(inputs, outputs))}
    if discriminator_only:
        return {name.removeprefix("d."): shape for name, shape in discriminator.items()}
    inputs, outputs = [nz, *widths[::-1]], [*widths[::-1], channels]
    shapes = {f"g.convt{i}.weight": [c, o, 4, 4] for i, (c, o) in enumerate(zip(inputs, outputs))} | discriminator
    for network, normed in (("g", widths[::-1]), ("d", widths)):
        for i, width in enumerate(normed):
            if network == "g" or i > 0:
                shapes |= {f"{network}.bn{i}.gamma": [width], f"{network}.bn{i}.beta": [width]}
    return shapes


# R3GAN: Huang et al. 2024, arXiv:2501.05441, section 4. Names of weights are those of a Whelp checkpoint.

# Channels of a group in the 3x3 convolutions, at most.
GROUP = 16


def r3gan_block(x, weights, path, activations):
    groups = weights[f"{path}.conv2.weight"].shape[0] // min(GROUP, x.shape[1])
    y = activations.leaky_relu(F.conv2d(x, weights[f"{path}.conv1.weight"], weights[f"{path}.conv1.bias"]))
    y = F.conv2d(y, weights[f"{path}.conv2.weight"], weights[f"{path}.conv2.bias"], padding=1, groups=groups)
    return x + F.conv2d(activations.leaky_relu(y), weights[f"{path}.conv3.weight"])


def r3gan_blocks(x, weights, stage, activations):
    block = 0
    while f"stages.{stage}.blocks.{block}.conv1.weight" in weights:
        x = r3gan_block(x, weights, f"stages.{stage}.blocks.{block}", activations)
        block += 1
    return x


def count_stages(weights):
    return 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("stages."))


def change_width(x, weights, stage):
    """A 1x1 convolution, only where the next stage has another number of channels."""
    name = f"stages.{stage}.resize.weight"
    return F.conv2d(x, weights[name]) if name in weights else x


def blur(x):
    """The [1,2,1] filter in both directions, for each channel; its sum is 1."""
    filter = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype) / 4
    return torch.outer(filter, filter).expand(x.shape[1], 1, 3, 3)


def halve(x):
    return F.conv2d(x, blur(x), stride=2, padding=1, groups=x.shape[1])


def double(x):
    return F.conv_transpose2d(x, 4 * blur(x), stride=2, padding=1, output_padding=1, groups=x.shape[1])


def with_minibatch_stddev(x):
    """One more channel: the mean of all standard deviations over the batch (Karras et al. 2018, arXiv:1710.10196)."""
    deviation = (x.var(0, correction=0) + 1e-8).sqrt().mean()
    return torch.cat([x, deviation.expand(x.shape[0], 1, *x.shape[2:])], 1)


def r3gan_generator(z, classes, weights, activations):
    """`[batch, nz]`, and `[batch]` class numbers or None, to pictures."""
    if classes is not None:
        z = torch.cat([z, weights["embedding.weight"][classes]], 1)
    x = F.linear(z, weights["linear.weight"])[:, :, None, None] * weights["basis"]
    last = count_stages(weights) - 1
    for stage in range(last + 1):
        x = r3gan_blocks(x, weights, stage, activations)
        if stage < last:
            x = double(change_width(x, weights, stage))
    return F.conv2d(x, weights["color.weight"])


def r3gan_discriminator(x, classes, weights, activations, minibatch_stddev=False):
    """Pictures, and `[batch]` class numbers or None, to `[batch]` logits."""
    x = F.conv2d(x, weights["stem.weight"])
    last = count_stages(weights) - 1
    for stage in range(last + 1):
        x = r3gan_blocks(x, weights, stage, activations)
        if stage < last:
            x = change_width(halve(x), weights, stage)
    if minibatch_stddev:
        x = with_minibatch_stddev(x)
    x = F.linear((x * weights["last.depthwise"]).sum([2, 3]), weights["last.linear.weight"])
    return x.squeeze(1) if classes is None else (x * weights["embedding.weight"][classes]).sum(1)


def r3gan_shapes(settings):
    """Shapes of the weights by checkpoint name: `generator.` and `discriminator.`."""
    channels, nz, classes = settings["channels"], settings["nz"], settings["classes"]
    count = (settings["image_size"] // 4).bit_length()
    shapes = {}
    for network in ("generator", "discriminator"):
        width = settings[f"{network}_width"]
        # The full resolution has `width` channels, all below it twice that.
        widths = [width] + [2 * width] * (count - 1)
        own = {"embedding.weight": [classes, nz]} if classes else {}
        if network == "generator":
            widths.reverse()
            own |= {"basis": [widths[0], 4, 4], "linear.weight": [widths[0], 2 * nz if classes else nz]}
            own |= {"color.weight": [channels, width, 1, 1]}
        else:
            features = widths[-1] + int(settings["minibatch_stddev"])
            own |= {"stem.weight": [width, channels, 1, 1], "last.depthwise": [features, 4, 4]}
            own |= {"last.linear.weight": [nz if classes else 1, features]}
        for stage, width in enumerate(widths):
            for block in range(settings["blocks"]):
                path, inner = f"stages.{stage}.blocks.{block}", 2 * width
                own |= {f"{path}.conv1.weight": [inner, width, 1, 1], f"{path}.conv1.bias": [inner]}
                own |= {f"{path}.conv2.weight": [inner, min(GROUP, width), 3, 3], f"{path}.conv2.bias": [inner]}
                own |= {f"{path}.conv3.weight": [width, inner, 1, 1]}
            if stage + 1 < count and widths[stage + 1] != width:
                own[f"stages.{stage}.resize.weight"] = [widths[stage + 1], width, 1, 1]
        shapes |= {f"{network}.{name}": shape for name, shape in own.items()}
    return shapes
