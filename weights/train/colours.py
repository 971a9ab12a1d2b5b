"""Random colours, and colouring of grey textures. Colours are BGR."""
import math

import cv2
import numpy as np

from noise import byte, noise


def bgr(hue, saturation, value):
    """Converts OpenCV's hue (0..179), saturation and value (0..255) to BGR, (3,) float32."""
    return cv2.cvtColor(np.uint8([[[hue, saturation, value]]]), cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)


def colour(rng):
    """Returns a random colour, (3,) float32; two of three have low saturation."""
    saturation = rng.integers(0, 70) if rng.random() < 0.65 else rng.integers(40, 230)
    return bgr(rng.integers(180), saturation, rng.integers(25, 256))


def tint(rng, low, high, max_saturation):
    """Returns a random colour with a value (brightness) of low..high, (3,) float32."""
    return bgr(rng.integers(180), rng.integers(0, max_saturation + 1), rng.integers(low, high + 1))


def palette(rng, tone=None):
    """Returns a table of 256 colours, (256,1,3) uint8: interpolated between two to four random colours, or between
    shades of `tone`."""
    kind = rng.random()
    if kind < 0.3:  # grey, with random contrast
        low, high = rng.uniform(0, 40), rng.uniform(200, 255)
        if rng.random() < 0.55:
            low, high = np.sort(rng.uniform(0, 255, 2))
        cast = rng.normal(0, 5, 3)
        stops = np.stack([low + cast, high + cast])
    elif kind < 0.75 and tone is not None:
        shade = np.float32(tone) * rng.uniform(0.85, 1.15, 3)
        spread = rng.uniform(0.2, 0.8)
        stops = np.stack([shade * (1 - spread), shade * (1 + spread * 0.9)]) * rng.uniform(0.7, 1.3)
    else:
        first = colour(rng)
        stops = np.stack([first] + [colour(rng) for _ in range(rng.integers(1, 4))])
        if rng.random() < 0.5:  # low contrast: near the first colour
            stops = first + (stops - first) * rng.uniform(0.15, 0.5)
    if rng.random() < 0.5:
        stops = stops[::-1]
    at, t = np.linspace(0, 255, len(stops)), np.arange(256)
    return np.clip(np.stack([np.interp(t, at, c) for c in stops.T], 1), 0, 255).astype(np.uint8)[:, None]


def paint(rng, grey, tone=None):
    """Colours a grey image, with random blur or noise and uneven shading: (H,W) uint8 -> (H,W,3) uint8."""
    height, width = grey.shape
    finish = rng.random()
    if finish < 0.25:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.5, 1.6))
    elif finish < 0.55:
        grey = cv2.add(grey, noise(rng, height, width), dtype=cv2.CV_8U)
    image = cv2.applyColorMap(np.ascontiguousarray(grey), palette(rng, tone))
    if rng.random() < 0.5:
        cells = rng.integers(2, 5, 2)
        light = rng.uniform(*((0.45, 1.2) if rng.random() < 0.4 else (0.8, 1.1)), cells).astype(np.float32) * 200
        light = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        image = cv2.multiply(image, cv2.merge([light] * 3), scale=1 / 200)
    return image


def recolour(rng, image):
    """Changes contrast, brightness, gamma and colour cast of an image (H,W,3) uint8; some images become grey."""
    if rng.random() < 0.25:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        cast = rng.normal(1, 0.03, 3)
    else:
        cast = rng.normal(1, 0.1, 3)
    if rng.random() < 0.15:
        image = image[..., rng.permutation(3)]
    gain, lift, gamma = rng.uniform(0.5, 1.15), rng.normal(0, 18), math.exp(rng.normal(0, 0.25))
    t = (np.arange(256) / 255) ** gamma * 255
    table = byte((t[:, None] - 128) * gain * cast + 128 + lift)[:, None]
    return cv2.LUT(np.ascontiguousarray(image), table)


def contrasting(rng, paper):
    """Returns a colour that is visible on `paper`, tuple of ints: usually near black or white, otherwise random."""
    height, width = paper.shape[:2]
    middle = paper[::max(1, height // 16), ::max(1, width // 16)].reshape(-1, 3).mean(0)
    if rng.random() < 0.7:
        level = rng.uniform(0, 70) if middle.mean() > 110 else rng.uniform(190, 255)
        return tuple(np.clip(level + rng.normal(0, 6, 3), 0, 255).astype(int).tolist())
    for _ in range(6):
        picked = colour(rng)
        if abs(picked.mean() - middle.mean()) > 50:
            break
    return tuple(picked.astype(int).tolist())
