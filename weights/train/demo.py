"""Draws weights/demo/*, the pictures that `make demo` detects in, of nothing but our own textures and fonts.

    python demo.py                      writes them
    python demo.py --look KIND OUT.png  candidates of a kind, to choose seeds from

Their seeds are none of training's. The same fonts must be installed for the same pictures.
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
CHOSEN = {  # file: kind, number, chosen for their looks
    "conveyor.jpg": ("conveyor", 5),
    "table.jpg": ("conveyor", 40),
    "can.jpg": ("label", 4),
    "parcel.jpg": ("label", 14),
    "label.jpg": ("label", 17),
    "cloth.jpg": ("nothing", 4),
}


def drawn(kind, number):
    """(H,W,3) BGR uint8: a scene with a little light and noise on it."""
    rng = np.random.default_rng([SEED, list(KINDS).index(kind), number])
    picture, _, _ = KINDS[kind](rng)
    picture = light(rng, cv2.GaussianBlur(picture, (0, 0), 0.6)).astype(np.float32)
    return np.clip(picture + rng.normal(0, 3, picture.shape[:2])[..., None], 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--look", nargs=2, metavar=("KIND", "OUT"))
    options = parser.parse_args()
    for name, files in photos.sources().items():
        if name != "fonts":  # what others have photographed stays out of what is shipped
            files.clear()
    if options.look:
        kind, out = options.look
        if kind not in KINDS:
            parser.error(f"--look {kind}: one of {', '.join(KINDS)} is needed")
        cells = [cv2.resize(drawn(kind, i), None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA) for i in range(24)]
        cv2.imwrite(out, np.vstack([np.hstack(cells[i : i + 4]) for i in range(0, 24, 4)]))
        return
    OUT.mkdir(exist_ok=True)
    for name, chosen in CHOSEN.items():
        cv2.imwrite(str(OUT / name), drawn(*chosen), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
