"""Trains weights/codes: YOLOv8n with DySample that detects barcodes, on images drawn by scene.py.

    python train.py train --out DIR [--pictures N] [--decay 0.3]    train; --resume continues from DIR/last.pt
    python train.py decay --start DIR/last.pt --pictures N --out D  lower the learning rate of a run to its end
    python train.py validate --start D/last.pt [--real FOLDER]      validate on held-out images and on real images
    python train.py export --start D/last.pt                        write weights/codes.{json,safetensors}
    python train.py ablation --out DIR --pictures N                 compare nearest upsampling and DySample

A run of any length has a constant learning rate (train --decay 0, extended with --resume). `decay` starts from any of
its checkpoints and does not change them. The loss is Ultralytics' v8DetectionLoss. Validation and export use the moving
average of the weights. After Ctrl-C or SIGTERM the checkpoint is written before the program ends. The packages are
listed in requirements-train.txt. Seeds are fixed.
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
TRAIN, HELD_OUT = 0, 1_000_000  # first number of the seed of an image; training adds --seed
SAVE_EVERY = 200  # seconds

# ---------------------------------------------------------------- training


def loss_targets(pictures, side, device):
    """Returns the targets for v8DetectionLoss, with boxes as cx, cy, w, h in 0..1."""
    _, boxes, classes = zip(*pictures)
    corners = torch.from_numpy(np.concatenate(boxes)).to(device) / side
    return {
        "batch_idx": torch.from_numpy(np.repeat(np.arange(len(boxes)), [len(b) for b in boxes])).float().to(device),
        "cls": torch.from_numpy(np.concatenate(classes)).float()[:, None].to(device),
        "bboxes": torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1),
    }


def save(state, path):
    """Writes a checkpoint atomically."""
    torch.save(state, f"{path}.new")
    os.replace(f"{path}.new", path)


class Trainer:
    """The state of a training: network, moving average, optimizer and counters."""

    def __init__(self, upsample, seed, device):
        from ultralytics.utils.loss import v8DetectionLoss

        self.upsample, self.seed, self.device = upsample, seed, device
        self.step = self.seen = 0  # steps done, images seen
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
        loss, parts = self.criterion(self.model(x), loss_targets(pictures, side, self.device))
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
    """Returns the learning rate: linear warm-up over --warm-up steps, then constant, then from plan[0] to plan[1]
    images a linear decrease to a hundredth."""
    begin, end = plan
    down = min(1, max(0, (trainer.seen - begin) / max(1, end - begin)))
    return options.rate * min(1, (trainer.step + 1) / options.warm_up) * (1 - 0.99 * down)


def fit(options, start=None, decay_now=False):
    """Trains and writes checkpoints to options.out. start: path of a checkpoint, or None. Returns the trainer."""
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    last = out / "last.pt"
    resumed = options.resume and last.exists()
    if not resumed and last.exists():
        sys.exit(f"{last} exists: use --resume to continue from it")
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
            print(f"pool: {pool.next - first} images, {time.time() - began:.0f} s", flush=True)

    stable_due = not decay_now and trainer.seen < plan[0]
    stop = []
    handlers = {s: signal.signal(s, lambda *_: stop.append(True)) for s in (signal.SIGTERM, signal.SIGINT)}
    checkpoint = lambda: trainer.state() | {"batches": batches.state(), "plan": plan}
    began = saved = logged = time.time()
    seen, waited = trainer.seen, 0.0
    while trainer.seen < plan[1] and not stop and time.time() - began < 60 * options.minutes:
        if stable_due and plan[0] <= trainer.seen:
            save(checkpoint(), out / "stable.pt")  # a start for `decay`
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
                f"step {trainer.step}, {trainer.seen} images: box {box:.3f} class {label:.3f} dfl {dfl:.3f}, "
                f"rate {rate:.1e}, {(trainer.seen - seen) / (now - logged):.1f} images/s, "
                f"{100 * waited / (now - logged):.0f} % waiting for data, {now - began:.0f} s",
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
    print(f"{trainer.step} steps, {trainer.seen} images: {last}", flush=True)
    if stop:
        sys.exit(1)
    return trainer


def averaged(path, device="cpu"):
    """Returns the network with the moving average of the weights of a checkpoint."""
    state = torch.load(path, map_location=device, weights_only=False)
    model = build(state["upsample"])
    model.load_state_dict(state["average"])
    return model.to(device).eval()


# ---------------------------------------------------------------- validation


def average_precision(scores, right, total):
    """Returns the area under the precision-recall curve, with precision made monotonic."""
    right = np.array(right, bool)[np.argsort(-np.array(scores), kind="stable")]
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(precision[right].sum() / max(total, 1))


def validate(model, count, side, conf=0.25, quiet=False):
    """Validates on `count` held-out images scaled to side x side, at IoU 0.5. Returns one row per class and one for
    all: name, number of codes, recall and precision at `conf`, average precision (for all: the mean over classes)."""
    found = [([], []) for _ in NAMES]  # scores of the boxes, whether each is right
    total, overlaps = np.zeros(len(NAMES), int), []
    for first in range(0, count, 16):
        drawn = [draw(HELD_OUT, i) for i in range(first, min(count, first + 16))]
        way = cv2.INTER_AREA if side < SIDE else cv2.INTER_LINEAR
        images = [cv2.resize(image, (side, side), interpolation=way) for image, _, _ in drawn]
        for (boxes, scores, classes), (_, truth, label) in zip(detections(model, images, 0.01), drawn):
            truth, label = torch.from_numpy(truth) * (side / SIDE), torch.from_numpy(label)
            free = torch.ones(len(truth), dtype=torch.bool)
            for box, score, c in zip(boxes, scores.tolist(), classes.tolist()):  # by decreasing score, as for mAP
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
        print(f"\n{count} held-out images at {side}, mean IoU {np.mean(overlaps or [0]):.3f}\n")
        print("| class | codes | recall | precision | AP50 |\n|---|---|---|---|---|")
        for name, t, recall, precision, a in rows:
            print(f"| {name} | {t} | {recall:.3f} | {precision:.3f} | {a:.3f} |", flush=True)
    return rows


def letterboxed(image, side):
    """Scales the longer side to `side` and pads with grey to multiples of 32, as `detect` does. Returns the image, the
    scale, and the left and top border in pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (-w % 32) / 2, (-h % 32) / 2
    left, top, right, bottom = (round(v) for v in (x - 0.1, y - 0.1, x + 0.1, y + 0.1))
    image = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR) if (w, h) != (width, height) else image
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(GREY,) * 3), scale, left, top


def real(model, folder, side, out):
    """Writes the detections in the images of folder/images, or of `folder` itself, as JSON. Runs folder/score.py on the
    result if it exists."""
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
    print(f"\n{len(listed)} images of {folder} at {side}: {out}", flush=True)
    if (folder / "score.py").exists():
        subprocess.run([sys.executable, folder / "score.py", out], check=True)


# ---------------------------------------------------------------- export, ablation


def export(options):
    """Writes an Ultralytics checkpoint in fp16 and converts it with build/convert."""
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
        sys.exit(f"{options.convert} not found: run `make`, then convert {file} -o {options.output} "
                 f"--imgsz {options.size[0]}")


def ablation(options):
    """Trains both kinds of upsampling with each seed on the same images, and prints a Markdown table. Continues an
    ablation that was interrupted."""
    options.resume, results = True, {}
    for seed in range(options.seeds):
        for upsample in ("nearest", "dysample"):
            out = pathlib.Path(options.out) / f"{upsample}-{seed}"
            done = out / "result.json"
            if not done.exists():
                run = argparse.Namespace(**vars(options) | {"out": out, "upsample": upsample, "seed": seed})
                trainer = fit(run)
                if trainer.seen < options.pictures:
                    sys.exit(f"{out}: stopped by --minutes: run the same command again to continue")
                rows = {side: validate(trainer.average, options.count, side, quiet=True) for side in options.size}
                done.write_text(json.dumps(rows))
            results[upsample, seed] = json.loads(done.read_text())
    print(f"\n{options.pictures} images per run, {options.count} held out\n")
    print("| upsampling | seed | size | recall | precision | AP50 |\n|---|---|---|---|---|---|")
    for (upsample, seed), rows in sorted(results.items(), reverse=True):
        for side, table in rows.items():
            print(f"| {upsample} | {seed} | {side} | " + " | ".join(f"{v:.3f}" for v in table[-1][2:]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    common, training, testing = (argparse.ArgumentParser(add_help=False) for _ in range(3))
    common.add_argument("--threads", type=int, default=2, help="CPU threads of torch (2)")
    common.add_argument("--device", default="cpu", help="device of torch (cpu)")
    training.add_argument("--out", required=True, help="folder for last.pt and stable.pt")
    training.add_argument("--pictures", type=int, default=300_000,
                          help="total number of images to train on; for decay: counted from its start (300000)")
    training.add_argument("--minutes", type=float, default=math.inf, help="stop after this time; --resume continues")
    training.add_argument("--warm-up", type=int, default=300, help="steps of the learning rate warm-up (300)")
    training.add_argument("--rate", type=float, default=1.5e-3, help="learning rate (0.0015)")
    training.add_argument("--batch", type=float, default=16.0,
                          help="images per batch at 320 pixels; the same number of pixels at other sizes (16)")
    training.add_argument("--sizes", type=int, nargs="+", default=[256, 320, 384],
                          help="image sizes, multiples of 32 (256 320 384)")
    training.add_argument("--sizes-weights", type=float, nargs="+", default=[0.2, 0.5, 0.3],
                          help="relative frequency of each size (0.2 0.5 0.3)")
    training.add_argument("--pool", type=int, default=12_000, help="images kept in memory (12000)")
    training.add_argument(
        "--refill",
        type=int,
        default=600,
        help="images drawn before the first step; with at least --pool, a resumed run is exact (600)",
    )
    training.add_argument("--reuse", type=float, default=4, help="how often each image is used (4)")
    training.add_argument("--workers", type=int, default=1, help="processes that draw images (1)")
    testing.add_argument("--count", type=int, default=500, help="number of held-out images (500)")
    testing.add_argument("--size", type=int, action="append", help="input size; can be given several times")
    train = commands.add_parser("train", parents=[common, training])
    train.add_argument("--seed", type=int, default=0, help="seed of the weights and the images (0)")
    train.add_argument("--upsample", choices=["dysample", "nearest"], default="dysample",
                       help="upsampling layers (dysample)")
    decay = commands.add_parser("decay", parents=[common, training])
    for command in (train, decay):
        command.add_argument("--resume", action="store_true", help="continue from OUT/last.pt")
    check = commands.add_parser("validate", parents=[common, testing])
    check.add_argument("--real", help="folder of real images, or folder with images/ and score.py")
    check.add_argument("--json", help="folder for the detections in real images (default: that of the checkpoint)")
    written = commands.add_parser("export", parents=[common])
    written.add_argument("--size", type=int, action="append", help="input size in the description (320)")
    written.add_argument("--output", default=ROOT / "weights/codes",
                         help="output files without extension (weights/codes)")
    written.add_argument("--convert", default=ROOT / "build/convert", help="the program convert (build/convert)")
    for command in (decay, check, written):
        command.add_argument("--start", required=True, help="checkpoint: last.pt or stable.pt")
    compared = commands.add_parser("ablation", parents=[common, training, testing])
    for command in (train, compared):
        command.add_argument("--decay", type=float, default=0.3,
                             help="last fraction of the images, in which the rate decreases (0.3)")
    compared.add_argument("--seeds", type=int, default=2, help="number of seeds (2)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    if hasattr(options, "size"):
        options.size = options.size or ([320, 384, 416, 480] if options.command == "validate" else [320])
    if hasattr(options, "sizes"):
        if min(options.pool, options.refill, options.workers) < 1 or options.reuse < 1:
            parser.error("--pool, --refill, --workers and --reuse must be at least 1")
        if len(options.sizes) != len(options.sizes_weights) or any(side % 32 for side in options.sizes):
            parser.error("--sizes must be multiples of 32, and --sizes-weights must have one number per size")
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
