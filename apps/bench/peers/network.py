"""Our descriptions (JSON + safetensors), row by row, as calls of a graph that writes another engine's format.

Such a graph has `input(size)`, `conv`, `split`, `concat`, `add`, `max_pool`, `upsample`, `dysample` and `detect`; what
they take and give are its values, with `.shape` (C,H,W). Batch norm is folded and DySample's constants are in its
convolution's weights, so that no engine computes what it need not.
"""
import json
import math
import pathlib

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

PARAMETERS = {  # of each module, in order, with what a row that leaves them out means
    "Conv": {"out": None, "k": 1, "s": 1},
    "C2f": {"out": None, "shortcut": False},
    "SPPF": {"out": None, "k": 5},
    "Concat": {"dimension": 1},
    "Upsample": {"size": None, "scale": 2, "mode": "nearest"},
    "DySample": {"scale": 2, "style": "lp", "groups": 4, "dyscope": False},
    "Detect": {"nc": "nc", "reg_max": 16},
}
FIXED = {"dimension": 1, "size": None, "mode": "nearest", "style": "lp", "dyscope": False}  # all that is done here


class Refused(Exception):
    """What is wrong with what the user gave, in one line."""


def arguments(module, given):
    if module not in PARAMETERS:
        raise Refused(f"{module} is not among {', '.join(PARAMETERS)}")
    named = given if isinstance(given, dict) else given[-1] if given and isinstance(given[-1], dict) else {}
    positional = [] if isinstance(given, dict) else given[: len(given) - bool(named)]
    known = PARAMETERS[module]
    if len(positional) > len(known) or set(named) - set(known):
        raise Refused(f"{module} {json.dumps(given)}: here only {', '.join(known)}")
    filled = {**known, **dict(zip(known, positional)), **named}
    for name in filled.keys() & FIXED.keys():
        if filled[name] != FIXED[name]:
            raise Refused(f"{module} {json.dumps(given)}: here only {name} {json.dumps(FIXED[name])}")
    return filled


class Weights:
    """Of a safetensors file, under Ultralytics' names."""

    def __init__(self, path, bn_eps):
        self.path, self.bn_eps = path, bn_eps
        try:
            self.tensors = load_file(path)
        except (OSError, SafetensorError, TypeError, KeyError) as error:
            raise Refused(f"{path}: {error}") from None

    def __getitem__(self, name):
        if name not in self.tensors:
            raise Refused(f"{self.path}: {name} is missing")
        if self.tensors[name].dtype == np.int8:
            raise Refused(f"{self.path}: quantized already: give the model in floating point, and --int8 PICTURES")
        return self.tensors[name].astype(np.float32)

    def conv(self, name, shape):
        """Weight (out, in, kh, kw) and bias (out) of NAME, or of NAME.conv with NAME.bn folded into it."""
        module = name + ".conv" if name + ".conv.weight" in self.tensors else name
        weight = self[module + ".weight"]
        if weight.shape != shape:
            raise Refused(f"{self.path}: {module}.weight is {weight.shape}, not {shape}")
        if name + ".bn.weight" not in self.tensors:
            return weight, self[module + ".bias"]
        gain = self[name + ".bn.weight"] / np.sqrt(self[name + ".bn.running_var"] + self.bn_eps)
        return weight * gain[:, None, None, None], self[name + ".bn.bias"] - self[name + ".bn.running_mean"] * gain


class RandomWeights:
    """Made as they are asked for, so that values keep the size of 1 from layer to layer; `tensors` holds all."""

    def __init__(self, seed=0):
        self.rng, self.tensors = np.random.default_rng(seed), {}

    def conv(self, name, shape):
        block = name.split(".")[-1] not in ("2", "offset")  # a Conv, whose SiLU halves what it gives
        added = ".m." in name and name.endswith(".cv2")  # a bottleneck's, to what went in: of many, the sum would grow
        gain = 0.5 if added else 1.6 if block else 1
        module = name + ".conv" if block else name
        weight = self.rng.normal(0, gain / math.sqrt(math.prod(shape[1:])), shape).astype(np.float32)
        bias = self.rng.normal(-4 if ".cv3." in name and not block else 0, 0.2, shape[0]).astype(np.float32)
        self.tensors |= {module + ".weight": weight, module + ".bias": bias}
        return weight, bias


def read(path):
    """The description in a JSON file, and its weights."""
    path = pathlib.Path(path)
    try:
        description = json.loads(path.read_text())
        weights = path.parent / description["weights"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path}: {error or 'not a description with weights'}") from None
    return description, Weights(weights, description.get("bn_eps", 1e-3))


def sampling(weight, bias, scale, groups, height, width):
    """The offset convolution whose result, pixel-shuffled and added to `base`, says where DySample samples.

    Outputs are (group, x or y, i, j); places are in -1..1 from edge to edge, as GridSample has them without
    align_corners. `base` is (2, scale*height, scale*width).
    """
    step = np.array([2 / width, 2 / height], np.float32)
    order = np.arange(len(weight)).reshape(2, groups, scale**2).transpose(1, 0, 2).ravel()
    factor = np.tile(np.repeat(0.25 * step, scale**2), groups)
    place = lambda count: (2 * ((np.arange(scale * count) + 0.5) / scale) / count - 1).astype(np.float32)
    base = np.stack(np.meshgrid(place(width), place(height)))
    return weight[order] * factor[:, None, None, None], bias[order] * factor, base


def decoding(shapes, size, bins):
    """Detect's decode after the softmax over bins: boxes (4, anchors) = conv(bins) * stride + centre, in pixels.

    Returns the 1x1 convolution's weight (4, 4*bins, 1, 1), to centre x and y, width and height; stride and centre
    (4, anchors).
    """
    box = np.array([[-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5], [1, 0, 1, 0], [0, 1, 0, 1]], np.float32)  # of l, t, r, b
    weight = (box[:, :, None] * np.arange(bins, dtype=np.float32)).reshape(4, 4 * bins, 1, 1)
    stride, centre = [], []
    for _, height, width in shapes:
        s = size / height
        x, y = np.meshgrid((np.arange(width) + 0.5) * s, (np.arange(height) + 0.5) * s)
        stride.append(np.full((4, height * width), s))
        centre.append(np.stack([x.ravel(), y.ravel(), 0 * x.ravel(), 0 * x.ravel()]))
    return weight, np.hstack(stride).astype(np.float32), np.hstack(centre).astype(np.float32)


def build(description, weights, graph, size):
    """Calls `graph` for every row, for an input of size x size."""
    try:
        scales = "scales" in description
        depth, width, most = description["scales"][description["scale"]] if scales else (1, 1, math.inf)
        classes, rows = description["nc"], description["backbone"] + description["head"]
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"description: {error} is missing or wrong") from None
    scaled = lambda out: math.ceil(min(out, most) * width / 8) * 8 if scales else out

    def conv(x, name, out, k=1, s=1, silu=True):
        weight, bias = weights.conv(name, (out, x.shape[0], k, k))
        return graph.conv(x, weight, bias, s, silu)

    def bottleneck(x, name, shortcut):
        y = conv(conv(x, name + ".cv1", x.shape[0], 3), name + ".cv2", x.shape[0], 3)
        return graph.add(x, y) if shortcut else y

    def c2f(x, name, out, repeats, shortcut):
        parts = graph.split(conv(x, name + ".cv1", out), 2)
        for i in range(repeats):
            parts.append(bottleneck(parts[-1], f"{name}.m.{i}", shortcut))
        return conv(graph.concat(parts), name + ".cv2", out)

    def sppf(x, name, out, k):
        parts = [conv(x, name + ".cv1", x.shape[0] // 2)]
        for _ in range(3):
            parts.append(graph.max_pool(parts[-1], k))
        return conv(graph.concat(parts), name + ".cv2", out)

    def dysample(x, name, scale, groups):
        weight, bias = weights.conv(name + ".offset", (2 * groups * scale**2, x.shape[0], 1, 1))
        weight, bias, base = sampling(weight, bias, scale, groups, *x.shape[1:])
        return graph.dysample(x, graph.conv(x, weight, bias, 1, False), base, scale, groups)

    def detect(levels, name, bins):
        first = levels[0].shape[0]
        hidden = max(16, first // 4, 4 * bins), max(first, min(classes, 100))
        maps = []
        for branch, wide, out in zip(("cv2", "cv3"), hidden, (4 * bins, classes)):
            maps.append([])
            for i, x in enumerate(levels):
                x = conv(conv(x, f"{name}.{branch}.{i}.0", wide, 3), f"{name}.{branch}.{i}.1", wide, 3)
                maps[-1].append(conv(x, f"{name}.{branch}.{i}.2", out, silu=False))
        graph.detect(*maps, bins, *decoding([m.shape for m in maps[0]], size, bins))

    image, values = graph.input(size), []
    for i, (source, repeats, module, given) in enumerate(rows):
        module = module.removeprefix("nn.")
        a, name = arguments(module, given), f"model.{i}"
        inputs = [image if f < 0 else values[f] for f in (i + f if f < 0 else f for f in np.atleast_1d(source))]
        x, repeats = inputs[0], max(round(repeats * depth), 1) if repeats > 1 else repeats
        if module == "Conv":
            y = conv(x, name, scaled(a["out"]), a["k"], a["s"])
        elif module == "C2f":
            y = c2f(x, name, scaled(a["out"]), repeats, a["shortcut"])
        elif module == "SPPF":
            y = sppf(x, name, scaled(a["out"]), a["k"])
        elif module == "Concat":
            y = graph.concat(inputs)
        elif module == "Upsample":
            y = graph.upsample(x, a["scale"])
        elif module == "DySample":
            y = dysample(x, name, a["scale"], a["groups"])
        else:
            y = detect(inputs, name, a["reg_max"])
        values.append(y)
