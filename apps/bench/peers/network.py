"""Reads a network in cudet's format (JSON + safetensors) and builds it in a graph of another engine's format.

A graph (onnx_graph.py, ncnn_graph.py) has the methods `input(size)`, `conv`, `split`, `concat`, `add`, `max_pool`,
`upsample`, `dysample` and `detect`. Their arguments and results are values with a `.shape` (C,H,W). Batch norm is
folded into the convolutions, and the constants of DySample into its offset convolution, so that no engine computes
them.
"""
import json
import math
import pathlib

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

PARAMETERS = {  # of each module in order, with their defaults
    "Conv": {"out": None, "k": 1, "s": 1},
    "C2f": {"out": None, "shortcut": False},
    "SPPF": {"out": None, "k": 5},
    "Concat": {"dimension": 1},
    "Upsample": {"size": None, "scale": 2, "mode": "nearest"},
    "DySample": {"scale": 2, "style": "lp", "groups": 4, "dyscope": False},
    "Detect": {"nc": "nc", "reg_max": 16},
}
FIXED = {"dimension": 1, "size": None, "mode": "nearest", "style": "lp", "dyscope": False}  # the only supported values


class Refused(Exception):
    """An error in what the user gave. The message is one line."""


def arguments(module, given):
    """Return all arguments of a row by name: those in `given`, and the defaults of the others."""
    if module not in PARAMETERS:
        raise Refused(f"module {module} is not supported, only {', '.join(PARAMETERS)}")
    named = given if isinstance(given, dict) else given[-1] if given and isinstance(given[-1], dict) else {}
    positional = [] if isinstance(given, dict) else given[: len(given) - bool(named)]
    known = PARAMETERS[module]
    if len(positional) > len(known) or set(named) - set(known):
        raise Refused(f"{module} {json.dumps(given)}: only the arguments {', '.join(known)} are supported")
    filled = {**known, **dict(zip(known, positional)), **named}
    for name in filled.keys() & FIXED.keys():
        if filled[name] != FIXED[name]:
            raise Refused(f"{module} {json.dumps(given)}: only {name} = {json.dumps(FIXED[name])} is supported")
    return filled


class Weights:
    """The weights in a safetensors file, by Ultralytics' names."""

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
            raise Refused(f"{self.path}: already quantized: give the floating-point model, with --int8 FOLDER")
        return self.tensors[name].astype(np.float32)

    def conv(self, name, shape):
        """Return weight (out, in, kh, kw) and bias (out) of NAME, or of NAME.conv with NAME.bn folded into it."""
        module = name + ".conv" if name + ".conv.weight" in self.tensors else name
        weight = self[module + ".weight"]
        if weight.shape != shape:
            raise Refused(f"{self.path}: {module}.weight has shape {weight.shape}, not {shape}")
        if name + ".bn.weight" not in self.tensors:
            return weight, self[module + ".bias"]
        gain = self[name + ".bn.weight"] / np.sqrt(self[name + ".bn.running_var"] + self.bn_eps)
        return weight * gain[:, None, None, None], self[name + ".bn.bias"] - self[name + ".bn.running_mean"] * gain


class RandomWeights:
    """Random weights, made on request and collected in `tensors`. They keep values near magnitude 1 in every layer."""

    def __init__(self, seed=0):
        self.rng, self.tensors = np.random.default_rng(seed), {}

    def conv(self, name, shape):
        block = name.split(".")[-1] not in ("2", "offset")  # a Conv module, whose SiLU halves the magnitude
        added = ".m." in name and name.endswith(".cv2")  # added to a bottleneck's input; the sum of many would grow
        gain = 0.5 if added else 1.6 if block else 1
        module = name + ".conv" if block else name
        weight = self.rng.normal(0, gain / math.sqrt(math.prod(shape[1:])), shape).astype(np.float32)
        bias = self.rng.normal(-4 if ".cv3." in name and not block else 0, 0.2, shape[0]).astype(np.float32)
        self.tensors |= {module + ".weight": weight, module + ".bias": bias}
        return weight, bias


def read(path):
    """Return the description in a JSON file, and its weights."""
    path = pathlib.Path(path)
    try:
        description = json.loads(path.read_text())
        weights = path.parent / description["weights"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path}: {error or 'not a description with weights'}") from None
    return description, Weights(weights, description.get("bn_eps", 1e-3))


def fold_sampling(weight, bias, scale, groups, height, width):
    """Fold the constants of DySample into its offset convolution. Return the new weight and bias, and `base`.

    The convolution's output, pixel-shuffled and added to `base`, is the grid of sampling positions for GridSample
    without align_corners: -1..1 from edge to edge. Its channels are in the order (group, x or y, i, j). `base` is
    (2, scale*height, scale*width).
    """
    step = np.array([2 / width, 2 / height], np.float32)
    order = np.arange(len(weight)).reshape(2, groups, scale**2).transpose(1, 0, 2).ravel()
    factor = np.tile(np.repeat(0.25 * step, scale**2), groups)
    positions = lambda count: (2 * ((np.arange(scale * count) + 0.5) / scale) / count - 1).astype(np.float32)
    base = np.stack(np.meshgrid(positions(width), positions(height)))
    return weight[order] * factor[:, None, None, None], bias[order] * factor, base


def make_decode(shapes, size, bins):
    """Return the constants of Detect's decode after the softmax over bins: weight, stride, centre.

    The boxes (4, anchors) in pixels are conv(bins) * stride + centre. The weight of the 1x1 convolution is
    (4, 4*bins, 1, 1); its outputs are centre x, centre y, width, height. stride and centre are (4, anchors).
    """
    # from the distances left, top, right, bottom
    box = np.array([[-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5], [1, 0, 1, 0], [0, 1, 0, 1]], np.float32)
    weight = (box[:, :, None] * np.arange(bins, dtype=np.float32)).reshape(4, 4 * bins, 1, 1)
    stride, centre = [], []
    for _, height, width in shapes:
        s = size / height
        x, y = np.meshgrid((np.arange(width) + 0.5) * s, (np.arange(height) + 0.5) * s)
        stride.append(np.full((4, height * width), s))
        centre.append(np.stack([x.ravel(), y.ravel(), 0 * x.ravel(), 0 * x.ravel()]))
    return weight, np.hstack(stride).astype(np.float32), np.hstack(centre).astype(np.float32)


def build(description, weights, graph, size):
    """Build all rows in `graph`, for an input of size x size."""
    try:
        scales = "scales" in description
        depth, width, max_channels = description["scales"][description["scale"]] if scales else (1, 1, math.inf)
        classes, rows = description["nc"], description["backbone"] + description["head"]
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"description: {error} is missing or wrong") from None
    scaled = lambda out: math.ceil(min(out, max_channels) * width / 8) * 8 if scales else out

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
        weight, bias, base = fold_sampling(weight, bias, scale, groups, *x.shape[1:])
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
        graph.detect(*maps, bins, *make_decode([m.shape for m in maps[0]], size, bins))

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
