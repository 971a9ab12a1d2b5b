"""White and fractal noise for the textures."""
import functools
import math

import cv2
import numpy as np

BANK = 1024  # side of the noise bank, pixels


@functools.lru_cache(1)
def bank():
    """Returns Gaussian noise with a standard deviation of 32, (BANK,BANK) int8. The bank is constant; users take it at
    a random position."""
    noise = np.random.default_rng(5).normal(0, 32, (BANK, BANK))
    return np.clip(noise, -127, 127).astype(np.int8)


def noise(rng, height, width):
    """Returns white noise with a standard deviation of 32, (H,W) int8; a view of the bank if that is large enough."""
    source = bank()
    if height > BANK or width > BANK:
        source = np.tile(source, (-(-height // BANK), -(-width // BANK)))
    y, x = (int(rng.integers(have - want + 1)) for have, want in zip(source.shape, (height, width)))
    part = source[y:y + height, x:x + width]
    return part[::-1] if rng.random() < 0.5 else part[:, ::-1]


def fractal(rng, height, width, cell, stretch=1.0, rough=0.5, finest=2):
    """Returns fractal noise, (H,W) float32 in 0..1: octaves with cells from `cell` pixels down to `finest`, `stretch`
    times as long in x. rough: factor of the amplitude from one octave to the next."""
    step, field, strength = float(cell), None, 1.0
    while True:
        size = [max(2, math.ceil(n / step / s)) for n, s in ((height, 1.0), (width, stretch))]
        octave = noise(rng, *size).astype(np.float32)
        if field is not None:
            octave = cv2.resize(field, size[::-1], interpolation=cv2.INTER_LINEAR) + octave * strength
        field, step, strength = octave, step / 2, strength * rough
        if step < finest:
            break
    field = cv2.normalize(field, None, 0, 1, cv2.NORM_MINMAX)
    if field.shape == (height, width):
        return field
    return np.clip(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def byte(field):
    """Converts to uint8 with saturation."""
    return np.clip(field, 0, 255).astype(np.uint8)


def speckled(rng, tile, most=28):
    """Returns a tile with noise of a random strength added, (H,W) uint8. most: maximum standard deviation."""
    return byte(tile + noise(rng, *tile.shape) * (rng.uniform(0, most) / 32))


def grainy(rng, image, deviation, grey=False):
    """Returns an image (H,W,3) uint8 with Gaussian noise added; the same noise in all channels if `grey`."""
    grain = np.empty(image.shape[:2] if grey else image.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    cv2.randn(grain, 0, deviation)
    return cv2.add(image, cv2.merge([grain] * 3) if grey else grain, dtype=cv2.CV_8U)
