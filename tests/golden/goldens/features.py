"""What the network that judges pictures sees, by the code that trained it."""

import importlib.util
from pathlib import Path

import torch
from safetensors.torch import load_file

from .draws import pictures
from .file import Case, Result

FOLDER = Path(__file__).parents[3] / "src/features"


def script():
    """`cifar10.py` as a module."""
    spec = importlib.util.spec_from_file_location("cifar10", FOLDER / "cifar10.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def network(module, dtype):
    """The script's network with the weights that the repository has, which its batch norms pass on unchanged."""
    stored = {name: tensor.to(dtype) for name, tensor in load_file(FOLDER / "cifar10.safetensors").items()}
    network = module.Network().to(dtype).eval()
    state = network.state_dict()
    for name in state:
        layer, _, leaf = name.rpartition(".")
        owner, _, part = layer.rpartition(".")
        if part == "conv":
            state[name] = stored[f"{owner}.weight"]
        elif part == "norm" and leaf == "bias":
            state[name] = stored[f"{owner}.bias"]
        elif part == "norm" and leaf == "weight":
            # Over √(1 + ε): 1.
            epsilon = network.get_submodule(layer).eps
            state[name] = torch.full_like(state[name], 1 + epsilon).sqrt()
        elif part != "norm":
            state[name] = stored[name]
    network.load_state_dict(state)
    return network


def compute(settings, inputs, dtype):
    module = script()
    pixels = inputs["pictures_u8"]
    with torch.no_grad():
        judge = network(module, dtype)
        features = judge.features((pixels.to(dtype) / 255 - module.MEAN) / module.DEVIATION)
        probabilities = judge.classes(features).softmax(1)
    best = probabilities.sort(1, descending=True).values
    # No picture's class may hang on rounding.
    return Result({"features": features, "probabilities": probabilities}, margin=(best[:, 0] - best[:, 1]).min().item())


def draw(random, settings):
    return {"pictures_u8": pictures(random, [6, 3, 32, 32])}


CASES = [
    Case(
        "cifar10_features",
        "the network that judges pictures (src/features/cifar10.py) with the weights in the repository",
        {},
        draw,
        compute,
        {"rel": 1e-5, "abs": 1e-6},
        smallest_margin=1e-3,
    )
]
