"""R1 and R2 and their gradients by the weights, by double backward."""

import numpy as np
import torch
from torch.nn.functional import softplus

from .draws import normal, pictures, unit_from_bytes
from .file import Case, Result
from .networks import Activations, dcgan_discriminator, dcgan_shapes, r3gan_discriminator

TOLERANCE = {"rel": 1e-4, "abs": 1e-6}


def squared_norms(logits, images):
    """`‖∂D/∂x‖²` of each picture, and the gradients themselves; both can be differentiated again."""
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().sum([1, 2, 3]), gradients


def penalties(settings, inputs, discriminate, activations):
    """`discriminate`: from pictures and weights by the file's names to logits."""
    weights = {name.removeprefix("w."): inputs[name].requires_grad_() for name in inputs if name.startswith("w.")}
    real, fake = (inputs[name].requires_grad_() for name in ("x_real", "x_fake"))
    d_real, d_fake = discriminate(real, weights), discriminate(fake, weights)
    (r1_per_sample, grad_x_real), (r2_per_sample, grad_x_fake) = (
        squared_norms(d_real, real),
        squared_norms(d_fake, fake),
    )
    r1, r2, gamma = r1_per_sample.mean(), r2_per_sample.mean(), settings["gamma"]
    loss_d, loss_g = softplus(d_fake - d_real).mean(), softplus(d_real - d_fake).mean()
    loss_total = loss_d + gamma / 2 * (r1 + r2)
    outputs = {
        "d_real": d_real,
        "d_fake": d_fake,
        "grad_x_real": grad_x_real,
        "grad_x_fake": grad_x_fake,
        "r1_per_sample": r1_per_sample,
        "r2_per_sample": r2_per_sample,
        "r1": r1,
        "r2": r2,
        "loss_d": loss_d,
        "loss_g": loss_g,
        "loss_total": loss_total,
    }
    for name, loss in (("loss_d", loss_d), ("loss_g", loss_g)):
        gradients = torch.autograd.grad(loss, [d_real, d_fake], retain_graph=True)
        outputs |= dict(zip([f"{name}.grad_d_real", f"{name}.grad_d_fake"], gradients))
    for name, loss in (("grad_r1", gamma / 2 * r1), ("grad_total", loss_total)):
        gradients = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
        for (weight, value), gradient in zip(weights.items(), gradients):
            # LeakyReLU's second derivative is 0, so R1 does not depend on any bias.
            outputs[f"{name}.{weight}"] = torch.zeros_like(value) if gradient is None else gradient
    margin = activations.margin
    return Result(outputs, {"min_preactivation_over_std": float(f"{margin:.2g}")}, margin)


def r1_r2(settings, inputs, dtype):
    activations = Activations(settings["leaky_relu_slope"])

    def discriminate(x, weights):
        return r3gan_discriminator(x, None, checkpoint_names(weights), activations)

    return penalties(settings, inputs, discriminate, activations)


def checkpoint_names(weights):
    """This file names weights as its page does: `stage0.block0.bias1` is `stages.0.blocks.0.conv1.bias` elsewhere."""
    names = {"final.depthwise.weight": "last.depthwise", "final.linear.weight": "last.linear.weight"}
    for name in weights:
        if name.startswith("stage"):
            stage, block, *rest = name.split(".")
            layer = ".".join(rest) if rest[-1] == "weight" else f"conv{rest[0].removeprefix('bias')}.bias"
            names[name] = f"stages.{stage.removeprefix('stage')}.blocks.{block.removeprefix('block')}.{layer}"
    renamed = {names.get(name, name): values for name, values in weights.items()}
    return renamed | {"last.depthwise": renamed["last.depthwise"].squeeze(1)}


def r1_dcgan_nobn(settings, inputs, dtype):
    activations = Activations(settings["leaky_relu_slope"])

    def discriminate(x, weights):
        return dcgan_discriminator(x, weights, None, activations, settings["image_size"])

    return penalties(settings, inputs, discriminate, activations)


def draw_weights(random, shapes):
    """Deviations a little above those at which activations keep their size: penalties of about 1."""
    drawn = {}
    for name, shape in shapes.items():
        deviation = 0.1 if len(shape) == 1 else 1.2 * np.prod(shape[1:]) ** -0.5
        drawn[f"w.{name}"] = normal(random, shape, deviation)
    return drawn


def draw_images(random, settings):
    shape = [settings["batch"], 3, settings["image_size"], settings["image_size"]]
    fake = np.tanh(normal(random, shape, 0.75)).astype(np.float32)
    return {"x_real": unit_from_bytes(pictures(random, shape)), "x_fake": fake}


def draw_r1_r2(random, settings):
    channels = settings["channels"]
    inner, group = 2 * channels, settings["group_width"]
    shapes = {"stem.weight": [channels, 3, 1, 1]}
    for stage in range(settings["stages"]):
        for block in range(settings["blocks_per_stage"]):
            path = f"stage{stage}.block{block}"
            shapes |= {f"{path}.conv1.weight": [inner, channels, 1, 1], f"{path}.bias1": [inner]}
            shapes |= {f"{path}.conv2.weight": [inner, group, 3, 3], f"{path}.bias2": [inner]}
            shapes |= {f"{path}.conv3.weight": [channels, inner, 1, 1]}
    shapes |= {"final.depthwise.weight": [channels, 1, 4, 4], "final.linear.weight": [1, channels]}
    return draw_weights(random, shapes) | draw_images(random, settings)


def draw_r1_dcgan_nobn(random, settings):
    shapes = {}
    for name, shape in dcgan_shapes(settings | {"channels": 3}, discriminator_only=True).items():
        shapes |= {name: shape, name.replace("weight", "bias"): shape[:1]}
    return draw_weights(random, shapes) | draw_images(random, settings)


SHARED = {"batch": 4, "gamma": 10.0, "leaky_relu_slope": 0.2}
DESCRIPTION = "outputs, input gradients, R1, R2 and their weight gradients by double backward"
CASES = [
    Case(
        "r1_r2",
        f"R3GAN-like discriminator: {DESCRIPTION}",
        SHARED | {"image_size": 16, "stages": 3, "blocks_per_stage": 1, "channels": 16, "group_width": 16, "groups": 2},
        draw_r1_r2,
        r1_r2,
        TOLERANCE,
    ),
    Case(
        "r1_dcgan_nobn",
        f"DCGAN discriminator without batch norm (with biases): {DESCRIPTION}",
        SHARED | {"image_size": 32, "nf": 8},
        draw_r1_dcgan_nobn,
        r1_dcgan_nobn,
        TOLERANCE,
    ),
]
