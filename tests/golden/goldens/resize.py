"""Pillow's own crops and resizes, in 8 bits throughout."""

import numpy as np
from PIL import Image

from .draws import pictures
from .file import Case, Result

FILTERS = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
# Height, width and target of each picture.
SIZES = {
    "square": (180, 180, 64),
    "wide": (37, 91, 32),
    "tall": (71, 50, 32),
    "up": (20, 27, 32),
    "saturated": (60, 60, 32),
}


def crop(height, width, target):
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return {"height": height, "width": width, "target": target, "crop_side": side, "crop_top": top, "crop_left": left}


def compute(settings, inputs, dtype):
    outputs = {}
    for name, sizes in settings["images"].items():
        top, left, side = sizes["crop_top"], sizes["crop_left"], sizes["crop_side"]
        square = inputs[f"{name}.input_u8"].numpy()[:, top : top + side, left : left + side]
        picture = Image.fromarray(np.ascontiguousarray(square.transpose(1, 2, 0)))
        for filter, resampling in FILTERS.items():
            resized = np.asarray(picture.resize([sizes["target"]] * 2, resampling))
            outputs[f"{name}.{filter}_u8"] = np.ascontiguousarray(resized.transpose(2, 0, 1))
    return Result(outputs)


def draw(random, settings):
    inputs = {}
    for name, (height, width, _) in SIZES.items():
        if name == "saturated":
            # Blocks of 3 pixels in full contrast: the filters overshoot, and Pillow clips after each pass.
            blocks = 255 * random.integers(0, 2, [3, height // 3, width // 3], dtype=np.uint8)
            inputs[f"{name}.input_u8"] = blocks.repeat(3, axis=1).repeat(3, axis=2)
        else:
            inputs[f"{name}.input_u8"] = pictures(random, [3, height, width])
    return inputs


CASES = [
    Case(
        "resize",
        "centre-crop to a square, then antialiased resize",
        {
            "images": {name: crop(*sizes) for name, sizes in SIZES.items()},
            "tolerance_note": "2 grey levels per pixel; image `saturated` only binds a loader that clips and rounds to "
            "8 bits between the two passes",
        },
        draw,
        compute,
        {"rel": 0, "abs": 2},
        layout="CHW",
        dtype="uint8",
        compute_dtype="PIL 8-bit resampling",
    )
]
