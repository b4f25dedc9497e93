"""The peer that preparing pictures is measured against, and the pictures.

    pillow.py make MOSAIC FOLDER    writes 20,000 JPEG files of 180 x 180 pixels
    pillow.py loop FOLDER           prepares them at 64 x 64 on all processors, and prints the seconds it took
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

COUNT, SIDE, TARGET, TILE = 20_000, 180, 64, 32


def make(mosaic, folder):
    folder.mkdir(parents=True, exist_ok=True)
    tiles = Image.open(mosaic).convert("RGB")
    columns, rows = tiles.width // TILE, tiles.height // TILE

    def write(index):
        tile, turn = index % (columns * rows), index // (columns * rows)
        left, top = tile % columns * TILE, tile // columns * TILE
        picture = tiles.crop((left, top, left + TILE, top + TILE)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture.rotate(90 * turn).save(folder / f"{index:05}.jpg", quality=90)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(COUNT)))


def prepare(path):
    """Decodes, turns upright, crops to the square at the centre and resizes: the same work."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    return ImageOps.fit(image, (TARGET, TARGET), Image.Resampling.LANCZOS).tobytes()


def loop(folder):
    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pixels = bytearray()
        for picture in pool.map(prepare, sorted(folder.iterdir())):
            pixels += picture
    assert len(pixels) == COUNT * TARGET * TARGET * 3
    print(time.perf_counter() - start)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        loop(Path(sys.argv[2]))
