"""Compares the detections of `detect` with those of Ultralytics on the same files.

Detections match if they have the same class and their corners and scores are within the tolerances. Prints one line per
image that differs and the totals; fails if an image differs. Needs ultralytics; `make CUDA=no build/detect` builds detect.
A network with modules of its own needs --before FILE.py, which defines them as the checkpoint names them.
Run:  python tests/parity/parity.py --images FOLDER best.pt [other.pt ...]
"""
import argparse, json, os, pathlib, runpy, subprocess, sys

os.environ.setdefault("YOLO_VERBOSE", "False")
from ultralytics import YOLO


def of_detect(program, model, files, options):
    command = [program, "--model", model, "--no-draw", "--quiet", "--json", "-", *options, *files]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{program} failed with status {result.returncode}")
    found = {}
    for image in json.loads(result.stdout)["images"]:
        found[image["file"]] = [(d["class"], d["score"], *d["box"]) for d in image["detections"]]
    return found


def of_ultralytics(network, file, conf):
    boxes = network.predict(file, conf=conf, iou=0.7, device="cpu", verbose=False)[0].boxes
    return [(int(c), float(s), *map(float, xyxy)) for c, s, xyxy in zip(boxes.cls, boxes.conf, boxes.xyxy)]


def difference(got, want, pixels, score):
    """Returns the worst corner and score difference of matched detections, and those that no other one matches."""
    left, worst_box, worst_score, missing = list(got), 0.0, 0.0, []
    for w in want:
        near = [g for g in left if g[0] == w[0] and abs(g[1] - w[1]) <= score and max(abs(a - b) for a, b in zip(g[2:], w[2:])) <= pixels]
        if not near:
            missing.append(w)
            continue
        best = min(near, key=lambda g: abs(g[1] - w[1]))
        left.remove(best)
        worst_box = max(worst_box, *(abs(a - b) for a, b in zip(best[2:], w[2:])))
        worst_score = max(worst_score, abs(best[1] - w[1]))
    return worst_box, worst_score, missing, left


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--images", required=True)
    parser.add_argument("--detect", default="build/detect")
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--pixels", type=float, default=0.1)
    parser.add_argument("--score", type=float, default=0.001)
    parser.add_argument("--before", help="Python file to run first")
    a = parser.parse_args()
    if a.before:
        runpy.run_path(a.before)
    files = sorted(str(f) for f in pathlib.Path(a.images).iterdir() if f.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp"))
    differ = 0
    for model in a.models:
        network, box, score, found, equal = YOLO(model), 0.0, 0.0, 0, 0
        ours = of_detect(a.detect, model, files, ["--device", "cpu", "--conf", str(a.conf)])
        for file in files:
            want = of_ultralytics(network, file, a.conf)
            one_box, one_score, missing, further = difference(ours[file], want, a.pixels, a.score)
            box, score, found = max(box, one_box), max(score, one_score), found + len(want)
            equal += not missing and not further
            if missing or further:
                print(f"{file}: {len(missing)} of Ultralytics' {len(want)} detections are missing, {len(further)} are others")
        print(f"{model}: {equal} of {len(files)} images agree, {found} detections, corners within {box:.4f} px, scores within {score:.6f}")
        differ += len(files) - equal
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
