"""Runs the bundled model, weights/codes.{json,safetensors}, in PyTorch.

    python shipped.py golden     writes tests/data/codes/golden.safetensors: its output for an image of weights/demo
    python shipped.py offsets    writes weights/offsets.jpg: DySample's sampling points at a code and on plain paper

Needs torch, numpy, opencv, safetensors and ultralytics (8.4).
"""
import argparse
import json
import pathlib
import sys

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from network import to_input

WEIGHTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(WEIGHTS.parent / "tests/data"))
from make_models import DySample, Network  # noqa: E402  (builds a model description in torch)

GOLDEN_PICTURE, OFFSETS_PICTURE = WEIGHTS / "demo/conveyor.jpg", WEIGHTS / "demo/label.jpg"
WIDTH, HEIGHT = 256, 192  # size of the golden input
CELLS, ZOOM = 8, 50  # side of a drawn part in source pixels, and size of each source pixel in the drawing
GROUPS = [(60, 60, 235), (60, 170, 40), (230, 120, 30), (200, 40, 200)]  # BGR


def read():
    """Returns the bundled network in float64."""
    network = Network(json.loads((WEIGHTS / "codes.json").read_text()))
    stored = {name: t.float() for name, t in load_file(WEIGHTS / "codes.safetensors").items()}
    missing, unknown = network.load_state_dict(stored, strict=False)
    assert not unknown and all(name.endswith("num_batches_tracked") for name in missing)
    return network.double()


@torch.no_grad()
def golden():
    """Writes `input_u8` (H,W,3 RGB) and `output0` (4+nc, anchors), computed in float64 from the stored weights."""
    image = cv2.resize(cv2.imread(str(GOLDEN_PICTURE)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    output = read()(to_input([image]).double().contiguous())[-1][0]
    folder = WEIGHTS.parent / "tests/data/codes"
    folder.mkdir(exist_ok=True)
    file = folder / "golden.safetensors"
    rgb = torch.from_numpy(image[..., ::-1].copy())
    save_file({"input_u8": rgb, "output0": output.float().contiguous()}, file)
    file.chmod(0o644)
    best = output[4:].max(1).values.tolist()
    print(file, "best scores:", dict(zip(json.loads((WEIGHTS / "codes.json").read_text())["names"], best)))


def part(image, stride, offsets, column, line):
    """Draws a part of the image, with a line from the position of bilinear upsampling to each sampling point."""
    x0, y0, side = column * stride, line * stride, CELLS * stride
    shown = cv2.resize(image[y0 : y0 + side, x0 : x0 + side], (CELLS * ZOOM,) * 2, interpolation=cv2.INTER_CUBIC)
    shown = np.uint8(255 - (255 - shown.astype(np.float32)) * 0.55)  # paler, so that the lines are visible
    for edge in range(CELLS + 1):
        cv2.line(shown, (edge * ZOOM, 0), (edge * ZOOM, CELLS * ZOOM), (170,) * 3, 1)
        cv2.line(shown, (0, edge * ZOOM), (CELLS * ZOOM, edge * ZOOM), (170,) * 3, 1)
    for g, paint in enumerate(GROUPS):
        for y, x, i, j in np.ndindex(CELLS, CELLS, 2, 2):
            move = offsets[:, g, i, j, line + y, column + x]
            start = np.array([x + 0.25 + j / 2, y + 0.25 + i / 2]) * ZOOM
            end = start + move * ZOOM
            fixed = lambda p: (p * 16).round().astype(int).tolist()
            cv2.line(shown, fixed(start), fixed(end), paint, 1, cv2.LINE_AA, 4)
            cv2.circle(shown, fixed(end), 2 * 16, paint, -1, cv2.LINE_AA, 4)
    return shown


@torch.no_grad()
def offsets():
    """Draws two parts of the last DySample's offset map, and prints the lengths of its offsets in source pixels."""
    network = read()
    side = 640  # larger than the model's input, so that there is plain paper beside the code
    image = cv2.imread(str(OFFSETS_PICTURE))
    lines = round(side * image.shape[0] / image.shape[1] / 32) * 32
    image = cv2.resize(image, (side, lines), interpolation=cv2.INTER_AREA)
    seen = []
    layer = [m for m in network.modules() if isinstance(m, DySample)][-1]
    layer.register_forward_hook(lambda m, inputs, _: seen.append(0.25 * m.offset(inputs[0])[0]))
    output = network(to_input([image]).double().contiguous())[-1][0]
    h, w = seen[0].shape[1:]
    moves = seen[0].view(2, layer.groups, 2, 2, h, w).numpy()
    stride = side // w
    length = np.hypot(*moves).mean((0, 1, 2))  # (h,w)
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (w, h), interpolation=cv2.INTER_AREA)
    box = output[:4, output[4:].max(0).values.argmax()].numpy() / stride  # best code: cx, cy, w, h
    corner = np.array([box[0] - box[2] / 2, box[1] - box[3] / 2]) - CELLS / 2
    inside = np.array([w - CELLS, h - CELLS])
    edge = np.clip(corner.round().astype(int), 0, inside)
    contrast = lambda x, y: grey[y : y + CELLS, x : x + CELLS].std() / grey[y : y + CELLS, x : x + CELLS].mean()
    flats = [(contrast(x, y), x, y) for y, x in np.ndindex(*(inside[::-1] + 1))]
    flat = min(flats)[1:]
    gap = np.full((CELLS * ZOOM, 12, 3), 255, np.uint8)
    parts = [part(image, stride, moves, *map(int, at)) for at in (edge, flat)]
    cv2.imwrite(str(WEIGHTS / "offsets.jpg"), np.hstack([parts[0], gap, parts[1]]))
    mean = lambda at: length[at[1] : at[1] + CELLS, at[0] : at[0] + CELLS].mean()
    row = [m is layer for m in network.model].index(True)
    print(f"offsets of row {row}, source pixels: mean {length.mean():.2f}, maximum {np.hypot(*moves).max():.2f}; "
          f"mean at the code's corner {mean(edge):.2f}, on plain paper {mean(flat):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["golden", "offsets"])
    {"golden": golden, "offsets": offsets}[parser.parse_args().command]()
