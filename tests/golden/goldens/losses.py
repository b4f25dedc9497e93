"""Adversarial losses: values and gradients by the logits."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

from .draws import normal
from .file import Case, Result


def bce(logits, target):
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def relativistic(a, b):
    """Small where `a` is above its partner `b`."""
    return softplus(b - a).mean()


def relativistic_average(a, b):
    """Small where `a` is above the mean of `b`, and `b` below the mean of `a`."""
    return softplus(b.mean() - a).mean() + softplus(b - a.mean()).mean()


# The discriminator's loss and the generator's, by the logits of real and generated pictures.
LOSSES = {
    "bce": (lambda real, fake: bce(real, 1.0) + bce(fake, 0.0), lambda real, fake: bce(fake, 1.0)),
    "bce_smooth": (lambda real, fake: bce(real, 0.9) + bce(fake, 0.0), lambda real, fake: bce(fake, 1.0)),
    "hinge": (lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(), lambda real, fake: -fake.mean()),
    "wasserstein": (lambda real, fake: fake.mean() - real.mean(), lambda real, fake: -fake.mean()),
    "lsgan": (
        lambda real, fake: ((real - 1).square().mean() + fake.square().mean()) / 2,
        lambda real, fake: (fake - 1).square().mean() / 2,
    ),
    "relativistic": (relativistic, lambda real, fake: relativistic(fake, real)),
    "relativistic_avg": (relativistic_average, lambda real, fake: relativistic_average(fake, real)),
}


def compute(settings, inputs, dtype):
    logits = {name: inputs[name].requires_grad_() for name in ("real", "fake")}
    outputs = {}
    for name in settings["losses"]:
        for network, loss in zip("dg", LOSSES[name]):
            value = loss(logits["real"], logits["fake"])
            gradients = torch.autograd.grad(value, list(logits.values()), allow_unused=True)
            outputs[f"{name}.loss_{network}"] = value
            for part, gradient in zip(logits, gradients):
                # A loss that doesn't depend on some logits has gradient 0 there.
                gradient = torch.zeros_like(logits[part]) if gradient is None else gradient
                outputs[f"{name}.loss_{network}.grad_{part}"] = gradient
    return Result(outputs)


def draw_ordinary(random, settings):
    while True:
        real, fake = normal(random, [12], 1.0, 0.3), normal(random, [12], 2.0, -0.2)
        # Away from the kinks of the hinge.
        if min(np.abs(real - 1).min(), np.abs(fake + 1).min()) > 0.05:
            return {"real": real, "fake": fake}


def draw_extreme(random, settings):
    values = np.array([-95.0, -30.0, -15.0, 0.0, 12.0, 40.0, 100.0, -1.5])
    return {
        "real": random.permutation(values).astype(np.float32),
        "fake": normal(random, [8], 0.3, random.permutation(values)),
    }


SETTINGS = {"losses": list(LOSSES), "real_label_smooth": 0.9}
LAYOUT = "one logit per image"
CASES = [
    Case(
        "losses",
        "GAN losses: values and gradients on ordinary logits",
        SETTINGS,
        draw_ordinary,
        compute,
        {"rel": 5e-6, "abs": 1e-7},
        LAYOUT,
    ),
    Case(
        "losses_extreme",
        "GAN losses on very large logits: nothing may overflow or become NaN",
        SETTINGS,
        draw_extreme,
        compute,
        {"rel": 5e-6, "abs": 2e-5},
        LAYOUT,
    ),
]
