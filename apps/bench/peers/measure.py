"""Who is measured, and how: each engine has its own process, and they take turns."""
import contextlib
import json
import os
import pathlib
import select
import subprocess
import sys
import time

import numpy as np

from network import Refused

PATIENCE_S = 300  # for an answer
LIKELY = 0.25  # a score with which something is found
HERE = pathlib.Path(__file__).parent


class Failed(Exception):
    """Why an engine has no times, in one line."""


def last_line(text, otherwise):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else otherwise


class Peer:
    """A process of engines.py. It sleeps between its turns."""

    def __init__(self, contestant, model, threads, pictures, folder):
        self.log, self.raw = folder / f"{contestant}.log", folder / f"{contestant}.npy"
        self.raw.unlink(missing_ok=True)
        command = [sys.executable, HERE / "engines.py", contestant.engine, model, threads, pictures, self.raw]
        start = time.monotonic()
        with open(self.log, "w") as log:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
            self.process = subprocess.Popen([str(word) for word in command], text=True, **pipes)
        try:
            started = self.answer()
        except Failed:
            self.close()
            raise
        self.facts = {"first_result_ms": 1e3 * (started["finish"] - start), "load_ms": started["load_ms"]}
        self.idle_s = 0

    def answer(self):
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            raise Failed(f"no answer in {PATIENCE_S} s")
        line = self.process.stdout.readline()
        if not line:
            status, said = self.process.wait(), self.log.read_text(errors="replace")
            raise Failed(last_line(said, "it ended") if status > 0 else f"it ended by signal {-status}")
        return json.loads(line)

    def output(self):
        return np.load(self.raw)

    def turn(self, warmup, runs):
        """Milliseconds of each run, of a whole batch."""
        with contextlib.suppress(BrokenPipeError):  # it has ended: no answer comes
            print(warmup, runs, file=self.process.stdin, flush=True)
        got = self.answer()
        if not got["same"]:
            raise Failed("its output changed from run to run")
        self.idle_s = max(self.idle_s, got["idle_s"])
        self.facts |= {"peak_mb": got["peak_mb"], "idle_s": self.idle_s}
        return got["samples_ms"]

    def close(self):
        self.process.kill()
        self.process.communicate()


class Cudet:
    """`bench`, a process a turn; what it says of itself is the median of its turns."""

    def __init__(self, programs, model, threads, size, batch, precision):
        how = ["--device", "cpu", "--precision", precision, "--imgsz", f"{size}x{size}", "--threads", threads, "--batch", batch]
        self.command = [programs / "bench", model, *how, "--json", "-"]
        self.said, self.busy, self.machine = [], [], {}

    def turn(self, warmup, runs):
        try:
            report = json.loads(program([*self.command, "--warmup", warmup, "--runs", runs]))
        except Refused as refusal:
            raise Failed(str(refusal)) from None
        self.machine = report["machine"]
        self.said.append(report["network"])
        self.busy += filter(None, [self.machine["busy"]])
        return self.said[-1]["samples_ms"]

    @property
    def facts(self):
        said = lambda key: float(np.median([network[key] for network in self.said]))
        facts = {"first_result_ms": said("first_result_ms"), "load_ms": said("load_ms") + said("first_run_ms")}
        return facts | {"peak_mb": said("grown_mb"), "process_mb": said("peak_mb")}

    def close(self):
        pass


def program(command):
    """What it prints. Refused where it cannot do it."""
    try:
        done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
    except OSError as error:
        raise Refused(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise Refused(last_line(done.stderr, f"{command[0]}: status {done.returncode}"))
    return done.stdout


def difference(outputs, reference, precision):
    """Of boxes, pixels, and of scores, for each of a batch; infinite where shapes or NaN differ.

    In fp32 the largest; in int8 the mean over anchors with a score of LIKELY in either.
    """
    if outputs.shape[1:] != reference.shape or not np.isfinite(outputs).all():
        return {"boxes_px": float("inf"), "scores": float("inf")}
    gap = np.abs(outputs.astype(np.float64) - reference)
    boxes, scores = gap[:, :4].max(axis=1), gap[:, 4:].max(axis=1)  # of each anchor
    if precision == "fp32":
        return {"boxes_px": float(boxes.max()), "scores": float(scores.max())}
    likely = np.maximum(outputs[:, 4:].max(axis=1), reference[4:].max(axis=0)) >= LIKELY
    mean = lambda values: float(values[likely].mean()) if likely.any() else 0.0
    return {"boxes_px": mean(boxes), "scores": mean(scores)}


def rounds(running, count, warmup, runs):
    """Samples (rounds, runs) of each; who fails is taken out of `running`, with the reason in the second."""
    samples, failed, rng = {contestant: [] for contestant in running}, {}, np.random.default_rng(1)
    for i in range(count):
        order = list(running)
        for contestant in (order[k] for k in rng.permutation(len(order))):
            try:
                samples[contestant].append(running[contestant].turn(warmup, runs))
            except Failed as failure:
                running.pop(contestant).close()
                failed[contestant] = str(failure)
        print(f"\r  round {i + 1} of {count} ", end="\n" if i + 1 == count else "", file=sys.stderr, flush=True)
    return {contestant: np.array(samples[contestant]) for contestant in running}, failed


def cores():
    return len(os.sched_getaffinity(0))
