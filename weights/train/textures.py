"""Procedural textures for the pictures of the code detector: cloth, carpets, tiles, bricks, wood, blinds and the like.

A texture is made in grey: either as a small tile that repeats, which lay() spreads over the picture turned, scaled and
aslant, or as a field of the picture's size. colours.paint() then colours the grey by a table of 256 colours. That way
no step but the last touches three channels, and a texture costs one or two milliseconds at 416x416.
"""
import math

import cv2
import numpy as np

from colours import paint
from noise import byte, fractal, noise, speckled
from textiles import carpet, knit, weave, strands

BROWN, RED, GREY, GREEN, SAND = (40, 80, 130), (50, 65, 150), (140, 140, 140), (60, 110, 70), (150, 185, 205)


def lay(rng, tile, height, width, scale=(0.8, 1.8), aslant=0.35, straight=0.3):
    """Repeats a tile over the picture, turned, scaled and with the given chance aslant, (H,W) uint8."""
    scale = math.exp(rng.uniform(*np.log(scale)))
    angle = rng.uniform(-math.pi, math.pi)
    if rng.random() < straight:
        angle = rng.integers(4) * math.pi / 2 + rng.normal(0, 0.03)
    away = rng.uniform(-0.45, 0.45, 2) if rng.random() < aslant else (0.0, 0.0)
    reach = math.hypot(height, width) / scale * (1 + max(map(abs, away)) * 0.8) + 4
    big = np.tile(tile, [math.ceil(reach / n) + 1 for n in tile.shape])
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    shear = rng.uniform(0.7, 1.0) if sum(map(abs, away)) else 1.0
    turn = np.array([[cosine, -sine * shear, 0], [sine, cosine * shear, 0], [0, 0, 1]])
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, 1, 0], [away[0] / width, away[1] / height, 1]])
    offset = [n / 2 + rng.uniform(-0.5, 0.5) * p for n, p in zip(big.shape[::-1], tile.shape[::-1])]
    back = np.array([[1, 0, offset[0]], [0, 1, offset[1]], [0, 0, 1]])
    whole = back @ turn @ tilt @ centre
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if not sum(map(abs, away)):
        return cv2.warpAffine(big, whole[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return cv2.warpPerspective(big, whole, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


# ---------------------------------------------------------------- tiles


def chevron(rng):
    """Parquet or zigzag cloth: slanting planks meeting in rows."""
    wide, tall, rows = 2 * int(rng.integers(10, 36)), int(rng.integers(5, 22)), 8
    y, x = np.mgrid[:rows * tall, :2 * wide]
    rise = y + np.abs(x % wide - wide // 2)
    plank = rng.uniform(70, 210, (rows, 4))[rise // tall % rows, x // (wide // 2)]
    seam = (rise % tall == 0) | (x % (wide // 2) == 0)
    return speckled(rng, np.where(seam, rng.uniform(0, 90), plank))


def bricks(rng, wide=None, tall=None, offset=0.5, levels=None):
    """Courses of bricks or tiles with joints, each of its own shade."""
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
    """Large tiles, plain, veined or as a chessboard."""
    side = int(rng.integers(40, 110))
    y, x = np.mgrid[:2 * side, :2 * side]
    a, b = rng.uniform(50, 220, 2)
    tile = np.where((x // side + y // side) % 2 == 0, a, b if rng.random() < 0.6 else a)
    tile = tile + (fractal(rng, 2 * side, 2 * side, 32) - 0.5) * rng.uniform(0, 130)
    joint = int(rng.integers(1, 4))
    return speckled(rng, np.where((y % side < joint) | (x % side < joint), rng.choice([30, 220]), tile), 15)


def checks(rng):
    """A chessboard or gingham."""
    side = int(rng.integers(8, 50))
    y, x = np.mgrid[:2 * side, :2 * side]
    if rng.random() < 0.5:
        return speckled(rng, np.where((x // side + y // side) % 2 == 0, 25.0, 230.0), 10)
    return speckled(rng, 230.0 - 90 * (x // side) - 90 * (y // side))


def bars(rng):
    """Awning, deck chair, railings: stripes of unequal widths without an end."""
    widths = rng.integers(2, int(rng.integers(6, 40)), 2 * int(rng.integers(1, 7)))
    level = np.where(np.arange(len(widths)) % 2 == 0, 50.0, 215.0) + rng.normal(0, rng.uniform(0, 30), len(widths))
    row = np.repeat(level, widths)
    if rng.random() < 0.3:
        row = cv2.blur(row[None], (3, 1), borderType=cv2.BORDER_REFLECT)[0]
    return speckled(rng, np.tile(row, (48, 1)), 20)


def louvre(rng):
    """Blinds, steps, radiators, corrugated iron: one profile over and over."""
    pitch = int(rng.integers(6, 46))
    t = np.arange(pitch) / pitch
    profile = [t, np.sin(2 * math.pi * t) / 2 + 0.5, np.where(t < rng.uniform(0.3, 0.7), t * 0.3, 0.75 + 0.25 * t),
               np.abs(2 * t - 1) ** 3, np.sqrt(t) * (t < 0.85)][rng.integers(5)]
    tile = np.tile((30 + 200 * profile)[:, None], (4, 64)) + rng.normal(0, rng.uniform(0, 14), 4).repeat(pitch)[:, None]
    return speckled(rng, tile, 15)


def fence(rng):
    """Pickets, wire netting or a grid of rods before something else."""
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
    """Perforated sheet or polka dots, in squares or staggered."""
    pitch = int(rng.integers(6, 30))
    tile = np.full((2 * pitch, 2 * pitch), 210, np.uint8)
    radius, stagger = max(1.0, pitch * rng.uniform(0.15, 0.42)), rng.random() < 0.5
    for row in range(-1, 4):
        for column in range(-1, 4):
            where = (column + 0.5 + (0.5 * (row % 2) if stagger else 0)) * pitch, (row + 0.5) * pitch
            cv2.circle(tile, tuple(round(16 * w) for w in where), round(16 * radius), 50, -1, cv2.LINE_AA, 4)
    return tile if rng.random() < 0.5 else 255 - tile


def windows(rng):
    """The front of a house: windows with frames and bars, lit or dark."""
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
    """Shelves of books' backs, with bands and titles."""
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
    """Shelves of files and magazines: bright edges, thin, slanting, with dark gaps between."""
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
    return speckled(rng, tile, 10)


def letter(rng, tile, middle, size, value):
    """One capital or digit centred at a point."""
    sign = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"[rng.integers(33)]
    scale = size / 22
    cv2.putText(tile, sign, (int(middle[0] - 9 * scale), int(middle[1] + 10 * scale)), 0, scale, value, 1, cv2.LINE_AA)


def keyboard(rng):
    """Rows of keys with letters, each row a little further right."""
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
    """A grid with point-symmetric black squares and letters in some of the others."""
    count, side = 11, int(rng.integers(12, 26))
    black = rng.random((count, count)) < 0.12
    black |= black[::-1, ::-1]
    tile = np.where(np.repeat(np.repeat(black, side, 0), side, 1), 20, 240).astype(np.uint8)
    tile[::side], tile[:, ::side] = 20, 20
    for row, column in np.argwhere(~black & (rng.random(black.shape) < rng.uniform(0, 0.9))):
        letter(rng, tile, ((column + 0.5) * side, (row + 0.5) * side), side * 0.6, 40)
    return np.pad(tile, side, constant_values=240)


def piano(rng):
    """White keys and the black ones in twos and threes."""
    wide, tall = int(rng.integers(8, 24)), int(rng.integers(60, 180))
    tile = np.full((tall, 7 * wide), 235, np.uint8)
    tile[:, ::wide], tile[:4] = 90, 40
    for key in (1, 2, 4, 5, 6):
        cv2.rectangle(tile, (key * wide - wide // 3, 0), (key * wide + wide // 3, tall * 3 // 5), 20, -1)
    return tile


def ruler(rng):
    """Ticks in three lengths with numbers."""
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


# ---------------------------------------------------------------- fields


def zebra(rng, height, width):
    """Bent stripes of a zebra's, tiger's or marble's kind."""
    bend = fractal(rng, height, width, rng.uniform(60, 200), finest=12)
    angle, pitch = rng.uniform(0, math.pi), rng.uniform(12, 60)
    x, y = (np.arange(n, dtype=np.float32) / pitch for n in (width, height))
    phase = (math.cos(angle) * x[None] + math.sin(angle) * y[:, None] + bend * rng.uniform(1, 5)) * (2 * math.pi)
    return byte(np.sin(phase) * rng.uniform(120, 500) + 128)


def wood(rng, height, width):
    """Grain along x or y."""
    turned = rng.random() < 0.5
    if turned:
        height, width = width, height
    grown = fractal(rng, height, width, rng.uniform(30, 120), rng.uniform(6, 16))
    rings = np.sin(grown * np.float32(rng.uniform(10, 70)))
    grey = byte(128 + rings * rng.uniform(15, 60) + (grown - 0.5) * rng.uniform(40, 160))
    return grey.T if turned else grey


def brushed(rng, height, width):
    """Metal with fine scratches along x."""
    rows = noise(rng, height, max(2, width // int(rng.integers(20, 120)))).astype(np.float32)
    lines = cv2.resize(rows, (width, height), interpolation=cv2.INTER_LINEAR)
    sheen = np.sin(np.linspace(0, rng.uniform(2, 8), width, dtype=np.float32) + rng.uniform(0, 6)) * rng.uniform(10, 60)
    grey = byte(140 + lines * rng.uniform(0.3, 1.2) + sheen)
    return grey if rng.random() < 0.5 else cv2.resize(cv2.rotate(grey, cv2.ROTATE_90_CLOCKWISE), (width, height))


def crumpled(rng, height, width):
    """Paper or foil with creases: facets of random slopes, coarse and fine."""
    h, w = height // 4 + 1, width // 4 + 1
    x, y = np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)
    field = np.zeros((h, w), np.float32)
    for count, strength in ((12, 1.0), (24, 0.6)):
        px, py, ax, ay = rng.normal(0, 0.7, (4, count)).astype(np.float32)
        far = (np.abs(x - px[:, None])[:, None] + np.abs(y - py[:, None])[:, :, None])
        near = far.argmin(0)
        field += (ax[near] * x[None] + ay[near] * y[:, None] + ax[near] * 0.4) * strength
    field = cv2.resize(cv2.GaussianBlur(field, (0, 0), 0.8), (width, height), interpolation=cv2.INTER_LINEAR)
    return byte(150 + field * rng.uniform(15, 60))


def halftone(rng, height, width):
    """A picture printed as a screen of dots or lines."""
    pitch = int(rng.integers(4, 12))
    t = np.cos(2 * math.pi * np.arange(8 * pitch) / pitch) * 60
    screen = byte(128 + t[None] + (t[:, None] if rng.random() < 0.75 else t[None]))
    screen = lay(rng, screen, height, width, (0.9, 1.6), 0.1)
    level = cv2.resize(byte(fractal(rng, height // 4 + 1, width // 4 + 1, 40, finest=6) * 255), (width, height))
    return byte((screen.astype(np.float32) - level) * rng.uniform(1.5, 5) + 128)


def cloudy(rng, height, width):
    """Fractal noise: plaster, stone, clouds, blotches."""
    stretch = rng.choice([1.0, 1.0, 2.0, 5.0])
    return byte(fractal(rng, height, width, rng.uniform(8, 200), stretch, rng.uniform(0.3, 0.8)) * 255)


def ramp(rng, height, width):
    """A linear gradient in a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    x, y = (np.linspace(-90, 90, n, dtype=np.float32) for n in (width, height))
    return byte(math.cos(angle) * x[None] + math.sin(angle) * y[:, None] + 128)


def plain(rng, height, width):
    """One level."""
    return np.full((height, width), rng.integers(256), np.uint8)


def board(rng, height, width):
    """Cardboard: smooth, mottled, with or without the ribs of its inside."""
    mottle = fractal(rng, height, width, rng.uniform(6, 40), rng.choice([1.0, 4.0]), 0.7)
    rib = np.sin(np.arange(height, dtype=np.float32) * (2 * math.pi / rng.uniform(5, 14)))[:, None]
    return byte(140 + mottle * rng.uniform(5, 50) + rib * rng.choice([0.0, rng.uniform(5, 45)]))


# name: (maker, weight, tone); what raised false alarms in earlier trials, cloth, carpets and mosaics, weighs most
TILES = {
    "weave": (weave, 9, None), "knit": (knit, 1.5, None), "carpet": (carpet, 3.5, None),
    "chevron": (chevron, 1.5, BROWN),
    "bricks": (bricks, 1.5, RED), "mosaic": (mosaic, 3, None), "floor": (floor, 1.5, GREY), "checks": (checks, 1, None),
    "bars": (bars, 2, None), "louvre": (louvre, 1.5, None), "fence": (fence, 1.5, GREY), "dots": (dots, 1, None),
    "windows": (windows, 1, SAND), "books": (books, 1, None), "papers": (papers, 1.5, GREY),
    "strands": (strands, 4, SAND), "keyboard": (keyboard, 1, GREY),
    "crossword": (crossword, 1, GREY), "piano": (piano, 0.5, GREY), "ruler": (ruler, 1, SAND),
}
FIELDS = {
    "zebra": (zebra, 1, GREY), "wood": (wood, 2, BROWN), "brushed": (brushed, 1, GREY),
    "crumpled": (crumpled, 1.5, SAND),
    "halftone": (halftone, 1, None), "cloudy": (cloudy, 1.5, GREEN), "ramp": (ramp, 2, None),
    "plain": (plain, 1.5, None),
    "board": (board, 1.5, BROWN),
}
KINDS = {**TILES, **FIELDS}
WEIGHTS = np.array([weight for _, weight, _ in KINDS.values()]) / sum(weight for _, weight, _ in KINDS.values())


def texture(rng, height, width, kind=None):
    """A random procedural texture, or one of the given kind, (H,W,3) uint8."""
    kind = kind or list(KINDS)[rng.choice(len(KINDS), p=WEIGHTS)]
    make, _, tone = KINDS[kind]
    grey = make(rng, height, width) if kind in FIELDS else lay(rng, make(rng), height, width)
    return paint(rng, grey, tone)
