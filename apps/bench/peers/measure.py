"""Runs the engines. Each has its own process, and they take turns."""
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

TIMEOUT_S = 300  # for an answer of a process
LIKELY = 0.25  # minimum score of a likely detection
HERE = pathlib.Path(__file__).parent


class Failed(Exception):
    """An engine cannot be timed. The message is the reason, in one line."""


def last_line(text, default):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else default


class Peer:
    """A process that runs engines.py. It sleeps between its turns."""

    def __init__(self, contestant, model, threads, images, folder):
        self.log, self.raw = folder / f"{contestant}.log", folder / f"{contestant}.npy"
        self.raw.unlink(missing_ok=True)
        command = [sys.executable, HERE / "engines.py", contestant.engine, model, threads, images, self.raw]
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
        if not select.select([self.process.stdout], [], [], TIMEOUT_S)[0]:
            raise Failed(f"no answer in {TIMEOUT_S} s")
        line = self.process.stdout.readline()
        if not line:
            status, log = self.process.wait(), self.log.read_text(errors="replace")
            raise Failed(last_line(log, "exited") if status > 0 else f"terminated by signal {-status}")
        return json.loads(line)

    def output(self):
        return np.load(self.raw)

    def turn(self, warmup, runs):
        """Return the milliseconds of each measured run of a whole batch."""
        with contextlib.suppress(BrokenPipeError):  # if the process has exited, answer() reports it
            print(warmup, runs, file=self.process.stdin, flush=True)
        answer = self.answer()
        if not answer["same"]:
            raise Failed("the output changed from run to run")
        self.idle_s = max(self.idle_s, answer["idle_s"])
        self.facts |= {"peak_mb": answer["peak_mb"], "idle_s": self.idle_s}
        return answer["samples_ms"]

    def close(self):
        self.process.kill()
        self.process.communicate()


class Cudet:
    """Runs `bench`, one process per turn. The facts are medians over the turns."""

    def __init__(self, programs, model, threads, size, batch, precision):
        options = ["--device", "cpu", "--precision", precision, "--imgsz", f"{size}x{size}"]
        options += ["--threads", threads, "--batch", batch, "--json", "-"]
        self.command = [programs / "bench", model, *options]
        self.results, self.busy, self.machine = [], [], {}

    def turn(self, warmup, runs):
        try:
            report = json.loads(run_program([*self.command, "--warmup", warmup, "--runs", runs]))
        except Refused as refusal:
            raise Failed(str(refusal)) from None
        self.machine = report["machine"]
        self.results.append(report["network"])
        self.busy += filter(None, [self.machine["busy"]])
        return self.results[-1]["samples_ms"]

    @property
    def facts(self):
        median = lambda key: float(np.median([network[key] for network in self.results]))
        facts = {"first_result_ms": median("first_result_ms"), "load_ms": median("load_ms") + median("first_run_ms")}
        return facts | {"peak_mb": median("grown_mb"), "process_mb": median("peak_mb")}

    def close(self):
        pass


def run_program(command):
    """Return the standard output of a command. Raises Refused if it fails."""
    try:
        done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
    except OSError as error:
        raise Refused(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise Refused(last_line(done.stderr, f"{command[0]}: status {done.returncode}"))
    return done.stdout


def difference(outputs, reference, precision):
    """Return the difference of boxes in pixels and of scores, over all images of a batch.

    In fp32 it is the maximum; in int8 the mean over anchors with a score of at least LIKELY in either output. It is
    infinite if the shapes differ or a value is not finite.
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
    """Let all engines in `running` take turns, in a new random order in each round.

    Returns the samples (rounds, runs) of each, and the reasons of failures. An engine that fails is closed and removed
    from `running`.
    """
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
