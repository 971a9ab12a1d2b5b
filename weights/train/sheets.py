"""Flat sheets of paper with codes and distractors printed on them."""
import cv2
import numpy as np

from colours import tint
from backgrounds import ground
from labels import NAMES, turned
from photos import overlay, photo
from distractors import distract
from symbols import codes


def inks(rng):
    """Returns the colours of the paper and of the print, each (3,) float32."""
    roll = rng.random()
    if roll < 0.55:
        return tint(rng, 225, 255, 12), tint(rng, 0, 50, 60)
    if roll < 0.70:  # worn or thin print
        paper = tint(rng, 150, 255, 30)
        return paper, paper * rng.uniform(0.1, 0.55)
    if roll < 0.80:
        return tint(rng, 215, 255, 60), tint(rng, 20, 170, 255)
    if roll < 0.92:  # cardboard, coloured paper
        return tint(rng, 140, 255, 200), tint(rng, 0, 60, 120)
    return tint(rng, 0, 90, 200), tint(rng, 190, 255, 60)  # inverted


def outline(box, steps=6):
    """Returns points along the edge of a box, (4*steps,2). Corners alone do not describe a box on a bent surface."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
    return np.concatenate([corners[i] * (1 - t) + corners[(i + 1) % 4] * t for i in range(4)])


def turned_code(code, quarters):
    """Returns ink, box and overlay of a code, turned counterclockwise by `quarters` times 90 degrees."""
    ink, box, picture = code.ink, code.box, code.picture
    for _ in range(quarters):
        box = turned(np.float32(box), ink.shape[1])
        ink = np.rot90(ink)
        picture = None if picture is None else np.rot90(picture)
    return ink, box, picture


def imprint(image, at, ink, picture, paper, paint, opaque):
    """Prints ink into an image at (x,y), in place. opaque: with its own paper, as a label; otherwise onto the image."""
    x, y = at
    part = image[y : y + ink.shape[0], x : x + ink.shape[1]]
    ink = ink[: part.shape[0], : part.shape[1], None]
    part[:] = (paper if opaque else part) * (1 - ink) + paint * ink + 0.5
    if picture is not None:
        overlay(part, picture[: part.shape[0], : part.shape[1]])


def damage(rng, image, box):
    """Draws scratches, pen strokes and missing lines across a printed code, in place."""
    x1, y1, x2, y2 = box.astype(int)
    side = max(x2 - x1, y2 - y1)
    paint = (int(rng.integers(180, 256)),) * 3 if rng.random() < 0.6 else tint(rng, 0, 160, 255).tolist()
    for _ in range(rng.integers(1, 5)):
        thick = max(1, round(side * rng.uniform(0.003, 0.025)))
        if rng.random() < 0.5:
            y = int(rng.integers(y1, y2 + 1))
            end = y + int(rng.normal(0, side * 0.03))
            cv2.line(image, (x1 - side // 9, y), (x2 + side // 9, end), paint, thick, cv2.LINE_AA)
        else:
            knots = rng.uniform([x1, y1], [x2, y2], (2, 2)).repeat(2, 0) + rng.normal(0, side * 0.15, (4, 2))
            cv2.polylines(image, [knots.astype(np.int32)], False, paint, thick, cv2.LINE_AA)


def sheet(rng, width, height, lengths, crowded=True):
    """Returns a sheet with codes of about the given lengths (pixels): image (height,width,3) uint8, labels, and an
    outline (P,2) per code. A code without free space is left out."""
    paper, paint = inks(rng)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = paper
    if rng.random() < 0.12:
        image[:] = photo(rng, height, width)
    elif rng.random() < 0.15:
        image[:] = ground(rng, height, width)
    if crowded:
        distract(rng, image)
    labels, outlines, taken = [], [], []
    clear = lambda whole: all((whole[2:] <= t[:2]).any() or (t[2:] <= whole[:2]).any() for t in taken)
    only = rng.integers(len(NAMES)) if rng.random() < 0.3 else None
    for length in lengths:
        quarters = 0 if rng.random() < 0.7 else int(rng.integers(4))
        group = [turned_code(code, quarters) + (code.label,) for code in codes(rng, length, only)]
        opaque = rng.random() < 0.75
        own = (paper, paint) if rng.random() < 0.6 else inks(rng)
        before = None
        for ink, box, picture, label in group:
            high, wide = ink.shape
            if before is None:  # the first symbol of the group: find free space
                for _ in range(12):
                    x, y = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in (width - wide, height - high))
                    whole = np.array([x, y, x + wide, y + high])
                    inside = box[0] + x >= 0 and box[1] + y >= 0 and box[2] + x <= width and box[3] + y <= height
                    if inside and clear(whole):
                        break
                else:
                    break
            else:  # an add-on is to the right of its code, turned with it
                x = [before[2], before[0], before[0] - wide, before[2] - wide][quarters]
                y = [before[1], before[1] - high, before[3] - high, before[3]][quarters]
                whole = np.array([x, y, x + wide, y + high])
                if x < 0 or y < 0 or x + wide > width or y + high > height or not clear(whole):
                    break
            x0, y0 = max(0, -x), max(0, -y)  # a quiet zone may extend beyond the sheet
            picture = None if picture is None else picture[y0:, x0:]
            under = image[y + y0 : y + high, x + x0 : x + wide]
            opaque = opaque or abs(under.mean() - own[1].mean()) < 40 or under.std() > 45  # otherwise it is not visible
            imprint(image, (x + x0, y + y0), ink[y0:, x0:], picture, *own, opaque)
            box = box + [x, y, x, y]
            if rng.random() < 0.06:
                damage(rng, image, box)
            before = whole
            taken.append(whole)
            labels.append(label)
            outlines.append(outline(box))
    return image, labels, outlines
