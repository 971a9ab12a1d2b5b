"""Draws weights/demo/*, the input images of `make demo`. Uses only the project's own textures and installed fonts.

    python demo.py                      writes the images
    python demo.py --look KIND OUT.png  writes a sheet of candidates of one kind, to choose seeds from

The seeds are not used in training. The images are reproducible only with the same installed fonts.
"""
import argparse
import pathlib

import cv2
import numpy as np

import photos
from camera import light
from scene import nothing, photographed, strewn

OUT = pathlib.Path(__file__).resolve().parents[1] / "demo"
SEED = 2_000_000
LONG, SHORT = 960, 640

KINDS = {
    "conveyor": lambda rng: strewn(rng, LONG, LONG, SHORT),
    "label": lambda rng: photographed(rng, LONG, LONG, SHORT),
    "nothing": lambda rng: nothing(rng, LONG, SHORT),
}
CHOSEN = {  # file: kind and number, chosen by appearance
    "conveyor.jpg": ("conveyor", 5),
    "table.jpg": ("conveyor", 40),
    "can.jpg": ("label", 4),
    "parcel.jpg": ("label", 14),
    "label.jpg": ("label", 17),
    "cloth.jpg": ("nothing", 4),
}


def drawn(kind, number):
    """Returns a scene with light and noise applied, (H,W,3) BGR uint8."""
    rng = np.random.default_rng([SEED, list(KINDS).index(kind), number])
    picture, _, _ = KINDS[kind](rng)
    picture = light(rng, cv2.GaussianBlur(picture, (0, 0), 0.6)).astype(np.float32)
    return np.clip(picture + rng.normal(0, 3, picture.shape[:2])[..., None], 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--look", nargs=2, metavar=("KIND", "OUT"), help="write a sheet of 24 candidates of this kind")
    options = parser.parse_args()
    for name, files in photos.sources().items():
        if name != "fonts":  # the shipped images must not contain third-party photos
            files.clear()
    if options.look:
        kind, out = options.look
        if kind not in KINDS:
            parser.error(f"--look {kind}: expected one of {', '.join(KINDS)}")
        cells = [cv2.resize(drawn(kind, i), None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA) for i in range(24)]
        cv2.imwrite(out, np.vstack([np.hstack(cells[i : i + 4]) for i in range(0, 24, 4)]))
        return
    OUT.mkdir(exist_ok=True)
    for name, chosen in CHOSEN.items():
        cv2.imwrite(str(OUT / name), drawn(*chosen), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
