"""Whole training steps: three of the PyTorch tutorial's DCGAN, two of R3GAN."""

import math
from functools import partial

import numpy as np
import torch
from torch.nn.functional import softplus

from .draws import normal, pictures
from .file import Case, Result
from .losses import bce
from .networks import (
    Activations,
    BatchNorms,
    dcgan_discriminator,
    dcgan_generator,
    dcgan_shapes,
    r3gan_discriminator,
    r3gan_generator,
    r3gan_shapes,
)
from .penalties import squared_norms

TOLERANCE = {"rel": 1e-4, "abs": 1e-6}
# Wider: after an update some weights have gone the other way (see `weight_tolerance`). A whole step of Adam moves
# logits by 1e-2 and more.
R3GAN_TOLERANCE = {"rel": 5e-4, "abs": 2e-5}


def weight_tolerance(lr, steps, names):
    """Adam's first steps are about lr·sign(g): the sign of a gradient of almost 0 is up to rounding."""
    return {
        "weight_tolerance": {"abs": 3e-6, "abs_all": round(2.2 * lr * steps, 9), "share": 0.999},
        "weight_tolerance_rule": f"for {names} taken together: at least `share` of all elements within `abs`, "
        "every element within `abs_all` (Adam's first steps are ~lr·sign(g), so an element with g≈0 may go either way)",
    }


def weights_of(inputs, prefix):
    """Copies of the weights of one network, to be trained."""
    own = {name.removeprefix(prefix): values for name, values in inputs.items() if name.startswith(prefix)}
    return {name: values.clone().requires_grad_() for name, values in own.items()}


def update(optimizer, weights, loss):
    """One step of an optimizer; returns the gradients by name."""
    gradients = torch.autograd.grad(loss, list(weights.values()))
    for weight, gradient in zip(weights.values(), gradients):
        weight.grad = gradient
    optimizer.step()
    return dict(zip(weights, gradients))


def unit(pixels, dtype):
    return pixels.to(dtype) / 127.5 - 1


def named(prefix, values):
    return {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in values.items()}


def dcgan(settings, inputs, dtype):
    """Three steps of https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html."""
    size = settings["image_size"]
    networks = {network: weights_of(inputs, f"init.{network}.") for network in "gd"}
    norms = {network: BatchNorms(settings) for network in "gd"}
    adam = settings["optimizer"]
    betas = (adam["beta1"], adam["beta2"])
    optimizers = {k: torch.optim.Adam(list(w.values()), adam["lr"], betas, adam["eps"]) for k, w in networks.items()}
    outputs, series = {}, {}
    for step in range(settings["steps"]):
        activations = Activations(settings["leaky_relu_slope"])
        discriminate = partial(
            dcgan_discriminator, weights=networks["d"], norms=norms["d"], activations=activations, image_size=size
        )
        logits_real = discriminate(unit(inputs["real_u8"][step], dtype))
        fake = dcgan_generator(inputs["z"][step], networks["g"], norms["g"], activations, size)
        logits_fake = discriminate(fake.detach())
        loss_d_real, loss_d_fake = bce(logits_real, 1.0), bce(logits_fake, 0.0)
        gradients = {"d": update(optimizers["d"], networks["d"], loss_d_real + loss_d_fake)}
        logits = discriminate(fake)
        loss_g = bce(logits, 1.0)
        gradients["g"] = update(optimizers["g"], networks["g"], loss_g)
        values = {
            "loss_d_real": loss_d_real,
            "loss_d_fake": loss_d_fake,
            "loss_d": loss_d_real + loss_d_fake,
            "loss_g": loss_g,
            "d_x": logits_real.sigmoid().mean(),
            "d_g_z1": logits_fake.sigmoid().mean(),
            "d_g_z2": logits.sigmoid().mean(),
        }
        for name, value in values.items():
            series.setdefault(name, []).append(value.detach())
        if step == 0:
            margin = activations.margin
            outputs |= named("step0", {"fake": fake, "logits_real": logits_real, "logits_fake": logits_fake})
            for network in "gd":
                outputs |= named(f"step0.grad.{network}", gradients[network])
    outputs |= {name: torch.stack(values) for name, values in series.items()}
    for network, weights in networks.items():
        outputs |= named(f"final.{network}", weights)
        for layer, running in norms[network].running.items():
            outputs |= named(f"final.{network}.{layer}", running)
    return Result(outputs, margin=margin)


def draw_dcgan(random, settings):
    drawn = {}
    for name, shape in dcgan_shapes(settings).items():
        means = {"weight": 0.0, "gamma": 1.0}
        kind = name.split(".")[-1]
        drawn[f"init.{name}"] = (
            normal(random, shape, 0.02, means[kind]) if kind in means else np.zeros(shape, np.float32)
        )
    return drawn | draw_batches(random, settings)


def draw_batches(random, settings):
    lead, size = [settings["steps"], settings["batch"]], settings["image_size"]
    return {
        "z": normal(random, [*lead, settings["nz"]]),
        "real_u8": pictures(random, [*lead, settings["channels"], size, size]),
    }


def dcgan_case(image_size, left_out=()):
    steps, lr = 3, 2e-4
    settings = {
        "image_size": image_size,
        "channels": 3,
        "batch": 4,
        "nf": 8,
        "nz": 100,
        "steps": steps,
        "bn_eps": 1e-5,
        "bn_momentum": 0.1,
        "leaky_relu_slope": 0.2,
        "optimizer": {"name": "adam", "lr": lr, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8},
    } | weight_tolerance(lr, steps, "final.* trainable parameters")
    return Case(
        f"dcgan{image_size}",
        f"three steps of the PyTorch tutorial DCGAN at {image_size}x{image_size}",
        settings,
        draw_dcgan,
        dcgan,
        TOLERANCE,
        left_out=left_out,
        weights=("final.*.weight", "final.*.gamma", "final.*.beta"),
    )


def scheduled(ends, nimg, total):
    """R3GAN's schedule: half a cosine from the first value to the second, which stays from `total` pictures on."""
    start, end = ends
    share = min(nimg / total, 1.0)
    return start + (1 - (1 + math.cos(math.pi * share)) / 2) * (end - start)


def r3gan(settings, inputs, dtype):
    """Steps of R3GAN (Huang et al. 2024, arXiv:2501.05441): D by its loss with R1 and R2, then G, then its average."""
    activations = Activations(settings["leaky_relu_slope"])
    generator, discriminator = (weights_of(inputs, f"before.{k}.") for k in ("generator", "discriminator"))
    average = {name: weight.detach().clone() for name, weight in generator.items()}
    adam = settings["optimizer"]
    optimizers = [torch.optim.Adam(list(w.values()), eps=adam["eps"]) for w in (generator, discriminator)]
    outputs, nimg = {}, 0

    def value(ends):
        return scheduled(ends, nimg, settings["schedule_nimg"])

    def discriminate(x):
        return r3gan_discriminator(x, classes, discriminator, activations, settings["minibatch_stddev"])

    for step in range(settings["steps"]):
        for optimizer in optimizers:
            optimizer.param_groups[0] |= {"lr": value(adam["lr"]), "betas": (adam["beta1"], value(adam["beta2"]))}
        classes = inputs["classes"][step] if settings["classes"] else None
        real = unit(inputs["real_u8"][step], dtype).requires_grad_()
        fake = r3gan_generator(inputs["z"][step], classes, generator, activations)

        shown = fake.detach().requires_grad_()
        logits_real, logits_fake = discriminate(real), discriminate(shown)
        penalty_r1, penalty_r2 = (
            value(settings[gamma]) / 2 * squared_norms(logits, images)[0].mean()
            for gamma, logits, images in (("r1_gamma", logits_real, real), ("r2_gamma", logits_fake, shown))
        )
        loss_d = softplus(-(logits_real - logits_fake)).mean() + penalty_r1 + penalty_r2
        update(optimizers[1], discriminator, loss_d)

        logits_fake_after = discriminate(fake)
        loss_g = softplus(-(logits_fake_after - discriminate(real.detach()))).mean()
        update(optimizers[0], generator, loss_g)

        # The half-life is that after this step.
        nimg += settings["batch"]
        beta = 0.5 ** (settings["batch"] / max(value(settings["ema_nimg"]), 1e-8))
        average = {name: weight.detach().lerp(average[name], beta) for name, weight in generator.items()}
        outputs |= named(
            f"step{step}",
            {
                "fake": fake,
                "logits_real": logits_real,
                "logits_fake": logits_fake,
                "logits_fake_after": logits_fake_after,
                "loss_d": loss_d,
                "loss_g": loss_g,
                "penalty_r1": penalty_r1,
                "penalty_r2": penalty_r2,
            },
        )
    outputs |= named("after.generator_ema", average)
    for network, weights, optimizer in zip(("generator", "discriminator"), (generator, discriminator), optimizers):
        outputs |= named(f"after.{network}", weights)
        for short, long in (("m", "exp_avg"), ("v", "exp_avg_sq")):
            moments = {name: optimizer.state[weight][long] for name, weight in weights.items()}
            outputs |= named(f"after.optimizer.{network}.{short}", moments)
    return Result(outputs, margin=activations.margin)


def draw_r3gan(random, settings):
    """Unlike at the start of a training, no weight is 0, so that every one of them gets a gradient."""
    drawn = {}
    for name, shape in r3gan_shapes(settings).items():
        kind = name.split(".")[-1]
        deviation = {"basis": 1.0, "bias": 0.1, "depthwise": 0.25}.get(kind, np.prod(shape[1:]) ** -0.5)
        if ".conv3." in name:
            # Each block adds to what it is given.
            deviation *= 0.7
        drawn[f"before.{name}"] = normal(random, shape, deviation)
    drawn |= draw_batches(random, settings)
    if settings["classes"]:
        lead = [settings["steps"], settings["batch"]]
        drawn["classes"] = random.integers(0, settings["classes"], lead)
    return drawn


def r3gan_case(name, description, **settings):
    """Pairs are a value before the first picture and after `schedule_nimg` pictures."""
    settings = {
        "steps": 2,
        "classes": 0,
        "minibatch_stddev": False,
        "leaky_relu_slope": 0.2,
        "loss": "relativistic",
    } | settings
    weights = ("after.generator.*", "after.discriminator.*", "after.generator_ema.*")
    lr = settings["optimizer"]["lr"][0]
    settings |= weight_tolerance(
        lr, settings["steps"], "after.generator.*, after.discriminator.* and after.generator_ema.*"
    )
    # Moments are gradients and their squares: far below what is a small error elsewhere.
    settings["tolerance_overrides"] = {
        "after.optimizer.*.m.*": {"rel": 1e-3, "abs": 1e-6},
        "after.optimizer.*.v.*": {"rel": 1e-3, "abs": 1e-9},
    }
    # Five passes through networks in each of two steps are too many activations for a larger one.
    return Case(name, description, settings, draw_r3gan, r3gan, R3GAN_TOLERANCE, weights=weights, smallest_margin=4e-6)


CASES = [
    dcgan_case(64, left_out=("step0.grad.*",)),
    dcgan_case(32),
    # The paper's betas, eps and learning rates. Its schedule and the half-life of its average would not show in two
    # steps: both are shortened here.
    r3gan_case(
        "r3gan_step",
        "two steps of R3GAN, with its schedules",
        image_size=16,
        channels=3,
        batch=4,
        nz=8,
        generator_width=8,
        discriminator_width=8,
        blocks=1,
        optimizer={"name": "adam", "lr": [2e-4, 5e-5], "beta1": 0.0, "beta2": [0.9, 0.99], "eps": 1e-8},
        r1_gamma=[2.0, 0.2],
        r2_gamma=[2.0, 0.2],
        ema_nimg=[8.0, 8.0],
        schedule_nimg=12,
    ),
    r3gan_case(
        "r3gan_step_odd",
        "two steps of R3GAN in odd sizes: grey pictures, networks of different widths, two blocks per resolution, a "
        "minibatch standard deviation; R1 and R2 by different gammas, and a beta1",
        image_size=8,
        channels=1,
        batch=3,
        nz=7,
        generator_width=5,
        discriminator_width=3,
        blocks=2,
        minibatch_stddev=True,
        optimizer={"name": "adam", "lr": [1e-3, 1e-3], "beta1": 0.5, "beta2": [0.95, 0.95], "eps": 1e-6},
        r1_gamma=[10.0, 10.0],
        r2_gamma=[3.0, 3.0],
        ema_nimg=[5.0, 5.0],
        schedule_nimg=1000,
    ),
    r3gan_case(
        "r3gan_step_classes",
        "two steps of a conditional R3GAN: class embeddings in both networks",
        image_size=16,
        channels=3,
        batch=5,
        nz=6,
        classes=3,
        generator_width=4,
        discriminator_width=6,
        blocks=2,
        optimizer={"name": "adam", "lr": [2e-4, 2e-4], "beta1": 0.0, "beta2": [0.99, 0.99], "eps": 1e-8},
        r1_gamma=[20.0, 20.0],
        r2_gamma=[20.0, 20.0],
        ema_nimg=[20.0, 10.0],
        schedule_nimg=20,
    ),
]
