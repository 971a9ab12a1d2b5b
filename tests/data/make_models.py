"""Writes tests/data/tiny/: small models with random weights, and golden values of their outputs.

For each network below: NAME.json (the description), NAME.safetensors (its weights) and NAME.golden.safetensors:
`input_u8` (H,W,3 RGB), `output0` (4+nc, anchors: cx, cy, w, h in input pixels, then scores after sigmoid) and
`row.I` (C,H,W) for some rows of the table. The network is built row by row from the description, with modules of
Ultralytics; DySample is implemented here from its equations (arXiv 2308.15085). Golden values are computed in float64 from the
weights after they are rounded for the file, and stored as float32.

Needs torch, numpy, safetensors and ultralytics (8.4).  Run: python make_models.py [OUT_DIR]
"""
import json
import math
import pathlib
import sys
from fractions import Fraction

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from ultralytics.nn.modules import SPPF, C2f, Concat, Conv, Detect

# ---------------------------------------------------------------- modules


class DySample(nn.Module):
    """N,C,H,W -> N,C,sH,sW by bilinear sampling at learned offsets.

    Channel k of the offset map is ((d*G + g)*s + i)*s + j, with d = 0 for x and 1 for y.
    """

    def __init__(self, channels, scale=2, style="lp", groups=4, dyscope=False):
        super().__init__()
        self.scale, self.style, self.groups = scale, style, groups
        pl = style == "pl"
        assert style in ("lp", "pl") and channels % groups == 0 and (not pl or channels % scale**2 == 0)
        shape = (channels // scale**2, 2 * groups) if pl else (channels, 2 * groups * scale**2)
        self.offset = nn.Conv2d(*shape, 1)
        self.scope = nn.Conv2d(*shape, 1) if dyscope else None

    def forward(self, x):
        n, c, height, width = x.shape
        s, groups, pl = self.scale, self.groups, self.style == "pl"
        source = F.pixel_shuffle(x, s) if pl else x
        offset = self.offset(source)
        offset = offset * 0.25 if self.scope is None else offset * 0.5 * self.scope(source).sigmoid()
        if pl:
            offset = F.pixel_unshuffle(offset, s)
        offset = offset.view(n, 2, groups, s, s, height, width)
        step = (torch.arange(s, dtype=x.dtype) - (s - 1) / 2) / s
        px = (offset[:, 0] + step.view(s, 1, 1) + torch.arange(width, dtype=x.dtype)).clamp(0, width - 1)
        lines = torch.arange(height, dtype=x.dtype).view(-1, 1)
        py = (offset[:, 1] + step.view(s, 1, 1, 1) + lines).clamp(0, height - 1)
        x0, y0 = px.floor(), py.floor()
        fx, fy = px - x0, py - y0
        planes = x.reshape(n, groups, c // groups, height * width)

        def texel(column, line):  # -> n, groups, c/groups, s, s, height, width
            index = line.clamp(max=height - 1) * width + column.clamp(max=width - 1)
            index = index.long().view(n, groups, 1, -1).expand(-1, -1, c // groups, -1)
            return planes.gather(3, index).view(n, groups, c // groups, s, s, height, width)

        fx, fy = fx.unsqueeze(2), fy.unsqueeze(2)
        out = (texel(x0, y0) * (1 - fx) + texel(x0 + 1, y0) * fx) * (1 - fy)
        out = out + (texel(x0, y0 + 1) * (1 - fx) + texel(x0 + 1, y0 + 1) * fx) * fy
        return out.permute(0, 1, 2, 5, 3, 6, 4).reshape(n, c, height * s, width * s)


PARAMETERS = {  # the names of a module's arguments, in order
    "Conv": ["out", "k", "s", "p", "g", "d", "act"],
    "C2f": ["out", "shortcut", "g", "e"],
    "SPPF": ["out", "k", "n", "shortcut", "cv1_act"],
    "Concat": ["dimension"],
    "Upsample": ["size", "scale", "mode", "align_corners"],
    "ConvTranspose2d": ["out", "k", "s", "p", "output_padding", "groups", "bias", "dilation"],
    "ZeroPad2d": ["padding"],
    "DySample": ["scale", "style", "groups", "dyscope"],
    "Detect": ["nc", "reg_max"],
}


def pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


def named_arguments(module, args):
    """A row's arguments as a dictionary: by position, by name (an object at the end), or both."""
    if isinstance(args, dict):
        return dict(args)
    named = args[-1] if args and isinstance(args[-1], dict) else {}
    positional = args[:-1] if named else args
    return {**dict(zip(PARAMETERS[module], positional)), **named}


# ---------------------------------------------------------------- the network


class Network(nn.Module):
    """The network of a description (a dict, as in the JSON).

    `model` has one module per row, so that parameters have the names that Ultralytics gives them.
    """

    def __init__(self, description):
        super().__init__()
        d = self.description = description
        depth, width, max_channels = d["scales"][d["scale"]] if "scales" in d else (1, 1, math.inf)
        self.sources, self.model = [], nn.ModuleList()
        channels, strides = [], []  # of every row's output; strides are (h, w) fractions of the input
        for i, (source, repeats, module, args) in enumerate(d["backbone"] + d["head"]):
            module = module.removeprefix("nn.")
            a = named_arguments(module, args)
            sources = [i + f if f < 0 else f for f in (source if isinstance(source, list) else [source])]
            c_in = [3 if f < 0 else channels[f] for f in sources]
            stride = (Fraction(1), Fraction(1)) if sources[0] < 0 else strides[sources[0]]
            if repeats > 1 and "scales" in d:
                repeats = max(round(repeats * depth), 1)
            out = c_in[0]
            if module in ("Conv", "C2f", "SPPF", "ConvTranspose2d"):
                out = a.pop("out")
                if "scales" in d:
                    out = math.ceil(min(out, max_channels) * width / 8) * 8
            build, stride = self.factory(module, a, c_in, out, repeats, stride, [strides[f] for f in sources if f >= 0])
            chain = module != "C2f" and repeats > 1
            self.model.append(nn.Sequential(*(build() for _ in range(repeats))) if chain else build())
            self.sources.append(sources)
            channels.append(sum(c_in) if module == "Concat" else out)
            strides.append(stride)
        for m in self.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.eps = d.get("bn_eps", 1e-3)
        self.eval()

    def factory(self, module, a, c_in, out, repeats, stride, source_strides):
        """Returns a function that creates the module, and the stride of its output."""
        if module == "Conv":
            k, s, d = (pair(a.get(name, 1)) for name in ("k", "s", "d"))
            p = pair(a["p"]) if a.get("p") is not None else tuple((d_ * (k_ - 1) + 1) // 2 for k_, d_ in zip(k, d))
            stride = (stride[0] * s[0] ** repeats, stride[1] * s[1] ** repeats)

            def build():
                m = Conv(c_in[0], out, k, s, p, a.get("g", 1), 1, a.get("act", True))
                m.conv.dilation = d  # set here because Ultralytics' autopad does not accept a pair
                return m

            return build, stride
        if module == "C2f":
            return lambda: C2f(c_in[0], out, repeats, a.get("shortcut", False), a.get("g", 1), a.get("e", 0.5)), stride
        if module == "SPPF":

            def build():
                m = SPPF(c_in[0], out, a.get("k", 5), a.get("n", 3), a.get("shortcut", False))
                m.cv1.act = nn.SiLU() if a.get("cv1_act", True) else nn.Identity()
                return m

            return build, stride
        if module == "Concat":
            assert len(set(source_strides)) == 1
            return lambda: Concat(a.get("dimension", 1)), stride
        if module in ("Upsample", "DySample"):
            scale = a.get("scale", 2)
            stride = (stride[0] / scale, stride[1] / scale)
            if module == "Upsample":
                return lambda: nn.Upsample(a.get("size"), scale, a.get("mode", "nearest"), a.get("align_corners")), stride
            return lambda: DySample(c_in[0], **a), stride
        if module == "ConvTranspose2d":
            defaults = (("k", 1), ("s", 1), ("p", 0), ("output_padding", 0), ("dilation", 1))
            k, s, p, out_pad, d = (pair(a.get(name, default)) for name, default in defaults)
            stride = (stride[0] / s[0], stride[1] / s[1])
            return lambda: nn.ConvTranspose2d(c_in[0], out, k, s, p, out_pad, a.get("groups", 1), a.get("bias", True), d), stride
        if module == "ZeroPad2d":
            return lambda: nn.ZeroPad2d(a["padding"]), stride
        if module == "Detect":

            def build():
                Detect.legacy = True  # the class branch of YOLOv8: two 3x3 convolutions
                m = Detect(self.description["nc"] if a["nc"] == "nc" else a["nc"], a.get("reg_max", 16), False, c_in)
                assert all(s[0] == s[1] for s in source_strides)
                m.stride = torch.tensor([float(s[0]) for s in source_strides])
                return m

            return build, stride
        raise ValueError(f"unknown module {module}")

    def forward(self, x):
        """Returns the outputs of all rows for x (N,3,H,W) in 0..1. The last one, of Detect, is (N, 4+nc, anchors)."""
        rows = []
        for module, sources in zip(self.model, self.sources):
            inputs = [x if f < 0 else rows[f] for f in sources]
            many = isinstance(module, (Concat, Detect))
            y = module(inputs if many else inputs[0])
            rows.append(y[0] if isinstance(y, tuple) else y)
        return rows


# ---------------------------------------------------------------- random weights of realistic magnitude


def picture(rng, height, width):
    """A random image (H,W,3 uint8): coarse patches plus noise, so that neighbouring pixels are similar but not equal."""
    coarse = rng.uniform(0, 255, (height // 8, width // 8, 3)).repeat(8, 0).repeat(8, 1)
    return np.clip(coarse + rng.normal(0, 30, coarse.shape), 0, 255).astype(np.uint8)


def randomise(network, rng, x, offset_pixels=2.0, scope_bias=True):
    """Sets all weights. One pass of x then sets the batch norms and offset scales from the inputs of each layer, with
    random deviations."""
    normal = lambda shape, std: torch.from_numpy(rng.normal(0, std, tuple(shape)))
    uniform = lambda shape, low, high: torch.from_numpy(rng.uniform(low, high, tuple(shape)))
    for name, m in network.named_modules():
        if isinstance(m, nn.Conv2d) and not name.endswith("dfl.conv"):
            fan_in = m.weight[0].numel()
            m.weight.data = normal(m.weight.shape, 1 / math.sqrt(fan_in))
            if m.bias is not None:
                m.bias.data = normal(m.bias.shape, 0.7)
        if isinstance(m, nn.ConvTranspose2d):
            m.weight.data = normal(m.weight.shape, math.sqrt(m.groups / m.weight[:, 0].numel()))
            if m.bias is not None:
                m.bias.data = normal(m.bias.shape, 0.7)
        if isinstance(m, DySample) and m.scope is not None and not scope_bias:
            m.scope.bias = None

    def set_batch_norm(m, inputs):
        mean, var = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3), correction=0)
        var = var.clamp(min=0.1 * float(var.mean()))
        m.running_mean.data = mean + normal(mean.shape, 0.2) * var.sqrt()
        m.running_var.data = var * uniform(var.shape, 0.6, 1.5)
        m.weight.data = uniform(var.shape, 0.6, 1.4)
        m.bias.data = normal(var.shape, 0.4)

    def set_offset(m, inputs):
        source = F.pixel_shuffle(inputs[0], m.scale) if m.style == "pl" else inputs[0]
        wanted = offset_pixels / 2 / 0.25  # standard deviation of the convolution's output, which is multiplied by about 0.25
        m.offset.weight.data *= wanted / float(F.conv2d(source, m.offset.weight).std())

    def set_logits(m, inputs):
        for branch, features in [(b, f) for bs in (m.cv2, m.cv3) for b, f in zip(bs, inputs[0])]:
            last = branch[2]
            hidden = branch[1](branch[0](features))
            last.weight.data *= 1.5 / float((last(hidden) - last.bias.view(-1, 1, 1)).std())

    hooks = []
    for m in network.modules():
        prepare = {nn.BatchNorm2d: set_batch_norm, DySample: set_offset, Detect: set_logits}.get(type(m))
        if prepare:
            hooks.append(m.register_forward_pre_hook(prepare))
    with torch.no_grad():
        network.double()(x)
    for hook in hooks:
        hook.remove()


def fold(network):
    """Folds every batch norm into its convolution's weight and bias."""
    for m in network.modules():
        if isinstance(m, Conv):
            gain = m.bn.weight / torch.sqrt(m.bn.running_var + m.bn.eps)
            m.conv.weight.data *= gain.view(-1, 1, 1, 1)
            m.conv.bias = nn.Parameter((m.bn.bias - m.bn.running_mean * gain).detach())
            m.bn = nn.Identity()


# ---------------------------------------------------------------- the networks

YOLO = {
    "nc": 3,
    "names": ["circle", "square", "triangle"],
    "scale": "n",
    "scales": {"n": [0.5, 0.25, 96], "s": [0.5, 0.5, 96]},  # depth 0.5: 5 repeats -> 2 and 3 -> 2 (Python's round())
    "input": {"size": [64, 96]},
    "backbone": [
        [-1, 1, "Conv", [32, 3, 2]],
        [-1, 1, "Conv", [64, 3, 2]],
        [-1, 5, "C2f", [64, True]],
        [-1, 1, "Conv", [96, 3, 2]],
        [-1, 1, "SPPF", [128, 5]],  # the scale limits 128 to 96
    ],
    "head": [
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 2], 1, "Concat", [1]],
        [-1, 3, "C2f", [32]],
        [-1, 1, "Conv", [32, 3, 2]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, 3, "C2f", [64]],
        [[7, 10], 1, "Detect", ["nc", {"reg_max": 4}]],
    ],
}


def with_upsampler(row, size):
    return {**YOLO, "input": {"size": size}, "head": [row, *YOLO["head"][1:]]}


THREE_LEVELS = {
    "nc": 5,
    "input": {"size": [96, 160]},
    "backbone": [
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "C2f", [8, True]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "C2f", [16, True]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "SPPF", [16, 5]],
    ],
    "head": [
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 5], 1, "Concat", [1]],
        [-1, 1, "C2f", [16]],
        [-1, 1, "DySample", []],
        [[-1, 3], 1, "Concat", [1]],
        [-1, 1, "C2f", [8]],
        [[13, 10, 7], 1, "Detect", ["nc", 4]],
    ],
}

ODD = {
    "nc": 1,
    "names": ["thing"],
    "bn_eps": 1e-5,
    "input": {"size": [32, 96]},
    "backbone": [
        [-1, 1, "Conv", [8, [5, 3], [2, 1]]],
        [-1, 1, "Conv", [8, [1, 3], [1, 2], [0, 1], 1, 1, False]],
        [-1, 1, "Conv", [16, 3, 2, None, 2]],
        [-1, 1, "DySample", []],
        [-1, 1, "Conv", [16, 3, 2, {"g": 16}]],
        [-1, 1, "DySample", [3, "lp", 2, True]],
        [-1, 1, "Conv", [16, 3, 3]],
        [-1, 1, "Conv", [8, 3, 2, None, 1, 2]],
        [-1, 1, "DySample", {"scale": 4, "groups": 8}],
        [-1, 1, "Conv", {"out": 4, "k": 4, "s": 4, "p": 0}],
        [[-1, -1], 1, "Concat", []],
        [[-1, 7], 1, "Concat", [1]],
        [-1, 1, "SPPF", {"out": 16, "k": 3, "n": 2, "shortcut": True, "cv1_act": False}],
        [-1, 2, "Conv", [16, 3]],
    ],
    "head": [
        [-1, 1, "Upsample", [{"scale": 3}]],
        [-1, 1, "Conv", [8, 3, 3, [1, 2], 1, [1, 2]]],
        [12, 1, "C2f", [16, True, 2, 0.25]],
        [[12, 13, 16, 15], 1, "Concat", [1]],
        [-1, 1, "Conv", [16, 1, {"act": False}]],
        [[-1], 1, "Detect", [1, 4]],
    ],
}

STRIDE_12 = {
    "nc": 2,
    "input": {"size": [96, 96]},
    "backbone": [
        [-1, 1, "Conv", [8, 3, 3]],
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [8, 2, 2, 0]],
    ],
    "head": [[[-1], 1, "Detect", ["nc", 4]]],
}

RESIZED = {
    "nc": 2,
    "input": {"size": [32, 64]},
    "backbone": [
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "nn.ZeroPad2d", [[0, 1, 0, 1]]],
        [-1, 1, "Conv", [8, 2, 1, 0]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "nn.ConvTranspose2d", [8, [2, 4], 2, [0, 1]]],
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "nn.Upsample", [None, 2, "bilinear"]],
    ],
    "head": [
        [[-1, 4, 2], 1, "Concat", [1]],
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "nn.Upsample", [None, 3, "bilinear", {"align_corners": True}]],
        [-1, 1, "Conv", [8, 3, 3]],
        [-1, 1, "nn.ConvTranspose2d", [16, 3, 2, [1, 2], 1, 4, False, [1, 2]]],
        [-1, 1, "nn.ZeroPad2d", [1]],
        [-1, 1, "Conv", [8, 3, 2, 0]],
        [[-1, 10], 1, "Concat", [1]],
        [[-1], 1, "Detect", ["nc", 4]],
    ],
}

# name: description, seed, type of the stored weights, rows with golden values (None: all), other options
MODELS = {
    "plain": (YOLO, 1, torch.float32, [2, 3, 4, 8, 9, 10], {}),
    "dysample": (with_upsampler([-1, 1, "DySample", [2, "lp", 4]], [32, 96]), 2, torch.float16, [4, 5, 7, 10], {}),
    "dysample_pl": (
        with_upsampler([-1, 1, "DySample", {"style": "pl", "groups": 2, "dyscope": True}], [32, 64]),
        3,
        torch.float16,
        [4, 5, 7, 10],
        {"scope_bias": False},
    ),
    "folded": (YOLO, 1, torch.float16, [], {"folded": True}),
    "odd": (ODD, 5, torch.bfloat16, [2, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18], {}),
    "three_levels": (THREE_LEVELS, 6, torch.float16, [7, 10, 13], {}),
    "stride12": (STRIDE_12, 7, torch.float32, [2], {"without_dfl": True}),
    "resized": (RESIZED, 8, torch.float16, [4, 6, 9, 11], {}),
}

# ---------------------------------------------------------------- files


def to_json(description):
    """The description as JSON text, with one line per row of the table."""
    lines = []
    for key, value in description.items():
        if key in ("backbone", "head"):
            rows = ",\n".join("    " + json.dumps(row) for row in value)
            lines.append(f'  "{key}": [\n{rows}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def stored_weights(network, dtype, without_dfl=False):
    skip = ("num_batches_tracked",) + (("dfl.conv.weight",) if without_dfl else ())
    return {name: t.to(dtype).contiguous() for name, t in network.state_dict().items() if not name.endswith(skip)}


def run(network, pixels):
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(next(network.parameters()).dtype) / 255
    with torch.no_grad():
        return network(x)


def check_against_ultralytics(description, weights, pixels, output):
    """Checks that Ultralytics' own parser gives the same output for the same table and weights."""
    from ultralytics.nn.tasks import DetectionModel

    table = json.loads(json.dumps(description))
    table["reg_max"] = named_arguments("Detect", table["head"][-1][3])["reg_max"]
    table["head"][-1][3] = ["nc"]
    model = DetectionModel(table, ch=3, verbose=False).eval()
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    assert not unexpected and all(k.endswith("num_batches_tracked") for k in missing)
    with torch.no_grad():
        theirs = model(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)[0][0]
    boxes, scores = (float(part.abs().max()) for part in (theirs - output).split((4, description["nc"])))
    assert boxes < 1e-3 and scores < 1e-5, (boxes, scores)
    return f"boxes {boxes:.1e} px, scores {scores:.1e}"


def make(name, out):
    table, seed, dtype, rows, options = MODELS[name]
    rng = np.random.default_rng(seed)
    pixels = picture(rng, *table["input"]["size"])
    network = Network(table)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255
    randomise(network, rng, x, scope_bias=options.get("scope_bias", True))
    if options.get("folded"):
        fold(network)
    weights = stored_weights(network, dtype, options.get("without_dfl", False))
    network.load_state_dict({k: v.double() for k, v in weights.items()}, strict=False)  # rounded as in the file
    outputs = run(network, pixels)
    rows = range(len(outputs) - 1) if rows is None else rows
    golden = {"input_u8": torch.from_numpy(pixels), "output0": outputs[-1][0].float().contiguous()}
    golden |= {f"row.{i}": outputs[i][0].float().contiguous() for i in rows}
    assert all(torch.isfinite(t).all() for t in golden.values())

    description = {"format": "cudet-model", "version": 1, **table, "weights": f"{name}.safetensors"}
    (out / f"{name}.json").write_text(to_json(description))
    save_file(weights, out / f"{name}.safetensors")
    save_file(golden, out / f"{name}.golden.safetensors")

    scores = golden["output0"][4:]
    size = sum(f.stat().st_size for f in out.glob(f"{name}.*")) / 1e3
    for file in out.glob(f"{name}.*"):
        file.chmod(0o644)
    spread = [float(y.std()) for y in outputs[:-1]]
    print(f"{name}: {size:.0f} kB, output {tuple(golden['output0'].shape)}")
    print(f"  scores {scores.min():.3f}..{scores.max():.3f}, median {scores.median():.3f}")
    print(f"  standard deviation of the rows {min(spread):.2f}..{max(spread):.2f}")
    if name == "plain":
        difference = check_against_ultralytics(table, weights, pixels, golden["output0"])
        print(f"  Ultralytics' own parser and network in float32 differ by at most: {difference}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    for model in MODELS:
        make(model, folder)
