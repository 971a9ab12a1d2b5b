"""Trains weights/codes: YOLOv8n with DySample that finds barcodes in the pictures that scene.py draws.

    python train.py train --out DIR [--pictures N] [--decay 0.3]   trains; --resume goes on from DIR/last.pt
    python train.py decay --start DIR/last.pt --pictures N --out D  lets the rate of a stable run fall to its end
    python train.py validate --start D/last.pt [--real FOLDER]     on held-out pictures, and on a folder of real ones
    python train.py export --start D/last.pt                       weights/codes.{json,safetensors} by build/convert
    python train.py ablation --out DIR --pictures N                nearest upsampling and DySample, two seeds each

The rate is constant for as long as one likes (train --decay 0, prolonged with --resume), and a `decay` starts from any
of its checkpoints without disturbing them. The loss is Ultralytics' v8DetectionLoss; what is validated and exported is
the moving average of the weights. Ctrl-C and SIGTERM write the checkpoint before the end.
Needs what requirements-train.txt lists. Seeds are fixed.
"""
import argparse
import copy
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from torchvision.ops import box_iou

from augment import Batches
from labels import GREY, NAMES, SIDE
from network import build, detections, to_input
from pool import Pool, draw

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAIN, HELD_OUT = 0, 1_000_000  # first number of a picture's seed; training adds --seed
SAVE_EVERY = 200  # seconds

# ---------------------------------------------------------------- training


def targets_of(pictures, side, device):
    """As v8DetectionLoss takes them: boxes cx, cy, w, h in 0..1."""
    _, boxes, classes = zip(*pictures)
    corners = torch.from_numpy(np.concatenate(boxes)).to(device) / side
    return {
        "batch_idx": torch.from_numpy(np.repeat(np.arange(len(boxes)), [len(b) for b in boxes])).float().to(device),
        "cls": torch.from_numpy(np.concatenate(classes)).float()[:, None].to(device),
        "bboxes": torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1),
    }


def save(state, path):
    """Never leaves half a file."""
    torch.save(state, f"{path}.new")
    os.replace(f"{path}.new", path)


class Trainer:
    """Network, average, optimizer and counters: all that a checkpoint holds."""

    def __init__(self, upsample, seed, device):
        from ultralytics.utils.loss import v8DetectionLoss

        self.upsample, self.seed, self.device = upsample, seed, device
        self.step = self.seen = 0  # steps done, pictures seen
        self.losses = torch.zeros(3)  # box, class, dfl: moving average
        self.model = build(upsample, seed).to(device).train()
        self.model.args = SimpleNamespace(box=7.5, cls=1.0, dfl=1.5)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.criterion = v8DetectionLoss(self.model)
        learned = [p for p in self.model.parameters() if p.requires_grad]
        matrices, vectors = [p for p in learned if p.ndim > 1], [p for p in learned if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=0, betas=(0.9, 0.99), fused=True)

    def state(self):
        members = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimizer")}
        return members | {name: getattr(self, name) for name in ("upsample", "seed", "step", "seen", "losses")}

    def restore(self, state):
        for name in ("model", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seen, self.losses = state["step"], state["seen"], state["losses"].cpu()

    def advance(self, side, pictures, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        x = to_input([image for image, _, _ in pictures], self.device)
        loss, parts = self.criterion(self.model(x), targets_of(pictures, side, self.device))
        self.optimizer.zero_grad()
        (loss.sum() / len(pictures)).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.step += 1
        self.seen += len(pictures)
        decay = 0.998 * (1 - math.exp(-self.step / 300))
        with torch.no_grad():
            for mine, theirs in zip(self.average.state_dict().values(), self.model.state_dict().values()):
                mine.lerp_(theirs, 1 - decay) if mine.is_floating_point() else mine.copy_(theirs)
        parts = torch.stack([part.detach().float().cpu() for part in parts.values()])
        if not torch.isfinite(parts).all():
            raise FloatingPointError(f"step {self.step}: the loss is {parts.tolist()}")
        self.losses = 0.98 * self.losses + 0.02 * parts


def rate_at(trainer, options, plan):
    """Warm-up by steps, then constant; from plan[0] to plan[1] pictures linearly down to a hundredth."""
    begin, end = plan
    down = min(1, max(0, (trainer.seen - begin) / max(1, end - begin)))
    return options.rate * min(1, (trainer.step + 1) / options.warm_up) * (1 - 0.99 * down)


def fit(options, start=None, decay_now=False):
    """Trains into options.out, from a checkpoint's path if given; returns the trainer."""
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    last = out / "last.pt"
    resumed = options.resume and last.exists()
    if not resumed and last.exists():
        sys.exit(f"{last} exists: --resume goes on from it")
    path = last if resumed else start
    state = torch.load(path, map_location=options.device, weights_only=False) if path else None
    upsample, seed = (state or vars(options))["upsample"], (state or vars(options))["seed"]
    first = max(0, state["batches"]["next"] - options.refill) if state else 0
    pool = Pool(TRAIN + seed, first, options.pool, options.workers)
    batches = Batches(pool, np.random.default_rng([seed, 7]), options.sizes, options.reuse, options.batch)
    trainer = Trainer(upsample, seed, options.device)
    if state:
        trainer.restore(state)
        batches.restore(state["batches"])
    if decay_now:
        plan = state["plan"] if resumed else (trainer.seen, trainer.seen + options.pictures)
    else:
        plan = ((1 - options.decay) * options.pictures, options.pictures)
    began = time.time()
    while pool.next < first + options.refill:
        pool.take()
        if (pool.next - first) % 100 == 0:
            print(f"pool: {pool.next - first} pictures, {time.time() - began:.0f} s", flush=True)

    stable_due = not decay_now and trainer.seen < plan[0]
    stop = []
    handlers = {s: signal.signal(s, lambda *_: stop.append(True)) for s in (signal.SIGTERM, signal.SIGINT)}
    checkpoint = lambda: trainer.state() | {"batches": batches.state(), "plan": plan}
    began = saved = logged = time.time()
    seen, waited = trainer.seen, 0.0
    while trainer.seen < plan[1] and not stop and time.time() - began < 60 * options.minutes:
        if stable_due and plan[0] <= trainer.seen:
            save(checkpoint(), out / "stable.pt")  # what `decay` may start from
            stable_due = False
        before = time.time()
        side, pictures = next(batches)
        waited += time.time() - before
        rate = rate_at(trainer, options, plan)
        trainer.advance(side, pictures, rate)
        now = time.time()
        if trainer.step % 50 == 0:
            box, label, dfl = (trainer.losses / (1 - 0.98**trainer.step)).tolist()
            print(
                f"step {trainer.step}, {trainer.seen} pictures: box {box:.3f} class {label:.3f} dfl {dfl:.3f}, "
                f"rate {rate:.1e}, {(trainer.seen - seen) / (now - logged):.1f} pictures/s, "
                f"{100 * waited / (now - logged):.0f} % for data, {now - began:.0f} s",
                flush=True,
            )
            seen, waited, logged = trainer.seen, 0.0, now
        if now - saved > SAVE_EVERY:
            save(checkpoint(), last)
            saved = time.time()
    save(checkpoint(), last)
    pool.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    print(f"{trainer.step} steps, {trainer.seen} pictures: {last}", flush=True)
    if stop:
        sys.exit(1)
    return trainer


def averaged(path, device="cpu"):
    """The network of a checkpoint's moving average."""
    state = torch.load(path, map_location=device, weights_only=False)
    model = build(state["upsample"])
    model.load_state_dict(state["average"])
    return model.to(device).eval()


# ---------------------------------------------------------------- validation


def average_precision(scores, right, total):
    """Area under the precision-recall curve, precision made monotonous."""
    right = np.array(right, bool)[np.argsort(-np.array(scores), kind="stable")]
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(precision[right].sum() / max(total, 1))


def validate(model, count, side, conf=0.25, quiet=False):
    """Held-out pictures shrunk to side x side, IoU 0.5. A row a class and for all: name, number of codes, recall and
    precision at `conf`, average precision (of all: the mean)."""
    found = [([], []) for _ in NAMES]  # scores of the boxes, whether each is right
    total, overlaps = np.zeros(len(NAMES), int), []
    for first in range(0, count, 16):
        drawn = [draw(HELD_OUT, i) for i in range(first, min(count, first + 16))]
        way = cv2.INTER_AREA if side < SIDE else cv2.INTER_LINEAR
        images = [cv2.resize(image, (side, side), interpolation=way) for image, _, _ in drawn]
        for (boxes, scores, classes), (_, truth, label) in zip(detections(model, images, 0.01), drawn):
            truth, label = torch.from_numpy(truth) * (side / SIDE), torch.from_numpy(label)
            free = torch.ones(len(truth), dtype=torch.bool)
            for box, score, c in zip(boxes, scores.tolist(), classes.tolist()):  # by falling score, as mAP matches
                match = box_iou(box[None], truth)[0] * free * (label == c) if len(truth) else torch.zeros(1)
                right = bool(match.max() >= 0.5)
                if right:
                    free[match.argmax()] = False
                    overlaps += [float(match.max())] if score > conf else []
                found[c][0].append(score)
                found[c][1].append(right)
            total += np.bincount(label, minlength=len(NAMES))
    hit, false = ([sum(s > conf and r == w for s, r in zip(*f)) for f in found] for w in (True, False))
    ap = [average_precision(*f, t) for f, t in zip(found, total)]
    rows = [*zip(NAMES, total, hit, false, ap), ("all", total.sum(), sum(hit), sum(false), float(np.mean(ap)))]
    rows = [(name, int(t), h / max(t, 1), h / max(h + f, 1), a) for name, t, h, f, a in rows]
    if not quiet:
        print(f"\n{count} held-out pictures at {side}, mean IoU {np.mean(overlaps or [0]):.3f}\n")
        print("| class | codes | recall | precision | AP50 |\n|---|---|---|---|---|")
        for name, t, recall, precision, a in rows:
            print(f"| {name} | {t} | {recall:.3f} | {precision:.3f} | {a:.3f} |", flush=True)
    return rows


def letterboxed(image, side):
    """Longer side `side`, grey up to whole strides of 32, as `detect` does; also the scale and the border's x, y."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (-w % 32) / 2, (-h % 32) / 2
    left, top, right, bottom = (round(v) for v in (x - 0.1, y - 0.1, x + 0.1, y + 0.1))
    image = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR) if (w, h) != (width, height) else image
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(GREY,) * 3), scale, left, top


def real(model, folder, side, out):
    """Detections in folder/images, or the folder's own pictures, as JSON; judged by folder/score.py where it is."""
    folder = pathlib.Path(folder)
    files = sorted((folder / "images" if (folder / "images").is_dir() else folder).iterdir())
    listed = []
    for file in files:
        image = cv2.imread(str(file))
        if image is None:
            continue
        small, scale, x, y = letterboxed(image, side)
        boxes, scores, classes = detections(model, [small])[0]
        boxes = ((boxes - torch.tensor([x, y, x, y])) / scale).clamp(min=0)
        boxes = boxes.minimum(torch.tensor([image.shape[1], image.shape[0]] * 2).float()).tolist()
        found = [{"box": b, "score": s, "name": NAMES[c]} for b, s, c in zip(boxes, scores.tolist(), classes.tolist())]
        listed.append({"file": file.name, "detections": found})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"images": listed}))
    print(f"\n{len(listed)} pictures of {folder} at {side}: {out}", flush=True)
    if (folder / "score.py").exists():
        subprocess.run([sys.executable, folder / "score.py", out], check=True)


# ---------------------------------------------------------------- export, ablation


def export(options):
    """Writes an Ultralytics checkpoint in fp16 and lets our own convert make the two files of it."""
    model = averaged(options.start)
    model.args = {"imgsz": options.size[0], "task": "detect"}
    model.task = "detect"
    model = model.to(memory_format=torch.contiguous_format).half().eval()
    checkpoint = {"epoch": -1, "model": model, "ema": None, "train_args": model.args}
    file = pathlib.Path(options.start).with_name("codes.pt")
    save(checkpoint, file)
    print(file, flush=True)
    if shutil.which(options.convert):
        command = [options.convert, file, "-o", options.output, "--imgsz", str(options.size[0])]
        subprocess.run([str(part) for part in command], check=True)
    else:
        sys.exit(f"no {options.convert}: `make`, then convert {file} -o {options.output} --imgsz {options.size[0]}")


def ablation(options):
    """Each kind with each seed on the same pictures; goes on where it was stopped. A markdown table at the end."""
    options.resume, results = True, {}
    for seed in range(options.seeds):
        for upsample in ("nearest", "dysample"):
            out = pathlib.Path(options.out) / f"{upsample}-{seed}"
            done = out / "result.json"
            if not done.exists():
                run = argparse.Namespace(**vars(options) | {"out": out, "upsample": upsample, "seed": seed})
                trainer = fit(run)
                if trainer.seen < options.pictures:
                    sys.exit(f"{out}: stopped by --minutes; the same command goes on")
                rows = {side: validate(trainer.average, options.count, side, quiet=True) for side in options.size}
                done.write_text(json.dumps(rows))
            results[upsample, seed] = json.loads(done.read_text())
    print(f"\n{options.pictures} pictures a run, {options.count} held out\n")
    print("| upsampling | seed | size | recall | precision | AP50 |\n|---|---|---|---|---|---|")
    for (upsample, seed), rows in sorted(results.items(), reverse=True):
        for side, table in rows.items():
            print(f"| {upsample} | {seed} | {side} | " + " | ".join(f"{v:.3f}" for v in table[-1][2:]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    common, training, testing = (argparse.ArgumentParser(add_help=False) for _ in range(3))
    common.add_argument("--threads", type=int, default=2)
    common.add_argument("--device", default="cpu")
    training.add_argument("--out", required=True, help="folder of last.pt, stable.pt")
    training.add_argument("--pictures", type=int, default=300_000, help="to see in all; of `decay`: from its start on")
    training.add_argument("--minutes", type=float, default=math.inf, help="ends then, to be resumed")
    training.add_argument("--warm-up", type=int, default=300, help="steps in which the rate rises")
    training.add_argument("--rate", type=float, default=1.5e-3)
    training.add_argument("--batch", type=float, default=16.0, help="pictures at 320; as many pixels at other sizes")
    training.add_argument("--sizes", type=int, nargs="+", default=[256, 320, 384])
    training.add_argument("--sizes-weights", type=float, nargs="+", default=[0.2, 0.5, 0.3])
    training.add_argument("--pool", type=int, default=12_000, help="pictures kept in memory")
    training.add_argument(
        "--refill",
        type=int,
        default=600,
        help="pictures drawn before the first step; where it is no less than --pool, a resumed run is exact",
    )
    training.add_argument("--reuse", type=float, default=4, help="times that a picture is seen")
    training.add_argument("--workers", type=int, default=1)
    testing.add_argument("--count", type=int, default=500, help="held-out pictures")
    testing.add_argument("--size", type=int, action="append", help="of the input; may be given several times")
    train = commands.add_parser("train", parents=[common, training])
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--upsample", choices=["dysample", "nearest"], default="dysample")
    decay = commands.add_parser("decay", parents=[common, training])
    for command in (train, decay):
        command.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    check = commands.add_parser("validate", parents=[common, testing])
    check.add_argument("--real", help="folder with images/ and score.py, or of pictures")
    check.add_argument("--json", help="folder for the detections in real pictures; default: the checkpoint's")
    written = commands.add_parser("export", parents=[common])
    written.add_argument("--size", type=int, action="append", help="the input's size in the description (320)")
    written.add_argument("--output", default=ROOT / "weights/codes")
    written.add_argument("--convert", default=ROOT / "build/convert")
    for command in (decay, check, written):
        command.add_argument("--start", required=True, help="a checkpoint: last.pt, stable.pt")
    compared = commands.add_parser("ablation", parents=[common, training, testing])
    for command in (train, compared):
        command.add_argument("--decay", type=float, default=0.3, help="part of the pictures in which the rate falls")
    compared.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    if hasattr(options, "size"):
        options.size = options.size or ([320, 384, 416, 480] if options.command == "validate" else [320])
    if hasattr(options, "sizes"):
        if min(options.pool, options.refill, options.workers) < 1 or options.reuse < 1:
            parser.error("--pool, --refill, --workers and --reuse are 1 at the least")
        if len(options.sizes) != len(options.sizes_weights) or any(side % 32 for side in options.sizes):
            parser.error("--sizes needs multiples of 32, and --sizes-weights one number for each")
        options.sizes = dict(zip(options.sizes, options.sizes_weights))
    if getattr(options, "start", None) and not pathlib.Path(options.start).is_file():
        parser.error(f"--start {options.start}: no such file")
    if options.command == "train":
        fit(options)
    elif options.command == "decay":
        fit(options, options.start, decay_now=True)
    elif options.command == "validate":
        model = averaged(options.start, options.device)
        start = pathlib.Path(options.start)
        for side in options.size:
            if options.count:
                validate(model, options.count, side)
        for side in options.size if options.real else []:
            folder = pathlib.Path(options.json) if options.json else start.parent
            real(model, options.real, side, folder / f"{start.stem}-{side}.json")
    elif options.command == "export":
        export(options)
    else:
        ablation(options)


if __name__ == "__main__":
    try:
        main()
    except (BrokenProcessPool, FloatingPointError, subprocess.CalledProcessError) as error:
        sys.exit(f"train.py: {error}")
