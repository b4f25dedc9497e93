"""Differentiable augmentation with given factors: outputs and gradients by the pictures."""

import numpy as np
import torch

from .draws import normal, uniform
from .file import Case, Result


def brightness(x, given, settings):
    return x + given["brightness"].view(-1, 1, 1, 1)


def saturation(x, given, settings):
    mean = x.mean(1, keepdim=True)
    return (x - mean) * given["saturation"].view(-1, 1, 1, 1) + mean


def contrast(x, given, settings):
    mean = x.mean([1, 2, 3], keepdim=True)
    return (x - mean) * given["contrast"].view(-1, 1, 1, 1) + mean


def translation(x, given, settings):
    """A pixel comes from `(y + ty, x + tx)`; what comes from outside is 0."""
    height, width = x.shape[2:]
    moved = []
    for picture, (dy, dx) in zip(x, given["translation"].tolist()):
        largest = max(height, width)
        padded = torch.nn.functional.pad(picture, [largest] * 4)
        moved.append(padded[:, largest + dy : largest + dy + height, largest + dx : largest + dx + width])
    return torch.stack(moved)


def cutout(x, given, settings):
    height, width = x.shape[2:]
    y, column = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1)
    half_height, half_width = settings["cutout_half_height"], settings["cutout_half_width"]
    cy, cx = (given["cutout_centre"][:, i].view(-1, 1, 1) for i in (0, 1))
    rows = (cy - half_height <= y) & (y < cy + half_height)
    columns = (cx - half_width <= column) & (column < cx + half_width)
    return x * ~(rows & columns).unsqueeze(1)


OPERATIONS = {
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "translation": translation,
    "cutout": cutout,
}


def compute(settings, inputs, dtype):
    x = inputs["input"].requires_grad_()
    composed = x
    for name in settings["order"]:
        composed = OPERATIONS[name](composed, inputs, settings)
    results = {name: operation(x, inputs, settings) for name, operation in OPERATIONS.items()} | {"composed": composed}
    outputs = {}
    for name, output in results.items():
        (gradient,) = torch.autograd.grad(output, [x], inputs["grad_output"], retain_graph=True)
        outputs |= {f"{name}.output": output, f"{name}.grad_input": gradient}
    return Result(outputs)


def draw(random, settings):
    """Shifts of up to an eighth of the side; boxes' centres anywhere, so that some boxes reach beyond the border."""
    shape = count, _, height, width = 4, 3, 16, 12
    shifts = [[0], [0]]
    while not all(min(shift) < 0 < max(shift) for shift in shifts):
        shifts = [random.integers(-largest, largest + 1, count) for largest in (round(height / 8), round(width / 8))]
    centres = [random.integers(0, length + 1, count) for length in (height, width)]
    return {
        "input": np.tanh(normal(random, shape, 0.9)).astype(np.float32),
        "grad_output": normal(random, shape),
        "brightness": uniform(random, -0.5, 0.5, [count]),
        "saturation": uniform(random, 0.0, 2.0, [count]),
        "contrast": uniform(random, 0.5, 1.5, [count]),
        "translation": np.stack(shifts, 1),
        "cutout_centre": np.stack(centres, 1),
    }


CASES = [
    Case(
        "diffaugment",
        "differentiable augmentation with given factors",
        {"order": list(OPERATIONS), "cutout_half_height": 4, "cutout_half_width": 3},
        draw,
        compute,
        {"rel": 5e-6, "abs": 1e-6},
    )
]
