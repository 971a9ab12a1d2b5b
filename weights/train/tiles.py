"""Textures as small repeating grey tiles, (H,W) uint8: walls, floors, blinds, shelves, keyboards and similar."""
import math

import cv2
import numpy as np

from noise import fractal, speckled


def chevron(rng):
    """Herringbone parquet or zigzag cloth: rows of slanted planks."""
    wide, tall, rows = 2 * int(rng.integers(10, 36)), int(rng.integers(5, 22)), 8
    y, x = np.mgrid[:rows * tall, :2 * wide]
    rise = y + np.abs(x % wide - wide // 2)
    plank = rng.uniform(70, 210, (rows, 4))[rise // tall % rows, x // (wide // 2)]
    seam = (rise % tall == 0) | (x % (wide // 2) == 0)
    return speckled(rng, np.where(seam, rng.uniform(0, 90), plank))


def bricks(rng, wide=None, tall=None, offset=0.5, levels=None):
    """Rows of bricks or tiles with joints, in random shades."""
    tall = tall or int(rng.integers(10, 30))
    wide = wide or int(tall * rng.uniform(1.8, 3.2))
    rows, columns = (int(n) for n in np.clip([240 // tall, 240 // wide], 2, 16) // 2 * 2)
    shift = int(wide * offset)
    y, x = np.mgrid[:rows * tall, :columns * wide]
    row = y // tall
    x = (x + row % 2 * shift) % (columns * wide)
    joint = max(1, round(tall * rng.uniform(0.03, 0.16)))
    value = rng.uniform(70, 215, (rows, columns))
    if levels:
        value = np.linspace(60, 230, levels)[rng.integers(0, levels, (rows, columns))] + rng.normal(0, 12, value.shape)
    tile = np.where((y % tall < joint) | (x % wide < joint), rng.choice([20, 45, 240]), value[row, x // wide])
    return speckled(rng, tile)


def mosaic(rng):
    """Small tiles in three or more shades, or in a pattern."""
    side = int(rng.integers(6, 22))
    if rng.random() < 0.6:
        return bricks(rng, side, side, rng.choice([0, 0, 0.5]), int(rng.integers(3, 7)))
    count = int(rng.choice([6, 8, 10]))
    y, x = np.mgrid[:count * side, :count * side]
    ring = np.maximum(np.abs(x // side - count // 2), np.abs(y // side - count // 2))
    value = rng.uniform(50, 230, count + 1)[ring] + rng.normal(0, 14, (count, count))[y // side, x // side]
    joint = max(1, side // 8)
    return speckled(rng, np.where((y % side < joint) | (x % side < joint), rng.choice([25, 240]), value))


def floor(rng):
    """Large floor tiles: plain, veined or as a chessboard."""
    side = int(rng.integers(40, 110))
    y, x = np.mgrid[:2 * side, :2 * side]
    a, b = rng.uniform(50, 220, 2)
    tile = np.where((x // side + y // side) % 2 == 0, a, b if rng.random() < 0.6 else a)
    tile = tile + (fractal(rng, 2 * side, 2 * side, 32) - 0.5) * rng.uniform(0, 130)
    joint = int(rng.integers(1, 4))
    return speckled(rng, np.where((y % side < joint) | (x % side < joint), rng.choice([30, 220]), tile), 15)


def checks(rng):
    """A chessboard or a gingham pattern."""
    side = int(rng.integers(8, 50))
    y, x = np.mgrid[:2 * side, :2 * side]
    if rng.random() < 0.5:
        return speckled(rng, np.where((x // side + y // side) % 2 == 0, 25.0, 230.0), 10)
    return speckled(rng, 230.0 - 90 * (x // side) - 90 * (y // side))


def bars(rng):
    """Stripes of different widths over the full length: awnings, deck chairs, railings."""
    widths = rng.integers(2, int(rng.integers(6, 40)), 2 * int(rng.integers(1, 7)))
    level = np.where(np.arange(len(widths)) % 2 == 0, 50.0, 215.0) + rng.normal(0, rng.uniform(0, 30), len(widths))
    row = np.repeat(level, widths)
    if rng.random() < 0.3:
        row = cv2.blur(row[None], (3, 1), borderType=cv2.BORDER_REFLECT)[0]
    return speckled(rng, np.tile(row, (48, 1)), 20)


def louvre(rng):
    """A repeated profile: blinds, steps, radiators, corrugated iron."""
    pitch = int(rng.integers(6, 46))
    t = np.arange(pitch) / pitch
    profile = [t, np.sin(2 * math.pi * t) / 2 + 0.5, np.where(t < rng.uniform(0.3, 0.7), t * 0.3, 0.75 + 0.25 * t),
               np.abs(2 * t - 1) ** 3, np.sqrt(t) * (t < 0.85)][rng.integers(5)]
    tile = np.tile((30 + 200 * profile)[:, None], (4, 64)) + rng.normal(0, rng.uniform(0, 14), 4).repeat(pitch)[:, None]
    return speckled(rng, tile, 15)


def fence(rng):
    """Pickets, wire netting or a grid of rods in front of a background."""
    pitch = 2 * int(rng.integers(6, 22))
    y, x = np.mgrid[:4 * pitch, :4 * pitch]
    thick = max(1, int(pitch * rng.uniform(0.06, 0.3)))
    kind = rng.integers(3)
    if kind == 0:
        rod = ((x + y) % pitch < thick) | ((x - y) % pitch < thick)
    elif kind == 1:
        rod = (x % pitch < 2 * thick) | (y % (2 * pitch) < thick)
    else:
        rod = (x % pitch < thick) | (y % pitch < thick)
    behind = fractal(rng, *x.shape, 32) * rng.uniform(20, 150) + rng.uniform(0, 60)
    return speckled(rng, np.where(rod, rng.uniform(130, 240), behind), 15)


def dots(rng):
    """Perforated metal or polka dots, in a square or staggered grid."""
    pitch = int(rng.integers(6, 30))
    tile = np.full((2 * pitch, 2 * pitch), 210, np.uint8)
    radius, stagger = max(1.0, pitch * rng.uniform(0.15, 0.42)), rng.random() < 0.5
    for row in range(-1, 4):
        for column in range(-1, 4):
            where = (column + 0.5 + (0.5 * (row % 2) if stagger else 0)) * pitch, (row + 0.5) * pitch
            cv2.circle(tile, tuple(round(16 * w) for w in where), round(16 * radius), 50, -1, cv2.LINE_AA, 4)
    return tile if rng.random() < 0.5 else 255 - tile


def windows(rng):
    """The front of a building: windows with frames and bars, lit or dark."""
    wide, tall, columns, rows = *rng.integers(22, 64, 2).tolist(), 5, 4
    tile = speckled(rng, np.full((rows * tall, columns * wide), rng.uniform(100, 200)), 14)
    inset_x, inset_y = int(wide * rng.uniform(0.08, 0.3)), int(tall * rng.uniform(0.08, 0.3))
    split = bool(rng.random() < 0.5)
    frame = int(rng.choice([20, 240]))
    for row in range(rows):
        for column in range(columns):
            a = column * wide + inset_x, row * tall + inset_y
            b = (column + 1) * wide - inset_x, (row + 1) * tall - inset_y
            cv2.rectangle(tile, a, b, int(rng.choice([30, 60, 90, 230], p=[0.4, 0.3, 0.15, 0.15])), -1)
            cv2.rectangle(tile, a, b, frame, 1 + wide // 32)
            if split:
                cv2.line(tile, ((a[0] + b[0]) // 2, a[1]), ((a[0] + b[0]) // 2, b[1]), frame, 1)
                cv2.line(tile, (a[0], (a[1] * 2 + b[1]) // 3), (b[0], (a[1] * 2 + b[1]) // 3), frame, 1)
    return tile


def books(rng):
    """Bookshelves: spines with bands and titles."""
    tall, shelves = int(rng.integers(60, 130)), 3
    tile = np.full((shelves * tall, 320), 25, np.uint8)
    for shelf in range(shelves):
        x, foot = 0, (shelf + 1) * tall - 6
        while x < 318:
            wide, top = int(rng.integers(4, 22)), shelf * tall + int(tall * rng.uniform(0.04, 0.3))
            value = int(rng.integers(50, 245))
            cv2.rectangle(tile, (x, top), (x + wide - 2, foot), value, -1)
            other = (value + 110) % 256
            for _ in range(rng.integers(0, 4)):
                y = int(rng.integers(top, foot))
                cv2.rectangle(tile, (x, y), (x + wide - 2, min(foot, y + int(rng.integers(1, 6)))), other, -1)
            if wide > 9:
                y, end = top + tall // 6, foot - tall // 5
                cv2.line(tile, (x + wide // 2, y), (x + wide // 2, max(y, end)), other, 1 + wide // 9)
            x += wide
        cv2.rectangle(tile, (0, foot), (319, foot + 6), 120, -1)
    return speckled(rng, tile, 12)


def papers(rng):
    """Shelves of files and magazines: thin, slanted, bright edges with dark gaps."""
    tall, shelves = int(rng.integers(50, 140)), 3
    tile = np.full((shelves * tall, 320), 18, np.uint8)
    for foot in range(tall - 5, shelves * tall, tall):
        x = 0
        while x < 320:
            thick, lean = int(rng.integers(1, 6)), int(rng.normal(0, 4))
            top = foot - int(tall * rng.uniform(0.6, 0.9))
            cv2.line(tile, (x + lean, top), (x, foot - 4), int(rng.integers(90, 256)), thick, cv2.LINE_AA)
            x += thick + int(rng.integers(0, 4)) + (int(rng.integers(8, 40)) if rng.random() < 0.04 else 0)
        cv2.rectangle(tile, (0, foot), (319, foot + 5), int(rng.integers(30, 140)), -1)
    if rng.random() < 0.5:  # white labels with text, roughly in a row
        for x in range(0, 316, int(rng.integers(6, 20))):
            wide, foot = int(rng.integers(4, 13)), int(rng.integers(1, shelves + 1)) * tall - 5
            top = foot - int(tall * rng.uniform(0.4, 0.75))
            long = int(tall * rng.uniform(0.2, 0.4))
            cv2.rectangle(tile, (x, top), (min(319, x + wide), top + long), int(rng.integers(190, 256)), -1)
            for y in range(top + 3, top + long - 2, int(rng.integers(3, 6))):
                cv2.line(tile, (x + 2, y), (min(319, x + wide - 2), y), int(rng.integers(20, 130)), 1)
    return speckled(rng, tile, 10)


def arabesque(rng):
    """Wallpaper: curls, petals, dotted rings and leaves, scattered over a plain background."""
    side = int(rng.integers(160, 320))
    tile, thick = np.full((side, side), 60, np.uint8), int(rng.integers(1, 5))
    for _ in range(rng.integers(4, 12)):
        middle, size, turn = rng.uniform(0, side, 2), side * rng.uniform(0.06, 0.25), rng.uniform(0, 2 * math.pi)
        kind, count = rng.integers(4), int(rng.integers(5, 16))
        if kind == 0:  # a curl
            t = np.linspace(0.1, 1, 60)
            angle = turn + t * rng.uniform(4, 12)
            curl = middle + size * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
            cv2.polylines(tile, [curl.astype(np.int32)], False, 200, thick, cv2.LINE_AA)
            continue
        for angle in turn + np.arange(count) * (2 * math.pi / count) * rng.choice([1.0, 0.4]):
            way = np.array([math.cos(angle), math.sin(angle)])
            at = (middle + size * way).astype(int).tolist()
            if kind == 1:  # petals
                axes = max(2, int(size * 0.5)), max(1, int(size * rng.uniform(0.1, 0.2)))
                filled = -1 if rng.random() < 0.5 else 1
                cv2.ellipse(tile, at, axes, math.degrees(angle), 0, 360, 200, filled, cv2.LINE_AA)
            elif kind == 2:  # a ring of dots
                cv2.circle(tile, at, max(1, int(size * 0.12)), 200, -1, cv2.LINE_AA)
            else:  # a fan of scales
                cv2.ellipse(tile, at, (max(2, int(size * 0.3)),) * 2, math.degrees(angle), -90, 90, 200, 1, cv2.LINE_AA)
    return speckled(rng, tile if rng.random() < 0.6 else 255 - tile, 16)


def letter(rng, tile, middle, size, value):
    """Draws a capital letter or digit centred at a point, in place."""
    sign = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"[rng.integers(33)]
    scale = size / 22
    cv2.putText(tile, sign, (int(middle[0] - 9 * scale), int(middle[1] + 10 * scale)), 0, scale, value, 1, cv2.LINE_AA)


def keyboard(rng):
    """A keyboard: rows of keys with letters, each row shifted to the right."""
    side, dark = int(rng.integers(16, 36)), rng.random() < 0.6
    ground, key, sign = (15, 55, 220) if dark else (120, 230, 40)
    tile = np.full((4 * side, 8 * side), ground, np.uint8)
    for row in range(4):
        for column in range(-1, 9):
            x, y = column * side + row * side // 4, row * side
            cv2.rectangle(tile, (x + 2, y + 2), (x + side - 2, y + side - 2), key + int(rng.integers(-12, 12)), -1)
            letter(rng, tile, (x + side / 2, y + side / 2), side * 0.4, sign)
    return tile


def crossword(rng):
    """A crossword: a grid with point-symmetric black squares and letters in some of the others."""
    count, side = 11, int(rng.integers(12, 26))
    black = rng.random((count, count)) < 0.12
    black |= black[::-1, ::-1]
    tile = np.where(np.repeat(np.repeat(black, side, 0), side, 1), 20, 240).astype(np.uint8)
    tile[::side], tile[:, ::side] = 20, 20
    for row, column in np.argwhere(~black & (rng.random(black.shape) < rng.uniform(0, 0.9))):
        letter(rng, tile, ((column + 0.5) * side, (row + 0.5) * side), side * 0.6, 40)
    return np.pad(tile, side, constant_values=240)


def piano(rng):
    """A piano keyboard: white keys, and black keys in groups of two and three."""
    wide, tall = int(rng.integers(8, 24)), int(rng.integers(60, 180))
    tile = np.full((tall, 7 * wide), 235, np.uint8)
    tile[:, ::wide], tile[:4] = 90, 40
    for key in (1, 2, 4, 5, 6):
        cv2.rectangle(tile, (key * wide - wide // 3, 0), (key * wide + wide // 3, tall * 3 // 5), 20, -1)
    return tile


def ruler(rng):
    """A ruler: ticks of three lengths with numbers."""
    gap, tall, paper = int(rng.integers(3, 9)), int(rng.integers(50, 140)), rng.random() < 0.7
    back, ink = (225, 25) if paper else (30, 230)
    tile = np.full((tall, 60 * gap), back, np.uint8)
    for tick in range(60):
        length = int(tall * (0.45 if tick % 10 == 0 else 0.33 if tick % 5 == 0 else 0.22))
        cv2.line(tile, (tick * gap, 0), (tick * gap, length), ink, 1 + gap // 6)
        if tick % 10 == 0:
            cv2.putText(tile, str(tick // 10), (tick * gap + 2, int(tall * 0.75)), 0, tall / 160, ink, 1, cv2.LINE_AA)
    tile[-3:] = 128
    return tile
