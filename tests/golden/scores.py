"""Standard errors of scores, by NumPy and SciPy, from the features in `metrics.safetensors`; and a check of `swd.safetensors`.

python scores.py            writes jackknife.safetensors
python scores.py --check    computes it and the distances of swd.safetensors again, and compares; changes nothing

Made with numpy 2.4.6, scipy 1.17.1 and safetensors 0.8.0.
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from scipy.linalg import sqrtm
from scipy.ndimage import correlate1d
from scipy.spatial.distance import cdist

HERE = Path(__file__).parent
GROUPS = 20
K_PRECISION_RECALL, K_DENSITY_COVERAGE = 3, 5


def frechet_distance(x, y):
    covariances = [np.cov(features, rowvar=False) for features in (x, y)]
    root = sqrtm(covariances[0] @ covariances[1])
    return np.square(x.mean(0) - y.mean(0)).sum() + np.trace(sum(covariances) - 2 * root.real)


def kernel_distance(x, y):
    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(a):
        kernels = kernel(a, a)
        return (kernels.sum() - kernels.trace()) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


def radii(x, k):
    return np.sort(cdist(x, x), 1)[:, k]


def scores(real, generated, memorization_threshold, training):
    between = cdist(real, generated)
    inside = between < radii(real, K_DENSITY_COVERAGE)[:, None]
    fid = frechet_distance(real, generated)
    memorization = (1 - abs(1 - cdist(generated, training, "cosine"))).min(1).mean()
    return {
        "fid": fid,
        "kid": kernel_distance(real, generated),
        "precision": (between < radii(real, K_PRECISION_RECALL)[:, None]).any(0).mean(),
        "recall": (between < radii(generated, K_PRECISION_RECALL)).any(1).mean(),
        "density": inside.sum() / (K_DENSITY_COVERAGE * len(generated)),
        "coverage": inside.any(1).mean(),
        "memorization_distance": memorization,
        "mifid": fid / memorization if memorization < memorization_threshold else fid,
    }


def jackknife():
    """Row i of either set is in group i mod 20. Variant 0 has all rows, variant g lacks group g - 1 of both sets."""
    with safe_open(HERE / "metrics.safetensors", "np") as file:
        threshold = json.loads(file.metadata()["case"])["mifid_eps"]
    inputs = load_file(HERE / "metrics.safetensors")
    real = inputs["real"].astype(float)
    outputs = {}
    for name in ("gen", "mem"):
        generated = inputs[name].astype(float)

        def rest(rows, variant):
            return rows if variant == 0 else rows[np.arange(len(rows)) % GROUPS != variant - 1]

        variants = [scores(rest(real, g), rest(generated, g), threshold, real) for g in range(GROUPS + 1)]
        for score in variants[0]:
            values = np.array([variant[score] for variant in variants])
            left_out = values[1:]
            error = np.sqrt((GROUPS - 1) / GROUPS * np.square(left_out - left_out.mean()).sum())
            outputs[f"{name}.{score}.variants"] = values.astype("float32")
            outputs[f"{name}.{score}.error"] = np.array([error], "float32")
    return outputs


def swd():
    """Karras et al. 2018, arXiv:1710.10196, section 5, on given patches and directions."""
    with safe_open(HERE / "swd.safetensors", "np") as file:
        case = json.loads(file.metadata()["case"])
    inputs = load_file(HERE / "swd.safetensors")
    taps = np.array([1, 4, 6, 4, 1]) / 16

    def blur(x, gain):
        return gain * correlate1d(correlate1d(x, taps, -1, mode="mirror"), taps, -2, mode="mirror")

    def up(x):
        spread = np.zeros((*x.shape[:-2], 2 * x.shape[-2], 2 * x.shape[-1]))
        spread[..., ::2, ::2] = x
        return blur(spread, 4)

    def pyramid(x):
        pictures = [x]
        for _ in range(case["levels"] - 1):
            pictures.append(blur(pictures[-1], 1)[..., ::2, ::2])
        return [a - up(b) for a, b in zip(pictures, pictures[1:])] + pictures[-1:]

    size = case["patch"]
    levels = []
    for level in range(case["levels"]):
        sides = []
        for name in "ab":
            pictures = pyramid(inputs[f"images_{name}_u8"].astype(float))[level]
            corners = inputs[f"positions_{name}.level{level}"]
            patches = np.stack([p[:, y : y + size, x : x + size] for p, of in zip(pictures, corners) for y, x in of])
            patches = (patches - patches.mean((0, 2, 3), keepdims=True)) / patches.std((0, 2, 3), keepdims=True)
            along = patches.reshape(len(patches), -1) @ inputs[f"directions.level{level}"].astype(float)
            sides.append(np.sort(along, 0))
        levels.append(abs(sides[0] - sides[1]).mean())
    return {"swd": np.array(levels)}, inputs


def main():
    computed = jackknife()
    path = HERE / "jackknife.safetensors"
    distances, stored = swd()
    compared = [("swd", distances["swd"], stored["swd"])]
    if sys.argv[1:] == ["--check"]:
        compared += [(name, computed[name], values) for name, values in load_file(path).items()]
    else:
        case = {
            "name": "jackknife",
            "description": "scores without each of 20 groups, and their standard errors; inputs are those of metrics",
            "groups": GROUPS,
            "outputs": sorted(computed),
            "tolerance": {"rel": 1e-4, "abs": 1e-7},
            "tolerance_rule": "|got - want| <= abs + rel * max|want| (maximum over the tensor)",
            "made_with": {"numpy": np.__version__, "scipy": scipy.__version__},
        }
        save_file(computed, path, metadata={"case": json.dumps(case, sort_keys=True)})
    off = max(abs(got - want).max() / abs(want).max() for _, got, want in compared)
    print(f"{len(compared)} tensors compared, off by {off:.1e} of their largest value at most")
    sys.exit(1 if off > 1e-4 else 0)


if __name__ == "__main__":
    main()
