"""Cloth as small repeating grey tiles, (H,W) uint8: woven, knitted, knotted."""
import math

import numpy as np

from noise import noise, speckled


def runs(rng, count, levels, longest):
    """Returns grey levels of `count` threads or bars, in runs of random lengths up to `longest`, (count,) float."""
    value = rng.permutation(np.linspace(40, 225, levels))
    lengths = rng.integers(1, longest + 1, count)
    return np.repeat(value[np.arange(count) % levels], lengths)[:count]


def weave(rng):
    """Woven cloth: plain, basket, twill, herringbone, satin or houndstooth weave; plain, two-coloured, striped or
    tartan."""
    kind = rng.choice(["plain", "basket", "twill", "herringbone", "satin", "houndstooth"])
    count = int(rng.choice([16, 24, 32, 48]))
    y, x = np.mgrid[:count, :count]
    if kind == "plain":
        up = (x + y) % 2 == 0
    elif kind == "basket":
        up = (x // 2 + y // 2) % 2 == 0
    elif kind == "satin":
        count = count // 8 * 5
        y, x = np.mgrid[:count, :count]
        up = (2 * x + y) % 5 == 0
    else:
        bend = int(rng.choice([4, 8])) if kind == "herringbone" else count
        zigzag = np.where(x // bend % 2 == 0, x, -x - 1)
        up = (zigzag + y) % 4 < 2
    if kind == "houndstooth":
        across = along = np.where(np.arange(count) // 4 % 2 == 0, 50.0, 215.0)
    else:
        dyed = rng.choice(["plain", "two", "striped", "tartan"], p=[0.2, 0.3, 0.3, 0.2])
        levels, longest = rng.integers(2, 5), rng.integers(2, 10)
        a, b = rng.uniform(40, 220, 2)
        along = runs(rng, count, levels, longest) if dyed == "striped" else np.full(count, a)
        across = np.full(count, {"plain": a, "striped": a}.get(dyed, b))
        if dyed == "tartan":
            along = across = runs(rng, count, levels, longest)
    pitch = int(rng.integers(2, 8 if count < 32 else 5))
    bulge = rng.uniform(0.3, 1.0) + (1 - rng.uniform(0.3, 1.0)) * np.sin(math.pi * (np.arange(pitch) + 0.5) / pitch)
    uneven = rng.uniform(0, 18)
    thread = lambda level: ((level + rng.normal(0, uneven, count))[:, None] * bulge).ravel()
    up = np.repeat(np.repeat(up, pitch, 0), pitch, 1)
    return speckled(rng, np.where(up, thread(along)[None], thread(across)[:, None]), 40)


def knit(rng):
    """Knitwear: rows of V-shaped loops in stripes of different wool."""
    wide, tall, rows = 2 * int(rng.integers(3, 8)), int(rng.integers(5, 11)), 12
    y, x = np.mgrid[:rows * tall, :6 * wide]
    rise = y - np.abs(x % wide - (wide - 1) / 2) * rng.uniform(0.6, 1.4)
    wool = runs(rng, rows, rng.integers(1, 4), 5)[np.floor(rise / tall).astype(int) % rows]
    return speckled(rng, wool * (0.6 + 0.4 * np.sin(math.pi * (rise / tall % 1))) * (1 - 0.3 * (x % (wide // 2) == 0)))


def carpet(rng):
    """A patterned carpet: bands of diamonds, zigzags and steps with a coarse pile."""
    side = int(rng.choice([96, 128, 160]))
    y, x = np.mgrid[:side, :side]
    fold = int(rng.choice([side // 2, side // 4, side // 8]))
    wave = np.abs(x % fold - fold // 2)
    level = (y + wave * rng.integers(1, 3)) if rng.random() < 0.5 else np.maximum(wave, np.abs(y % fold - fold // 2))
    if rng.random() < 0.3:
        level = wave + np.abs(y % fold - fold // 2)
    coarse = int(rng.integers(2, 6))
    bands = runs(rng, side, rng.integers(2, 6), max(2, side // 24))
    motif = bands[(level // coarse * coarse) % side]
    rib = 1 - rng.uniform(0, 0.35) * (y % int(rng.integers(3, 6)) == 0)
    pile = noise(rng, side // 2, side // 2).repeat(2, 0).repeat(2, 1) * rng.uniform(0.2, 1.2)
    return speckled(rng, motif * rib * rng.uniform(0.6, 1) + pile)


def cords(rng):
    """Columns of fine vertical cords, interrupted by horizontal bands at random heights: rattan, corduroy, mats."""
    pitch, wide, high = int(rng.integers(3, 8)), int(rng.integers(60, 160)), int(rng.integers(160, 320))
    across = np.sin(2 * math.pi * np.arange(wide) / pitch) * rng.uniform(15, 70)
    columns = []
    for _ in range(rng.integers(1, 5)):
        fine = across * rng.uniform(0.7, 1.3) + rng.normal(0, rng.uniform(2, 18), wide)
        cell, y, level = np.empty((high, wide)), 0, rng.uniform(70, 150)
        while y < high:
            bright, tall = level + rng.normal(0, 25), int(rng.integers(6, 60))
            cell[y:y + tall] = bright + fine
            if rng.random() < 0.8:
                band = int(rng.integers(2, 12))
                cell[y + tall:y + tall + band] = bright + rng.uniform(-40, 70) + fine * rng.uniform(0, 0.4)
                tall += band
            y += tall
        columns.append(cell)
    tile = speckled(rng, np.hstack(columns), 20)
    return tile if rng.random() < 0.6 else np.ascontiguousarray(tile.T)


def strands(rng):
    """Rows of bundles of strands: thick yarn, split bamboo, bast."""
    rows, columns = (int(n) for n in rng.integers(2, 7, 2))
    high, wide = int(rng.integers(10, 60)), int(rng.integers(40, 120))
    shift, gap = rng.choice([0.0, 0.3, 0.5]), int(rng.integers(0, 4))
    bands = []
    for row in range(rows):
        cells = []
        for _ in range(columns):
            levels = rng.normal(0, rng.uniform(15, 70), wide // 2 + 1).repeat(2)[:wide]
            cell = rng.uniform(70, 190) + np.tile(levels, (high, 1)) + rng.normal(0, 9, (high, wide))
            cell[:gap] = cell[:, :gap] = rng.uniform(20, 90)
            cells.append(cell)
        bands.append(np.roll(np.hstack(cells), int(row * shift * wide), 1))
    tile = np.vstack(bands)
    return np.clip(tile if rng.random() < 0.5 else tile.T, 0, 255).astype(np.uint8)
