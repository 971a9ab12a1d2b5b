"""Batches of training images with random augmentation.

A `picture` is a tuple: image (H,W,3) BGR uint8, boxes (N,4) float32 x1,y1,x2,y2 in pixels, classes (N,) int.
"""
import math

import cv2
import numpy as np

from labels import GREY, clipped, turned
from noise import grainy
from pool import decoded


def rotated(picture, quarters):
    """Turns a picture counterclockwise by `quarters` times 90 degrees."""
    image, boxes, classes = picture
    for _ in range(quarters):
        boxes = turned(boxes, image.shape[1])
        image = np.rot90(image)
    return np.ascontiguousarray(image), boxes, classes


def cropped(rng, picture, width, height, scale):
    """Scales a picture by `scale`, then returns a random crop of width x height, or, if it is smaller, the whole
    picture at a random position inside a border. The scale is reduced if a code would be cut off."""
    image, boxes, classes = picture
    for _ in range(3):
        h, w = (max(1, round(scale * n)) for n in image.shape[:2])
        x, y = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in (width - w, height - h))
        moved = boxes * np.float32([w / image.shape[1], h / image.shape[0]] * 2) + np.float32([x, y, x, y])
        kept, labels, lost = clipped(moved, classes, width, height)
        if not lost:
            break
        scale = min(scale, min(width / image.shape[1], height / image.shape[0]) * rng.uniform(0.7, 1))
    image = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    image = image[max(0, -y) : height - y, max(0, -x) : width - x]
    left, top = max(0, x), max(0, y)
    border = (top, height - top - image.shape[0], left, width - left - image.shape[1])
    # a replicated edge would extend a code that touches it
    ends = [picture[0].shape[1] - 3, picture[0].shape[0] - 3]
    grey = rng.random() < 0.7 or (boxes[:, :2] < 3).any() or (boxes[:, 2:] > ends).any()
    kind = cv2.BORDER_CONSTANT if grey else cv2.BORDER_REPLICATE
    return cv2.copyMakeBorder(image, *border, kind, value=(GREY,) * 3), kept, labels


def jittered(rng, image):
    """Changes an image, each with some probability: brightness, contrast and gamma; inversion; grey or permuted
    channels; noise."""
    levels = np.arange(256, dtype=np.float32) / 255
    if rng.random() < 0.6:
        levels = levels ** math.exp(rng.uniform(-0.5, 0.5))
        levels = (levels - 0.5) * rng.uniform(0.6, 1.3) + 0.5 + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.03:
        levels = 1 - levels
    image = cv2.LUT(image, np.clip(255 * levels + 0.5, 0, 255).astype(np.uint8))
    roll = rng.random()
    if roll < 0.15:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    elif roll < 0.3:
        image = np.ascontiguousarray(image[..., rng.permutation(3)])
    if rng.random() < 0.25:
        image = grainy(rng, image, rng.uniform(1, 9))
    return image


def augmented(rng, picture, side, another, mosaic=0.15):
    """Returns a picture of side x side made of one picture, or, with probability `mosaic`, of four; `another()` returns
    the other three. Pictures are not mirrored: the finder of DataMatrix is not symmetric, and cameras do not mirror."""
    zoom = lambda low, high: math.exp(rng.uniform(math.log(low), math.log(high)))
    turn = lambda p: rotated(p, rng.integers(1, 4) if rng.random() < 0.3 else 0)
    fit = lambda p: side / max(p[0].shape[:2])
    if rng.random() >= mosaic:
        whole = turn(picture)
        image, boxes, classes = cropped(rng, whole, side, side, fit(whole) * zoom(0.75, 1.4))
        return jittered(rng, image), boxes, classes
    image, boxes, classes = np.empty((side, side, 3), np.uint8), [], []
    x, y = (round(side * rng.uniform(0.3, 0.7)) for _ in range(2))
    cells = ((0, 0, x, y), (x, 0, side, y), (0, y, x, side), (x, y, side, side))
    for (x0, y0, x1, y1), source in zip(cells, [picture] + [another() for _ in range(3)]):
        part = turn(source)
        cell, b, c = cropped(rng, part, x1 - x0, y1 - y0, fit(part) * zoom(0.5, 1))
        image[y0:y1, x0:x1] = cell
        boxes.append(b + np.float32([x0, y0, x0, y0]))
        classes.append(c)
    return jittered(rng, image), np.concatenate(boxes), np.concatenate(classes)


class Batches:
    """Batches of about the same number of pixels: new pictures, and `reuse` - 1 times as many from the pool."""

    def __init__(self, pool, rng, sizes, reuse, batch):
        self.pool, self.rng, self.reuse, self.batch, self.due = pool, rng, reuse, batch, 0.0
        self.sides, weights = list(sizes), np.array(list(sizes.values()))
        self.weights = weights / weights.sum()

    def state(self):
        return {"rng": self.rng.bit_generator.state, "due": self.due, "next": self.pool.next}

    def restore(self, state):
        self.rng.bit_generator.state, self.due = state["rng"], state["due"]

    def __next__(self):
        """Returns the side of the images in pixels and a list of pictures."""
        side = int(self.rng.choice(self.sides, p=self.weights))
        count = max(1, round(self.batch * (320 / side) ** 2))
        self.due += count / self.reuse
        new = min(count, int(self.due))
        self.due -= new
        sources = [self.pool.take() for _ in range(new)]
        sources += [self.pool.any(self.rng) for _ in range(count - new)]
        another = lambda: decoded(self.pool.any(self.rng))
        return side, [augmented(self.rng, decoded(source), side, another) for source in sources]
