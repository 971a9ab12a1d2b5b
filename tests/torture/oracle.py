"""Answers what other programs read in a file: a line of JSON for each line of JSON on standard input.

{} -> {"oracles": [...]}: those whose libraries are installed. The others are the functions of ORACLES. They answer
{"difference": text}, empty if there is none, or {"unknown": why}. The tolerance of a network's output is FLOAT_ERRORS
times the difference between PyTorch in float32 and in float64, and what rounding adds to large values. Networks with a
weight above LARGEST are not compared: in Winograd's algorithm it costs the other weights their digits.
"""
import copy, json, os, pathlib, pickle, re, sys, types

os.environ.setdefault("YOLO_VERBOSE", "False")
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(100_000_000)  # as detect
os.environ["OPENCV_IO_MAX_IMAGE_WIDTH"] = os.environ["OPENCV_IO_MAX_IMAGE_HEIGHT"] = str(2**30)
sys.path.insert(0, "tests/data")
FLOAT_ERRORS, LARGEST = 50, 100


def image(question):
    """Compares the pixels of an image, RGB in a file, with those of OpenCV."""
    import cv2, numpy as np

    found = None
    for read in (cv2.imread, lambda file, flag: cv2.imdecode(np.fromfile(file, np.uint8), flag)):  # each refuses some that the other reads
        try:
            found = read(question["file"], cv2.IMREAD_COLOR) if found is None else found
        except cv2.error:
            pass
    if found is None:
        return {"refused": True}
    ours = np.fromfile(question["pixels"], np.uint8)
    theirs = found[..., ::-1].reshape(-1)
    if ours.size != theirs.size:
        return {"refused": False, "difference": f"OpenCV reads {found.shape[1]}x{found.shape[0]} pixels"}
    apart = np.abs(ours.astype(int) - theirs)
    count = int((apart.reshape(-1, 3).max(1) > 0).sum())
    return {"refused": False, "worst": int(apart.max()), "difference": f"{count} of {apart.size // 3} pixels differ from OpenCV's, by up to {apart.max()}" if count else ""}


# What cudet reads although torch.load or PyTorch refuses it, and why that is right.
JUSTIFIED = {
    r"not in a subdirectory|storage_alignment|\.format_version|byteorder|/version|parse the version": "cudet does not read the other files of the archive",
    r"UnicodeDecodeError": "another file of the archive; the texts of the pickle are verified",
    r"file not found|resize storage|invalid storage offset|cannot unpack non-iterable|alloc_cpu|wrong byte size|does not match expected size": "the storage of a tensor that cudet does not need",
    r"unsupported (encryption|feature)": "a flag that is not that of encryption; the checksum is verified",
    r"has no attribute|required positional argument|positional arguments but|unexpected keyword|must be a? ?bool": "a part of an object that cudet does not need",
    r"received an invalid combination of arguments.*NoneType": "Ultralytics' list of the rows to keep: cudet finds them itself",
    r"object is not callable|not iterable|unhashable": "cudet constructs no objects but those of the network",
}
# What cudet reads although PyYAML refuses it.
YAML_CHARACTERS = "unacceptable character|special characters are not allowed"  # in comments and names


def justified(text):
    return next((reason for pattern, reason in JUSTIFIED.items() if re.search(pattern, text)), None)


def too_large(tensors):
    return any(t.is_floating_point() and t.numel() and not t.abs().max() <= LARGEST for t in tensors)


def not_finite(tensors):
    return any(t.is_floating_point() and not t.isfinite().all() for t in tensors)


def outputs_differ(raw, network):
    """Compares the raw output of `detect` with that of a network, a function of the input."""
    import torch
    from safetensors.torch import load_file

    found = load_file(raw)
    ours = next(v for k, v in found.items() if k.endswith(".output0")).double()
    pixels = next(v for k, v in found.items() if k.endswith(".input_u8"))
    with torch.no_grad():
        single, double = (network(pixels.permute(2, 0, 1)[None].to(dtype) / 255).double()[0] for dtype in (torch.float32, torch.float64))
    if ours.shape != double.shape:
        return f"the output has the shape {tuple(ours.shape)}, PyTorch's {tuple(double.shape)}"
    known = double.isfinite() & single.isfinite()
    if (~ours.isfinite() & known).any():
        return "the output is not finite, PyTorch's is"
    apart = (ours - double).abs()[known]
    tolerance = FLOAT_ERRORS * (single - double).abs()[known].max() + 1e-3 + 1e-4 * double[known].abs() if known.any() else 0
    if known.any() and (apart > tolerance).any():
        return f"the output differs from PyTorch's by up to {apart.max():.4g}"
    return ""


class Unpickler(pickle.Unpickler):
    """Imports classes of networks only, since a mutated name could be that of any function."""

    ROOTS = ("torch", "ultralytics", "collections", "numpy", "pathlib", "types")

    def find_class(self, module, name):
        import make_cases

        ours = {"My_Upsampler": make_cases.DySample, "C2f_v2": make_cases.SplitC2f}
        if module.split(".")[0] in ("fork", "tool") and name in ours:
            return ours[name]
        if (module, name) in (("builtins", "getattr"), ("__builtin__", "getattr")) or module in ("builtins", "__builtin__") and name in ("set", "slice", "dict", "int"):
            return super().find_class(module, name)
        if module.split(".")[0] not in self.ROOTS:
            raise ModuleNotFoundError(f"{module}.{name}")
        return super().find_class(module, name)


def checkpoint(question):
    """Loads a checkpoint as Ultralytics does and runs its network."""
    import torch
    from ultralytics.nn.modules import Detect

    reader = types.SimpleNamespace(Unpickler=Unpickler, load=lambda file, **options: Unpickler(file, **options).load(), __name__="pickle")
    try:
        stored = torch.load(question["file"], "cpu", pickle_module=reader, weights_only=False)
    except ModuleNotFoundError as error:
        return {"unknown": str(error)}
    except Exception as error:
        why = f"torch.load: {type(error).__name__}: {str(error)[:200]}"
        return {"unknown": justified(why)} if justified(why) else {"difference": why}
    try:
        model = (stored.get("ema") or stored["model"]) if isinstance(stored, dict) else stored
        while isinstance(model, torch.nn.DataParallel) or type(model).__name__ == "YOLO":
            model = model.module if isinstance(model, torch.nn.DataParallel) else model.model
        names = model.names
        model.eval()
        if not_finite(model.parameters()) or not_finite(model.buffers()):
            return {"difference": "a weight is not finite, and is read"}
        if too_large(model.parameters()) or too_large(model.buffers()):
            return {"unknown": "a large weight"}
        heads = [m for m in model.modules() if isinstance(m, Detect)]

        def network(x):
            model.to(x.dtype)
            for head in heads:
                head.shape = None  # computes the anchors again
            y = model(x)
            return y[0] if isinstance(y, (tuple, list)) else y

        difference = outputs_differ(question["raw"], network)
    except Exception as error:
        why = f"PyTorch: {type(error).__name__}: {str(error)[:200]}"
        return {"unknown": justified(why)} if justified(why) else {"difference": why}
    table = pathlib.Path(question["table"])
    if not difference and table.exists():
        wanted = [str(names[k]) for k in sorted(names, key=int)] if isinstance(names, dict) else list(map(str, names))
        ours = json.loads(table.read_text())
        if ours.get("names", list(map(str, range(ours["nc"])))) != wanted:
            difference = f"the names are {str(wanted)[:100]}, convert writes {str(ours.get('names'))[:100]}"
    return {"difference": difference}


def fold_norms(network):
    import torch
    from ultralytics.nn.modules import Conv

    for m in network.modules():
        if isinstance(m, Conv):
            m.conv.bias, m.bn = torch.nn.Parameter(torch.zeros(m.conv.out_channels)), torch.nn.Identity()


def description(question):
    """Builds the network of a description with the reference of tests/data and runs it."""
    import torch
    from safetensors.torch import load_file
    from make_models import Network

    table = json.loads(pathlib.Path(question["file"]).read_bytes())
    try:
        weights = load_file(question["weights"])
    except Exception as error:
        return {"difference": f"safetensors: {str(error)[:200]}"}
    if not_finite(weights.values()):
        return {"difference": "a weight is not finite, and is read"}
    if too_large(weights.values()):
        return {"unknown": "a large weight"}
    try:
        network = Network(copy.deepcopy(table))
        names = network.state_dict().keys() - {k for k in network.state_dict() if k.endswith((".num_batches_tracked", "dfl.conv.weight"))}
        if any(k.endswith(".bn.weight") for k in names) and not any(k.endswith(".bn.weight") for k in weights):
            fold_norms(network)
            names = network.state_dict().keys() - {k for k in network.state_dict() if k.endswith("dfl.conv.weight")}
        if names - weights.keys():
            return {"unknown": f"no weights for {sorted(names - weights.keys())[0]}"}
        network.load_state_dict(weights, strict=False)
        size, head = next(v for k, v in load_file(question["raw"]).items() if k.endswith(".input_u8")).shape, network.model[-1]
        if any(size[0] % s or size[1] % s for s in head.stride.tolist()):
            return {"unknown": "the input is not a multiple of the strides, which the reference needs"}
        return {"difference": outputs_differ(question["raw"], lambda x: network.to(x.dtype)(x)[-1])}
    except Exception as error:
        return {"unknown": f"{type(error).__name__}: {str(error)[:200]}"}


def yaml(question):
    """Compares the rows of a table that convert wrote with those that PyYAML reads."""
    import yaml as library

    try:
        wanted = library.safe_load(pathlib.Path(question["file"]).read_bytes())
    except Exception as error:
        why = f"PyYAML: {str(error)[:200]}"
        return {"unknown": "characters of comments and names"} if re.search(YAML_CHARACTERS, why) else {"difference": why}
    ours = json.loads(pathlib.Path(question["table"]).read_text())

    def value(v):
        if isinstance(v, list):
            return [value(e) for e in v]
        if isinstance(v, str):
            try:
                return value(json.loads(v.replace("None", "null").replace("True", "true").replace("False", "false")))
            except ValueError:
                return v
        return v

    for part in ("backbone", "head"):
        for i, (row, other) in enumerate(zip(wanted[part], ours[part])):
            module = row[2].removeprefix("nn.") if row[2] == "nn.Upsample" else "DySample" if "dysample" in row[2].lower().replace("_", "") else row[2]
            extra = len(other[3]) > len(row[3] or []) and other[2] in ("SPPF", "Detect")
            arguments = other[3][:-1] if extra else other[3]
            if [row[0], row[1], module] != other[:3] or value(row[3] or []) != arguments and "nn." not in str(row[3]):
                return {"difference": f"row {i} of {part} is {row}, convert writes {other}"}
        if len(wanted[part]) != len(ours[part]):
            return {"difference": f"{len(wanted[part])} rows of {part}, convert writes {len(ours[part])}"}
    if "nc" in wanted and value(wanted["nc"]) != ours["nc"]:
        return {"difference": f"nc is {wanted['nc']}, convert writes {ours['nc']}"}
    scales = wanted.get("scales")
    if scales and {str(k): [float(x) for x in v] for k, v in scales.items()} != {k: list(map(float, v)) for k, v in ours["scales"].items()}:
        return {"difference": f"scales are {scales}, convert writes {ours['scales']}"}
    names = wanted.get("names")
    names = [names[k] for k in sorted(names)] if isinstance(names, dict) else names
    # A name that is no text, as .inf or yes, stays as it is written.
    if names and "names" in ours and any(isinstance(a, str) and a != b for a, b in zip(names, ours["names"])):
        return {"difference": f"names are {names}, convert writes {ours['names']}"}
    return {"difference": ""}


ORACLES = {"image": (image, ["cv2", "numpy"]), "checkpoint": (checkpoint, ["torch", "ultralytics", "safetensors"]),
           "description": (description, ["torch", "ultralytics", "safetensors"]), "yaml": (yaml, ["yaml"])}


def installed():
    found = []
    for name, (_, modules) in ORACLES.items():
        try:
            for module in modules:
                __import__(module)
            found.append(name)
        except ImportError:
            pass
    return found


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not get between the answers
    try:
        import torch
        torch.set_num_threads(1)
    except ImportError:
        pass
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = ORACLES[question["oracle"]][0](question) if question else {"oracles": installed()}
        except Exception as error:  # what it read is not what it expects of a file that cudet reads
            answer = {"refused": False, "difference": f"the oracle ended with {type(error).__name__}: {str(error)[:200]}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
