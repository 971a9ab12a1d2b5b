"""Writes a network as ONNX. OpenVINO and ONNX Runtime read it, and MNN converts it."""
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20  # the first in which GridSample calls bilinear "linear"
DECODE = "decode/"  # prefix of the names of the nodes after Detect's last convolutions


@dataclass
class Value:
    name: str
    shape: tuple  # C,H,W, without the batch dimension


class OnnxGraph:
    def __init__(self, batch=1):
        self.batch, self.nodes, self.constants, self.part = batch, [], [], ""

    def constant(self, array, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, op, inputs, shape, outputs=1, **attributes):
        names = [f"{op}{len(self.nodes)}_{i}" for i in range(outputs)]
        inputs = [x.name if isinstance(x, Value) else x for x in inputs]
        self.nodes.append(helper.make_node(op, inputs, names, self.part + names[0], **attributes))
        values = [Value(name, tuple(shape)) for name in names]
        return values if outputs > 1 else values[0]

    def reshape(self, x, shape):
        """Reshape to `shape`, which includes the batch dimension, unlike the shape of a Value."""
        return self.node("Reshape", [x, self.constant(shape, np.int64)], shape[1:])

    def input(self, size):
        self.size = size
        return Value("images", (3, size, size))

    def conv(self, x, weight, bias, stride, silu):
        out, _, k, _ = weight.shape
        _, h, w = x.shape
        shape = out, (h - 1) // stride + 1, (w - 1) // stride + 1
        inputs = [x, self.constant(weight), self.constant(bias)]
        y = self.node("Conv", inputs, shape, kernel_shape=[k, k], strides=[stride] * 2, pads=[k // 2] * 4)
        return self.node("Mul", [y, self.node("Sigmoid", [y], shape)], shape) if silu else y

    def split(self, x, count):
        return self.node("Split", [x], (x.shape[0] // count, *x.shape[1:]), count, axis=1, num_outputs=count)

    def concat(self, parts):
        return self.node("Concat", parts, (sum(p.shape[0] for p in parts), *parts[0].shape[1:]), axis=1)

    def add(self, a, b):
        return self.node("Add", [a, b], a.shape)

    def max_pool(self, x, k):
        return self.node("MaxPool", [x], x.shape, kernel_shape=[k, k], strides=[1, 1], pads=[k // 2] * 4)

    def upsample(self, x, scale):
        c, h, w = x.shape
        inputs = [x, "", self.constant([1, 1, scale, scale])]
        attributes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.node("Resize", inputs, (c, h * scale, w * scale), **attributes)

    def dysample(self, x, offset, base, scale, groups):
        c, h, w = x.shape
        high, wide = scale * h, scale * w
        offset = self.node("DepthToSpace", [offset], (2 * groups, high, wide), blocksize=scale, mode="CRD")
        offset = self.reshape(offset, [self.batch * groups, 2, high, wide])
        offset = self.node("Transpose", [offset], (high, wide, 2), perm=[0, 2, 3, 1])
        grid = self.node("Add", [offset, self.constant(base.transpose(1, 2, 0)[None])], (high, wide, 2))
        planes = self.reshape(x, [self.batch * groups, c // groups, h, w])
        attributes = {"mode": "linear", "padding_mode": "border", "align_corners": 0}
        y = self.node("GridSample", [planes, grid], (c // groups, high, wide), **attributes)
        return self.reshape(y, [self.batch, c, high, wide])

    def detect(self, boxes, scores, bins, weight, stride, centre):
        anchors, self.part = stride.shape[1], DECODE

        def joined(maps):
            channels = maps[0].shape[0]
            flat = [self.reshape(m, [self.batch, channels, m.shape[1] * m.shape[2]]) for m in maps]
            return self.node("Concat", flat, (channels, anchors), axis=2)

        share = self.reshape(joined(boxes), [self.batch, 4, bins, anchors])
        share = self.node("Softmax", [share], (4, bins, anchors), axis=2)
        share = self.reshape(share, [self.batch, 4 * bins, 1, anchors])
        box = self.node("Conv", [share, self.constant(weight)], (4, 1, anchors), kernel_shape=[1, 1])
        box = self.reshape(box, [self.batch, 4, anchors])
        box = self.node("Mul", [box, self.constant(stride[None])], (4, anchors))
        box = self.node("Add", [box, self.constant(centre[None])], (4, anchors))
        score = self.node("Sigmoid", [joined(scores)], (scores[0].shape[0], anchors))
        self.channels, self.anchors = 4 + scores[0].shape[0], anchors
        self.nodes.append(helper.make_node("Concat", [box.name, score.name], ["output0"], DECODE + "output0", axis=1))

    def save(self, path):
        image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [self.batch, 3, self.size, self.size])
        shape = [self.batch, self.channels, self.anchors]
        output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "network", [image], [output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)
