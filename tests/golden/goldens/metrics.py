"""Scores of generated pictures, on given features. They are computed in float64 whatever type the features have."""

import torch

from .draws import normal
from .file import Case, Result


def root(covariance):
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def frechet_distance(x, y):
    """Heusel et al. 2017, arXiv:1706.08500, Eq. 6."""
    covariances = [torch.cov(features.T) for features in (x, y)]
    half = root(covariances[0])
    roots = torch.linalg.eigvalsh(half @ covariances[1] @ half).clamp(min=0).sqrt()
    apart = (x.mean(0) - y.mean(0)).square().sum()
    return apart + covariances[0].trace() + covariances[1].trace() - 2 * roots.sum()


def kernel_distance(x, y):
    """Bińkowski et al. 2018, arXiv:1801.01401: unbiased, on the whole sets."""

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(a):
        kernels = kernel(a, a)
        return (kernels.sum() - kernels.trace()) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


def distances(x, y):
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def radii(x, k):
    """The distance of each row to its k-th nearest other row."""
    return distances(x, x).fill_diagonal_(torch.inf).sort(1).values[:, k - 1]


def margin(values, limits):
    """The smallest distance of a value to the limit that it is compared with, as a share of that."""
    return ((values - limits).abs() / limits).min().item()


def tie(values):
    """The smallest distance between the least value of a row and the next, as a share of that."""
    least = values.sort(1).values[:, :2]
    return ((least[:, 1] - least[:, 0]) / least[:, 1]).min().item()


def compute(settings, inputs, dtype):
    real = inputs["real"].double()
    pr, dc = settings["k_precision_recall"], settings["k_density_coverage"]
    outputs, expected, margins = {}, {}, []
    for name in ("gen", "mem"):
        generated = inputs[name].double()
        between = distances(real, generated)
        real_pr, real_dc, generated_pr = radii(real, pr), radii(real, dc), radii(generated, pr)
        inside = between < real_dc[:, None]
        cosine = 1 - (torch.nn.functional.normalize(generated) @ torch.nn.functional.normalize(real).T).abs()
        euclid_distance, euclid_index = between.T.min(1)
        cosine_distance, cosine_index = cosine.min(1)
        fid, memorization = frechet_distance(real, generated), cosine_distance.mean()
        small = settings["small_rows"]
        scores = {
            "fid": fid,
            "fid_small": frechet_distance(real[:small], generated[:small]),
            "kid": kernel_distance(real, generated),
            "precision": (between < real_pr[:, None]).any(0).double().mean(),
            "recall": (between < generated_pr).any(1).double().mean(),
            "density": inside.sum().double() / (dc * len(generated)),
            "coverage": inside.any(1).double().mean(),
            "memorization_distance": memorization,
            "mifid": fid / memorization if memorization < settings["mifid_eps"] else fid,
        }
        rows = {
            "radius_real_pr": real_pr,
            "radius_gen_pr": generated_pr,
            "radius_real_dc": real_dc,
            "nn_euclid_index": euclid_index,
            "nn_euclid_distance": euclid_distance,
            "nn_cosine_index": cosine_index,
            "nn_cosine_distance": cosine_distance,
        }
        outputs |= {f"{name}.{score}": value for score, value in (scores | rows).items()}
        expected |= {f"{name}.{score}": float(value) for score, value in scores.items()}
        limits = [(between, real_pr[:, None]), (between, generated_pr), (between, real_dc[:, None])]
        margins += [margin(*compared) for compared in limits] + [tie(between.T), tie(cosine)]
    is_memorized = expected["mem.memorization_distance"] < settings["mifid_eps"]
    is_ordinary = expected["gen.memorization_distance"] > settings["mifid_eps"]
    return Result(outputs, {"expected": expected}, min(margins) if is_memorized and is_ordinary else 0.0)


def draw(random, settings):
    """Features on few directions, as those of a network are; others a little apart; and copies with a little noise."""
    real_rows, rows, columns, directions = 200, 150, 32, 6
    mixing = normal(random, [directions, columns], 0.6)

    def features(count, mean, deviation):
        return (normal(random, [count, directions], deviation, mean) @ mixing + normal(random, [count, columns], 0.5)) + 0.2

    real = features(real_rows, 0.0, 1.0)
    copied = random.permutation(real_rows)[:rows]
    return {
        "real": real.astype("float32"),
        "gen": features(rows, 0.3, 0.9).astype("float32"),
        "mem": (real[copied] + normal(random, [rows, columns], 0.03)).astype("float32"),
    }


CASES = [
    Case(
        "metrics",
        "scores of generated pictures on given features: an ordinary set (gen) and one of copies (mem)",
        {
            "k_precision_recall": 3,
            "k_density_coverage": 5,
            "mifid_eps": 0.1,
            "small_rows": 20,
            "tolerance_overrides": {
                "*_index": {"abs": 0.5, "rel": 0},
                "*.precision": {"abs": 1e-6, "rel": 0},
                "*.recall": {"abs": 1e-6, "rel": 0},
                "*.density": {"abs": 1e-6, "rel": 0},
                "*.coverage": {"abs": 1e-6, "rel": 0},
            },
        },
        draw,
        compute,
        {"rel": 1e-5, "abs": 1e-9},
        layout="a row for each picture",
    )
]
