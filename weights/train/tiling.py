"""Covers an image with a repeated tile."""
import math

import cv2
import numpy as np


def lay(rng, tile, height, width, scale=(0.8, 1.8), tilted=0.35, straight=0.3):
    """Repeats a tile over an image, (H,W) uint8, randomly turned and scaled.

    scale: range of the scale. tilted: probability of a perspective tilt. straight: probability of an angle near a
    multiple of 90 degrees.
    """
    scale = math.exp(rng.uniform(*np.log(scale)))
    angle = rng.uniform(-math.pi, math.pi)
    if rng.random() < straight:
        angle = rng.integers(4) * math.pi / 2 + rng.normal(0, 0.03)
    away = rng.uniform(-0.45, 0.45, 2) if rng.random() < tilted else (0.0, 0.0)
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
