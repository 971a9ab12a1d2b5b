"""Makes weights/shapes.json and weights/shapes.safetensors: a very small detector of coloured geometric shapes.

The pictures are drawn here, so the training set is this file: shapes of five classes, filled, shaded or in outline, on
plain, shaded, blotchy or striped grounds, among lines, arcs, words and specks, blurred, noisy and JPEG-compressed.
The network is YOLOv8's table at a few channels with both upsamplers replaced by DySample; the loss is Ultralytics' own.

    python shapes.py train               trains, validates, writes the two files
    python shapes.py train --more        goes on from the two files, with new pictures
    python shapes.py validate            the numbers of weights/README.md, from the files
    python shapes.py demo                draws weights/demo/*
    python shapes.py golden              what PyTorch gives for one of them: tests/data/shapes/*

Needs torch, numpy, opencv, safetensors and ultralytics (8.4). Seeds are fixed.
"""
import argparse
import copy
import json
import math
import pathlib
import sys
import time
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torchvision.ops import batched_nms, box_iou

WEIGHTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(WEIGHTS.parent / "tests/data"))
from make_models import Network, stored_weights, to_json  # noqa: E402  (the reader of our JSON in torch)

NAMES = ["circle", "triangle", "square", "star", "cross"]
SIDE = 256  # of the network's input
TRAIN, HELD_OUT, DEMO = 1, 2, 3  # the first number of a picture's seed
MORE = 1_000_000  # the number of the first training picture of `train --more`

TABLE = {
    "nc": len(NAMES),
    "names": NAMES,
    "input": {"size": [SIDE, SIDE]},
    "backbone": [
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "C2f", [16, True]],
        [-1, 1, "Conv", [24, 3, 2]],
        [-1, 1, "C2f", [24, True]],
        [-1, 1, "Conv", [32, 3, 2]],
        [-1, 1, "C2f", [32, True]],
        [-1, 1, "Conv", [32, 3, 2]],
        [-1, 1, "C2f", [32, True]],
        [-1, 1, "SPPF", [32, 5]],
    ],
    "head": [
        [-1, 1, "DySample", [2, "lp", 4]],
        [[-1, 6], 1, "Concat", [1]],
        [-1, 1, "C2f", [32]],
        [-1, 1, "DySample", [2, "lp", 4]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, 1, "C2f", [24]],
        [-1, 1, "Conv", [24, 3, 2]],
        [[-1, 12], 1, "Concat", [1]],
        [-1, 1, "C2f", [32]],
        [-1, 1, "Conv", [32, 3, 2]],
        [[-1, 9], 1, "Concat", [1]],
        [-1, 1, "C2f", [32]],
        [[15, 18, 21], 1, "Detect", ["nc", {"reg_max": 6}]],
    ],
}

# ---------------------------------------------------------------- pictures


def colour(rng, unlike=None):
    """A random BGR colour, not near the one given."""
    while True:
        hsv = np.uint8([[[rng.integers(180), rng.integers(30, 256), rng.integers(30, 256)]]])
        bgr = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
        if unlike is None or np.abs(bgr - unlike).sum() > 130:
            return bgr


def ramp(rng, height, width, a, b):
    """A linear gradient from colour a to colour b in a random direction, (H,W,3) float32."""
    angle = rng.uniform(0, 2 * math.pi)
    x, y = (np.linspace(-0.4, 0.4, n, dtype=np.float32) for n in (width, height))
    t = np.clip(math.cos(angle) * x[None] + math.sin(angle) * y[:, None] + 0.5, 0, 1)
    return cv2.merge([np.clip(p + (q - p) * t, 0, 255) for p, q in zip(a, b)])


def ground(rng, height, width):
    """A background: plain, shaded, blotchy or striped, (H,W,3) uint8."""
    kind = rng.choice(["plain", "ramp", "blotches", "stripes"], p=[0.2, 0.35, 0.3, 0.15])
    a, b = colour(rng), colour(rng)
    if kind == "plain":
        return np.full((height, width, 3), a, np.uint8)
    if kind == "ramp":
        return ramp(rng, height, width, a, b).astype(np.uint8)
    if kind == "blotches":
        cells = rng.integers(3, 24)
        t = cv2.resize(rng.random((cells, cells), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        t = t[..., None]
        return np.clip(a + (b - a) * (t * rng.uniform(0.2, 0.8)), 0, 255).astype(np.uint8)
    angle, period = rng.uniform(0, math.pi), rng.uniform(0.04, 0.25) * width
    x, y = (np.arange(n, dtype=np.float32) * (2 * math.pi / period) for n in (width, height))
    t = np.clip(3 * np.sin(math.cos(angle) * x[None] + math.sin(angle) * y[:, None]), -1, 1) * 0.5 + 0.5
    return (a + (b - a) * (t[..., None] * rng.uniform(0.1, 0.5))).astype(np.uint8)


def distract(rng, image, unit):
    """Draws what is not to be found: lines, zigzags, arcs, words, specks."""
    height, width = image.shape[:2]
    point = lambda: (int(rng.integers(width)), int(rng.integers(height)))
    for _ in range(rng.integers(0, 9)):
        paint, thick = colour(rng).tolist(), max(1, round(rng.uniform(0.5, 3.5) * unit))
        kind = rng.integers(5)
        if kind == 0:
            cv2.line(image, point(), point(), paint, thick, cv2.LINE_AA)
        elif kind == 1:
            knots = np.cumsum(rng.normal(0, 25 * unit, (5, 2)), 0) + point()
            cv2.polylines(image, [knots.astype(np.int32)], False, paint, thick, cv2.LINE_AA)
        elif kind == 2:
            start, axes = rng.integers(360), (rng.uniform(8, 90, 2) * unit).astype(int).tolist()
            where, tilt, end = point(), rng.integers(180), start + rng.integers(30, 150)
            cv2.ellipse(image, where, axes, tilt, start, end, paint, thick, cv2.LINE_AA)
        elif kind == 3:
            word = "".join(rng.choice(list("abcdefghkmnprstuvwxyzABCDEFGHKLMNPRSTUVWYZ2345678"), rng.integers(2, 9)))
            font = int(rng.choice([0, 1, 2, 3, 4, 6, 7]))
            where, size = point(), rng.uniform(0.3, 1.4) * unit
            cv2.putText(image, word, where, font, size, paint, max(1, thick // 2), cv2.LINE_AA)
        else:
            for _ in range(rng.integers(3, 25)):
                cv2.circle(image, point(), max(1, round(rng.uniform(0.5, 2.5) * unit)), paint, -1, cv2.LINE_AA)


def outline_of(rng, name):
    """The corners of a shape round the origin with circumradius 1, turned by a random angle, (N,2)."""
    turn = rng.uniform(0, 2 * math.pi) if rng.random() < 0.7 else -math.pi / 2
    circle = lambda angles: np.stack([np.cos(angles), np.sin(angles)], 1)
    if name == "circle":
        return circle(np.linspace(0, 2 * math.pi, 72, endpoint=False))
    if name == "triangle":
        return circle(turn + (np.arange(3) + rng.uniform(-0.13, 0.13, 3)) * 2 * math.pi / 3)
    if name == "square":
        return circle(turn + math.pi / 4 + np.arange(4) * math.pi / 2)
    if name == "star":
        radii = np.where(np.arange(10) % 2, rng.uniform(0.36, 0.52), 1)[:, None]
        return radii * circle(turn + np.arange(10) * math.pi / 5)
    a = rng.uniform(0.22, 0.4)  # half the width of the cross' arms
    corner = np.array([[1, -a], [1, a], [a, a]])
    quarter = np.array([[0, 1], [-1, 0]])
    arms = np.concatenate([corner @ np.linalg.matrix_power(quarter, k) for k in range(4)]) / math.hypot(1, a)
    return arms @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])


def draw(rng, image, corners, unit):
    """Draws a shape into the picture; returns how far its stroke reaches outside the corners, in pixels."""
    height, width = image.shape[:2]
    size = np.ptp(corners, 0).max()
    stroke = max(1.5 * unit, size * rng.uniform(0.04, 0.14))
    margin = int(stroke + 8 * unit) + 2
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - margin, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + margin, [width, height])
    part = image[y0:y1, x0:x1]
    points = [np.round((corners - [x0, y0]) * 16).astype(np.int32)]

    def blend(mask, paint, strength=1.0):
        alpha = mask[..., None].astype(np.float32) * (strength / 255)
        part[:] = (part * (1 - alpha) + paint * alpha + 0.5).astype(np.uint8)

    inside, edge = (np.zeros(part.shape[:2], np.uint8) for _ in range(2))
    cv2.fillPoly(inside, points, 255, cv2.LINE_AA, 4)
    paint = colour(rng, part[inside > 127].mean(0) if (inside > 127).any() else None)
    style = rng.choice(["filled", "shaded", "outline", "bordered"], p=[0.3, 0.3, 0.2, 0.2])
    if style in ("outline", "bordered"):
        cv2.polylines(edge, points, True, 255, max(1, round(stroke)), cv2.LINE_AA, 4)
    if style != "outline" and rng.random() < 0.3:
        shift = np.float32([[1, 0, 2.5 * unit], [0, 1, 3.5 * unit]])
        shadow = cv2.GaussianBlur(cv2.warpAffine(inside, shift, inside.shape[::-1]), (0, 0), 1.5 * unit)
        blend(shadow, np.float32(0), 0.4)
    if style == "outline":
        blend(edge, paint)
    elif style == "filled":
        blend(inside, paint)
    else:
        blend(inside, ramp(rng, *part.shape[:2], paint, 0.6 * paint + 0.4 * colour(rng)))
        if style == "bordered":
            blend(edge, colour(rng, paint))
    return stroke / 2 if style in ("outline", "bordered") else 0


def spoil(rng, image):
    """Blur, noise and JPEG compression, each sometimes."""
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.35:
        noise = np.empty(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, rng.uniform(2, 18))
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.4:
        quality = int(rng.integers(25, 95))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def scene(rng, height, width, most=12, clean=False):
    """A picture (H,W,3 BGR uint8) and its shapes: boxes (N,4: x1,y1,x2,y2, pixels) and classes (N).

    Shapes are 16 to 220 pixels wide where the longer side is 256, and larger in proportion otherwise. They may cover
    about a quarter of each other and may leave the picture a little. `clean` leaves out spoiling.
    """
    unit = max(height, width) / SIDE
    image = ground(rng, height, width)
    distract(rng, image, unit)
    boxes, classes = np.zeros((0, 4)), []
    for _ in range(rng.integers(0 if rng.random() < 0.1 else 1, most + 1)):
        label = int(rng.integers(len(NAMES)))
        radius = unit * math.exp(rng.uniform(math.log(9), math.log(115)))
        room = np.minimum(0.8 * radius, 0.45 * np.array([width, height]))
        corners = outline_of(rng, NAMES[label]) * radius + rng.uniform(room, [width, height] - room)
        box = np.concatenate([corners.min(0), corners.max(0)])
        clipped = np.clip(box, 0, [width, height] * 2)
        area = lambda b: np.prod(np.maximum(b[..., 2:] - b[..., :2], 0), -1)
        common = area(np.concatenate([np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])], 1))
        if area(clipped) < 0.8 * area(box) or (common > 0.2 * np.minimum(area(boxes), area(box))).any():
            continue
        reach = draw(rng, image, corners, unit)
        box += 0.5 + reach * np.array([-1, -1, 1, 1])  # 0.5: OpenCV counts from a pixel's centre, boxes from its edge
        boxes = np.concatenate([boxes, np.clip(box, 0, [width, height] * 2)[None]])
        classes.append(label)
    return image if clean else spoil(rng, image), boxes, np.array(classes, np.int64)


def sample(kind, index):
    """Picture number `index` of a set at the network's input size; a third are letterboxed, as at inference."""
    rng = np.random.default_rng([kind, index])
    if rng.random() < 0.67:
        return scene(rng, SIDE, SIDE)
    shorter = int(rng.integers(128, SIDE))
    image, boxes, classes = scene(rng, *((shorter, SIDE) if rng.random() < 0.7 else (SIDE, shorter)))
    full = np.full((SIDE, SIDE, 3), 114, np.uint8)
    y, x = ((SIDE - n) // 2 for n in image.shape[:2])
    full[y : y + image.shape[0], x : x + image.shape[1]] = image
    return full, boxes + [x, y, x, y], classes


def to_input(images):
    """BGR pictures of one size -> (N,3,H,W) RGB in 0..1."""
    x = torch.from_numpy(np.stack(images)[..., ::-1].copy())
    return x.permute(0, 3, 1, 2).float().div(255).contiguous()


# ---------------------------------------------------------------- training


def batch_of(first, count):
    """Training pictures first .. first+count-1, as v8DetectionLoss takes them: boxes cx, cy, w, h in 0..1."""
    images, boxes, classes = zip(*(sample(TRAIN, first + i) for i in range(count)))
    corners = torch.from_numpy(np.concatenate(boxes)).float() / SIDE
    return to_input(images), {
        "batch_idx": torch.from_numpy(np.repeat(np.arange(count), [len(b) for b in boxes])).float(),
        "cls": torch.from_numpy(np.concatenate(classes)).float()[:, None],
        "bboxes": torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1),
    }


def train(network, steps, batch, rate, first):
    """Trains on pictures from number `first` on; returns a network of the moving average of the weights."""
    from ultralytics.utils.loss import v8DetectionLoss

    network.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
    average = copy.deepcopy(network).eval()
    network.train()
    criterion = v8DetectionLoss(network)
    matrices = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))
    warm = 60
    began, seen = time.time(), torch.zeros(3)
    for step in range(steps):
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / warm) * max(cosine, 0.01)
        pictures, targets = batch_of(first + step * batch, batch)
        loss, parts = criterion(network(pictures)[-1], targets)
        optimizer.zero_grad()
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0 * batch)
        optimizer.step()
        decay = 0.995 * (1 - math.exp(-(step + 1) / 100))
        with torch.no_grad():
            for mine, theirs in zip(average.state_dict().values(), network.state_dict().values()):
                mine.lerp_(theirs, 1 - decay) if mine.is_floating_point() else mine.copy_(theirs)
        seen = 0.98 * seen + 0.02 * torch.stack(list(parts.values()))
        if step % 50 == 49:
            now = (seen / (1 - 0.98 ** (step + 1))).tolist()
            print(f"step {step + 1}: box {now[0]:.3f} class {now[1]:.3f} dfl {now[2]:.3f}, {time.time() - began:.0f} s")
    return average


# ---------------------------------------------------------------- validation


def detections(network, images, conf=0.25, iou=0.7):
    """For each picture of the network's size: boxes (N,4), scores (N), classes (N) after NMS within a class."""
    with torch.no_grad():
        outputs = network(to_input(images))[-1]
    found = []
    for output in outputs.float():
        scores, classes = output[4:].max(0)
        keep = scores > conf
        centre, size = output[:2, keep].T, output[2:4, keep].T
        boxes, scores, classes = torch.cat([centre - size / 2, centre + size / 2], 1), scores[keep], classes[keep]
        best = batched_nms(boxes, scores, classes, iou)
        found.append((boxes[best], scores[best], classes[best]))
    return found


def validate(network, count=500):
    """Prints recall and precision on held-out pictures at confidence 0.25 and IoU 0.5, in all and a class."""
    total, hit, false = (np.zeros(len(NAMES), int) for _ in range(3))
    overlaps, small, small_hit = [], 0, 0
    for first in range(0, count, 25):
        images, truths, labels = zip(*(sample(HELD_OUT, first + i) for i in range(25)))
        for (boxes, _, classes), truth, label in zip(detections(network, images), truths, labels):
            free = torch.ones(len(truth), dtype=torch.bool)
            label, truth = torch.from_numpy(label), torch.from_numpy(truth).float()
            is_small = (truth[:, 2:] - truth[:, :2]).amax(1) < 24
            for box, c in zip(boxes, classes):  # by falling score, as mAP matches them
                match = box_iou(box[None], truth)[0] * free * (label == c) if len(truth) else torch.zeros(1)
                if match.max() >= 0.5:
                    free[match.argmax()] = False
                    overlaps.append(float(match.max()))
                    hit[c] += 1
                else:
                    false[c] += 1
            total += np.bincount(label, minlength=len(NAMES))
            small += int(is_small.sum())
            small_hit += int((is_small & ~free).sum())
    for name, t, h, f in [*zip(NAMES, total, hit, false), ("all", total.sum(), hit.sum(), false.sum())]:
        print(f"{name}: {t} shapes, recall {h / t:.3f}, precision {h / max(h + f, 1):.3f}, {f} false boxes")
    print(f"mean IoU {np.mean(overlaps):.3f}; recall of shapes under 24 px: {small_hit / small:.3f} of {small}")


def write(network):
    description = {"format": "cudet-model", "version": 1, **TABLE, "weights": "shapes.safetensors"}
    (WEIGHTS / "shapes.json").write_text(to_json(description))
    save_file(stored_weights(network, torch.float16), WEIGHTS / "shapes.safetensors")
    (WEIGHTS / "shapes.safetensors").chmod(0o644)


def read():
    network = Network(json.loads((WEIGHTS / "shapes.json").read_text()))
    stored = load_file(WEIGHTS / "shapes.safetensors")
    missing, unknown = network.load_state_dict({name: t.float() for name, t in stored.items()}, strict=False)
    assert not unknown and all(name.endswith("num_batches_tracked") for name in missing)
    return network


# ---------------------------------------------------------------- demo

DEMO_PICTURES = {  # name: seed, height, width, the most shapes, chosen for their looks
    "stripes.jpg": (135, 600, 960, 16),
    "sunset.jpg": (33, 480, 720, 14),
    "portrait.jpg": (59, 640, 480, 14),
    "wide.png": (71, 280, 720, 16),
}


def demo():
    for name, (seed, height, width, most) in DEMO_PICTURES.items():
        image, _, _ = scene(np.random.default_rng([DEMO, seed]), height, width, most, clean=True)
        cv2.imwrite(str(WEIGHTS / "demo" / name), image, [cv2.IMWRITE_JPEG_QUALITY, 88] if name.endswith("jpg") else [])


def golden(name):
    """Writes `input_u8` (H,W,3 RGB, letterboxed) and `output0` (4+nc, anchors; in float64) of a demo picture."""
    from ultralytics.data.augment import LetterBox

    image = cv2.imread(str(WEIGHTS / "demo" / name))
    pixels = LetterBox((SIDE, SIDE), auto=True, stride=32)(image=image)
    with torch.no_grad():
        output = read().double()(to_input([pixels]).double())[-1][0]
    folder = WEIGHTS.parent / "tests/data/shapes"
    folder.mkdir(exist_ok=True)
    file = folder / f"{pathlib.Path(name).stem}.golden.safetensors"
    rgb = torch.from_numpy(pixels[..., ::-1].copy())
    save_file({"input_u8": rgb, "output0": output.float().contiguous()}, file)
    file.chmod(0o644)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["train", "validate", "demo", "golden"])
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--more", action="store_true", help="go on from the files as they are")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "train":
        torch.manual_seed(0)
        start = read() if options.more else Network(TABLE)
        if not options.more:
            start.model[-1].bias_init()
        trained = train(start, options.steps, options.batch, options.rate, MORE if options.more else 0)
        print("float32 weights:")
        validate(trained)
        write(trained)
    if options.command in ("train", "validate"):
        print("as written, float16:")
        validate(read())
    if options.command == "demo":
        demo()
    if options.command == "golden":
        golden("wide.png")
