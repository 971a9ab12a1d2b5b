"""What is looked for, and which boxes a picture's labels keep."""
import math

import numpy as np

NAMES = ["barcode", "qr", "datamatrix", "aztec", "pdf417"]
SIDE = 416  # of the pictures drawn
GREY = 114  # of the letterbox's border
SMALLEST, THINNEST = 8, 4  # pixels of a box' longer and shorter side below which it is no longer looked for
LEAST_LEFT = 0.6  # of a box' area that must remain in the picture


def turned(boxes, width):
    """Boxes (...,4) in a picture of this width after a quarter turn counterclockwise, as np.rot90 does it."""
    x1, y1, x2, y2 = np.moveaxis(boxes, -1, 0)
    return np.stack([y1, width - x2, y2, width - x1], -1)


def clipped(boxes, classes, width, height):
    """The boxes cut to the picture, without those of which too little remains; and whether one that is left out can
    still be seen, so that the picture would teach that it is no code."""
    cut = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    before, after = boxes[:, 2:] - boxes[:, :2], cut[:, 2:] - cut[:, :2]
    part = after.prod(1) / before.prod(1)
    keep = (part >= LEAST_LEFT) & (after.max(1, initial=0) >= SMALLEST) & (after.min(1, initial=math.inf) >= THINNEST)
    return cut[keep], classes[keep], bool(((part > 0.1) & (part < LEAST_LEFT)).any())
