"""Writes letterbox.safetensors and nms.safetensors: results of Ultralytics (OpenCV, torchvision) for small inputs.

Run:  python make_kernel_cases.py OUT_DIR     (pip install ultralytics torchvision safetensors)
"""
import pathlib
import sys

import cv2
import numpy as np
import torch
import torchvision  # noqa: F401  Ultralytics uses its nms only if it is imported
from safetensors.numpy import save_file
from ultralytics.data.augment import LetterBox
from ultralytics.utils.nms import non_max_suppression

FORMATS = ["rgb", "bgr", "rgba", "bgra", "grey"]  # in the order of cudet::PixelFormat
CHANNELS = [3, 3, 4, 4, 1]

# width, height, format, input height and width, stride of the smallest input (0: the whole input)
PICTURES = [
    (54, 72, "bgr", 64, 64, 0),
    (54, 72, "rgb", 64, 64, 8),
    (128, 72, "rgb", 64, 64, 8),
    (48, 48, "rgb", 48, 48, 0),  # unchanged
    (96, 96, "rgba", 48, 48, 0),  # halved
    (96, 32, "bgr", 48, 48, 8),  # halved, with a border
    (20, 15, "grey", 64, 64, 0),  # enlarged
    (33, 9, "bgra", 16, 544, 0),  # enlarged to more columns than the CPU kernel computes in one pass
    (1, 1, "bgr", 16, 24, 0),
    (1, 90, "rgba", 32, 32, 8),
    (90, 1, "grey", 32, 32, 8),
    (2, 3, "bgra", 32, 32, 0),
    (9000, 1, "rgb", 32, 64, 8),  # reduced to one row
    (301, 17, "bgra", 64, 64, 8),
    (97, 131, "rgb", 33, 57, 0),
    (21, 160, "bgr", 64, 64, 8),  # the smallest input alone would give a smaller gain
]


def letterbox_cases(random):
    tensors = {}
    for n, (width, height, name, h, w, stride) in enumerate(PICTURES):
        index = FORMATS.index(name)
        picture = random.integers(0, 256, (height, width, CHANNELS[index]), dtype=np.uint8)
        bgr = {
            "rgb": lambda p: p[..., ::-1],
            "bgr": lambda p: p,
            "rgba": lambda p: cv2.cvtColor(p, cv2.COLOR_RGBA2BGR),
            "bgra": lambda p: cv2.cvtColor(p, cv2.COLOR_BGRA2BGR),
            "grey": lambda p: cv2.cvtColor(p, cv2.COLOR_GRAY2BGR),
        }[name](picture)
        boxed = LetterBox((h, w), auto=stride > 0, stride=stride or 32)(image=np.ascontiguousarray(bgr))
        tensors[f"{n:02}.picture"] = picture
        tensors[f"{n:02}.options"] = np.array([index, h, w, stride])
        tensors[f"{n:02}.input"] = np.ascontiguousarray(boxed[..., ::-1])
    return tensors


def clustered_rows(random, anchors, classes):
    """Boxes in clusters, on a grid so coarse that Ultralytics' offset of 7680 pixels per class loses no bit."""
    centres = random.uniform(50, 590, (anchors // 12, 2))
    sizes = random.uniform(20, 150, (anchors // 12, 2))
    pick = random.integers(0, len(centres), anchors)
    boxes = np.concatenate([centres[pick], sizes[pick]], 1) + random.normal(0, 6, (anchors, 4))
    scores = random.uniform(0, 0.9, (anchors, classes)) ** 3
    return np.concatenate([np.round(boxes * 8) / 8, scores], 1).astype(np.float32)


# anchors, classes, confidence, iou, agnostic, max_det, wanted classes (empty: all)
DETECTIONS = [
    (600, 5, 0.45, 0.7, False, 300, []),
    (600, 5, 0.25, 0.45, True, 300, []),
    (600, 5, 0.05, 0.6, False, 300, [1, 4]),
    (600, 5, 0.001, 0.7, False, 40, []),
    (90, 80, 0.25, 0.5, False, 300, []),
    (400, 1, 0.1, 0.3, False, 300, []),
    (50, 3, 0.95, 0.7, False, 300, []),  # no detection
]


def nms_cases(random):
    tensors = {}
    for n, (anchors, classes, confidence, iou, agnostic, max_det, wanted) in enumerate(DETECTIONS):
        rows = clustered_rows(random, anchors, classes)
        (found,), (kept,) = non_max_suppression(
            torch.from_numpy(rows.T[None].copy()), confidence, iou, wanted or None, agnostic, max_det=max_det,
            nc=classes, return_idxs=True)
        tensors[f"{n:02}.rows"] = rows
        tensors[f"{n:02}.options"] = np.array([confidence, iou, agnostic, max_det], np.float64)
        tensors[f"{n:02}.wanted"] = np.array([not wanted or k in wanted for k in range(classes)], np.uint8)
        tensors[f"{n:02}.detections"] = found.numpy().reshape(-1, 6)  # x1, y1, x2, y2, score, class
        tensors[f"{n:02}.anchors"] = kept.numpy().reshape(-1).astype(np.int64)
    return tensors


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    random = np.random.default_rng(0)
    save_file(letterbox_cases(random), out / "letterbox.safetensors")
    save_file(nms_cases(random), out / "nms.safetensors")
