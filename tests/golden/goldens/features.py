"""What networks see in pictures: the one that judges, by the code that trained it, and EfficientNet-Lite0 as a whole."""

import importlib.util
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from .draws import pictures
from .file import Case, Result
from .projected import LITE0, lite0

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


def compute_lite0(settings, inputs, dtype):
    # Pillow's bicubic filter, without rounding to bytes.
    large = F.interpolate(inputs["images_u8"].float(), (224, 224), mode="bicubic", antialias=True)
    network_input = (large - 127) / 128
    weights = {name: tensor.to(dtype) for name, tensor in load_file(LITE0).items()}
    # It takes pictures in [-1, 1].
    last = lite0((network_input.to(dtype) * 128 - 0.5) / 127.5, [15], dtype)[0]
    features = F.relu6(F.conv2d(last, weights["head.weight"], weights["head.bias"])).mean((2, 3))
    probabilities = F.linear(features, weights["classes.weight"], weights["classes.bias"]).softmax(1)
    best = probabilities.sort(1, descending=True)
    outputs = {
        "network_input_photo0": network_input[0],
        "network_input_every8": network_input[:, :, ::8, ::8],
        "features": features,
        "top5_index": best.indices[:, :5],
        "top5_prob": best.values[:, :5],
    }
    # The order of the classes must not hang on rounding.
    return Result(outputs, margin=(best.values[:, :5] - best.values[:, 1:6]).min().item())


def draw_lite0(random, settings):
    return {"images_u8": pictures(random, [2, 3, 64, 64])}


CASES = [
    Case(
        "cifar10_features",
        "the network that judges pictures (src/features/cifar10.py) with the weights in the repository",
        {},
        draw,
        compute,
        {"rel": 1e-5, "abs": 1e-6},
        smallest_margin=1e-3,
    ),
    Case(
        "effnet_lite0",
        "EfficientNet-Lite0's pooled features and classes of pictures of 64 pixels, enlarged to 224",
        {
            "tolerance_overrides": {
                "network_input_*": {"abs": 1e-5, "rel": 0},
                "top5_index": {"abs": 0.5, "rel": 0},
            }
        },
        draw_lite0,
        compute_lite0,
        {"rel": 2e-4, "abs": 2e-5},
        smallest_margin=1e-4,
    ),
]
