"""Simulates light, lens, sensor and compression of a camera."""
import math

import cv2
import numpy as np

from noise import grainy


def light(rng, image):
    """Applies uneven light, vignetting, shadows, darkness and glare to an image (H,W,3); returns uint8."""
    height, width = image.shape[:2]
    x, y = np.linspace(-1, 1, 17, dtype=np.float32)[None], np.linspace(-1, 1, 17, dtype=np.float32)[:, None]
    gain, glare = np.ones((17, 17), np.float32), None
    if rng.random() < 0.55:
        gain = gain * (1 + rng.normal(0, 0.2) * x + rng.normal(0, 0.2) * y)
    if rng.random() < 0.2:
        gain = gain * (1 - rng.uniform(0.1, 0.35) * (x * x + y * y))
    if rng.random() < 0.15:  # the edge of a shadow
        angle, position, soft = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.5), rng.uniform(2, 20)
        edge = 1 / (1 + np.exp(np.clip(-soft * (x * math.cos(angle) + y * math.sin(angle) - position), -30, 30)))
        gain = gain * (1 - rng.uniform(0.2, 0.65) * edge)
    if rng.random() < 0.12:
        gain = gain * rng.uniform(0.12, 0.6)
    if rng.random() < 0.14:
        cx, cy = rng.uniform(-0.8, 0.8, 2)
        rx, ry = rng.uniform(0.08, 0.6, 2)
        glare = np.exp(-(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)) * rng.uniform(60, 230)
    if gain.std() + abs(gain.mean() - 1) > 1e-3:
        image = image * cv2.resize(np.maximum(gain, 0.02), (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    if glare is not None:
        image = image + cv2.resize(glare.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8) if image.dtype != np.uint8 else image


def camera(rng, image):
    """Applies low resolution, blur, noise, colour cast, sharpening and JPEG compression to an image (H,W,3) uint8."""
    height, width = image.shape[:2]
    small = rng.uniform(0.45, 0.9) if rng.random() < 0.3 else 1
    if small < 1:
        image = cv2.resize(image, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
    roll = rng.random()
    if roll < 0.35:
        image = cv2.GaussianBlur(image, (0, 0), float(np.exp(rng.uniform(np.log(0.4), np.log(2.6)))))
    elif roll < 0.45:
        reach = int(rng.integers(3, 12))
        line = np.zeros((reach, reach), np.float32)
        angle = rng.uniform(0, math.pi)
        step = np.array([math.cos(angle), math.sin(angle)]) * reach / 2
        middle = np.array([reach / 2 - 0.5] * 2)
        cv2.line(line, (middle - step).round().astype(int).tolist(), (middle + step).round().astype(int).tolist(), 1.0)
        image = cv2.filter2D(image, -1, line / line.sum())
    if rng.random() < 0.4:
        image = grainy(rng, image, float(np.exp(rng.uniform(np.log(2), np.log(22)))), grey=rng.random() < 0.5)
    roll = rng.random()
    if roll < 0.40:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    elif roll < 0.65:  # white balance
        image = np.clip(image * rng.uniform(0.8, 1.15, 3), 0, 255).astype(np.uint8)
    if rng.random() < 0.12:
        soft = cv2.GaussianBlur(image, (0, 0), 1.5)
        image = cv2.addWeighted(image, 1 + (k := rng.uniform(0.5, 1.5)), soft, -k, 0)
    if small < 1:
        image = cv2.resize(image, (width, height), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))
    if rng.random() < 0.5:
        quality = int(rng.integers(15, 90))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image
