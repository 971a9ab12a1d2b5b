"""A network in every engine's format, in a folder of its own."""
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file

from measure import HERE, Failed, last_line, program
from ncnn_graph import NcnnGraph
from network import Refused, build, read
from onnx_graph import OnnxGraph

CALIBRATION = 64  # pictures at most, by which peers quantize
PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}


def detected(model, size, programs, pictures, raw):
    """What `detect` makes of pictures: the network's inputs (N,H,W,3), 0..255, and outputs (N, 4+nc, anchors)."""
    how = ["--device", "cpu", "--imgsz", size, "--square", "--no-draw", "--quiet", "--dump-raw", raw]
    program([programs / "detect", "--model", model, *how, *pictures])
    tensors = load_file(raw)
    raw.unlink()
    ending = lambda end: np.stack([tensor for name, tensor in sorted(tensors.items()) if name.endswith(end)])
    return ending(".input_u8"), ending(".output0")


def as_input(pictures):
    """(N,H,W,3), 0..255, as (N,3,H,W), 0..1."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def calibration(folder):
    """Of a folder, CALIBRATION pictures from all over it."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    except OSError as error:
        raise Refused(f"{folder}: {error.strerror}") from None
    if not found:
        raise Refused(f"{folder}: no picture is there")
    return [found[i * len(found) // CALIBRATION] for i in range(CALIBRATION)] if len(found) > CALIBRATION else found


class Formats:
    """A network's files at one size."""

    def __init__(self, model, size, programs, pictures, folder):
        """`pictures`: the folder to quantize by."""
        self.model, self.size, self.programs, self.pictures, self.folder = model, size, programs, pictures, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.made = {}  # paths, and why there is none

    def path(self, form, batch=1):
        """Of a file, which is made when it is first asked for; `form` is its name's ending. Raises Failed."""
        if (form, batch) not in self.made:
            target = self.folder / f"batch{batch}.{form}"
            target.unlink(missing_ok=True)
            try:
                self.make(form, batch, target)
                self.made[form, batch] = target
            except Failed as failure:
                self.made[form, batch] = failure
        if isinstance(self.made[form, batch], Failed):
            raise self.made[form, batch]
        return self.made[form, batch]

    def make(self, form, batch, target):
        if form in ("onnx", "param"):
            graph = OnnxGraph(batch) if form == "onnx" else NcnnGraph()
            build(*read(self.model), graph, self.size)
            graph.save(target)
        elif form == "mnn":  # by the function behind `mnnconvert`, which itself would install a package and report home
            arguments = ["-f", "ONNX", "--modelFile", self.path("onnx", batch), "--MNNModel", target]
            call = "import sys, _tools; _tools.mnnconvert(sys.argv)"
            python(["-c", call, *arguments, "--optimizePrefer", "2"], target, "not converted")
        elif form == "int8.json":
            try:
                program([self.programs / "convert", self.model, "--int8", self.pictures, "-o", target])
            except Refused as refusal:
                raise Failed(f"not quantized: {refusal}") from None
        elif form == "pictures.npy":
            raw = target.with_suffix(".safetensors")
            np.save(target, detected(self.model, self.size, self.programs, calibration(self.pictures), raw)[0])
        else:
            python([HERE / "quantize.py", self.path("onnx"), self.path("pictures.npy"), target], target, "not quantized")


def python(words, target, failed):
    """Runs a Python that writes `target`. Raises Failed."""
    done = subprocess.run([sys.executable, "-B", *map(str, words)], text=True, capture_output=True)
    if done.returncode or not target.exists():
        raise Failed(f"{failed}: " + last_line(done.stderr or done.stdout, f"status {done.returncode}"))
