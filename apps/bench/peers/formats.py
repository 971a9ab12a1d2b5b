"""Writes a network in the format of each engine, and the images that their quantizers calibrate on."""
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file

from measure import HERE, Failed, last_line, run_program
from ncnn_graph import NcnnGraph
from network import Refused, build, read
from onnx_graph import OnnxGraph

MAX_CALIBRATION = 64  # maximum number of images that the peers' quantizers calibrate on
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}


def run_detect(model, size, programs, images, raw):
    """Run `detect` on images. Return the network's inputs (N,H,W,3) in 0..255 and outputs (N, 4+nc, anchors)."""
    options = ["--device", "cpu", "--imgsz", size, "--square", "--no-draw", "--quiet", "--dump-raw", raw]
    run_program([programs / "detect", "--model", model, *options, *images])
    tensors = load_file(raw)
    raw.unlink()
    stack = lambda suffix: np.stack([tensor for name, tensor in sorted(tensors.items()) if name.endswith(suffix)])
    return stack(".input_u8"), stack(".output0")


def as_input(images):
    """Convert (N,H,W,3) in 0..255 to (N,3,H,W) in 0..1."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def choose_calibration_images(folder):
    """Return the paths of the images in a folder; if there are too many, MAX_CALIBRATION of them, evenly spaced."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as error:
        raise Refused(f"{folder}: {error.strerror}") from None
    if not found:
        raise Refused(f"{folder}: there are no images")
    count = min(len(found), MAX_CALIBRATION)
    return [found[i * len(found) // count] for i in range(count)]


class Formats:
    """The files of a network at one input size. Each is written when it is first needed."""

    def __init__(self, model, size, programs, calibration, folder):
        """`calibration`: the folder of images to calibrate int8 on. `folder`: the folder of the written files."""
        self.model, self.size, self.programs, self.calibration, self.folder = model, size, programs, calibration, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.results = {}  # by suffix and batch: the path, or the Failed of the attempt to write it

    def path(self, suffix, batch=1):
        """Return the path of the file with this suffix. Raises Failed."""
        if (suffix, batch) not in self.results:
            target = self.folder / f"batch{batch}.{suffix}"
            target.unlink(missing_ok=True)
            try:
                self.write(suffix, batch, target)
                self.results[suffix, batch] = target
            except Failed as failure:
                self.results[suffix, batch] = failure
        if isinstance(self.results[suffix, batch], Failed):
            raise self.results[suffix, batch]
        return self.results[suffix, batch]

    def write(self, suffix, batch, target):
        if suffix in ("onnx", "param"):
            graph = OnnxGraph(batch) if suffix == "onnx" else NcnnGraph()
            build(*read(self.model), graph, self.size)
            graph.save(target)
        elif suffix == "mnn":  # not by `mnnconvert` itself, which would install a package and send usage data
            arguments = ["-f", "ONNX", "--modelFile", self.path("onnx", batch), "--MNNModel", target]
            call = "import sys, _tools; _tools.mnnconvert(sys.argv)"
            run_python(["-c", call, *arguments, "--optimizePrefer", "2"], target, "not converted")
        elif suffix == "int8.json":
            try:
                run_program([self.programs / "convert", self.model, "--int8", self.calibration, "-o", target])
            except Refused as refusal:
                raise Failed(f"not quantized: {refusal}") from None
        elif suffix == "pictures.npy":
            images, raw = choose_calibration_images(self.calibration), target.with_suffix(".safetensors")
            np.save(target, run_detect(self.model, self.size, self.programs, images, raw)[0])
        else:
            arguments = [self.path("onnx"), self.path("pictures.npy"), target]
            run_python([HERE / "quantize.py", *arguments], target, "not quantized")


def run_python(arguments, target, failed):
    """Run Python, which must write `target`. Raises Failed."""
    done = subprocess.run([sys.executable, "-B", *map(str, arguments)], text=True, capture_output=True)
    if done.returncode or not target.exists():
        raise Failed(f"{failed}: " + last_line(done.stderr or done.stdout, f"status {done.returncode}"))
