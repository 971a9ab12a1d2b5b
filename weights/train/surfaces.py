"""Draws sheets into images: bent, in perspective, partly occluded."""
import math

import cv2
import numpy as np

from photos import blend, cutout

CELL = 8  # image pixels between the grid points at which the inverse mapping to the sheet is computed


def bend(rng, width, height):
    """Returns a random bend of a sheet on a coarse grid: the offset of the source of each grid point, (33,33,2) in
    pixels, and the shading, (33,33)."""
    gx, gy = np.meshgrid(np.linspace(-1, 1, 33, dtype=np.float32), np.linspace(-1, 1, 33, dtype=np.float32))
    move, shade = np.zeros((33, 33, 2), np.float32), np.ones((33, 33), np.float32)
    kind = rng.choice(["flat", "cylinder", "waves", "crumpled"], p=[0.5, 0.22, 0.18, 0.1])
    if kind == "cylinder":
        reach = rng.uniform(0.3, 1.25)  # half the angle that the sheet covers
        axis = int(rng.random() < 0.7)
        t = gx if axis else gy
        move[..., 0 if axis else 1] = (np.arcsin(t * math.sin(reach)) / reach - t) * (width if axis else height) / 2
        arc = rng.normal(0, 0.06) * (height if axis else width)
        move[..., 1 if axis else 0] = arc * (1 - t * t)  # seen from above or below, a circle is an ellipse
        shade = np.maximum(np.cos(t * reach + rng.normal(0, 0.4)), 0) ** rng.uniform(0.3, 1)
    elif kind == "waves":
        for _ in range(rng.integers(1, 4)):
            angle, count, phase = rng.uniform(0, math.pi), rng.uniform(0.4, 2.5), rng.uniform(0, 2 * math.pi)
            wave = np.sin((gx * math.cos(angle) + gy * math.sin(angle)) * math.pi * count + phase)
            size = rng.uniform(0.004, 0.03) / count * max(width, height)
            way = [math.cos(angle), math.sin(angle)] if rng.random() < 0.5 else rng.normal(0, 0.7, 2)
            move += np.float32(way) * size * wave[..., None]
            shade += wave * rng.uniform(0.02, 0.18)
    elif kind == "crumpled":
        cells = int(rng.integers(4, 10))
        bumps = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        bumps = cv2.resize(bumps, (33, 33), interpolation=cv2.INTER_LINEAR)
        slope = np.stack([cv2.Sobel(bumps, cv2.CV_32F, 1, 0), cv2.Sobel(bumps, cv2.CV_32F, 0, 1)], -1)
        move = slope * (rng.uniform(0.002, 0.008) * max(width, height))
        shade = 1 + slope @ rng.normal(0, 0.25, 2).astype(np.float32)
    return move, np.clip(shade, 0.15, 1.8).astype(np.float32)


def sampled(image, x, y):
    """Samples an image at fractional coordinates; outside of the image the edge pixels are repeated."""
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def placed(rng, picture, image, outlines, centre, scale, angle, depth):
    """Draws a sheet `image` into `picture`, in place: bent, scaled, turned by `angle` (radians) and tilted (depth:
    strength), with its centre at `centre` (x,y, pixels). Returns the outlines, (P,2) each, in coordinates of
    `picture`."""
    height, width = image.shape[:2]
    move, shade = bend(rng, width, height)
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    affine = np.array([[cos, -sin, centre[0]], [sin, cos, centre[1]], [0, 0, 1]])
    tilt = np.eye(3)
    tilt[2, :2] = rng.normal(0, depth, 2) / max(width, height)
    home = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    forward = affine @ tilt @ home
    # the inverse mapping, on a coarse grid over the picture and one cell around it
    rows, columns = picture.shape[:2]
    gw, gh = -(-columns // CELL) + 2, -(-rows // CELL) + 2
    px, py = np.meshgrid((np.arange(gw) - 0.5) * CELL - 0.5, (np.arange(gh) - 0.5) * CELL - 0.5)
    back = np.linalg.inv(forward) @ np.stack([px, py, np.ones_like(px)]).reshape(3, -1)
    safe = back[2] * np.sign(np.linalg.det(forward)) > 1e-6
    source = np.where(safe, back[:2] / np.where(safe, back[2], 1), -1e4).astype(np.float32)
    grid = source.reshape(2, gh, gw)
    u, v = grid[0] * (32 / (width - 1)), grid[1] * (32 / (height - 1))
    grid = grid + np.moveaxis(sampled(move, u, v), -1, 0)
    large = lambda coarse: cv2.resize(np.ascontiguousarray(coarse, np.float32), (gw * CELL, gh * CELL))
    finer = lambda coarse: np.ascontiguousarray(large(coarse)[CELL : CELL + rows, CELL : CELL + columns])
    x, y = finer(grid[0]), finer(grid[1])
    seen = sampled(image, x, y)
    if shade.std() > 0:
        seen = np.minimum(seen * finer(sampled(shade, u, v))[..., None], 255)
    alpha = np.clip(np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)) + 1, 0, 1)
    if rng.random() < 0.5:  # the shadow of the sheet
        shift = np.float32([[1, 0, rng.normal(0, 4)], [0, 1, rng.normal(0, 4)]])
        dark = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, (columns, rows)), (0, 0), rng.uniform(1, 6))
        picture[:] = picture * (1 - dark[..., None] * rng.uniform(0.2, 0.6))
    picture[:] = picture * (1 - alpha[..., None]) + seen * alpha[..., None]
    moved = []
    for points in outlines:
        points = points - 0.5  # from a pixel's edge to its centre
        p = points
        for _ in range(24):  # solve p + move(p) = points; full steps would diverge at the edge of a cylinder
            at = (p * 32 / [width - 1, height - 1]).astype(np.float32)
            p = p + 0.6 * (points - p - sampled(move, at[:, 0], at[:, 1]).reshape(-1, 2))
        q = forward @ np.concatenate([p, np.ones((len(p), 1))], 1).T
        moved.append((q[:2] / q[2]).T + 0.5)
    return moved


def occlude(rng, picture, points):
    """Draws a finger or an object over a corner of a code, in place. It covers at most about a seventh of the code."""
    low, high = points.min(0), points.max(0)
    size = (high - low).max()
    corner = points[rng.integers(len(points))]
    if rng.random() < 0.5:
        axes = (int(size * rng.uniform(0.06, 0.14)) + 1, int(size * rng.uniform(0.3, 0.8)) + 1)
        away = corner - (low + high) / 2
        angle = math.degrees(math.atan2(away[1], away[0])) + 90 + rng.normal(0, 15)
        at = corner + away / max(1e-6, np.hypot(*away)) * axes[1] * 0.8
        skin = np.array([110, 150, 200]) * rng.uniform(0.35, 1.2)
        skin = np.clip(skin, 0, 255).tolist()
        cv2.ellipse(picture, at.astype(int).tolist(), axes, angle, 0, 360, skin, -1, cv2.LINE_AA)
    else:
        thing = cutout(rng)
        scale = size * rng.uniform(0.2, 0.4) / max(thing.shape[:2])
        thing = cv2.resize(thing, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else thing
        x, y = (corner - np.array(thing.shape[1::-1]) / 2).astype(int)
        blend(picture, thing[..., 3], x, y, thing[..., :3])
