#!/usr/bin/env python3
"""Counts the instructions of a network's convolutions in f16 on the emulated CUDA device; prints a Markdown table.

usage: counts.py CONVOLUTIONS MODEL.json EMULATOR-FOLDER [INDEX...]

Runs CONVOLUTIONS (convolutions.cpp) once per convolution. Instructions are PTX instructions of a warp. Bytes: 32 for
each sector to or from the caches, relative to input, weights and output, each once.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

# Warp instructions of CUTLASS's sm_80 implicit GEMM, the better of its tiles 128x64x32 and 64x64x64, no activation
# (`make counts-cutlass` measures them), as an A100.
CUTLASS = {
    "160x160 C32-32 1x1/1": 1058400,
    "80x80 C64-64 3x3/1": 883800,
    "40x40 C128-64 3x3/1": 392860,
    "20x20 C256-256 1x1/1": 165056,
    "20x20 C128-128 3x3/1": 241760,
}
DEVICES = [("A100", "8.0", "108"), ("Orin", "8.7", "16")]
SECTOR = 32


def run(command, environment):
    result = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"counts.py: {' '.join(command)}: {result.stderr.strip() or result.returncode}")
    return result.stdout


def count(program, model, emulator, index, capability, multiprocessors):
    """One convolution's counters, its plan and the minimum of bytes that it moves."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "stats.json"
        plan = run([program, model, index], {"LD_LIBRARY_PATH": emulator, "EMU_STATS": str(file), "EMU_CC": capability,
                                             "EMU_SMS": multiprocessors})
        kernels = [k for k in json.loads(file.read_text())["kernels"] if k["warp_insts"]]
    tile, splits, shared, least = plan.split()
    return kernels, f"{tile}{splits if splits != '/1' else ''}", int(shared), float(least)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    program, model, emulator = sys.argv[1:4]
    wanted = sys.argv[4:]
    for name, capability, multiprocessors in DEVICES:
        print(f"\n### As {'an' if name[0] in 'AO' else 'a'} {name}: compute capability {capability}, {multiprocessors} "
              "multiprocessors\n")
        print("| convolution | times | tile | blocks | shared KB | instructions | `mma` | per `mma` | of CUTLASS "
              "| conflicts | bytes / least |")
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        total = 0
        for line in run([program, model], {"LD_LIBRARY_PATH": emulator}).splitlines():
            index, times, shape = line.split(" ", 2)
            if wanted and index not in wanted:
                continue
            kernels, tile, shared, least = count(program, model, emulator, index, capability, multiprocessors)
            instructions = sum(k["warp_insts"] for k in kernels)
            products = sum(k["warp_insts_by_class"].get("mma", 0) for k in kernels)
            conflicts = sum(k["shared"]["conflict_extra_cycles"] for k in kernels)
            moved = SECTOR * sum(k["global_load"]["sectors"] + k["global_store"]["sectors"] for k in kernels)
            blocks = sum(k["blocks"] for k in kernels)
            total += int(times) * instructions
            plain = " ".join(shape.split()[:3])
            ratio = f"{instructions / CUTLASS[plain]:.2f}" if name == "A100" and plain in CUTLASS else ""
            each = f"{instructions / products:.1f}" if products else ""
            print(f"| {shape} | {times} | {tile} | {blocks} | {shared / 1024:.1f} | {instructions:,} | {products:,} "
                  f"| {each} | {ratio} | {conflicts} | {moved / least:.2f} |", flush=True)
        print(f"\nAll of them: {total:,} warp instructions.")


main()
