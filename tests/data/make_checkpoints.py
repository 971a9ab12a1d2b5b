"""Writes the small checkpoints of tests/data/pt, and for each the tensors that torch reads from it (NAME.safetensors).

The networks have random weights and a YOLOv8-like table of a few rows. The pickle of one checkpoint goes to
tests/data/pickle, the corpus of the fuzzer. Needs torch, ultralytics and safetensors.
Run:  python make_checkpoints.py tests/data
"""
import pathlib, sys, types, zipfile
import torch, torch.nn as nn
from safetensors.torch import save_file
from ultralytics.nn.tasks import DetectionModel, SegmentationModel

TABLE = {
    "nc": 3, "reg_max": 4,
    "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [8, 3, 2]], [-1, 2, "C2f", [8, True]], [-1, 1, "Conv", [8, 3, 2]],
                 [-1, 1, "SPPF", [8, 5]]],
    "head": [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 2], 1, "Concat", [1]], [-1, 1, "C2f", [8]],
             [[7, 4], 1, "Detect", ["nc"]]],
}
NAMES = {0: "bolt", 1: "nut", 2: "Mutter, groß"}
UPSAMPLE = 5


def dysample_class(module, name):
    """Creates a DySample class of the given module and name, because checkpoints of different forks differ in both."""
    def __init__(self, c, scale=2, style="lp", groups=4, dyscope=False):
        nn.Module.__init__(self)
        self.scale, self.style, self.groups = scale, style, groups
        phases = scale * scale
        wide, out = (c // phases, 2 * groups) if style == "pl" else (c, 2 * groups * phases)
        self.offset = nn.Conv2d(wide, out, 1)
        if dyscope:
            self.scope = nn.Conv2d(wide, out, 1, bias=False)
        at = (torch.arange(scale) - (scale - 1) / 2) / scale
        x, y = at.repeat(scale, 1), at.repeat(scale, 1).T
        self.register_buffer("init_pos", torch.stack([x, y])[:, None].repeat(1, groups, 1, 1).reshape(1, -1, 1, 1))
    cls = type(name, (nn.Module,), {"__init__": __init__, "__module__": module})
    for i, c in enumerate(module + "."):
        if c == ".":
            sys.modules.setdefault(module[:i], types.ModuleType(module[:i]))
    setattr(sys.modules[module], name, cls)
    return cls


def network(table=TABLE, **kwargs):
    torch.manual_seed(1)
    m = DetectionModel({k: ([list(r) for r in v] if isinstance(v, list) else v) for k, v in table.items()}, verbose=False, **kwargs)
    for b in m.modules():
        if isinstance(b, nn.BatchNorm2d):
            nn.init.uniform_(b.weight, 0.5, 1.5), nn.init.normal_(b.bias), nn.init.normal_(b.running_mean), nn.init.uniform_(b.running_var, 0.5, 2)
    m.names = NAMES
    return m.eval()


def with_dysample(m, row, new):
    new.i, new.f, new.type, new.np = row, m.model[row].f, "DySample", sum(p.numel() for p in new.parameters())
    m.model[row] = new
    return m


def state(m):
    return {k: v.contiguous().clone() for k, v in m.state_dict().items() if not k.endswith(("num_batches_tracked", "init_pos"))}


def deflate(path, only=""):
    """Compresses the entries of the archive whose names end in `only`; by default all."""
    with zipfile.ZipFile(path) as old:
        entries = [(n, old.read(n)) for n in old.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for n, data in entries:
            new.writestr(zipfile.ZipInfo(n, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED if n.endswith(only) else zipfile.ZIP_STORED)


def main(data):
    out = data / "pt"
    out.mkdir(parents=True, exist_ok=True)

    def save(name, content, m=None, deflated="", **kwargs):
        torch.save(content, out / f"{name}.pt", **kwargs)
        if kwargs.get("_use_new_zipfile_serialization", True):
            deflate(out / f"{name}.pt", deflated)
        if m is not None:
            save_file(state(m), out / f"{name}.safetensors")
            (out / f"{name}.safetensors").chmod(0o644)

    m = network().half()  # as published checkpoints are: fp16, in `model`
    save("plain", {"epoch": -1, "model": m, "ema": None, "optimizer": None, "train_args": {"imgsz": 100}}, m, deflated=".pkl")

    m = network()  # during training: `model` is None, and `ema` has the weights
    with_dysample(m, UPSAMPLE, dysample_class("models.dysample", "DySample_UP")(8, style="pl", groups=2, dyscope=True))
    optimizer = torch.optim.SGD(m.parameters(), 0.01, momentum=0.9)
    for p in m.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    m.half()
    save("training", {"epoch": 3, "best_fitness": 0.5, "model": None, "ema": m, "updates": 12, "optimizer": optimizer.state_dict(),
                      "train_args": {"imgsz": [64, 96], "data": pathlib.PurePosixPath("a.yaml")}, "date": "2024-01-01"}, m)

    (data / "pickle").mkdir(exist_ok=True)
    with zipfile.ZipFile(out / "training.pt") as archive:
        (data / "pickle" / "training.pkl").write_bytes(archive.read("training/data.pkl"))

    m = network().fuse(verbose=False)  # batch norm folded, fp32, names as a list
    m.names = list(NAMES.values())
    m.args = types.SimpleNamespace(imgsz=96)
    save("fused", {"model": m}, m)

    m = with_dysample(network(), UPSAMPLE, dysample_class("dysample", "DySample")(8, scale=2))  # the module itself, in pickle protocol 4
    m.model[0].conv.weight.data = m.model[0].conv.weight.data.to(memory_format=torch.channels_last)
    m.to(torch.bfloat16)
    save("module", m, m, pickle_protocol=4)

    table = {**TABLE, "backbone": [*TABLE["backbone"][:2], [-1, 1, "nn.ZeroPad2d", [[0, 1, 2, 3]]], [-1, 1, "Conv", [8, [6, 2], 1, 0]],
                                   [-1, 1, "nn.ConvTranspose2d", [8, 2, 2]], [-1, 1, "Conv", [8, 3, 2]]],
             "head": [[-1, 1, "nn.Upsample", [None, 2, "bilinear"]], [-1, 1, "nn.Upsample", [None, 2, "bilinear", True]], [-1, 1, "Conv", [8, 3, 2]],
                      [-1, 1, "Conv", [8, 3, 2]], [-1, 1, "nn.ConvTranspose2d", [8, 3, 2, 1, 1, 4, False]], [[10, 5], 1, "Detect", ["nc"]]]}
    m = network(table).half()
    save("resized", {"model": m}, m)

    save("state-dict", state(network().half()))
    save("legacy", {"epoch": 1}, _use_new_zipfile_serialization=False)
    table = {**TABLE, "head": TABLE["head"][:-1] + [[[7, 4], 1, "Segment", ["nc", 4, 8]]]}
    torch.manual_seed(1)
    save("segment", {"model": SegmentationModel(table, verbose=False).half()})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
