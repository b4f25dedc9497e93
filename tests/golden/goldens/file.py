"""How a golden file is made from a case, written, and checked.

Inputs are drawn as float32 numbers. Outputs are computed from them in float64 and rounded once, to float32. They are
computed in float32 throughout as well, to see how much of the tolerance plain rounding uses up. A draw is thrown away
if that is too much, or if a value lies so close to the kink of an activation that rounding might move it across.
"""

import json
import platform
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.metadata import version

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

DRAWS = 400
# Of the tolerance, what float32 in PyTorch may use up. The rest is for implementations that sum in another order.
LARGEST_SHARE = 0.2
TOLERANCE_RULE = "|got - want| <= abs + rel * max|want| (maximum over the tensor)"
PACKAGES = ["numpy", "pillow", "safetensors", "torch"]


@dataclass
class Result:
    """Outputs by name, and what else is worth writing into the file's text."""

    outputs: dict
    notes: dict = field(default_factory=dict)
    # Smallest distance of any value to the kink of its activation, as a share of the values' standard deviation.
    margin: float = float("inf")


@dataclass
class Case:
    """One golden file."""

    name: str
    description: str
    # Hyper-parameters, as they stand in the file.
    settings: dict
    # Inputs as numpy arrays, from a random generator and the settings.
    draw: Callable
    # A Result, from the settings, the inputs as tensors, and the floating-point type to compute in.
    compute: Callable
    tolerance: dict
    layout: str = "NCHW"
    dtype: str = "float32"
    compute_dtype: str = "float64"
    # Patterns of outputs that are too large to store.
    left_out: tuple = ()
    # Patterns of outputs that are trained weights, which `weight_tolerance` in the settings is for.
    weights: tuple = ()
    # What Result.margin must be at least. Float32 rounds sums of some hundred terms to within 1e-6.
    smallest_margin: float = 1e-5


def make(case, seed, path):
    """Writes the file of the first draw that is good enough; returns a sentence about it."""
    for draw in range(DRAWS):
        inputs = case.draw(generator(case.name, seed, draw), case.settings)
        result = compute(case, case.settings, inputs, torch.float64)
        if result.margin < case.smallest_margin:
            continue
        outputs = {name: values for name, values in result.outputs.items() if not matches(case.left_out, name)}
        text = {
            "name": case.name,
            "description": case.description,
            "layout": case.layout,
            "dtype": case.dtype,
            "compute_dtype": case.compute_dtype,
            "inputs": sorted(inputs),
            "outputs": sorted(outputs),
            "tolerance": case.tolerance,
            "tolerance_rule": TOLERANCE_RULE,
            **case.settings,
            **result.notes,
        }
        share = 0.0
        if case.compute_dtype == "float64":
            deviations, share = float32_deviations(case, inputs, outputs)
            text |= deviations
        if share <= LARGEST_SHARE:
            break
    else:
        raise RuntimeError(f"{case.name}: none of {DRAWS} draws of seed {seed} is good enough")
    text["made_with"] = {"script": "tests/golden/make.py", "seed": seed, "draw": draw, **versions()}
    # One entry only: safetensors writes several in random order.
    save_file({**inputs, **outputs}, path, metadata={"case": json.dumps(text, sort_keys=True)})
    return f"draw {draw}, {len(inputs) + len(outputs)} tensors, {path.stat().st_size / 1000:.1f} kB"


def check(case, path):
    """What is wrong with a file: sentences, none if it is right.

    Its outputs are computed again from its inputs and its settings. If this script made it, its inputs are drawn again
    too, and its settings must be this script's.
    """
    stored = load_file(path)
    with safe_open(path, "numpy") as file:
        text = json.loads(file.metadata()["case"])
    faults = []
    if made_with := text.get("made_with"):
        drawn = case.draw(generator(case.name, made_with["seed"], made_with["draw"]), case.settings)
        faults += [f"input {name} is another" for name in drawn if not is_same(drawn[name], stored.get(name))]
        settings = case.settings | {"description": case.description, "tolerance": case.tolerance}
        faults += [f"its {key} is another" for key, value in settings.items() if text.get(key) != value]
    inputs = {name: stored[name] for name in text["inputs"]}
    outputs = compute(case, text, inputs, torch.float64).outputs
    expected = {name for name in outputs if not matches(case.left_out, name)} | set(text["inputs"])
    if expected != set(stored):
        faults.append(f"its tensors are others: {', '.join(sorted(expected ^ set(stored)))}")
    for name in set(text["outputs"]) & set(outputs):
        want, got = outputs[name], stored[name]
        if want.dtype != got.dtype or want.shape != got.shape:
            faults.append(f"{name} is {got.dtype} {got.shape} instead of {want.dtype} {want.shape}")
        elif want.dtype != np.float32:
            faults += [] if is_same(want, got) else [f"{name} is another"]
        else:
            # Both were rounded once: half a unit in the last place each, and a little for float64's own order of sums.
            largest = np.abs(want).max()
            error = np.abs(want.astype(np.float64) - got).max()
            # Not `>`: no comparison with what is not a number is true.
            if not error <= 2.5e-7 * largest + 1e-12:
                faults.append(f"{name} is off by {error:.1e}, its largest value is {largest:.1e}")
    return faults


def generator(name, seed, draw):
    """Random numbers of one draw of one file."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), draw])


def compute(case, settings, inputs, dtype):
    """The case's result with outputs as the arrays that are stored."""
    tensors = {name: torch.tensor(values) for name, values in inputs.items()}
    tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    result = case.compute(settings, tensors, dtype)
    result.outputs = {name: array(values) for name, values in result.outputs.items()}
    return result


def array(values):
    """What is stored: bytes and whole numbers as they are, everything else as float32, a number with shape [1]."""
    if isinstance(values, torch.Tensor):
        values = values.detach().numpy()
    values = np.atleast_1d(values)
    return np.ascontiguousarray(values.astype(np.float32) if values.dtype.kind == "f" else values)


def float32_deviations(case, inputs, outputs):
    """How far a plain float32 run is off, for the file's text; and the largest share of a tolerance that it uses up."""
    runs = [compute(case, case.settings, inputs, torch.float32).outputs]
    # Convolutions that sum in another order: a draw whose later steps depend on that is none to hold others to.
    with torch.backends.mkldnn.flags(enabled=False):
        runs.append(compute(case, case.settings, inputs, torch.float32).outputs)
    rough = {name: np.stack([run[name] for run in runs]) for name in outputs}
    weights = [name for name in outputs if matches(case.weights, name)]
    worst = {"share_of_tolerance": -1.0}
    for name, want in outputs.items():
        if name in weights:
            continue
        error = np.abs(want.astype(np.float64) - rough[name]).max()
        largest = np.abs(want).max()
        overrides = case.settings.get("tolerance_overrides", {})
        own = next((rule for pattern, rule in overrides.items() if fnmatchcase(name, pattern)), case.tolerance)
        share = error / (own["abs"] + own["rel"] * largest)
        if share > worst["share_of_tolerance"]:
            worst = {
                "max_abs_error": rounded(error, 2),
                "max_abs_value": rounded(largest, 4),
                "share_of_tolerance": rounded(share, 2),
                "tensor": name,
            }
    deviations, share = {"float32_deviation": worst}, worst["share_of_tolerance"]
    if weights:
        tolerance = case.settings["weight_tolerance"]
        errors = np.concatenate([np.abs(outputs[name].astype(np.float64) - rough[name]).ravel() for name in weights])
        above = float((errors > tolerance["abs"]).mean())
        deviations["float32_weight_deviation"] = {"max": rounded(errors.max(), 2), "share_above_abs": rounded(above, 2)}
        share = max(share, errors.max() / tolerance["abs_all"], above / (1.0 - tolerance["share"]))
    return deviations, share


def matches(patterns, name):
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def is_same(want, got):
    return got is not None and want.dtype == got.dtype and np.array_equal(want, got)


def rounded(value, digits):
    """To significant digits."""
    return float(f"{float(value):.{digits}g}")


def versions():
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def print_versions():
    print(", ".join(f"{name} {number}" for name, number in versions().items()))
