"""Writes tests/data/cases: small checkpoints as users have them, and what Ultralytics computes from each.

NAME.pt is the checkpoint. outputs.safetensors holds per NAME output0 (4 + classes, anchors) for the input
x[c, row, column] = (31 row + 17 column + 97 c + row column) % 256 / 255 of 64 rows and 96 columns. refused.txt lists the
checkpoints that must be refused, with the reason. values-PROTOCOL.pickle are lists of values, values.txt holds str() of
each on its line. Needs torch, ultralytics and safetensors.
Run:  python make_cases.py tests/data
"""
import copy, pathlib, pickle, sys, types
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import torch.nn.utils.prune as prune
import torch.serialization
from safetensors.torch import save_file
from ultralytics import YOLO
from ultralytics.nn.modules import Conv, Detect
from ultralytics.nn.tasks import DetectionModel

from make_checkpoints import deflate

BACKBONE = [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [8, 3, 2]], [-1, 2, "C2f", [8, True]], [-1, 1, "Conv", [16, 3, 2]],
            [-1, 1, "SPPF", [16, 5]]]
HEAD = [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 2], 1, "Concat", [1]], [-1, 1, "C2f", [8]], [[7, 4], 1, "Detect", ["nc"]]]
UPSAMPLE = 5


class DySample(nn.Module):
    """The standard DySample, style lp (arXiv 2308.15085); without positions it starts from the source pixel itself."""
    def __init__(self, c, scale=2, groups=4, positions=True):
        super().__init__()
        self.scale, self.style, self.groups = scale, "lp", groups
        self.offset = nn.Conv2d(c, 2 * groups * scale * scale, 1)
        step = (torch.arange(scale) - (scale - 1) / 2) / scale
        if positions:
            both = torch.stack(torch.meshgrid(step, step, indexing="xy"))[:, None]
            self.register_buffer("init_pos", both.repeat(1, groups, 1, 1).reshape(1, -1, 1, 1))

    def forward(self, x):
        n, c, h, w = x.shape
        s, g = self.scale, self.groups
        offset = (self.offset(x) * 0.25 + self.init_pos).view(n, 2, g, s, s, h, w)
        px = (offset[:, 0] + torch.arange(w)).permute(0, 1, 4, 2, 5, 3).reshape(n * g, s * h, s * w)
        py = (offset[:, 1] + torch.arange(h).view(-1, 1)).permute(0, 1, 4, 2, 5, 3).reshape(n * g, s * h, s * w)
        grid = torch.stack([(2 * px + 1) / w - 1, (2 * py + 1) / h - 1], -1)
        planes = F.grid_sample(x.reshape(n * g, c // g, h, w), grid, "bilinear", "border", align_corners=False)
        return planes.reshape(n, c, s * h, s * w)


def under_name(cls, name, module):
    """Returns a subclass of another name in another module, because forks differ in both."""
    parts = module.split(".")
    for i in range(len(parts)):
        sys.modules.setdefault(".".join(parts[:i + 1]), types.ModuleType(".".join(parts[:i + 1])))
    renamed = type(name, (cls,), {"__module__": module})
    setattr(sys.modules[module], name, renamed)
    return renamed


def write_values(out):
    """Writes values that class names can have."""
    values = [True, None, 0, -7, 2**40, 0.1, 1e-4, 1e-5, 1e16, 123456789.0, -0.0, float("inf"), "a", "größe", b"", b"it's",
              b"'\"\\", b"\x00\t\xe9~\x7f", np.str_("ünï"), np.bytes_(b"ab"), np.bool_(False), np.int8(-8), np.uint16(65535),
              np.int64(-1), np.uint64(2**64 - 1), np.float32(0.1), np.float32(1e-4), np.float32(3e-5), np.float32(1e16), np.float64(0.1)]
    for protocol in (2, 4):
        (out / f"values-{protocol}.pickle").write_bytes(pickle.dumps(values, protocol))
    (out / "values.txt").write_text("\n".join(map(str, values)) + "\n")


def shake(model, seed=2):
    """Gives batch norms and biases values that each change the output."""
    torch.manual_seed(seed)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.weight, 0.8, 1.6), nn.init.normal_(m.bias, 0, 0.2)
            nn.init.normal_(m.running_mean, 0, 0.2), nn.init.uniform_(m.running_var, 0.5, 2)
        if isinstance(m, nn.Conv2d) and m.weight.dim() == 4 and m.weight.requires_grad:
            nn.init.normal_(m.weight, 0, 1.2 * (m.weight[0].numel()) ** -0.5)
        if isinstance(m, DySample):
            nn.init.normal_(m.offset.weight, 0, 0.2)
        if isinstance(m, Detect):
            for score in m.cv3:
                nn.init.normal_(score[-1].bias, 0, 1)
    return model.eval()


def network(backbone=BACKBONE, head=HEAD, nc=3, ch=3, **settings):
    torch.manual_seed(1)
    table = {"nc": nc, "reg_max": 4, "backbone": copy.deepcopy(backbone), "head": copy.deepcopy(head), **settings}
    model = shake(DetectionModel(table, ch=ch, nc=nc, verbose=False))
    Conv.default_act = nn.SiLU()  # a table's activation changes the class
    model.names = {i: f"thing {i}" for i in range(nc)}
    return model


def replace(model, row, module):
    old = model.model[row]
    module.i, module.f, module.type, module.np = old.i, old.f, type(module).__name__, 0
    model.model[row] = module
    return shake(model)


def narrow(conv, outputs=None, inputs=None):
    """Keeps the first output or input channels of a Conv or Conv2d, as pruning does."""
    inner = conv.conv if isinstance(conv, Conv) else conv
    if outputs:
        inner.out_channels, inner.weight = outputs, nn.Parameter(inner.weight[:outputs].detach().clone())
        if isinstance(conv, Conv):
            bn = nn.BatchNorm2d(outputs, eps=conv.bn.eps)
            conv.bn = bn
        elif inner.bias is not None:
            inner.bias = nn.Parameter(inner.bias[:outputs].detach().clone())
    if inputs:
        inner.in_channels, inner.weight = inputs, nn.Parameter(inner.weight[:, :inputs].detach().clone())


class SplitC2f(nn.Module):
    """C2f whose first convolution is two, of different widths."""
    def __init__(self, old, width):
        super().__init__()
        self.cv0, self.cv1, self.cv2, self.m = copy.deepcopy(old.cv1), old.cv1, old.cv2, old.m
        narrow(self.cv0, outputs=width), narrow(self.cv1, outputs=old.c)
        narrow(self.cv2, inputs=width + (1 + len(old.m)) * old.c)

    def forward(self, x):
        y = [self.cv0(x), self.cv1(x)]
        y.extend(m(y[-1]) for m in self.m)
        return self.cv2(torch.cat(y, 1))


def pruned():
    model = network()
    block, head = model.model[2], model.model[-1]
    narrow(block.m[0].cv1, outputs=3), narrow(block.m[0].cv2, inputs=3)
    for level, (box, score) in enumerate(zip(head.cv2, head.cv3)):
        narrow(score[0], outputs=5 + level), narrow(score[1], inputs=5 + level)
        narrow(box[1], outputs=11 + level), narrow(box[2], inputs=11 + level)
    return shake(model)


def masked():
    model = network()
    prune.l1_unstructured(model.model[1].conv, "weight", amount=0.3)
    return model


def yolo_object(model):
    yolo = YOLO.__new__(YOLO)
    nn.Module.__init__(yolo)
    yolo.model, yolo.overrides, yolo.task = model, {"imgsz": [64, 96]}, "detect"
    return yolo


def no_source(module):
    raise OSError("the source of classes does not belong into the checkpoint")


def main(data):
    torch.serialization.get_source_lines_and_file = no_source  # the old format stores it, with the paths of its files
    out = data / "cases"
    out.mkdir(parents=True, exist_ok=True)
    outputs, refused = {}, []

    def save(name, model, content=None, refuse=None, half=True, **how):
        stored = copy.deepcopy(model).half() if half else model
        torch.save({"model": stored} if content is None else content(stored), out / f"{name}.pt", **how)
        if how.get("_use_new_zipfile_serialization", True):
            deflate(out / f"{name}.pt")
        if refuse:
            refused.append(f"{name}: {refuse}")
            return
        channels = model.yaml.get("channels", 3) if "channels" in model.yaml else model.yaml.get("ch", 3)
        row, column, c = torch.arange(64).view(-1, 1), torch.arange(96), torch.arange(channels).view(-1, 1, 1)
        x = ((31 * row + 17 * column + 97 * c + row * column) % 256).float()[None] / 255
        with torch.no_grad():
            single = next(stored.parameters()).dtype == torch.float32  # masked weights cannot be copied
            y = (stored if single else copy.deepcopy(stored).float()).eval()(x)
        outputs[name] = (y[0] if isinstance(y, (tuple, list)) else y)[0].contiguous()

    for text in ("ReLU()", "ReLU6()", "LeakyReLU(0.1)", "Hardswish()", "GELU()", "Mish()", "Identity()"):
        name = text.split("(")[0].lower()
        save(f"activation-{name}", network(activation=f"torch.nn.{text}"))
    mixed = network()
    mixed.model[1].act, mixed.model[2].m[0].cv1.act, mixed.model[4].cv2.act = nn.ReLU(), nn.Identity(), nn.LeakyReLU(0.3)
    save("activation-mixed", mixed)

    blocks = [[-1, 1, "Focus", [8, 3]], [-1, 1, "GhostConv", [8, 3, 2]], [-1, 1, "GhostBottleneck", [8, 3, 1]],
              [-1, 1, "GhostBottleneck", [16, 3, 2]], [-1, 2, "C3Ghost", [16]], [-1, 1, "SPP", [16, [3, 5]]]]
    save("ghost", network(blocks, [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 2], 1, "Concat", [1]], [-1, 2, "C2", [8, False]],
                                   [[8, 5], 1, "Detect", ["nc"]]]))
    blocks = [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "nn.MaxPool2d", [2, 2]], [-1, 1, "DWConv", [8, 3, 1]], [-1, 2, "C3", [8, True, 1, 0.75]],
              [-1, 1, "nn.Identity", []], [-1, 1, "Bottleneck", [16]], [-1, 1, "Conv", [16, 3, 2]], [-1, 2, "C2", [16]]]
    save("blocks", network(blocks, [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 5], 1, "Concat", [1]], [-1, 1, "C2f", [8]],
                                    [[10, 7], 1, "Detect", ["nc"]]]))

    save("dysample-name", replace(network(), UPSAMPLE, under_name(DySample, "My_Upsampler", "fork.extra")(16)))
    save("dysample-no-positions", replace(network(), UPSAMPLE, under_name(DySample, "DySampleLite", "fork.lite")(16, positions=False)),
         refuse="resembles DySample but has no init_pos")
    further = under_name(DySample, "DySamplePlus", "fork.plus")(16)
    further.gain = nn.Parameter(torch.ones(1))
    save("dysample-parameter", replace(network(), UPSAMPLE, further), refuse="parameter gain is not supported")

    wide = network(nc=12)  # early versions had as many channels as classes in the class branch, if those are more
    for score in wide.model[-1].cv3:
        score[0], score[1] = Conv(score[0].conv.in_channels, 30, 3), Conv(30, 30, 3)
        score[2] = nn.Conv2d(30, 12, 1)
    for m in wide.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eps = 1e-3
    save("wide-head", shake(wide))
    save("pruned", pruned())
    split = network()
    save("split-c2f", replace(split, 2, under_name(SplitC2f, "C2f_v2", "tool.prune")(split.model[2], 3)))
    eps = network()
    eps.model[1].bn.eps, eps.model[3].bn.eps = 1e-5, 1e-2
    save("eps", eps)
    save("masks", masked(), half=False)

    save("yolo", network(), content=yolo_object)
    save("parallel", network(), content=nn.DataParallel)
    save("parallel-inside", network(), content=lambda m: {"ema": nn.DataParallel(m), "model": None})
    save("sync", nn.SyncBatchNorm.convert_sync_batchnorm(network()))
    save("old-format", network(), _use_new_zipfile_serialization=False)
    save("double", network().double(), half=False)
    save("bfloat16", network().bfloat16(), half=False)
    save("one-channel", network(ch=1, channels=1))
    save("four-channels", network(ch=4, channels=4))
    save("five-channels", network(ch=5, channels=5))

    values = network(nc=9)
    values.names = {0: 100, 1: True, 2: None, 3: 1.5, 4: np.str_("größe"), 5: np.int64(-7), 6: 1e-5, 7: 2.0, 8: "ok"}
    save("names", values)
    keys = network()
    keys.names = {"0": "a", "1": "b", "2": "c"}
    save("names-keys", keys)
    array = network()
    array.names = np.array(["a", "b", "c"])
    save("names-array", array, refuse="its class names are neither a dict nor a list")
    scaled = network()
    scaled.model[-1].stride = scaled.model[-1].stride * 2
    save("strides", scaled, refuse="the strides that Detect stores are not those of its levels")
    ranged = under_name(DySample, "DySampleRange", "fork.range")(16)
    ranged.range = 0.5
    save("dysample-attribute", replace(network(), UPSAMPLE, ranged), refuse="has an attribute range that DySample does not have")
    thin = network()
    narrow(thin.model[2].cv2, outputs=1), narrow(thin.model[3].conv, inputs=1), narrow(thin.model[7].cv1, inputs=17)
    save("thin", shake(thin))
    biased = network()
    biased.model[1].conv.bias = nn.Parameter(torch.linspace(-0.5, 0.5, 8))
    prune.l1_unstructured(biased.model[3].bn, "weight", amount=0.3)
    save("bias-and-norm", biased, half=False)
    gaps = network()
    gaps.names = {1: "a", 2: "b", 3: "c"}
    save("names-gap", gaps, refuse="the keys of its class names do not count from 0 to 2")
    write_values(out)
    save_file(outputs, out / "outputs.safetensors")
    (out / "refused.txt").write_text("\n".join(refused) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
