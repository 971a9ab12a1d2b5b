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

import engines
from network import Refused

PATIENCE_S = 300  # for an answer
HERE = pathlib.Path(__file__).parent


class Failed(Exception):
    """Why an engine has no times, in one line."""


def last_line(text, otherwise):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else otherwise


class Peer:
    """A process of engines.py. It sleeps between its turns."""

    def __init__(self, name, model, threads, picture, folder):
        self.log, self.raw = folder / f"{name}.log", folder / f"{name}.npy"
        self.raw.unlink(missing_ok=True)
        command = [sys.executable, HERE / "engines.py", name, model, threads, picture, self.raw]
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

    def turn(self, runs):
        """Milliseconds of each run."""
        with contextlib.suppress(BrokenPipeError):  # it has ended: no answer comes
            print(runs, file=self.process.stdin, flush=True)
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

    def __init__(self, programs, model, threads, size):
        how = ["--device", "cpu", "--imgsz", f"{size}x{size}", "--threads", threads, "--warmup", engines.WARMUP]
        self.command = [programs / "bench", model, *how, "--json", "-"]
        self.said, self.busy, self.machine = [], [], {}

    def turn(self, runs):
        report = json.loads(program([*self.command, "--runs", runs]))
        self.machine = report["machine"]
        self.said.append(report["network"])
        self.busy += filter(None, [self.machine["busy"]])
        return self.said[-1]["samples_ms"]

    @property
    def facts(self):
        return {k: float(np.median([s[k] for s in self.said])) for k in ("first_result_ms", "load_ms", "peak_mb")}

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


def converted_to_mnn(source, target):
    """By the function behind `mnnconvert`, which itself would install a package and report home."""
    target.unlink(missing_ok=True)
    arguments = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target), "--optimizePrefer", "2"]
    command = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)", *arguments]
    done = subprocess.run(command, text=True, capture_output=True)
    if not target.exists():
        raise Failed("not converted: " + last_line(done.stdout + done.stderr, f"status {done.returncode}"))


def difference(output, reference):
    """The largest of boxes, pixels, and of scores; infinite where shapes or NaN differ."""
    if output.shape != reference.shape or not np.isfinite(output).all():
        return {"boxes_px": float("inf"), "scores": float("inf")}
    gap = np.abs(output.astype(np.float64) - reference)
    return {"boxes_px": float(gap[:4].max()), "scores": float(gap[4:].max())}


def rounds(running, count, runs, seed):
    """Samples (rounds, runs) of each engine; who fails is taken out of `running`, with the reason in the second."""
    samples, failed, rng = {name: [] for name in running}, {}, np.random.default_rng(seed)
    for i in range(count):
        for name in rng.permutation(list(running)):
            try:
                samples[name].append(running[name].turn(runs))
            except Failed as failure:
                running.pop(name).close()
                failed[str(name)] = str(failure)
        print(f"\r  round {i + 1} of {count} ", end="\n" if i + 1 == count else "", file=sys.stderr, flush=True)
    return {name: np.array(samples[name]) for name in running}, failed


def cores():
    return len(os.sched_getaffinity(0))
