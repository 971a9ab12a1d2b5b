"""Generates training images: codes printed on sheets, bent and in perspective, on a background, seen by a poor camera.

    python scene.py --sheet OUT.jpg [--seed N] [--count N]      writes a contact sheet with the boxes drawn
"""
import argparse
import math

import cv2
import numpy as np

from camera import camera, light
from backgrounds import ground
from labels import GREY, NAMES, clipped, turned
from distractors import distract
from sheets import imprint, inks, outline, sheet
from surfaces import occlude, placed
from symbols import BARCODE, codes

ASPECTS = [1, 4 / 3, 3 / 4, 16 / 9, 9 / 16, 3 / 2]


def plain(rng, size):
    """An image of one code as from a generator or a screenshot, often filling the frame."""
    label = None if rng.random() < 0.7 else BARCODE
    group = codes(rng, size * (rng.uniform(0.75, 1.0) if rng.random() < 0.8 else rng.uniform(0.3, 0.75)), label)
    code = group[0]
    margin = rng.uniform(0, 0.05, 4) if rng.random() < 0.7 else rng.uniform(0, 0.35, 4)
    if rng.random() < 0.25:  # cropped to the symbol, without a quiet zone
        x1, y1, x2, y2 = code.box.astype(int)
        code.ink, code.box = np.ascontiguousarray(code.ink[y1:y2, x1:x2]), code.box - [x1, y1, x1, y1]
        code.picture = None if code.picture is None else code.picture[y1:y2, x1:x2]
        margin = margin * 0.2
    copies = int(rng.integers(2, 4)) if rng.random() < 0.05 else 1
    high, wide = code.ink.shape
    top, bottom, left, right = (margin * max(high, wide)).astype(int)
    paper, paint = (np.float32([255] * 3), np.float32([0] * 3)) if rng.random() < 0.6 else inks(rng)
    image = np.empty((high + top + bottom, wide + left + right, 3), np.uint8)
    image[:] = paper
    imprint(image, (left, top), code.ink, code.picture, paper, paint, True)
    boxes = [code.box + [left, top, left, top]]
    if copies > 1:
        step = np.array([image.shape[1], image.shape[0]] * 2)
        boxes = [boxes[0] + step * [i, j, i, j] for j in range(copies) for i in range(copies)]
        image = np.tile(image, (copies, copies, 1))
    for _ in range(rng.choice(4, p=[0.8, 0.07, 0.06, 0.07])):
        boxes = [turned(box, image.shape[1]) for box in boxes]
        image = np.rot90(image)
    points = [outline(box, 1) for box in boxes]
    scale = size / max(image.shape[:2])
    shape = [max(16, round(n * scale)) for n in image.shape[1::-1]]
    ratio = np.array(shape) / image.shape[1::-1]
    way = cv2.INTER_AREA if scale < 1 else int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    image = cv2.resize(np.ascontiguousarray(image), shape, interpolation=way)
    return image, [code.label] * len(points), [p * ratio for p in points]


def code_length(rng, size):
    """Returns a random length of a code in pixels for an image of `size` pixels: usually large, rarely tiny."""
    roll = rng.random()
    if roll < 0.68:
        return size * rng.uniform(0.35, 0.95)
    if roll < 0.9:
        return size * rng.uniform(0.14, 0.4)
    return size * math.exp(rng.uniform(math.log(0.05), math.log(0.15)))


def photographed(rng, size, width, height):
    """A sheet, label or box with one to six codes, seen by a camera."""
    picture = ground(rng, height, width)
    scale = rng.uniform(0.65, 0.95)  # image pixels per sheet pixel: the sheet has a higher resolution
    length = code_length(rng, size)
    count = int(rng.choice([1, 2, 3, 4, 6], p=[0.74, 0.12, 0.07, 0.04, 0.03]))
    largest = length / scale / math.sqrt(1 + 0.4 * (count - 1))
    lengths = [largest] + [largest * rng.uniform(0.35, 1.1) for _ in range(count - 1)]
    if rng.random() < 0.55:  # the sheet fills the frame
        wide, high = (int(n / scale * rng.uniform(1.0, 1.5)) for n in (width, height))
    else:
        wide, high = (int(largest * (1 + rng.uniform(0.1, 1.3))) for _ in range(2))
        wide, high = (min(n, int(1.6 * size / scale)) for n in (wide, high))
    image, labels, outlines = sheet(rng, max(wide, 24), max(high, 24), lengths, crowded=rng.random() < 0.75)
    roll = rng.random()
    if roll < 0.65:
        angle = rng.normal(0, 0.12)
    elif roll < 0.88:
        angle = rng.uniform(-math.pi, math.pi)
    else:
        angle = rng.integers(4) * math.pi / 2 + rng.normal(0, 0.06)
    # one of the codes, rather than the centre of the sheet, is near the centre of the image
    aim = np.zeros(2)
    if outlines:
        aim = outlines[rng.integers(len(outlines))].mean(0) - [image.shape[1] / 2, image.shape[0] / 2]
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    free = max(0.0, 1 - length / size) * 0.35
    centre = np.array([width, height]) * (0.5 + rng.uniform(-free, free, 2)) - turn @ aim * scale
    depth = rng.choice([0.0, 0.08, 0.25], p=[0.2, 0.4, 0.4])
    return picture, labels, placed(rng, picture, image, outlines, centre, scale, angle, depth)


def strewn(rng, size, width, height):
    """Up to 20 small labels on one background, as seen by a camera above a conveyor."""
    picture = ground(rng, height, width)
    if rng.random() < 0.6:
        distract(rng, picture)
    labels, outlines, taken = [], [], []
    for _ in range(rng.integers(1, 9) if rng.random() < 0.7 else rng.integers(8, 21)):
        scale, length = rng.uniform(0.6, 0.9), size * math.exp(rng.uniform(math.log(0.045), math.log(0.4)))
        side = (np.array([length, length]) / scale * (1 + rng.uniform(0.15, 0.9, 2))).astype(int) + 6
        reach = np.hypot(*side) * scale / 2
        rim = reach * 0.7
        centre = rng.uniform([rim] * 2, np.maximum([width - rim, height - rim], rim + 1))
        if any(np.hypot(*(centre - c)) < reach + r for c, r in taken):
            continue
        image, names, edges = sheet(rng, *side, [length / scale], crowded=rng.random() < 0.4)
        outlines += placed(rng, picture, image, edges, centre, scale, rng.uniform(-math.pi, math.pi), 0.15)
        labels += names
        taken.append((centre, reach))
    return picture, labels, outlines


def nothing(rng, width, height):
    """An image without codes: a background, some with a printed sheet or with distractors."""
    picture = ground(rng, height, width)
    if rng.random() < 0.35:
        image, _, _ = sheet(rng, int(width * rng.uniform(0.6, 1.6)), int(height * rng.uniform(0.6, 1.6)), [])
        centre = np.array([width, height]) * rng.uniform(0.3, 0.7, 2)
        placed(rng, picture, image, [], centre, rng.uniform(0.6, 1), rng.normal(0, 0.6), 0.2)
    elif rng.random() < 0.5:
        distract(rng, picture)
    return picture, [], []


def composed(rng, size):
    """Returns an image of at most size x size pixels, and the labels and outlines of its codes."""
    roll = rng.random()
    aspect = float(rng.choice(ASPECTS))
    width, height = (size, round(size / aspect)) if aspect >= 1 else (round(size * aspect), size)
    if roll < 0.25:
        picture, labels, outlines = plain(rng, size)
        return picture if rng.random() < 0.6 else camera(rng, light(rng, picture)), labels, outlines
    if roll < 0.59:
        picture, labels, outlines = photographed(rng, size, width, height)
    elif roll < 0.69:
        picture, labels, outlines = strewn(rng, size, width, height)
    else:
        picture, labels, outlines = nothing(rng, width, height)
    for points in outlines:
        if rng.random() < 0.04:
            occlude(rng, picture, points)
    return camera(rng, light(rng, picture)), labels, outlines


def scene(rng, size):
    """Returns an image (size,size,3) BGR uint8, letterboxed as for detection, the boxes of its codes (N,4) float32
    x1,y1,x2,y2 in pixels, and their classes (N,). At least MIN_VISIBLE of each labelled code is inside the image."""
    for _ in range(4):
        picture, labels, outlines = composed(rng, size)
        height, width = picture.shape[:2]
        boxes = np.float32([np.concatenate([p.min(0), p.max(0)]) for p in outlines]).reshape(-1, 4)
        boxes, classes, lost = clipped(boxes, np.array(labels, np.int64), width, height)
        if not lost:
            break
    full = np.full((size, size, 3), GREY, np.uint8)
    y, x = (size - height) // 2, (size - width) // 2
    full[y : y + height, x : x + width] = picture
    return full, boxes + np.float32([x, y, x, y]), classes


def contact_sheet(seed, count, size=320, columns=8):
    """Returns `count` images of a seed with their boxes drawn, as one image."""
    colours = [(0, 200, 0), (0, 0, 255), (255, 120, 0), (200, 0, 200), (0, 170, 255)]
    cells = []
    for i in range(count):
        image, boxes, classes = scene(np.random.default_rng([seed, i]), size)
        for box, label in zip(boxes, classes):
            x1, y1, x2, y2 = box.round().astype(int).tolist()
            cv2.rectangle(image, (x1, y1), (x2, y2), colours[label], 2)
            cv2.putText(image, NAMES[label], (x1, max(12, y1 - 3)), 0, 0.45, colours[label], 1, cv2.LINE_AA)
        cells.append(image)
    cells += [np.zeros_like(cells[0])] * (-count % columns)
    return np.vstack([np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheet", default="samples.jpg", help="output file (samples.jpg)")
    parser.add_argument("--seed", type=int, default=9, help="seed of the images (9)")
    parser.add_argument("--count", type=int, default=48, help="number of images (48)")
    options = parser.parse_args()
    cv2.imwrite(options.sheet, contact_sheet(options.seed, options.count))
