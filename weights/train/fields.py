"""Grey textures generated at the size of the image, (H,W) uint8: stripes, wood, metal, paper, stone, cardboard."""
import math

import cv2
import numpy as np

from tiling import lay
from noise import byte, fractal, noise


def zebra(rng, height, width):
    """Bent stripes, as of a zebra, a tiger or marble."""
    bend = fractal(rng, height, width, rng.uniform(60, 200), finest=12)
    angle, pitch = rng.uniform(0, math.pi), rng.uniform(12, 60)
    x, y = (np.arange(n, dtype=np.float32) / pitch for n in (width, height))
    phase = (math.cos(angle) * x[None] + math.sin(angle) * y[:, None] + bend * rng.uniform(1, 5)) * (2 * math.pi)
    return byte(np.sin(phase) * rng.uniform(120, 500) + 128)


def wood(rng, height, width):
    """Wood grain along x or y."""
    turned = rng.random() < 0.5
    if turned:
        height, width = width, height
    grown = fractal(rng, height, width, rng.uniform(30, 120), rng.uniform(6, 16))
    rings = np.sin(grown * np.float32(rng.uniform(10, 70)))
    grey = byte(128 + rings * rng.uniform(15, 60) + (grown - 0.5) * rng.uniform(40, 160))
    return grey.T if turned else grey


def brushed(rng, height, width):
    """Brushed metal: fine scratches along x or y."""
    rows = noise(rng, height, max(2, width // int(rng.integers(20, 120)))).astype(np.float32)
    lines = cv2.resize(rows, (width, height), interpolation=cv2.INTER_LINEAR)
    sheen = np.sin(np.linspace(0, rng.uniform(2, 8), width, dtype=np.float32) + rng.uniform(0, 6)) * rng.uniform(10, 60)
    grey = byte(140 + lines * rng.uniform(0.3, 1.2) + sheen)
    return grey if rng.random() < 0.5 else cv2.resize(cv2.rotate(grey, cv2.ROTATE_90_CLOCKWISE), (width, height))


def crumpled(rng, height, width):
    """Crumpled paper or foil: coarse and fine facets with random slopes."""
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
    """An image printed as a halftone of dots or lines."""
    pitch = int(rng.integers(4, 12))
    t = np.cos(2 * math.pi * np.arange(8 * pitch) / pitch) * 60
    screen = byte(128 + t[None] + (t[:, None] if rng.random() < 0.75 else t[None]))
    screen = lay(rng, screen, height, width, (0.9, 1.6), 0.1)
    level = cv2.resize(byte(fractal(rng, height // 4 + 1, width // 4 + 1, 40, finest=6) * 255), (width, height))
    return byte((screen.astype(np.float32) - level) * rng.uniform(1.5, 5) + 128)


def crackle(rng, height, width):
    """Patches or veins with hard edges: terrazzo, marble, camouflage, cracked paint, lace."""
    field = fractal(rng, height, width, rng.uniform(5, 40), rough=rng.uniform(0.3, 0.6))
    if rng.random() < 0.5:
        field = np.abs(field - field.mean()) * 2  # the borders between patches
    hard = rng.uniform(4, 40)
    return byte(128 + (field - np.quantile(field, rng.uniform(0.3, 0.7))) * hard * 128)


def cloudy(rng, height, width):
    """Fractal noise: plaster, stone, clouds, stains."""
    stretch = rng.choice([1.0, 1.0, 2.0, 5.0])
    return byte(fractal(rng, height, width, rng.uniform(8, 200), stretch, rng.uniform(0.3, 0.8)) * 255)


def ramp(rng, height, width):
    """A linear gradient in a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    x, y = (np.linspace(-90, 90, n, dtype=np.float32) for n in (width, height))
    return byte(math.cos(angle) * x[None] + math.sin(angle) * y[:, None] + 128)


def plain(rng, height, width):
    """A constant grey level."""
    return np.full((height, width), rng.integers(256), np.uint8)


def board(rng, height, width):
    """Cardboard: smooth or mottled, with or without corrugation."""
    mottle = fractal(rng, height, width, rng.uniform(6, 40), rng.choice([1.0, 4.0]), 0.7)
    rib = np.sin(np.arange(height, dtype=np.float32) * (2 * math.pi / rng.uniform(5, 14)))[:, None]
    return byte(140 + mottle * rng.uniform(5, 50) + rib * rng.choice([0.0, rng.uniform(5, 45)]))
