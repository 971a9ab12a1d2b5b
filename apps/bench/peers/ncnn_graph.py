"""Writes a network as ncnn's .param and .bin. ncnn's converters do not support GridSample with one grid per group."""
from dataclasses import dataclass

import numpy as np

# ncnn's numbers for the parameters of its layers.
MAX, VALID = 0, 1
NEAREST, BILINEAR, BORDER = 1, 1, 2
ADD, MUL = 0, 2


@dataclass
class Value:
    name: str
    shape: tuple  # C,H,W


class NcnnGraph:
    def __init__(self):
        self.layers, self.data = [], []  # layers: type, inputs, outputs, parameters

    def layer(self, kind, inputs, shape, outputs=1, **parameters):
        """Add a layer. Parameter names are ncnn's numbers: _0=16 is 0=16 in the file. A list is an array parameter."""
        names = [f"{kind}{len(self.layers)}_{i}" for i in range(outputs)]
        self.layers.append((kind, [x.name for x in inputs], names, parameters))
        values = [Value(name, tuple(shape)) for name in names]
        return values if outputs > 1 else values[0]

    def constant(self, array):
        self.data.append(np.float32(array).tobytes())
        sizes = {f"_{i}": n for i, n in enumerate(reversed(array.shape))}
        return self.layer("MemoryData", [], array.shape, **sizes)

    def reshape(self, x, shape):
        sizes = dict(zip(("_0", "_1", "_2"), reversed(shape)))
        return self.layer("Reshape", [x], shape, **sizes)

    def input(self, size):
        image = self.layer("Input", [], (3, size, size), _0=size, _1=size, _2=3)
        self.layers[-1][2][0] = image.name = "images"
        return image

    def conv(self, x, weight, bias, stride, silu):
        out, _, k, _ = weight.shape
        _, h, w = x.shape
        shape = out, (h - 1) // stride + 1, (w - 1) // stride + 1
        self.data += [bytes(4), np.float32(weight).tobytes(), np.float32(bias).tobytes()]  # 4 zero bytes: fp32
        y = self.layer("Convolution", [x], shape, _0=out, _1=k, _3=stride, _4=k // 2, _5=1, _6=weight.size)
        return self.layer("Swish", [y], shape) if silu else y

    def split(self, x, count, axis=0):
        size = x.shape[axis] // count
        return self.layer("Slice", [x], (size, *x.shape[1:]), count, _23300=[size] * count, _1=axis)

    def concat(self, parts, axis=0):
        shape = list(parts[0].shape)
        shape[axis] = sum(p.shape[axis] for p in parts)
        return self.layer("Concat", parts, shape, _0=axis)

    def add(self, a, b):
        return self.layer("BinaryOp", [a, b], a.shape, _0=ADD)

    def max_pool(self, x, k):
        return self.layer("Pooling", [x], x.shape, _0=MAX, _1=k, _2=1, _3=k // 2, _5=VALID)

    def upsample(self, x, scale):
        c, h, w = x.shape
        return self.layer("Interp", [x], (c, h * scale, w * scale), _0=NEAREST, _1=scale, _2=scale)

    def dysample(self, x, offset, base, scale, groups):
        c, h, w = x.shape
        offset = self.layer("PixelShuffle", [offset], (2 * groups, scale * h, scale * w), _0=scale)
        grids = self.split(self.add(offset, self.constant(np.tile(base, (groups, 1, 1)))), groups)
        shape = c // groups, scale * h, scale * w
        numbers = {"_0": BILINEAR, "_1": BORDER, "_2": 0, "_3": 1}  # _3: the grid is (2,H,W), not (H,W,2)
        pairs = zip(self.split(x, groups), grids)
        return self.concat([self.layer("GridSample", pair, shape, **numbers) for pair in pairs])

    def detect(self, boxes, scores, bins, weight, stride, centre):
        anchors = stride.shape[1]

        def joined(maps):
            return self.concat([self.reshape(m, (m.shape[0], m.shape[1] * m.shape[2])) for m in maps], axis=1)

        share = self.reshape(joined(boxes), (4, bins, anchors))
        share = self.layer("Softmax", [share], share.shape, _0=1, _1=1)  # 0: axis 1; 1=1: ncnn's bug fix for the axis
        share = self.reshape(share, (4 * bins, 1, anchors))
        box = self.reshape(self.conv(share, weight, np.zeros(4), 1, False), (4, anchors))
        box = self.layer("BinaryOp", [box, self.constant(stride)], box.shape, _0=MUL)
        box = self.add(box, self.constant(centre))
        score = joined(scores)
        self.concat([box, self.layer("Sigmoid", [score], score.shape)])
        self.layers[-1][2][0] = "output0"

    def save(self, path):
        """Write PATH (.param), and the weights next to it (.bin)."""
        layers = self.with_copies()
        blobs = sum(len(outputs) for _, _, outputs, _ in layers)
        lines = ["7767517", f"{len(layers)} {blobs}"]
        for kind, inputs, outputs, parameters in layers:
            words = [kind, outputs[0], str(len(inputs)), str(len(outputs)), *inputs, *outputs]
            for key, value in parameters.items():
                key = key.replace("_", "-" if isinstance(value, list) else "")
                words.append(f"{key}={','.join(map(str, [len(value), *value])) if key[0] == '-' else value}")
            lines.append(" ".join(words))
        path.write_text("\n".join(lines) + "\n")
        path.with_suffix(".bin").write_bytes(b"".join(self.data))

    def with_copies(self):
        """Return the layers with a Split after each value that has several readers: in ncnn a blob has one reader."""
        readers = {}
        for _, inputs, _, _ in self.layers:
            for name in inputs:
                readers[name] = readers.get(name, 0) + 1
        copies, layers = {}, []
        for kind, inputs, outputs, parameters in self.layers:
            inputs = [copies[name].pop() if name in copies else name for name in inputs]
            layers.append((kind, inputs, outputs, parameters))
            for name in outputs:
                if readers.get(name, 0) > 1:
                    copies[name] = [f"{name}_{i}" for i in range(readers[name])]
                    layers.append(("Split", [name], list(copies[name]), {}))
        return layers
