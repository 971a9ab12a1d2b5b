"""The classes, and the rules for which boxes are kept as labels of an image."""
import math

import numpy as np

NAMES = ["barcode", "qr", "datamatrix", "aztec", "pdf417"]
SIDE = 416  # side of the generated images, pixels
GREY = 114  # grey level of the letterbox border
MIN_LONG_SIDE, MIN_SHORT_SIDE = 8, 4  # pixels: boxes with a smaller longer or shorter side are dropped
MIN_VISIBLE = 0.6  # fraction of the area of a box that must be inside the image


def turned(boxes, width):
    """Returns boxes (...,4) after a turn of the image by 90 degrees counterclockwise, as np.rot90 does. width: of the
    image before the turn, pixels."""
    x1, y1, x2, y2 = np.moveaxis(boxes, -1, 0)
    return np.stack([y1, width - x2, y2, width - x1], -1)


def clipped(boxes, classes, width, height):
    """Clips boxes to the image and drops those of which too little remains. Returns boxes, classes, and whether a
    dropped code is still partly visible: such an image would train the network to ignore it."""
    cut = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    before, after = boxes[:, 2:] - boxes[:, :2], cut[:, 2:] - cut[:, :2]
    part = after.prod(1) / before.prod(1)
    large = (after.max(1, initial=0) >= MIN_LONG_SIDE) & (after.min(1, initial=math.inf) >= MIN_SHORT_SIDE)
    keep = (part >= MIN_VISIBLE) & large
    return cut[keep], classes[keep], bool(((part > 0.1) & (part < MIN_VISIBLE)).any())
