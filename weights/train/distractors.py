"""Distractors: prints that look similar to codes but are none, drawn onto labels, documents and scenes.

    distract(rng, paper, count)    draws some of them onto an image (H,W,3) uint8

Each distractor is a function of rng, the image `paper`, and `unit`, the shorter side of the image in pixels.
"""
import math

import cv2
import numpy as np

import tiles
from colours import colour, contrasting, palette
from photos import blend, cutout, fit, photo, place
from texts import paragraphs, strips
from textures import texture


def spot(rng, paper, w, h):
    """Returns an upper left corner (x, y) for an object of w by h pixels, usually inside the paper and where the paper
    is rather empty."""
    best, lowest = (0, 0), math.inf
    for _ in range(4):
        out = 0.2 if rng.random() < 0.15 else 0
        x, y = (int(rng.integers(-int(n * out), max(have - n, 0) + 1)) for n, have in zip((w, h), paper.shape[1::-1]))
        part = paper[max(y, 0):y + h:max(1, h // 12), max(x, 0):x + w:max(1, w // 12), 1]
        busy = part.std() if part.size else 0.0
        if busy < lowest:
            best, lowest = (x, y), busy
    return best


def print_mask(rng, paper, mask, high, position=None):
    """Prints a mask onto the paper, `high` pixels high and at most about as wide as the paper, sometimes turned.
    position: upper left corner (x, y); random if None."""
    scale = min(high / mask.shape[0], paper.shape[1] * rng.uniform(0.9, 1.1) / mask.shape[1])
    size = tuple(max(3, round(n * scale)) for n in mask.shape[::-1])
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if position is None and rng.random() < 0.15:
        mask = cv2.rotate(mask, int(rng.integers(3)))
    blend(paper, mask, *(position or spot(rng, paper, mask.shape[1], mask.shape[0])), contrasting(rng, paper))


def prose(rng, paper, unit):
    """A block of text lines."""
    block = paragraphs()[rng.integers(len(paragraphs()))]
    lines = block.shape[0] // 16
    print_mask(rng, paper, block, min(lines * rng.uniform(5, 16), 1.1 * paper.shape[0]))


def word(rng, paper, unit):
    """A line, a word or a number, small or large."""
    lines = strips()[("short", "number", "number", "words")[rng.integers(4)]]
    high = min(unit * math.exp(rng.uniform(math.log(0.03), math.log(0.3))), 90)
    print_mask(rng, paper, lines[rng.integers(len(lines))], max(6.0, high))


def table(rng, paper, unit):
    """A table with words and numbers in its cells."""
    rows, columns = int(rng.integers(2, 8)), int(rng.integers(2, 6))
    h = max(9, int(unit * rng.uniform(0.04, 0.1)))
    widths = (unit * rng.uniform(0.08, 0.3, columns)).astype(int) + 6
    x, y = spot(rng, paper, int(widths.sum()), rows * h)
    paint, edges = contrasting(rng, paper), x + np.concatenate([[0], np.cumsum(widths)])
    thick = 1 if h < 24 else int(rng.integers(1, 3))
    if rng.random() < 0.4:
        cv2.rectangle(paper, (x, y), (int(edges[-1]), y + h), tuple(int(c) for c in colour(rng)), -1)
    for row in range(rows + 1):
        cv2.line(paper, (x, y + row * h), (int(edges[-1]), y + row * h), paint, thick)
    for edge in edges if rng.random() < 0.7 else edges[[0, -1]]:
        cv2.line(paper, (int(edge), y), (int(edge), y + rows * h), paint, thick)
    for row in range(rows):
        for column in range(columns):
            lines = strips()["number" if rng.random() < 0.6 else "short"]
            if rng.random() < 0.7:
                mask = lines[rng.integers(len(lines))]
                scale = min(0.6 * h / mask.shape[0], (widths[column] - 4) / mask.shape[1])
                if scale > 0.1:
                    mask = cv2.resize(mask, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                    blend(paper, mask, int(edges[column]) + 3, y + row * h + h // 5, paint)


def stripes(rng, paper, unit):
    """A few lines of different widths across the paper, or a grating of equal bars.

    Many bars of different widths would be a barcode without quiet zones, which the detector must find.
    """
    height, width = paper.shape[:2]
    lying = rng.random() < 0.5
    long, wide = (width, height) if lying else (height, width)
    if rng.random() < 0.5:
        widths = rng.integers(1, max(3, int(unit * rng.uniform(0.02, 0.08))), 2 * int(rng.integers(1, 5)) + 1)
        row = np.repeat(np.arange(len(widths)) % 2 == 0, widths)
        mask = np.tile(row[:, None], (1, long))
    else:
        pitch = int(rng.integers(3, max(5, int(unit * 0.08))))
        row = np.arange(long) % pitch < max(1, int(pitch * rng.uniform(0.3, 0.7)))
        mask = np.tile(row, (int(wide * rng.uniform(0.04, 0.3)) + 2, 1))
    start = int(rng.integers(0, max(wide - mask.shape[0], 0) + 1))
    mask = mask.astype(np.uint8) * 255
    mask = mask if lying else np.ascontiguousarray(mask.T)
    blend(paper, mask, 0 if lying else start, start if lying else 0, contrasting(rng, paper))


def hatching(rng, paper, unit):
    """An area of slanted or crossed lines."""
    h, w = (unit * rng.uniform(0.12, 0.6, 2)).astype(int) + 4
    mask, gap, thick = np.zeros((h, w), np.uint8), int(rng.integers(4, 14)), int(rng.integers(1, 3))
    lean = int(rng.integers(-h, h + 1))
    for x in range(-abs(lean), w + abs(lean), gap):
        cv2.line(mask, (x, 0), (x + lean, h), 255, thick, cv2.LINE_AA)
    if rng.random() < 0.4:
        mask = cv2.max(mask, cv2.flip(mask, 1))
    if rng.random() < 0.4:
        round_ = np.zeros_like(mask)
        cv2.ellipse(round_, (int(w) // 2, int(h) // 2), (int(w) // 2, int(h) // 2), 0, 0, 360, 255, -1)
        mask &= round_
    blend(paper, mask, *spot(rng, paper, w, h), contrasting(rng, paper))


def squares(rng, paper, unit):
    """Some squares or discs, rarely with a frame that is thinner than that of a QR code's finder pattern."""
    for _ in range(rng.integers(1, 6)):
        side = max(4, int(unit * rng.uniform(0.02, 0.12)))
        (x, y), paint = spot(rng, paper, side, side), contrasting(rng, paper)
        if rng.random() < 0.3:
            cv2.circle(paper, (x + side // 2, y + side // 2), side // 2, paint, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(paper, (x, y), (x + side, y + side), paint, -1)
        if rng.random() < 0.02:
            rim = side // 2
            cv2.rectangle(paper, (x - rim, y - rim), (x + side + rim, y + side + rim), paint, max(1, side // 8))


def logo(rng, paper, unit):
    """Overlapping discs, rings, polygons and arcs in a few colours."""
    size = unit * rng.uniform(0.06, 0.25)
    x, y = spot(rng, paper, int(2 * size), int(2 * size))
    middle = np.array([x + size, y + size])
    for _ in range(rng.integers(1, 5)):
        paint, radius = contrasting(rng, paper), size * rng.uniform(0.3, 1)
        thick = -1 if rng.random() < 0.6 else max(1, int(size * 0.15))
        kind, where = rng.integers(3), middle + rng.normal(0, 0.1, 2) * size
        if kind == 0:
            cv2.circle(paper, tuple(where.astype(int).tolist()), max(2, int(radius)), paint, thick, cv2.LINE_AA)
        elif kind == 1:
            count, deep = int(rng.integers(3, 9)), rng.uniform(0.4, 1)
            angles = rng.uniform(0, 6) + np.arange(2 * count) * math.pi / count
            far = np.where(np.arange(2 * count) % 2, deep, 1) * radius
            corners = np.round(where + far[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)).astype(np.int32)
            if thick < 0:
                cv2.fillPoly(paper, [corners], paint, cv2.LINE_AA)
            else:
                cv2.polylines(paper, [corners], True, paint, thick, cv2.LINE_AA)
        else:
            start, axes = int(rng.integers(360)), (max(2, int(radius)), max(2, int(radius * rng.uniform(0.4, 1))))
            cv2.ellipse(paper, tuple(where.astype(int).tolist()), axes, start, 0, int(rng.integers(90, 330)), paint,
                        max(1, int(size * 0.12)), cv2.LINE_AA)


def arrows(rng, paper, unit):
    """One arrow, a pair of arrows as on cartons, or three arrows around a triangle."""
    size, paint, kind = unit * rng.uniform(0.06, 0.25), contrasting(rng, paper), rng.integers(3)
    x, y = spot(rng, paper, int(2 * size), int(2 * size))
    thick, middle = max(1, int(size * 0.12)), np.array([x + size, y + size])
    if kind == 2:
        angles = rng.uniform(0, 0.2) - math.pi / 2 + np.arange(3) * 2 * math.pi / 3
        corners = middle + size * np.stack([np.cos(angles), np.sin(angles)], 1)
        for a, b in zip(corners, np.roll(corners, -1, 0)):
            ends = (a * 0.85 + b * 0.15).astype(int).tolist(), (a * 0.25 + b * 0.75).astype(int).tolist()
            cv2.arrowedLine(paper, *ends, paint, thick, cv2.LINE_AA, tipLength=0.35)
        return
    turn = rng.integers(4) * math.pi / 2 + rng.normal(0, 0.05) if rng.random() < 0.8 else rng.uniform(0, 6)
    way = np.array([math.cos(turn), math.sin(turn)])
    for shift in ([0.0], [-0.5, 0.5])[kind]:
        at = middle + shift * size * way[::-1] * [1, -1]
        ends = (at - way * size * 0.9).astype(int).tolist(), (at + way * size * 0.9).astype(int).tolist()
        cv2.arrowedLine(paper, *ends, paint, thick, cv2.LINE_AA, tipLength=0.4)


def checkboxes(rng, paper, unit):
    """A column of empty, ticked or crossed boxes with words."""
    side, count, paint = max(6, int(unit * rng.uniform(0.025, 0.07))), int(rng.integers(2, 7)), contrasting(rng, paper)
    x, y = spot(rng, paper, side * 6, count * side * 2)
    lines = strips()["short"]
    for row in range(count):
        top = y + row * side * 2
        cv2.rectangle(paper, (x, top), (x + side, top + side), paint, 1 + side // 12)
        if rng.random() < 0.4:
            tick = [(x + side // 5, top + side // 2), (x + side // 2, top + side * 4 // 5), (x + side, top)]
            cv2.polylines(paper, [np.int32(tick)], False, paint, 1 + side // 8, cv2.LINE_AA)
        print_mask(rng, paper, lines[rng.integers(len(lines))], side, (x + side * 3 // 2, top))


def dot_rows(rng, paper, unit):
    """A regular grid of equal dots, as on a loudspeaker or a form."""
    gap = max(3, int(unit * rng.uniform(0.012, 0.05)))
    rows, columns = rng.integers(2, 14, 2).tolist()
    cell = np.zeros((gap * 4, gap * 4), np.uint8)
    cv2.circle(cell, (gap * 2, gap * 2), max(2, int(gap * rng.uniform(0.6, 1.7))), 255, -1, cv2.LINE_AA)
    mask = np.tile(cv2.resize(cell, (gap, gap), interpolation=cv2.INTER_AREA), (rows, columns))
    blend(paper, mask, *spot(rng, paper, mask.shape[1], mask.shape[0]), contrasting(rng, paper))


def puzzle(rng, paper, unit):
    """A crossword, a ruler, piano keys, windows or a keyboard, from the texture tiles."""
    make = (tiles.crossword, tiles.ruler, tiles.piano, tiles.windows, tiles.keyboard)[rng.integers(5)]
    tile = make(rng)
    tile = fit(tile, max(24, int(unit * rng.uniform(0.25, 0.7))))
    patch = cv2.cvtColor(tile, cv2.COLOR_GRAY2BGR) if rng.random() < 0.6 else cv2.applyColorMap(tile, palette(rng))
    x, y = spot(rng, paper, tile.shape[1], tile.shape[0])
    blend(paper, np.full(tile.shape, 255, np.uint8), x, y, patch)


def picture(rng, paper, unit):
    """A photo or a texture, sometimes with a frame."""
    h, w = (unit * rng.uniform(0.15, 0.6, 2)).astype(int).tolist()
    h, w = max(h, 12), max(w, 12)
    made = photo(rng, h, w) if rng.random() < 0.7 else texture(rng, h, w)
    x, y = spot(rng, paper, w, h)
    blend(paper, np.full((h, w), 255, np.uint8), x, y, made)
    if rng.random() < 0.3:
        cv2.rectangle(paper, (x, y), (x + w, y + h), contrasting(rng, paper), int(rng.integers(1, 4)))


def sticker(rng, paper, unit):
    """A cut-out object."""
    place(rng, paper, cutout(rng), unit * rng.uniform(0.12, 0.55))


def box(rng, paper, unit):
    """An empty or filled rectangle, or a horizontal line across the paper."""
    h, w = (unit * rng.uniform(0.08, 0.7, 2)).astype(int).tolist()
    (x, y), paint = spot(rng, paper, w, h), contrasting(rng, paper)
    if rng.random() < 0.3:
        cv2.line(paper, (0, y), (paper.shape[1], y), paint, int(rng.integers(1, 5)))
    else:
        filled = rng.random() < 0.3
        cv2.rectangle(paper, (x, y), (x + w, y + h), paint, -1 if filled else int(rng.integers(1, 5)))


DISTRACTORS = {prose: 4, word: 5, table: 1.5, stripes: 1.5, hatching: 1, squares: 1, logo: 1.5, arrows: 1,
               checkboxes: 1, dot_rows: 1, puzzle: 1, picture: 1.5, sticker: 1.5, box: 1.5}  # function: weight
PROBABILITIES = np.array(list(DISTRACTORS.values())) / sum(DISTRACTORS.values())


def distract(rng, paper, count=None):
    """Draws `count` distractors (default: 1 to 6) onto an image (H,W,3) uint8, in place."""
    unit = float(min(paper.shape[:2]))
    if unit < 8:
        return
    draw = list(DISTRACTORS)
    for pick in rng.choice(len(draw), int(rng.integers(1, 7)) if count is None else count, p=PROBABILITIES):
        draw[pick](rng, paper, unit)
