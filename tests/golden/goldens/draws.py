"""Random inputs that several kinds of files share: float32 or bytes, so that nothing is lost in storing them."""

import numpy as np


def normal(random, shape, deviation=1.0, mean=0.0):
    return (mean + deviation * random.standard_normal(shape)).astype(np.float32)


def uniform(random, low, high, shape):
    return random.uniform(low, high, shape).astype(np.float32)


def pictures(random, shape):
    """Bytes `[..., height, width]` that look somewhat like photographs: smooth slopes, and grain."""
    *lead, height, width = shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = np.zeros(shape)
    for _ in range(6):
        fx, fy, phase = (random.uniform(low, high, [*lead, 1, 1]) for low, high in [(-9, 9), (-9, 9), (0, 7)])
        waves += 30 * random.standard_normal([*lead, 1, 1]) * np.sin(fx * x + fy * y + phase)
    return np.clip(125 + waves + 8 * random.standard_normal(shape), 0, 255).round().astype(np.uint8)


def unit_from_bytes(pixels):
    """Bytes as a network sees them: float32 in [-1, 1]."""
    return (pixels.astype(np.float64) / 127.5 - 1.0).astype(np.float32)
